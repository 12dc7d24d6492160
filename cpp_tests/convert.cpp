#include "support.hpp"

#include <cmath>

using namespace ndferry;
using support::count_up;
using support::elements;

TEST("elements become another type") {
    const tensor t = from_data(std::vector<double>{0.5, 1.5, 2.5, -3.7}, {4});
    CHECK(elements<float>(t.convert(float32)) == std::vector<float>{0.5f, 1.5f, 2.5f, -3.7f});
    CHECK(elements<std::int32_t>(t.convert(int32)) == std::vector<std::int32_t>{0, 1, 2, -3});
}

TEST("half floats round to nearest even") {
    const tensor t = from_data(std::vector<float>{1.0f, 65504.0f, 65520.0f, 2049.0f, 2051.0f}, {5});
    const tensor half = t.convert(float16).reinterpret(uint16);
    CHECK(elements<std::uint16_t>(half) == std::vector<std::uint16_t>{0x3c00, 0x7bff, 0x7c00, 0x6800, 0x6802});
    CHECK(elements<std::uint16_t>(t.convert(bfloat16).reinterpret(uint16)) ==
          std::vector<std::uint16_t>{0x3f80, 0x4780, 0x4780, 0x4500, 0x4500});
}

TEST("when nothing is to be done the same tensor comes back") {
    const tensor t = count_up({2, 3});
    CHECK(t.convert(int32).get() == t.get());
    CHECK(t.contiguous().get() == t.get());
    CHECK(t.cast(int32).get() == t.get());
    CHECK(t.to_device({NDF_DEVICE_CPU, 0}).get() == t.get());
    CHECK(t.copy().get() != t.get());
    CHECK(!t.copy().shares_memory(t));
}

TEST("copy says never, if needed or always") {
    const tensor t = count_up({2, 3});
    convert_options options;
    options.copy = NDF_COPY_NEVER;
    CHECK(t.convert(int32, options).get() == t.get());
    CHECK_ERROR(NDF_ERROR_COPY_REQUIRED, "", t.convert(float32, options));
    CHECK_ERROR(NDF_ERROR_COPY_REQUIRED, "", t.transpose().convert(int32, options));
    options.copy = NDF_COPY_ALWAYS;
    CHECK(!t.convert(int32, options).shares_memory(t));
}

TEST("memory order is C, F or as it was") {
    const tensor t = count_up({2, 3}).transpose();
    convert_options options;
    CHECK_EQ(t.convert(int64, options).strides(), (extents{2, 1}));
    options.order = NDF_ORDER_F;
    CHECK_EQ(t.convert(int64, options).strides(), (extents{1, 3}));
    options.order = NDF_ORDER_KEEP;
    CHECK_EQ(t.convert(int64, options).strides(), (extents{1, 3}));
    CHECK_EQ(t.contiguous(NDF_ORDER_C).strides(), (extents{2, 1}));
    CHECK(elements<std::int32_t>(t.contiguous()) == std::vector<std::int32_t>{0, 3, 1, 4, 2, 5});
}

TEST("a photograph becomes normalised planes in one pass") {
    const tensor photo = count_up<std::uint8_t>({4, 5, 3});
    const std::vector<double> scale{1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)};
    const std::vector<double> bias{-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225};
    convert_options options;
    options.axis = 1;
    options.scale = scale;
    options.bias = bias;
    const tensor planes = photo.flip({1}).permute({2, 0, 1}).unsqueeze(0).convert(float32, options);
    CHECK_EQ(planes.shape(), (extents{1, 3, 4, 5}));
    CHECK(planes.is_contiguous());
    for (int c = 0; c < 3; ++c) {
        const auto at = static_cast<std::size_t>(c);
        const float source = photo.at<std::uint8_t>(1, 4, c);
        CHECK_EQ(planes.at<float>(0, c, 1, 0), source * static_cast<float>(scale[at]) + static_cast<float>(bias[at]));
    }
}

TEST("scale and bias fit the axis or are refused") {
    const tensor t = count_up<float>({2, 3});
    convert_options options;
    options.axis = 1;
    options.scale = {1, 2};
    CHECK_ERROR(NDF_ERROR_SHAPE, "`scale`", t.convert(float32, options));
    options.scale = {2};
    options.bias = {1};
    CHECK(elements<float>(t.convert(float32, options)) == std::vector<float>{1, 3, 5, 7, 9, 11});
    options.axis = 2;
    options.scale = {1, 2, 3};
    CHECK_ERROR(NDF_ERROR_RANGE, "`axis`", t.convert(float32, options));
}

TEST("integers wrap as in NumPy or saturate") {
    const tensor t = from_data(std::vector<std::int32_t>{-1, 256, 300, 127}, {4});
    convert_options options;
    CHECK(elements<std::uint8_t>(t.convert(uint8)) == std::vector<std::uint8_t>{255, 0, 44, 127});
    options.overflow = NDF_OVERFLOW_SATURATE;
    CHECK(elements<std::uint8_t>(t.convert(uint8, options)) == std::vector<std::uint8_t>{0, 255, 255, 127});
    const tensor nan = from_data(std::vector<float>{NAN, INFINITY}, {2});
    CHECK(elements<std::int8_t>(nan.convert(int8, options)) == std::vector<std::int8_t>{0, 127});
}

TEST("a cast that the rule forbids is refused") {
    const tensor t = count_up<double>({2});
    convert_options options;
    options.casting = NDF_CASTING_SAFE;
    CHECK_ERROR(NDF_ERROR_DTYPE, "", t.convert(float32, options));
    CHECK_ERROR(NDF_ERROR_DTYPE, "", t.cast(int32, NDF_CASTING_SAME_KIND));
    CHECK_EQ(t.cast(int32).dtype(), int32);
}

TEST("bytes are swapped on the way") {
    const tensor big = count_up<std::int32_t>({2}).convert(dtype::parse(">i4"));
    CHECK_EQ(static_cast<const unsigned char *>(big.const_data())[7], 1);
    CHECK(elements<std::int32_t>(big.convert(int32)) == std::vector<std::int32_t>{0, 1});
    CHECK_ERROR(NDF_ERROR_DTYPE, "`T`", big.at<std::int32_t>(0));
}

TEST("copy_into converts, broadcasts and follows strides") {
    const tensor to = zeros(float64, {2, 3});
    count_up<float>({3}).copy_into(to.flip({1}));
    CHECK(elements<double>(to) == std::vector<double>{2, 1, 0, 2, 1, 0});
}

TEST("copy_into between overlapping tensors is as if through a copy") {
    const tensor t = count_up({6});
    t.slice(0, 0, 5).copy_into(t.slice(0, 1));
    CHECK(elements<std::int32_t>(t) == std::vector<std::int32_t>{0, 0, 1, 2, 3, 4});
    const tensor u = count_up({5});
    u.flip({0}).copy_into(u);
    CHECK(elements<std::int32_t>(u) == std::vector<std::int32_t>{4, 3, 2, 1, 0});
}

TEST("copy_into refuses what cannot be written, and writes nothing") {
    const tensor t = count_up({3}), to = zeros(int32, {3});
    CHECK_ERROR(NDF_ERROR_READ_ONLY, "", t.copy_into(to.as_read_only()));
    CHECK_ERROR(NDF_ERROR_SHAPE, "", t.copy_into(zeros(int32, {4})));
    CHECK_ERROR(NDF_ERROR_DTYPE, "", count_up<double>({3}).copy_into(to));
    CHECK_ERROR(NDF_ERROR_LAYOUT, "", t.copy_into(to.as_strided({3}, {0})));
    CHECK(elements<std::int32_t>(to) == std::vector<std::int32_t>(3));
}

TEST("fill writes one value everywhere, through any strides") {
    const tensor t = zeros(int16, {2, 3});
    t.slice(1, 0, NDF_SLICE_END, 2).fill(7.9);
    CHECK(elements<std::int16_t>(t) == std::vector<std::int16_t>{7, 0, 7, 7, 0, 7});
}

TEST("equality compares numbers whatever their types") {
    const tensor t = count_up({3});
    CHECK(t.equal(count_up<double>({3})));
    CHECK(!t.equal(count_up<double>({3}).flip({0})));
    CHECK(!t.equal(count_up({3, 1})));
    CHECK(zeros(int8, {0}).equal(zeros(float16, {0})));
    const tensor nan = full(float32, {1}, static_cast<double>(NAN));
    CHECK(!nan.equal(nan));
}

TEST("misaligned memory converts right") {
    alignas(8) unsigned char bytes[17] = {};
    const double values[] = {1.25, -2.5};
    std::memcpy(bytes + 1, values, sizeof values);
    const tensor t = wrap(bytes + 1, float64, {2}, nullptr, nullptr);
    CHECK(elements<float>(t.convert(float32)) == std::vector<float>{1.25f, -2.5f});
    t.fill(3.0);
    double back = 0;
    std::memcpy(&back, bytes + 9, sizeof back);
    CHECK_EQ(back, 3.0);
}

TEST("unknown types and other devices are carried but not converted") {
    unsigned char data[4] = {};
    const tensor unknown = wrap(data, dtype(NDF_DTYPE(200, 8)), {4}, nullptr, nullptr);
    CHECK_EQ(unknown.dtype(), dtype(NDF_DTYPE(200, 8)));
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "", unknown.convert(float32));
    wrap_options elsewhere;
    elsewhere.device = {NDF_DEVICE_CUDA, 3};
    const tensor device = wrap(data, uint8, {4}, nullptr, nullptr, elsewhere);
    CHECK_EQ(device.device().device_id, 3);
    CHECK_ERROR(NDF_ERROR_DEVICE_UNAVAILABLE, "cuda:3", device.convert(float32));
    CHECK_ERROR(NDF_ERROR_DEVICE_UNAVAILABLE, "CUDA driver", device.format());
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "", device.at<std::uint8_t>(0));
}

TEST("a refusal to write names the argument") {
    const tensor t = count_up({2, 3});
    const double one = 1;
    CHECK_REFUSED(NDF_ERROR_READ_ONLY, "`tensor`", ndf_tensor_fill(t.as_read_only().get(), float64, &one));
    CHECK_REFUSED(NDF_ERROR_READ_ONLY, "`destination`", ndf_tensor_copy_into(t.get(), t.as_read_only().get(), nullptr));
    CHECK_REFUSED(NDF_ERROR_SHAPE, "`source` has shape [3, 2], which does not broadcast to [2, 3]",
                  ndf_tensor_copy_into(t.transpose().get(), t.get(), nullptr));
}

TEST("what is made of memory that the host reaches is in plain host memory") {
    std::int16_t data[] = {1, -2, 3};
    const ndf_device devices[] = {{NDF_DEVICE_CUDA_HOST, 0}, {NDF_DEVICE_CUDA_MANAGED, 0}, {NDF_DEVICE_CPU, 5}};
    for (const ndf_device at : devices) {
        wrap_options there;
        there.device = at;
        const tensor t = wrap(data, int16, {3}, nullptr, nullptr, there);
        CHECK(t.contiguous().get() == t.get());
        CHECK_EQ(t.convert(float32).device().device_type, NDF_DEVICE_CPU);
        CHECK_EQ(t.convert(float32).device().device_id, 0);
        CHECK(elements<float>(t.convert(float32)) == std::vector<float>{1, -2, 3});
        CHECK(!t.copy().shares_memory(t));
        convert_options options;
        options.device = {NDF_DEVICE_CPU, 5};
        CHECK_ERROR(NDF_ERROR_DEVICE_UNAVAILABLE, "cpu:5", t.convert(float32, options));
    }
}

TEST("4-bit elements convert both ways") {
    const tensor t = from_data(std::vector<std::int8_t>{-8, 7, 1, -1, 3}, {5});
    const tensor packed = t.convert(dtype(NDF_DTYPE_INT4));
    CHECK_EQ(packed.byte_size(), 3u);
    CHECK_EQ(static_cast<const unsigned char *>(packed.const_data())[0], 0x78);
    CHECK(elements<std::int8_t>(packed.convert(int8)) == elements<std::int8_t>(t));
    CHECK(elements<std::int8_t>(packed.slice(0, 1).convert(int8)) == std::vector<std::int8_t>{7, 1, -1, 3});
}

TEST("a plan is told and not carried out, and refused as the conversion is") {
    const tensor from = count_up({2, 3}), to = zeros(float32, {2, 3});
    const auto told = [](const tensor &source, const ndf_tensor *destination, ndf_dtype type) {
        std::size_t length = 0;
        ndferry::check(ndf_plan_format(source.get(), destination, type, nullptr, 0, nullptr, &length));
        std::string text(length + 1, '?');
        ndferry::check(ndf_plan_format(source.get(), destination, type, nullptr, text.size(), &text[0], nullptr));
        CHECK_EQ(text.back(), '\0');
        text.pop_back();
        return text;
    };
    CHECK_EQ(told(from, nullptr, ndf_dtype{}), "int32 to int32: nothing is to be done, the memory is shared");
    const std::string made = told(from, nullptr, NDF_DTYPE_FLOAT64);
    CHECK_EQ(made.substr(0, made.find("\n  way")),
             "int32 to float64: makes 48 B\npass over 6 numbers\n  6 times source +4 B (run), target +8 B (run)");
    const std::string written = told(from.transpose(), to.transpose().get(), ndf_dtype{});
    CHECK_EQ(written.substr(0, written.find('\n')), "int32 to float32: into the destination");
    CHECK_EQ(from.explain_convert(float64), made);
    CHECK_EQ(from.transpose().explain_copy_into(to.transpose()), written);
    CHECK(elements<float>(to) == std::vector<float>(6, 0.0f));
    CHECK_ERROR(NDF_ERROR_DTYPE, "`casting`", told(to, from.get(), ndf_dtype{}));
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "`dtype` is float64", told(from, to.get(), NDF_DTYPE_FLOAT64));
    CHECK_ERROR(NDF_ERROR_READ_ONLY, "`destination`", told(from, to.as_read_only().get(), ndf_dtype{}));
    char small[8] = "?";
    CHECK_EQ(ndf_plan_format(from.get(), nullptr, ndf_dtype{}, nullptr, sizeof small, small, nullptr),
             NDF_ERROR_BUFFER_TOO_SMALL);
    CHECK_EQ(small[0], '?');
}
