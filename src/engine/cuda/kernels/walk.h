// From the number of an item to where it lies.
#pragma once

#include "device.h"

DEVICE u32 divide(const Divisor &by, u32 n) { return (__umulhi(n, by.multiplier) + n) >> by.shift; }

/// Divides, and leaves the remainder in `n`.
DEVICE u32 split(const Divisor &by, u32 &n) {
    u32 quotient = divide(by, n);
    n -= quotient * by.by;
    return quotient;
}

struct Place {
    i64 source, target;
    i32 step;
};

/// Where N items lie. One turn for each loop, however many items: the loops' numbers are read once for all of them.
template <int N> DEVICE void places(const Walk &walk, const u32 (&items)[N], Place (&at)[N]) {
    u32 rest[N];
#pragma unroll
    for (int i = 0; i < N; ++i) {
        rest[i] = items[i];
        at[i] = {0, 0, 0};
    }
#pragma unroll 1
    for (u32 k = 0; k < walk.loops; ++k) {
        const Loop &loop = walk.loop[k];
#pragma unroll
        for (int i = 0; i < N; ++i) {
            u32 turn = rest[i];
            rest[i] = split(loop.extent, turn);
            at[i].source += loop.source * i64(turn);
            at[i].target += loop.target * i64(turn);
            at[i].step += loop.step * i32(turn);
        }
    }
}

DEVICE Place place(const Walk &walk, u32 item) {
    u32 items[1] = {item};
    Place at[1];
    places(walk, items, at);
    return at[0];
}

/// The items of this thread: neighbours have neighbouring ones, so that memory is read and written in whole lines.
template <int N> DEVICE void items_of_thread(u32 (&items)[N]) {
#pragma unroll
    for (int i = 0; i < N; ++i) items[i] = blockIdx.x * (N * THREADS) + i * THREADS + threadIdx.x;
}
