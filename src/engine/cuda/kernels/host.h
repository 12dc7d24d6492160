// The kernels' world on the host. Blocks run one after another; threads of a block that wait for each other are fibers, so that
// __syncthreads() is a barrier, and their order turns round from one barrier to the next, so that a missing one shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <setjmp.h>
#include <ucontext.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef long long i64;
typedef float f32;
typedef double f64;

#define DEVICE inline
#define SHARED static
#define __restrict__ __restrict

namespace host {

struct Three {
    u32 x;
};

typedef void (*Body)(const void *params);

/// What a kernel is known by.
struct Kernel {
    const char *name;
    u64 bytes; // of its parameters
    u64 in_step;
    Body body;
};

inline std::vector<Kernel> &kernels() {
    static std::vector<Kernel> all;
    return all;
}

struct Register {
    Register(const char *name, u64 bytes, bool in_step, Body body) { kernels().push_back({name, bytes, in_step, body}); }
};

/// A thread with a stack of its own, which runs one body after the other.
struct Fiber {
    std::vector<char> stack;
    jmp_buf at;
    bool done;
};

/// The launch that runs: there is one at a time.
struct Now {
    Three block, thread;
    std::vector<Fiber> fibers;
    ucontext_t origin;
    jmp_buf scheduler;
    Fiber *fiber;
    Body body;
    const void *params;
};

inline Now &now() {
    static Now one;
    return one;
}

/// Back to whoever runs the fibers, until it is this one's turn again.
inline void wait() {
    if (_setjmp(now().fiber->at) == 0) _longjmp(now().scheduler, 1);
}

inline void fiber_main() {
    for (;;) {
        wait();
        Now &n = now();
        n.body(n.params);
        n.fiber->done = true;
    }
}

inline void go_on(Fiber &fiber) {
    Now &n = now();
    n.fiber = &fiber;
    if (_setjmp(n.scheduler) == 0) _longjmp(fiber.at, 1);
}

inline void make(Fiber &fiber) {
    Now &n = now();
    ucontext_t context;
    getcontext(&context);
    fiber.stack.resize(64 << 10);
    context.uc_stack.ss_sp = fiber.stack.data();
    context.uc_stack.ss_size = fiber.stack.size();
    context.uc_link = nullptr;
    makecontext(&context, fiber_main, 0);
    n.fiber = &fiber;
    if (_setjmp(n.scheduler) == 0) swapcontext(&n.origin, &context);
}

/// Runs the threads of a block up to each barrier in turn.
inline void run_in_step(u32 threads) {
    Now &n = now();
    if (n.fibers.size() < threads) {
        n.fibers.resize(threads);
        for (Fiber &fiber : n.fibers) make(fiber);
    }
    for (Fiber &fiber : n.fibers) fiber.done = false;
    bool waiting = true;
    for (u32 turn = 0; waiting; ++turn) {
        waiting = false;
        for (u32 i = 0; i < threads; ++i) {
            u32 thread = turn % 2 ? threads - 1 - i : i;
            Fiber &fiber = n.fibers[thread];
            if (fiber.done) continue;
            n.thread.x = thread;
            go_on(fiber);
            waiting |= !fiber.done;
        }
    }
}

inline void run(const Kernel &kernel, const void *params, u32 blocks, u32 threads) {
    Now &n = now();
    n.body = kernel.body;
    n.params = params;
    for (n.block.x = 0; n.block.x < blocks; ++n.block.x) {
        if (kernel.in_step) {
            run_in_step(threads);
            continue;
        }
        for (n.thread.x = 0; n.thread.x < threads; ++n.thread.x) kernel.body(params);
    }
}

} // namespace host

#define blockIdx (host::now().block)
#define threadIdx (host::now().thread)
#define __syncthreads host::wait

static inline u32 __umulhi(u32 a, u32 b) { return u32(u64(a) * b >> 32); }
static inline u32 __byte_perm(u32 a, u32 b, u32 selector) {
    u64 bytes = u64(b) << 32 | a;
    u32 result = 0;
    for (u32 i = 0; i < 4; ++i) result |= u32(bytes >> 8 * (selector >> 4 * i & 7) & 0xff) << 8 * i;
    return result;
}
static inline u32 min(u32 a, u32 b) { return a < b ? a : b; }
// The compiler is told not to fuse (-ffp-contract=off).
static inline f32 __fmul_rn(f32 a, f32 b) { return a * b; }
static inline f32 __fadd_rn(f32 a, f32 b) { return a + b; }
static inline f64 __dmul_rn(f64 a, f64 b) { return a * b; }
static inline f64 __dadd_rn(f64 a, f64 b) { return a + b; }
static inline u32 atomicAnd(u32 *word, u32 mask) {
    u32 old = *word;
    *word &= mask;
    return old;
}
static inline u32 atomicOr(u32 *word, u32 mask) {
    u32 old = *word;
    *word |= mask;
    return old;
}

#define HOST_KERNEL(name, Params, in_step)                                                                                      \
    static void name##_body(const Params &p);                                                                                   \
    static host::Register name##_registered(                                                                                    \
        #name, sizeof(Params), in_step, [](const void *params) { name##_body(*static_cast<const Params *>(params)); });         \
    static void name##_body(const Params &p)
#define KERNEL(name, Params) HOST_KERNEL(name, Params, false)
#define KERNEL_IN_STEP(name, Params) HOST_KERNEL(name, Params, true)
#define KERNEL_DENSE(name, Params, BLOCKS) KERNEL_IN_STEP(name, Params)
