// When malloc has nothing: an error and not an abort, nothing consumed, nothing leaked. This program's own malloc stands
// in front of the C library's and can be told to fail.
#include "arrow_c.hpp"
#include "support.hpp"

using namespace ndferry;

#if defined(__GLIBC__)

extern "C" void *__libc_malloc(std::size_t);

namespace {
thread_local bool nothing_left = false;
}

extern "C" void *malloc(std::size_t size) { return nothing_left ? nullptr : __libc_malloc(size); }

namespace {

/// Whether the library sees the stand-in: valgrind and sanitizers put their own in front of it.
bool can_fail() {
    nothing_left = true;
    ndf_tensor *tensor = nullptr;
    const ndf_status status = ndf_tensor_empty(NDF_DTYPE_FLOAT32, 0, nullptr, nullptr, &tensor);
    nothing_left = false;
    ndf_tensor_release(tensor);
    return status != NDF_OK;
}

template <class Call> void runs_out(const char *text, int line, Call call) {
    if (!can_fail()) return;
    nothing_left = true;
    const ndf_status status = call();
    nothing_left = false;
    support::refused(status, NDF_ERROR_OUT_OF_MEMORY, "memory", text, __FILE__, line);
}

#define RUNS_OUT(...) runs_out(#__VA_ARGS__, __LINE__, [&] { return __VA_ARGS__; })

} // namespace

TEST("a tensor that cannot be made is an error, and its deleter stays unused") {
    float data[4] = {};
    const std::int64_t shape[] = {2, 2};
    support::counter freed;
    ndf_tensor *out = nullptr;
    RUNS_OUT(ndf_tensor_wrap(data, NDF_DTYPE_FLOAT32, 2, shape, nullptr, support::counter::run, &freed, nullptr, &out));
    RUNS_OUT(ndf_tensor_empty(NDF_DTYPE_FLOAT32, 2, shape, nullptr, &out));
    CHECK(out == nullptr);
    CHECK_EQ(freed.runs.load(), 0);
}

TEST("a view, an export or a copy that cannot be made is an error, and the tensor stays as it was") {
    const tensor t = support::count_up<float>({2, 3});
    const std::int32_t axes[] = {1, 0};
    ndf_tensor *out = nullptr;
    DLManagedTensorVersioned *versioned = nullptr;
    DLManagedTensor *legacy = nullptr;
    RUNS_OUT(ndf_tensor_permute(t.get(), 2, axes, &out));
    RUNS_OUT(ndf_tensor_transpose(t.get(), &out));
    RUNS_OUT(ndf_tensor_to_dlpack_versioned(t.get(), nullptr, &versioned));
    RUNS_OUT(ndf_tensor_to_dlpack(t.get(), nullptr, &legacy));
    CHECK(out == nullptr && versioned == nullptr && legacy == nullptr);
    CHECK_EQ(ndf_tensor_reference_count(t.get()), std::size_t{1});
}

TEST("an import that cannot be made leaves the struct to its owner") {
    const tensor t = support::count_up<float>({2, 3});
    DLManagedTensorVersioned *managed = nullptr;
    ndferry::check(ndf_tensor_to_dlpack_versioned(t.get(), nullptr, &managed));
    ndf_tensor *out = nullptr;
    RUNS_OUT(ndf_tensor_from_dlpack_versioned(managed, &out));
    CHECK(out == nullptr);
    managed->deleter(managed);
}

TEST("an Arrow array and device memory that cannot be taken stay with their owners, too") {
    const tensor t = support::count_up<float>({6});
    ArrowSchema schema;
    ArrowArray array;
    t.to_arrow(&schema, &array);
    wrap_options options;
    options.device = {NDF_DEVICE_CUDA, 0};
    const tensor there = wrap(t.data(), float32, {6}, nullptr, nullptr, options);
    const cuda_array shown = there.to_cuda_array();
    support::counter freed;
    ndf_tensor *out = nullptr;
    RUNS_OUT(ndf_tensor_from_cuda_array(shown.get(), support::counter::run, &freed, &out));
    ndf_cuda_array again{};
    RUNS_OUT(ndf_tensor_to_cuda_array(there.get(), 3, &again));
    RUNS_OUT(ndf_tensor_from_arrow(&schema, &array, nullptr, &out));
    CHECK(out == nullptr && again.internal == nullptr);
    CHECK_EQ(freed.runs.load(), 0);
    CHECK(array.release != nullptr);
    array.release(&array);
    schema.release(&schema);
}

#else

TEST("where malloc cannot be made to fail there is nothing to see") { CHECK(true); }

#endif
