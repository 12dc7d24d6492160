//! One pass over the scalars of two views: both sides described for the planner, then planned and run.

use super::host::isa::Isa;
use super::host::memory::Cell;
use super::host::path::{Run, Wish};
use super::host::run::{self, Coefficients, Place};
use super::plan::{Plan, Side};
use super::{Numeric, Transform, View, ViewMut};
use crate::dtype::{DType, Scalar, code};
use crate::error::{Result, bail};
use crate::layout::Layout;

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
pub unsafe fn copy(source: &View, target: &ViewMut, part: Part) -> Result<()> {
    let from = Half::new(source.dtype, source.layout, part)?;
    let to = Half::new(target.dtype, target.layout, part)?;
    if from.cell.bits == 0 {
        return Ok(());
    }
    if let Some(plan) = Plan::new(source.layout.shape(), &from.side, &to.side, from.lanes, None)? {
        let (from, to) =
            (Place { base: source.data, cell: from.cell }, Place { base: target.data, cell: to.cell });
        // SAFETY: the plan visits the elements of the layouts and no others.
        unsafe { run::copy(&plan, from, to) };
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
    let swapped = [from.cell.swapped, to.cell.swapped];
    let (affine, overflow) = (transform.is_affine(), transform.overflow);
    let whole = part == Part::Whole;
    let numbers = |numeric: Numeric| Numeric { complex: whole && numeric.complex, ..numeric };
    let run = if whole && a.complex && b.scalar == Scalar::Bool && !affine {
        Run::complex_truth(a.scalar, swapped[0], Isa::chosen())
    } else {
        Run::new(numbers(a), numbers(b), Wish { affine, overflow, swapped }, Isa::chosen())
    };
    let axis = transform.varies_along();
    if let Some(plan) = Plan::new(source.layout.shape(), &from.side, &to.side, from.lanes, axis)? {
        let (from, to) =
            (Place { base: source.data, cell: from.cell }, Place { base: target.data, cell: to.cell });
        // SAFETY: the plan visits the elements of the layouts and no others, and the cells are those of the types.
        unsafe { run::convert(&plan, &run, from, to, coefficients) };
    }
    Ok(())
}
