// ndferry for C++17 and later: owners, errors and typed access over ndferry.h. It translates and decides nothing: what
// every call means, gives and refuses is said in ndferry.h.
//
//     ndf::tensor image = ndf::wrap(std::move(pixels), {height, width, 3});
//     ndf::tensor ready = image.flip({1}).permute({2, 0, 1}).convert(ndf::float16);
//     std::cout << ready;
//     ndf::tensor_view<std::uint8_t, 3> pixel = image.view<std::uint8_t, 3>();
//     pixel(y, x, 0) = 255;
//
// What fails throws ndf::error; or, where the program says so or has no exceptions, is returned (ndferry_expected.hpp).
// A moved-from or default-constructed tensor holds no handle; using one is NDF_ERROR_INVALID_ARGUMENT, and its getters
// give 0. Threads: as in C, and a tensor object itself is no more shared than a std::shared_ptr is.
#ifndef NDFERRY_HPP
#define NDFERRY_HPP

#if __cplusplus < 201703L && !(defined(_MSVC_LANG) && _MSVC_LANG >= 201703L)
#error "ndferry.hpp needs C++17 or later (-std=c++17); ndferry.h does not"
#endif

#include "ndferry.h"
#include "ndferry_dtype.hpp"
#include "ndferry_error.hpp"
#include "ndferry_foreign.hpp"
#include "ndferry_list_view.hpp"
#include "ndferry_mdspan.hpp"
#include "ndferry_options.hpp"
#include "ndferry_span.hpp"
#include "ndferry_view.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace ndferry {
inline namespace NDFERRY_WAY {

class tensor;

namespace detail {

/// The length of a list as the int32_t that C asks for; too long a list becomes a rank that C refuses.
template <class T> std::int32_t rank(list_view<T> list) noexcept {
    constexpr auto most = std::numeric_limits<std::int32_t>::max();
    return list.size() < static_cast<std::size_t>(most) ? static_cast<std::int32_t>(list.size()) : most;
}

/// Why the `strides` of two lists that C counts once do not belong to `shape`, if they do not.
inline std::optional<error> mismatch(extents shape, extents strides) {
    if (strides.empty() || strides.size() == shape.size()) return std::nullopt;
    return error(NDF_ERROR_SHAPE, "`strides` has " + std::to_string(strides.size()) + " entries, `shape` has " +
                                      std::to_string(shape.size()));
}

/// An empty list of strides is none.
inline const std::int64_t *given(extents strides) noexcept { return strides.empty() ? nullptr : strides.data(); }

/// The tensor that a C function gives as its last argument.
template <class Function, class... Arguments> result<tensor> make(Function function, Arguments... arguments);

} // namespace detail

// ------------------------------------------------------------------------------------------------------ tensor

/// One reference to a tensor: copying adds a reference, moving passes it on, the destructor gives it up.
class tensor {
public:
    tensor() noexcept = default;
    /// Takes over the reference that `handle` is.
    explicit tensor(ndf_tensor *handle) noexcept : handle_(handle) {}
    tensor(const tensor &other) noexcept : handle_(ndf_tensor_retain(other.handle_)) {}
    tensor(tensor &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    tensor &operator=(tensor other) noexcept { return std::swap(handle_, other.handle_), *this; }
    ~tensor() { ndf_tensor_release(handle_); }

    ndf_tensor *get() const noexcept { return handle_; }
    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /// Gives the reference away: the caller ends it with ndf_tensor_release.
    [[nodiscard]] ndf_tensor *release() noexcept { return std::exchange(handle_, nullptr); }

    // What it is. Views of shape and strides live as long as a reference to this handle.
    ndferry::dtype dtype() const noexcept { return ndf_tensor_dtype(handle_); }
    ndf_device device() const noexcept { return ndf_tensor_device(handle_); }
    std::int32_t ndim() const noexcept { return ndf_tensor_ndim(handle_); }
    extents shape() const noexcept { return {ndf_tensor_shape(handle_), rank()}; }
    extents strides() const noexcept { return {ndf_tensor_strides(handle_), rank()}; }
    std::int64_t element_count() const noexcept { return ndf_tensor_element_count(handle_); }
    std::size_t byte_size() const noexcept { return ndf_tensor_byte_size(handle_); }
    void *data() const noexcept { return ndf_tensor_data(handle_); }
    const void *const_data() const noexcept { return ndf_tensor_const_data(handle_); }
    bool is_contiguous(ndf_order order = NDF_ORDER_C) const noexcept {
        return ndf_tensor_is_contiguous(handle_, order);
    }
    bool is_read_only() const noexcept { return ndf_tensor_is_read_only(handle_); }
    std::size_t reference_count() const noexcept { return ndf_tensor_reference_count(handle_); }
    bool shares_memory(const tensor &other) const noexcept {
        return ndf_tensor_shares_memory(handle_, other.handle_);
    }

    /// Address of element [0, …, 0] as a T*; fails unless the elements are Ts, and for a T that is not const unless
    /// they may be written. NULL when there are no elements.
    template <class T> result<T *> data() const {
        if (auto refused = refusal<T>()) return detail::fail<T *>(*std::move(refused));
        return elements<T>();
    }

    /// The elements as type and rank known when compiled; checked as data<T>(), and fails where the host cannot read
    /// them. With unit_stride the elements of the last axis must lie side by side.
    template <class T, std::size_t N, class Inner = any_stride> result<tensor_view<T, N, Inner>> view() const {
        auto refused = refusal<T>();
        if (!refused) refused = reach_refusal(alignof(T));
        if (!refused) refused = layout_refusal<N, Inner>();
        if (refused) return detail::fail<tensor_view<T, N, Inner>>(*std::move(refused));
        std::array<std::int64_t, N> lengths{}, steps{};
        std::copy_n(shape().begin(), N, lengths.begin());
        std::copy_n(strides().begin(), N, steps.begin());
        return tensor_view<T, N, Inner>(elements<T>(), lengths, steps);
    }
    /// All elements, in C order without gaps; of any rank.
    template <class T> result<ndferry::span<T>> span() const {
        auto refused = refusal<T>();
        if (!refused) refused = reach_refusal(alignof(T));
        if (!refused && !is_contiguous()) {
            refused = error(NDF_ERROR_LAYOUT, "a span needs elements in C order without gaps");
        }
        if (refused) return detail::fail<ndferry::span<T>>(*std::move(refused));
        return ndferry::span<T>(elements<T>(), static_cast<std::size_t>(element_count()));
    }
    /// As an mdspan with std::layout_stride, which knows no reversed and no repeated axes.
    template <class T, std::size_t N> result<ndferry::mdspan<T, N>> mdspan() const {
        return detail::then(view<T, N>(), [](const tensor_view<T, N> &view) { return to_mdspan(view); });
    }

    /// The element at an index, which may count from the end; checked as view() and against the shape.
    template <class T, class... Index> result<T &> at(Index... index) const {
        if (sizeof...(Index) != rank() && handle_ != nullptr) {
            return detail::fail<T &>(NDF_ERROR_SHAPE, "`index` has " + std::to_string(sizeof...(Index)) +
                                                          " entries, the tensor has rank " + std::to_string(rank()));
        }
        return detail::then(view<T, sizeof...(Index)>(), [&](const auto &view) -> result<T &> { return view.at(index...); });
    }

    // Views: the same memory.
    result<tensor> permute(axes order) const { return make(ndf_tensor_permute, detail::rank(order), order.data()); }
    result<tensor> transpose() const { return make(ndf_tensor_transpose); }
    result<tensor> swap_axes(std::int32_t axis1, std::int32_t axis2) const {
        return make(ndf_tensor_swap_axes, axis1, axis2);
    }
    result<tensor> slice(std::int32_t axis, std::int64_t start, std::int64_t stop = NDF_SLICE_END,
                 std::int64_t step = 1) const {
        return make(ndf_tensor_slice, axis, start, stop, step);
    }
    result<tensor> select(std::int32_t axis, std::int64_t index) const { return make(ndf_tensor_select, axis, index); }
    result<tensor> flip() const { return make(ndf_tensor_flip, NDF_ALL_AXES, nullptr); }
    result<tensor> flip(axes which) const { return make(ndf_tensor_flip, detail::rank(which), which.data()); }
    result<tensor> squeeze() const { return make(ndf_tensor_squeeze, NDF_ALL_AXES, nullptr); }
    result<tensor> squeeze(axes which) const { return make(ndf_tensor_squeeze, detail::rank(which), which.data()); }
    result<tensor> unsqueeze(std::int32_t axis) const { return make(ndf_tensor_unsqueeze, axis); }
    result<tensor> reshape(extents shape) const { return make(ndf_tensor_reshape, detail::rank(shape), shape.data()); }
    result<tensor> broadcast(extents shape) const { return make(ndf_tensor_broadcast, detail::rank(shape), shape.data()); }
    result<tensor> diagonal(std::int64_t offset = 0, std::int32_t axis1 = 0, std::int32_t axis2 = 1) const {
        return make(ndf_tensor_diagonal, offset, axis1, axis2);
    }
    result<tensor> sliding_window(std::int32_t axis, std::int64_t window, std::int64_t step = 1) const {
        return make(ndf_tensor_sliding_window, axis, window, step);
    }
    result<tensor> reinterpret(ndferry::dtype type) const { return make(ndf_tensor_reinterpret, type.raw()); }
    result<tensor> as_strided(extents shape, extents strides, std::int64_t offset = 0) const {
        if (auto refused = detail::mismatch(shape, strides)) return detail::fail<tensor>(*std::move(refused));
        return make(ndf_tensor_as_strided, detail::rank(shape), shape.data(), detail::given(strides), offset);
    }
    result<tensor> as_read_only() const { return make(ndf_tensor_as_read_only); }

    // Conversion: the same tensor when nothing is to be done, else a new one.
    result<tensor> convert(ndferry::dtype type, const convert_options &options = {}) const {
        detail::conversion conversion(options);
        ndf_tensor *out = nullptr;
        const ndf_status status = ndf_tensor_convert(handle_, type.raw(), conversion.options(), &out);
        conversion.rethrow();
        return detail::when<tensor>(status, [&] { return tensor(out); });
    }
    /// What convert would do, in words.
    result<std::string> explain_convert(ndferry::dtype type, const convert_options &options = {}) const {
        return explain(type.raw(), nullptr, options);
    }
    result<tensor> cast(ndferry::dtype type, ndf_casting casting = NDF_CASTING_DEFAULT) const {
        return make(ndf_tensor_cast, type.raw(), casting);
    }
    result<tensor> contiguous(ndf_order order = NDF_ORDER_C) const { return make(ndf_tensor_contiguous, order); }
    result<tensor> to_device(ndf_device device) const { return make(ndf_tensor_to_device, device); }
    /// Always new memory.
    result<tensor> copy(ndf_order order = NDF_ORDER_C) const { return make(ndf_tensor_copy, order); }
    result<void> copy_into(const tensor &destination, const convert_options &options = {}) const {
        detail::conversion conversion(options);
        const ndf_status status = ndf_tensor_copy_into(handle_, destination.handle_, conversion.options());
        conversion.rethrow();
        return check(status);
    }
    /// What copy_into would do, in words.
    result<std::string> explain_copy_into(const tensor &destination, const convert_options &options = {}) const {
        return explain({}, destination.handle_, options);
    }
    template <class T> result<void> fill(const T &value, std::int64_t stream = 0) const {
        return check(ndf_tensor_fill_on(handle_, dtype_of<T>(), &value, stream));
    }
    /// Same shape, equal elements. Waits for the answer.
    result<bool> equal(const tensor &other, std::int64_t stream = 0) const {
        std::int32_t equal = 0;
        const ndf_status status = ndf_tensor_equal_on(handle_, other.handle_, stream, &equal);
        return detail::when<bool>(status, [&] { return equal != 0; });
    }
    /// What is enqueued on `stream` from now on begins after all work that ndferry knows to use the memory.
    result<void> wait(std::int64_t stream) const { return check(ndf_tensor_wait(handle_, stream)); }
    /// What was enqueued on `stream` so far uses the memory.
    result<void> record(std::int64_t stream) const { return check(ndf_tensor_record(handle_, stream)); }

    /// The tensor as a DLPack struct, DLManagedTensorVersioned unless DLManagedTensor is asked for. Needs dlpack.h.
    template <class Managed = DLManagedTensorVersioned>
    result<dlpack_ptr<Managed>> to_dlpack(ndf_copy copy = NDF_COPY_DEFAULT) const {
        auto options = detail::sized<ndf_dlpack_options>();
        options.copy = copy;
        Managed *out = nullptr;
        ndf_status status = NDF_OK;
        if constexpr (std::is_same_v<Managed, DLManagedTensor>) {
            status = ndf_tensor_to_dlpack(handle_, &options, &out);
        } else {
            status = ndf_tensor_to_dlpack_versioned(handle_, &options, &out);
        }
        return detail::when<dlpack_ptr<Managed>>(status, [&] { return dlpack_ptr<Managed>(out); });
    }
    /// The tensor as the DLPack struct that a consumer ("jax") takes. Needs dlpack.h.
    template <class Versioned = DLManagedTensorVersioned, class Legacy = DLManagedTensor>
    result<handed<Versioned, Legacy>> to_dlpack_for(const std::string &consumer,
                                                    const handover_options &options = {}) const {
        const ndf_handover_options raw = detail::raw(options);
        Versioned *versioned = nullptr;
        Legacy *legacy = nullptr;
        const ndf_status status = ndf_tensor_to_dlpack_for(handle_, consumer.c_str(), &raw, &versioned, &legacy);
        return detail::when<handed<Versioned, Legacy>>(status, [&] {
            return handed<Versioned, Legacy>{dlpack_ptr<Versioned>(versioned), dlpack_ptr<Legacy>(legacy)};
        });
    }
    /// What to_dlpack_for does and why, in one line.
    result<std::string> explain_for(const std::string &consumer, const handover_options &options = {}) const {
        const ndf_handover_options raw = detail::raw(options);
        return detail::text([&](std::size_t capacity, char *out, std::size_t *length) {
            return ndf_tensor_explain_for(handle_, consumer.c_str(), &raw, capacity, out, length);
        });
    }
    /// The tensor as NumPy's PyArrayInterface.
    result<array_struct_ptr> to_array_struct(void *descr = nullptr) const {
        ndf_array_struct *out = nullptr;
        const ndf_status status = ndf_tensor_to_array_struct(handle_, descr, &out);
        return detail::when<array_struct_ptr>(status, [&] { return array_struct_ptr(out); });
    }
    /// NumPy's __array_interface__ as a Python literal.
    result<std::string> array_interface() const {
        return detail::text([&](std::size_t capacity, char *out, std::size_t *length) {
            return ndf_tensor_array_interface(handle_, capacity, out, length);
        });
    }
    /// The tensor as a Py_buffer; `flags` is what a consumer asks for.
    result<ndferry::buffer> to_buffer(int flags = NDF_BUFFER_FULL_RO) const {
        ndf_buffer out{};
        const ndf_status status = ndf_tensor_to_buffer(handle_, flags, &out);
        return detail::when<ndferry::buffer>(status, [&] { return ndferry::buffer(out); });
    }
    /// The tensor, on device memory, as a struct of the CUDA array interface.
    result<ndferry::cuda_array> to_cuda_array(std::int32_t version = 3) const {
        ndf_cuda_array out{};
        const ndf_status status = ndf_tensor_to_cuda_array(handle_, version, &out);
        return detail::when<ndferry::cuda_array>(status, [&] { return ndferry::cuda_array(out); });
    }
    /// The tensor as an Arrow array and its type, each of which the caller ends with its own `release`.
    result<void> to_arrow(ArrowSchema *schema, ArrowArray *array, ndf_copy copy = NDF_COPY_NEVER) const {
        const ndf_arrow_options options{sizeof options, copy};
        return check(ndf_tensor_to_arrow(handle_, &options, schema, array));
    }
    /// The elements as NumPy prints them.
    result<std::string> format(const format_options &options = {}) const {
        const ndf_format_options raw = detail::raw(options);
        return detail::text([&](std::size_t capacity, char *out, std::size_t *length) {
            return ndf_tensor_format(handle_, &raw, capacity, out, length);
        });
    }
    /// A name for the lifetime debugger's messages.
    result<void> set_label(const std::string &label) { return check(ndf_tensor_set_label(handle_, label.c_str())); }
    friend std::ostream &operator<<(std::ostream &out, const tensor &tensor) {
        return detail::print(out, tensor.format());
    }

private:
    std::size_t rank() const noexcept { return static_cast<std::size_t>(ndim()); }

    template <class Function, class... Arguments> result<tensor> make(Function function, Arguments... arguments) const {
        return detail::make(function, handle_, arguments...);
    }

    result<std::string> explain(ndf_dtype type, const ndf_tensor *destination, const convert_options &options) const {
        const ndf_convert_options raw = detail::raw(options);
        return detail::text([&](std::size_t capacity, char *out, std::size_t *length) {
            return ndf_plan_format(handle_, destination, type, &raw, capacity, out, length);
        });
    }

    /// Why the elements are not to be used as Ts.
    template <class T> std::optional<error> refusal() const {
        constexpr ndf_dtype type = dtype_of<T>().raw();
        static_assert(type.bits < 8 || std::size_t{type.bits} * type.lanes == sizeof(T) * 8,
                      "`T` has another size than the element type that dtype_traits says it is");
        if (dtype() != dtype_of<T>()) {
            return error(NDF_ERROR_DTYPE, "`T` is " + name(dtype_of<T>()) + ", the tensor is " +
                                              (handle_ != nullptr ? name(dtype()) : "empty"));
        }
        if (!std::is_const_v<T> && is_read_only()) return error(NDF_ERROR_READ_ONLY, "the tensor is read-only");
        return std::nullopt;
    }

    /// Why the host cannot use the elements where they lie.
    std::optional<error> reach_refusal(std::size_t alignment) const {
        const std::int32_t type = device().device_type;
        if (type != NDF_DEVICE_CPU && type != NDF_DEVICE_CUDA_HOST && type != NDF_DEVICE_ROCM_HOST &&
            type != NDF_DEVICE_CUDA_MANAGED) {
            return error(NDF_ERROR_UNSUPPORTED, "the host cannot reach device type " + std::to_string(type));
        }
        if (reinterpret_cast<std::uintptr_t>(const_data()) % alignment != 0) {
            return error(NDF_ERROR_LAYOUT, "the elements are not aligned to " + std::to_string(alignment) + " bytes");
        }
        return std::nullopt;
    }

    /// Why the axes are not those of a view.
    template <std::size_t N, class Inner> std::optional<error> layout_refusal() const {
        if (N != rank()) {
            return error(NDF_ERROR_SHAPE,
                         "`N` is " + std::to_string(N) + ", the tensor has rank " + std::to_string(rank()));
        }
        if constexpr (std::is_same_v<Inner, unit_stride>) {
            if (shape()[N - 1] > 1 && strides()[N - 1] != 1) {
                return error(NDF_ERROR_LAYOUT,
                             "the stride of the last axis is " + std::to_string(strides()[N - 1]) + ", not 1");
            }
        }
        return std::nullopt;
    }

    template <class T> T *elements() const noexcept {
        if constexpr (std::is_const_v<T>) {
            return static_cast<T *>(const_data());
        } else {
            return static_cast<T *>(data());
        }
    }

    static std::string name(ndferry::dtype type) {
        auto said = type.format();
        const std::string *const name = detail::peek(said);
        return name != nullptr ? *name : "?";
    }

    ndf_tensor *handle_ = nullptr;
};

namespace detail {

template <class Function, class... Arguments> result<tensor> make(Function function, Arguments... arguments) {
    ndf_tensor *out = nullptr;
    return when<tensor>(function(arguments..., &out), [&] { return tensor(out); });
}

/// Lets `owner` be destroyed after the last use of what `make(deleter, context)` makes of it; at once if that fails.
template <class Owner, class Make> result<tensor> keep(Owner owner, Make make) {
    auto kept = std::make_unique<Owner>(std::move(owner));
    const ndf_deleter end = [](void *context) { delete static_cast<Owner *>(context); };
    result<tensor> made = make(end, static_cast<void *>(kept.get()));
    if (peek(made) != nullptr) static_cast<void>(kept.release());
    return made;
}

} // namespace detail

// ------------------------------------------------------------------------------------------------- new tensors

inline result<tensor> empty(dtype type, extents shape, const create_options &options = {}) {
    const ndf_create_options raw = detail::raw(options);
    return detail::make(ndf_tensor_empty, type.raw(), detail::rank(shape), shape.data(), &raw);
}

inline result<tensor> empty_like(const tensor &other, dtype type = {}, const create_options &options = {}) {
    const ndf_create_options raw = detail::raw(options);
    return detail::make(ndf_tensor_empty_like, other.get(), type.raw(), &raw);
}

inline result<tensor> zeros(dtype type, extents shape, const create_options &options = {}) {
    const ndf_create_options raw = detail::raw(options);
    return detail::make(ndf_tensor_zeros, type.raw(), detail::rank(shape), shape.data(), &raw);
}

template <class T> result<tensor> full(dtype type, extents shape, const T &value, const create_options &options = {}) {
    const ndf_create_options raw = detail::raw(options);
    return detail::make(ndf_tensor_full, type.raw(), detail::rank(shape), shape.data(), dtype_of<T>().raw(), &value,
                        &raw);
}

/// A copy of the caller's elements.
inline result<tensor> from_data(const void *data, dtype type, extents shape, extents strides = {},
                                const create_options &options = {}) {
    if (auto refused = detail::mismatch(shape, strides)) return detail::fail<tensor>(*std::move(refused));
    const ndf_create_options raw = detail::raw(options);
    return detail::make(ndf_tensor_from_data, data, type.raw(), detail::rank(shape), shape.data(),
                        detail::given(strides), &raw);
}

/// Memory that `deleter(context)` ends after the last use. When this fails, it does not run.
inline result<tensor> wrap(void *data, dtype type, extents shape, ndf_deleter deleter, void *context,
                           const wrap_options &options = {}) {
    if (auto refused = detail::mismatch(shape, options.strides)) return detail::fail<tensor>(*std::move(refused));
    const ndf_wrap_options raw = detail::raw(options);
    return detail::make(ndf_tensor_wrap, data, type.raw(), detail::rank(shape), shape.data(),
                        detail::given(extents(options.strides)), deleter, context, &raw);
}

/// A copy of the elements of a container, in C order; fails unless there are as many as `shape` says.
template <class C> result<tensor> from_data(const C &elements, extents shape, const create_options &options = {}) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(elements.data())>>;
    const auto count = static_cast<std::int64_t>(elements.size());
    T *const data = const_cast<T *>(elements.data());
    return detail::then(wrap(data, dtype_of<T>(), {count}, nullptr, nullptr), [&](const tensor &lent) {
        return detail::then(lent.reshape(shape), [&](const tensor &shaped) {
            return from_data(shaped.const_data(), dtype_of<T>(), shaped.shape(), {}, options);
        });
    });
}

/// Memory that `owner`, any object, keeps alive by existing: it is moved into the tensor and destroyed after the last
/// use, on any thread. When this fails, `owner` is destroyed too.
template <class Owner>
result<tensor> wrap_owned(void *data, dtype type, extents shape, Owner owner, const wrap_options &options = {}) {
    return detail::keep(std::move(owner), [&](ndf_deleter deleter, void *context) {
        return wrap(data, type, shape, deleter, context, options);
    });
}

/// The elements of a vector, moved in; fails unless there are as many as `shape` says.
template <class T> result<tensor> wrap(std::vector<T> &&elements, extents shape) {
    static_assert(!std::is_same_v<T, bool>, "std::vector<bool> has no elements in memory");
    T *const data = elements.data();
    const auto count = static_cast<std::int64_t>(elements.size());
    return detail::then(wrap_owned(data, dtype_of<T>(), {count}, std::move(elements)),
                        [&](const tensor &flat) { return flat.reshape(shape); });
}

/// The elements that a std::unique_ptr<T[]> owns, moved in; `shape` must not say more than there are.
template <class T, class Deleter>
result<tensor> wrap(std::unique_ptr<T[], Deleter> elements, extents shape, wrap_options options = {}) {
    const auto data = const_cast<std::remove_const_t<T> *>(elements.get());
    options.read_only = options.read_only || std::is_const_v<T>;
    return wrap_owned(data, dtype_of<T>(), shape, std::move(elements), options);
}

/// The elements that a std::shared_ptr keeps alive; `shape` must not say more than there are.
template <class T> result<tensor> wrap(std::shared_ptr<T> elements, extents shape, wrap_options options = {}) {
    using Element = std::remove_extent_t<T>;
    const auto data = const_cast<std::remove_const_t<Element> *>(elements.get());
    options.read_only = options.read_only || std::is_const_v<Element>;
    return wrap_owned(data, dtype_of<Element>(), shape, std::move(elements), options);
}

/// Takes a DLPack struct of either kind; when this fails, it is still the caller's.
template <class Managed> result<tensor> from_dlpack(Managed *managed) {
    if constexpr (std::is_same_v<Managed, DLManagedTensor>) {
        return detail::make(ndf_tensor_from_dlpack, managed);
    } else {
        return detail::make(ndf_tensor_from_dlpack_versioned, managed);
    }
}

template <class Managed> result<tensor> from_dlpack(dlpack_ptr<Managed> managed) {
    result<tensor> made = from_dlpack(managed.get());
    if (detail::peek(made) != nullptr) static_cast<void>(managed.release());
    return made;
}

/// The memory that a PyArrayInterface describes and `owner` keeps alive. When this fails, `owner` is destroyed too.
template <class Owner> result<tensor> from_array_struct(const ndf_array_struct &array, Owner owner, dtype fields = {}) {
    return detail::keep(std::move(owner), [&](ndf_deleter deleter, void *context) {
        return detail::make(ndf_tensor_from_array_struct, &array, fields.raw(), deleter, context);
    });
}

/// The memory that a filled Py_buffer describes and `owner` keeps alive. When this fails, `owner` is destroyed too.
template <class Owner> result<tensor> from_buffer(const ndf_buffer &buffer, Owner owner) {
    return detail::keep(std::move(owner), [&](ndf_deleter deleter, void *context) {
        return detail::make(ndf_tensor_from_buffer, &buffer, deleter, context);
    });
}

/// The memory that a struct of the CUDA array interface describes and `owner` keeps alive. When this fails, `owner` is
/// destroyed too.
template <class Owner> result<tensor> from_cuda_array(const ndf_cuda_array &array, Owner owner) {
    return detail::keep(std::move(owner), [&](ndf_deleter deleter, void *context) {
        return detail::make(ndf_tensor_from_cuda_array, &array, deleter, context);
    });
}

/// The elements of an Arrow array, which is moved into the tensor; `schema` stays the caller's.
inline result<tensor> from_arrow(const ArrowSchema *schema, ArrowArray *array, ndf_copy copy = NDF_COPY_NEVER) {
    const ndf_arrow_options options{sizeof options, copy};
    return detail::make(ndf_tensor_from_arrow, schema, array, &options);
}

/// What is alive in this process.
inline result<ndf_statistics> statistics() {
    auto out = detail::sized<ndf_statistics>();
    return detail::when<ndf_statistics>(ndf_statistics_get(&out), [&] { return out; });
}

/// How many threads one conversion may use, the calling one included; 0 for the default.
inline result<void> set_thread_count(std::int32_t count) { return check(ndf_set_thread_count(count)); }
inline std::int32_t thread_count() noexcept { return ndf_get_thread_count(); }

/// Switches the lifetime debugger on, for the rest of the process; refused when tensors are alive.
inline result<void> enable_debug() { return check(ndf_debug_enable()); }

/// What the lifetime debugger knows to be alive; refused while it is off.
inline result<std::string> debug_report() { return detail::text(ndf_debug_report); }

} // namespace NDFERRY_WAY
} // namespace ndferry

#endif // NDFERRY_HPP
