// own_kernel
//
// A tensor on the GPU, shared with a kernel that is not ndferry's: the program's own, on a stream of its own. What
// ndferry has queued is waited for before the kernel, and told of it afterwards; nobody waits on the host until the end.
//
// The driver is called through dlopen, so that this builds on machines without CUDA; a program that has CUDA's headers
// writes cuLaunchKernel, or kernel<<<…>>>, in the same place.
#include <ndferry.hpp>

#include <cstdint>
#include <cstdio>
#include <dlfcn.h>
#include <stdexcept>
#include <string>

namespace {

// extern "C" __global__ void triple(float *x, unsigned n) { unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
//                                                           if (i < n) x[i] *= 3; }
const char *const TRIPLE = R"(
.version 7.0
.target sm_70
.address_size 64
.visible .entry triple(.param .u64 triple_param_0, .param .u32 triple_param_1)
{
    .reg .pred %p<2>;
    .reg .b32 %r<6>;
    .reg .f32 %f<3>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd1, [triple_param_0];
    ld.param.u32 %r1, [triple_param_1];
    mov.u32 %r2, %ctaid.x;
    mov.u32 %r3, %ntid.x;
    mov.u32 %r4, %tid.x;
    mad.lo.s32 %r5, %r2, %r3, %r4;
    setp.ge.u32 %p1, %r5, %r1;
    @%p1 bra $done;
    cvta.to.global.u64 %rd2, %rd1;
    mul.wide.u32 %rd3, %r5, 4;
    add.s64 %rd4, %rd2, %rd3;
    ld.global.f32 %f1, [%rd4];
    mul.rn.f32 %f2, %f1, 0f40400000;
    st.global.f32 [%rd4], %f2;
$done:
    ret;
}
)";

/// What this program needs of the CUDA driver.
class driver {
  public:
    driver() : library_(dlopen("libcuda.so.1", RTLD_NOW)) {
        if (library_ == nullptr) throw std::runtime_error(dlerror());
        call<int(unsigned)>("cuInit", 0U);
        call<int(void **, int)>("cuDevicePrimaryCtxRetain", &context_, 0);
        call<int(void *)>("cuCtxPushCurrent_v2", context_);
        call<int(void **, unsigned)>("cuStreamCreate", &stream_, 1U); // waits for no other stream by itself
        call<int(void **, const void *)>("cuModuleLoadData", &module_, TRIPLE);
        call<int(void **, void *, const char *)>("cuModuleGetFunction", &kernel_, module_, "triple");
    }

    driver(const driver &) = delete;
    driver &operator=(const driver &) = delete;

    ~driver() {
        symbol<int(void *)>("cuModuleUnload")(module_);
        symbol<int(void *)>("cuStreamDestroy_v2")(stream_);
        symbol<int(void **)>("cuCtxPopCurrent_v2")(&context_);
        symbol<int(int)>("cuDevicePrimaryCtxRelease_v2")(0);
    }

    std::int64_t stream() const { return static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(stream_)); }

    void triple(void *data, unsigned count) {
        void *arguments[] = {&data, &count};
        using launch = int(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **);
        call<launch>("cuLaunchKernel", kernel_, (count + 255) / 256, 1U, 1U, 256U, 1U, 1U, 0U, stream_,
                     static_cast<void **>(arguments), nullptr);
    }

  private:
    template <class Function> Function *symbol(const char *name) const {
        return reinterpret_cast<Function *>(dlsym(library_, name));
    }

    template <class Function, class... Arguments> void call(const char *name, Arguments... arguments) const {
        auto *const function = symbol<Function>(name);
        const int code = function == nullptr ? -1 : function(arguments...);
        if (code != 0) throw std::runtime_error(std::string(name) + " answers " + std::to_string(code));
    }

    void *library_, *context_ = nullptr, *stream_ = nullptr, *module_ = nullptr, *kernel_ = nullptr;
};

} // namespace

int main() {
    if (ndf_device_count(NDF_DEVICE_CUDA) == 0) {
        std::puts("no CUDA device here: nothing to do");
        return 0;
    }
    const unsigned count = 1000;
    driver own;

    // Filled on the legacy default stream, which the program's own stream does not wait for by itself.
    ndferry::create_options there;
    there.device = {NDF_DEVICE_CUDA, 0};
    const ndferry::tensor numbers = ndferry::full(NDF_DTYPE_FLOAT32, {count}, 2.0F, there);

    numbers.wait(own.stream());
    own.triple(numbers.data(), count);
    numbers.record(own.stream());

    // ndferry waits for the kernel where it needs its result, on the device; and the host for the copy.
    const ndferry::tensor back = numbers.to_device({NDF_DEVICE_CPU, 0});
    bool right = true;
    for (unsigned i = 0; i < count; ++i) right = right && back.at<const float>(i) == 6.0F;
    std::printf("%u numbers tripled on the device: %s\n", count, right ? "right" : "WRONG");
    return right ? 0 : 1;
}
