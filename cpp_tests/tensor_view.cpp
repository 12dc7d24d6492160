// tensor_view and what belongs to it: typed elements, iterators, spans, types of two bytes.
#include "support.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#if defined(__cpp_lib_ranges)
#include <ranges>
#endif

using support::count_up;

using view1 = ndf::tensor_view<int, 1>;
using view2 = ndf::tensor_view<int, 2>;
using iterator1 = decltype(std::declval<view1>().begin());

static_assert(std::is_trivially_copyable_v<view2> && std::is_nothrow_default_constructible_v<view2>);
static_assert(std::is_convertible_v<view2, ndf::tensor_view<const int, 2>>);
static_assert(!std::is_convertible_v<ndf::tensor_view<const int, 2>, view2>, "read-only stays read-only");
static_assert(std::is_convertible_v<ndf::tensor_view<int, 2, ndf::unit_stride>, view2>);
static_assert(!std::is_convertible_v<view2, ndf::tensor_view<int, 2, ndf::unit_stride>>, "a stride is not guessed");
static_assert(std::is_same_v<std::iterator_traits<iterator1>::iterator_category, std::random_access_iterator_tag>);
static_assert(std::is_same_v<decltype(std::declval<ndf::tensor_view<int, 1, ndf::unit_stride>>().begin()), int *>);
static_assert(!std::is_invocable_v<view2, int> && !std::is_invocable_v<view2, int, int, int>, "one index an axis");
#if defined(__cpp_lib_ranges)
static_assert(std::ranges::random_access_range<view1> && std::ranges::sized_range<view1> && std::ranges::view<view1>);
static_assert(std::ranges::contiguous_range<ndf::tensor_view<int, 1, ndf::unit_stride>>);
static_assert(std::ranges::borrowed_range<view1> && !std::ranges::range<view2>);
static_assert(std::ranges::random_access_range<decltype(std::declval<view2>().along<1>())>);
static_assert(std::ranges::forward_range<decltype(std::declval<view2>().elements())>);
#endif

namespace {

template <class Range> std::vector<std::int32_t> listed(const Range &range) { return {range.begin(), range.end()}; }

using numbers = std::vector<std::int32_t>;

constexpr int table[6] = {0, 1, 2, 3, 4, 5};
constexpr ndf::tensor_view<const int, 2> constant(table, {2, 3});
static_assert(constant(1, 2) == 5 && constant[1][0] == 3 && constant.transpose()(2, 0) == 2);
static_assert(constant.size() == 6 && constant.is_contiguous() && !constant.transpose().is_contiguous());
static_assert(constant.subview<1>(2, 3, -1)(0, 0) == 2);

} // namespace

TEST("a view reads and writes the elements of any strides") {
    const ndf::tensor t = count_up({2, 3}).flip({1}).transpose();
    const ndf::tensor_view<std::int32_t, 2> view = t.view<std::int32_t, 2>();
    CHECK_EQ(view.extent(0), 3);
    CHECK_EQ(view.stride(0), -1);
    CHECK(t.shape() == view.shape() && t.strides() == view.strides());
    CHECK_EQ(view(0, 1), 5);
    view(2, 0) = 40;
    CHECK_EQ(t.at<const std::int32_t>(2, 0), 40);
    CHECK_EQ(view[2][1], 3);
#if defined(__cpp_multidimensional_subscript)
    CHECK_EQ((view[0, 1]), 5);
#endif
}

TEST("a view of another type, rank or right is refused, with a reason") {
    const ndf::tensor t = count_up({2, 3});
    CHECK_ERROR(NDF_ERROR_DTYPE, "`T` is float32, the tensor is int32", t.view<float, 2>());
    CHECK_ERROR(NDF_ERROR_DTYPE, "`T` is uint32", t.view<std::uint32_t, 2>());
    CHECK_ERROR(NDF_ERROR_SHAPE, "`N` is 3, the tensor has rank 2", t.view<std::int32_t, 3>());
    CHECK_ERROR(NDF_ERROR_READ_ONLY, "read-only", t.as_read_only().view<std::int32_t, 2>());
    CHECK_EQ((t.as_read_only().view<const std::int32_t, 2>()(1, 2)), 5);
    CHECK_ERROR(NDF_ERROR_DTYPE, "empty", ndf::tensor().view<float, 0>());
    CHECK_ERROR(NDF_ERROR_DTYPE, "", count_up<float>({2}).reinterpret(ndf::dtype::parse(">f4")).view<float, 1>());
}

TEST("memory that the host cannot reach and elements that lie askew have no view") {
    alignas(8) char bytes[16] = {};
    ndf::wrap_options elsewhere;
    elsewhere.device = {8, 0}; // Metal
    const ndf::tensor far = ndf::wrap(bytes, ndf::float32, {2}, nullptr, nullptr, elsewhere);
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "the host cannot reach", far.view<float, 1>());
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "the host cannot reach", far.span<float>());
    const ndf::tensor askew = ndf::wrap(bytes + 1, ndf::float32, {2}, nullptr, nullptr);
    CHECK_ERROR(NDF_ERROR_LAYOUT, "aligned to 4", askew.view<float, 1>());
    CHECK_ERROR(NDF_ERROR_LAYOUT, "aligned to 4", askew.at<float>(0));
}

TEST("a view of unit stride is only of elements that lie side by side") {
    const ndf::tensor t = count_up({2, 6});
    CHECK_ERROR(NDF_ERROR_LAYOUT, "the stride of the last axis is 2, not 1",
                t.slice(1, 0, NDF_SLICE_END, 2).view<std::int32_t, 2, ndf::unit_stride>());
    const ndf::tensor_view<std::int32_t, 2, ndf::unit_stride> cut = t.slice(1, 1, 4).view<std::int32_t, 2, ndf::unit_stride>();
    CHECK_EQ(cut(1, 2), 9);
    const std::int32_t *const row = cut[1].begin();
    CHECK_EQ(*row, 7);
    const auto column = t.slice(1, 5).view<std::int32_t, 2, ndf::unit_stride>();
    CHECK_EQ(column.stride(1), 1);
    CHECK_EQ(column(1, 0), 11);
}

TEST("at checks every index and counts from the end") {
    const ndf::tensor t = count_up({2, 3});
    const auto view = t.view<std::int32_t, 2>();
    CHECK_EQ(view.at(-1, -1), 5);
    view.at(0, -3) = 7;
    CHECK_EQ(view(0, 0), 7);
    CHECK_ERROR(NDF_ERROR_RANGE, "`index[1]` is 3, the extent is 3", view.at(0, 3));
    CHECK_ERROR(NDF_ERROR_RANGE, "`index[0]` is -3, the extent is 2", view.at(-3, 0));
}

TEST("a view without axes is one element") {
    const ndf::tensor t = ndf::full(ndf::float64, {}, 2.5);
    const auto view = t.view<double, 0>();
    CHECK_EQ(view(), 2.5);
    CHECK_EQ(view.at(), 2.5);
    CHECK_EQ(view.size(), 1u);
    CHECK_EQ(*view.elements().begin(), 2.5);
    CHECK_EQ(view.span().size(), 1u);
}

TEST("an empty tensor has empty views") {
    const ndf::tensor t = ndf::empty(ndf::float32, {0, 3});
    const auto view = t.view<float, 2, ndf::unit_stride>();
    CHECK(view.empty() && view.is_contiguous());
    CHECK(view.elements().begin() == view.elements().end());
    CHECK(view.along<0>().empty());
    CHECK_EQ(view.along<1>().size(), 3u);
    CHECK(view.span().empty() && t.span<float>().empty());
}

TEST("views are fixed, cut and turned as tensors are") {
    const ndf::tensor t = count_up({2, 3, 4});
    const auto view = t.view<std::int32_t, 3>();
    const auto same = [](const auto &part, const ndf::tensor &whole) {
        CHECK(listed(part.elements()) == support::elements<std::int32_t>(whole));
        CHECK(whole.shape() == part.shape());
    };
    same(view.select<0>(1), t.select(0, 1));
    same(view.select<1>(2), t.select(1, 2));
    same(view.select<2>(3), t.select(2, 3));
    same(view.subview<1>(1, 2), t.slice(1, 1, 3));
    same(view.subview<2>(3, 4, -1), t.flip({2}));
    same(view.subview<2>(1, 2, 2), t.slice(2, 1, NDF_SLICE_END, 2));
    same(view.subview<0>(2, 0), t.slice(0, 2));
    same(view.permute<2, 0, 1>(), t.permute({2, 0, 1}));
    same(view.transpose(), t.transpose());
    const auto planes = t.view<std::int32_t, 3, ndf::unit_stride>().permute<1, 0, 2>();
    CHECK_EQ(planes[2][1].begin()[3], 23);
}

TEST("a reversed, a repeated and an empty axis are ranges") {
    const ndf::tensor t = count_up({4});
    CHECK(listed(t.flip().view<std::int32_t, 1>()) == numbers{3, 2, 1, 0});
    CHECK(listed(t.select(0, 2).broadcast({3}).view<const std::int32_t, 1>()) == numbers{2, 2, 2});
    CHECK(listed(t.slice(0, 4).view<std::int32_t, 1>()) == numbers{});
}

TEST("iterators of a column work with the algorithms, and sort it in place") {
    const ndf::tensor t = count_up({5, 3});
    const auto column = t.flip({0}).view<std::int32_t, 2>().select<1>(1);
    CHECK(listed(column) == numbers{13, 10, 7, 4, 1});
    std::sort(column.begin(), column.end());
    CHECK(listed(column) == numbers{1, 4, 7, 10, 13});
    CHECK(std::binary_search(column.begin(), column.end(), 10));
    CHECK_EQ(t.at<std::int32_t>(4, 1), 1);
    CHECK_EQ(t.at<std::int32_t>(4, 0), 12);
    CHECK_EQ(column.end() - column.begin(), 5);
    CHECK(column.begin() + 5 == column.end() && column.begin() < column.end() && column.end() >= 4 + column.begin());
    CHECK_EQ(column.end()[-1], 13);
    std::reverse(column.begin(), column.end());
    CHECK_EQ(*std::next(column.begin()), 10);
}

TEST("rows and columns are ranges of views") {
    const ndf::tensor t = count_up({2, 3});
    const auto view = t.view<std::int32_t, 2>();
    numbers sums;
    for (const auto row : view.along<0>()) sums.push_back(std::accumulate(row.begin(), row.end(), 0));
    for (const auto column : view.along<1>()) sums.push_back(std::accumulate(column.begin(), column.end(), 0));
    CHECK(sums == numbers{3, 12, 3, 5, 7});
    for (const auto row : view.along()) std::fill(row.begin(), row.end(), 9);
    CHECK(support::elements<std::int32_t>(t) == numbers(6, 9));
    CHECK_EQ(view.along<1>().begin()[2](1), 9);
}

TEST("all elements come in C order whatever the strides") {
    const ndf::tensor t = count_up({3, 2, 2}).permute({1, 0, 2}).flip({2});
    const auto elements = t.view<std::int32_t, 3>().elements();
    CHECK_EQ(elements.size(), 12u);
    CHECK(listed(elements) == support::elements<std::int32_t>(t));
    for (std::int32_t &element : elements) element = -element;
    CHECK_EQ(t.at<std::int32_t>(1, 2, 0), -11);
}

// Clang before 16 does not compile the pipes of GCC's library.
#if defined(__cpp_lib_ranges) && (!defined(__clang__) || __clang_major__ >= 16)
TEST("views work with ranges and their pipes") {
    const ndf::tensor t = count_up({4, 3});
    const auto column = t.view<std::int32_t, 2>().select<1>(2);
    std::ranges::sort(column, std::ranges::greater());
    CHECK_EQ(t.at<std::int32_t>(0, 2), 11);
    CHECK_EQ(std::ranges::max(t.view<std::int32_t, 2>().elements()), 11);
    numbers big;
    for (const std::int32_t even : column | std::views::filter([](std::int32_t x) { return x % 2 == 0; })) big.push_back(even);
    CHECK(big == numbers{8, 2});
    const std::span<std::int32_t> row = t.view<std::int32_t, 2, ndf::unit_stride>()[1];
    CHECK(row.data() == t.data<std::int32_t>() + 3 && row.size() == 3);
}
#endif

TEST("a span is of contiguous elements of any rank") {
    const ndf::tensor t = count_up({2, 3});
    const ndf::span<std::int32_t> all = t.span<std::int32_t>();
    CHECK_EQ(all.size(), 6u);
    CHECK(all.data() == t.data());
    CHECK_EQ(std::accumulate(all.begin(), all.end(), 0), 15);
    CHECK_ERROR(NDF_ERROR_LAYOUT, "C order", t.transpose().span<std::int32_t>());
    CHECK_ERROR(NDF_ERROR_LAYOUT, "C order", t.view<std::int32_t, 2>().transpose().span());
    CHECK_ERROR(NDF_ERROR_READ_ONLY, "", t.as_read_only().span<std::int32_t>());
    const ndf::span<const std::int32_t> readable = t.as_read_only().span<const std::int32_t>();
    CHECK_EQ(readable[5], 5);
}

TEST("an mdspan has the elements where its layouts can say so") {
    const ndf::tensor t = count_up({2, 3, 4});
    const ndf::mdspan<std::int32_t, 3> span = t.permute({2, 0, 1}).mdspan<std::int32_t, 3>();
    CHECK_EQ(span.rank(), 3u);
    CHECK_EQ(span.extent(0), 4);
    CHECK_EQ(span.stride(0), 1);
    CHECK_EQ(span.size(), 24u);
    CHECK(span.data_handle() == t.data());
#if defined(__cpp_multidimensional_subscript)
    CHECK_EQ((span[3, 1, 2]), 23);
#endif
    CHECK_ERROR(NDF_ERROR_LAYOUT, "greater than 0", t.flip().mdspan<std::int32_t, 3>());
    CHECK_ERROR(NDF_ERROR_LAYOUT, "greater than 0", count_up({1}).broadcast({3}).mdspan<const std::int32_t, 1>());
    CHECK_ERROR(NDF_ERROR_LAYOUT, "overlap", count_up({5}).sliding_window(0, 2).mdspan<const std::int32_t, 2>());
    CHECK_EQ((count_up({5}).slice(0, 4).flip().mdspan<std::int32_t, 1>().stride(0)), 1);
    CHECK_EQ((ndf::empty(ndf::float32, {2, 0}).flip().mdspan<float, 2>().size()), 0u);
}

TEST("bool and complex elements are C++'s own") {
    const ndf::tensor flags = ndf::full(ndf::boolean, {2, 2}, true);
    flags.view<bool, 2>()(0, 1) = false;
    CHECK_EQ(std::count(flags.span<bool>().begin(), flags.span<bool>().end(), true), 3);
    const ndf::tensor waves = ndf::full(ndf::complex64, {2}, std::complex<float>(1, -2));
    CHECK_EQ((waves.view<std::complex<float>, 1>()[1].imag()), -2.0f);
}

namespace {

/// Every pattern of two bytes, widened by the library and by `Short`, which agree; and back.
template <class Short> void widens_and_narrows(ndf::dtype type) {
    const ndf::tensor patterns = count_up<std::int32_t>({65536}).cast(ndf::uint16, NDF_CASTING_UNSAFE).reinterpret(type);
    const ndf::tensor wide = patterns.convert(ndf::float32);
    const auto stored = patterns.view<Short, 1>();
    const auto expected = wide.view<float, 1>();
    for (std::int32_t i = 0; i < 65536; ++i) {
        const float value = stored[i];
        CHECK_EQ(static_cast<std::int32_t>(stored[i].bits()), i);
        CHECK(std::isnan(value) ? std::isnan(expected[i]) : value == expected[i]);
        CHECK(std::signbit(value) == std::signbit(expected[i]));
        const Short back(value);
        CHECK(std::isnan(value) ? std::isnan(static_cast<float>(back)) : back.bits() == i);
    }
}

/// Floats of all magnitudes, and those beside and halfway between two of `Short`, narrowed by both.
template <class Short> void narrows_as_the_library(ndf::dtype type) {
    std::vector<float> values;
    for (std::uint32_t bits = 0; bits < 0xffff0000u; bits += 0x1fedu) values.push_back(ndf::detail::float_of(bits));
    for (std::uint32_t bits = 0; bits < 65535; ++bits) {
        const float low = Short::from_bits(static_cast<std::uint16_t>(bits));
        const float high = Short::from_bits(static_cast<std::uint16_t>(bits + 1));
        const float middle = low / 2 + high / 2;
        for (const float near : {middle, std::nextafter(middle, high), std::nextafter(middle, low)}) values.push_back(near);
    }
    const auto count = static_cast<std::int64_t>(values.size());
    const ndf::tensor wide = ndf::from_data(values, {count});
    const ndf::tensor narrow = wide.cast(type, NDF_CASTING_UNSAFE);
    const auto expected = narrow.view<Short, 1>();
    for (std::int64_t i = 0; i < count; ++i) {
        const Short ours(values[static_cast<std::size_t>(i)]);
        if (std::isnan(static_cast<float>(expected[i]))) {
            CHECK(std::isnan(static_cast<float>(ours)));
        } else {
            CHECK_EQ(ours.bits(), expected[i].bits());
        }
    }
}

} // namespace

TEST("float16 and bfloat16 widen and narrow as the library does") {
    widens_and_narrows<ndf::float16_t>(ndf::float16);
    widens_and_narrows<ndf::bfloat16_t>(ndf::bfloat16);
    narrows_as_the_library<ndf::float16_t>(ndf::float16);
    narrows_as_the_library<ndf::bfloat16_t>(ndf::bfloat16);
}
