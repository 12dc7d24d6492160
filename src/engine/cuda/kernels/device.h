// One source, two worlds: NVRTC makes PTX of it, a C++ compiler of the host a library for tests (host.h).
#pragma once

#ifdef __CUDACC__
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;
typedef float f32;
typedef double f64;

#define DEVICE __device__ __forceinline__
#define SHARED __shared__
/// A kernel of 256 threads that takes one structure, `p`.
#define KERNEL(name, Params) extern "C" __global__ void __launch_bounds__(256) name(const __grid_constant__ Params p)
/// One whose threads wait for each other.
#define KERNEL_IN_STEP(name, Params) KERNEL(name, Params)
/// One of which so many blocks are to fit on a multiprocessor, or too little is on its way from memory.
#define KERNEL_DENSE(name, Params, BLOCKS)                                                                                      \
    extern "C" __global__ void __launch_bounds__(256, BLOCKS) name(const __grid_constant__ Params p)
#else
#include "host.h"
#endif

#include "params.h"

/// So many threads has a block.
#define THREADS 256

/// The bits of one type as another of the same size.
template <class To, class From> DEVICE To as(From from) {
    static_assert(sizeof(To) == sizeof(From), "the sizes differ");
    union {
        From from;
        To to;
    } both;
    both.from = from;
    return both.to;
}
