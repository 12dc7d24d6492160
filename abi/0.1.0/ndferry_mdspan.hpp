// Part of ndferry.hpp: mdspan<T, N>, the standard's where there is one (C++23), else a tensor_view, which has its members.
#ifndef NDFERRY_MDSPAN_HPP
#define NDFERRY_MDSPAN_HPP

#include "ndferry_view.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#if defined(__cpp_lib_mdspan)
#include <mdspan>
#endif

namespace ndferry {
inline namespace NDFERRY_WAY {

#if defined(__cpp_lib_mdspan)
template <class T, std::size_t N> using mdspan = std::mdspan<T, std::dextents<std::int64_t, N>, std::layout_stride>;
#else
template <class T, std::size_t N> using mdspan = tensor_view<T, N>;
#endif

namespace detail {

/// Strides that std::layout_stride allows for the same elements, if there are any: greater than zero, each index an element
/// of its own.
template <std::size_t N>
bool make_unique(const std::array<std::int64_t, N> &shape, std::array<std::int64_t, N> &strides) {
    std::array<std::size_t, N> inward{};
    for (std::size_t axis = 0; axis < N; ++axis) {
        if (shape[axis] == 1) strides[axis] = 1;
        if (strides[axis] <= 0) return false;
        std::size_t place = axis;
        for (; place > 0 && strides[inward[place - 1]] > strides[axis]; --place) inward[place] = inward[place - 1];
        inward[place] = axis;
    }
    std::int64_t reached = 1;
    for (const std::size_t axis : inward) {
        if (shape[axis] == 1) continue;
        if (strides[axis] < reached) return false;
        reached = strides[axis] * shape[axis];
    }
    return true;
}

} // namespace detail

/// The same elements as an mdspan. Fails where its layouts cannot say so: where an axis is reversed or repeated, and where
/// elements overlap.
template <class T, std::size_t N, class Inner> result<mdspan<T, N>> to_mdspan(const tensor_view<T, N, Inner> &view) {
    // Nowhere is an index of an empty one.
    std::array<std::int64_t, N> strides = (view.empty() ? tensor_view<T, N>(nullptr, {}) : view).strides();
    if (!view.empty() && !detail::make_unique(view.shape(), strides)) {
        return detail::fail<mdspan<T, N>>(NDF_ERROR_LAYOUT,
                                          "an mdspan needs strides greater than 0 and elements that do not overlap");
    }
#if defined(__cpp_lib_mdspan)
    using shape = std::dextents<std::int64_t, N>;
    return mdspan<T, N>(view.data(), std::layout_stride::mapping<shape>(shape(view.shape()), strides));
#else
    return mdspan<T, N>(view.data(), view.shape(), strides);
#endif
}

} // namespace NDFERRY_WAY
} // namespace ndferry

#endif // NDFERRY_MDSPAN_HPP
