//! One pass over the scalars of two views: both sides described for the planner, then planned and run.

use super::host::block::Steps;
use super::host::memory::Cell;
use super::host::run::{self, Coefficients, Place};
use super::plan::{Plan, Side};
use super::progress::Progress;
use super::spread::spread;
use super::{Numeric, Transform, View, ViewMut};
use crate::dtype::{DType, code};
use crate::error::{Result, bail};
use crate::layout::{Dims, Layout};

// SAFETY: a place is an address and what lies there. Whoever reads or writes there promises that threads may.
unsafe impl<P> Sync for Place<P> {}

/// Which scalars of the elements a pass is about.
#[derive(Clone, Copy, PartialEq)]
pub enum Part {
    /// Whole elements, or whole complex numbers.
    Whole,
    /// Real numbers, or the real parts of complex ones.
    Real,
    /// The imaginary parts.
    Imaginary,
    /// Both parts, as twice as many lanes.
    Both,
}

/// One side of a pass.
pub struct Half<'a> {
    /// Where they lie.
    pub side: Side<'a>,
    /// How each of them does.
    pub cell: Cell,
    /// How many there are in an element.
    pub lanes: i64,
}

impl<'a> Half<'a> {
    /// The scalars of `part` in elements of `dtype`.
    pub fn new(dtype: DType, layout: &'a Layout, part: Part) -> Result<Self> {
        let whole = Cell::of(dtype);
        let lane = whole.stride();
        let Ok(element) = i64::try_from(dtype.element_bits()) else {
            bail!(Overflow, "an element of {} bits is too large", dtype.element_bits());
        };
        let mut half = Self {
            side: Side { strides: layout.strides(), offset: layout.offset(), element, lane, part: 0 },
            cell: whole,
            lanes: if dtype.kind == 0 { dtype.lanes.into() } else { 1 },
        };
        let complex = dtype.kind == 0 && dtype.code == code::COMPLEX;
        if complex && part != Part::Whole {
            half.cell.bits = whole.bits / 2;
            half.side.part = if part == Part::Imaginary { lane / 2 } else { 0 };
            if part == Part::Both {
                half.lanes *= 2;
                half.side.lane = lane / 2;
            }
        }
        Ok(half)
    }
}

/// Copies the scalars of `part`, whose types differ in packing and byte order at most.
///
/// # Safety
/// As for [`super::convert`].
pub unsafe fn copy(source: &View, target: &ViewMut, part: Part, progress: Option<&Progress>) -> Result<()> {
    let from = Half::new(source.dtype, source.layout, part)?;
    let to = Half::new(target.dtype, target.layout, part)?;
    if from.cell.bits == 0 {
        return Ok(());
    }
    if let Some(plan) = Plan::new(source.layout.shape(), &from.side, &to.side, from.lanes, None)? {
        let (from, to) =
            (Place { base: source.data, cell: from.cell }, Place { base: target.data, cell: to.cell });
        // SAFETY: the plan visits the elements of the layouts and no others.
        spread(&plan, [from.cell, to.cell], to.base.addr(), progress, &|piece| unsafe {
            run::copy(piece, from, to)
        })?;
    }
    Ok(())
}

/// Converts the numbers of `part`.
///
/// # Safety
/// As for [`super::convert`]. Both types are numbers.
pub unsafe fn convert(
    source: &View,
    target: &ViewMut,
    transform: &Transform,
    part: Part,
    coefficients: Coefficients,
) -> Result<()> {
    let from = Half::new(source.dtype, source.layout, part)?;
    let to = Half::new(target.dtype, target.layout, part)?;
    let (Some(a), Some(b)) = (Numeric::of(source.dtype), Numeric::of(target.dtype)) else {
        bail!(Internal, "a conversion of types that are not numbers");
    };
    let steps = match part {
        Part::Whole if a.complex => Steps::complex_truth(a.scalar),
        _ => Steps::new(a.scalar, b.scalar, transform.is_affine(), transform.overflow),
    };
    let axis = transform.varies_along();
    if let Some(plan) = Plan::new(source.layout.shape(), &from.side, &to.side, from.lanes, axis)? {
        let (from, to) =
            (Place { base: source.data, cell: from.cell }, Place { base: target.data, cell: to.cell });
        spread(&plan, [from.cell, to.cell], to.base.addr(), transform.progress, &|piece| {
            // SAFETY: the plan visits the elements of the layouts and no others, and cells and steps have one type.
            unsafe { run::convert(piece, &steps, from, to, coefficients) }
        })?;
    }
    Ok(())
}

/// Sets the imaginary parts to 0.
///
/// # Safety
/// All elements of `target` are writable. They are complex.
pub unsafe fn zero_imaginary(target: &ViewMut, progress: Option<&Progress>) -> Result<()> {
    let to = Half::new(target.dtype, target.layout, Part::Imaginary)?;
    // SAFETY: zeros of 16 bytes, more than any part has.
    unsafe { fill(&to, target, &[0; 16], progress) }
}

/// Copies the native or foreign bytes of one scalar to all of `to`.
///
/// # Safety
/// All elements of `target` are writable, and `scalar` has the form that its cell says.
unsafe fn fill(to: &Half, target: &ViewMut, scalar: &[u8], progress: Option<&Progress>) -> Result<()> {
    let still = Dims::filled(0, target.layout.ndim());
    let from = Side { strides: &still, offset: 0, part: 0, lane: 0, ..to.side };
    if to.cell.bits == 0 {
        return Ok(());
    }
    if let Some(plan) = Plan::new(target.layout.shape(), &from, &to.side, to.lanes, None)? {
        let (from, to) =
            (Place { base: scalar.as_ptr(), cell: to.cell }, Place { base: target.data, cell: to.cell });
        // SAFETY: the plan never leaves the scalar, and visits the elements of the target and no others.
        spread(&plan, [from.cell, to.cell], to.base.addr(), progress, &|piece| unsafe {
            run::copy(piece, from, to)
        })?;
    }
    Ok(())
}
