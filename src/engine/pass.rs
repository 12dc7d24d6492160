//! One pass over the scalars of two views: both sides described for the planner, then planned and run.

use super::host::block::Steps;
use super::host::memory::Cell;
use super::host::run::{Coefficients, Job};
use super::plan::{Plan, Side};
use super::{Numeric, Transform};
use crate::dtype::{DType, code};
use crate::error::{Result, bail};
use crate::layout::{Dims, Layout};

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

/// What is to be done, ready to run.
pub type Prepared<'a> = Option<(Plan, Job<'a>)>;

/// Elements of a type, and where they lie.
pub type Elements<'a> = (DType, &'a Layout);

/// The way to copy the scalars of `part`, whose types differ in packing and byte order at most; none when there are none.
pub fn to_copy(source: Elements, target: Elements, part: Part) -> Result<Prepared<'static>> {
    let (from, to) = (Half::new(source.0, source.1, part)?, Half::new(target.0, target.1, part)?);
    if from.cell.bits == 0 {
        return Ok(None);
    }
    let plan = Plan::new(source.1.shape(), &from.side, &to.side, from.lanes, None)?;
    Ok(plan.map(|plan| {
        let job = Job::to_copy(&plan, from.cell, to.cell);
        (plan, job)
    }))
}

/// The way to convert the numbers of `part`, which the types have; none when there are none.
pub fn to_convert<'a>(
    source: Elements,
    target: Elements,
    [a, b]: [Numeric; 2],
    transform: &Transform<'a>,
    part: Part,
) -> Result<Prepared<'a>> {
    let (from, to) = (Half::new(source.0, source.1, part)?, Half::new(target.0, target.1, part)?);
    let steps = match part {
        Part::Whole if a.complex => Steps::complex_truth(a.scalar),
        _ => Steps::new(a.scalar, b.scalar, transform.is_affine(), transform.overflow),
    };
    let plan = Plan::new(source.1.shape(), &from.side, &to.side, from.lanes, transform.varies_along())?;
    // The bias is added to real parts only.
    let bias = if part == Part::Imaginary { &[] } else { transform.bias };
    let coefficients = Coefficients { scale: transform.scale, bias };
    Ok(plan.map(|plan| {
        let job = Job::to_convert(&plan, &steps, coefficients, from.cell, to.cell);
        (plan, job)
    }))
}

/// Does what was prepared.
///
/// # Safety
/// As for [`super::convert`], for the elements that it was prepared for.
pub unsafe fn run(prepared: Prepared, source: *const u8, target: *mut u8) {
    if let Some((plan, job)) = prepared {
        // SAFETY: the plan visits the elements of the layouts and no others, and cells and steps have one type.
        unsafe { job.run(&plan, source, target) };
    }
}

/// What [`to_zero`] reads: more bytes than any part has.
pub static ZEROS: [u8; 16] = [0; 16];

/// The way to set the imaginary parts to 0, from [`ZEROS`] as the source.
pub fn to_zero(target: Elements) -> Result<Prepared<'static>> {
    let to = Half::new(target.0, target.1, Part::Imaginary)?;
    let still = Dims::filled(0, target.1.ndim());
    let from = Side { strides: &still, offset: 0, part: 0, lane: 0, ..to.side };
    let plan = Plan::new(target.1.shape(), &from, &to.side, to.lanes, None)?;
    Ok(plan.map(|plan| {
        let job = Job::to_copy(&plan, to.cell, to.cell);
        (plan, job)
    }))
}
