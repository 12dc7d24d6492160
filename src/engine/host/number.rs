//! Types of numbers that loops are written for, and what becomes of each in each other: NumPy's and ml_dtypes' rules, as
//! in [`super::block`], but known when a loop is compiled.

use super::truncate::{f32_to_i32, f64_to_i32};
use crate::dtype::Scalar;
use crate::dtype::float::Format;
use crate::dtype::scalar::{wrap_to_i64, wrap_to_u64};

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
/// bfloat16.
pub struct Bfloat16;
/// float8_e4m3fn.
pub struct Float8E4m3fn;
/// float8_e5m2.
pub struct Float8E5m2;

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
                wrap_to_i64($read(word).into())
            }

            #[inline(always)]
            fn u64(word: $word) -> u64 {
                wrap_to_u64($read(word).into())
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
float!(Bfloat16, u16, |x: u16| Format::BFLOAT16.decode(x.into()), |x: f32| Format::BFLOAT16.encode(x) as u16);
float!(Float8E4m3fn, u8, |x: u8| Format::FLOAT8_E4M3FN.decode(x.into()), |x: f32| Format::FLOAT8_E4M3FN
    .encode(x) as u8);
float!(Float8E5m2, u8, |x: u8| Format::FLOAT8_E5M2.decode(x.into()), |x: f32| Format::FLOAT8_E5M2.encode(x)
    as u8);

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
        wrap_to_i64(word)
    }

    #[inline(always)]
    fn u64(word: f64) -> u64 {
        wrap_to_u64(word)
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

/// Does it for `scalar`, if loops are written for that type.
pub fn visit<V: Visitor>(scalar: Scalar, visitor: V) -> Option<V::Output> {
    Some(match scalar {
        Scalar::Bool => visitor.visit::<Bool>(),
        Scalar::Int(8) => visitor.visit::<i8>(),
        Scalar::Int(16) => visitor.visit::<i16>(),
        Scalar::Int(32) => visitor.visit::<i32>(),
        Scalar::Int(64) => visitor.visit::<i64>(),
        Scalar::Uint(8) => visitor.visit::<u8>(),
        Scalar::Uint(16) => visitor.visit::<u16>(),
        Scalar::Uint(32) => visitor.visit::<u32>(),
        Scalar::Uint(64) => visitor.visit::<u64>(),
        Scalar::Float32 => visitor.visit::<f32>(),
        Scalar::Float64 => visitor.visit::<f64>(),
        Scalar::Small(Format::BFLOAT16) => visitor.visit::<Bfloat16>(),
        Scalar::Small(Format::FLOAT8_E4M3FN) => visitor.visit::<Float8E4m3fn>(),
        Scalar::Small(Format::FLOAT8_E5M2) => visitor.visit::<Float8E5m2>(),
        _ => return None,
    })
}
