//! Shapes and strides as plain arrays, without memory.

use super::args::{Out, dims, null};
use super::guard::{guard, guard_or};
use super::status::ndf_status;
use super::tensor::{ndf_order, plain_order};
use crate::dtype::DType;
use crate::error::{Result, bail};
use crate::layout::{Layout, broadcast_shapes};
use crate::tensor::byte_span;

/// Writes `items` to C.
///
/// # Safety
/// `out` is NULL, or valid for as many writes as there are items.
unsafe fn write(out: *mut i64, items: &[i64], name: &str) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    if out.is_null() {
        return Err(null(name));
    }
    // SAFETY: not NULL, and valid for the writes by the caller's promise.
    unsafe { out.copy_from_nonoverlapping(items.as_ptr(), items.len()) };
    Ok(())
}

/// The strides of gap-free elements.
///
/// @param ndim         the number of axes, 0 to 64
/// @param shape        `ndim` extents  [borrowed; NULL only if `ndim` is 0]
/// @param order        NDF_ORDER_C or NDF_ORDER_F
/// @param out_strides  room for `ndim` strides in elements  [borrowed; NULL only if `ndim` is 0]
/// @returns NDF_OK; NDF_ERROR_SHAPE: a negative extent; NDF_ERROR_OVERFLOW; NDF_ERROR_INVALID_ARGUMENT
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_layout_strides(
    ndim: i32,
    shape: *const i64,
    order: ndf_order,
    out_strides: *mut i64,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let shape = unsafe { dims(shape, ndim, "shape")? };
        let layout = Layout::contiguous(shape, plain_order(order)?)?;
        // SAFETY: the header's contract: room for `ndim` strides.
        unsafe { write(out_strides, layout.strides(), "out_strides") }
    })
}

/// The bytes that strided elements reach, counted from element [0, …, 0].
///
/// @param dtype     the type of the elements
/// @param ndim      the number of axes, 0 to 64
/// @param shape     `ndim` extents  [borrowed; NULL only if `ndim` is 0]
/// @param strides   `ndim` strides in elements  [borrowed; NULL only if `ndim` is 0]
/// @param out_low   the first byte: 0, or below with negative strides
/// @param out_high  one past the last byte; equal to `out_low` when there are no elements
/// @returns NDF_OK; NDF_ERROR_SHAPE: a negative extent; NDF_ERROR_DTYPE; NDF_ERROR_OVERFLOW;
///          NDF_ERROR_INVALID_ARGUMENT
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_layout_byte_span(
    dtype: DType,
    ndim: i32,
    shape: *const i64,
    strides: *const i64,
    out_low: *mut i64,
    out_high: *mut i64,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (shape, strides, out_low, out_high) = unsafe {
            (
                dims(shape, ndim, "shape")?,
                dims(strides, ndim, "strides")?,
                Out::new(out_low, "out_low")?,
                Out::new(out_high, "out_high")?,
            )
        };
        let (low, high) = byte_span(dtype, &Layout::new(shape, strides, 0)?)?;
        out_low.set(low)?;
        out_high.set(high)
    })
}

/// Whether strided elements lie without gaps in an order; axes of extent 1 do not matter. False for nonsense.
///
/// @param ndim     the number of axes, 0 to 64
/// @param shape    `ndim` extents  [borrowed; NULL only if `ndim` is 0]
/// @param strides  `ndim` strides in elements  [borrowed; NULL only if `ndim` is 0]
/// @param order    NDF_ORDER_C or NDF_ORDER_F
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_layout_is_contiguous(
    ndim: i32,
    shape: *const i64,
    strides: *const i64,
    order: ndf_order,
) -> bool {
    guard_or(false, || {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (shape, strides) = unsafe { (dims(shape, ndim, "shape")?, dims(strides, ndim, "strides")?) };
        Ok(Layout::new(shape, strides, 0)?.is_contiguous(plain_order(order)?))
    })
}

/// The shape that two shapes broadcast to, by NumPy's rules.
///
/// @param ndim1      the number of axes of the one
/// @param shape1     `ndim1` extents  [borrowed; NULL only if `ndim1` is 0]
/// @param ndim2      the number of axes of the other
/// @param shape2     `ndim2` extents  [borrowed; NULL only if `ndim2` is 0]
/// @param capacity   the extents that `out_shape` has room for; the larger of the ranks is enough
/// @param out_shape  the extents  [borrowed; NULL only if both ranks are 0]
/// @param out_ndim   the number of axes
/// @returns NDF_OK; NDF_ERROR_SHAPE: the shapes do not fit; NDF_ERROR_BUFFER_TOO_SMALL;
///          NDF_ERROR_INVALID_ARGUMENT
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_layout_broadcast(
    ndim1: i32,
    shape1: *const i64,
    ndim2: i32,
    shape2: *const i64,
    capacity: i32,
    out_shape: *mut i64,
    out_ndim: *mut i32,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (shape1, shape2, out_ndim) = unsafe {
            (dims(shape1, ndim1, "shape1")?, dims(shape2, ndim2, "shape2")?, Out::new(out_ndim, "out_ndim")?)
        };
        let shape = broadcast_shapes(&[shape1, shape2])?;
        if i64::from(capacity) < shape.len() as i64 {
            bail!(BufferTooSmall, "`capacity` is {capacity}, the shape has {} axes", shape.len());
        }
        // SAFETY: the header's contract: room for `capacity` extents, which is enough.
        unsafe { write(out_shape, &shape, "out_shape")? };
        out_ndim.set(shape.len() as i32)
    })
}
