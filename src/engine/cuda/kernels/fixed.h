// Numbers of types that are known when this is compiled, in runs of 4, 8 or 16 bytes.
#pragma once

#include "change.h"

/// The bytes of a number.
DEVICE constexpr int size_of(u32 type) { return int(type & 0xff) / 8; }

template <int BYTES> struct Run {
    u32 part[BYTES / 4];
};

template <int BYTES> DEVICE Run<BYTES> load_run(const void *base, i64 at) {
    if constexpr (BYTES == 16) {
        Wide word = load<Wide>(base, at);
        return {{word.part[0], word.part[1], word.part[2], word.part[3]}};
    } else if constexpr (BYTES == 8) {
        u64 word = load<u64>(base, at);
        return {{low(word), high(word)}};
    } else {
        return {{load<u32>(base, at)}};
    }
}

template <int BYTES> DEVICE void store_run(void *base, i64 at, const Run<BYTES> &run) {
    if constexpr (BYTES == 16) store(base, at, Wide{{run.part[0], run.part[1], run.part[2], run.part[3]}});
    else if constexpr (BYTES == 8) store(base, at, joined(run.part[0], run.part[1]));
    else store(base, at, run.part[0]);
}

/// Number `i` of a run of numbers of so many bytes.
template <int SIZE, int BYTES> DEVICE u64 number(const Run<BYTES> &run, int i) {
    if constexpr (SIZE == 8) return element<u64>(run.part, i);
    else if constexpr (SIZE == 4) return element<u32>(run.part, i);
    else if constexpr (SIZE == 2) return element<u16>(run.part, i);
    else return element<u8>(run.part, i);
}

/// N numbers, each of so many bytes, as a run.
template <int SIZE, int N> DEVICE Run<SIZE * N> run_of(const u64 (&raw)[N]) {
    Run<SIZE * N> run;
#pragma unroll
    for (int k = 0; k < SIZE * N / 4; ++k) {
        if constexpr (SIZE == 8) {
            run.part[k] = k % 2 ? high(raw[k / 2]) : low(raw[k / 2]);
        } else if constexpr (SIZE == 4) {
            run.part[k] = u32(raw[k]);
        } else if constexpr (SIZE == 2) {
            run.part[k] = __byte_perm(u32(raw[2 * k]), u32(raw[2 * k + 1]), 0x5410);
        } else {
            u32 front = __byte_perm(u32(raw[4 * k]), u32(raw[4 * k + 1]), 0x0040);
            u32 back = __byte_perm(u32(raw[4 * k + 2]), u32(raw[4 * k + 3]), 0x0040);
            run.part[k] = __byte_perm(front, back, 0x5410);
        }
    }
    return run;
}

/// What bytes become that are scaled, by factors that are finite: there is no NaN. A factor of 1 and a bias of -0 change nothing.
template <u32 TO> struct Brighter {
    f32 scale, bias;

    DEVICE Brighter(const Numbers &n, i32 step = 0) {
        Factor by = factor(n, step);
        scale = f32(by.scale), bias = f32(by.bias);
    }

    DEVICE u32 operator()(u64 raw) const {
        f32 x = __fadd_rn(__fmul_rn(f32(u8(raw)), scale), bias);
        if constexpr (TO == FLOAT32) return as<u32>(x);
        else if constexpr (TO == FLOAT16) return half_of_number(x);
        else return bfloat_of_number(x);
    }
};
