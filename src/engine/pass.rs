//! One pass over the scalars of two sides: both described for the planner, then planned and made ready.
#![forbid(unsafe_code)]

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
    /// What is read over and over, where that is not the source.
    pub constant: Option<&'a [u8]>,
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
    move_half(&from.side, from.cell, &to, target.1, part, None, visit)
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
    let steps = match part {
        Part::Whole if a.complex => Steps::complex_truth(a.scalar),
        _ => Steps::new(a.scalar, b.scalar, transform.is_affine(), transform.overflow),
    };
    let axis = transform.varies_along();
    match Plan::new(source.1.shape(), &from.side, &to.side, from.lanes, axis)? {
        Some(plan) => {
            let job = &Job::to_convert(&plan, &steps, coefficients, from.cell, to.cell);
            visit(&Pass { plan: &plan, job, part, constant: None })
        }
        None => Ok(()),
    }
}

/// Sets the imaginary parts to 0. The elements are complex.
pub fn zero_imaginary(target: Form, visit: &mut impl Visit) -> Result<()> {
    let to = Half::new(target.0, target.1, Part::Imaginary)?;
    let still = Dims::filled(0, target.1.ndim());
    let from = Side { strides: &still, offset: 0, part: 0, lane: 0, ..to.side };
    // Zeros of 16 bytes, more than any part has.
    move_half(&from, to.cell, &to, target.1, Part::Imaginary, Some(&[0; 16]), visit)
}

/// Copies scalars of `cell` to one side of a pass over `layout`.
fn move_half(
    from: &Side,
    cell: Cell,
    to: &Half,
    layout: &Layout,
    part: Part,
    constant: Option<&[u8]>,
    visit: &mut impl Visit,
) -> Result<()> {
    if cell.bits == 0 {
        return Ok(());
    }
    match Plan::new(layout.shape(), from, &to.side, to.lanes, None)? {
        Some(plan) => {
            let job = &Job::to_copy(&plan, cell, to.cell);
            visit(&Pass { plan: &plan, job, part, constant })
        }
        None => Ok(()),
    }
}
