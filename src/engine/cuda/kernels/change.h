// Four numbers at once, from any of the common types to one of a few. Types are known only at run time; all threads have the same
// ones, so each choice is made once for four numbers, and stands in the code once.
#pragma once

#include "number.h"
#include "walk.h"
#include "word.h"

/// Scale and bias of a number.
struct Factor {
    f64 scale, bias;
};

DEVICE Factor factor(const Numbers &n, i64 index) {
    index = 2 * (n.first + index);
    if (n.pairs) return {n.pairs[index], n.pairs[index + 1]};
    return {n.own[index], n.own[index + 1]};
}

/// What an x86-64 processor makes of NaN: that of the number, of the scale, of the bias, or the negative one of infinities that
/// cancel out.
DEVICE f32 scaled_nan(f32 x, f32 scale, f32 product, f32 bias) {
    f32 nan = as<f32>(0xffc00000);
    if (is_nan(bias) && !is_nan(product)) nan = bias;
    if (is_nan(scale)) nan = scale;
    return as<f32>(as<u32>(is_nan(x) ? x : nan) | 0x400000);
}
DEVICE f64 scaled_nan(f64 x, f64 scale, f64 product, f64 bias) {
    f64 nan = as<f64>(0xfff8000000000000);
    if (is_nan(bias) && !is_nan(product)) nan = bias;
    if (is_nan(scale)) nan = scale;
    return as<f64>(as<u64>(is_nan(x) ? x : nan) | 0x8000000000000);
}

/// The product is rounded before the sum.
DEVICE f32 scaled(f32 x, Factor by) {
    f32 scale = narrowed(by.scale), bias = narrowed(by.bias), product = __fmul_rn(x, scale), y = __fadd_rn(product, bias);
    return is_nan(y) ? scaled_nan(x, scale, product, bias) : y;
}
DEVICE f64 scaled(f64 x, Factor by) {
    f64 product = __dmul_rn(x, by.scale), y = __dadd_rn(product, by.bias);
    return is_nan(y) ? scaled_nan(x, by.scale, product, by.bias) : y;
}

/// Within bounds; NaN stays what it is.
template <class X> DEVICE X clamped(X x, X low, X high) { return x < low ? low : x > high ? high : x; }

/// So many numbers are taken at once.
#define FOUR 4

/// Four numbers by their bits, those above a type's own being anything, and the indices of their factors.
struct Four {
    u64 raw[FOUR];
    i64 index[FOUR];
};

#define EACH_OF_FOUR _Pragma("unroll") for (int i = 0; i < FOUR; ++i)

template <class S> DEVICE typename S::Word word(const Four &four, int i) { return typename S::Word(four.raw[i]); }

/// Calls `f` with the factor of each.
template <class X> DEVICE void scale(const Numbers &n, const Four &from, X (&x)[FOUR]) {
    if (!n.scaled) return;
    EACH_OF_FOUR x[i] = scaled(x[i], factor(n, from.index[i]));
}

/// To floats of at most 32 bits.
struct ToFloat {
    static constexpr int BYTES = 4; // of the widest target

    static DEVICE void run(const Numbers &n, const Four &from, u64 (&to)[FOUR]) {
        f32 y[FOUR];
        if (n.source == FLOAT64 || n.scaled == 64) {
            f64 x[FOUR];
            of_wide_type(n.source, [&](auto type) { EACH_OF_FOUR x[i] = type.to_f64(word<decltype(type)>(from, i)); });
            scale(n, from, x);
            if (n.saturate) EACH_OF_FOUR x[i] = clamped(x[i], n.low, n.high);
            if (n.target == FLOAT16) {
                EACH_OF_FOUR to[i] = half_from(x[i]);
                return;
            }
            EACH_OF_FOUR y[i] = narrowed(x[i]);
        } else {
            of_type(n.source, [&](auto type) { EACH_OF_FOUR y[i] = type.to_f32(word<decltype(type)>(from, i)); });
            scale(n, from, y);
            if (n.saturate) EACH_OF_FOUR y[i] = clamped(y[i], f32(n.low), f32(n.high));
            if (n.source == BFLOAT16 && n.target == FLOAT16 && !n.scaled) EACH_OF_FOUR y[i] = canonical(y[i]);
        }
        encode(n.target, y, to);
    }

    static DEVICE void encode(u32 target, const f32 (&y)[FOUR], u64 (&to)[FOUR]) {
        if (target == FLOAT32) EACH_OF_FOUR to[i] = as<u32>(y[i]);
        else if (target == FLOAT16) EACH_OF_FOUR to[i] = half_from(y[i]);
        else if (target == BFLOAT16) EACH_OF_FOUR to[i] = bfloat_from(y[i]);
        else if (target == FLOAT8_E4M3FN) EACH_OF_FOUR to[i] = encoded({4, 3, 7, FN}, y[i]);
        else EACH_OF_FOUR to[i] = encoded({5, 2, 15, IEEE}, y[i]);
    }
};

/// All of four as float64, scaled if they are to be.
DEVICE void to_f64(const Numbers &n, const Four &from, f64 (&x)[FOUR]) {
    of_type(n.source, [&](auto type) { EACH_OF_FOUR x[i] = type.to_f64(word<decltype(type)>(from, i)); });
    scale(n, from, x);
}

/// To booleans and integers that int32 holds, or their low bits.
struct ToInteger {
    static constexpr int BYTES = 4;

    static DEVICE void run(const Numbers &n, const Four &from, u64 (&to)[FOUR]) {
        i32 y[FOUR];
        if (n.scaled) {
            f64 x[FOUR];
            to_f64(n, from, x);
            EACH_OF_FOUR y[i] = n.target == BOOL ? x[i] != 0 : n.saturate ? nearest_i32(x[i]) : wrapped_i32(x[i]);
        } else {
            of_type(n.source, [&](auto type) {
                typedef decltype(type) S;
                if (n.target == BOOL) EACH_OF_FOUR y[i] = S::is_true(word<S>(from, i));
                else if (n.saturate) EACH_OF_FOUR y[i] = S::near_i32(word<S>(from, i));
                else EACH_OF_FOUR y[i] = S::to_i32(word<S>(from, i));
            });
        }
        if (n.saturate) {
            bool is_signed = n.target == INT8 || n.target == INT16 || n.target == INT32;
            u32 all = 0xffffffff >> (32 - 8 * bytes_of(n.target));
            i32 high = is_signed || n.target == BOOL ? i32(all >> 1) : i32(all), low = is_signed ? -high - 1 : 0;
            EACH_OF_FOUR y[i] = clamped(y[i], low, high);
        }
        EACH_OF_FOUR to[i] = u32(y[i]);
    }
};

/// To float64, and to the integers that pass through 64 bits.
struct ToWide {
    static constexpr int BYTES = 8;

    static DEVICE void run(const Numbers &n, const Four &from, u64 (&to)[FOUR]) {
        if (n.scaled || n.target == FLOAT64) {
            f64 x[FOUR];
            to_f64(n, from, x);
            if (n.target == FLOAT64) EACH_OF_FOUR to[i] = as<u64>(x[i]);
            else if (n.target == UINT64) EACH_OF_FOUR to[i] = n.saturate ? nearest_u64(x[i]) : wrapped_u64(x[i]);
            else EACH_OF_FOUR to[i] = u64(n.saturate ? nearest_i64(x[i]) : wrapped_i64(x[i]));
        } else {
            of_type(n.source, [&](auto type) {
                typedef decltype(type) S;
                if (!n.saturate && n.target == UINT64) EACH_OF_FOUR to[i] = S::to_u64(word<S>(from, i));
                else if (!n.saturate) EACH_OF_FOUR to[i] = u64(S::to_i64(word<S>(from, i)));
                else if (n.target == UINT64) EACH_OF_FOUR to[i] = S::near_u64(word<S>(from, i));
                else EACH_OF_FOUR to[i] = u64(S::near_i64(word<S>(from, i)));
            });
        }
        if (n.saturate && n.target == UINT32) EACH_OF_FOUR to[i] = u64(clamped(i64(to[i]), i64(0), i64(0xffffffff)));
    }
};
