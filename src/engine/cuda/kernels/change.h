// A few numbers at once, from any type to any other. Types are known only at run time; all threads have the same ones, so each
// choice is made once for all the numbers of a thread, and stands in the code once.
#pragma once

#include "number.h"
#include "walk.h"
#include "word.h"

/// Scale and bias of a number.
struct Factor {
    f64 scale, bias;
};

DEVICE Factor factor(const Numbers &n, i32 step) {
    i64 index = 2 * (n.first + step);
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

/// N numbers by their bits, those above a type's own being anything, and the indices of their factors.
template <int N> struct Some {
    u64 raw[N];
    i32 index[N];
};

/// For each of N.
#define EACH _Pragma("unroll") for (int i = 0; i < N; ++i)

/// Scaled, if they are to be.
template <int N, class X> DEVICE void scale(const Numbers &n, const Some<N> &from, X (&x)[N]) {
    if (n.scaled) EACH x[i] = scaled(x[i], factor(n, from.index[i]));
}

DEVICE bool is_integer(u32 type) { return kind_of(type) <= SIGNED; }
DEVICE bool is_half(u32 type) { return type == FLOAT16 || type == HALF; }

/// Booleans, integers and floats other than float64, as float32.
template <int N> DEVICE void to_f32(u32 type, const u64 (&raw)[N], f32 (&x)[N]) {
    if (type == FLOAT32) {
        EACH x[i] = as<f32>(u32(raw[i]));
    } else if (is_half(type)) {
        EACH x[i] = half_to_f32(u16(raw[i]));
    } else if (type == BFLOAT16) {
        EACH x[i] = as<f32>(u32(raw[i]) << 16);
    } else if (type == FLOAT8_E8M0FNU) {
        EACH x[i] = decoded_power(u32(raw[i]) & 0xff);
    } else if (kind_of(type) == SMALL) {
        Format format(type);
        EACH x[i] = format.decode(u32(raw[i]));
    } else if (type == INT64) {
        EACH x[i] = f32(i64(raw[i]));
    } else if (type == UINT64) {
        EACH x[i] = f32(raw[i]);
    } else if (kind_of(type) == SIGNED) {
        EACH x[i] = f32(i32(extended(type, u32(raw[i]))));
    } else {
        EACH x[i] = f32(extended(type, u32(raw[i])));
    }
}

/// Any numbers as float64.
template <int N> DEVICE void to_f64(u32 type, const u64 (&raw)[N], f64 (&x)[N]) {
    if (type == FLOAT64) {
        EACH x[i] = as<f64>(raw[i]);
    } else if (type == FLOAT16) {
        EACH x[i] = half_to_f64(u16(raw[i]));
    } else if (type == INT64) {
        EACH x[i] = f64(i64(raw[i]));
    } else if (type == UINT64) {
        EACH x[i] = f64(raw[i]);
    } else if (kind_of(type) == SIGNED) {
        EACH x[i] = f64(i32(extended(type, u32(raw[i]))));
    } else if (is_integer(type)) {
        EACH x[i] = f64(extended(type, u32(raw[i])));
    } else {
        f32 y[N];
        to_f32(type, raw, y);
        EACH x[i] = widened(y[i]);
    }
}

/// Booleans and integers as 64 bits of their sign.
template <int N> DEVICE void to_64_bits(u32 type, const u64 (&raw)[N], u64 (&x)[N]) {
    if (bits_of(type) == 64) EACH x[i] = raw[i];
    else if (kind_of(type) == SIGNED) EACH x[i] = u64(i64(i32(extended(type, u32(raw[i])))));
    else EACH x[i] = extended(type, u32(raw[i]));
}

/// To floats of at most 32 bits.
struct ToFloat {
    template <int N> static DEVICE void run(const Numbers &n, const Some<N> &from, u64 (&to)[N]) {
        f32 y[N];
        if (n.source == FLOAT64 || n.scaled == 64) {
            // Wide numbers leave time for one after the other.
            Some<N> rest = from;
            EACH to[i] = 0;
#pragma unroll 1
            for (int k = 0; k < N; ++k) {
                f64 x[1];
                Some<1> one = {{rest.raw[0]}, {rest.index[0]}};
                to_f64(n.source, one.raw, x);
                scale(n, one, x);
                if (n.saturate) x[0] = clamped(x[0], n.low, n.high);
                u64 last = n.target == FLOAT16 ? half_from(x[0]) : as<u32>(narrowed(x[0]));
#pragma unroll
                for (int i = 0; i + 1 < N; ++i) {
                    rest.raw[i] = rest.raw[i + 1], rest.index[i] = rest.index[i + 1];
                    to[i] = to[i + 1];
                }
                to[N - 1] = last;
            }
            if (n.target == FLOAT16) return;
            EACH y[i] = as<f32>(u32(to[i]));
        } else {
            to_f32(n.source, from.raw, y);
            scale(n, from, y);
            if (n.saturate) EACH y[i] = clamped(y[i], f32(n.low), f32(n.high));
            if (n.target == FLOAT16 && kind_of(n.source) == SMALL && !n.scaled) EACH y[i] = canonical(y[i]);
        }
        if (n.target == FLOAT32) {
            EACH to[i] = as<u32>(y[i]);
        } else if (n.target == FLOAT16) {
            EACH to[i] = half_from(y[i]);
        } else if (n.target == BFLOAT16) {
            EACH to[i] = bfloat_from(y[i]);
        } else if (n.target == FLOAT8_E8M0FNU) {
            EACH to[i] = encoded_power(y[i]);
        } else {
            Format format(n.target);
            EACH to[i] = format.encode(y[i]);
        }
    }
};

/// To booleans and to integers that int32 holds, or their low bits.
struct ToInteger {
    template <int N> static DEVICE void run(const Numbers &n, const Some<N> &from, u64 (&to)[N]) {
        i32 y[N];
        bool truth = n.target == BOOL;
        if (n.scaled || n.source == FLOAT64) {
            f64 x[N];
            to_f64(n.source, from.raw, x);
            scale(n, from, x);
            EACH y[i] = truth ? x[i] != 0 : n.saturate ? nearest_i32(x[i]) : wrapped_i32(x[i]);
        } else if (is_integer(n.source)) {
            u64 x[N];
            to_64_bits(n.source, from.raw, x);
            if (truth) EACH y[i] = x[i] != 0;
            else if (!n.saturate) EACH y[i] = i32(u32(x[i]));
            else if (n.source == UINT64) EACH y[i] = x[i] > 0x7fffffff ? 0x7fffffff : i32(u32(x[i]));
            else EACH y[i] = i32(clamped(i64(x[i]), i64(-2147483647 - 1), i64(2147483647)));
        } else {
            f32 x[N];
            to_f32(n.source, from.raw, x);
            EACH y[i] = truth ? x[i] != 0 : n.saturate ? nearest_i32(x[i]) : wrapped_i32(x[i]);
        }
        if (n.saturate && !truth) {
            bool is_signed = kind_of(n.target) == SIGNED;
            i32 high = i32(0xffffffff >> (32 - bits_of(n.target) + is_signed)), low = is_signed ? -high - 1 : 0;
            EACH y[i] = clamped(y[i], low, high);
        }
        EACH to[i] = u32(y[i]);
    }
};

/// To float64, and to the integers that pass through 64 bits.
struct ToWide {
    template <int N> static DEVICE void run(const Numbers &n, const Some<N> &from, u64 (&to)[N]) {
        bool doubles = n.target == FLOAT64;
        if (n.scaled || doubles || !is_integer(n.source)) {
            f64 x[N];
            to_f64(n.source, from.raw, x);
            scale(n, from, x);
            if (doubles) EACH to[i] = as<u64>(x[i]);
            else if (n.target == UINT64) EACH to[i] = n.saturate ? nearest_u64(x[i]) : wrapped_u64(x[i]);
            else EACH to[i] = u64(n.saturate ? nearest_i64(x[i]) : wrapped_i64(x[i]));
        } else {
            to_64_bits(n.source, from.raw, to);
            // What the other sign has no number for.
            if (n.saturate && n.source == UINT64) EACH to[i] = n.target != UINT64 && to[i] >> 63 ? ~0ull >> 1 : to[i];
            else if (n.saturate && n.target == UINT64) EACH to[i] = i64(to[i]) < 0 ? 0 : to[i];
        }
        if (n.saturate && n.target == UINT32) EACH to[i] = u64(clamped(i64(to[i]), i64(0), i64(0xffffffff)));
    }
};
