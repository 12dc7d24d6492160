//! One pass over the scalars of two sides: both described for the planner, then planned and made ready.
#![forbid(unsafe_code)]

use super::host::isa::Isa;
use super::host::memory::Cell;
use super::host::path::{Run, Wish};
use super::host::run::{Coefficients, Job};
use super::plan::{Plan, Side};
use super::{Numeric, Transform};
use crate::dtype::{DType, Scalar, code};
use crate::error::{Result, bail};
use crate::layout::Layout;

/// Which scalars of the elements a pass is about.
#[derive(Clone, Copy, Debug, PartialEq)]
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

/// The type of elements, and where they lie.
pub type Form<'a> = (DType, &'a Layout);

/// A pass made ready.
pub struct Pass<'a> {
    /// Its loops.
    pub plan: &'a Plan,
    /// What is done in them, and how.
    pub job: &'a Job<'a>,
    /// The scalars that it is about.
    pub part: Part,
}

/// What is to become of passes.
pub trait Visit: FnMut(&Pass) -> Result<()> {}

impl<F: FnMut(&Pass) -> Result<()>> Visit for F {}

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
pub fn copy(source: Form, target: Form, part: Part, visit: &mut impl Visit) -> Result<()> {
    let from = Half::new(source.0, source.1, part)?;
    let to = Half::new(target.0, target.1, part)?;
    if from.cell.bits == 0 {
        return Ok(());
    }
    let plan = &mut { Plan::ONE };
    if !plan.become_new(target.1.shape(), &from.side, &to.side, to.lanes, None)? {
        return Ok(());
    }
    let job = &Job::to_copy(plan, from.cell, to.cell);
    visit(&Pass { plan, job, part })
}

/// Converts the numbers of `part`. The types are those that the numbers have.
pub fn convert(
    source: Form,
    target: Form,
    [a, b]: [Numeric; 2],
    transform: &Transform,
    part: Part,
    coefficients: Coefficients,
    visit: &mut impl Visit,
) -> Result<()> {
    let from = Half::new(source.0, source.1, part)?;
    let to = Half::new(target.0, target.1, part)?;
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
    let plan = &mut { Plan::ONE };
    if !plan.become_new(source.1.shape(), &from.side, &to.side, from.lanes, axis)? {
        return Ok(());
    }
    let job = &Job::to_convert(plan, &run, coefficients, from.cell, to.cell);
    visit(&Pass { plan, job, part })
}
