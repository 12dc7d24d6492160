// Part of ndferry.hpp: shapes, strides and axes as arguments.
#ifndef NDFERRY_LIST_VIEW_HPP
#define NDFERRY_LIST_VIEW_HPP

#include "ndferry_expected.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <type_traits>
#include <utility>

namespace ndferry {
inline namespace NDFERRY_WAY {

/// Integers that somebody else keeps: a shape, strides or axes. As a parameter it takes a braced list, a vector or
/// anything else with data() and size().
template <class T> class list_view {
public:
    constexpr list_view() noexcept = default;
    constexpr list_view(const T *data, std::size_t size) noexcept : data_(data), size_(size) {}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winit-list-lifetime" // a view of an argument, used before the call ends
#endif
    constexpr list_view(std::initializer_list<T> list) noexcept : data_(list.begin()), size_(list.size()) {}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
    template <class C, class = std::enable_if_t<
                           std::is_convertible_v<decltype(std::declval<const C &>().data()), const T *>>>
    constexpr list_view(const C &list) noexcept : data_(list.data()), size_(list.size()) {}

    constexpr const T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr const T *begin() const noexcept { return data_; }
    constexpr const T *end() const noexcept { return data_ + size_; }
    constexpr const T &operator[](std::size_t index) const noexcept { return data_[index]; }

    friend bool operator==(list_view a, list_view b) noexcept {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }
    friend bool operator!=(list_view a, list_view b) noexcept { return !(a == b); }
    friend std::ostream &operator<<(std::ostream &out, list_view list) {
        out << '(';
        for (std::size_t i = 0; i < list.size(); ++i) out << (i > 0 ? ", " : "") << list[i];
        return out << (list.size() == 1 ? ",)" : ")");
    }

private:
    const T *data_ = nullptr;
    std::size_t size_ = 0;
};

using extents = list_view<std::int64_t>;
using axes = list_view<std::int32_t>;

} // namespace NDFERRY_WAY
} // namespace ndferry

#endif // NDFERRY_LIST_VIEW_HPP
