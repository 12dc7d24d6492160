//! Loops that scale numbers and bring them into the range of another type.

use std::marker::PhantomData;
use std::ops::{Add, Mul};

use super::isa::Isa;
use super::kernel::{Kernel, Loop, Operands, compiled, each};
use super::number::{Number, Visitor, visit_float, visit_integer, visit_short};
#[cfg(target_arch = "x86_64")]
use super::quantised::{self, Narrowed};
use crate::dtype::Scalar;

/// The loops that make numbers of `source` x · scale + bias in `compute`, float32 or float64: the first with one scale and
/// bias for all numbers, the second with one for each. `None` where there are none.
pub fn scaled(source: Scalar, compute: Scalar, isa: Isa) -> Option<[Loop; 2]> {
    match (source, compute) {
        (Scalar::Float32, Scalar::Float32) => {
            Some(both::<Scaled<f32, f32, false>, Scaled<f32, f32, true>>(isa))
        }
        (_, Scalar::Float32) => visit_short(source, ScaledTo::<f32>(isa, PhantomData)),
        (Scalar::Float32 | Scalar::Float64, _) => visit_float(source, ScaledTo::<f64>(isa, PhantomData)),
        _ => visit_integer(source, ScaledTo::<f64>(isa, PhantomData)),
    }
}

/// Likewise for float32 that is scaled in float64 and becomes the nearest integers of `target`, where few bits are left:
/// what makes pixels and quantised numbers.
pub fn quantised(source: Scalar, target: Scalar, isa: Isa) -> Option<[Loop; 2]> {
    macro_rules! to {
        ($int:ty) => {
            Some(both::<Quantised<$int, false>, Quantised<$int, true>>(isa))
        };
    }
    match (source, target) {
        (Scalar::Float32, Scalar::Int(8)) => to!(i8),
        (Scalar::Float32, Scalar::Int(16)) => to!(i16),
        (Scalar::Float32, Scalar::Uint(8)) => to!(u8),
        (Scalar::Float32, Scalar::Uint(16)) => to!(u16),
        _ => None,
    }
}

fn both<One: Kernel, Each: Kernel>(isa: Isa) -> [Loop; 2] {
    [compiled::<One>(isa), compiled::<Each>(isa)]
}

/// The loop that leaves numbers of `scalar` within the bounds of the operands: integers of whole bytes, float32 and
/// float64.
pub fn clamped(scalar: Scalar, isa: Isa) -> Option<Loop> {
    Some(match scalar {
        Scalar::Int(8) => compiled::<Clamped<i8>>(isa),
        Scalar::Int(16) => compiled::<Clamped<i16>>(isa),
        Scalar::Int(32) => compiled::<Clamped<i32>>(isa),
        Scalar::Int(64) => compiled::<Clamped<i64>>(isa),
        Scalar::Uint(8) => compiled::<Clamped<u8>>(isa),
        Scalar::Uint(16) => compiled::<Clamped<u16>>(isa),
        Scalar::Uint(32) => compiled::<Clamped<u32>>(isa),
        Scalar::Uint(64) => compiled::<Clamped<u64>>(isa),
        Scalar::Float32 => compiled::<Clamped<f32>>(isa),
        Scalar::Float64 => compiled::<Clamped<f64>>(isa),
        _ => return None,
    })
}

/// The loop from `source`, float32 or float64, to the nearest integers of `target`, which has whole bytes.
pub fn saturated(source: Scalar, target: Scalar, isa: Isa) -> Option<Loop> {
    match source {
        Scalar::Float32 => saturated_from::<f32>(target, isa),
        Scalar::Float64 => saturated_from::<f64>(target, isa),
        _ => None,
    }
}

fn saturated_from<S>(target: Scalar, isa: Isa) -> Option<Loop>
where
    S: Saturate<i8> + Saturate<i16> + Saturate<i32> + Saturate<i64>,
    S: Saturate<u8> + Saturate<u16> + Saturate<u32> + Saturate<u64>,
{
    Some(match target {
        Scalar::Int(8) => compiled::<Saturated<S, i8>>(isa),
        Scalar::Int(16) => compiled::<Saturated<S, i16>>(isa),
        Scalar::Int(32) => compiled::<Saturated<S, i32>>(isa),
        Scalar::Int(64) => compiled::<Saturated<S, i64>>(isa),
        Scalar::Uint(8) => compiled::<Saturated<S, u8>>(isa),
        Scalar::Uint(16) => compiled::<Saturated<S, u16>>(isa),
        Scalar::Uint(32) => compiled::<Saturated<S, u32>>(isa),
        Scalar::Uint(64) => compiled::<Saturated<S, u64>>(isa),
        _ => return None,
    })
}

struct ScaledTo<P>(Isa, PhantomData<P>);

impl<P: Compute> Visitor for ScaledTo<P> {
    type Output = [Loop; 2];

    fn visit<S: Number>(self) -> [Loop; 2] {
        both::<Scaled<S, P, false>, Scaled<S, P, true>>(self.0)
    }
}

/// A type that is computed in.
trait Compute: Number<Word = Self> + Mul<Output = Self> + Add<Output = Self> + Copy {}

impl Compute for f32 {}
impl Compute for f64 {}

struct Scaled<S, P, const EACH: bool>(PhantomData<(S, P)>);

impl<S: Number, P: Compute, const EACH: bool> Kernel for Scaled<S, P, EACH> {
    #[inline(always)]
    unsafe fn run(from: *const u8, to: *mut u8, count: usize, with: &Operands) {
        // SAFETY: as the caller promises.
        unsafe { scale::<S, P, P, EACH>(from, to, count, with, |x| x) }
    }
}

struct Quantised<T, const EACH: bool>(PhantomData<T>);

impl<T: Narrowed, const EACH: bool> Kernel for Quantised<T, EACH>
where
    f64: Saturate<T>,
{
    #[inline(always)]
    unsafe fn run(from: *const u8, to: *mut u8, count: usize, with: &Operands) {
        // SAFETY: as the caller promises.
        unsafe { scale::<f32, f64, T, EACH>(from, to, count, with, f64::saturate) }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn run_avx512(from: *const u8, to: *mut u8, count: usize, with: &Operands) {
        // SAFETY: as the caller promises.
        unsafe { quantised::run::<T, EACH>(from.cast(), to, count, with) }
    }
}

#[cfg(not(target_arch = "x86_64"))]
trait Narrowed {}
#[cfg(not(target_arch = "x86_64"))]
impl<T> Narrowed for T {}

/// What `last` makes of the scaled numbers.
///
/// # Safety
/// As for [`Kernel::run`].
#[inline(always)]
unsafe fn scale<S: Number, P: Compute, T, const EACH: bool>(
    from: *const u8,
    to: *mut u8,
    count: usize,
    with: &Operands,
    last: impl Fn(P) -> T,
) {
    let (from, to) = (from.cast::<S::Word>(), to.cast::<T>());
    let (scale, bias) = (with.scale.cast::<P>(), with.bias.cast::<P>());
    if count == 0 {
        return;
    }
    let period = if EACH { with.period } else { count };
    let mut start = 0;
    // SAFETY: number `i` of each; nothing is assumed of the alignment of the first two.
    unsafe {
        let one = (scale.read(), bias.read());
        while start < count {
            let (from, to) = (from.add(start), to.add(start));
            for i in 0..period.min(count - start) {
                let (scale, bias) = if EACH { (scale.add(i).read(), bias.add(i).read()) } else { one };
                let x = P::of::<S>(from.add(i).read_unaligned());
                to.add(i).write_unaligned(last(x * scale + bias));
            }
            start += period;
        }
    }
}

struct Clamped<W>(PhantomData<W>);

/// Numbers with bounds among the operands.
trait Bounded: Copy + PartialOrd {
    fn bounds(with: &Operands) -> [Self; 2];
}

macro_rules! bounded {
    ($of_bits:expr => $($type:ty)*) => {
        $(impl Bounded for $type {
            #[inline(always)]
            fn bounds(with: &Operands) -> [Self; 2] {
                with.bounds.map(|bits| $of_bits(bits) as $type)
            }
        })*
    };
}
bounded!(u64::cast_signed => i8 i16 i32 i64 u8 u16 u32 u64);
bounded!(f64::from_bits => f32 f64);

impl<W: Bounded> Kernel for Clamped<W> {
    #[inline(always)]
    unsafe fn run(from: *const u8, to: *mut u8, count: usize, with: &Operands) {
        let [low, high] = W::bounds(with);
        let within = |x: W| {
            // NaN stays what it is.
            let x = if x < low { low } else { x };
            if x > high { high } else { x }
        };
        // SAFETY: as the caller promises.
        unsafe { each(from, to, count, within) }
    }
}

struct Saturated<S, T>(PhantomData<(S, T)>);

impl<S: Saturate<T>, T> Kernel for Saturated<S, T> {
    #[inline(always)]
    unsafe fn run(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
        // SAFETY: as the caller promises.
        unsafe { each(from, to, count, S::saturate) }
    }
}

/// A float that becomes the nearest integer towards zero, NaN 0: what `as` does, in a form that vectors have.
trait Saturate<T>: Copy {
    fn saturate(self) -> T;
}

macro_rules! saturate {
    ($float:ty: $($int:ty)*) => {
        $(impl Saturate<$int> for $float {
            #[inline(always)]
            fn saturate(self) -> $int {
                const LOW: $float = <$int>::MIN as $float;
                const HIGH: $float = <$int>::MAX as $float;
                // Of the wide types the largest integer is no float; the next one up is, and one less is the next one down.
                const EXACT: bool = <$int>::BITS < <$float>::MANTISSA_DIGITS;
                const TOP: $float = if EXACT { HIGH } else { HIGH.next_down() };
                // The maximum of 64-bit ARM, which this becomes there, is NaN where a NaN signals.
                let x = if cfg!(target_arch = "aarch64") && self.is_nan() { 0.0 } else { self };
                let x = if x > LOW { x } else { LOW };
                let x = if x < TOP { x } else { TOP };
                // SAFETY: the number is no NaN and within the type's range.
                let near: $int = unsafe { x.to_int_unchecked() };
                let near = if !EXACT && self >= HIGH { <$int>::MAX } else { near };
                if LOW != 0.0 && self.is_nan() { 0 } else { near }
            }
        })*
    };
}
saturate!(f32: i8 i16 i32 i64 u8 u16 u32 u64);
saturate!(f64: i8 i16 i32 i64 u8 u16 u32 u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_saturate_as_by_the_language_at_every_edge() {
        let edges =
            [0.0, 0.9, 127.0, 128.0, 255.9, 256.0, 32767.5, 65535.5, 65536.0, 2147483520.0, 2147483647.0];
        let more = [2147483648.0, 4294967295.0, 4294967296.0, 9.2e18, 9223372036854775808.0, 1.8e19, 1e30];
        for x in edges.into_iter().chain(more).chain([f64::INFINITY, f64::NAN, 18446744073709551616.0]) {
            for x in [x, -x, x.next_down(), -x.next_down()] {
                macro_rules! agrees {
                    ($($int:ty)*) => {
                        $(
                            assert_eq!(Saturate::<$int>::saturate(x), x as $int, "{x}");
                            assert_eq!(Saturate::<$int>::saturate(x as f32), x as f32 as $int, "{x}");
                        )*
                    };
                }
                agrees!(i8 i16 i32 i64 u8 u16 u32 u64);
            }
        }
    }

    #[test]
    fn quantised_numbers_are_the_same_on_every_instruction_set() {
        let special =
            [f32::NAN, f32::INFINITY, -f32::INFINITY, 3e9, -3e9, 1e-42, -0.0, 255.99, -128.5, 65535.9];
        let numbers: [f32; 75] =
            std::array::from_fn(|i| special.get(i % 13).map_or(i as f32 * 7.3 - 200.0, |x| *x));
        let scale: [f64; 75] = std::array::from_fn(|i| 1.0 + i as f64 / 3.0);
        let bias: [f64; 75] = std::array::from_fn(|i| i as f64 - 30.0);
        let [scale, bias] = [&scale, &bias].map(|factors| factors.as_ptr().cast());
        for (bits, each) in [(8, 0), (8, 1), (16, 0), (16, 1)] {
            for target in [Scalar::Int(bits), Scalar::Uint(bits)] {
                for (first, count, period) in
                    (0..75).flat_map(|n| [(0, n, 75), (0, n, 5), (10, n.min(3), 2), (0, n, 33)])
                {
                    let with = Operands { scale, bias, period, ..Operands::default() };
                    let [got, expected] = [Isa::Avx512, Isa::Baseline].map(|isa| {
                        let run = quantised(Scalar::Float32, target, isa).expect("a loop")[each];
                        let mut out = [0xA5u8; 2 * 75];
                        // SAFETY: the arrays have room for so many numbers.
                        unsafe { run(numbers[first..].as_ptr().cast(), out.as_mut_ptr(), count, &with) };
                        out
                    });
                    assert_eq!(got, expected, "{target:?} {count} of a period of {period}");
                }
            }
        }
    }
}
