// The C++ header where what fails is returned and nothing is thrown.
#define NDFERRY_EXPECTED 1
#include "check.hpp"

#include <ndferry.hpp>

#include <numeric>

static_assert(std::is_same_v<ndf::result<ndf::tensor>, ndf::expected<ndf::tensor, ndf::error>>);
static_assert(std::is_same_v<decltype(std::declval<ndf::tensor>().transpose()), ndf::result<ndf::tensor>>);
static_assert(std::is_same_v<decltype(ndf::check(NDF_OK)), ndf::expected<void, ndf::error>>);

namespace {

template <class T> ndf_status status_of(const ndf::expected<T, ndf::error> &given) {
    return given ? NDF_OK : given.error().status();
}

ndf::tensor count_up(ndf::extents shape) {
    ndf::tensor made = ndf::empty(ndf::int32, shape).value();
    const auto all = made.span<std::int32_t>().value();
    std::iota(all.begin(), all.end(), 0);
    return made;
}

} // namespace

#define CHECK_STATUS(expected, part, ...)                                                               \
    do {                                                                                                \
        const auto given = (__VA_ARGS__);                                                               \
        CHECK_EQ(static_cast<int>(status_of(given)), static_cast<int>(expected));                       \
        CHECK(std::string(given.error().what()).find(part) != std::string::npos);                       \
    } while (0)

TEST("what succeeds is a value") {
    const ndf::result<ndf::tensor> turned = count_up({2, 3}).transpose();
    CHECK(turned.has_value());
    CHECK(turned->shape() == ndf::extents{3, 2});
    CHECK_EQ(*turned->at<std::int32_t>(2, 1), 5);
    const ndf::tensor wide = turned->convert(ndf::float64).value();
    CHECK_EQ((*wide.view<double, 2>())(0, 1), 3.0);
    CHECK_EQ(*ndf::dtype::parse("<f4")->format(), "float32");
    CHECK(*count_up({2}).equal(count_up({2})));
    CHECK(ndf::set_thread_count(0).has_value());
}

TEST("what fails is an error with status and message, and nothing is thrown") {
    const ndf::tensor t = count_up({2, 3});
    CHECK_STATUS(NDF_ERROR_SHAPE, "", t.reshape({7}));
    CHECK_STATUS(NDF_ERROR_DTYPE, "", ndf::dtype::parse("what"));
    CHECK_STATUS(NDF_ERROR_DTYPE, "`T` is float32", t.view<float, 2>());
    CHECK_STATUS(NDF_ERROR_DTYPE, "`T` is float32", t.data<float>());
    CHECK_STATUS(NDF_ERROR_RANGE, "`index[0]` is 2", t.at<std::int32_t>(2, 0));
    CHECK_STATUS(NDF_ERROR_SHAPE, "`index` has 1 entries", t.at<std::int32_t>(2));
    CHECK_STATUS(NDF_ERROR_LAYOUT, "C order", t.transpose()->span<std::int32_t>());
    CHECK_STATUS(NDF_ERROR_LAYOUT, "greater than 0", t.flip()->mdspan<std::int32_t, 2>());
    CHECK_STATUS(NDF_ERROR_SHAPE, "`strides` has 1 entries", t.as_strided({1, 2}, {1}));
    CHECK_STATUS(NDF_ERROR_INVALID_ARGUMENT, "`tensor` is NULL", ndf::tensor().transpose());
    CHECK_STATUS(NDF_ERROR_SHAPE, "", t.copy_into(count_up({5})));
    CHECK_STATUS(NDF_ERROR_SHAPE, "", ndf::wrap(std::vector<float>(5), {2, 3}));
    CHECK_STATUS(NDF_ERROR_SHAPE, "", ndf::from_data(std::vector<float>(5), {2, 3}));
}

TEST("an owner goes once, also when its tensor is refused") {
    float data[2] = {};
    const auto token = std::make_shared<int>();
    {
        const auto made = ndf::wrap_owned(data, ndf::float32, {2}, token);
        CHECK_EQ(token.use_count(), 2);
    }
    CHECK_EQ(token.use_count(), 1);
    CHECK_STATUS(NDF_ERROR_SHAPE, "", ndf::wrap_owned(data, ndf::float32, {-1}, token));
    CHECK_EQ(token.use_count(), 1);
}

TEST("an element comes as a reference") {
    const ndf::tensor t = count_up({2});
    t.at<std::int32_t>(1)->get() = 7;
    std::int32_t &last = *t.at<std::int32_t>(-1);
    CHECK_EQ(last, 7);
}

TEST("what a progress function throws arrives, as it does elsewhere") {
    ndf::convert_options options;
    options.progress = [](std::int64_t, std::int64_t) -> bool { throw std::runtime_error("enough"); };
    const ndf::tensor big = ndf::zeros(ndf::float32, {1 << 22}).value();
    CHECK_THROWS(std::runtime_error, big.convert(ndf::float64, options));
}

TEST("an expected without a value throws when it is asked for it, and offers another") {
    const auto none = ndf::dtype::parse("what");
    CHECK_THROWS(ndf::bad_expected_access<ndf::error>, none.value());
    CHECK(none.value_or(ndf::float32) == ndf::float32);
    CHECK(ndf::dtype::parse("int8").value_or(ndf::float32) == ndf::int8);
    CHECK_THROWS(ndf::bad_expected_access<ndf::error>, ndf::check(NDF_ERROR_SHAPE).value());
}

TEST("a stream to which nothing could be said has failed") {
    std::ostringstream out;
    out << ndf::tensor();
    CHECK(out.fail() && out.str().empty());
    std::ostringstream well;
    well << count_up({3});
    CHECK_EQ(well.str(), "[0, 1, 2]");
}
