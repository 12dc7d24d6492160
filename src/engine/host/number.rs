//! Types of numbers that loops are written for, and what becomes of each in each other: NumPy's and ml_dtypes' rules,
//! known when a loop is compiled.

use super::truncate::{f32_to_i32, f64_to_i32, f64_to_i64, f64_to_u64};
use crate::dtype::Scalar;
use crate::dtype::float::{Format, half_from_f32};

/// A type of numbers.
pub trait Number {
    /// Its native bytes.
    type Word: Copy;

    /// As float32.
    fn f32(word: Self::Word) -> f32;
    /// As float64.
    fn f64(word: Self::Word) -> f64;
    /// As int32 or what its low bits are to narrower integers.
    fn i32(word: Self::Word) -> i32;
    /// As int64.
    fn i64(word: Self::Word) -> i64;
    /// As uint64.
    fn u64(word: Self::Word) -> u64;
    /// Whether it is not 0.
    fn is_true(word: Self::Word) -> bool;
    /// From another type.
    fn of<S: Number>(word: S::Word) -> Self::Word;
}

/// A boolean.
pub struct Bool;
/// An integer in the low `BITS` bits of a byte, whose other bits are 0 when it is written and anything when it is read.
pub struct Narrow<const BITS: u32, const SIGNED: bool>;

macro_rules! integer {
    ($type:ty, $through:ident) => {
        impl Number for $type {
            type Word = $type;

            #[inline(always)]
            fn f32(word: $type) -> f32 {
                word as f32
            }

            #[inline(always)]
            fn f64(word: $type) -> f64 {
                word as f64
            }

            #[inline(always)]
            fn i32(word: $type) -> i32 {
                word as i32
            }

            #[inline(always)]
            fn i64(word: $type) -> i64 {
                word as i64
            }

            #[inline(always)]
            fn u64(word: $type) -> u64 {
                word as u64
            }

            #[inline(always)]
            fn is_true(word: $type) -> bool {
                word != 0
            }

            #[inline(always)]
            fn of<S: Number>(word: S::Word) -> $type {
                S::$through(word) as $type
            }
        }
    };
}
integer!(i8, i32);
integer!(i16, i32);
integer!(i32, i32);
integer!(i64, i64);
integer!(u8, i32);
integer!(u16, i32);
integer!(u32, i64);
integer!(u64, u64);

impl<const BITS: u32, const SIGNED: bool> Number for Narrow<BITS, SIGNED> {
    type Word = u8;

    #[inline(always)]
    fn f32(word: u8) -> f32 {
        Self::i32(word) as f32
    }

    #[inline(always)]
    fn f64(word: u8) -> f64 {
        Self::i32(word).into()
    }

    #[inline(always)]
    fn i32(word: u8) -> i32 {
        let high = word << (8 - BITS);
        if SIGNED { i32::from(high as i8 >> (8 - BITS)) } else { i32::from(high >> (8 - BITS)) }
    }

    #[inline(always)]
    fn i64(word: u8) -> i64 {
        Self::i32(word).into()
    }

    #[inline(always)]
    fn u64(word: u8) -> u64 {
        Self::i32(word) as u64
    }

    #[inline(always)]
    fn is_true(word: u8) -> bool {
        Self::i32(word) != 0
    }

    #[inline(always)]
    fn of<S: Number>(word: S::Word) -> u8 {
        S::i32(word) as u8 & (u8::MAX >> (8 - BITS))
    }
}

impl Number for Bool {
    type Word = u8;

    #[inline(always)]
    fn f32(word: u8) -> f32 {
        f32::from(u8::from(word != 0))
    }

    #[inline(always)]
    fn f64(word: u8) -> f64 {
        f64::from(u8::from(word != 0))
    }

    #[inline(always)]
    fn i32(word: u8) -> i32 {
        i32::from(word != 0)
    }

    #[inline(always)]
    fn i64(word: u8) -> i64 {
        i64::from(word != 0)
    }

    #[inline(always)]
    fn u64(word: u8) -> u64 {
        u64::from(word != 0)
    }

    #[inline(always)]
    fn is_true(word: u8) -> bool {
        word != 0
    }

    #[inline(always)]
    fn of<S: Number>(word: S::Word) -> u8 {
        u8::from(S::is_true(word))
    }
}

/// A float that float32 holds: how it is read, and how it is written.
macro_rules! float {
    ($type:ty, $word:ty, $read:expr, $of:expr) => {
        impl Number for $type {
            type Word = $word;

            #[inline(always)]
            fn f32(word: $word) -> f32 {
                $read(word)
            }

            #[inline(always)]
            fn f64(word: $word) -> f64 {
                f64::from($read(word))
            }

            #[inline(always)]
            fn i32(word: $word) -> i32 {
                f32_to_i32($read(word))
            }

            #[inline(always)]
            fn i64(word: $word) -> i64 {
                f64_to_i64($read(word).into())
            }

            #[inline(always)]
            fn u64(word: $word) -> u64 {
                f64_to_u64($read(word).into())
            }

            #[inline(always)]
            fn is_true(word: $word) -> bool {
                $read(word) != 0.0
            }

            #[inline(always)]
            fn of<S: Number>(word: S::Word) -> $word {
                $of(S::f32(word))
            }
        }
    };
}
float!(f32, f32, |x: f32| x, |x: f32| x);

/// A float of at most 16 bits, whose numbers and NaNs [`Format`] knows.
macro_rules! small {
    ($($type:ident, $word:ty, $format:ident;)*) => {
        $(
            #[doc = concat!("[`Format::", stringify!($format), "`].")]
            pub struct $type;
            float!($type, $word, |x: $word| Format::$format.decode(x.into()), |x: f32| Format::$format.encode(x) as $word);
        )*
    };
}
small! {
    CanonicalHalf, u16, FLOAT16;
    Float8E3m4, u8, FLOAT8_E3M4;
    Float8E4m3, u8, FLOAT8_E4M3;
    Float8E4m3b11fnuz, u8, FLOAT8_E4M3B11FNUZ;
    Float8E4m3fn, u8, FLOAT8_E4M3FN;
    Float8E4m3fnuz, u8, FLOAT8_E4M3FNUZ;
    Float8E5m2, u8, FLOAT8_E5M2;
    Float8E5m2fnuz, u8, FLOAT8_E5M2FNUZ;
    Float8E8m0fnu, u8, FLOAT8_E8M0FNU;
    Float6E2m3fn, u8, FLOAT6_E2M3FN;
    Float6E3m2fn, u8, FLOAT6_E3M2FN;
    Float4E2m1fn, u8, FLOAT4_E2M1FN;
}

/// float16 as NumPy has it: a NaN keeps its payload.
pub struct Half;
float!(Half, u16, |x: u16| Format::FLOAT16.decode(x.into()), |x: f32| half_from_f32(x) as u16);

/// bfloat16: the upper half of float32, whose rounding needs no case for subnormal and large numbers.
pub struct Bfloat16;
float!(Bfloat16, u16, |x: u16| f32::from_bits(u32::from(x) << 16), |x: f32| {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    (if x.is_nan() { bits >> 16 & 0x8000 | 0x7fc0 } else { rounded }) as u16
});

impl Number for f64 {
    type Word = f64;

    #[inline(always)]
    fn f32(word: f64) -> f32 {
        word as f32
    }

    #[inline(always)]
    fn f64(word: f64) -> f64 {
        word
    }

    #[inline(always)]
    fn i32(word: f64) -> i32 {
        f64_to_i32(word)
    }

    #[inline(always)]
    fn i64(word: f64) -> i64 {
        f64_to_i64(word)
    }

    #[inline(always)]
    fn u64(word: f64) -> u64 {
        f64_to_u64(word)
    }

    #[inline(always)]
    fn is_true(word: f64) -> bool {
        word != 0.0
    }

    #[inline(always)]
    fn of<S: Number>(word: S::Word) -> f64 {
        S::f64(word)
    }
}

/// Something that is done for a type which is known only while running.
pub trait Visitor {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<N: Number>(self) -> Self::Output;
}

/// The number type of a scalar among those that are named.
macro_rules! visit {
    ($scalar:expr, $visitor:expr, $($pattern:pat => $type:ty,)*) => {
        Some(match $scalar {
            $($pattern => $visitor.visit::<$type>(),)*
            _ => return None,
        })
    };
}

/// Does it for `scalar` if it is a boolean or an integer of whole bytes.
pub fn visit_integer<V: Visitor>(scalar: Scalar, visitor: V) -> Option<V::Output> {
    visit!(scalar, visitor,
        Scalar::Bool => Bool,
        Scalar::Int(8) => i8,
        Scalar::Int(16) => i16,
        Scalar::Int(32) => i32,
        Scalar::Int(64) => i64,
        Scalar::Uint(8) => u8,
        Scalar::Uint(16) => u16,
        Scalar::Uint(32) => u32,
        Scalar::Uint(64) => u64,
    )
}

/// Does it for `scalar` if it is a boolean or an integer of 8 or 16 bits.
pub fn visit_short<V: Visitor>(scalar: Scalar, visitor: V) -> Option<V::Output> {
    visit!(scalar, visitor,
        Scalar::Bool => Bool,
        Scalar::Int(8) => i8,
        Scalar::Int(16) => i16,
        Scalar::Uint(8) => u8,
        Scalar::Uint(16) => u16,
    )
}

/// Does it for the unsigned integer of whole bytes that has as many bits as the integer `scalar`.
pub fn visit_width<V: Visitor>(scalar: Scalar, visitor: V) -> Option<V::Output> {
    visit!(scalar, visitor,
        Scalar::Int(8) | Scalar::Uint(8) => u8,
        Scalar::Int(16) | Scalar::Uint(16) => u16,
        Scalar::Int(32) | Scalar::Uint(32) => u32,
        Scalar::Int(64) | Scalar::Uint(64) => u64,
    )
}

/// Does it for `scalar` if it is float32 or float64.
pub fn visit_float<V: Visitor>(scalar: Scalar, visitor: V) -> Option<V::Output> {
    visit!(scalar, visitor,
        Scalar::Float32 => f32,
        Scalar::Float64 => f64,
    )
}

/// Does it for `scalar` if it is a float of at most 16 bits.
pub fn visit_small<V: Visitor>(scalar: Scalar, visitor: V) -> Option<V::Output> {
    visit!(scalar, visitor,
        Scalar::Float16 => Half,
        Scalar::Small(Format::FLOAT16) => CanonicalHalf,
        Scalar::Small(Format::BFLOAT16) => Bfloat16,
        Scalar::Small(Format::FLOAT8_E3M4) => Float8E3m4,
        Scalar::Small(Format::FLOAT8_E4M3) => Float8E4m3,
        Scalar::Small(Format::FLOAT8_E4M3B11FNUZ) => Float8E4m3b11fnuz,
        Scalar::Small(Format::FLOAT8_E4M3FN) => Float8E4m3fn,
        Scalar::Small(Format::FLOAT8_E4M3FNUZ) => Float8E4m3fnuz,
        Scalar::Small(Format::FLOAT8_E5M2) => Float8E5m2,
        Scalar::Small(Format::FLOAT8_E5M2FNUZ) => Float8E5m2fnuz,
        Scalar::Small(Format::FLOAT8_E8M0FNU) => Float8E8m0fnu,
        Scalar::Small(Format::FLOAT6_E2M3FN) => Float6E2m3fn,
        Scalar::Small(Format::FLOAT6_E3M2FN) => Float6E3m2fn,
        Scalar::Small(Format::FLOAT4_E2M1FN) => Float4E2m1fn,
    )
}

/// Does it for `scalar` if it is an integer of 2 or 4 bits.
pub fn visit_narrow<V: Visitor>(scalar: Scalar, visitor: V) -> Option<V::Output> {
    visit!(scalar, visitor,
        Scalar::Int(2) => Narrow<2, true>,
        Scalar::Int(4) => Narrow<4, true>,
        Scalar::Uint(2) => Narrow<2, false>,
        Scalar::Uint(4) => Narrow<4, false>,
    )
}
