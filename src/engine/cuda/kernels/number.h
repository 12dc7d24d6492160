// Steps on the way from one type of numbers to another, bit for bit those of the host's engine. NaNs, whose bits no two processors treat alike, go by their bits.
#pragma once

#include "device.h"

DEVICE bool is_nan(f32 x) { return x != x; }
DEVICE bool is_nan(f64 x) { return x != x; }

/// float32 as float64; a NaN becomes quiet and keeps its payload.
DEVICE f64 widened(f32 x) {
    u32 bits = as<u32>(x);
    if (is_nan(x)) return as<f64>(u64(bits & 0x80000000) << 32 | 0x7ff8000000000000 | u64(bits & 0x7fffff) << 29);
    return f64(x);
}

/// float64 as float32; a NaN becomes quiet and keeps the top of its payload.
DEVICE f32 narrowed(f64 x) {
    u64 bits = as<u64>(x);
    if (is_nan(x)) return as<f32>(u32(bits >> 32 & 0x80000000) | 0x7fc00000 | u32(bits >> 29 & 0x3fffff));
    return f32(x);
}

/// `x`, or the quiet NaN of its sign.
DEVICE f32 canonical(f32 x) { return is_nan(x) ? as<f32>((as<u32>(x) & 0x80000000) | 0x7fc00000) : x; }

// Floats to integers in the manner of an x86-64 processor: towards zero, or the lowest integer.
DEVICE i32 wrapped_i32(f32 x) { return x >= -2147483648.0f && x < 2147483648.0f ? i32(x) : i32(0x80000000); }
DEVICE i32 wrapped_i32(f64 x) { return x > -2147483649.0 && x < 2147483648.0 ? i32(x) : i32(0x80000000); }
DEVICE i64 wrapped_i64(f64 x) {
    return x >= -9223372036854775808.0 && x < 9223372036854775808.0 ? i64(x) : i64(0x8000000000000000);
}
DEVICE u64 wrapped_u64(f64 x) {
    if (!(x >= 9223372036854775808.0)) return u64(wrapped_i64(x));
    return x < 18446744073709551616.0 ? u64(x) : 0x8000000000000000;
}

// Towards zero and within the type; NaN is 0.
DEVICE i32 nearest_i32(f32 x) {
    if (is_nan(x)) return 0;
    return x < -2147483648.0f ? i32(0x80000000) : x >= 2147483648.0f ? 0x7fffffff : i32(x);
}
DEVICE i32 nearest_i32(f64 x) {
    if (is_nan(x)) return 0;
    return x < -2147483648.0 ? i32(0x80000000) : x >= 2147483648.0 ? 0x7fffffff : i32(x);
}
DEVICE i64 nearest_i64(f64 x) {
    if (is_nan(x)) return 0;
    return x < -9223372036854775808.0 ? i64(0x8000000000000000) : x >= 9223372036854775808.0 ? 0x7fffffffffffffff : i64(x);
}
DEVICE u64 nearest_u64(f64 x) { return !(x > 0) ? 0 : x >= 18446744073709551616.0 ? ~0ull : u64(x); }

DEVICE u32 kind_of(u32 type) { return type >> 8 & 15; }
DEVICE u32 bits_of(u32 type) { return type & 0xff; }
DEVICE u32 bytes_of(u32 type) { return (bits_of(type) + 7) / 8; }

/// A float of at most 16 bits: as `dtype::float::Format`.
struct Format {
    u32 exponent_bits, mantissa_bits;
    i32 bias;
    u32 special;

    DEVICE Format(u32 type)
        : exponent_bits(type >> 12 & 15), mantissa_bits(type >> 16 & 15), bias(i32(type >> 24)), special(type >> 20 & 15) {}

    DEVICE u32 magnitudes() const { return (1u << (exponent_bits + mantissa_bits)) - 1; }
    DEVICE u32 sign() const { return special == SCALE ? 0 : magnitudes() + 1; }
    DEVICE u32 infinity() const { return ((1u << exponent_bits) - 1) << mantissa_bits; }
    DEVICE u32 largest() const {
        if (special == IEEE) return infinity() - 1;
        return special == FN || special == SCALE ? magnitudes() - 1 : magnitudes();
    }
    DEVICE u32 nan() const {
        if (special == IEEE) return infinity() | 1u << (mantissa_bits - 1);
        return special == FN || special == SCALE ? magnitudes() : sign();
    }
    DEVICE u32 overflow() const { return special == IEEE ? infinity() : special == FINITE ? largest() : nan(); }
};

/// 2^exponent, a normal float32.
DEVICE f32 power_of_two(i32 exponent) { return as<f32>(u32(exponent + 127) << 23); }

DEVICE f32 decoded(const Format &f, u32 code) {
    u32 magnitude = code & f.magnitudes(), shift = 23 - f.mantissa_bits;
    if (f.special == SCALE) return as<f32>(magnitude == f.nan() ? 0x7fc00000 : magnitude == 0 ? 1u << 22 : magnitude << 23);
    u32 sign = code & f.sign() ? 0x80000000 : 0;
    // Below the smallest normal number a code counts multiples of the smallest subnormal one.
    u32 wide = (magnitude << shift) + (u32(127 - f.bias) << 23);
    if (f.bias < 127 && magnitude < 1u << f.mantissa_bits)
        wide = as<u32>(f32(magnitude) * power_of_two(1 - f.bias - i32(f.mantissa_bits)));
    if (f.special == IEEE && magnitude >= f.infinity()) {
        if (f.mantissa_bits >= 7) wide = 0x7f800000 | magnitude << shift;
        else wide = magnitude == f.infinity() ? 0x7f800000 : 0x7fc00000;
    }
    if (f.special == FN && magnitude == f.nan()) wide = 0x7fc00000;
    if (f.special == FNUZ && code == f.nan()) wide = 0x7fc00000;
    return as<f32>((wide & 0x7fffffff) | sign);
}

DEVICE u32 encoded(const Format &f, f32 x) {
    u32 bits = as<u32>(x), magnitude = bits & 0x7fffffff, shift = 23 - f.mantissa_bits;
    // Rounding looks at the last bit that stays. Without a mantissa that is the implicit leading one.
    u32 odd = f.mantissa_bits == 0 ? u32(magnitude >= 1u << 23) : magnitude >> shift & 1;
    u32 code = ((magnitude + (1u << (shift - 1)) - 1 + odd) >> shift) - (u32(127 - f.bias) << f.mantissa_bits);
    if (f.bias < 127 && magnitude < u32(128 - f.bias) << 23) {
        // Adding a number whose last bit weighs as much as the smallest subnormal one makes the adder round.
        f32 round = power_of_two(1 - f.bias - i32(f.mantissa_bits) + 23);
        code = as<u32>(as<f32>(magnitude) + round) - as<u32>(round);
    }
    if (magnitude >= 0x7f800000 || code > f.largest()) code = f.overflow();
    if (magnitude > 0x7f800000) code = f.nan();
    if (f.special == SCALE) return bits == 0 || bits >> 31 != 0 ? f.nan() : code;
    if (f.special == FNUZ && (code & f.magnitudes()) == 0) return code;
    return code ^ (bits >> 31 ? f.sign() : 0);
}

/// What NaN becomes in float16 as NumPy has it: the top of the payload stays, and something does.
DEVICE u32 half_nan(u32 sign, u32 payload) { return sign | 0x7c00 | (payload ? payload : 1); }

DEVICE u32 half_from(f32 x) {
    u32 bits = as<u32>(x);
    if (is_nan(x)) return half_nan(bits >> 16 & 0x8000, bits >> 13 & 0x3ff);
#ifdef __CUDA_ARCH__
    u16 code;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(code) : "f"(x));
    return code;
#else
    return encoded(HALF, x);
#endif
}

/// float64 to float16 in one rounding.
DEVICE u32 half_from(f64 x) {
    u64 bits = as<u64>(x), magnitude = bits & 0x7fffffffffffffff;
    u32 sign = u32(bits >> 48) & 0x8000;
    if (magnitude > 0x7ff0000000000000) return half_nan(sign, u32(bits >> 42) & 0x3ff);
    u64 code = ((magnitude + (1ull << 41) - 1 + (magnitude >> 42 & 1)) >> 42) - (u64(1023 - 15) << 10);
    if (magnitude < u64(1023 - 14) << 52) {
        u64 round = u64(1023 - 14 - 10 + 52) << 52;
        code = as<u64>(as<f64>(magnitude) + as<f64>(round)) - round;
    }
    return sign | (magnitude == 0x7ff0000000000000 || code > 0x7c00 ? 0x7c00 : u32(code));
}

DEVICE f32 half_to_f32(u32 code) {
    if ((code & 0x7fff) > 0x7c00) return as<f32>((code & 0x8000) << 16 | 0x7f800000 | (code & 0x3ff) << 13);
#ifdef __CUDA_ARCH__
    f32 x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(u16(code)));
    return x;
#else
    return decoded(HALF, code);
#endif
}

/// A NaN that signals goes on doing so.
DEVICE f64 half_to_f64(u32 code) {
    if ((code & 0x7fff) > 0x7c00) return as<f64>(u64(code & 0x8000) << 48 | 0x7ff0000000000000 | u64(code & 0x3ff) << 42);
    return f64(half_to_f32(code));
}

DEVICE u32 bfloat_from(f32 x) {
    u32 bits = as<u32>(x);
    if (is_nan(x)) return (bits >> 16 & 0x8000) | 0x7fc0;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}


/// An integer of at most 32 bits, or a boolean, in the low bits of `raw`, as 32 bits of its sign.
DEVICE u32 extended(u32 type, u32 raw) {
    u32 above = 32 - bits_of(type);
    if (kind_of(type) == TRUTH) return (raw & 0xff) != 0;
    return kind_of(type) == SIGNED ? u32(i32(raw << above) >> above) : raw << above >> above;
}
