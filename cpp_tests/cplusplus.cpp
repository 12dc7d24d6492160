// ndferry.hpp itself: owners, exceptions, typed access.
#include "support.hpp"

#include <array>
#include <thread>

using namespace ndferry;
using support::count_up;
using support::elements;

static_assert(std::is_nothrow_move_constructible_v<tensor> && std::is_nothrow_move_assignable_v<tensor>);
static_assert(std::is_nothrow_copy_constructible_v<tensor>);
static_assert(sizeof(tensor) == sizeof(void *));
static_assert(!std::is_convertible_v<ndf_tensor *, tensor>, "adopting a handle must be said");

TEST("a copy is a reference and a move passes it on") {
    tensor a = count_up({2});
    tensor b = a;
    CHECK_EQ(a.reference_count(), 2u);
    tensor c = std::move(b);
    CHECK_EQ(a.reference_count(), 2u);
    CHECK(!b);
    const tensor &itself = a;
    a = itself;
    CHECK_EQ(a.reference_count(), 2u);
    a = std::move(c);
    CHECK_EQ(a.reference_count(), 1u);
}

TEST("a handle is adopted and given away") {
    ndf_tensor *handle = count_up({2}).release();
    const tensor t(handle);
    CHECK(t.get() == handle);
    CHECK_EQ(t.reference_count(), 1u);
}

TEST("an empty tensor gives neutral values and throws when used") {
    const tensor none;
    CHECK(!none && none.ndim() == 0 && none.shape().empty() && none.dtype() == dtype());
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "`tensor` is NULL", none.transpose());
    CHECK_ERROR(NDF_ERROR_DTYPE, "empty", none.data<float>());
}

TEST("an exception keeps the status and the message") {
    try {
        (void)count_up({2, 3}).permute({0});
        CHECK(false);
    } catch (const error &failure) {
        const std::string message = ndf_last_error_message();
        (void)ndf_last_error_set("something else");
        CHECK_EQ(static_cast<int>(failure.status()), static_cast<int>(NDF_ERROR_SHAPE));
        CHECK_EQ(std::string(failure.what()), message);
    }
}

TEST("a vector moves in, and goes with the last view") {
    std::vector<float> pixels(6, 1.5f);
    const float *const data = pixels.data();
    const tensor t = wrap(std::move(pixels), {2, 3});
    CHECK(t.data() == data);
    CHECK_EQ(t.at<float>(1, 2), 1.5f);
    CHECK_ERROR(NDF_ERROR_SHAPE, "", wrap(std::vector<float>(5), {2, 3}));
}

TEST("a unique_ptr moves in") {
    auto owner = std::make_unique<int[]>(4);
    owner[3] = 7;
    CHECK_EQ(wrap(std::move(owner), {2, 2}).at<int>(-1, -1), 7);
}

TEST("a shared_ptr is shared, and const elements are read-only") {
    const std::shared_ptr<const std::array<float, 2>> owner = std::make_shared<std::array<float, 2>>();
    const std::shared_ptr<const float[]> first(owner, owner->data());
    {
        const tensor t = wrap(first, {2});
        CHECK(t.is_read_only());
        CHECK_EQ(owner.use_count(), 3);
    }
    CHECK_EQ(owner.use_count(), 2);
}

TEST("any object may keep memory alive, destroyed once on whichever thread") {
    float data[2] = {1, 2};
    const auto token = std::make_shared<int>();
    tensor t = wrap_owned(data, float32, {2}, token);
    CHECK_EQ(token.use_count(), 2);
    std::thread([moved = std::move(t)]() mutable { moved = {}; }).join();
    CHECK_EQ(token.use_count(), 1);
    CHECK_ERROR(NDF_ERROR_SHAPE, "", wrap_owned(data, float32, {-1}, token));
    CHECK_EQ(token.use_count(), 1);
}

TEST("containers are copied in whatever their kind") {
    CHECK(elements<double>(from_data(std::array<double, 2>{1, 2}, {2})) == std::vector<double>{1, 2});
    CHECK_ERROR(NDF_ERROR_SHAPE, "", from_data(std::vector<double>(3), {2}));
}

TEST("C++ types have element types") {
    CHECK_EQ(dtype_of<bool>(), boolean);
    CHECK_EQ(dtype_of<signed char>(), int8);
    CHECK_EQ(dtype_of<unsigned short>(), uint16);
    CHECK_EQ(dtype_of<long>(), sizeof(long) == 8 ? int64 : int32);
    CHECK_EQ(dtype_of<const float>(), float32);
    CHECK_EQ(dtype_of<std::complex<double>>(), complex128);
    CHECK_EQ(dtype_of<std::byte>(), uint8);
}

namespace {
struct half {
    std::uint16_t bits;
};
} // namespace

template <> struct ndferry::dtype_traits<half> { static constexpr dtype value = float16; };

TEST("a type of the program's own has an element type when the program says so") {
    const tensor t = full(float32, {2}, 1.0).convert(float16);
    CHECK_EQ(t.at<half>(1).bits, 0x3c00);
}

TEST("elements are reached by index through any view, and checked") {
    const tensor t = count_up({2, 3}).flip({1}).transpose();
    CHECK_EQ(t.at<std::int32_t>(0, 1), 5);
    t.at<std::int32_t>(-1, -1) = 99;
    CHECK_EQ(t.at<const std::int32_t>(2, 1), 99);
    CHECK_ERROR(NDF_ERROR_RANGE, "`index[1]` is 2", t.at<std::int32_t>(0, 2));
    CHECK_ERROR(NDF_ERROR_RANGE, "`index[0]` is -4", t.at<std::int32_t>(-4, 0));
    CHECK_ERROR(NDF_ERROR_SHAPE, "`index` has 1 entries", t.at<std::int32_t>(0));
    CHECK_ERROR(NDF_ERROR_DTYPE, "`T` is float32, the tensor is int32", t.at<float>(0, 0));
    CHECK_ERROR(NDF_ERROR_READ_ONLY, "", t.as_read_only().at<std::int32_t>(0, 0));
    CHECK_EQ(t.as_read_only().at<const std::int32_t>(0, 1), 5);
}

TEST("lists compare and print like tuples") {
    const tensor t = count_up({2, 3});
    std::ostringstream out;
    out << t.shape() << count_up({4}).strides() << count_up({}).shape();
    CHECK_EQ(out.str(), "(2, 3)(1,)()");
    CHECK(t.shape() == std::vector<std::int64_t>{2, 3});
    CHECK(t.shape() != (extents{3, 2}));
}

TEST("tensors and types are written to streams") {
    std::ostringstream out;
    out << count_up({3}) << ' ' << float32;
    CHECK_EQ(out.str(), "[0, 1, 2] float32");
}

TEST("an owner of a DLPack struct that is refused still owns it") {
    support::foreign<DLManagedTensor> producer;
    producer.shape[0] = -1;
    CHECK_ERROR(NDF_ERROR_SHAPE, "", from_dlpack(dlpack_ptr<DLManagedTensor>(&producer.managed)));
    CHECK_EQ(producer.freed, 1);
}

TEST("two lists that C counts once must agree") {
    float data[4] = {};
    CHECK_ERROR(NDF_ERROR_SHAPE, "`strides` has 1 entries, `shape` has 2", from_data(data, float32, {2, 2}, {1}));
    CHECK_ERROR(NDF_ERROR_SHAPE, "`strides`", count_up({4}).as_strided({2, 2}, {1, 1, 1}));
}

#if __cplusplus >= 202002L
TEST("options are named in place") {
    const tensor t = count_up<float>({2}).convert(float64, {.order = NDF_ORDER_F, .scale = {2}, .bias = {1}});
    CHECK(elements<double>(t) == std::vector<double>{1, 3});
}
#endif
