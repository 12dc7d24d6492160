//! Blocks of numbers in and out of their native bytes: one small loop per type, free of branches where the type is.
#![forbid(unsafe_code)]

use super::half;
use crate::dtype::Scalar;
use crate::dtype::float::{self, Format};

/// Reads a block of numbers from adjacent scalars in native bytes.
#[derive(Clone, Copy)]
pub enum Decode {
    /// Booleans and integers; those of uint64 by their bits.
    Int(fn(&[u8], &mut [i64])),
    /// Numbers that float32 holds.
    F32(fn(&[u8], &mut [f32])),
    /// Numbers that float64 holds.
    F64(fn(&[u8], &mut [f64])),
}

/// Writes a block of numbers as adjacent scalars in native bytes.
#[derive(Clone, Copy)]
pub enum Encode {
    /// Booleans from 0 and 1, integers from their low bits.
    Int(fn(&[i64], &mut [u8])),
    /// Floats by way of float32.
    F32(fn(&[f32], &mut [u8])),
    /// Floats straight from float64.
    F64(fn(&[f64], &mut [u8])),
}

/// What numbers are held in between types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pivot {
    /// 64-bit integers.
    Int,
    /// float32.
    F32,
    /// float64.
    F64,
}

#[inline(always)]
fn read<const W: usize, T>(bytes: &[u8], out: &mut [T], number: impl Fn([u8; W]) -> T) {
    for (slot, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
        *slot = number(*bytes);
    }
}

#[inline(always)]
fn write<const W: usize, T: Copy>(numbers: &[T], out: &mut [u8], bytes: impl Fn(T) -> [u8; W]) {
    for (slot, number) in out.as_chunks_mut().0.iter_mut().zip(numbers) {
        *slot = bytes(*number);
    }
}

/// A decoder of `$word` from its native bytes by `$number`.
macro_rules! decoder {
    ($pivot:ident, $word:ty, $number:expr) => {
        Decode::$pivot(|bytes, out| {
            read(
                bytes,
                out,
                #[inline(always)]
                |bytes| $number(<$word>::from_ne_bytes(bytes)),
            )
        })
    };
}

/// An encoder to the native bytes of what `$bits` gives.
macro_rules! encoder {
    ($pivot:ident, $bits:expr) => {
        Encode::$pivot(|numbers, out| {
            write(
                numbers,
                out,
                #[inline(always)]
                |x| $bits(x).to_ne_bytes(),
            )
        })
    };
}

/// Sign-extends the low `BITS` bits of a byte.
#[inline(always)]
fn narrow<const BITS: u32>(byte: i8) -> i8 {
    byte << (8 - BITS) >> (8 - BITS)
}

/// The decoder of `scalar` that comes nearest to `wanted` without rounding.
pub fn decoder(scalar: Scalar, wanted: Pivot) -> Decode {
    match (scalar, wanted) {
        (Scalar::Float16, Pivot::F64) => decoder!(F64, u16, |x: u16| float::half_to_f64(x.into())),
        (Scalar::Float16, _) => Decode::F32(half::decode),
        (Scalar::Float32, _) => decoder!(F32, f32, |x: f32| x),
        (Scalar::Float64, _) => decoder!(F64, f64, |x: f64| x),
        (Scalar::Small(format), _) => small_decoder(format),
        (_, Pivot::Int) => int_decoder(scalar),
        (Scalar::Bool, _) => decoder!(F32, u8, |x: u8| f32::from(u8::from(x != 0))),
        (Scalar::Int(2), _) => decoder!(F32, i8, |x: i8| f32::from(narrow::<2>(x))),
        (Scalar::Int(4), _) => decoder!(F32, i8, |x: i8| f32::from(narrow::<4>(x))),
        (Scalar::Int(8), _) => decoder!(F32, i8, f32::from),
        (Scalar::Int(16), _) => decoder!(F32, i16, f32::from),
        (Scalar::Int(32), _) => decoder!(F64, i32, f64::from),
        (Scalar::Uint(2), _) => decoder!(F32, u8, |x: u8| f32::from(x & 3)),
        (Scalar::Uint(4), _) => decoder!(F32, u8, |x: u8| f32::from(x & 15)),
        (Scalar::Uint(8), _) => decoder!(F32, u8, f32::from),
        (Scalar::Uint(16), _) => decoder!(F32, u16, f32::from),
        (Scalar::Uint(32), _) => decoder!(F64, u32, f64::from),
        (Scalar::Int(_) | Scalar::Uint(_), _) => int_decoder(scalar),
    }
}

fn int_decoder(scalar: Scalar) -> Decode {
    match scalar {
        Scalar::Int(2) => decoder!(Int, i8, |x: i8| narrow::<2>(x).into()),
        Scalar::Int(4) => decoder!(Int, i8, |x: i8| narrow::<4>(x).into()),
        Scalar::Int(8) => decoder!(Int, i8, i64::from),
        Scalar::Int(16) => decoder!(Int, i16, i64::from),
        Scalar::Int(32) => decoder!(Int, i32, i64::from),
        Scalar::Uint(2) => decoder!(Int, u8, |x: u8| (x & 3).into()),
        Scalar::Uint(4) => decoder!(Int, u8, |x: u8| (x & 15).into()),
        Scalar::Uint(8) => decoder!(Int, u8, i64::from),
        Scalar::Uint(16) => decoder!(Int, u16, i64::from),
        Scalar::Uint(32) => decoder!(Int, u32, i64::from),
        Scalar::Bool => decoder!(Int, u8, |x: u8| i64::from(x != 0)),
        _ => decoder!(Int, i64, |x: i64| x),
    }
}

/// Whether complex numbers of two `part`s are zero (0) or not (1).
pub fn complex_truth(part: Scalar) -> Decode {
    match part {
        // Everything but the two signs.
        Scalar::Small(_) => decoder!(Int, u32, |x: u32| i64::from(x & 0x7fff_7fff != 0)),
        Scalar::Float32 => decoder!(Int, u64, |x: u64| i64::from(x & 0x7fff_ffff_7fff_ffff != 0)),
        _ => decoder!(Int, u128, |x: u128| i64::from(x & !(1 << 127 | 1 << 63) != 0)),
    }
}

/// Evaluates `$make!($name)` for the constant that `$format` is.
macro_rules! for_format {
    ($format:expr, $make:ident) => {
        match $format {
            Format::FLOAT16 => $make!(u16, FLOAT16),
            Format::BFLOAT16 => $make!(u16, BFLOAT16),
            Format::FLOAT8_E3M4 => $make!(u8, FLOAT8_E3M4),
            Format::FLOAT8_E4M3 => $make!(u8, FLOAT8_E4M3),
            Format::FLOAT8_E4M3B11FNUZ => $make!(u8, FLOAT8_E4M3B11FNUZ),
            Format::FLOAT8_E4M3FN => $make!(u8, FLOAT8_E4M3FN),
            Format::FLOAT8_E4M3FNUZ => $make!(u8, FLOAT8_E4M3FNUZ),
            Format::FLOAT8_E5M2 => $make!(u8, FLOAT8_E5M2),
            Format::FLOAT8_E5M2FNUZ => $make!(u8, FLOAT8_E5M2FNUZ),
            Format::FLOAT8_E8M0FNU => $make!(u8, FLOAT8_E8M0FNU),
            Format::FLOAT6_E2M3FN => $make!(u8, FLOAT6_E2M3FN),
            Format::FLOAT6_E3M2FN => $make!(u8, FLOAT6_E3M2FN),
            _ => $make!(u8, FLOAT4_E2M1FN),
        }
    };
}

fn small_decoder(format: Format) -> Decode {
    macro_rules! make {
        ($word:ty, $name:ident) => {
            decoder!(F32, $word, |x: $word| Format::$name.decode(x.into()))
        };
    }
    for_format!(format, make)
}

fn small_encoder(format: Format) -> Encode {
    macro_rules! make {
        ($word:ty, $name:ident) => {
            encoder!(F32, |x: f32| Format::$name.encode(x) as $word)
        };
    }
    for_format!(format, make)
}

/// The encoder of `scalar` for numbers held in `pivot`, or in what numbers must be held for it.
///
/// `canonical` float16 has one NaN of either sign, as what comes from ml_dtypes' floats does.
pub fn encoder(scalar: Scalar, pivot: Pivot, canonical: bool) -> Encode {
    match scalar {
        Scalar::Bool => encoder!(Int, |x: i64| x as u8),
        Scalar::Int(2) | Scalar::Uint(2) => encoder!(Int, |x: i64| x as u8 & 3),
        Scalar::Int(4) | Scalar::Uint(4) => encoder!(Int, |x: i64| x as u8 & 15),
        Scalar::Int(8) | Scalar::Uint(8) => encoder!(Int, |x: i64| x as u8),
        Scalar::Int(16) | Scalar::Uint(16) => encoder!(Int, |x: i64| x as u16),
        Scalar::Int(32) | Scalar::Uint(32) => encoder!(Int, |x: i64| x as u32),
        Scalar::Int(_) | Scalar::Uint(_) => encoder!(Int, |x: i64| x),
        Scalar::Small(format) => small_encoder(format),
        Scalar::Float16 if pivot == Pivot::F64 => encoder!(F64, |x: f64| float::half_from_f64(x) as u16),
        Scalar::Float16 if canonical => small_encoder(Format::FLOAT16),
        Scalar::Float16 => Encode::F32(half::encode),
        Scalar::Float32 => encoder!(F32, |x: f32| x),
        Scalar::Float64 => encoder!(F64, |x: f64| x),
    }
}
