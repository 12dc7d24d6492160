#include "support.hpp"

using namespace ndferry;
using support::address;
using support::elements;

TEST("new memory is aligned to 256 bytes, in C order unless asked otherwise") {
    const tensor c = empty(float32, {2, 3});
    CHECK_EQ(address(c.data()) % 256, 0u);
    CHECK_EQ(c.shape(), (extents{2, 3}));
    CHECK_EQ(c.strides(), (extents{3, 1}));
    create_options columns;
    columns.order = NDF_ORDER_F;
    CHECK_EQ(empty(float32, {2, 3}, columns).strides(), (extents{1, 2}));
}

TEST("a tensor knows its type, device, count and sizes") {
    const tensor t = zeros(complex64, {2, 3});
    CHECK_EQ(t.dtype(), complex64);
    CHECK_EQ(t.device().device_type, NDF_DEVICE_CPU);
    CHECK_EQ(t.device().device_id, 0);
    CHECK_EQ(t.ndim(), 2);
    CHECK_EQ(t.element_count(), 6);
    CHECK_EQ(t.byte_size(), 48u);
    CHECK(t.is_contiguous() && !t.is_contiguous(NDF_ORDER_F) && !t.is_read_only());
    CHECK_EQ(ndf_tensor_bit_offset(t.get()), 0u);
}

TEST("packed elements share bytes") {
    CHECK_EQ(zeros(dtype(NDF_DTYPE_INT4), {5}).byte_size(), 3u);
    CHECK_EQ(zeros(dtype(NDF_DTYPE_FLOAT6_E2M3FN), {4}).byte_size(), 3u);
}

TEST("zeros are zero and full is full") {
    CHECK(elements<std::int32_t>(zeros(int32, {4})) == std::vector<std::int32_t>(4));
    CHECK(elements<float>(full(float32, {3}, 1.5)) == std::vector<float>(3, 1.5f));
    CHECK(elements<std::uint8_t>(full(uint8, {2}, std::int64_t{7})) == std::vector<std::uint8_t>(2, 7));
}

TEST("a tensor without axes has one element, without elements it has no address") {
    const tensor scalar = full(float64, {}, 2.5);
    CHECK_EQ(scalar.element_count(), 1);
    CHECK_EQ(scalar.at<double>(), 2.5);
    const tensor none = zeros(float64, {3, 0});
    CHECK_EQ(none.element_count(), 0);
    CHECK_EQ(none.byte_size(), 0u);
    CHECK(none.const_data() == nullptr);
}

TEST("a copy of the caller's elements follows its strides") {
    const std::int16_t data[] = {1, 2, 3, 4, 5, 6};
    CHECK(elements<std::int16_t>(from_data(data, int16, {3, 2}, {1, 3})) == std::vector<std::int16_t>{1, 4, 2, 5, 3, 6});
    CHECK(elements<std::int16_t>(from_data(data + 5, int16, {6}, {-1})) == std::vector<std::int16_t>{6, 5, 4, 3, 2, 1});
}

TEST("a copy is another's no more") {
    float data[] = {1, 2};
    const tensor copy = from_data(data, float32, {2});
    data[0] = 9;
    CHECK_EQ(copy.at<float>(0), 1.0f);
}

TEST("wrapped memory is the caller's own, read and written in place") {
    float data[] = {1, 2, 3, 4};
    const tensor t = wrap(data, float32, {2, 2}, nullptr, nullptr);
    CHECK(t.data() == data);
    t.at<float>(1, 0) = 9;
    CHECK_EQ(data[2], 9.0f);
}

TEST("negative strides reach below the address given") {
    std::int32_t data[] = {1, 2, 3};
    wrap_options options;
    options.strides = {-1};
    const tensor t = wrap(data + 2, int32, {3}, nullptr, nullptr, options);
    CHECK(t.const_data() == data + 2);
    CHECK(elements<std::int32_t>(t) == std::vector<std::int32_t>{3, 2, 1});
    CHECK_EQ(statistics().live_bytes, 12);
}

TEST("read-only memory has no address for writing, and neither have its views") {
    const float data[] = {1, 2};
    wrap_options options;
    options.read_only = true;
    const tensor t = wrap(const_cast<float *>(data), float32, {2}, nullptr, nullptr, options);
    CHECK(t.is_read_only() && t.data() == nullptr && t.const_data() == data);
    CHECK(t.flip({0}).is_read_only());
    CHECK_ERROR(NDF_ERROR_READ_ONLY, "read-only", t.fill(1.0f));
    CHECK_ERROR(NDF_ERROR_READ_ONLY, "read-only", t.data<float>());
    CHECK(t.data<const float>() == data);
}

TEST("like another tensor means its shape, and its order when asked to keep it") {
    const tensor columns = support::count_up({2, 3}).transpose();
    CHECK_EQ(empty_like(columns).strides(), (extents{2, 1}));
    create_options keep;
    keep.order = NDF_ORDER_KEEP;
    CHECK_EQ(empty_like(columns, {}, keep).strides(), (extents{1, 3}));
    CHECK_EQ(empty_like(columns, float16).dtype(), float16);
}

TEST("retain adds a reference to the same handle") {
    const tensor t = zeros(int8, {1});
    CHECK_EQ(t.reference_count(), 1u);
    const tensor other = t;
    CHECK(other.get() == t.get());
    CHECK_EQ(t.reference_count(), 2u);
}

TEST("memory is shared by views and by nobody else") {
    const tensor t = support::count_up({4}), other = support::count_up({4});
    CHECK(t.shares_memory(t.slice(0, 1)));
    CHECK(!t.shares_memory(other));
    CHECK(!t.slice(0, 0, 2).shares_memory(t.slice(0, 2)));
    CHECK(!t.slice(0, 0, NDF_SLICE_END, 2).shares_memory(t.slice(0, 1, NDF_SLICE_END, 2)));
}

TEST("elements print as NumPy prints them") {
    CHECK_EQ(support::count_up({2, 3}).format(), "[[0, 1, 2],\n [3, 4, 5]]");
    CHECK_EQ(full(float64, {2}, 1.5).format(), "[1.5, 1.5]");
    CHECK_EQ(support::count_up({2, 2}).flip({1}).format(), "[[1, 0],\n [3, 2]]");
}

TEST("a long tensor is summarised") {
    const std::string text = support::count_up({2000}).format();
    CHECK(support::says(text, "..."));
    CHECK(text.size() < 100);
    format_options options;
    options.threshold = 5000;
    CHECK(!support::says(support::count_up({2000}).format(options), "..."));
}

TEST("text that does not fit is not written") {
    const tensor t = support::count_up({3});
    char text[4] = "###";
    size_t length = 99;
    CHECK_REFUSED(NDF_ERROR_BUFFER_TOO_SMALL, "`capacity`", ndf_tensor_format(t.get(), nullptr, 4, text, &length));
    CHECK_EQ(std::string(text), "###");
    CHECK_EQ(length, 99u);
    CHECK_OK(ndf_tensor_format(t.get(), nullptr, 0, nullptr, &length));
    CHECK_EQ(length, t.format().size());
}

TEST("malformed shapes, types and devices make no tensor") {
    CHECK_ERROR(NDF_ERROR_SHAPE, "-2", zeros(float32, {3, -2}));
    CHECK_ERROR(NDF_ERROR_OVERFLOW, "", zeros(float32, {INT64_MAX, 2}));
    CHECK_ERROR(NDF_ERROR_OVERFLOW, "", zeros(float64, {INT64_MAX}));
    CHECK_ERROR(NDF_ERROR_DTYPE, "", zeros(dtype(), {3}));
    CHECK_ERROR(NDF_ERROR_DTYPE, "", zeros(dtype(NDF_DTYPE(NDF_CODE_FLOAT, 0)), {3}));
    create_options elsewhere;
    elsewhere.device = {NDF_DEVICE_ROCM, 0};
    CHECK_ERROR(NDF_ERROR_DEVICE_UNAVAILABLE, "rocm", zeros(float32, {3}, elsewhere));
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "65", zeros(float32, std::vector<std::int64_t>(65, 1)));
}

TEST("wrapping nonsense is refused and consumes nothing") {
    float data[4] = {};
    support::counter ends;
    const auto attempt = [&](void *at, dtype type, extents shape, const wrap_options &options = {}) {
        return wrap(at, type, shape, support::counter::run, &ends, options);
    };
    wrap_options around;
    around.strides = {INT64_MAX / 8};
    CHECK_ERROR(NDF_ERROR_OVERFLOW, "`strides`", attempt(data, float32, {5}, around));
    around.strides = {INT64_MIN};
    CHECK_ERROR(NDF_ERROR_OVERFLOW, "", attempt(data, float32, {2}, around));
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "`data`", attempt(nullptr, float32, {2}));
    CHECK_ERROR(NDF_ERROR_SHAPE, "-1", attempt(data, float32, {-1}));
    CHECK_ERROR(NDF_ERROR_DTYPE, "", attempt(data, dtype(), {2}));
    const tensor none = attempt(nullptr, float32, {0});
    CHECK_EQ(ends.runs, 0);
}

TEST("getters of no tensor give neutral values") {
    CHECK_EQ(dtype(ndf_tensor_dtype(nullptr)), dtype());
    CHECK_EQ(ndf_tensor_device(nullptr).device_type, 0);
    CHECK_EQ(ndf_tensor_ndim(nullptr), 0);
    CHECK(ndf_tensor_shape(nullptr) == nullptr && ndf_tensor_strides(nullptr) == nullptr);
    CHECK_EQ(ndf_tensor_element_count(nullptr), 0);
    CHECK_EQ(ndf_tensor_byte_size(nullptr), 0u);
    CHECK(ndf_tensor_data(nullptr) == nullptr && ndf_tensor_const_data(nullptr) == nullptr);
    CHECK(!ndf_tensor_is_contiguous(nullptr, NDF_ORDER_C) && !ndf_tensor_is_read_only(nullptr));
    CHECK_EQ(ndf_tensor_reference_count(nullptr), 0u);
    CHECK(ndf_tensor_retain(nullptr) == nullptr);
    ndf_tensor_release(nullptr);
}
