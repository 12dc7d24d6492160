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

/// 2^exponent, a normal float32.
DEVICE f32 power_of_two(i32 exponent) { return as<f32>(u32(exponent + 127) << 23); }

/// A float of at most 16 bits with a mantissa, other than bfloat16: `dtype::float::Format`, by the numbers that reading and writing
/// take. They are the same for all threads, and there is no choice left for each number.
struct Format {
    u32 shift;      // of the mantissa to that of float32
    u32 magnitudes; // all bits but the sign
    u32 infinity;   // the code of infinity, of the only NaN of FN, or one that there is not
    u32 largest, overflow, nan;
    i32 bias;
    bool ieee, fnuz;

    DEVICE Format(u32 type) {
        u32 exponent_bits = type >> 12 & 15, mantissa_bits = type >> 16 & 15, special = type >> 20 & 15;
        bias = i32(type >> 24);
        shift = 23 - mantissa_bits;
        magnitudes = (1u << (exponent_bits + mantissa_bits)) - 1;
        ieee = special == IEEE, fnuz = special == FNUZ;
        infinity = ieee ? ((1u << exponent_bits) - 1) << mantissa_bits : special == FN ? magnitudes : ~0u;
        largest = ieee || special == FN ? infinity - 1 : magnitudes;
        nan = ieee ? infinity | 1u << (mantissa_bits - 1) : special == FN ? magnitudes : magnitudes + 1;
        overflow = ieee ? infinity : special == FINITE ? largest : nan;
    }

    DEVICE f32 decode(u32 code) const {
        u32 magnitude = code & magnitudes, sign = (code & (magnitudes + 1)) ? 0x80000000 : 0;
        // With float32's bias the number is too small by a power of two, subnormal ones like all others.
        u32 wide = as<u32>(__fmul_rn(as<f32>(magnitude << shift), power_of_two(127 - bias)));
        if (magnitude >= infinity) wide = ieee && magnitude == infinity ? 0x7f800000 : 0x7fc00000;
        if (fnuz && code == nan) wide = 0x7fc00000;
        return as<f32>(wide | sign);
    }

    DEVICE u32 encode(f32 x) const {
        u32 bits = as<u32>(x), magnitude = bits & 0x7fffffff;
        u32 code = ((magnitude + (1u << (shift - 1)) - 1 + (magnitude >> shift & 1)) >> shift) - (u32(127 - bias) << (23 - shift));
        // Adding a number whose last bit weighs as much as the smallest subnormal one makes the adder round.
        f32 round = power_of_two(1 - bias + i32(shift));
        if (magnitude < u32(128 - bias) << 23) code = as<u32>(__fadd_rn(as<f32>(magnitude), round)) - as<u32>(round);
        if (code > largest) code = overflow;
        if (magnitude > 0x7f800000) code = nan;
        bool signless = fnuz && (code & magnitudes) == 0;
        return code ^ (bits >> 31 && !signless ? magnitudes + 1 : 0);
    }
};

/// float8_e8m0fnu, powers of two, has nothing of that.
DEVICE f32 decoded_power(u32 code) { return as<f32>(code == 0xff ? 0x7fc00000 : code == 0 ? 1u << 22 : code << 23); }
DEVICE u32 encoded_power(f32 x) {
    u32 bits = as<u32>(x);
    // The bit that stays is the implicit leading one.
    u32 code = (bits + (1u << 22) - 1 + (bits >= 1u << 23)) >> 23;
    return bits == 0 || bits >= 0x7f800000 || code > 0xfe ? 0xff : code;
}

/// What NaN becomes in float16 as NumPy has it: the top of the payload stays, and something does.
DEVICE u32 half_nan(u32 sign, u32 payload) { return sign | 0x7c00 | (payload ? payload : 1); }

/// Of a number that is not NaN.
DEVICE u32 half_of_number(f32 x) {
#ifdef __CUDA_ARCH__
    u16 code;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(code) : "f"(x));
    return code;
#else
    return Format(HALF).encode(x);
#endif
}

DEVICE u32 half_from(f32 x) {
    u32 bits = as<u32>(x);
    if (is_nan(x)) return half_nan(bits >> 16 & 0x8000, bits >> 13 & 0x3ff);
    return half_of_number(x);
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
    return Format(HALF).decode(code);
#endif
}

/// A NaN that signals goes on doing so.
DEVICE f64 half_to_f64(u32 code) {
    if ((code & 0x7fff) > 0x7c00) return as<f64>(u64(code & 0x8000) << 48 | 0x7ff0000000000000 | u64(code & 0x3ff) << 42);
    return f64(half_to_f32(code));
}

/// Of a number that is not NaN.
DEVICE u32 bfloat_of_number(f32 x) {
    u32 bits = as<u32>(x);
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

DEVICE u32 bfloat_from(f32 x) {
    if (is_nan(x)) return (as<u32>(x) >> 16 & 0x8000) | 0x7fc0;
    return bfloat_of_number(x);
}

/// An integer of at most 32 bits, or a boolean, in the low bits of `raw`, as 32 bits of its sign.
DEVICE u32 extended(u32 type, u32 raw) {
    u32 above = 32 - bits_of(type);
    if (kind_of(type) == TRUTH) return (raw & 0xff) != 0;
    return kind_of(type) == SIGNED ? u32(i32(raw << above) >> above) : raw << above >> above;
}
