// What numbers become in another type, bit for bit what the host's engine makes of them: each type says what its numbers are in
// the few types that everything passes through. NaNs, whose bits no two processors treat alike, go by their bits.
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

/// Which codes of a float of at most 16 bits are not ordinary numbers: as `dtype::float::Special`.
enum Special : u32 { IEEE, FN, FNUZ, FINITE, SCALE };

/// A float of at most 16 bits: as `dtype::float::Format`.
struct Format {
    u32 exponent_bits, mantissa_bits;
    i32 bias;
    u32 special;

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
    return encoded({5, 10, 15, IEEE}, x);
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
    return decoded({5, 10, 15, IEEE}, code);
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

/// An integer of whole bytes.
template <class W> struct Integer {
    typedef W Word;
    static DEVICE f32 to_f32(W x) { return f32(x); }
    static DEVICE f64 to_f64(W x) { return f64(x); }
    static DEVICE i32 to_i32(W x) { return i32(x); }
    static DEVICE i64 to_i64(W x) { return i64(x); }
    static DEVICE u64 to_u64(W x) { return u64(i64(x)); }
    static DEVICE bool is_true(W x) { return x != 0; }
    static DEVICE i32 near_i32(W x) {
        if constexpr (sizeof(W) < 4 || W(-1) < W(0)) {
            if constexpr (sizeof(W) <= 4) return i32(x);
            else return x < -2147483648ll ? i32(0x80000000) : x > 2147483647 ? 0x7fffffff : i32(x);
        } else {
            return x > W(2147483647) ? 0x7fffffff : i32(x);
        }
    }
    static DEVICE i64 near_i64(W x) {
        if constexpr (sizeof(W) == 8 && W(-1) > W(0)) return x >> 63 ? 0x7fffffffffffffff : i64(x);
        else return i64(x);
    }
    static DEVICE u64 near_u64(W x) {
        if constexpr (W(-1) < W(0)) return x < 0 ? 0 : u64(x);
        else return u64(x);
    }
};

/// A byte that is false when it is 0.
struct Truth {
    typedef u8 Word;
    static DEVICE f32 to_f32(u8 x) { return x ? 1.0f : 0.0f; }
    static DEVICE f64 to_f64(u8 x) { return x ? 1.0 : 0.0; }
    static DEVICE i32 to_i32(u8 x) { return x != 0; }
    static DEVICE i64 to_i64(u8 x) { return x != 0; }
    static DEVICE u64 to_u64(u8 x) { return x != 0; }
    static DEVICE bool is_true(u8 x) { return x != 0; }
    static DEVICE i32 near_i32(u8 x) { return x != 0; }
    static DEVICE i64 near_i64(u8 x) { return x != 0; }
    static DEVICE u64 near_u64(u8 x) { return x != 0; }
};

/// A float that float32 holds, read by Read.
template <class W, class Read> struct Small {
    typedef W Word;
    static DEVICE f32 to_f32(W x) { return Read::read(x); }
    static DEVICE f64 to_f64(W x) { return widened(to_f32(x)); }
    static DEVICE i32 to_i32(W x) { return wrapped_i32(to_f32(x)); }
    static DEVICE i64 to_i64(W x) { return wrapped_i64(f64(to_f32(x))); }
    static DEVICE u64 to_u64(W x) { return wrapped_u64(f64(to_f32(x))); }
    static DEVICE bool is_true(W x) { return to_f32(x) != 0; }
    static DEVICE i32 near_i32(W x) { return nearest_i32(to_f32(x)); }
    static DEVICE i64 near_i64(W x) { return nearest_i64(f64(to_f32(x))); }
    static DEVICE u64 near_u64(W x) { return nearest_u64(f64(to_f32(x))); }
};

struct ReadSingle {
    static DEVICE f32 read(u32 x) { return as<f32>(x); }
};
struct ReadHalf {
    static DEVICE f32 read(u16 x) { return half_to_f32(x); }
};
struct ReadBfloat {
    static DEVICE f32 read(u16 x) { return as<f32>(u32(x) << 16); }
};
struct ReadE4m3fn {
    static DEVICE f32 read(u8 x) { return decoded({4, 3, 7, FN}, x); }
};
struct ReadE5m2 {
    static DEVICE f32 read(u8 x) { return decoded({5, 2, 15, IEEE}, x); }
};

typedef Small<u32, ReadSingle> Single;
typedef Small<u16, ReadBfloat> Bfloat;
typedef Small<u8, ReadE4m3fn> E4m3fn;
typedef Small<u8, ReadE5m2> E5m2;

struct Half : Small<u16, ReadHalf> {
    static DEVICE f64 to_f64(u16 x) { return half_to_f64(x); }
};

struct Double {
    typedef u64 Word;
    static DEVICE f32 to_f32(u64 x) { return narrowed(as<f64>(x)); }
    static DEVICE f64 to_f64(u64 x) { return as<f64>(x); }
    static DEVICE i32 to_i32(u64 x) { return wrapped_i32(as<f64>(x)); }
    static DEVICE i64 to_i64(u64 x) { return wrapped_i64(as<f64>(x)); }
    static DEVICE u64 to_u64(u64 x) { return wrapped_u64(as<f64>(x)); }
    static DEVICE bool is_true(u64 x) { return as<f64>(x) != 0; }
    static DEVICE i32 near_i32(u64 x) { return nearest_i32(as<f64>(x)); }
    static DEVICE i64 near_i64(u64 x) { return nearest_i64(as<f64>(x)); }
    static DEVICE u64 near_u64(u64 x) { return nearest_u64(as<f64>(x)); }
};

/// Calls `f` with the number type of a code. All threads of a launch have the same one.
template <class F> DEVICE void of_wide_type(u32 type, F f) {
    switch (type) {
    case INT32: f(Integer<i32>()); break;
    case UINT32: f(Integer<u32>()); break;
    case INT64: f(Integer<i64>()); break;
    case UINT64: f(Integer<u64>()); break;
    default: f(Double());
    }
}

/// Likewise for all common types, not only those of which float32 does not hold every number.
template <class F> DEVICE void of_type(u32 type, F f) {
    switch (type) {
    case BOOL: f(Truth()); break;
    case INT8: f(Integer<i8>()); break;
    case INT16: f(Integer<i16>()); break;
    case UINT8: f(Integer<u8>()); break;
    case UINT16: f(Integer<u16>()); break;
    case FLOAT16: f(Half()); break;
    case BFLOAT16: f(Bfloat()); break;
    case FLOAT32: f(Single()); break;
    case FLOAT8_E4M3FN: f(E4m3fn()); break;
    case FLOAT8_E5M2: f(E5m2()); break;
    default: of_wide_type(type, f);
    }
}

/// Bytes of a number of one of these types.
DEVICE u32 bytes_of(u32 type) {
    switch (type) {
    case INT16:
    case UINT16:
    case FLOAT16:
    case BFLOAT16: return 2;
    case INT32:
    case UINT32:
    case FLOAT32: return 4;
    case INT64:
    case UINT64:
    case FLOAT64: return 8;
    default: return 1;
    }
}
