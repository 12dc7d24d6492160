//! One pass over the scalars of two views: both sides described for the planner, then planned and run.

use super::host::block::Steps;
use super::host::memory::Cell;
use super::host::run::{Coefficients, Job};
use super::plan::{Plan, Side};
use super::progress::Progress;
use super::spread::spread;
use super::{Numeric, Transform, View, ViewMut};
use crate::dtype::{DType, code};
use crate::error::{Result, bail};
use crate::layout::{Dims, Layout};

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

/// Where the two sides begin, for threads.
#[derive(Clone, Copy)]
struct Ends {
    source: *const u8,
    target: *mut u8,
}

// SAFETY: addresses. Whoever reads or writes there promises that threads may.
unsafe impl Sync for Ends {}

impl Ends {
    /// # Safety
    /// As for [`Job::run`]; the pieces of a plan have no byte of the target in common.
    unsafe fn run(
        &self,
        job: &Job,
        plan: &Plan,
        cells: [Cell; 2],
        progress: Option<&Progress>,
    ) -> Result<()> {
        spread(plan, cells, self.target.addr(), progress, &|piece| {
            let Self { source, target } = *self;
            // SAFETY: as the caller promises.
            unsafe { job.run(piece, source, target) }
        })
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
        let job = Job::to_copy(&plan, from.cell, to.cell);
        let ends = Ends { source: source.data, target: target.data };
        // SAFETY: the plan visits the elements of the layouts and no others.
        unsafe { ends.run(&job, &plan, [from.cell, to.cell], progress)? };
    }
    Ok(())
}

/// Converts the numbers of `part`.
///
/// # Safety
/// As for [`super::convert`]. The types are those that the numbers have.
pub unsafe fn convert(
    source: &View,
    target: &ViewMut,
    [a, b]: [Numeric; 2],
    transform: &Transform,
    part: Part,
    coefficients: Coefficients,
) -> Result<()> {
    let from = Half::new(source.dtype, source.layout, part)?;
    let to = Half::new(target.dtype, target.layout, part)?;
    let steps = match part {
        Part::Whole if a.complex => Steps::complex_truth(a.scalar),
        _ => Steps::new(a.scalar, b.scalar, transform.is_affine(), transform.overflow),
    };
    let axis = transform.varies_along();
    if let Some(plan) = Plan::new(source.layout.shape(), &from.side, &to.side, from.lanes, axis)? {
        let job = Job::to_convert(&plan, &steps, coefficients, from.cell, to.cell);
        let ends = Ends { source: source.data, target: target.data };
        // SAFETY: the plan visits the elements of the layouts and no others, and cells and steps have one type.
        unsafe { ends.run(&job, &plan, [from.cell, to.cell], transform.progress)? };
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
        let job = Job::to_copy(&plan, to.cell, to.cell);
        let ends = Ends { source: scalar.as_ptr(), target: target.data };
        // SAFETY: the plan never leaves the scalar, and visits the elements of the target and no others.
        unsafe { ends.run(&job, &plan, [to.cell, to.cell], progress)? };
    }
    Ok(())
}
