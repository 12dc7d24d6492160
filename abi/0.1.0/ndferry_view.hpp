// Part of ndferry.hpp: tensor_view<T, N>, the elements of a tensor with type and rank known when compiled. Access costs
// what pointer arithmetic costs. A view owns nothing: it lives as long as a reference to its tensor.
//
// Indices of (), [], select and subview count from zero and are checked by assert() alone; at() checks always.
#ifndef NDFERRY_VIEW_HPP
#define NDFERRY_VIEW_HPP

#include "ndferry_error.hpp"
#include "ndferry_iterator.hpp"
#include "ndferry_span.hpp"

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

namespace ndferry {
inline namespace NDFERRY_WAY {

/// The stride of the last axis is any number, also 0 or a negative one.
struct any_stride {};
/// The elements of the last axis lie side by side, and the compiler knows.
struct unit_stride {};

template <class T, std::size_t N, class Inner = any_stride> class tensor_view {
    using list = std::array<std::int64_t, N>;
    using all_axes = std::make_index_sequence<N>;

    static constexpr bool is_unit = std::is_same_v<Inner, unit_stride>;
    static_assert(is_unit || std::is_same_v<Inner, any_stride>, "`Inner` is any_stride or unit_stride");
    static_assert(!is_unit || N > 0, "without axes there is no last one");

    /// `Inner` of a view that has lost `Axis`, or every element but some of it.
    template <std::size_t Axis> using without = std::conditional_t<Axis + 1 == N, any_stride, Inner>;
    template <class... Index>
    using if_indices = std::enable_if_t<sizeof...(Index) == N && (std::is_convertible_v<Index, std::int64_t> && ...)>;

public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;
    using reference = T &;
    using data_handle_type = T *;
    using index_type = std::int64_t;
    using size_type = std::size_t;
    using rank_type = std::size_t;

    constexpr tensor_view() noexcept = default;
    /// Elements at `data`; strides in elements.
    constexpr tensor_view(T *data, const list &shape, const list &strides) noexcept
        : data_(data), shape_(shape), strides_(strides) {
        if constexpr (is_unit) strides_[N - 1] = 1;
    }
    /// Elements at `data`, in C order without gaps.
    constexpr tensor_view(T *data, const list &shape) noexcept : data_(data), shape_(shape) {
        std::int64_t stride = 1;
        for (std::size_t axis = N; axis-- > 0; stride *= shape_[axis]) strides_[axis] = stride;
    }
    /// Of elements that may be written one of elements that may not; of a known stride one of any.
    template <class U, class From,
              class = std::enable_if_t<std::is_convertible_v<U (*)[], T (*)[]> &&
                                       (!is_unit || std::is_same_v<From, unit_stride>)>>
    constexpr tensor_view(const tensor_view<U, N, From> &other) noexcept
        : tensor_view(other.data(), other.shape(), other.strides()) {}

    static constexpr std::size_t rank() noexcept { return N; }
    constexpr T *data() const noexcept { return data_; }
    constexpr T *data_handle() const noexcept { return data_; }
    constexpr const list &shape() const noexcept { return shape_; }
    constexpr const list &strides() const noexcept { return strides_; }
    constexpr std::int64_t extent(std::size_t axis) const noexcept { return shape_[axis]; }
    constexpr std::int64_t stride(std::size_t axis) const noexcept { return strides_[axis]; }
    /// How many elements there are.
    constexpr std::size_t size() const noexcept { return static_cast<std::size_t>(count(all_axes())); }
    constexpr bool empty() const noexcept { return size() == 0; }
    /// In C order without gaps.
    constexpr bool is_contiguous() const noexcept {
        std::int64_t dense = 1;
        for (std::size_t axis = N; axis-- > 0; dense *= shape_[axis]) {
            if (shape_[axis] != 1 && strides_[axis] != dense) return empty();
        }
        return true;
    }

    template <class... Index, class = if_indices<Index...>> constexpr T &operator()(Index... index) const noexcept {
        return data_[offset(all_axes(), static_cast<std::int64_t>(index)...)];
    }
    /// The element of a view of one axis, else the view that is left when the first axis is fixed.
    template <class Index, class = std::enable_if_t<(N > 0) && std::is_convertible_v<Index, std::int64_t>>>
    constexpr decltype(auto) operator[](Index index) const noexcept {
        if constexpr (N == 1) {
            return (*this)(index);
        } else {
            return select<0>(static_cast<std::int64_t>(index));
        }
    }
#if defined(__cpp_multidimensional_subscript)
    template <class... Index, class = std::enable_if_t<sizeof...(Index) != 1>, class = if_indices<Index...>>
    constexpr T &operator[](Index... index) const noexcept {
        return (*this)(index...);
    }
#endif
    /// Checked; an index may count from the end.
    template <class... Index, class = if_indices<Index...>> result<T &> at(Index... index) const {
        std::array<std::int64_t, N> from_start{static_cast<std::int64_t>(index)...};
        for (std::size_t axis = 0; axis < N; ++axis) {
            const std::int64_t given = from_start[axis];
            if (given < 0) from_start[axis] += shape_[axis];
            if (from_start[axis] < 0 || from_start[axis] >= shape_[axis]) return detail::fail<T &>(refusal(axis, given));
        }
        return element(all_axes(), from_start);
    }

    /// The view that is left when `Axis` is fixed.
    template <std::size_t Axis = 0>
    constexpr tensor_view<T, N - 1, without<Axis>> select(std::int64_t index) const noexcept {
        static_assert(Axis < N, "no such axis");
        assert(index >= 0 && index < shape_[Axis]);
        return {data_ + index * step<Axis>(), drop<Axis>(shape_), drop<Axis>(strides_)};
    }
    /// `count` indices of `Axis` from `first` on.
    template <std::size_t Axis = 0> constexpr tensor_view subview(std::int64_t first, std::int64_t count) const noexcept {
        tensor_view part = *this;
        part.restrict_to<Axis>(first, count, 1);
        return part;
    }
    /// `count` indices of `Axis`: `first`, `first + step`, …; a negative `step` goes backwards.
    template <std::size_t Axis = 0>
    constexpr tensor_view<T, N, without<Axis>> subview(std::int64_t first, std::int64_t count,
                                                      std::int64_t step) const noexcept {
        tensor_view<T, N, without<Axis>> part = *this;
        part.template restrict_to<Axis>(first, count, step);
        return part;
    }
    /// The axes in another order: permute<1, 0>().
    template <std::size_t... Order> constexpr auto permute() const noexcept {
        static_assert(sizeof...(Order) == N && ((Order < N) && ...), "one number for each axis");
        static_assert(((std::uint64_t{1} << Order) | ... | 0u) == (std::uint64_t{1} << N) - 1, "each axis once");
        constexpr std::size_t order[] = {Order..., N};
        using Last = std::conditional_t<N == 0 || order[N == 0 ? 0 : N - 1] + 1 == N, Inner, any_stride>;
        return tensor_view<T, N, Last>(data_, {shape_[Order]...}, {strides_[Order]...});
    }
    /// The axes in the opposite order.
    constexpr auto transpose() const noexcept { return reversed(all_axes()); }

    // A view of one axis is a range itself; with unit_stride its iterators are pointers.
    template <std::size_t Rank = N, class = std::enable_if_t<Rank == 1>> constexpr auto begin() const noexcept {
        return iterator_at(0);
    }
    template <std::size_t Rank = N, class = std::enable_if_t<Rank == 1>> constexpr auto end() const noexcept {
        return iterator_at(shape_[0]);
    }
    /// A range of all views that are left when `Axis` is fixed.
    template <std::size_t Axis = 0> constexpr auto along() const noexcept {
        static_assert(Axis < N, "no such axis");
        using iterator = detail::counting_iterator<detail::selected_at<tensor_view, Axis>>;
        const auto end = static_cast<std::ptrdiff_t>(shape_[Axis]);
        return detail::counted_range<iterator>(iterator({*this}, 0), iterator({*this}, end), static_cast<std::size_t>(end));
    }
    /// A range of all elements in C order. Where speed counts, nested loops or span() are faster.
    constexpr auto elements() const noexcept {
        using iterator = detail::element_iterator<T, N>;
        return detail::counted_range<iterator>(iterator(data_, shape_, strides_, size()),
                                               iterator(data_, shape_, strides_, 0), size());
    }

    /// All elements, where they lie in C order without gaps.
    result<ndferry::span<T>> span() const {
        if (!is_contiguous()) {
            return detail::fail<ndferry::span<T>>(NDF_ERROR_LAYOUT, "a span needs elements in C order without gaps");
        }
        return ndferry::span<T>(data_, size());
    }

private:
    template <class, std::size_t, class> friend class tensor_view;

    template <std::size_t Axis> constexpr std::ptrdiff_t step() const noexcept {
        if constexpr (is_unit && Axis + 1 == N) {
            return 1;
        } else {
            return static_cast<std::ptrdiff_t>(strides_[Axis]);
        }
    }

    template <std::size_t... Axis> constexpr std::int64_t count(std::index_sequence<Axis...>) const noexcept {
        return (shape_[Axis] * ... * 1);
    }

    template <std::size_t... Axis, class... Index>
    constexpr std::ptrdiff_t offset(std::index_sequence<Axis...>, Index... index) const noexcept {
        assert(((index >= 0 && index < shape_[Axis]) && ...));
        return ((static_cast<std::ptrdiff_t>(index) * step<Axis>()) + ... + 0);
    }

    template <std::size_t... Axis>
    constexpr T &element(std::index_sequence<Axis...>, const list &index) const noexcept {
        static_cast<void>(index);
        return (*this)(index[Axis]...);
    }

    error refusal(std::size_t axis, std::int64_t index) const {
        return error(NDF_ERROR_RANGE, "`index[" + std::to_string(axis) + "]` is " + std::to_string(index) +
                                          ", the extent is " + std::to_string(shape_[axis]));
    }

    template <std::size_t Axis> static constexpr std::array<std::int64_t, N - 1> drop(const list &from) noexcept {
        std::array<std::int64_t, N - 1> left{};
        for (std::size_t axis = 0; axis + 1 < N; ++axis) left[axis] = from[axis < Axis ? axis : axis + 1];
        return left;
    }

    template <std::size_t Axis>
    constexpr void restrict_to(std::int64_t first, std::int64_t count, std::int64_t step) noexcept {
        static_assert(Axis < N, "no such axis");
        assert(count >= 0 && step != 0);
        assert(count == 0 || (first >= 0 && first < shape_[Axis]));
        assert(count == 0 || (first + (count - 1) * step >= 0 && first + (count - 1) * step < shape_[Axis]));
        if (count > 0) data_ += static_cast<std::ptrdiff_t>(first * strides_[Axis]);
        shape_[Axis] = count;
        strides_[Axis] *= step;
    }

    template <std::size_t... Axis> constexpr auto reversed(std::index_sequence<Axis...>) const noexcept {
        return permute<N - 1 - Axis...>();
    }

    constexpr auto iterator_at(std::int64_t index) const noexcept {
        if constexpr (is_unit) {
            return data_ + index;
        } else {
            return detail::counting_iterator<detail::strided_at<T>>({data_, step<0>()}, static_cast<std::ptrdiff_t>(index));
        }
    }

    T *data_ = nullptr;
    list shape_{}, strides_{};
};

} // namespace NDFERRY_WAY
} // namespace ndferry

#if defined(__cpp_lib_ranges)
template <class T, std::size_t N, class Inner>
inline constexpr bool std::ranges::enable_borrowed_range<ndferry::tensor_view<T, N, Inner>> = true;
template <class T, std::size_t N, class Inner>
inline constexpr bool std::ranges::enable_view<ndferry::tensor_view<T, N, Inner>> = true;
#endif

#endif // NDFERRY_VIEW_HPP
