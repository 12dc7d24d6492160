#include "support.hpp"

using namespace ndferry;
using support::count_up;
using list = std::vector<std::int32_t>;

static list read(const tensor &t) { return support::elements<std::int32_t>(t); }

TEST("a view moves no bytes") {
    const tensor t = count_up({2, 3});
    CHECK(t.transpose().const_data() == t.const_data());
    CHECK(t.slice(1, 1).const_data() == t.data<std::int32_t>() + 1);
    CHECK_EQ(statistics().live_bytes, 24);
}

TEST("axes are permuted, reversed and exchanged") {
    const tensor t = count_up({2, 3, 4});
    CHECK_EQ(t.permute({2, 0, -2}).shape(), (extents{4, 2, 3}));
    CHECK_EQ(t.transpose().shape(), (extents{4, 3, 2}));
    CHECK_EQ(t.swap_axes(0, -1).strides(), (extents{1, 4, 12}));
    CHECK(read(count_up({2, 3}).transpose()) == list{0, 3, 1, 4, 2, 5});
}

TEST("a slice is Python's, negative bounds and steps included") {
    const tensor t = count_up({6});
    CHECK(read(t.slice(0, 1, 5, 2)) == list{1, 3});
    CHECK(read(t.slice(0, -2)) == list{4, 5});
    CHECK(read(t.slice(0, NDF_SLICE_END, NDF_SLICE_END, -1)) == list{5, 4, 3, 2, 1, 0});
    CHECK(read(t.slice(0, 4, 1, -2)) == list{4, 2});
    CHECK(read(t.slice(0, -100, 100)) == list{0, 1, 2, 3, 4, 5});
    CHECK_EQ(t.slice(0, 5, 2).element_count(), 0);
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "`step`", t.slice(0, 0, 1, 0));
    CHECK_ERROR(NDF_ERROR_RANGE, "`axis`", t.slice(1, 0));
    CHECK(read(t.slice(0, 0, 6, INT64_MAX)) == list{0});
    CHECK(read(t.slice(0, 5, NDF_SLICE_END, INT64_MIN)) == list{5});
}

TEST("select drops the axis") {
    const tensor t = count_up({2, 3});
    CHECK(read(t.select(0, -1)) == list{3, 4, 5});
    CHECK_EQ(t.select(1, 2).shape(), (extents{2}));
    CHECK_ERROR(NDF_ERROR_RANGE, "`index`", t.select(0, 2));
    CHECK_ERROR(NDF_ERROR_RANGE, "`index`", t.select(0, -3));
    CHECK_ERROR(NDF_ERROR_RANGE, "`axis`", t.select(-3, 0));
}

TEST("flip reverses the axes named, each once") {
    const tensor t = count_up({2, 2});
    CHECK(read(t.flip({0, 1})) == list{3, 2, 1, 0});
    CHECK(read(t.flip({})) == list{0, 1, 2, 3});
    CHECK(read(t.flip()) == list{3, 2, 1, 0});
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "`axes`", t.flip({1, -1}));
}

TEST("axes of extent 1 come and go") {
    const tensor t = count_up({2, 1, 3, 1});
    CHECK_EQ(t.squeeze().shape(), (extents{2, 3}));
    CHECK_EQ(t.squeeze(axes()).shape(), t.shape());
    CHECK_EQ(t.squeeze({-1}).shape(), (extents{2, 1, 3}));
    CHECK_EQ(t.unsqueeze(0).shape(), (extents{1, 2, 1, 3, 1}));
    CHECK_EQ(t.unsqueeze(-1).shape(), (extents{2, 1, 3, 1, 1}));
    CHECK_ERROR(NDF_ERROR_SHAPE, "", t.squeeze({0}));
    CHECK_ERROR(NDF_ERROR_RANGE, "`axis`", t.unsqueeze(6));
}

TEST("reshape is a view or an error that says so") {
    const tensor t = count_up({2, 3, 4});
    CHECK_EQ(t.reshape({6, -1}).shape(), (extents{6, 4}));
    CHECK(t.reshape({24}).const_data() == t.const_data());
    CHECK_ERROR(NDF_ERROR_SHAPE, "", t.reshape({5, 5}));
    CHECK_ERROR(NDF_ERROR_SHAPE, "", t.reshape({-1, -1}));
    CHECK_ERROR(NDF_ERROR_LAYOUT, "", t.transpose().reshape({24}));
}

TEST("a broadcast repeats without copies and is read-only where it repeats") {
    const tensor t = count_up({3});
    const tensor wide = t.broadcast({2, 3});
    CHECK(read(wide) == list{0, 1, 2, 0, 1, 2});
    CHECK_EQ(wide.strides()[0], 0);
    CHECK(wide.is_read_only());
    CHECK(!t.broadcast({1, 3}).is_read_only());
    CHECK_ERROR(NDF_ERROR_SHAPE, "", t.broadcast({2}));
}

TEST("a diagonal is the last axis") {
    const tensor t = count_up({3, 4});
    CHECK(read(t.diagonal()) == list{0, 5, 10});
    CHECK(read(t.diagonal(1)) == list{1, 6, 11});
    CHECK(read(t.diagonal(-2)) == list{8});
    CHECK_EQ(t.diagonal(INT64_MAX).element_count(), 0);
    CHECK_EQ(t.diagonal(INT64_MIN).element_count(), 0);
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "", t.diagonal(0, 1, -1));
}

TEST("windows that share elements are read-only") {
    const tensor t = count_up({5});
    CHECK(read(t.sliding_window(0, 3, 2)) == list{0, 1, 2, 2, 3, 4});
    CHECK(t.sliding_window(0, 3, 2).is_read_only());
    CHECK(!t.sliding_window(0, 2, 2).is_read_only());
    CHECK_ERROR(NDF_ERROR_RANGE, "`window`", t.sliding_window(0, 6));
    CHECK_ERROR(NDF_ERROR_RANGE, "`step`", t.sliding_window(0, 2, 0));
}

TEST("bytes are seen as another type, the last axis taking the difference") {
    const tensor t = count_up({2, 2});
    CHECK_EQ(t.reinterpret(int16).shape(), (extents{2, 4}));
    CHECK_EQ(t.reinterpret(int64).shape(), (extents{2, 1}));
    CHECK_EQ(t.reinterpret(float32).at<float>(0, 0), 0.0f);
    CHECK_ERROR(NDF_ERROR_LAYOUT, "", t.transpose().reinterpret(int64));
    CHECK_ERROR(NDF_ERROR_DTYPE, "", t.reinterpret(dtype()));
}

TEST("any strides may be asked for, but every element lies inside the memory") {
    const tensor t = count_up({6});
    CHECK(read(t.as_strided({2, 2}, {1, 3}, 1)) == list{1, 4, 2, 5});
}

TEST("elements outside the memory are refused") {
    const tensor t = count_up({6});
    CHECK_ERROR(NDF_ERROR_RANGE, "", t.as_strided({7}, {1}));
    CHECK_ERROR(NDF_ERROR_RANGE, "", t.as_strided({2}, {-1}));
    CHECK_ERROR(NDF_ERROR_RANGE, "", t.as_strided({1}, {1}, 6));
    CHECK_ERROR(NDF_ERROR_RANGE, "", t.as_strided({1}, {1}, -1));
    CHECK_ERROR(NDF_ERROR_OVERFLOW, "", t.as_strided({3}, {INT64_MAX}));
    CHECK_ERROR(NDF_ERROR_SHAPE, "", t.as_strided({-1}, {1}));
}

TEST("a read-only view of writable memory may not be written") {
    const tensor t = count_up({2});
    const tensor view = t.as_read_only();
    CHECK(view.is_read_only() && view.data() == nullptr && !t.is_read_only());
    CHECK(view.const_data() == t.const_data());
}

TEST("permutations that are none are refused") {
    const tensor t = count_up({2, 3});
    CHECK_ERROR(NDF_ERROR_SHAPE, "`axes`", t.permute({0}));
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "`axes`", t.permute({0, 0}));
    CHECK_ERROR(NDF_ERROR_RANGE, "", t.permute({0, 2}));
    CHECK_ERROR(NDF_ERROR_RANGE, "", t.permute({0, INT32_MIN}));
}

TEST("64 axes are allowed and 65 are not") {
    tensor t = count_up({1});
    for (int ndim = 1; ndim < 64; ++ndim) t = t.unsqueeze(0);
    CHECK_EQ(t.ndim(), 64);
    CHECK_ERROR(NDF_ERROR_SHAPE, "64", t.unsqueeze(0));
    CHECK_EQ(t.squeeze().ndim(), 0);
}
