// Part of ndferry.hpp: element types, and the element types of C++'s types.
#ifndef NDFERRY_DTYPE_HPP
#define NDFERRY_DTYPE_HPP

#include "ndferry.h"
#include "ndferry_error.hpp"
#include "ndferry_float.hpp"

#include <complex>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <type_traits>
#if defined(__STDCPP_FLOAT16_T__) || defined(__STDCPP_BFLOAT16_T__)
#include <stdfloat>
#endif

namespace ndferry {
inline namespace NDFERRY_WAY {

namespace detail {

/// The text that `write(capacity, out_text, out_length)` gives; asked again when it grew in between.
template <class Write> result<std::string> text(Write write) {
    for (;;) {
        std::size_t length = 0;
        ndf_status status = write(std::size_t{0}, nullptr, &length);
        if (status != NDF_OK) return fail<std::string>(status);
        std::string text(length, '\0');
        status = write(length + 1, text.data(), &length);
        if (status == NDF_ERROR_BUFFER_TOO_SMALL) continue;
        if (status != NDF_OK) return fail<std::string>(status);
        text.resize(length);
        return text;
    }
}

/// What could not be said leaves the stream failed.
inline std::ostream &print(std::ostream &out, result<std::string> text) {
    const std::string *const said = peek(text);
    return said != nullptr ? out << *said : (out.setstate(std::ios_base::failbit), out);
}

} // namespace detail

/// The type of one element.
class dtype {
public:
    /// No type, where a function allows that.
    constexpr dtype() noexcept = default;
    constexpr dtype(ndf_dtype raw) noexcept : raw_(raw) {}

    /// Reads "float32", "<f4" or a PEP 3118 format.
    static result<dtype> parse(const std::string &text) {
        ndf_dtype raw{};
        return detail::when<dtype>(ndf_dtype_parse(text.c_str(), &raw), [&] { return dtype(raw); });
    }

    constexpr operator ndf_dtype() const noexcept { return raw_; }
    constexpr const ndf_dtype &raw() const noexcept { return raw_; }

    result<std::string> format(ndf_dtype_style style = NDF_DTYPE_STYLE_NAME) const {
        return detail::text([&](std::size_t capacity, char *out, std::size_t *length) {
            return ndf_dtype_format(raw_, style, capacity, out, length);
        });
    }
    std::size_t item_size() const noexcept { return ndf_dtype_item_size(raw_); }
    bool is_convertible() const noexcept { return ndf_dtype_is_convertible(raw_); }
    bool can_cast(dtype to, ndf_casting casting = NDF_CASTING_SAFE) const noexcept {
        return ndf_dtype_can_cast(raw_, to, casting);
    }

    friend bool operator==(dtype a, dtype b) noexcept { return ndf_dtype_equal(a.raw_, b.raw_); }
    friend bool operator!=(dtype a, dtype b) noexcept { return !(a == b); }
    friend std::ostream &operator<<(std::ostream &out, dtype type) { return detail::print(out, type.format()); }

private:
    ndf_dtype raw_{};
};

/// The smallest type that both convert to safely.
inline result<dtype> promote(dtype a, dtype b) {
    ndf_dtype out{};
    return detail::when<dtype>(ndf_dtype_promote(a, b, &out), [&] { return dtype(out); });
}

inline constexpr dtype boolean{NDF_DTYPE_BOOL};
inline constexpr dtype int8{NDF_DTYPE_INT8}, int16{NDF_DTYPE_INT16}, int32{NDF_DTYPE_INT32}, int64{NDF_DTYPE_INT64};
inline constexpr dtype uint8{NDF_DTYPE_UINT8}, uint16{NDF_DTYPE_UINT16}, uint32{NDF_DTYPE_UINT32};
inline constexpr dtype uint64{NDF_DTYPE_UINT64};
inline constexpr dtype float16{NDF_DTYPE_FLOAT16}, bfloat16{NDF_DTYPE_BFLOAT16};
inline constexpr dtype float32{NDF_DTYPE_FLOAT32}, float64{NDF_DTYPE_FLOAT64};
inline constexpr dtype complex64{NDF_DTYPE_COMPLEX64}, complex128{NDF_DTYPE_COMPLEX128};

/// The element type of a C++ type. Specialise it for types of your own, such as another library's half.
template <class T, class = void> struct dtype_traits;

template <> struct dtype_traits<bool> { static constexpr dtype value = boolean; };
template <> struct dtype_traits<std::byte> { static constexpr dtype value = uint8; };
template <> struct dtype_traits<float16_t> { static constexpr dtype value = float16; };
template <> struct dtype_traits<bfloat16_t> { static constexpr dtype value = bfloat16; };
#if defined(__STDCPP_FLOAT16_T__)
template <> struct dtype_traits<std::float16_t> { static constexpr dtype value = float16; };
#endif
#if defined(__STDCPP_BFLOAT16_T__)
template <> struct dtype_traits<std::bfloat16_t> { static constexpr dtype value = bfloat16; };
#endif
template <> struct dtype_traits<float> { static constexpr dtype value = float32; };
template <> struct dtype_traits<double> { static constexpr dtype value = float64; };
template <> struct dtype_traits<std::complex<float>> { static constexpr dtype value = complex64; };
template <> struct dtype_traits<std::complex<double>> { static constexpr dtype value = complex128; };
template <class T> struct dtype_traits<T, std::enable_if_t<std::is_integral_v<T>>> {
    static constexpr dtype value =
        ndf_dtype{std::is_signed_v<T> ? std::uint8_t{NDF_CODE_INT} : std::uint8_t{NDF_CODE_UINT},
                  std::uint8_t{sizeof(T) * 8}, 1, 0, 0, 0, 0};
};

template <class T> constexpr dtype dtype_of() noexcept { return dtype_traits<std::remove_cv_t<T>>::value; }

} // namespace NDFERRY_WAY
} // namespace ndferry

#endif // NDFERRY_DTYPE_HPP
