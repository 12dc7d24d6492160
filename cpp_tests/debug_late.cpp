// The lifetime debugger is off, and then switched on.
#include "support.hpp"

using namespace ndferry;

namespace {

/// Whether the environment has switched it on already: then there is nothing to see here.
bool is_on() {
    const char *value = std::getenv("NDFERRY_DEBUG");
    return value != nullptr && *value != '\0' && std::string(value) != "0";
}

} // namespace

TEST("while the debugger is off there is no report, labels are not kept, and its numbers are 0") {
    if (is_on()) return;
    const tensor t = zeros(float32, {2});
    const auto exported = t.to_dlpack();
    std::size_t length = 0;
    CHECK_REFUSED(NDF_ERROR_UNSUPPORTED, "NDFERRY_DEBUG=1", ndf_debug_report(0, nullptr, &length));
    CHECK_OK(ndf_tensor_set_label(t.get(), "kept nowhere"));
    const ndf_statistics alive = statistics();
    CHECK_EQ(alive.live_tensors, 1);
    CHECK_EQ(alive.live_handles + alive.open_exports + alive.misuses, 0);
}

TEST("the debugger is switched on as long as no tensor is alive, and knows all from then on") {
    if (is_on()) return;
    {
        const tensor t = zeros(float32, {2});
        CHECK_REFUSED(NDF_ERROR_UNSUPPORTED, "tensors are alive", ndf_debug_enable());
        const tensor view = t.flip({0});
        CHECK_EQ(view.ndim(), 1);
    }
    CHECK_OK(ndf_debug_enable());
    const tensor t = zeros(float32, {2});
    CHECK_EQ(statistics().live_handles, 1);
    CHECK_EQ(ndf_tensor_ndim(reinterpret_cast<ndf_tensor *>(64)), 0);
    CHECK_EQ(statistics().misuses, 1);
}
