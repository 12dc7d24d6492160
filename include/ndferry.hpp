// ndferry for C++17: owners, exceptions and typed access over ndferry.h. It translates and decides nothing: what
// every call means, gives and refuses is said in ndferry.h.
//
//     ndferry::tensor image = ndferry::wrap(std::move(pixels), {height, width, 3});
//     ndferry::tensor ready = image.flip({1}).permute({2, 0, 1}).convert(ndferry::float16);
//     std::cout << ready;
//
// A moved-from or default-constructed tensor holds no handle; using one throws NDF_ERROR_INVALID_ARGUMENT, and its
// getters give 0. Threads: as in C, and a tensor object itself is no more shared than a std::shared_ptr is.
#ifndef NDFERRY_HPP
#define NDFERRY_HPP

#include "ndferry.h"
#include "ndferry_error.hpp"
#include "ndferry_foreign.hpp"
#include "ndferry_list_view.hpp"
#include "ndferry_options.hpp"

#include <complex>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace ndferry {

namespace detail {

/// The length of a list as the int32_t that C asks for; too long a list becomes a rank that C refuses.
template <class T> std::int32_t rank(list_view<T> list) noexcept {
    constexpr auto most = std::numeric_limits<std::int32_t>::max();
    return list.size() < static_cast<std::size_t>(most) ? static_cast<std::int32_t>(list.size()) : most;
}

/// The text that `write(capacity, out_text, out_length)` gives; asked again when it grew in between.
template <class Write> std::string text(Write write) {
    for (;;) {
        std::size_t length = 0;
        check(write(std::size_t{0}, nullptr, &length));
        std::string text(length, '\0');
        const ndf_status status = write(length + 1, text.data(), &length);
        if (status == NDF_ERROR_BUFFER_TOO_SMALL) continue;
        check(status);
        text.resize(length);
        return text;
    }
}

/// The handle that a C function gives as its last argument.
template <class Function, class... Arguments> ndf_tensor *make(Function function, Arguments... arguments) {
    ndf_tensor *out = nullptr;
    check(function(arguments..., &out));
    return out;
}

} // namespace detail

// ------------------------------------------------------------------------------------------------ element types

/// The type of one element.
class dtype {
public:
    /// No type, where a function allows that.
    constexpr dtype() noexcept = default;
    constexpr dtype(ndf_dtype raw) noexcept : raw_(raw) {}

    /// Reads "float32", "<f4" or a PEP 3118 format.
    static dtype parse(const std::string &text) {
        ndf_dtype raw{};
        check(ndf_dtype_parse(text.c_str(), &raw));
        return raw;
    }

    constexpr operator ndf_dtype() const noexcept { return raw_; }
    constexpr const ndf_dtype &raw() const noexcept { return raw_; }

    std::string format(ndf_dtype_style style = NDF_DTYPE_STYLE_NAME) const {
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
    friend std::ostream &operator<<(std::ostream &out, dtype type) { return out << type.format(); }

private:
    ndf_dtype raw_{};
};

/// The smallest type that both convert to safely.
inline dtype promote(dtype a, dtype b) {
    ndf_dtype out{};
    check(ndf_dtype_promote(a, b, &out));
    return out;
}

inline constexpr dtype boolean{NDF_DTYPE_BOOL};
inline constexpr dtype int8{NDF_DTYPE_INT8}, int16{NDF_DTYPE_INT16}, int32{NDF_DTYPE_INT32}, int64{NDF_DTYPE_INT64};
inline constexpr dtype uint8{NDF_DTYPE_UINT8}, uint16{NDF_DTYPE_UINT16}, uint32{NDF_DTYPE_UINT32};
inline constexpr dtype uint64{NDF_DTYPE_UINT64};
inline constexpr dtype float16{NDF_DTYPE_FLOAT16}, bfloat16{NDF_DTYPE_BFLOAT16};
inline constexpr dtype float32{NDF_DTYPE_FLOAT32}, float64{NDF_DTYPE_FLOAT64};
inline constexpr dtype complex64{NDF_DTYPE_COMPLEX64}, complex128{NDF_DTYPE_COMPLEX128};

/// The element type of a C++ type. Specialise it for types of your own, such as a half.
template <class T, class = void> struct dtype_traits;

template <> struct dtype_traits<bool> { static constexpr dtype value = boolean; };
template <> struct dtype_traits<std::byte> { static constexpr dtype value = uint8; };
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

namespace detail {

/// The one `strides` of two lists that C counts once.
inline const std::int64_t *matching(extents shape, extents strides) {
    if (strides.empty()) return nullptr;
    if (strides.size() == shape.size()) return strides.data();
    throw error(NDF_ERROR_SHAPE, "`strides` has " + std::to_string(strides.size()) + " entries, `shape` has " +
                                     std::to_string(shape.size()));
}

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

    /// Address of element [0, …, 0] as a T*; throws unless the elements are Ts, and for a T that is not const
    /// unless they may be written. NULL when there are no elements.
    template <class T> T *data() const {
        require<T>();
        if constexpr (std::is_const_v<T>) {
            return static_cast<T *>(const_data());
        } else {
            return static_cast<T *>(data());
        }
    }

    /// The element at an index, which may count from the end; checked as data<T>() and against the shape.
    template <class T, class... Index> T &at(Index... index) const {
        require<T>();
        require_host();
        const std::int64_t at[] = {static_cast<std::int64_t>(index)..., 0};
        return data<T>()[offset_of(at, sizeof...(Index))];
    }

    // Views: the same memory.
    tensor permute(axes order) const { return make(ndf_tensor_permute, detail::rank(order), order.data()); }
    tensor transpose() const { return make(ndf_tensor_transpose); }
    tensor swap_axes(std::int32_t axis1, std::int32_t axis2) const {
        return make(ndf_tensor_swap_axes, axis1, axis2);
    }
    tensor slice(std::int32_t axis, std::int64_t start, std::int64_t stop = NDF_SLICE_END,
                 std::int64_t step = 1) const {
        return make(ndf_tensor_slice, axis, start, stop, step);
    }
    tensor select(std::int32_t axis, std::int64_t index) const { return make(ndf_tensor_select, axis, index); }
    tensor flip() const { return make(ndf_tensor_flip, NDF_ALL_AXES, nullptr); }
    tensor flip(axes which) const { return make(ndf_tensor_flip, detail::rank(which), which.data()); }
    tensor squeeze() const { return make(ndf_tensor_squeeze, NDF_ALL_AXES, nullptr); }
    tensor squeeze(axes which) const { return make(ndf_tensor_squeeze, detail::rank(which), which.data()); }
    tensor unsqueeze(std::int32_t axis) const { return make(ndf_tensor_unsqueeze, axis); }
    tensor reshape(extents shape) const { return make(ndf_tensor_reshape, detail::rank(shape), shape.data()); }
    tensor broadcast(extents shape) const { return make(ndf_tensor_broadcast, detail::rank(shape), shape.data()); }
    tensor diagonal(std::int64_t offset = 0, std::int32_t axis1 = 0, std::int32_t axis2 = 1) const {
        return make(ndf_tensor_diagonal, offset, axis1, axis2);
    }
    tensor sliding_window(std::int32_t axis, std::int64_t window, std::int64_t step = 1) const {
        return make(ndf_tensor_sliding_window, axis, window, step);
    }
    tensor reinterpret(ndferry::dtype type) const { return make(ndf_tensor_reinterpret, type.raw()); }
    tensor as_strided(extents shape, extents strides, std::int64_t offset = 0) const {
        const std::int64_t *matching = detail::matching(shape, strides);
        return make(ndf_tensor_as_strided, detail::rank(shape), shape.data(), matching, offset);
    }
    tensor as_read_only() const { return make(ndf_tensor_as_read_only); }

    // Conversion: the same tensor when nothing is to be done, else a new one.
    tensor convert(ndferry::dtype type, const convert_options &options = {}) const {
        detail::conversion conversion(options);
        ndf_tensor *out = nullptr;
        conversion.check(ndf_tensor_convert(handle_, type.raw(), conversion.options(), &out));
        return tensor(out);
    }
    /// What convert would do, in words.
    std::string explain_convert(ndferry::dtype type, const convert_options &options = {}) const {
        return explain(type.raw(), nullptr, options);
    }
    tensor cast(ndferry::dtype type, ndf_casting casting = NDF_CASTING_DEFAULT) const {
        return make(ndf_tensor_cast, type.raw(), casting);
    }
    tensor contiguous(ndf_order order = NDF_ORDER_C) const { return make(ndf_tensor_contiguous, order); }
    tensor to_device(ndf_device device) const { return make(ndf_tensor_to_device, device); }
    /// Always new memory.
    tensor copy(ndf_order order = NDF_ORDER_C) const { return make(ndf_tensor_copy, order); }
    void copy_into(const tensor &destination, const convert_options &options = {}) const {
        detail::conversion conversion(options);
        conversion.check(ndf_tensor_copy_into(handle_, destination.handle_, conversion.options()));
    }
    /// What copy_into would do, in words.
    std::string explain_copy_into(const tensor &destination, const convert_options &options = {}) const {
        return explain({}, destination.handle_, options);
    }
    template <class T> void fill(const T &value, std::int64_t stream = 0) const {
        check(ndf_tensor_fill_on(handle_, dtype_of<T>(), &value, stream));
    }
    /// Same shape, equal elements. Waits for the answer.
    bool equal(const tensor &other, std::int64_t stream = 0) const {
        std::int32_t equal = 0;
        check(ndf_tensor_equal_on(handle_, other.handle_, stream, &equal));
        return equal != 0;
    }
    /// What is enqueued on `stream` from now on begins after all work that ndferry knows to use the memory.
    void wait(std::int64_t stream) const { check(ndf_tensor_wait(handle_, stream)); }
    /// What was enqueued on `stream` so far uses the memory.
    void record(std::int64_t stream) const { check(ndf_tensor_record(handle_, stream)); }

    /// The tensor as a DLPack struct, DLManagedTensorVersioned unless DLManagedTensor is asked for. Needs dlpack.h.
    template <class Managed = DLManagedTensorVersioned>
    dlpack_ptr<Managed> to_dlpack(ndf_copy copy = NDF_COPY_DEFAULT) const {
        auto options = detail::sized<ndf_dlpack_options>();
        options.copy = copy;
        Managed *out = nullptr;
        if constexpr (std::is_same_v<Managed, DLManagedTensor>) {
            check(ndf_tensor_to_dlpack(handle_, &options, &out));
        } else {
            check(ndf_tensor_to_dlpack_versioned(handle_, &options, &out));
        }
        return dlpack_ptr<Managed>(out);
    }
    /// The tensor as the DLPack struct that a consumer ("jax") takes. Needs dlpack.h.
    template <class Versioned = DLManagedTensorVersioned, class Legacy = DLManagedTensor>
    handed<Versioned, Legacy> to_dlpack_for(const std::string &consumer, const handover_options &options = {}) const {
        const ndf_handover_options raw = detail::raw(options);
        Versioned *versioned = nullptr;
        Legacy *legacy = nullptr;
        check(ndf_tensor_to_dlpack_for(handle_, consumer.c_str(), &raw, &versioned, &legacy));
        return {dlpack_ptr<Versioned>(versioned), dlpack_ptr<Legacy>(legacy)};
    }
    /// What to_dlpack_for does and why, in one line.
    std::string explain_for(const std::string &consumer, const handover_options &options = {}) const {
        const ndf_handover_options raw = detail::raw(options);
        return detail::text([&](std::size_t capacity, char *out, std::size_t *length) {
            return ndf_tensor_explain_for(handle_, consumer.c_str(), &raw, capacity, out, length);
        });
    }
    /// The tensor as NumPy's PyArrayInterface.
    array_struct_ptr to_array_struct(void *descr = nullptr) const {
        ndf_array_struct *out = nullptr;
        check(ndf_tensor_to_array_struct(handle_, descr, &out));
        return array_struct_ptr(out);
    }
    /// NumPy's __array_interface__ as a Python literal.
    std::string array_interface() const {
        return detail::text([&](std::size_t capacity, char *out, std::size_t *length) {
            return ndf_tensor_array_interface(handle_, capacity, out, length);
        });
    }
    /// The tensor as a Py_buffer; `flags` is what a consumer asks for.
    ndferry::buffer to_buffer(int flags = NDF_BUFFER_FULL_RO) const {
        ndf_buffer out{};
        check(ndf_tensor_to_buffer(handle_, flags, &out));
        return ndferry::buffer(out);
    }
    /// The tensor, on device memory, as a struct of the CUDA array interface.
    ndferry::cuda_array to_cuda_array(std::int32_t version = 3) const {
        ndf_cuda_array out{};
        check(ndf_tensor_to_cuda_array(handle_, version, &out));
        return ndferry::cuda_array(out);
    }
    /// The tensor as an Arrow array and its type, each of which the caller ends with its own `release`.
    void to_arrow(ArrowSchema *schema, ArrowArray *array, ndf_copy copy = NDF_COPY_NEVER) const {
        const ndf_arrow_options options{sizeof options, copy};
        check(ndf_tensor_to_arrow(handle_, &options, schema, array));
    }
    /// The elements as NumPy prints them.
    std::string format(const format_options &options = {}) const {
        const ndf_format_options raw = detail::raw(options);
        return detail::text([&](std::size_t capacity, char *out, std::size_t *length) {
            return ndf_tensor_format(handle_, &raw, capacity, out, length);
        });
    }
    friend std::ostream &operator<<(std::ostream &out, const tensor &tensor) { return out << tensor.format(); }

private:
    std::size_t rank() const noexcept { return static_cast<std::size_t>(ndim()); }

    template <class Function, class... Arguments> tensor make(Function function, Arguments... arguments) const {
        return tensor(detail::make(function, handle_, arguments...));
    }

    std::string explain(ndf_dtype type, const ndf_tensor *destination, const convert_options &options) const {
        const ndf_convert_options raw = detail::raw(options);
        return detail::text([&](std::size_t capacity, char *out, std::size_t *length) {
            return ndf_plan_format(handle_, destination, type, &raw, capacity, out, length);
        });
    }

    template <class T> void require() const {
        if (dtype() != dtype_of<T>()) {
            throw error(NDF_ERROR_DTYPE, "`T` is " + dtype_of<T>().format() + ", the tensor is " +
                                             (handle_ != nullptr ? dtype().format() : "empty"));
        }
        if (!std::is_const_v<T> && is_read_only()) throw error(NDF_ERROR_READ_ONLY, "the tensor is read-only");
    }

    void require_host() const {
        const std::int32_t type = device().device_type;
        if (type != NDF_DEVICE_CPU && type != NDF_DEVICE_CUDA_HOST && type != NDF_DEVICE_ROCM_HOST &&
            type != NDF_DEVICE_CUDA_MANAGED) {
            throw error(NDF_ERROR_UNSUPPORTED, "the host cannot reach device type " + std::to_string(type));
        }
    }

    std::ptrdiff_t offset_of(const std::int64_t *index, std::size_t count) const {
        if (count != rank()) {
            throw error(NDF_ERROR_SHAPE, "`index` has " + std::to_string(count) + " entries, the tensor has rank " +
                                             std::to_string(rank()));
        }
        std::int64_t offset = 0;
        for (std::size_t axis = 0; axis < count; ++axis) {
            const std::int64_t extent = shape()[axis];
            const std::int64_t at = index[axis] < 0 ? index[axis] + extent : index[axis];
            if (at < 0 || at >= extent) refuse_index(axis, index[axis], extent);
            offset += at * strides()[axis];
        }
        return static_cast<std::ptrdiff_t>(offset);
    }

    [[noreturn]] static void refuse_index(std::size_t axis, std::int64_t index, std::int64_t extent) {
        throw error(NDF_ERROR_RANGE, "`index[" + std::to_string(axis) + "]` is " + std::to_string(index) +
                                         ", the extent is " + std::to_string(extent));
    }

    ndf_tensor *handle_ = nullptr;
};

// ------------------------------------------------------------------------------------------------- new tensors

inline tensor empty(dtype type, extents shape, const create_options &options = {}) {
    const ndf_create_options raw = detail::raw(options);
    return tensor(detail::make(ndf_tensor_empty, type.raw(), detail::rank(shape), shape.data(), &raw));
}

inline tensor empty_like(const tensor &other, dtype type = {}, const create_options &options = {}) {
    const ndf_create_options raw = detail::raw(options);
    return tensor(detail::make(ndf_tensor_empty_like, other.get(), type.raw(), &raw));
}

inline tensor zeros(dtype type, extents shape, const create_options &options = {}) {
    const ndf_create_options raw = detail::raw(options);
    return tensor(detail::make(ndf_tensor_zeros, type.raw(), detail::rank(shape), shape.data(), &raw));
}

template <class T> tensor full(dtype type, extents shape, const T &value, const create_options &options = {}) {
    const ndf_create_options raw = detail::raw(options);
    return tensor(detail::make(ndf_tensor_full, type.raw(), detail::rank(shape), shape.data(), dtype_of<T>().raw(),
                               &value, &raw));
}

/// A copy of the caller's elements.
inline tensor from_data(const void *data, dtype type, extents shape, extents strides = {},
                        const create_options &options = {}) {
    const ndf_create_options raw = detail::raw(options);
    return tensor(detail::make(ndf_tensor_from_data, data, type.raw(), detail::rank(shape), shape.data(),
                               detail::matching(shape, strides), &raw));
}

/// Memory that `deleter(context)` ends after the last use. When this throws, it does not run.
inline tensor wrap(void *data, dtype type, extents shape, ndf_deleter deleter, void *context,
                   const wrap_options &options = {}) {
    const ndf_wrap_options raw = detail::raw(options);
    return tensor(detail::make(ndf_tensor_wrap, data, type.raw(), detail::rank(shape), shape.data(),
                               detail::matching(shape, options.strides), deleter, context, &raw));
}

/// A copy of the elements of a container, in C order; throws unless there are as many as `shape` says.
template <class C> tensor from_data(const C &elements, extents shape, const create_options &options = {}) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(elements.data())>>;
    const auto count = static_cast<std::int64_t>(elements.size());
    T *const data = const_cast<T *>(elements.data());
    const tensor lent = wrap(data, dtype_of<T>(), {count}, nullptr, nullptr).reshape(shape);
    return from_data(lent.const_data(), dtype_of<T>(), lent.shape(), {}, options);
}

/// Memory that `owner`, any object, keeps alive by existing: it is moved into the tensor and destroyed after the last
/// use, on any thread. When this throws, `owner` is destroyed too.
template <class Owner>
tensor wrap_owned(void *data, dtype type, extents shape, Owner owner, const wrap_options &options = {}) {
    auto kept = std::make_unique<Owner>(std::move(owner));
    const ndf_deleter end = [](void *context) { delete static_cast<Owner *>(context); };
    tensor made = wrap(data, type, shape, end, kept.get(), options);
    static_cast<void>(kept.release());
    return made;
}

/// The elements of a vector, moved in; throws unless there are as many as `shape` says.
template <class T> tensor wrap(std::vector<T> &&elements, extents shape) {
    static_assert(!std::is_same_v<T, bool>, "std::vector<bool> has no elements in memory");
    T *const data = elements.data();
    const auto count = static_cast<std::int64_t>(elements.size());
    return wrap_owned(data, dtype_of<T>(), {count}, std::move(elements)).reshape(shape);
}

/// The elements that a std::unique_ptr<T[]> owns, moved in; `shape` must not say more than there are.
template <class T, class Deleter>
tensor wrap(std::unique_ptr<T[], Deleter> elements, extents shape, wrap_options options = {}) {
    const auto data = const_cast<std::remove_const_t<T> *>(elements.get());
    options.read_only = options.read_only || std::is_const_v<T>;
    return wrap_owned(data, dtype_of<T>(), shape, std::move(elements), options);
}

/// The elements that a std::shared_ptr keeps alive; `shape` must not say more than there are.
template <class T> tensor wrap(std::shared_ptr<T> elements, extents shape, wrap_options options = {}) {
    using Element = std::remove_extent_t<T>;
    const auto data = const_cast<std::remove_const_t<Element> *>(elements.get());
    options.read_only = options.read_only || std::is_const_v<Element>;
    return wrap_owned(data, dtype_of<Element>(), shape, std::move(elements), options);
}

/// Takes a DLPack struct of either kind; when this throws, it is still the caller's.
template <class Managed> tensor from_dlpack(Managed *managed) {
    if constexpr (std::is_same_v<Managed, DLManagedTensor>) {
        return tensor(detail::make(ndf_tensor_from_dlpack, managed));
    } else {
        return tensor(detail::make(ndf_tensor_from_dlpack_versioned, managed));
    }
}

template <class Managed> tensor from_dlpack(dlpack_ptr<Managed> managed) {
    tensor made = from_dlpack(managed.get());
    static_cast<void>(managed.release());
    return made;
}

/// The memory that a PyArrayInterface describes and `owner` keeps alive. When this throws, `owner` is destroyed too.
template <class Owner> tensor from_array_struct(const ndf_array_struct &array, Owner owner, dtype fields = {}) {
    auto kept = std::make_unique<Owner>(std::move(owner));
    const ndf_deleter end = [](void *context) { delete static_cast<Owner *>(context); };
    tensor made(detail::make(ndf_tensor_from_array_struct, &array, fields.raw(), end, kept.get()));
    static_cast<void>(kept.release());
    return made;
}

/// The memory that a filled Py_buffer describes and `owner` keeps alive. When this throws, `owner` is destroyed too.
template <class Owner> tensor from_buffer(const ndf_buffer &buffer, Owner owner) {
    auto kept = std::make_unique<Owner>(std::move(owner));
    const ndf_deleter end = [](void *context) { delete static_cast<Owner *>(context); };
    tensor made(detail::make(ndf_tensor_from_buffer, &buffer, end, kept.get()));
    static_cast<void>(kept.release());
    return made;
}

/// The memory that a struct of the CUDA array interface describes and `owner` keeps alive. When this throws, `owner` is
/// destroyed too.
template <class Owner> tensor from_cuda_array(const ndf_cuda_array &array, Owner owner) {
    auto kept = std::make_unique<Owner>(std::move(owner));
    const ndf_deleter end = [](void *context) { delete static_cast<Owner *>(context); };
    tensor made(detail::make(ndf_tensor_from_cuda_array, &array, end, kept.get()));
    static_cast<void>(kept.release());
    return made;
}

/// The elements of an Arrow array, which is moved into the tensor; `schema` stays the caller's.
inline tensor from_arrow(const ArrowSchema *schema, ArrowArray *array, ndf_copy copy = NDF_COPY_NEVER) {
    const ndf_arrow_options options{sizeof options, copy};
    return tensor(detail::make(ndf_tensor_from_arrow, schema, array, &options));
}

/// What is alive in this process.
inline ndf_statistics statistics() {
    auto out = detail::sized<ndf_statistics>();
    check(ndf_statistics_get(&out));
    return out;
}

/// How many threads one conversion may use, the calling one included; 0 for the default.
inline void set_thread_count(std::int32_t count) { check(ndf_set_thread_count(count)); }
inline std::int32_t thread_count() noexcept { return ndf_get_thread_count(); }

} // namespace ndferry

#endif // NDFERRY_HPP
