// Tensors on a CUDA device, where there is one: on a GPU, or on the driver that pretends to be one.
#include "support.hpp"

using ndferry::tensor;
using support::same_bytes;

namespace {

const ndf_device cuda{NDF_DEVICE_CUDA, 0};
const ndf_device host{NDF_DEVICE_CPU, 0};
const std::vector<std::int64_t> shape{7, 33, 65};

bool there_is_a_device() { return ndf_device_count(NDF_DEVICE_CUDA) > 0; }

} // namespace

TEST("without a device there is none, and what is asked of one is refused") {
    if (there_is_a_device()) return;
    CHECK(!ndf_device_is_available(cuda));
    CHECK_ERROR(NDF_ERROR_DEVICE_UNAVAILABLE, "", support::count_up(shape).to_device(cuda));
    CHECK_ERROR(NDF_ERROR_DEVICE_UNAVAILABLE, "", ndferry::zeros(NDF_DTYPE_FLOAT32, {3}, {NDF_ORDER_C, cuda, 0}));
}

TEST("what goes to the device and comes back is the same") {
    if (!there_is_a_device()) return;
    const tensor source = support::count_up(shape);
    const tensor there = source.to_device(cuda);
    CHECK(there.device().device_type == NDF_DEVICE_CUDA);
    CHECK(same_bytes(there.to_device(host), source));
    CHECK(there.to_device(cuda).shares_memory(there));
}

TEST("views are converted on the device as on the host") {
    if (!there_is_a_device()) return;
    const tensor source = support::count_up(shape);
    const tensor there = source.to_device(cuda);
    for (const ndf_dtype type : {NDF_DTYPE_FLOAT64, NDF_DTYPE_FLOAT16, NDF_DTYPE_INT16, NDF_DTYPE_UINT8}) {
        const tensor expected = source.transpose().flip({1}).convert(type);
        CHECK(same_bytes(there.transpose().flip({1}).convert(type).to_device(host), expected));
    }
}

TEST("elements on the device are filled and compared there") {
    if (!there_is_a_device()) return;
    const tensor there = ndferry::zeros(NDF_DTYPE_FLOAT32, shape, {NDF_ORDER_C, cuda, 0});
    const tensor other = ndferry::full(NDF_DTYPE_FLOAT32, shape, 2.5, {NDF_ORDER_C, cuda, 0});
    CHECK(!there.equal(other));
    there.fill(2.5F);
    CHECK(there.equal(other));
    CHECK(there.to_device(host).at<const float>(6, 32, 64) == 2.5F);
}

TEST("elements on the device are not read by the host") {
    if (!there_is_a_device()) return;
    const tensor there = ndferry::zeros(NDF_DTYPE_FLOAT32, shape, {NDF_ORDER_C, cuda, 0});
    CHECK_THROWS(ndferry::error, there.at<const float>(0, 0, 0));
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "", support::count_up(shape).equal(there));
}

TEST("pinned and managed memory is the host's and the device's") {
    if (!there_is_a_device()) return;
    const tensor source = support::count_up(shape);
    for (const std::int32_t type : {NDF_DEVICE_CUDA_HOST, NDF_DEVICE_CUDA_MANAGED}) {
        const tensor both = source.to_device({type, 0});
        CHECK(both.device().device_type == type);
        CHECK(same_bytes(both.to_device(cuda).to_device(host), source));
    }
}
