// CUDA devices from C++. Where there is no driver the host is all there is, and errors say so.
#include "support.hpp"

namespace {

const ndf_device cuda{NDF_DEVICE_CUDA, 0};

ndferry::tensor zeros(ndf_device device) {
    ndferry::create_options options;
    options.device = device;
    options.stream = 2;
    return ndferry::zeros(NDF_DTYPE_INT32, {2, 3}, options);
}

} // namespace

TEST("memory is made on every device there is, used in order, and shown") {
    for (const ndf_device_type type : {NDF_DEVICE_CUDA, NDF_DEVICE_CUDA_HOST, NDF_DEVICE_CUDA_MANAGED}) {
        for (std::int32_t number = 0; number < ndf_device_count(type); ++number) {
            const ndferry::tensor tensor = zeros({type, number});
            CHECK_EQ(tensor.device().device_type, type);
            CHECK_EQ(tensor.device().device_id, number);
            tensor.wait(1);
            tensor.record(1);
            CHECK_EQ(tensor.format(), std::string("[[0, 0, 0],\n [0, 0, 0]]"));
            ndf_device found{};
            CHECK_EQ(ndf_device_of_pointer(ndf_tensor_data(tensor.get()), &found), NDF_OK);
            CHECK_EQ(found.device_type, type);
        }
    }
    CHECK_EQ(ndf_device_count(NDF_DEVICE_CUDA_HOST), ndf_device_count(NDF_DEVICE_CUDA) > 0 ? 1 : 0);
}

TEST("a device that is not there is an error with a reason") {
    const ndf_device none{NDF_DEVICE_CUDA, ndf_device_count(NDF_DEVICE_CUDA)};
    CHECK(!ndf_device_is_available(none));
    CHECK_ERROR(NDF_ERROR_DEVICE_UNAVAILABLE, ndf_device_count(NDF_DEVICE_CUDA) > 0 ? "counted from 0" : "CUDA", zeros(none));
    CHECK_EQ(ndf_device_synchronize(none), NDF_ERROR_DEVICE_UNAVAILABLE);
}

TEST("streams that are none are refused before anything is done") {
    ndferry::create_options options;
    options.device = cuda;
    options.stream = -2;
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "`stream` is -2", ndferry::zeros(NDF_DTYPE_INT32, {2, 3}, options));
}
