//! Moving elements: any layout and type to any other, in one pass.
//!
//! A call is split into passes over real numbers (complex numbers are two, lanes are one more axis); each pass is
//! planned by [`plan`] and run by [`host`].

mod compare;
mod cuda;
mod explain;
#[doc(hidden)]
pub mod host;
mod loops;
mod pass;
mod pieces;
pub mod plan;
pub mod progress;
mod recall;
pub mod route;
mod spread;
pub mod threads;

pub use compare::equal;

use crate::device::cpu::{Content, Room};
use crate::dtype::{DType, Overflow, Scalar};
use crate::error::{Result, bail};
use crate::layout::Layout;
use host::run::{Coefficients, Job};
use pass::{Form, Part, Pass, Visit};
use plan::Plan;
use progress::Progress;

/// Elements in memory that are read.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The start of the storage, from which the layout counts. Need not be aligned.
    pub data: *const u8,
    /// The type of an element.
    pub dtype: DType,
    /// Where elements lie.
    pub layout: &'a Layout,
}

/// Elements in memory that are written. No two of them may share a byte, but for packed ones, which share no bit.
#[derive(Clone, Copy, Debug)]
pub struct ViewMut<'a> {
    /// The start of the storage, from which the layout counts. Need not be aligned.
    pub data: *mut u8,
    /// The type of an element.
    pub dtype: DType,
    /// Where elements lie.
    pub layout: &'a Layout,
}

/// What happens to numbers on the way: y = x · scale + bias, and what does not fit. And who is told.
///
/// The product is rounded before the sum. Both are computed in float32 when the destination is a float of at most
/// 32 bits (or complex of such) and float32 holds every number of the source type, else in float64; scale and bias
/// are rounded to that type first. The result is converted to the destination once. A complex source has both parts
/// scaled, and the bias added to the real one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transform<'a> {
    /// What becomes of numbers that the destination cannot hold.
    pub overflow: Overflow,
    /// Nothing, one number, or one for each index along `axis`.
    pub scale: &'a [f64],
    /// Nothing, one number, or one for each index along `axis`.
    pub bias: &'a [f64],
    /// The axis along which scale and bias differ.
    pub axis: usize,
    /// Who is told how far it is.
    pub progress: Option<&'a Progress>,
}

impl Transform<'_> {
    fn is_affine(&self) -> bool {
        !self.scale.is_empty() || !self.bias.is_empty()
    }

    fn check(&self, shape: &[i64]) -> Result<()> {
        for (name, values) in [("scale", self.scale), ("bias", self.bias)] {
            if values.len() <= 1 {
                continue;
            }
            match shape.get(self.axis) {
                None => bail!(Range, "`axis` is {}, the tensor has rank {}", self.axis, shape.len()),
                Some(&extent) if values.len() as i64 != extent => {
                    bail!(
                        Shape,
                        "`{name}` has {} values, axis {} has extent {extent}",
                        values.len(),
                        self.axis
                    )
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// The numbers of a type: real ones, or complex ones of two such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numeric {
    pub scalar: Scalar,
    pub complex: bool,
}

impl Numeric {
    #[inline]
    pub(crate) fn of(dtype: DType) -> Option<Self> {
        Scalar::of(dtype).map(|(scalar, complex)| Self { scalar, complex })
    }
}

/// Whether elements of the two types differ in packing and byte order at most.
fn same_elements(a: DType, b: DType) -> bool {
    DType { flags: 0, ..a } == DType { flags: 0, ..b }
}

/// What is to be done with elements.
#[derive(Clone, Copy)]
enum Work {
    /// They are copied; packing and byte order may change.
    Copy,
    /// Numbers become those of another type, or are scaled.
    Convert([Numeric; 2]),
}

/// What has to be done; refuses what no pass can do.
fn work(source: Form, target: Form, affine: bool) -> Result<Work> {
    let (shape, other) = (source.1.shape(), target.1.shape());
    if shape != other {
        bail!(Shape, "the source has shape {shape:?}, the destination {other:?}");
    }
    if same_elements(source.0, target.0) && !affine {
        return Ok(Work::Copy);
    }
    match (Numeric::of(source.0), Numeric::of(target.0)) {
        (Some(from), Some(to)) if source.0.lanes == target.0.lanes => Ok(Work::Convert([from, to])),
        _ => bail!(Unsupported, "there is no conversion from {} to {}", source.0, target.0),
    }
}

/// Plans what takes elements from one form to the other, and hands each pass to `visit`. The shapes must be equal; a
/// source that is broadcast has strides of 0.
///
/// Fails with `Shape` when shapes or coefficients do not fit, `Range` for a bad axis, `Unsupported` when either type
/// is only carried and the other differs, `Overflow` and `OutOfMemory`; then no pass has been visited.
fn passes(source: Form, target: Form, transform: &Transform, visit: &mut impl Visit) -> Result<()> {
    let affine = transform.is_affine();
    let work = work(source, target, affine)?;
    transform.check(source.1.shape())?;
    let Work::Convert([from, to]) = work else {
        let swaps = source.0.is_swapped() != target.0.is_swapped();
        return pass::copy(source, target, if swaps { Part::Both } else { Part::Whole }, visit);
    };
    let mut convert =
        |part, coefficients| pass::convert(source, target, [from, to], transform, part, coefficients, visit);
    let coefficients = Coefficients { scale: transform.scale, bias: transform.bias };
    match (from.complex, to.complex) {
        (true, true) if !affine => convert(Part::Both, coefficients),
        (true, true) => {
            convert(Part::Real, coefficients)?;
            convert(Part::Imaginary, Coefficients { bias: &[], ..coefficients })
        }
        (false, false) => convert(Part::Real, coefficients),
        _ => convert(Part::Whole, coefficients),
    }
}

/// Copies or converts every element of `source` to its place in `target`, pass by pass.
///
/// Fails with `Shape` when shapes or coefficients do not fit, `Range` for a bad axis, `Unsupported` when either type
/// is only carried and the other differs, `Overflow` and `OutOfMemory`; then nothing has been written. Fails with
/// `Cancelled` when `progress` says so; then some elements have been written.
///
/// # Safety
/// All elements of `source` are readable and all of `target` writable, no other thread writes either, and no byte
/// belongs to both. [`convert_overlapping`] is for those that overlap.
///
/// ```
/// use ndferry::dtype::DType;
/// use ndferry::engine::{Transform, View, ViewMut, convert};
/// use ndferry::layout::{Layout, Order};
///
/// let (rows, columns) = (Layout::contiguous(&[2, 3], Order::C)?, Layout::contiguous(&[2, 3], Order::F)?);
/// let from = [1_u8, 2, 3, 4, 5, 6];
/// let mut to = [0.0_f32; 6];
/// let source = View { data: from.as_ptr(), dtype: DType::UINT8, layout: &rows };
/// let target = ViewMut { data: to.as_mut_ptr().cast(), dtype: DType::FLOAT32, layout: &columns };
/// // SAFETY: both arrays have the six elements of their layouts, and are of this function alone.
/// unsafe { convert(&source, &target, &Transform::default()) }?;
/// assert_eq!(to, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// # Ok::<(), ndferry::error::Error>(())
/// ```
pub unsafe fn convert(source: &View, target: &ViewMut, transform: &Transform) -> Result<()> {
    // SAFETY: as the caller promises.
    unsafe { convert_and_show(source, target, transform, &mut |_, _| ()) }
}

/// [`convert`], and shows the passes that have been done.
///
/// # Safety
/// As there.
unsafe fn convert_and_show(
    source: &View,
    target: &ViewMut,
    transform: &Transform,
    show: &mut dyn FnMut(&Pass, &Job),
) -> Result<()> {
    let forms = [(source.dtype, source.layout), (target.dtype, target.layout)];
    passes(forms[0], forms[1], transform, &mut |pass: &Pass| {
        let ends = Ends { source: source.data, target: target.data };
        let job = pass.job();
        // SAFETY: the plan visits elements of the layouts, and the job is of their types.
        unsafe { ends.run(pass.plan, &job, transform.progress) }?;
        show(pass, &job);
        Ok(())
    })
}

/// Where the two sides of a pass begin, for threads.
#[derive(Clone, Copy)]
struct Ends {
    source: *const u8,
    target: *mut u8,
}

// SAFETY: addresses. Whoever reads or writes there promises that threads may.
unsafe impl Sync for Ends {}

impl Ends {
    /// # Safety
    /// As for [`Job::run`](host::run::Job::run), for the whole plan.
    unsafe fn run(&self, plan: &Plan, job: &Job, progress: Option<&Progress>) -> Result<()> {
        #[cfg(test)]
        host::run::RAN.with_borrow_mut(|ran| ran.push(job.way_name()));
        let (cells, by_source) = ([job.source, job.target], job.goes_by_source());
        spread::spread(plan, cells, self.target.addr(), by_source, progress, &|piece| {
            let Self { source, target } = *self;
            // SAFETY: as the caller promises; the pieces of a plan have no byte of the target in common.
            unsafe { job.run(piece, source, target) }
        })
    }
}

/// [`convert`] for a source and a target that share memory: as if the source had been copied elsewhere first, which
/// is what happens.
///
/// # Safety
/// As for [`convert`], except that the two may overlap.
pub unsafe fn convert_overlapping(source: &View, target: &ViewMut, transform: &Transform) -> Result<()> {
    let forms = [(source.dtype, source.layout), (target.dtype, target.layout)];
    let (layout, bytes) = temporary(forms[0], forms[1], transform)?;
    // Elements that share bytes are written by reading these first.
    let content = if source.dtype.is_packed() { Content::Zeros } else { Content::Unknown };
    let Some(mut room) = Room::new(bytes, content) else {
        bail!(OutOfMemory, "no memory for a copy of {bytes} bytes of the source");
    };
    let data = room.as_mut_ptr();
    // SAFETY: the room is of this call only, and holds as many elements as the compact layout has.
    unsafe {
        let copy = Transform { progress: transform.progress, ..Transform::default() };
        convert(source, &ViewMut { data, dtype: source.dtype, layout: &layout }, &copy)?;
        convert(&View { data, dtype: source.dtype, layout: &layout }, target, transform)
    }
}

/// The layout of a copy of the source without gaps, and its bytes; refuses what no pass can do.
fn temporary(source: Form, target: Form, transform: &Transform) -> Result<(Layout, usize)> {
    work(source, target, transform.is_affine())?;
    transform.check(source.1.shape())?;
    let layout = source.1.dense_like();
    let bits = (layout.element_count() as u128) * u128::from(source.0.element_bits());
    match usize::try_from(bits.div_ceil(8)) {
        Ok(bytes) => Ok((layout, bytes)),
        Err(_) => bail!(Overflow, "a copy of the source takes more bytes than there are addresses"),
    }
}

#[cfg(test)]
mod tests;
