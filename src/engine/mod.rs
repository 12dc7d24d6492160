//! Moving elements: any layout and type to any other, in one pass.
//!
//! A call is split into passes over real numbers (complex numbers are two, lanes are one more axis); each pass is
//! planned by [`plan`] and run by [`host`].

pub mod compare;
pub mod host;
mod pass;
pub mod plan;
pub mod route;

pub use compare::equal;

use crate::dtype::{DType, Overflow, Scalar};
use crate::error::{Result, bail};
use crate::layout::Layout;
use host::run::Coefficients;
use pass::Part;

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

/// What happens to numbers on the way: y = x · scale + bias, and what does not fit.
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
}

impl Transform<'_> {
    fn is_affine(&self) -> bool {
        !self.scale.is_empty() || !self.bias.is_empty()
    }

    /// The axis along which coefficients differ.
    fn varies_along(&self) -> Option<usize> {
        (self.scale.len() > 1 || self.bias.len() > 1).then_some(self.axis)
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
    pub(crate) fn of(dtype: DType) -> Option<Self> {
        Scalar::of(dtype).map(|(scalar, complex)| Self { scalar, complex })
    }
}

/// Whether elements of the two types differ in packing and byte order at most.
fn same_elements(a: DType, b: DType) -> bool {
    DType { flags: 0, ..a } == DType { flags: 0, ..b }
}

/// Refuses what no pass can do.
fn check(source: (DType, &Layout), target: (DType, &Layout), affine: bool) -> Result<()> {
    let (shape, other) = (source.1.shape(), target.1.shape());
    if shape != other {
        bail!(Shape, "the source has shape {shape:?}, the destination {other:?}");
    }
    let numbers = Numeric::of(source.0).is_some() && Numeric::of(target.0).is_some();
    let lanes = source.0.lanes == target.0.lanes;
    if !(numbers && lanes || same_elements(source.0, target.0) && !affine) {
        bail!(Unsupported, "there is no conversion from {} to {}", source.0, target.0);
    }
    Ok(())
}

/// Copies or converts every element of `source` to its place in `target`. The shapes must be equal; a source that is
/// broadcast has strides of 0.
///
/// Fails with `Shape` when shapes or coefficients do not fit, `Range` for a bad axis, `Unsupported` when either type
/// is only carried and the other differs, `Overflow` and `OutOfMemory`; then nothing has been written.
///
/// # Safety
/// All elements of `source` are readable and all of `target` writable, no other thread writes either, and no byte
/// belongs to both. [`convert_overlapping`] is for those that overlap.
pub unsafe fn convert(source: &View, target: &ViewMut, transform: &Transform) -> Result<()> {
    let affine = transform.is_affine();
    check((source.dtype, source.layout), (target.dtype, target.layout), affine)?;
    transform.check(source.layout.shape())?;
    // SAFETY: as the caller promises.
    let copy = |part| unsafe { pass::copy(source, target, part) };
    // SAFETY: likewise.
    let convert =
        |part, coefficients| unsafe { pass::convert(source, target, transform, part, coefficients) };
    let coefficients = Coefficients { scale: transform.scale, bias: transform.bias };

    if same_elements(source.dtype, target.dtype) && !affine {
        let swaps = source.dtype.is_swapped() != target.dtype.is_swapped();
        return copy(if swaps { Part::Both } else { Part::Whole });
    }
    let (Some(from), Some(to)) = (Numeric::of(source.dtype), Numeric::of(target.dtype)) else {
        bail!(Internal, "types that are not numbers passed the check");
    };
    match (from.complex, to.complex) {
        (true, true) if !affine => convert(Part::Both, coefficients),
        (true, true) => {
            convert(Part::Real, coefficients)?;
            convert(Part::Imaginary, Coefficients { bias: &[], ..coefficients })
        }
        _ => convert(Part::Whole, coefficients),
    }
}

/// [`convert`] for a source and a target that share memory: as if the source had been copied elsewhere first, which
/// is what happens.
///
/// # Safety
/// As for [`convert`], except that the two may overlap.
pub unsafe fn convert_overlapping(source: &View, target: &ViewMut, transform: &Transform) -> Result<()> {
    check((source.dtype, source.layout), (target.dtype, target.layout), transform.is_affine())?;
    transform.check(source.layout.shape())?;
    let layout = source.layout.dense_like();
    let count: i64 = layout.shape().iter().product();
    let bits = (count as u128) * u128::from(source.dtype.element_bits());
    let Ok(bytes) = usize::try_from(bits.div_ceil(8)) else {
        bail!(Overflow, "a copy of the source takes more bytes than there are addresses");
    };
    let mut room = Vec::new();
    if room.try_reserve_exact(bytes).is_err() {
        bail!(OutOfMemory, "no memory for a copy of {bytes} bytes of the source");
    }
    room.resize(bytes, 0);
    let data: *mut u8 = room.as_mut_ptr();
    // SAFETY: the room is of this call only, and holds as many elements as the compact layout has.
    unsafe {
        convert(source, &ViewMut { data, dtype: source.dtype, layout: &layout }, &Transform::default())?;
        convert(&View { data, dtype: source.dtype, layout: &layout }, target, transform)
    }
}

#[cfg(test)]
mod tests;
