// Compiled with a header that has a field more in every struct that says its size, and a function more.
#include "../support.hpp"

#include <dlfcn.h>

using namespace ndferry;

namespace {

const std::int64_t shape[] = {2};

/// What a call gave goes at the end of the test.
struct outcome {
    ndf_tensor *tensor = nullptr;
    ~outcome() { ndf_tensor_release(tensor); }
};

template <class Options> Options with(std::uint64_t from_the_future) {
    Options options{};
    options.struct_size = sizeof options;
    options.from_the_future = from_the_future;
    return options;
}

ndf_status create(std::uint64_t value) {
    const auto options = with<ndf_create_options>(value);
    outcome out;
    return ndf_tensor_zeros(NDF_DTYPE_INT8, 1, shape, &options, &out.tensor);
}

ndf_status convert(std::uint64_t value) {
    const auto options = with<ndf_convert_options>(value);
    const tensor t = support::count_up({2});
    outcome out;
    return ndf_tensor_convert(t.get(), NDF_DTYPE_INT8, &options, &out.tensor);
}

ndf_status format(std::uint64_t value) {
    const auto options = with<ndf_format_options>(value);
    const tensor t = support::count_up({2});
    std::size_t length = 0;
    return ndf_tensor_format(t.get(), &options, 0, nullptr, &length);
}

} // namespace

TEST("a field that the library does not know may be there, if it is 0") {
    CHECK_OK(create(0));
    CHECK_OK(convert(0));
    CHECK_OK(format(0));
}

TEST("one that is set is refused, and the message names the struct") {
    CHECK_REFUSED(NDF_ERROR_VERSION, "ndf_create_options", create(1));
    CHECK_REFUSED(NDF_ERROR_VERSION, "ndf_convert_options", convert(std::uint64_t{1} << 63));
    CHECK_REFUSED(NDF_ERROR_VERSION, "ndf_format_options", format(1));
}

TEST("what the library does not count stays as it was") {
    auto alive = with<ndf_statistics>(77);
    CHECK_OK(ndf_statistics_get(&alive));
    CHECK_EQ(alive.live_tensors, 0);
    CHECK_EQ(alive.struct_size, sizeof alive);
    CHECK_EQ(alive.from_the_future, std::uint64_t{77});
}

TEST("the library says that it is of the same ABI, and which version it is") {
    CHECK_EQ(ndf_abi_version(), std::uint32_t{NDF_ABI_VERSION});
    CHECK(ndf_version_number() > 0);
}

TEST("a function that the library lacks can be asked for") {
    CHECK(dlsym(RTLD_DEFAULT, "ndf_abi_version") != nullptr);
    CHECK(dlsym(RTLD_DEFAULT, "ndf_from_the_future") == nullptr);
}
