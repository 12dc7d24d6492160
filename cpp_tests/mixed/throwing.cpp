// One half of a program: what fails throws here, and is returned in the other half.
#include "../check.hpp"

#include <ndferry.hpp>

ndf_tensor *returning_half(const ndf_tensor *shared, ndf_status *status);

TEST("sources that throw and sources that return errors are linked into one program, and share tensors") {
    const ndf::tensor ones = ndf::full(ndf::float32, {2, 3}, 1.0f);
    ndf_status status = NDF_OK;
    const ndf::tensor doubled(returning_half(ones.get(), &status));
    CHECK_EQ(static_cast<int>(status), static_cast<int>(NDF_ERROR_SHAPE));
    CHECK_EQ(doubled.at<float>(1, 2), 2.0f);
    CHECK_THROWS(ndf::error, ones.reshape({7}));
}
