// Part of ndferry.hpp: expected<T, E>, the standard's where there is one, else what both have in common; and which of the
// two ways of failing this program has chosen.
//
//     NDFERRY_EXPECTED 0  what fails throws ndferry::error, and a `result<T>` is a T
//     NDFERRY_EXPECTED 1  what fails returns ndferry::error, and a `result<T>` is an expected<T, error>
//
// Left out, it is 1 where exceptions are turned off, and else 0. Sources of either kind may be linked into one program:
// all names lie in an inline namespace that tells them apart, so that a tensor of one kind is not taken for the other's.
#ifndef NDFERRY_EXPECTED_HPP
#define NDFERRY_EXPECTED_HPP

#if !defined(NDFERRY_EXPECTED)
#if defined(__cpp_exceptions)
#define NDFERRY_EXPECTED 0
#else
#define NDFERRY_EXPECTED 1
#endif
#elif !NDFERRY_EXPECTED && !defined(__cpp_exceptions)
#error "NDFERRY_EXPECTED is 0, and exceptions are turned off"
#endif

#if defined(__has_include)
#if __has_include(<version>)
#include <version>
#endif
#endif

#if defined(__cpp_lib_expected)
#include <expected>
#else
#include <cstdlib>
#include <exception>
#include <type_traits>
#include <utility>
#include <variant>
#endif

#if !NDFERRY_EXPECTED
#define NDFERRY_WAY throwing
#elif defined(__cpp_lib_expected)
#define NDFERRY_WAY expecting
#else
#define NDFERRY_WAY expecting_ours
#endif

namespace ndferry {
inline namespace NDFERRY_WAY {

#if defined(__cpp_lib_expected)

template <class T, class E> using expected = std::expected<T, E>;
template <class E> using unexpected = std::unexpected<E>;
template <class E> using bad_expected_access = std::bad_expected_access<E>;

#else

/// An error on its way into an expected.
template <class E> class unexpected {
public:
    constexpr explicit unexpected(E error) : error_(std::move(error)) {}

    constexpr const E &error() const & noexcept { return error_; }
    constexpr E &&error() && noexcept { return std::move(error_); }

private:
    E error_;
};

/// Thrown by expected::value() when there is none.
template <class E> class bad_expected_access : public std::exception {
public:
    explicit bad_expected_access(E error) : error_(std::move(error)) {}

    const E &error() const & noexcept { return error_; }
    const char *what() const noexcept override { return "an expected that has an error has no value"; }

private:
    E error_;
};

/// A T, or the E that says why there is none.
template <class T, class E> class [[nodiscard]] expected {
    using stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
    using reference = std::add_lvalue_reference_t<T>;
    using const_reference = std::add_lvalue_reference_t<const T>;

public:
    using value_type = T;
    using error_type = E;

    template <class U = stored, class = std::enable_if_t<std::is_default_constructible_v<U>>> constexpr expected() {}
    template <class U = T, class = std::enable_if_t<!std::is_same_v<std::decay_t<U>, expected> &&
                                                    std::is_constructible_v<stored, U>>>
    constexpr expected(U &&value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}
    template <class G> constexpr expected(const unexpected<G> &from) : state_(std::in_place_index<1>, from.error()) {}
    template <class G>
    constexpr expected(unexpected<G> &&from) : state_(std::in_place_index<1>, std::move(from).error()) {}

    constexpr bool has_value() const noexcept { return state_.index() == 0; }
    constexpr explicit operator bool() const noexcept { return has_value(); }

    // Only where there is a value.
    constexpr reference operator*() & noexcept { return static_cast<reference>(*std::get_if<0>(&state_)); }
    constexpr const_reference operator*() const & noexcept {
        return static_cast<const_reference>(*std::get_if<0>(&state_));
    }
    constexpr std::add_rvalue_reference_t<T> operator*() && noexcept {
        return static_cast<std::add_rvalue_reference_t<T>>(*std::get_if<0>(&state_));
    }
    constexpr stored *operator->() noexcept { return std::get_if<0>(&state_); }
    constexpr const stored *operator->() const noexcept { return std::get_if<0>(&state_); }

    // Only where there is none.
    constexpr E &error() & noexcept { return *std::get_if<1>(&state_); }
    constexpr const E &error() const & noexcept { return *std::get_if<1>(&state_); }
    constexpr E &&error() && noexcept { return std::move(*std::get_if<1>(&state_)); }

    constexpr reference value() & { return require(), **this; }
    constexpr const_reference value() const & { return require(), **this; }
    constexpr std::add_rvalue_reference_t<T> value() && { return require(), *std::move(*this); }
    template <class U> constexpr stored value_or(U &&other) const & {
        return has_value() ? **this : static_cast<stored>(std::forward<U>(other));
    }
    template <class U> constexpr stored value_or(U &&other) && {
        return has_value() ? *std::move(*this) : static_cast<stored>(std::forward<U>(other));
    }

private:
    constexpr void require() const {
        if (has_value()) return;
#if defined(__cpp_exceptions)
        throw bad_expected_access<E>(error());
#else
        std::abort();
#endif
    }

    std::variant<stored, E> state_;
};

#endif

} // namespace NDFERRY_WAY
} // namespace ndferry

/// The short name.
namespace ndf = ndferry;

#endif // NDFERRY_EXPECTED_HPP
