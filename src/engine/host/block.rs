//! Converting one block of numbers: decode, scale and bias, range, encode. Which steps there are is decided once for
//! all blocks; each step is one loop over the block.
#![forbid(unsafe_code)]

use super::codec::{self, Decode, Encode, Pivot};
use super::direct::Run;
use super::isa::Isa;
use super::truncate;
use crate::dtype::Overflow;
use crate::dtype::scalar::{Integer, Scalar, wrap_to_i64, wrap_to_u64};

/// The most numbers in a block.
pub const BLOCK: usize = 256;

/// The steps from one type to another.
#[derive(Clone, Copy)]
pub struct Steps {
    decode: Decode,
    /// Whether integers of the source are uint64.
    unsigned: bool,
    /// The type in which scale and bias are applied, if they are.
    compute: Option<Pivot>,
    encode: Encode,
    range: Range,
    /// All of it in one loop, where there is one.
    direct: Option<Run>,
}

/// What is done with numbers that the target cannot hold, before they are encoded.
#[derive(Clone, Copy)]
enum Range {
    /// Nothing: the encoder knows.
    Keep,
    /// Floats are clamped.
    Clamp(f64, f64),
    /// Numbers become whether they are nonzero.
    Truth,
    /// Numbers become integers of this type.
    Integer(Integer, Overflow),
}

/// Numbers between types, one array for each pivot, and the coefficients of a block.
pub struct Scratch {
    int: [i64; BLOCK],
    f32: [f32; BLOCK],
    f64: [f64; BLOCK],
    scale: [f64; BLOCK],
    bias: [f64; BLOCK],
    scale32: [f32; BLOCK],
    bias32: [f32; BLOCK],
}

impl Default for Scratch {
    fn default() -> Self {
        let (f32, f64) = ([0.0; BLOCK], [0.0; BLOCK]);
        Self { int: [0; BLOCK], f32, f64, scale: f64, bias: f64, scale32: f32, bias32: f32 }
    }
}

impl Scratch {
    /// Sets the scale and the bias of number `i` of the block.
    pub fn set_coefficients(&mut self, i: usize, scale: f64, bias: f64) {
        (self.scale[i], self.bias[i]) = (scale, bias);
        (self.scale32[i], self.bias32[i]) = (scale as f32, bias as f32);
    }
}

/// The type in which scale and bias are applied on the way from `source` to `target`.
pub fn compute_type(source: Scalar, target: Scalar) -> Pivot {
    let narrow = target.is_float() && target != Scalar::Float64 && source.fits_f32();
    if narrow { Pivot::F32 } else { Pivot::F64 }
}

impl Steps {
    /// The steps from `source` to `target`, with scale and bias when `affine`.
    pub fn new(source: Scalar, target: Scalar, affine: bool, overflow: Overflow) -> Self {
        let compute = affine.then(|| compute_type(source, target));
        let wanted = compute.unwrap_or(match target {
            Scalar::Bool | Scalar::Int(_) | Scalar::Uint(_) => Pivot::Int,
            Scalar::Float64 => Pivot::F64,
            Scalar::Float16 if source == Scalar::Float64 => Pivot::F64,
            _ => Pivot::F32,
        });
        let canonical = !affine && matches!(source, Scalar::Small(_));
        let origin = match compute {
            Some(Pivot::F32) => Scalar::Float32,
            Some(_) => Scalar::Float64,
            None => source,
        };
        let range = match target {
            Scalar::Bool => Range::Truth,
            Scalar::Int(bits) => Range::Integer(Integer { bits, signed: true }, overflow),
            Scalar::Uint(bits) => Range::Integer(Integer { bits, signed: false }, overflow),
            _ => match target.float_range() {
                Some((low, high)) if overflow == Overflow::Saturate && target.is_narrower_than(origin) => {
                    Range::Clamp(low, high)
                }
                _ => Range::Keep,
            },
        };
        Self {
            decode: codec::decoder(source, wanted),
            unsigned: source == Scalar::Uint(64),
            compute,
            encode: codec::encoder(target, wanted, canonical),
            range,
            direct: if affine || overflow != Overflow::Wrap {
                None
            } else {
                Run::new(source, target, Isa::chosen())
            },
        }
    }

    /// The steps that ask complex numbers of two `part`s whether they are nonzero.
    pub fn complex_truth(part: Scalar) -> Self {
        Self {
            decode: codec::complex_truth(part),
            unsigned: false,
            compute: None,
            encode: codec::encoder(Scalar::Bool, Pivot::Int, false),
            range: Range::Keep,
            direct: None,
        }
    }

    /// The steps that bring numbers of `source` into `pivot`, for comparison.
    pub fn to_pivot(source: Scalar, pivot: Pivot) -> Self {
        let target = if pivot == Pivot::Int { Scalar::Int(64) } else { Scalar::Float64 };
        Self { range: Range::Keep, ..Self::new(source, target, false, Overflow::Wrap) }
    }

    /// The loop that does everything at once, if there is one.
    pub fn direct(&self) -> Option<Run> {
        self.direct
    }

    /// Whether coefficients are needed.
    pub fn is_affine(&self) -> bool {
        self.compute.is_some()
    }

    /// Converts the `n` numbers of `source`.
    pub fn run(&self, source: &[u8], target: &mut [u8], n: usize, scratch: &mut Scratch) {
        let mut at = self.load(source, n, scratch);
        if let Some(compute) = self.compute {
            self.shift(at, compute, n, scratch);
            affine(compute, n, scratch);
            at = compute;
        }
        let needed = match self.encode {
            Encode::Int(_) => Pivot::Int,
            Encode::F32(_) => Pivot::F32,
            Encode::F64(_) => Pivot::F64,
        };
        self.shift(at, needed, n, scratch);
        match self.encode {
            Encode::Int(encode) => encode(&scratch.int[..n], target),
            Encode::F32(encode) => {
                if let Range::Clamp(low, high) = self.range {
                    scratch.f32[..n].iter_mut().for_each(|x| *x = x.clamp(low as f32, high as f32));
                }
                encode(&scratch.f32[..n], target)
            }
            Encode::F64(encode) => {
                if let Range::Clamp(low, high) = self.range {
                    scratch.f64[..n].iter_mut().for_each(|x| *x = x.clamp(low, high));
                }
                encode(&scratch.f64[..n], target)
            }
        }
    }

    fn load(&self, source: &[u8], n: usize, scratch: &mut Scratch) -> Pivot {
        match self.decode {
            Decode::Int(decode) => {
                decode(source, &mut scratch.int[..n]);
                Pivot::Int
            }
            Decode::F32(decode) => {
                decode(source, &mut scratch.f32[..n]);
                Pivot::F32
            }
            Decode::F64(decode) => {
                decode(source, &mut scratch.f64[..n]);
                Pivot::F64
            }
        }
    }

    /// Takes the numbers from one pivot to another.
    fn shift(&self, from: Pivot, to: Pivot, n: usize, scratch: &mut Scratch) {
        let Scratch { int, f32, f64, .. } = scratch;
        let (int, f32, f64) = (&mut int[..n], &mut f32[..n], &mut f64[..n]);
        match (from, to) {
            (Pivot::Int, Pivot::Int) => self.fit(int),
            (Pivot::Int, Pivot::F32) if self.unsigned => map(int, f32, |x| x as u64 as f32),
            (Pivot::Int, Pivot::F32) => map(int, f32, |x| x as f32),
            (Pivot::Int, Pivot::F64) if self.unsigned => map(int, f64, |x| x as u64 as f64),
            (Pivot::Int, Pivot::F64) => map(int, f64, |x| x as f64),
            (Pivot::F32, Pivot::F64) => map(f32, f64, f64::from),
            (Pivot::F64, Pivot::F32) => map(f64, f32, |x| x as f32),
            (Pivot::F32, Pivot::Int) => self.truncate(f32, int, truncate::f32_to_i32),
            (Pivot::F64, Pivot::Int) => self.truncate(f64, int, truncate::f64_to_i32),
            (Pivot::F32, Pivot::F32) | (Pivot::F64, Pivot::F64) => {}
        }
    }

    /// Integers into the range of the target.
    fn fit(&self, int: &mut [i64]) {
        match self.range {
            Range::Truth => int.iter_mut().for_each(|x| *x = i64::from(*x != 0)),
            Range::Integer(target, Overflow::Saturate) => {
                let (low, high) = target.range();
                if self.unsigned {
                    let high = high as u64;
                    int.iter_mut().for_each(|x| *x = (*x as u64).min(high) as i64);
                } else {
                    let (low, high) = (low as i64, high.min(i64::MAX.into()) as i64);
                    int.iter_mut().for_each(|x| *x = (*x).clamp(low, high));
                }
            }
            _ => {}
        }
    }

    /// Floats into integers of the target's range.
    fn truncate<T: Copy + Into<f64>>(&self, from: &[T], int: &mut [i64], wrap_to_i32: impl Fn(T) -> i32) {
        let Range::Integer(target, overflow) = self.range else {
            return map(from, int, |x| i64::from(x.into() != 0.0));
        };
        match (overflow, target.bits, target.signed) {
            (Overflow::Wrap, 64, false) => map(from, int, |x| wrap_to_u64(x.into()) as i64),
            (Overflow::Wrap, 64, true) | (Overflow::Wrap, 32, false) => {
                map(from, int, |x| wrap_to_i64(x.into()))
            }
            (Overflow::Wrap, ..) => map(from, int, |x| wrap_to_i32(x).into()),
            (Overflow::Saturate, 64, false) => map(from, int, |x| x.into() as u64 as i64),
            (Overflow::Saturate, ..) => {
                let (low, high) = target.range();
                let (low, high) = (low as i64, high as i64);
                map(from, int, |x| (x.into() as i64).clamp(low, high));
            }
        }
    }

    /// Decodes the `n` numbers of `source` for comparison; both sides must have been made for the same pivot.
    pub fn peek<'a>(&self, source: &[u8], n: usize, scratch: &'a mut Scratch) -> Numbers<'a> {
        let at = self.load(source, n, scratch);
        match self.encode {
            Encode::Int(_) => Numbers::Int(&scratch.int[..n], self.unsigned),
            _ => {
                self.shift(at, Pivot::F64, n, scratch);
                Numbers::F64(&scratch.f64[..n])
            }
        }
    }
}

/// Decoded numbers.
pub enum Numbers<'a> {
    /// Integers, and whether they are uint64.
    Int(&'a [i64], bool),
    /// Floats.
    F64(&'a [f64]),
}

impl Numbers<'_> {
    /// Whether the numbers on both sides are equal, NaN to nothing.
    pub fn equals(&self, other: &Numbers) -> bool {
        match (self, other) {
            (Numbers::Int(a, a_unsigned), Numbers::Int(b, b_unsigned)) => {
                a == b && (a_unsigned == b_unsigned || a.iter().all(|x| *x >= 0))
            }
            (Numbers::F64(a), Numbers::F64(b)) => a == b,
            _ => false,
        }
    }
}

#[inline(always)]
fn map<T: Copy, U>(from: &[T], to: &mut [U], number: impl Fn(T) -> U) {
    for (slot, x) in to.iter_mut().zip(from) {
        *slot = number(*x);
    }
}

/// Multiplies, rounds, adds, rounds; the coefficients are rounded to the type first.
fn affine(compute: Pivot, n: usize, scratch: &mut Scratch) {
    let Scratch { f32, f64, scale, bias, scale32, bias32, .. } = scratch;
    if compute == Pivot::F32 {
        for (x, (scale, bias)) in f32[..n].iter_mut().zip(scale32.iter().zip(bias32)) {
            *x = *x * *scale + *bias;
        }
    } else {
        for (x, (scale, bias)) in f64[..n].iter_mut().zip(scale.iter().zip(bias)) {
            *x = *x * *scale + *bias;
        }
    }
}
