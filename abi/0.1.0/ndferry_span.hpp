// Part of ndferry.hpp: span<T>, the standard's from C++20 on, else what it shares with it.
#ifndef NDFERRY_SPAN_HPP
#define NDFERRY_SPAN_HPP

#include "ndferry_expected.hpp"

#include <cstddef>
#include <type_traits>
#if defined(__cpp_lib_span)
#include <span>
#endif

namespace ndferry {
inline namespace NDFERRY_WAY {

#if defined(__cpp_lib_span)

template <class T> using span = std::span<T>;

#else

/// Elements side by side that somebody else keeps.
template <class T> class span {
public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;
    using size_type = std::size_t;
    using reference = T &;
    using pointer = T *;
    using iterator = T *;

    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <class U, class = std::enable_if_t<std::is_convertible_v<U (*)[], T (*)[]>>>
    constexpr span(const span<U> &other) noexcept : data_(other.data()), size_(other.size()) {}

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr std::size_t size_bytes() const noexcept { return size_ * sizeof(T); }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &front() const noexcept { return data_[0]; }
    constexpr T &back() const noexcept { return data_[size_ - 1]; }
    constexpr T &operator[](std::size_t index) const noexcept { return data_[index]; }
    constexpr span subspan(std::size_t first, std::size_t count) const noexcept { return {data_ + first, count}; }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

#endif

} // namespace NDFERRY_WAY
} // namespace ndferry

#endif // NDFERRY_SPAN_HPP
