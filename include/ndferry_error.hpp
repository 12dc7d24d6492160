// Part of ndferry.hpp: how C's statuses become exceptions.
#ifndef NDFERRY_ERROR_HPP
#define NDFERRY_ERROR_HPP

#include "ndferry.h"

#include <stdexcept>
#include <string>

namespace ndferry {

/// A status other than NDF_OK, with the sentence that says what was wrong.
class error : public std::runtime_error {
public:
    error(ndf_status status, const std::string &message) : std::runtime_error(message), status_(status) {}

    ndf_status status() const noexcept { return status_; }

private:
    ndf_status status_;
};

/// Throws ndferry::error unless `status` is NDF_OK.
inline void check(ndf_status status) {
    if (status != NDF_OK) throw error(status, ndf_last_error_message());
}

} // namespace ndferry

#endif // NDFERRY_ERROR_HPP
