// Every exported function, called with each of its arguments spoilt in turn and with all of them spoilt: it does not
// crash, it says why, and what it refuses it leaves alone. A function of the header that is missing here fails.
#include "arrow_c.hpp"
#include "support.hpp"

#include <fstream>
#include <limits>
#include <regex>
#include <set>
#include <tuple>

using ndferry::array_struct_ptr;
using ndferry::tensor;

namespace {

// ------------------------------------------------------------------------------------- what functions write to

/// Every place that an argument of this file points at for writing; garbage before every call.
struct outputs {
    ndf_tensor *tensor;
    DLManagedTensor *legacy;
    DLManagedTensorVersioned *versioned;
    ndf_array_struct *array;
    ndf_buffer buffer;
    ndf_cuda_array cuda_array;
    ArrowSchema schema;
    ArrowArray arrow;
    ndf_dtype dtype;
    ndf_device device;
    std::int64_t low, high, dims[64];
    std::int32_t number;
    std::size_t length;
    char text[4096];
} out;

outputs before;

void spoil_outputs() {
    std::memset(static_cast<void *>(&out), 0xa5, sizeof out);
    std::memcpy(static_cast<void *>(&before), &out, sizeof out);
}

bool outputs_are_untouched() { return std::memcmp(&out, &before, sizeof out) == 0; }

void end_outputs() {
    if (out.tensor != before.tensor) ndf_tensor_release(out.tensor);
    // A function that gives one of the two makes the other NULL.
    if (out.legacy != before.legacy && out.legacy) out.legacy->deleter(out.legacy);
    if (out.versioned != before.versioned && out.versioned) out.versioned->deleter(out.versioned);
    if (out.array != before.array) ndf_array_struct_release(out.array);
    if (out.buffer.internal != before.buffer.internal) ndf_buffer_release(&out.buffer);
    if (out.cuda_array.internal != before.cuda_array.internal) ndf_cuda_array_release(&out.cuda_array);
    if (out.schema.release != before.schema.release) out.schema.release(&out.schema);
    if (out.arrow.release != before.arrow.release) out.arrow.release(&out.arrow);
}

// ------------------------------------------------------------------------------------------- hostile arguments

template <class T> struct hostile {
    static std::vector<T> values() {
        if constexpr (std::is_pointer_v<T>) {
            return {nullptr};
        } else {
            using limits = std::numeric_limits<T>;
            return {T{0}, static_cast<T>(-1), limits::min(), limits::max(), T{65}, T{77}};
        }
    }
};

template <> struct hostile<const char *> {
    static std::vector<const char *> values() {
        static const std::string deep(100000, '('), lists(100000, '['), records = [] {
            std::string text;
            for (int i = 0; i < 20000; ++i) text += "T{";
            return text;
        }();
        return {nullptr, "", "\xff\xfe", "<f99999999999999999999", "[('x', '<f4", deep.c_str(), lists.c_str(),
                records.c_str(), "V9223372036854775807", "(9999999999,9999999999)<f8", "<U9223372036854775807"};
    }
};

template <> struct hostile<const std::int64_t *> {
    static std::vector<const std::int64_t *> values() {
        static const std::vector<std::int64_t> lows(64, INT64_MIN), highs(64, INT64_MAX), ones(64, -1);
        return {nullptr, lows.data(), highs.data(), ones.data()};
    }
};

template <> struct hostile<const std::int32_t *> {
    static std::vector<const std::int32_t *> values() {
        static const std::vector<std::int32_t> lows(64, INT32_MIN), highs(64, INT32_MAX), zeros(64, 0);
        return {nullptr, lows.data(), highs.data(), zeros.data()};
    }
};

template <> struct hostile<ndf_dtype> {
    static std::vector<ndf_dtype> values() {
        return {{},
                {NDF_CODE_FLOAT, 32, 0, 0, 0, 0, 0},
                {NDF_CODE_FLOAT, 0, 1, 0, 0, 0, 0},
                {NDF_CODE_FLOAT, 32, 1, '?', 0, 0, 0},
                {NDF_CODE_FLOAT, 32, 1, 0, 0xff, 0, 0},
                {NDF_CODE_FLOAT, 32, 1, 0, 0, 7, 0},
                {NDF_CODE_FLOAT, 32, 1, 0, 0, 0, 7},
                {NDF_CODE_OPAQUE, 0, 1, 'V', 0, 0, UINT64_MAX},
                {NDF_CODE_OPAQUE, 0, 1, 'V', 0, 0, (std::uint64_t{1} << 63) | 12345},
                {NDF_CODE_OPAQUE, 0, 1, 'U', 0, 0, std::uint64_t{1} << 62},
                {NDF_CODE_OPAQUE, 0, 1, 'M', 0, 0, UINT64_MAX >> 1},
                {200, 8, 1, 0, 0, 0, 0}};
    }
};

template <> struct hostile<const ndf_buffer *> {
    static std::vector<const ndf_buffer *> values() {
        static float byte = 0;
        static char format[] = "f", unknown[] = "\xff", deep[] = "T{T{T{(9999999999)f";
        static ptrdiff_t lows[64], highs[64];
        std::fill(lows, lows + 64, PTRDIFF_MIN);
        std::fill(highs, highs + 64, PTRDIFF_MAX);
        const ndf_buffer good{&byte, nullptr, 4, 4, 0, 0, format, nullptr, nullptr, nullptr, nullptr};
        static std::vector<ndf_buffer> made;
        made.assign(12, good);
        made[0].ndim = -1;
        made[1].ndim = INT32_MAX;
        made[2].ndim = 2;
        made[3].len = made[3].itemsize = PTRDIFF_MIN;
        made[4].len = PTRDIFF_MAX;
        made[5].format = unknown;
        made[6].format = deep;
        made[7].buf = nullptr;
        made[8].ndim = 64, made[8].shape = lows;
        made[9].ndim = 64, made[9].shape = made[9].strides = highs;
        made[10].ndim = 64, made[10].suboffsets = highs;
        made[11] = ndf_buffer{};
        std::vector<const ndf_buffer *> all{nullptr};
        for (const ndf_buffer &one : made) all.push_back(&one);
        return all;
    }
};

template <> struct hostile<const ndf_cuda_array *> {
    static std::vector<const ndf_cuda_array *> values() {
        static float element = 0;
        static const std::vector<std::int64_t> lows(64, INT64_MIN), highs(64, INT64_MAX);
        ndf_cuda_array good{};
        good.version = 3;
        good.data = &element;
        good.dtype = NDF_DTYPE_FLOAT32;
        static std::vector<ndf_cuda_array> made;
        made.assign(10, good);
        made[0].version = 4;
        made[1].ndim = -1;
        made[2].ndim = INT32_MAX;
        made[3].ndim = 1;
        made[4].ndim = 64, made[4].shape = lows.data();
        made[5].ndim = 64, made[5].shape = made[5].strides = highs.data();
        made[6].flags = NDF_CUDA_ARRAY_HAS_STREAM;
        made[7].flags = UINT32_MAX;
        made[8].dtype = {200, 255, 65535, '?', 255, 65535, UINT64_MAX};
        made[9] = ndf_cuda_array{};
        std::vector<const ndf_cuda_array *> all{nullptr};
        for (const ndf_cuda_array &one : made) all.push_back(&one);
        return all;
    }
};

template <> struct hostile<ndf_device> {
    static std::vector<ndf_device> values() { return {{0, -1}, {1, 7}, {2, 0}, {999, -1}, {INT32_MIN, INT32_MAX}}; }
};

// ------------------------------------------------------------------------------------------------------- calls

std::set<std::string> covered;

/// What a function gave, judged: a failed status has a message and has written nothing.
void judge(const std::string &name, ndf_status status) {
    if (status == NDF_OK) return;
    if (!outputs_are_untouched()) throw std::runtime_error(name + " failed and wrote");
    if (std::string(ndf_last_error_message()).empty()) throw std::runtime_error(name + " failed without a message");
    if (status == NDF_ERROR_INTERNAL) throw std::runtime_error(name + ": " + ndf_last_error_message());
}

template <class T> void judge(const std::string &, const T &) {}

template <class Result, class... P>
void call(const std::string &name, Result (*function)(P...), const std::tuple<P...> &arguments) {
    spoil_outputs();
    (void)ndf_last_error_set("");
    if constexpr (std::is_void_v<Result>) {
        std::apply(function, arguments);
    } else {
        judge(name, std::apply(function, arguments));
    }
    end_outputs();
}

template <std::size_t I, class Result, class... P>
void spoil_one(const std::string &name, Result (*function)(P...), const std::tuple<P...> &good) {
    for (const auto &value : hostile<std::tuple_element_t<I, std::tuple<P...>>>::values()) {
        std::tuple<P...> arguments = good;
        std::get<I>(arguments) = value;
        call(name + ", argument " + std::to_string(I + 1), function, arguments);
    }
}

template <class Result, class... P, std::size_t... I>
void spoil_each(const std::string &name, Result (*function)(P...), const std::tuple<P...> &good,
                std::index_sequence<I...>) {
    (spoil_one<I>(name, function, good), ...);
    for (std::size_t k = 0; k < 12; ++k) {
        call(name + ", all arguments", function, std::tuple<P...>([k] {
                 const auto values = hostile<P>::values();
                 return values[k % values.size()];
             }()...));
    }
}

/// Calls `function` once with `good`, then spoilt in every way.
template <class Result, class... P, class... Good>
void abuse(const char *name, Result (*function)(P...), Good... good) {
    const std::tuple<P...> arguments(static_cast<P>(good)...);
    covered.insert(name);
    call(name, function, arguments);
    spoil_each(name, function, arguments, std::index_sequence_for<P...>{});
}

#define ABUSE(function, ...) abuse(#function, function, __VA_ARGS__)

/// For functions that consume their argument: NULL is all they can be given wrongly.
#define ABUSE_NULL(function) (covered.insert(#function), function(nullptr))

/// Elements in the middle of room enough for any small wrong stride.
std::vector<float> room(1 << 16);
void *const data = &room[1 << 15];
std::vector<std::int64_t> shape(64, 1), strides(64, 1);
std::vector<std::int32_t> axes(64, 0);
const ndf_dtype float32 = NDF_DTYPE_FLOAT32;
const double value = 1;

/// 2 by 3, in the middle of `room`; fills `shape`, `strides` and `axes` to match.
tensor sample() {
    shape[0] = 2;
    strides[0] = shape[1] = 3;
    axes[0] = 1;
    return ndferry::wrap(data, float32, {2, 3}, nullptr, nullptr);
}

/// No call has changed it.
bool intact(const tensor &t) {
    return t.shape() == ndferry::extents{2, 3} && t.reference_count() == 1 && t.data() == data;
}

} // namespace

TEST("functions without arguments answer") {
    covered.insert({"ndf_version_string", "ndf_version_number", "ndf_abi_version", "ndf_build_info",
                    "ndf_last_error_message", "ndf_py_is_available", "ndf_get_thread_count"});
    CHECK(*ndf_version_string() != '\0' && ndf_version_number() > 0 && *ndf_build_info() != '\0');
    CHECK_EQ(ndf_abi_version(), std::uint32_t{NDF_ABI_VERSION});
    CHECK(ndf_last_error_message() != nullptr);
    CHECK(!ndf_py_is_available());
    CHECK(ndf_get_thread_count() > 0);
}

TEST("status, types, devices and layouts") {
    (void)sample();
    ABUSE(ndf_status_name, 0);
    ABUSE(ndf_last_error_set, "x");
    ABUSE(ndf_dtype_parse, "float32", &out.dtype);
    ABUSE(ndf_dtype_format, float32, NDF_DTYPE_STYLE_NAME, sizeof out.text, out.text, &out.length);
    ABUSE(ndf_dtype_item_size, float32);
    ABUSE(ndf_dtype_is_convertible, float32);
    ABUSE(ndf_dtype_equal, float32, float32);
    ABUSE(ndf_dtype_can_cast, float32, float32, NDF_CASTING_SAFE);
    ABUSE(ndf_dtype_promote, float32, float32, &out.dtype);
    ABUSE(ndf_device_count, NDF_DEVICE_CPU);
    ABUSE(ndf_device_is_available, ndf_device{NDF_DEVICE_CPU, 0});
    ABUSE(ndf_device_name, ndf_device{NDF_DEVICE_CPU, 0}, sizeof out.text, out.text, &out.length);
    ABUSE(ndf_device_description, ndf_device{NDF_DEVICE_CPU, 0}, sizeof out.text, out.text, &out.length);
    ABUSE(ndf_device_memory_info, ndf_device{NDF_DEVICE_CPU, 0}, &out.length, &out.length);
    ABUSE(ndf_device_can_access_peer, ndf_device{NDF_DEVICE_CPU, 0}, ndf_device{NDF_DEVICE_CPU, 0});
    ABUSE(ndf_device_of_pointer, data, &out.device);
    ABUSE(ndf_device_synchronize, ndf_device{NDF_DEVICE_CPU, 0});
    ABUSE(ndf_layout_strides, 2, shape.data(), NDF_ORDER_C, out.dims);
    ABUSE(ndf_layout_byte_span, float32, 2, shape.data(), strides.data(), &out.low, &out.high);
    ABUSE(ndf_layout_is_contiguous, 2, shape.data(), strides.data(), NDF_ORDER_C);
    ABUSE(ndf_layout_broadcast, 2, shape.data(), 2, shape.data(), 64, out.dims, &out.number);
}

TEST("making tensors") {
    const tensor t = sample();
    ABUSE(ndf_tensor_empty, float32, 2, shape.data(), nullptr, &out.tensor);
    ABUSE(ndf_tensor_empty_like, t.get(), float32, nullptr, &out.tensor);
    ABUSE(ndf_tensor_zeros, float32, 2, shape.data(), nullptr, &out.tensor);
    ABUSE(ndf_tensor_full, float32, 2, shape.data(), NDF_DTYPE_FLOAT64, &value, nullptr, &out.tensor);
    ABUSE(ndf_tensor_from_data, data, float32, 2, shape.data(), strides.data(), nullptr, &out.tensor);
    ABUSE(ndf_tensor_wrap, data, float32, 2, shape.data(), strides.data(), nullptr, nullptr, nullptr, &out.tensor);
    ABUSE_NULL(ndf_tensor_release);
    CHECK(ABUSE_NULL(ndf_tensor_retain) == nullptr);
}

TEST("describing tensors") {
    const tensor t = sample();
    ABUSE(ndf_tensor_dtype, t.get());
    ABUSE(ndf_tensor_device, t.get());
    ABUSE(ndf_tensor_ndim, t.get());
    ABUSE(ndf_tensor_shape, t.get());
    ABUSE(ndf_tensor_strides, t.get());
    ABUSE(ndf_tensor_element_count, t.get());
    ABUSE(ndf_tensor_byte_size, t.get());
    ABUSE(ndf_tensor_data, t.get());
    ABUSE(ndf_tensor_const_data, t.get());
    ABUSE(ndf_tensor_bit_offset, t.get());
    ABUSE(ndf_tensor_is_contiguous, t.get(), NDF_ORDER_C);
    ABUSE(ndf_tensor_is_read_only, t.get());
    ABUSE(ndf_tensor_reference_count, t.get());
    ABUSE(ndf_tensor_shares_memory, t.get(), t.get());
    ABUSE(ndf_tensor_format, t.get(), nullptr, sizeof out.text, out.text, &out.length);
    CHECK(intact(t));
}

TEST("views") {
    const tensor t = sample();
    ABUSE(ndf_tensor_permute, t.get(), 2, axes.data(), &out.tensor);
    ABUSE(ndf_tensor_transpose, t.get(), &out.tensor);
    ABUSE(ndf_tensor_swap_axes, t.get(), 0, 1, &out.tensor);
    ABUSE(ndf_tensor_slice, t.get(), 0, 0, 2, 1, &out.tensor);
    ABUSE(ndf_tensor_select, t.get(), 0, 0, &out.tensor);
    ABUSE(ndf_tensor_flip, t.get(), 1, axes.data(), &out.tensor);
    ABUSE(ndf_tensor_squeeze, t.get(), NDF_ALL_AXES, nullptr, &out.tensor);
    ABUSE(ndf_tensor_unsqueeze, t.get(), 0, &out.tensor);
    ABUSE(ndf_tensor_reshape, t.get(), 2, shape.data(), &out.tensor);
    ABUSE(ndf_tensor_broadcast, t.get(), 2, shape.data(), &out.tensor);
    ABUSE(ndf_tensor_diagonal, t.get(), 0, 0, 1, &out.tensor);
    ABUSE(ndf_tensor_sliding_window, t.get(), 0, 1, 1, &out.tensor);
    ABUSE(ndf_tensor_reinterpret, t.get(), float32, &out.tensor);
    ABUSE(ndf_tensor_as_strided, t.get(), 2, shape.data(), strides.data(), 0, &out.tensor);
    ABUSE(ndf_tensor_as_read_only, t.get(), &out.tensor);
    CHECK(intact(t));
}

TEST("conversion") {
    const tensor t = sample();
    const tensor to = ndferry::zeros(float32, {2, 3});
    ABUSE(ndf_tensor_convert, t.get(), float32, nullptr, &out.tensor);
    ABUSE(ndf_tensor_copy_into, t.get(), to.get(), nullptr);
    ABUSE(ndf_tensor_copy, t.get(), NDF_ORDER_C, &out.tensor);
    ABUSE(ndf_tensor_contiguous, t.get(), NDF_ORDER_C, &out.tensor);
    ABUSE(ndf_tensor_cast, t.get(), float32, NDF_CASTING_DEFAULT, &out.tensor);
    ABUSE(ndf_tensor_to_device, t.get(), ndf_device{NDF_DEVICE_CPU, 0}, &out.tensor);
    ABUSE(ndf_tensor_fill, to.get(), NDF_DTYPE_FLOAT64, &value);
    ABUSE(ndf_plan_format, t.get(), t.get(), ndf_dtype{}, nullptr, sizeof out.text, out.text, &out.length);
    ABUSE(ndf_tensor_equal, t.get(), t.get(), &out.number);
    CHECK(intact(t));
}

// A stream is an address, and one that is none is as bad as any: only numbers that cannot be streams are refused.
TEST("streams") {
    const tensor t = sample();
    const tensor to = ndferry::zeros(float32, {2, 3});
    covered.insert({"ndf_tensor_wait", "ndf_tensor_record", "ndf_stream_synchronize", "ndf_tensor_fill_on",
                    "ndf_tensor_equal_on"});
    for (const std::int64_t none : {INT64_MIN, std::int64_t{-2}}) {
        CHECK_EQ(ndf_tensor_wait(t.get(), none), NDF_ERROR_INVALID_ARGUMENT);
        CHECK_EQ(ndf_tensor_record(t.get(), none), NDF_ERROR_INVALID_ARGUMENT);
        CHECK_EQ(ndf_stream_synchronize({NDF_DEVICE_CUDA, 0}, none), NDF_ERROR_INVALID_ARGUMENT);
    }
    for (const std::int64_t none : {INT64_MIN, std::int64_t{-2}, std::int64_t{-1}}) {
        CHECK_EQ(ndf_tensor_fill_on(to.get(), NDF_DTYPE_FLOAT64, &value, none), NDF_ERROR_INVALID_ARGUMENT);
        CHECK_EQ(ndf_tensor_equal_on(t.get(), t.get(), none, &out.number), NDF_ERROR_INVALID_ARGUMENT);
        ndf_create_options create{sizeof create, NDF_ORDER_C, {NDF_DEVICE_CPU, 0}, none};
        CHECK_EQ(ndf_tensor_empty(float32, 2, shape.data(), &create, &out.tensor), NDF_ERROR_INVALID_ARGUMENT);
    }
    for (const std::int64_t stream : {0, 1, 2}) {
        CHECK_EQ(ndf_tensor_wait(t.get(), stream), NDF_OK);
        CHECK_EQ(ndf_tensor_wait(nullptr, stream), NDF_ERROR_INVALID_ARGUMENT);
        CHECK_EQ(ndf_tensor_record(nullptr, stream), NDF_ERROR_INVALID_ARGUMENT);
        CHECK_EQ(ndf_stream_synchronize({NDF_DEVICE_CPU, 0}, stream), NDF_ERROR_UNSUPPORTED);
        CHECK_EQ(ndf_tensor_fill_on(to.get(), NDF_DTYPE_FLOAT64, &value, stream), NDF_OK);
        CHECK_EQ(ndf_tensor_fill_on(to.get(), NDF_DTYPE_FLOAT64, nullptr, stream), NDF_ERROR_INVALID_ARGUMENT);
        CHECK_EQ(ndf_tensor_equal_on(to.get(), to.get(), stream, &out.number), NDF_OK);
        CHECK_EQ(ndf_tensor_equal_on(to.get(), to.get(), stream, nullptr), NDF_ERROR_INVALID_ARGUMENT);
        CHECK_EQ(out.number, 1);
    }
    t.wait(-1);
    t.record(-1);
    CHECK(intact(t));
}

TEST("foreign structs") {
    const tensor t = sample();
    support::foreign<DLManagedTensor> old;
    support::foreign<DLManagedTensorVersioned> recent;
    const array_struct_ptr array = t.to_array_struct();
    ABUSE(ndf_tensor_to_dlpack_versioned, t.get(), nullptr, &out.versioned);
    ABUSE(ndf_tensor_to_dlpack, t.get(), nullptr, &out.legacy);
    ABUSE(ndf_tensor_from_dlpack_versioned, &recent.managed, &out.tensor);
    ABUSE(ndf_tensor_from_dlpack, &old.managed, &out.tensor);
    ABUSE(ndf_dlpack_check_versioned, &recent.managed);
    ABUSE(ndf_dlpack_check, &old.managed);
    ABUSE(ndf_tensor_to_dlpack_for, t.get(), "torch", nullptr, &out.versioned, &out.legacy);
    ABUSE(ndf_tensor_to_dlpack_for, t.get(), "jax", nullptr, &out.versioned, &out.legacy);
    ABUSE(ndf_tensor_explain_for, t.get(), "jax", nullptr, sizeof out.text, out.text, &out.length);
    ABUSE(ndf_consumer_describe, "jax", sizeof out.text, out.text, &out.length);
    ABUSE(ndf_consumer_name, 0);
    covered.insert("ndf_consumer_count");
    CHECK(ndf_consumer_count() > 0);
    ABUSE(ndf_tensor_to_array_struct, t.get(), nullptr, &out.array);
    ABUSE(ndf_tensor_from_array_struct, array.get(), ndf_dtype{}, nullptr, nullptr, &out.tensor);
    ABUSE(ndf_tensor_array_interface, t.get(), sizeof out.text, out.text, &out.length);
    ABUSE_NULL(ndf_array_struct_release);
    const ndferry::buffer buffer = t.to_buffer();
    ABUSE(ndf_tensor_to_buffer, t.get(), NDF_BUFFER_FULL, &out.buffer);
    ABUSE(ndf_tensor_from_buffer, buffer.get(), nullptr, nullptr, &out.tensor);
    ABUSE_NULL(ndf_buffer_release);
}

TEST("structs of device memory and of Arrow") {
    const tensor t = sample();
    ndferry::wrap_options options;
    options.device = {NDF_DEVICE_CUDA, 0};
    const tensor there = ndferry::wrap(data, float32, {2, 3}, nullptr, nullptr, options);
    const ndferry::cuda_array array = there.to_cuda_array();
    ABUSE(ndf_tensor_to_cuda_array, there.get(), 3, &out.cuda_array);
    ABUSE(ndf_tensor_from_cuda_array, array.get(), nullptr, nullptr, &out.tensor);
    ABUSE(ndf_tensor_cuda_array_interface, there.get(), 3, sizeof out.text, out.text, &out.length);
    ABUSE_NULL(ndf_cuda_array_release);
    ArrowSchema schema;
    ArrowArray elements;
    t.to_arrow(&schema, &elements);
    ABUSE(ndf_tensor_to_arrow, t.get(), nullptr, &out.schema, &out.arrow);
    ABUSE(ndf_tensor_from_arrow, &schema, &elements, nullptr, &out.tensor);
    CHECK(elements.release == nullptr);
    schema.release(&schema);
}

TEST("Python's functions where there is no Python") {
    const tensor t = sample();
    int object = 0;
    const auto absent = [](const void *result) {
        CHECK(result == nullptr);
        CHECK(support::says(ndf_last_error_message(), ""));
    };
    covered.insert({"ndf_py_dlpack_capsule", "ndf_py_from_dlpack_capsule", "ndf_py_array_struct_capsule",
                    "ndf_py_from_array_struct_capsule", "ndf_py_memoryview", "ndf_py_module",
                    "ndf_py_from_dlpack_exchange_api", "ndf_py_arrow_schema_capsule", "ndf_py_arrow_array_capsule",
                    "ndf_py_capsule_of_dlpack", "ndf_py_dlpack_capsule_is_copied"});
    absent(ndf_py_arrow_schema_capsule(t.get()));
    absent(ndf_py_arrow_schema_capsule(nullptr));
    absent(ndf_py_arrow_array_capsule(t.get()));
    absent(ndf_py_arrow_array_capsule(nullptr));
    absent(ndf_py_memoryview(t.get(), NDF_BUFFER_FULL));
    absent(ndf_py_memoryview(nullptr, -1));
    absent(ndf_py_dlpack_capsule(t.get(), NDF_PY_VERSIONED));
    absent(ndf_py_dlpack_capsule(nullptr, 0));
    absent(ndf_py_dlpack_capsule(t.get(), 77));
    const auto handed = t.to_dlpack();
    absent(ndf_py_capsule_of_dlpack(handed.get(), nullptr));
    absent(ndf_py_capsule_of_dlpack(nullptr, nullptr));
    absent(ndf_py_from_dlpack_capsule(&object));
    absent(ndf_py_from_dlpack_capsule(nullptr));
    CHECK(!ndf_py_dlpack_capsule_is_copied(&object));
    CHECK(!ndf_py_dlpack_capsule_is_copied(nullptr));
    absent(ndf_py_array_struct_capsule(t.get(), nullptr));
    absent(ndf_py_array_struct_capsule(nullptr, nullptr));
    absent(ndf_py_from_array_struct_capsule(&object, &object, ndf_dtype{}));
    absent(ndf_py_from_array_struct_capsule(nullptr, nullptr, ndf_dtype{}));
    absent(ndf_py_module());
    absent(ndf_py_from_dlpack_exchange_api(&object));
    absent(ndf_py_from_dlpack_exchange_api(nullptr));
    ABUSE_NULL(ndf_py_release_object);
}

TEST("the library as a whole") {
    ndf_statistics alive{sizeof(ndf_statistics), 0, 0, 0};
    ABUSE(ndf_set_allocator, nullptr);
    ABUSE(ndf_statistics_get, &alive);
    ABUSE(ndf_set_thread_count, 0);
    ABUSE(ndf_set_parallel_for, nullptr, nullptr);
    CHECK_OK(ndf_set_thread_count(0));
}

TEST("no function of the header was left out") {
    std::ifstream file(NDFERRY_HEADER_PATH);
    std::stringstream text;
    text << file.rdbuf();
    const std::string header = std::regex_replace(text.str(), std::regex(R"(/\*[^*]*\*+([^/*][^*]*\*+)*/)"), "");
    std::set<std::string> declared;
    const std::regex function(R"(\b(ndf_\w+)\()");
    for (std::sregex_iterator match(header.begin(), header.end(), function), end; match != end; ++match) {
        declared.insert((*match)[1]);
    }
    CHECK(declared.size() > 70);
    for (const std::string &name : declared) {
        if (covered.count(name) == 0) throw std::runtime_error(name + " is in ndferry.h and not in this file");
    }
    for (const std::string &name : covered) {
        if (declared.count(name) == 0) throw std::runtime_error(name + " is in this file and not in ndferry.h");
    }
}
