// Also built against the static library alone: uses ndferry.h only.
#include "check.hpp"

#include <ndferry.h>

TEST("the version has three numbers, as text and as one number") {
    unsigned major = 0, minor = 0, patch = 0;
    char rest = 0;
    CHECK_EQ(std::sscanf(ndf_version_string(), "%u.%u.%u%c", &major, &minor, &patch, &rest), 3);
    CHECK_EQ(ndf_version_number(), major * 10000 + minor * 100 + patch);
}

TEST("the library has the binary interface of the header") { CHECK_EQ(ndf_abi_version(), uint32_t{NDF_ABI_VERSION}); }

TEST("a program in C or C++ has no Python") { CHECK(!ndf_py_is_available()); }

TEST("the build says its version and target") {
    const std::string info = ndf_build_info();
    CHECK(info.find(ndf_version_string()) != std::string::npos);
    CHECK(info.find('-') != std::string::npos);
    CHECK(info.find('\n') == std::string::npos);
    CHECK(info.find(", instructions ") != std::string::npos);
}
