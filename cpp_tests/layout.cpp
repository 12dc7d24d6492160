#include "support.hpp"

using strides3 = std::vector<std::int64_t>;

TEST("gap-free strides count elements, in either order") {
    const std::int64_t shape[] = {2, 3, 4};
    strides3 out(3);
    CHECK_OK(ndf_layout_strides(3, shape, NDF_ORDER_C, out.data()));
    CHECK(out == strides3{12, 4, 1});
    CHECK_OK(ndf_layout_strides(3, shape, NDF_ORDER_F, out.data()));
    CHECK(out == strides3{1, 2, 6});
    CHECK_OK(ndf_layout_strides(0, nullptr, NDF_ORDER_C, nullptr));
}

TEST("bad shapes have no strides, and nothing is written") {
    std::int64_t out[65] = {77};
    const std::int64_t negative[] = {2, -3}, huge[] = {INT64_MAX, INT64_MAX};
    const std::vector<std::int64_t> many(65, 1);
    CHECK_REFUSED(NDF_ERROR_SHAPE, "-3", ndf_layout_strides(2, negative, NDF_ORDER_C, out));
    CHECK_REFUSED(NDF_ERROR_OVERFLOW, "", ndf_layout_strides(2, huge, NDF_ORDER_C, out));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "65", ndf_layout_strides(65, many.data(), NDF_ORDER_C, out));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "-1", ndf_layout_strides(-1, negative, NDF_ORDER_C, out));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`order`", ndf_layout_strides(1, many.data(), 77, out));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`shape`", ndf_layout_strides(1, nullptr, NDF_ORDER_C, out));
    CHECK_EQ(out[0], 77);
}

TEST("a byte span counts from the first element, below it with negative strides") {
    const std::int64_t shape[] = {3, 2}, strides[] = {-4, 1};
    std::int64_t low = 77, high = 77;
    CHECK_OK(ndf_layout_byte_span(NDF_DTYPE_FLOAT32, 2, shape, strides, &low, &high));
    CHECK_EQ(low, -32);
    CHECK_EQ(high, 8);
    const std::int64_t none[] = {0, 2};
    CHECK_OK(ndf_layout_byte_span(NDF_DTYPE_FLOAT32, 2, none, strides, &low, &high));
    CHECK_EQ(low, high);
}

TEST("a span that reaches outside 64 bits is an overflow") {
    const std::int64_t shape[] = {3}, strides[] = {INT64_MAX / 2};
    std::int64_t low = 77, high = 77;
    CHECK_REFUSED(NDF_ERROR_OVERFLOW, "", ndf_layout_byte_span(NDF_DTYPE_FLOAT32, 1, shape, strides, &low, &high));
    CHECK_EQ(low, 77);
    CHECK_EQ(high, 77);
}

TEST("contiguity ignores the strides of axes of extent 1") {
    const std::int64_t shape[] = {2, 1, 3}, odd[] = {3, 999, 1}, gaps[] = {4, 1, 1};
    CHECK(ndf_layout_is_contiguous(3, shape, odd, NDF_ORDER_C));
    CHECK(!ndf_layout_is_contiguous(3, shape, odd, NDF_ORDER_F));
    CHECK(!ndf_layout_is_contiguous(3, shape, gaps, NDF_ORDER_C));
    CHECK(!ndf_layout_is_contiguous(-1, shape, odd, NDF_ORDER_C));
    CHECK(!ndf_layout_is_contiguous(3, nullptr, odd, NDF_ORDER_C));
}

TEST("shapes broadcast as in NumPy") {
    const std::int64_t a[] = {8, 1, 6, 1}, b[] = {7, 1, 5};
    std::int64_t out[4] = {};
    std::int32_t ndim = 0;
    CHECK_OK(ndf_layout_broadcast(4, a, 3, b, 4, out, &ndim));
    CHECK_EQ(ndferry::extents(out, 4), (ndferry::extents{8, 7, 6, 5}));
    CHECK_EQ(ndim, 4);
}

TEST("shapes that do not fit and room that does not do are refused") {
    const std::int64_t a[] = {2, 3}, b[] = {4};
    std::int64_t out[2] = {77, 77};
    std::int32_t ndim = 77;
    CHECK_REFUSED(NDF_ERROR_SHAPE, "", ndf_layout_broadcast(2, a, 1, b, 2, out, &ndim));
    CHECK_REFUSED(NDF_ERROR_BUFFER_TOO_SMALL, "`capacity`", ndf_layout_broadcast(2, a, 0, nullptr, 1, out, &ndim));
    CHECK_EQ(out[0], 77);
    CHECK_EQ(ndim, 77);
}
