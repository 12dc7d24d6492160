// Part of ndferry.hpp: what calls may be asked for.
#ifndef NDFERRY_OPTIONS_HPP
#define NDFERRY_OPTIONS_HPP

#include "ndferry.h"
#include "ndferry_error.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <vector>

namespace ndferry {
inline namespace NDFERRY_WAY {

// Aggregates, so that C++20 can write {.order = NDF_ORDER_F}. What is left out is the default that C documents.

struct create_options {
    ndf_order order = NDF_ORDER_C;
    ndf_device device = {};
    std::int64_t stream = 0; ///< of CUDA, as DLPack numbers them; 0 is the legacy default stream
};

struct wrap_options {
    std::vector<std::int64_t> strides = {}; ///< in elements; none means C order without gaps
    bool read_only = false;
    ndf_device device = {};
};

struct convert_options {
    ndf_casting casting = NDF_CASTING_DEFAULT;
    ndf_overflow overflow = NDF_OVERFLOW_WRAP;
    ndf_copy copy = NDF_COPY_DEFAULT;
    ndf_order order = NDF_ORDER_C;
    std::int32_t axis = 0;
    ndf_device device = {};
    std::vector<double> scale = {};
    std::vector<double> bias = {};
    /// Told how many bytes are done, of how many; false stops the conversion. What it throws stops it too, and is thrown
    /// to the caller of the conversion.
    std::function<bool(std::int64_t done_bytes, std::int64_t total_bytes)> progress = {};
    std::int64_t stream = 0; ///< of CUDA, as DLPack numbers them; 0 is the legacy default stream
};

struct format_options {
    std::uint32_t precision = 0;
    std::int64_t threshold = 0;
    std::int64_t edge_items = 0;
    std::uint32_t line_width = 0;
};

struct handover_options {
    ndf_copy copy = NDF_COPY_DEFAULT;
    bool allow_writable = false;
    ndf_dlpack_version max_version = NDF_DLPACK_NEWEST;
};

namespace detail {

/// An options struct of C, clear but for its size.
template <class Options> Options sized() noexcept {
    Options options{};
    options.struct_size = sizeof(Options);
    return options;
}

inline ndf_create_options raw(const create_options &from) noexcept {
    return {sizeof(ndf_create_options), from.order, from.device, from.stream};
}

inline ndf_wrap_options raw(const wrap_options &from) noexcept {
    return {sizeof(ndf_wrap_options), from.read_only ? NDF_WRAP_READ_ONLY : 0u, from.device};
}

/// Valid as long as `from` is.
inline ndf_convert_options raw(const convert_options &from) noexcept {
    const auto scales = static_cast<std::int64_t>(from.scale.size());
    const auto biases = static_cast<std::int64_t>(from.bias.size());
    return {sizeof(ndf_convert_options), from.casting, from.overflow, from.copy, from.order, from.axis, from.device,
            scales, from.scale.data(), biases, from.bias.data(), nullptr, nullptr, from.stream};
}

/// The options of one conversion, and what its `progress` throws.
class conversion {
public:
    explicit conversion(const convert_options &from) : progress_(from.progress), raw_(detail::raw(from)) {
        if (!progress_) return;
        raw_.progress = [](void *self, std::int64_t done, std::int64_t total) -> std::int32_t {
            auto *one = static_cast<conversion *>(self);
#if defined(__cpp_exceptions)
            try {
                return one->progress_(done, total) ? 0 : 1;
            } catch (...) {
                one->thrown_ = std::current_exception();
                return 1;
            }
#else
            return one->progress_(done, total) ? 0 : 1;
#endif
        };
        raw_.progress_context = this;
    }
    conversion(const conversion &) = delete;
    conversion &operator=(const conversion &) = delete;

    const ndf_convert_options *options() const noexcept { return &raw_; }
    void rethrow() const {
        if (thrown_) std::rethrow_exception(thrown_);
    }

private:
    const std::function<bool(std::int64_t, std::int64_t)> &progress_;
    ndf_convert_options raw_;
    std::exception_ptr thrown_;
};

inline ndf_format_options raw(const format_options &from) noexcept {
    return {sizeof(ndf_format_options), from.precision, from.threshold, from.edge_items, from.line_width};
}

inline ndf_handover_options raw(const handover_options &from) noexcept {
    return {sizeof(ndf_handover_options), from.copy, from.allow_writable ? 1u : 0u, from.max_version};
}

} // namespace detail

} // namespace NDFERRY_WAY
} // namespace ndferry

#endif // NDFERRY_OPTIONS_HPP
