// Tensors out as DLPack structs and in again, both kinds.
#include "support.hpp"

#include <type_traits>

using namespace ndferry;
using support::count_up;
using support::elements;
using legacy = DLManagedTensor;
using versioned = DLManagedTensorVersioned;

template <class Managed> static void describes_the_tensor() {
    const tensor t = count_up<float>({2, 3}).transpose();
    const dlpack_ptr<Managed> managed = t.to_dlpack<Managed>();
    const DLTensor &out = managed->dl_tensor;
    CHECK(out.data == t.data());
    CHECK_EQ(out.device.device_type, kDLCPU);
    CHECK_EQ(out.device.device_id, 0);
    CHECK_EQ(out.ndim, 2);
    CHECK_EQ(out.dtype.code, kDLFloat);
    CHECK_EQ(out.dtype.bits, 32);
    CHECK_EQ(out.dtype.lanes, 1);
    CHECK_EQ(extents(out.shape, 2), (extents{3, 2}));
    CHECK_EQ(extents(out.strides, 2), (extents{1, 3}));
    CHECK_EQ(out.byte_offset, 0u);
    CHECK(managed->deleter != nullptr);
}

TEST("a legacy struct describes the tensor") { describes_the_tensor<legacy>(); }
TEST("a versioned struct describes the tensor") { describes_the_tensor<versioned>(); }

TEST("a versioned struct says version 1 and no flags") {
    const auto managed = count_up({2}).to_dlpack();
    CHECK_EQ(managed->version.major, 1u);
    CHECK_EQ(managed->flags, 0u);
}

template <class Managed> static void keeps_the_memory_alive() {
    support::counter ends;
    float data[2] = {1, 2};
    dlpack_ptr<Managed> managed = wrap(data, float32, {2}, support::counter::run, &ends).template to_dlpack<Managed>();
    CHECK_EQ(ends.runs, 0);
    CHECK_EQ(static_cast<const float *>(managed->dl_tensor.data)[1], 2.0f);
    managed.reset();
    CHECK_EQ(ends.runs, 1);
}

TEST("a legacy struct keeps the memory alive until its deleter runs") { keeps_the_memory_alive<legacy>(); }
TEST("a versioned struct keeps the memory alive until its deleter runs") { keeps_the_memory_alive<versioned>(); }

template <class Managed> static void comes_back() {
    const tensor t = count_up<float>({2, 3}).slice(1, NDF_SLICE_END, NDF_SLICE_END, -1);
    const tensor back = from_dlpack(t.to_dlpack<Managed>());
    CHECK(back.data() == t.data());
    CHECK_EQ(back.strides(), (extents{3, -1}));
    CHECK(back.equal(t));
    back.at<float>(1, 2) = 99;
    CHECK_EQ(t.at<float>(1, 2), 99.0f);
}

TEST("a tensor comes back from a legacy struct on the same memory") { comes_back<legacy>(); }
TEST("a tensor comes back from a versioned struct on the same memory") { comes_back<versioned>(); }

template <class Managed> static void frees_once() {
    support::foreign<Managed> producer;
    tensor view;
    {
        const tensor t = producer.take();
        CHECK(t.data() == producer.data);
        view = t.flip({0}).slice(0, 0, 1);
    }
    CHECK_EQ(producer.freed, 0);
    CHECK(elements<float>(view) == std::vector<float>{3, 4, 5});
    view = {};
    CHECK_EQ(producer.freed, 1);
}

TEST("a legacy import frees the producer's struct once, after the last view") { frees_once<legacy>(); }
TEST("a versioned import frees the producer's struct once, after the last view") { frees_once<versioned>(); }

TEST("read-only crosses in the versioned struct, both ways") {
    const tensor t = count_up({2}).as_read_only();
    const auto managed = t.to_dlpack();
    CHECK_EQ(managed->flags, DLPACK_FLAG_BITMASK_READ_ONLY);
    support::foreign<versioned> producer;
    producer.managed.flags = DLPACK_FLAG_BITMASK_READ_ONLY;
    CHECK(producer.take().is_read_only());
}

TEST("a read-only tensor does not leave through the legacy struct, but for a copy") {
    const tensor t = count_up({2}).as_read_only();
    CHECK_ERROR(NDF_ERROR_READ_ONLY, "read-only", t.to_dlpack<legacy>());
    const auto copy = t.to_dlpack<legacy>(NDF_COPY_IF_NEEDED);
    CHECK(copy->dl_tensor.data != t.const_data());
    CHECK_EQ(static_cast<const std::int32_t *>(copy->dl_tensor.data)[1], 1);
}

TEST("a copy is made when asked for, and says so") {
    const tensor t = count_up({2});
    const auto copy = t.to_dlpack(NDF_COPY_ALWAYS);
    CHECK_EQ(copy->flags, DLPACK_FLAG_BITMASK_IS_COPIED);
    CHECK(copy->dl_tensor.data != t.data());
    CHECK_EQ(t.to_dlpack(NDF_COPY_IF_NEEDED)->flags, 0u);
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "`copy`", t.to_dlpack(77));
}

TEST("what DLPack cannot say is refused, or copied when that helps") {
    const tensor big = count_up({2}).convert(dtype::parse(">i4"));
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "", big.to_dlpack());
    const auto native = big.to_dlpack(NDF_COPY_IF_NEEDED);
    CHECK_EQ(static_cast<const std::int32_t *>(native->dl_tensor.data)[1], 1);
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "", zeros(dtype::parse("|V8"), {1}).to_dlpack(NDF_COPY_IF_NEEDED));
    const tensor odd = zeros(dtype(NDF_DTYPE_INT4), {4}).slice(0, 1);
    CHECK_ERROR(NDF_ERROR_LAYOUT, "", odd.to_dlpack());
    CHECK_EQ(odd.to_dlpack(NDF_COPY_IF_NEEDED)->dl_tensor.shape[0], 3);
}

TEST("an export without elements has no address, one without axes has valid pointers") {
    CHECK(zeros(float32, {0, 3}).to_dlpack()->dl_tensor.data == nullptr);
    const auto scalar = full(float32, {}, 1.0f).to_dlpack();
    CHECK_EQ(scalar->dl_tensor.ndim, 0);
    CHECK(scalar->dl_tensor.shape != nullptr && scalar->dl_tensor.strides != nullptr);
}

TEST("an axis of extent 1 leaves with the stride of C order") {
    const tensor t = count_up({2, 3}).as_strided({1, 3}, {999, 1});
    CHECK_EQ(t.to_dlpack()->dl_tensor.strides[0], 3);
}

template <class Managed> static void takes_null_strides() {
    support::foreign<Managed> producer;
    producer.tensor().strides = nullptr;
    CHECK_EQ(producer.take().strides(), (extents{3, 1}));
}

TEST("NULL strides of a legacy struct mean C order") { takes_null_strides<legacy>(); }
TEST("NULL strides of a versioned struct mean C order") { takes_null_strides<versioned>(); }

TEST("a byte offset is honoured") {
    support::foreign<versioned> producer;
    producer.tensor().byte_offset = 4;
    producer.shape = {5};
    producer.strides = {1};
    producer.tensor().ndim = 1;
    const tensor t = producer.take();
    CHECK(t.data() == producer.data + 1);
    CHECK_EQ(t.to_dlpack()->dl_tensor.byte_offset, 0u);
}

TEST("on a device whose data are handles the offset stays an offset") {
    support::foreign<versioned> producer;
    producer.tensor().device = {kDLMetal, 2};
    producer.tensor().byte_offset = 24;
    const tensor t = producer.take();
    const auto out = t.select(0, 1).to_dlpack();
    CHECK(out->dl_tensor.data == producer.data);
    CHECK_EQ(out->dl_tensor.byte_offset, 36u);
    CHECK_EQ(out->dl_tensor.device.device_id, 2);
}

TEST("a tensor without axes comes in with NULL shape and strides") {
    support::foreign<versioned> producer;
    producer.tensor().ndim = 0;
    producer.tensor().shape = producer.tensor().strides = nullptr;
    CHECK_EQ(producer.take().element_count(), 1);
}

TEST("a tensor without elements comes in with or without an address") {
    for (const bool with : {false, true}) {
        support::foreign<legacy> producer;
        producer.shape[0] = 0;
        if (!with) producer.tensor().data = nullptr;
        CHECK_EQ(producer.take().element_count(), 0);
    }
}

TEST("a struct without a deleter has nothing to free") {
    support::foreign<versioned> producer;
    producer.managed.deleter = nullptr;
    CHECK_EQ(producer.take().element_count(), 6);
    CHECK_EQ(producer.freed, 0);
}

TEST("padded 4-bit elements keep their padding, both ways") {
    support::foreign<versioned> producer;
    producer.tensor().dtype = {kDLInt, 4, 1};
    producer.managed.flags = DLPACK_FLAG_BITMASK_IS_SUBBYTE_TYPE_PADDED;
    const tensor t = producer.take();
    CHECK_EQ(t.byte_size(), 6u);
    CHECK_EQ(t.to_dlpack()->flags, DLPACK_FLAG_BITMASK_IS_SUBBYTE_TYPE_PADDED);
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "padded", t.to_dlpack<legacy>());
}

TEST("the check says yes without taking the struct") {
    support::foreign<legacy> old;
    support::foreign<versioned> recent;
    CHECK_OK(ndf_dlpack_check(&old.managed));
    CHECK_OK(ndf_dlpack_check_versioned(&recent.managed));
    CHECK_EQ(old.freed + recent.freed, 0);
}

TEST("an export may be imported by the exporter, a thousand times over") {
    const tensor t = count_up({2});
    tensor last = t;
    for (int i = 0; i < 1000; ++i) last = from_dlpack(last.to_dlpack());
    CHECK(last.equal(t));
}
