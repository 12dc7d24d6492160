// Exports made for a consumer, and the table that they follow.
#include "support.hpp"

using namespace ndferry;
using support::count_up;
using support::elements;

TEST("the table can be walked, and every row says its name") {
    for (std::int32_t i = 0; i < ndf_consumer_count(); ++i) {
        const std::string name = ndf_consumer_name(i);
        std::size_t length = 0;
        CHECK_OK(ndf_consumer_describe(name.c_str(), 0, nullptr, &length));
        std::string row(length, '\0');
        CHECK_OK(ndf_consumer_describe(name.c_str(), length + 1, row.data(), nullptr));
        CHECK_EQ(row.rfind("{\"name\": \"" + name + "\", ", 0), 0u);
        CHECK_EQ(row.back(), '}');
    }
    CHECK(ndf_consumer_name(-1) == nullptr && ndf_consumer_name(ndf_consumer_count()) == nullptr);
    std::size_t length = 0;
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "it may be numpy, ", ndf_consumer_describe("caffe", 0, nullptr, &length));
}

TEST("a consumer gets the struct that it reads, on the same memory") {
    const tensor t = count_up<float>({4, 3});
    const auto torch = t.to_dlpack_for("torch");
    CHECK(torch.versioned != nullptr && torch.legacy == nullptr);
    CHECK(torch.versioned->dl_tensor.data == t.data());
    const auto jax = t.to_dlpack_for("jax");
    CHECK(jax.versioned == nullptr && jax.legacy != nullptr);
    CHECK(jax.legacy->dl_tensor.data == t.data());
    CHECK_EQ(t.explain_for("jax"), "JAX: zero-copy");
    CHECK(t.to_dlpack_for("torch", {NDF_COPY_DEFAULT, false, NDF_DLPACK_LEGACY}).legacy != nullptr);
    CHECK_ERROR(NDF_ERROR_VERSION, "1.x only", t.to_dlpack_for("pyarrow", {NDF_COPY_DEFAULT, false, NDF_DLPACK_LEGACY}));
}

TEST("a struct keeps the memory alive until its deleter runs") {
    support::counter ends;
    float data[2] = {1, 2};
    auto handed = wrap(data, float32, {2}, support::counter::run, &ends).to_dlpack_for("torch");
    CHECK_EQ(ends.runs, 0);
    CHECK_EQ(static_cast<const float *>(handed.versioned->dl_tensor.data)[1], 2.0f);
    handed.versioned.reset();
    CHECK_EQ(ends.runs, 1);
}

TEST("what a consumer does not take is copied, and the line says why") {
    const tensor t = count_up<float>({4, 3});
    const tensor columns = t.slice(1, 0, 2);
    CHECK_EQ(columns.explain_for("jax"), "JAX: stride 3 of axis 0 is not dense; copies 32 B");
    const tensor got = from_dlpack(columns.to_dlpack_for("jax").legacy);
    CHECK(got.data() != columns.data() && got.is_contiguous());
    CHECK(elements<float>(got) == elements<float>(columns));
    CHECK_ERROR(NDF_ERROR_COPY_REQUIRED, "stride 3", columns.to_dlpack_for("jax", {NDF_COPY_NEVER}));
    CHECK_EQ(columns.explain_for("jax", {NDF_COPY_NEVER}),
             "JAX: stride 3 of axis 0 is not dense, and `copy` forbids to copy 32 B");
}

TEST("read-only memory becomes writable only when that is allowed") {
    const tensor t = count_up({2}).as_read_only();
    const auto copied = t.to_dlpack_for("torch");
    CHECK(copied.versioned->dl_tensor.data != t.const_data());
    CHECK_EQ(copied.versioned->flags, DLPACK_FLAG_BITMASK_IS_COPIED);
    const auto kept = t.to_dlpack_for("numpy");
    CHECK(kept.versioned->dl_tensor.data == t.const_data());
    CHECK_EQ(kept.versioned->flags, DLPACK_FLAG_BITMASK_READ_ONLY);
    const auto allowed = t.to_dlpack_for("torch", {NDF_COPY_NEVER, true});
    CHECK(allowed.versioned->dl_tensor.data == t.const_data());
    CHECK_EQ(allowed.versioned->flags, 0u);
}

TEST("what no copy can help is refused, with what to do instead") {
    const tensor t = zeros(bfloat16, {2});
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "convert it to float32", t.to_dlpack_for("pyarrow"));
    CHECK_EQ(t.explain_for("pyarrow"), "PyArrow: does not take bfloat16 through DLPack; convert it to float32");
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "it may be numpy, ", t.to_dlpack_for("caffe"));
}

TEST("options that mean nothing are refused") {
    const tensor t = count_up({2});
    DLManagedTensorVersioned *versioned = nullptr;
    DLManagedTensor *legacy = nullptr;
    const auto call = [&](ndf_handover_options options) {
        return ndf_tensor_to_dlpack_for(t.get(), "torch", &options, &versioned, &legacy);
    };
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`copy` is 77", call({sizeof(ndf_handover_options), 77, 0, 0}));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`allow_writable` is 2", call({sizeof(ndf_handover_options), 0, 2, 0}));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`max_version` is 9", call({sizeof(ndf_handover_options), 0, 0, 9}));
    CHECK(versioned == nullptr && legacy == nullptr);
}
