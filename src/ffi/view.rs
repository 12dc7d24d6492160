//! Views: other tensors on the same memory. No element moves, and a view keeps the memory alive by itself.

use super::args::{Out, borrow, dims};
use super::guard::guard;
use super::status::ndf_status;
use super::tensor::ndf_tensor;
use crate::dtype::DType;
use crate::error::Result;

/// The same elements with their axes in another order.
///
/// @param tensor  [borrowed]
/// @param ndim    the number of `axes`, the rank of `tensor`
/// @param axes    each axis once, by number or from the end with -1  [borrowed; NULL only if `ndim` is 0]
/// @param out     the view: axis i is axis axes[i] of `tensor`  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_INVALID_ARGUMENT, NDF_ERROR_SHAPE, NDF_ERROR_RANGE: `axes` is no permutation
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_permute(
    tensor: *const ndf_tensor,
    ndim: i32,
    axes: *const i32,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, axes, out) =
            unsafe { (borrow(tensor, "tensor")?, dims(axes, ndim, "axes")?, Out::new(out, "out")?) };
        out.give(tensor.permute(axes)?)
    })
}

/// The same elements with the order of the axes reversed.
///
/// @param tensor  [borrowed]
/// @param out     the view  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_INVALID_ARGUMENT: a NULL
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_transpose(
    tensor: *const ndf_tensor,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, out) = unsafe { (borrow(tensor, "tensor")?, Out::new(out, "out")?) };
        out.give(tensor.transpose()?)
    })
}

/// The same elements with two axes exchanged.
///
/// @param tensor  [borrowed]
/// @param axis1   an axis; -1 is the last
/// @param axis2   another axis, or the same
/// @param out     the view  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_RANGE: no such axis
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_swap_axes(
    tensor: *const ndf_tensor,
    axis1: i32,
    axis2: i32,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, out) = unsafe { (borrow(tensor, "tensor")?, Out::new(out, "out")?) };
        out.give(tensor.swap_axes(axis1, axis2)?)
    })
}

/// Stands for a bound of ndf_tensor_slice that is left out, as in Python's `[::step]`.
pub const NDF_SLICE_END: i64 = i64::MIN;

fn bound(index: i64) -> Option<i64> {
    (index != NDF_SLICE_END).then_some(index)
}

/// The elements `start`, `start + step`, … before `stop` along one axis, exactly as Python slices: negative bounds
/// count from the end, bounds outside are clamped, and a negative step goes backwards.
///
/// @param tensor  [borrowed]
/// @param axis    the axis; -1 is the last
/// @param start   the first index, or NDF_SLICE_END to leave it out
/// @param stop    the index to stop before, or NDF_SLICE_END to leave it out
/// @param step    not 0
/// @param out     the view  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_RANGE: no such axis; NDF_ERROR_INVALID_ARGUMENT: `step` is 0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_slice(
    tensor: *const ndf_tensor,
    axis: i32,
    start: i64,
    stop: i64,
    step: i64,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, out) = unsafe { (borrow(tensor, "tensor")?, Out::new(out, "out")?) };
        out.give(tensor.slice(axis, bound(start), bound(stop), step)?)
    })
}

/// The elements at one index along an axis, which disappears.
///
/// @param tensor  [borrowed]
/// @param axis    the axis; -1 is the last
/// @param index   -1 is the last element
/// @param out     the view, of one axis less  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_RANGE: no such axis or index
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_select(
    tensor: *const ndf_tensor,
    axis: i32,
    index: i64,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, out) = unsafe { (borrow(tensor, "tensor")?, Out::new(out, "out")?) };
        out.give(tensor.select(axis, index)?)
    })
}

/// Stands for every axis where ndf_tensor_flip and ndf_tensor_squeeze ask for a number of axes.
pub const NDF_ALL_AXES: i32 = -1;

/// The axes named, or `None` for all.
///
/// # Safety
/// `axes` is NULL, or valid for `naxes` reads during the call.
unsafe fn named_axes<'a>(naxes: i32, axes: *const i32) -> Result<Option<&'a [i32]>> {
    match naxes {
        NDF_ALL_AXES => Ok(None),
        // SAFETY: the caller's promise.
        _ => unsafe { dims(axes, naxes, "axes") }.map(Some),
    }
}

/// The elements in reverse along some axes.
///
/// @param tensor  [borrowed]
/// @param naxes   the number of `axes`, or NDF_ALL_AXES
/// @param axes    the axes, each once; -1 is the last  [borrowed; not looked at if `naxes` is 0 or NDF_ALL_AXES]
/// @param out     the view  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_RANGE: no such axis; NDF_ERROR_INVALID_ARGUMENT: an axis twice
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_flip(
    tensor: *const ndf_tensor,
    naxes: i32,
    axes: *const i32,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, axes, out) =
            unsafe { (borrow(tensor, "tensor")?, named_axes(naxes, axes)?, Out::new(out, "out")?) };
        out.give(tensor.flip(axes)?)
    })
}

/// Without some axes of extent 1.
///
/// @param tensor  [borrowed]
/// @param naxes   the number of `axes`, or NDF_ALL_AXES for every axis of extent 1
/// @param axes    the axes to drop; -1 is the last  [borrowed; not looked at if `naxes` is 0 or NDF_ALL_AXES]
/// @param out     the view  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_RANGE: no such axis; NDF_ERROR_SHAPE: an extent is not 1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_squeeze(
    tensor: *const ndf_tensor,
    naxes: i32,
    axes: *const i32,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, axes, out) =
            unsafe { (borrow(tensor, "tensor")?, named_axes(naxes, axes)?, Out::new(out, "out")?) };
        out.give(tensor.squeeze(axes)?)
    })
}

/// With a new axis of extent 1.
///
/// @param tensor  [borrowed]
/// @param axis    where the new axis is in the view; -1 is after the last
/// @param out     the view, of one axis more  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_RANGE: no such place; NDF_ERROR_SHAPE: more than 64 axes
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_unsqueeze(
    tensor: *const ndf_tensor,
    axis: i32,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, out) = unsafe { (borrow(tensor, "tensor")?, Out::new(out, "out")?) };
        out.give(tensor.unsqueeze(axis)?)
    })
}

/// The same elements, in C order, under another shape. Never copies: where strides cannot say it, the error names the
/// axes that stand in the way (ndf_tensor_contiguous first makes it possible).
///
/// @param tensor  [borrowed]
/// @param ndim    the number of axes of the view
/// @param shape   the extents; one may be -1 and is then computed  [borrowed; NULL only if `ndim` is 0]
/// @param out     the view  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_SHAPE: another number of elements; NDF_ERROR_LAYOUT: it needs a copy
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_reshape(
    tensor: *const ndf_tensor,
    ndim: i32,
    shape: *const i64,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, shape, out) =
            unsafe { (borrow(tensor, "tensor")?, dims(shape, ndim, "shape")?, Out::new(out, "out")?) };
        out.give(tensor.reshape(shape)?)
    })
}

/// Repeated to a larger shape by NumPy's broadcasting rules, with stride 0 instead of copies. Where one element stands
/// for several the view is read-only, as in NumPy.
///
/// @param tensor  [borrowed]
/// @param ndim    the number of axes of the view, at least the rank of `tensor`
/// @param shape   the extents  [borrowed; NULL only if `ndim` is 0]
/// @param out     the view  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_SHAPE: the shapes do not fit
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_broadcast(
    tensor: *const ndf_tensor,
    ndim: i32,
    shape: *const i64,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, shape, out) =
            unsafe { (borrow(tensor, "tensor")?, dims(shape, ndim, "shape")?, Out::new(out, "out")?) };
        out.give(tensor.broadcast(shape)?)
    })
}

/// A diagonal of the planes that two axes span, as a last axis in their place.
///
/// @param tensor  [borrowed]
/// @param offset  how far above the main diagonal; negative is below
/// @param axis1   the axis of rows; -1 is the last
/// @param axis2   the axis of columns
/// @param out     the view, of one axis less  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_RANGE: no such axis; NDF_ERROR_INVALID_ARGUMENT: one axis twice
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_diagonal(
    tensor: *const ndf_tensor,
    offset: i64,
    axis1: i32,
    axis2: i32,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, out) = unsafe { (borrow(tensor, "tensor")?, Out::new(out, "out")?) };
        out.give(tensor.diagonal(offset, axis1, axis2)?)
    })
}

/// Every window along an axis, its elements as a new last axis. Windows that share elements are read-only.
///
/// @param tensor  [borrowed]
/// @param axis    the axis; -1 is the last
/// @param window  elements in a window, 0 or more and no more than the axis has
/// @param step    from one window to the next, 1 or more
/// @param out     the view: (extent - window) / step + 1 windows along `axis`  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_RANGE: no such axis, `window` or `step`; NDF_ERROR_SHAPE: more than 64 axes
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_sliding_window(
    tensor: *const ndf_tensor,
    axis: i32,
    window: i64,
    step: i64,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, out) = unsafe { (borrow(tensor, "tensor")?, Out::new(out, "out")?) };
        out.give(tensor.sliding_window(axis, window, step)?)
    })
}

/// The same bytes as elements of another type. When the sizes differ the last axis, which must be contiguous, takes the
/// difference, as NumPy's `view`.
///
/// @param tensor  [borrowed]
/// @param dtype   the new type
/// @param out     the view  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_DTYPE: malformed; NDF_ERROR_LAYOUT: the last axis, or an offset, does not allow it
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_reinterpret(
    tensor: *const ndf_tensor,
    dtype: DType,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, out) = unsafe { (borrow(tensor, "tensor")?, Out::new(out, "out")?) };
        out.give(tensor.reinterpret(dtype)?)
    })
}

/// Any shape and strides over the memory of `tensor`. Every element is proved to lie inside it.
///
/// @param tensor   [borrowed]
/// @param ndim     the number of axes of the view
/// @param shape    the extents  [borrowed; NULL only if `ndim` is 0]
/// @param strides  in elements, any sign  [borrowed; NULL only if `ndim` is 0]
/// @param offset   elements from the start of the memory to element [0, …, 0]
/// @param out      the view  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_SHAPE; NDF_ERROR_OVERFLOW; NDF_ERROR_RANGE: an element would lie outside
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_as_strided(
    tensor: *const ndf_tensor,
    ndim: i32,
    shape: *const i64,
    strides: *const i64,
    offset: i64,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, shape, strides, out) = unsafe {
            (
                borrow(tensor, "tensor")?,
                dims(shape, ndim, "shape")?,
                dims(strides, ndim, "strides")?,
                Out::new(out, "out")?,
            )
        };
        out.give(tensor.as_strided(shape, strides, offset)?)
    })
}

/// A view through which nothing may be written.
///
/// @param tensor  [borrowed]
/// @param out     the view  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_INVALID_ARGUMENT: a NULL
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_as_read_only(
    tensor: *const ndf_tensor,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, out) = unsafe { (borrow(tensor, "tensor")?, Out::new(out, "out")?) };
        out.give(tensor.as_read_only()?)
    })
}
