// Part of ndferry.hpp: iterators of views. They count, and point nowhere: the end of a reversed, an empty or a repeated
// axis is no address.
#ifndef NDFERRY_ITERATOR_HPP
#define NDFERRY_ITERATOR_HPP

#include "ndferry_expected.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <type_traits>
#if defined(__cpp_lib_ranges)
#include <ranges>
#endif

namespace ndferry {
inline namespace NDFERRY_WAY {
namespace detail {

/// Steps through `at(0)`, `at(1)`, …: elements, or views of fewer axes, which are made when they are asked for.
template <class At> class counting_iterator {
public:
    using difference_type = std::ptrdiff_t;
    using reference = decltype(std::declval<const At &>()(difference_type{}));
    using value_type = std::remove_cv_t<std::remove_reference_t<reference>>;
    using pointer = std::conditional_t<std::is_reference_v<reference>, std::add_pointer_t<reference>, void>;
    /// Before C++20 what gives no references is an input iterator.
    using iterator_category = std::conditional_t<std::is_reference_v<reference>, std::random_access_iterator_tag,
                                                 std::input_iterator_tag>;
    using iterator_concept = std::random_access_iterator_tag;

    constexpr counting_iterator() noexcept = default;
    constexpr counting_iterator(At at, difference_type count) noexcept : at_(at), count_(count) {}

    constexpr reference operator*() const noexcept { return at_(count_); }
    constexpr reference operator[](difference_type step) const noexcept { return at_(count_ + step); }
    template <class R = reference, class = std::enable_if_t<std::is_reference_v<R>>>
    constexpr pointer operator->() const noexcept {
        return &at_(count_);
    }

    constexpr counting_iterator &operator++() noexcept { return *this += 1; }
    constexpr counting_iterator &operator--() noexcept { return *this -= 1; }
    constexpr counting_iterator operator++(int) noexcept { return (*this += 1) - 1; }
    constexpr counting_iterator operator--(int) noexcept { return (*this -= 1) + 1; }
    constexpr counting_iterator &operator+=(difference_type step) noexcept { return count_ += step, *this; }
    constexpr counting_iterator &operator-=(difference_type step) noexcept { return count_ -= step, *this; }

    friend constexpr counting_iterator operator+(counting_iterator a, difference_type step) noexcept { return a += step; }
    friend constexpr counting_iterator operator+(difference_type step, counting_iterator a) noexcept { return a += step; }
    friend constexpr counting_iterator operator-(counting_iterator a, difference_type step) noexcept { return a -= step; }
    friend constexpr difference_type operator-(const counting_iterator &a, const counting_iterator &b) noexcept {
        return a.count_ - b.count_;
    }
    friend constexpr bool operator==(const counting_iterator &a, const counting_iterator &b) noexcept {
        return a.count_ == b.count_;
    }
    friend constexpr bool operator!=(const counting_iterator &a, const counting_iterator &b) noexcept { return !(a == b); }
    friend constexpr bool operator<(const counting_iterator &a, const counting_iterator &b) noexcept {
        return a.count_ < b.count_;
    }
    friend constexpr bool operator>(const counting_iterator &a, const counting_iterator &b) noexcept { return b < a; }
    friend constexpr bool operator<=(const counting_iterator &a, const counting_iterator &b) noexcept { return !(b < a); }
    friend constexpr bool operator>=(const counting_iterator &a, const counting_iterator &b) noexcept { return !(a < b); }

private:
    At at_{};
    difference_type count_ = 0;
};

/// The elements of one axis.
template <class T> struct strided_at {
    T *data = nullptr;
    std::ptrdiff_t stride = 0;

    constexpr T &operator()(std::ptrdiff_t index) const noexcept { return data[index * stride]; }
};

/// The views that are left when `Axis` is fixed.
template <class View, std::size_t Axis> struct selected_at {
    View view{};

    constexpr auto operator()(std::ptrdiff_t index) const noexcept { return view.template select<Axis>(index); }
};

/// Steps through all elements in C order.
template <class T, std::size_t N> class element_iterator {
    using list = std::array<std::int64_t, N>;

public:
    using difference_type = std::ptrdiff_t;
    using value_type = std::remove_cv_t<T>;
    using pointer = T *;
    using reference = T &;
    using iterator_category = std::forward_iterator_tag;

    constexpr element_iterator() noexcept = default;
    constexpr element_iterator(T *data, const list &shape, const list &strides, std::size_t left) noexcept
        : data_(data), shape_(shape), strides_(strides), left_(left) {}

    constexpr reference operator*() const noexcept { return data_[offset_]; }
    constexpr pointer operator->() const noexcept { return data_ + offset_; }

    constexpr element_iterator &operator++() noexcept {
        --left_;
        for (std::size_t axis = N; axis-- > 0;) {
            offset_ += static_cast<std::ptrdiff_t>(strides_[axis]);
            if (++index_[axis] < shape_[axis]) break;
            offset_ -= static_cast<std::ptrdiff_t>(strides_[axis] * shape_[axis]);
            index_[axis] = 0;
        }
        return *this;
    }
    constexpr element_iterator operator++(int) noexcept {
        const element_iterator before = *this;
        ++*this;
        return before;
    }

    friend constexpr bool operator==(const element_iterator &a, const element_iterator &b) noexcept {
        return a.left_ == b.left_;
    }
    friend constexpr bool operator!=(const element_iterator &a, const element_iterator &b) noexcept { return !(a == b); }

private:
    T *data_ = nullptr;
    list shape_{}, strides_{}, index_{};
    std::ptrdiff_t offset_ = 0;
    std::size_t left_ = 0;
};

/// Two iterators, and how far apart they are.
template <class Iterator> class counted_range {
public:
    constexpr counted_range() noexcept = default;
    constexpr counted_range(Iterator begin, Iterator end, std::size_t size) noexcept
        : begin_(begin), end_(end), size_(size) {}

    constexpr Iterator begin() const noexcept { return begin_; }
    constexpr Iterator end() const noexcept { return end_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }

private:
    Iterator begin_{}, end_{};
    std::size_t size_ = 0;
};

} // namespace detail
} // namespace NDFERRY_WAY
} // namespace ndferry

#if defined(__cpp_lib_ranges)
template <class Iterator>
inline constexpr bool std::ranges::enable_borrowed_range<ndferry::detail::counted_range<Iterator>> = true;
template <class Iterator> inline constexpr bool std::ranges::enable_view<ndferry::detail::counted_range<Iterator>> = true;
#endif

#endif // NDFERRY_ITERATOR_HPP
