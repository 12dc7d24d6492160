// What tests call: the kernels by name, and one launch at a time.
#include "host.h"

#include <mutex>

/// 0; 1 if there is no such kernel, 2 if it takes other parameters.
extern "C" int host_launch(const char *name, const void *params, u64 bytes, u32 blocks, u32 threads) {
    static std::mutex one_at_a_time;
    std::lock_guard<std::mutex> guard(one_at_a_time);
    for (const host::Kernel &kernel : host::kernels()) {
        if (strcmp(kernel.name, name) != 0) continue;
        if (kernel.bytes != bytes) return 2;
        host::run(kernel, params, blocks, threads);
        return 0;
    }
    return 1;
}

/// The name of kernel `index`, or null.
extern "C" const char *host_kernel(u64 index) {
    return index < host::kernels().size() ? host::kernels()[index].name : nullptr;
}
