// Part of ndferry.hpp: how C's statuses become exceptions, or errors that are returned.
#ifndef NDFERRY_ERROR_HPP
#define NDFERRY_ERROR_HPP

#include "ndferry.h"
#include "ndferry_expected.hpp"

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace ndferry {
inline namespace NDFERRY_WAY {

/// A status other than NDF_OK, with the sentence that says what was wrong.
class error : public std::runtime_error {
public:
    error(ndf_status status, const std::string &message) : std::runtime_error(message), status_(status) {}

    ndf_status status() const noexcept { return status_; }

private:
    ndf_status status_;
};

#if NDFERRY_EXPECTED

/// What a function returns that may fail. A reference comes as a std::reference_wrapper.
template <class T>
using result = expected<std::conditional_t<std::is_reference_v<T>, std::reference_wrapper<std::remove_reference_t<T>>, T>,
                        error>;

namespace detail {

/// The way out of a function that failed.
template <class T> result<T> fail(error why) { return unexpected<error>(std::move(why)); }

/// Where the value is; NULL if there is none.
template <class T> T *peek(expected<T, error> &given) noexcept { return given ? std::addressof(*given) : nullptr; }

/// What `next` makes of the value, if there is one.
template <class T, class Next> auto then(expected<T, error> given, Next next) -> decltype(next(*std::move(given))) {
    if (!given) return unexpected<error>(std::move(given).error());
    return next(*std::move(given));
}

} // namespace detail

#else

/// What a function returns that may fail: it throws ndferry::error then.
template <class T> using result = T;

namespace detail {

template <class T> result<T> fail(error why) { throw why; }

template <class T> T *peek(T &given) noexcept { return std::addressof(given); }

template <class T, class Next> decltype(auto) then(T &&given, Next next) { return next(std::forward<T>(given)); }

} // namespace detail

#endif

namespace detail {

template <class T> result<T> fail(ndf_status status, const std::string &message) {
    return fail<T>(error(status, message));
}

/// With the message that C has left.
template <class T> result<T> fail(ndf_status status) { return fail<T>(error(status, ndf_last_error_message())); }

/// What `value` gives, unless `status` says that there is nothing.
template <class T, class Value> result<T> when(ndf_status status, Value value) {
    if (status != NDF_OK) return fail<T>(status);
    return value();
}

} // namespace detail

/// Fails unless `status` is NDF_OK.
inline result<void> check(ndf_status status) {
    if (status != NDF_OK) return detail::fail<void>(status);
    return result<void>();
}

} // namespace NDFERRY_WAY
} // namespace ndferry

#endif // NDFERRY_ERROR_HPP
