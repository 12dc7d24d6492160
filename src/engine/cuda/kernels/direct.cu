// Numbers side by side, of the types that most are: known when this is compiled, so nothing is left to ask while it runs.
#include "fixed.h"

/// So many runs of a thread are on their way at once.
static constexpr int RUNS = 4;

/// What is done with numbers is the same as where types are known only at run time.
template <class Kind, u32 FROM, u32 TO> struct Fixed {
    DEVICE Fixed(const Numbers &) {}

    template <int N> DEVICE void run(const u64 (&raw)[N], u64 (&to)[N]) const {
        Numbers n;
        n.source = FROM, n.target = TO, n.saturate = 0, n.scaled = 0;
        Some<N> from;
        EACH from.raw[i] = raw[i], from.index[i] = 0;
        Kind::run(n, from, to);
    }
};

template <u32 TO> struct Scaled {
    Brighter<TO> by;

    DEVICE Scaled(const Numbers &n) : by(n) {}

    template <int N> DEVICE void run(const u64 (&raw)[N], u64 (&to)[N]) const { EACH to[i] = by(raw[i]); }
};

/// Runs that have 16 bytes on the wider side. All that a thread reads is asked for before any of it is waited for.
template <class Kind, u32 FROM, u32 TO> DEVICE void direct(const Convert &p) {
    constexpr int FROM_SIZE = size_of(FROM), TO_SIZE = size_of(TO), N = 16 / (FROM_SIZE > TO_SIZE ? FROM_SIZE : TO_SIZE);
    constexpr int FROM_STEP = THREADS * N * FROM_SIZE, TO_STEP = THREADS * N * TO_SIZE;
    u32 first = blockIdx.x * (RUNS * THREADS) + threadIdx.x, count = p.sheet.walk.count, left = RUNS;
    const char *source = static_cast<const char *>(p.sheet.source) + i64(first) * (N * FROM_SIZE);
    char *target = static_cast<char *>(p.sheet.target) + i64(first) * (N * TO_SIZE);
    Run<N * FROM_SIZE> runs[RUNS];
#pragma unroll
    for (int k = 0; k < RUNS; ++k)
        if (first + k * THREADS < count) runs[k] = load_run<N * FROM_SIZE>(source, k * FROM_STEP);
    Kind kind(p.numbers);
#pragma unroll 1
    for (; left > 0 && first < count; --left, first += THREADS, target += TO_STEP) {
        u64 raw[N], to[N];
        EACH raw[i] = number<FROM_SIZE>(runs[0], i);
        kind.run(raw, to);
        store_run(target, 0, run_of<TO_SIZE>(to));
#pragma unroll
        for (int k = 0; k + 1 < RUNS; ++k) runs[k] = runs[k + 1];
    }
}

#define DIRECT(name, Kind, FROM, TO)                                                                                            \
    KERNEL(direct_##name, Convert) { direct<Fixed<Kind, FROM, TO>, FROM, TO>(p); }
#define SCALED(name, TO)                                                                                                        \
    KERNEL(direct_##name, Convert) { direct<Scaled<TO>, UINT8, TO>(p); }

DIRECT(f32_f16, ToFloat, FLOAT32, FLOAT16)
DIRECT(f32_bf16, ToFloat, FLOAT32, BFLOAT16)
DIRECT(f32_e4m3fn, ToFloat, FLOAT32, FLOAT8_E4M3FN)
DIRECT(f32_e5m2, ToFloat, FLOAT32, FLOAT8_E5M2)
DIRECT(f16_f32, ToFloat, FLOAT16, FLOAT32)
DIRECT(bf16_f32, ToFloat, BFLOAT16, FLOAT32)
DIRECT(e4m3fn_f32, ToFloat, FLOAT8_E4M3FN, FLOAT32)
DIRECT(e5m2_f32, ToFloat, FLOAT8_E5M2, FLOAT32)
DIRECT(bool_f32, ToFloat, BOOL, FLOAT32)
DIRECT(f32_f64, ToWide, FLOAT32, FLOAT64)
DIRECT(i32_i64, ToWide, INT32, INT64)
DIRECT(i64_i32, ToInteger, INT64, INT32)
SCALED(u8_f32, FLOAT32)
SCALED(u8_f16, FLOAT16)
SCALED(u8_bf16, BFLOAT16)
