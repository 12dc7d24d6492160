// The CUDA array interface as a struct and as text. There is no device: addresses are the host's, labelled as a
// device's, and nobody reads through them.
#include "support.hpp"

using namespace ndferry;

namespace {

/// An exporter's struct: 2 by 3 of float32.
struct exporter {
    float data[6] = {};
    std::int64_t shape[2] = {2, 3};
    std::int64_t strides[2] = {12, 4};
    ndf_cuda_array filled{};
    support::counter ends;

    exporter() {
        filled.version = 3;
        filled.ndim = 2;
        filled.data = data;
        filled.dtype = NDF_DTYPE_FLOAT32;
        filled.shape = shape;
    }

    ndf_status take(ndf_tensor **out) {
        return ndf_tensor_from_cuda_array(&filled, support::counter::run, &ends, out);
    }
    tensor take() {
        ndf_tensor *out = nullptr;
        ndferry::check(take(&out));
        return tensor(out);
    }
};

template <class How> void refuse(ndf_status expected, const char *part, How how) {
    refuse_from<exporter>(expected, part, how);
}

float memory[64];

tensor labelled(std::int32_t type, dtype of = float32) {
    wrap_options options;
    options.device = {type, 1};
    return wrap(memory, of, {2, 3}, nullptr, nullptr, options);
}

std::string text(const tensor &t, std::int32_t version) {
    char out[512];
    ndferry::check(ndf_tensor_cuda_array_interface(t.get(), version, sizeof out, out, nullptr));
    return out;
}

bool has(const std::string &all, const std::string &part) { return all.find(part) != std::string::npos; }

} // namespace

TEST("a struct describes the tensor, strides in bytes where it is not in C order") {
    const tensor t = labelled(NDF_DEVICE_CUDA);
    const cuda_array plain = t.to_cuda_array();
    CHECK_EQ(plain->version, 3);
    CHECK_EQ(plain->ndim, 2);
    CHECK(plain->data == memory);
    CHECK(dtype(plain->dtype) == float32);
    CHECK_EQ(plain->shape[1], 3);
    CHECK(plain->strides == nullptr);
    CHECK_EQ(plain->device.device_type, std::int32_t{NDF_DEVICE_CUDA});
    CHECK_EQ(plain->device.device_id, 1);
    CHECK_EQ(plain->flags, std::uint32_t{NDF_CUDA_ARRAY_HAS_STREAM});
    CHECK_EQ(plain->stream, 1);
    const cuda_array view = t.flip({1}).as_read_only().to_cuda_array();
    CHECK(view->data == memory + 2);
    CHECK_EQ(view->strides[0], 12);
    CHECK_EQ(view->strides[1], -4);
    CHECK(view->flags & NDF_CUDA_ARRAY_READ_ONLY);
}

TEST("no elements have no address, no axes no shape") {
    const cuda_array empty = labelled(NDF_DEVICE_CUDA).slice(0, 1, 1).to_cuda_array();
    CHECK(empty->data == nullptr && empty->strides == nullptr);
    const cuda_array scalar = labelled(NDF_DEVICE_CUDA).select(0, 0).select(0, 0).to_cuda_array();
    CHECK_EQ(scalar->ndim, 0);
    CHECK(scalar->shape == nullptr && scalar->strides == nullptr && scalar->data == memory);
}

TEST("memory that CUDA and ROCm reach is shown, all other refused") {
    for (const std::int32_t type : {NDF_DEVICE_CUDA, NDF_DEVICE_CUDA_HOST, NDF_DEVICE_CUDA_MANAGED, NDF_DEVICE_ROCM,
                                    NDF_DEVICE_ROCM_HOST}) {
        CHECK_EQ(labelled(type).to_cuda_array()->device.device_type, type);
    }
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "on cpu", zeros(float32, {2}).to_cuda_array());
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "opencl", labelled(4).to_cuda_array());
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "share bytes", labelled(NDF_DEVICE_CUDA, dtype::parse("int4")).to_cuda_array());
}

TEST("every version can be asked for, and those before 3 name no stream") {
    const tensor t = labelled(NDF_DEVICE_CUDA);
    for (const std::int32_t version : {0, 1, 2}) {
        CHECK_EQ(t.to_cuda_array(version)->version, version);
        CHECK_EQ(t.to_cuda_array(version)->flags, std::uint32_t{0});
        CHECK(!has(text(t, version), "stream"));
    }
    CHECK(has(text(t, 3), "'stream': 1"));
    CHECK_ERROR(NDF_ERROR_VERSION, "`version` is 4", t.to_cuda_array(4));
    CHECK_ERROR(NDF_ERROR_VERSION, "`version` is -1", t.to_cuda_array(-1));
}

TEST("the text is the dictionary") {
    const auto at = std::to_string(support::address(memory));
    const tensor t = labelled(NDF_DEVICE_CUDA);
    CHECK_EQ(text(t, 3), "{'shape': (2, 3), 'typestr': '<f4', 'descr': [('', '<f4')], 'data': (" + at +
                             ", False), 'strides': None, 'stream': 1, 'version': 3}");
    CHECK(has(text(t.transpose(), 2), "'strides': (4, 12)"));
    CHECK(has(text(t.as_read_only(), 3), "(" + at + ", True)"));
    CHECK(has(text(t.slice(1, 0, 0), 3), "'data': (0, False)"));
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "bfloat16", text(labelled(NDF_DEVICE_CUDA, bfloat16), 3));
    std::size_t length = 0;
    CHECK_OK(ndf_tensor_cuda_array_interface(t.get(), 3, 0, nullptr, &length));
    CHECK_EQ(length, text(t, 3).size());
}

TEST("a struct keeps the memory until it is released, as often as one likes") {
    exporter e;
    ndf_cuda_array out{};
    CHECK_OK(ndf_tensor_to_cuda_array(e.take().get(), 3, &out));
    CHECK_EQ(e.ends.runs, 0);
    ndf_cuda_array_release(&out);
    CHECK_EQ(e.ends.runs, 1);
    CHECK(out.data == nullptr && out.internal == nullptr && out.shape == nullptr);
    ndf_cuda_array_release(&out);
    ndf_cuda_array_release(nullptr);
    CHECK_EQ(e.ends.runs, 1);
}

TEST("what an exporter says becomes a tensor on its memory, and the struct may go") {
    exporter e;
    e.filled.strides = e.strides;
    e.filled.flags = NDF_CUDA_ARRAY_READ_ONLY;
    tensor t = e.take();
    std::memset(e.shape, 0xff, sizeof e.shape);
    CHECK(t.const_data() == e.data);
    CHECK_EQ(t.shape(), (extents{2, 3}));
    CHECK_EQ(t.strides(), (extents{3, 1}));
    CHECK(t.is_read_only());
    CHECK_EQ(t.device().device_type, std::int32_t{NDF_DEVICE_CUDA});
    CHECK_EQ(t.device().device_id, 0);
    CHECK_EQ(e.ends.runs, 0);
    t = tensor();
    CHECK_EQ(e.ends.runs, 1);
}

TEST("the device is the one that is stated, and there may be no deleter") {
    exporter e;
    e.filled.device = {NDF_DEVICE_CUDA_MANAGED, 2};
    ndf_tensor *out = nullptr;
    CHECK_OK(ndf_tensor_from_cuda_array(&e.filled, nullptr, nullptr, &out));
    const tensor t(out);
    CHECK_EQ(t.device().device_type, std::int32_t{NDF_DEVICE_CUDA_MANAGED});
    CHECK_EQ(t.device().device_id, 2);
}

TEST("the stream stays with the memory: views and exports name it again") {
    for (const std::int64_t stream : {std::int64_t{1}, std::int64_t{2}, std::int64_t{0x7f0012345678}, INT64_MAX}) {
        exporter e;
        e.filled.flags = NDF_CUDA_ARRAY_HAS_STREAM;
        e.filled.stream = stream;
        const tensor t = e.take();
        CHECK_EQ(t.to_cuda_array()->stream, stream);
        CHECK_EQ(t.slice(0, 1).transpose().to_cuda_array()->stream, stream);
        if (stream != 1) CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "version 2 cannot say", t.to_cuda_array(2));
    }
}

TEST("version 3 without a stream promises that nothing is pending, a version before it promises nothing") {
    exporter e;
    const tensor ready = e.take();
    CHECK_EQ(ready.to_cuda_array()->flags, std::uint32_t{0});
    CHECK(has(text(ready, 3), "'stream': None"));
    CHECK_EQ(ready.to_cuda_array(2)->version, 2);
    e.filled.version = 2;
    const tensor old = e.take();
    CHECK_EQ(old.to_cuda_array()->flags, std::uint32_t{NDF_CUDA_ARRAY_HAS_STREAM});
    CHECK_EQ(old.to_cuda_array()->stream, 1);
}

TEST("an owner of any type may keep the memory alive") {
    exporter e;
    const auto owner = std::make_shared<int>(7);
    {
        const tensor t = from_cuda_array(e.filled, owner);
        CHECK_EQ(owner.use_count(), 2);
    }
    CHECK_EQ(owner.use_count(), 1);
    e.filled.ndim = -1;
    CHECK_ERROR(NDF_ERROR_SHAPE, "-1", from_cuda_array(e.filled, owner));
    CHECK_EQ(owner.use_count(), 1);
}

TEST("streams that are none are refused") {
    const auto with = [](std::int64_t stream) {
        return [stream](exporter &e) {
            e.filled.flags = NDF_CUDA_ARRAY_HAS_STREAM;
            e.filled.stream = stream;
        };
    };
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`stream` is 0", with(0));
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`stream` is -1", with(-1));
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`stream` is 3", with(3));
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`stream` is 4095", with(4095));
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`stream` is -9223372036854775808", with(INT64_MIN));
}

TEST("structs that make no sense are refused") {
    refuse(NDF_ERROR_VERSION, "`version` is 4", [](exporter &e) { e.filled.version = 4; });
    refuse(NDF_ERROR_VERSION, "`version` is -1", [](exporter &e) { e.filled.version = -1; });
    refuse(NDF_ERROR_SHAPE, "`ndim` is -1", [](exporter &e) { e.filled.ndim = -1; });
    refuse(NDF_ERROR_SHAPE, "`ndim` is 65", [](exporter &e) { e.filled.ndim = 65; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`shape` is NULL", [](exporter &e) { e.filled.shape = nullptr; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`data` is NULL", [](exporter &e) { e.filled.data = nullptr; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`flags` is 0x4", [](exporter &e) { e.filled.flags = 4; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`reserved` is 7", [](exporter &e) { e.filled.reserved = 7; });
    refuse(NDF_ERROR_SHAPE, "-2", [](exporter &e) { e.shape[0] = -2; });
    refuse(NDF_ERROR_OVERFLOW, "", [](exporter &e) { e.shape[0] = INT64_MAX; });
    refuse(NDF_ERROR_UNSUPPORTED, "on cpu", [](exporter &e) { e.filled.device = {NDF_DEVICE_CPU, 0}; });
    refuse(NDF_ERROR_UNSUPPORTED, "metal", [](exporter &e) { e.filled.device = {8, 0}; });
    refuse(NDF_ERROR_DTYPE, "", [](exporter &e) { e.filled.dtype = ndf_dtype{}; });
    refuse(NDF_ERROR_UNSUPPORTED, "share bytes", [](exporter &e) { e.filled.dtype = NDF_DTYPE_INT4; });
    refuse(NDF_ERROR_LAYOUT, "`strides[0]` is 7", [](exporter &e) {
        e.strides[0] = 7;
        e.filled.strides = e.strides;
    });
    refuse(NDF_ERROR_OVERFLOW, "", [](exporter &e) {
        e.strides[0] = INT64_MIN;
        e.filled.strides = e.strides;
    });
}
