//! Numbers straight from one type to another: one loop for each pair that has one. Other pairs go by way of a third type;
//! [`super::path`] knows which.

use std::marker::PhantomData;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::half;
use super::isa::Isa;
use super::kernel::{Kernel, Loop, Operands, compiled, each};
use super::number::{
    Bool, Number, Visitor, visit_float, visit_integer, visit_narrow, visit_small, visit_width,
};
use crate::dtype::Scalar;
use crate::dtype::float::{half_from_f64, half_to_f64};

/// The loop from `source` to `target`, of native bytes on both sides; `None` where there is none.
///
/// Integers that keep their low bits do so whatever the signs, so that one loop serves many pairs.
pub fn cast(source: Scalar, target: Scalar, isa: Isa) -> Option<Loop> {
    use Scalar::{Bool, Float16, Float32, Float64, Int, Small, Uint};
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    if let Some(quick) = half::cast(source, target, isa) {
        return Some(quick);
    }
    match (source, target) {
        (Float16, Float64) => Some(compiled::<HalfToDouble>(isa)),
        (Float64, Float16) => Some(compiled::<DoubleToHalf>(isa)),
        (Small(_) | Float16, Float32) => visit_small(source, To::<f32>(isa, PhantomData)),
        (Float32, Small(_) | Float16) => visit_small(target, From::<f32>(isa, PhantomData)),
        (Int(2 | 4), Int(8)) => visit_narrow(source, To::<i8>(isa, PhantomData)),
        (Uint(2 | 4), Uint(8)) => visit_narrow(source, To::<u8>(isa, PhantomData)),
        (Uint(8), Int(2 | 4) | Uint(2 | 4)) => visit_narrow(target, From::<u8>(isa, PhantomData)),
        (Int(_) | Uint(_), Bool) => visit_width(source, To::<self::Bool>(isa, PhantomData)),
        (Float32 | Float64, Bool) => visit_float(source, To::<self::Bool>(isa, PhantomData)),
        (Bool | Int(_) | Uint(_), Float32 | Float64) => visit_float(target, OfInteger { source, isa })?,
        (Bool | Int(_) | Uint(_), Int(_) | Uint(_)) => visit_width(target, OfInteger { source, isa })?,
        (Float32 | Float64, Int(32 | 64)) => visit_integer_of_float(source, target, isa),
        (Float32 | Float64, Int(_) | Uint(_)) => visit_width(target, OfFloat { source, isa })?,
        (Float32, Float64) => Some(compiled::<Cast<f32, f64>>(isa)),
        (Float64, Float32) => Some(compiled::<Cast<f64, f32>>(isa)),
        _ => None,
    }
}

/// Floats become int32 and int64 otherwise than the unsigned types of their width.
fn visit_integer_of_float(source: Scalar, target: Scalar, isa: Isa) -> Option<Loop> {
    match target {
        Scalar::Int(32) => visit_float(source, To::<i32>(isa, PhantomData)),
        _ => visit_float(source, To::<i64>(isa, PhantomData)),
    }
}

/// From a type that is being found to one that is known.
struct To<T>(Isa, PhantomData<T>);

impl<T: Number> Visitor for To<T> {
    type Output = Loop;

    fn visit<S: Number>(self) -> Loop {
        compiled::<Cast<S, T>>(self.0)
    }
}

/// From a type that is known to one that is being found.
struct From<S>(Isa, PhantomData<S>);

impl<S: Number> Visitor for From<S> {
    type Output = Loop;

    fn visit<T: Number>(self) -> Loop {
        compiled::<Cast<S, T>>(self.0)
    }
}

/// From an integer to the type that is being found.
struct OfInteger {
    source: Scalar,
    isa: Isa,
}

impl Visitor for OfInteger {
    type Output = Option<Loop>;

    fn visit<T: Number>(self) -> Option<Loop> {
        visit_integer(self.source, To::<T>(self.isa, PhantomData))
    }
}

/// From a float to the type that is being found.
struct OfFloat {
    source: Scalar,
    isa: Isa,
}

impl Visitor for OfFloat {
    type Output = Option<Loop>;

    fn visit<T: Number>(self) -> Option<Loop> {
        visit_float(self.source, To::<T>(self.isa, PhantomData))
    }
}

/// From one type to another.
pub(super) struct Cast<S, T>(PhantomData<(S, T)>);

impl<S: Number, T: Number> Kernel for Cast<S, T> {
    #[inline(always)]
    unsafe fn run(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
        // SAFETY: as the caller promises.
        unsafe { each::<S::Word, T::Word>(from, to, count, |word| T::of::<S>(word)) }
    }
}

/// A signalling NaN stays so, which it would not by way of float32.
struct HalfToDouble;

impl Kernel for HalfToDouble {
    #[inline(always)]
    unsafe fn run(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
        // SAFETY: as the caller promises.
        unsafe { each(from, to, count, |code: u16| half_to_f64(code.into())) }
    }
}

/// Rounded once, not first to float32.
struct DoubleToHalf;

impl Kernel for DoubleToHalf {
    #[inline(always)]
    unsafe fn run(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
        // SAFETY: as the caller promises.
        unsafe { each(from, to, count, |x: f64| half_from_f64(x) as u16) }
    }
}
