// Streams as numbers, where there is no device to have them.
#include "support.hpp"

using ndferry::float32;
using ndferry::tensor;

// A stream is an address, and one that is none is as bad as any: only numbers that cannot be streams are refused.
TEST("numbers that are no streams are refused, and those of host memory change nothing") {
    float data[6] = {};
    const tensor t = ndferry::wrap(data, float32, {2, 3}, nullptr, nullptr);
    const double value = 1;
    const std::int64_t shape[] = {2, 3};
    std::int32_t equal = 0;
    ndf_tensor *out = nullptr;
    const tensor to = ndferry::zeros(float32, {2, 3});
    for (const std::int64_t none : {INT64_MIN, std::int64_t{-2}, std::int64_t{3}, std::int64_t{4095}}) {
        CHECK_EQ(ndf_tensor_wait(t.get(), none), NDF_ERROR_INVALID_ARGUMENT);
        CHECK_EQ(ndf_tensor_record(t.get(), none), NDF_ERROR_INVALID_ARGUMENT);
        CHECK_EQ(ndf_stream_synchronize({NDF_DEVICE_CUDA, 0}, none), NDF_ERROR_INVALID_ARGUMENT);
    }
    for (const std::int64_t none : {INT64_MIN, std::int64_t{-2}, std::int64_t{-1}, std::int64_t{3}}) {
        CHECK_EQ(ndf_tensor_fill_on(to.get(), NDF_DTYPE_FLOAT64, &value, none), NDF_ERROR_INVALID_ARGUMENT);
        CHECK_EQ(ndf_tensor_equal_on(t.get(), t.get(), none, &equal), NDF_ERROR_INVALID_ARGUMENT);
        ndf_create_options create{sizeof create, NDF_ORDER_C, {NDF_DEVICE_CPU, 0}, none};
        CHECK_EQ(ndf_tensor_empty(float32, 2, shape, &create, &out), NDF_ERROR_INVALID_ARGUMENT);
    }
    for (const std::int64_t stream : {0, 1, 2}) {
        CHECK_EQ(ndf_tensor_wait(t.get(), stream), NDF_OK);
        CHECK_EQ(ndf_tensor_wait(nullptr, stream), NDF_ERROR_INVALID_ARGUMENT);
        CHECK_EQ(ndf_tensor_record(nullptr, stream), NDF_ERROR_INVALID_ARGUMENT);
        CHECK_EQ(ndf_stream_synchronize({NDF_DEVICE_CPU, 0}, stream), NDF_ERROR_UNSUPPORTED);
        CHECK_EQ(ndf_tensor_fill_on(to.get(), NDF_DTYPE_FLOAT64, &value, stream), NDF_OK);
        CHECK_EQ(ndf_tensor_fill_on(to.get(), NDF_DTYPE_FLOAT64, nullptr, stream), NDF_ERROR_INVALID_ARGUMENT);
        CHECK_EQ(ndf_tensor_equal_on(to.get(), to.get(), stream, &equal), NDF_OK);
        CHECK_EQ(ndf_tensor_equal_on(to.get(), to.get(), stream, nullptr), NDF_ERROR_INVALID_ARGUMENT);
        CHECK_EQ(equal, 1);
    }
    t.wait(-1);
    t.record(-1);
}
