// The other half of throwing.cpp.
#define NDFERRY_EXPECTED 1
#include <ndferry.hpp>

ndf_tensor *returning_half(const ndf_tensor *shared, ndf_status *status);

/// What `shared` holds, times two; and how a wrong shape is refused.
ndf_tensor *returning_half(const ndf_tensor *shared, ndf_status *status) {
    const ndf::tensor ones(ndf_tensor_retain(const_cast<ndf_tensor *>(shared)));
    const auto refused = ones.reshape({7});
    *status = refused ? NDF_OK : refused.error().status();
    ndf::convert_options twice;
    twice.scale = {2};
    twice.copy = NDF_COPY_ALWAYS;
    auto doubled = ones.convert(ndf::float32, twice);
    return doubled ? doubled->release() : nullptr;
}
