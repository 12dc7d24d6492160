//! What a tensor is. Getters never fail: NULL gives a neutral value.

use std::ffi::{c_char, c_void};

use super::args::{Options, TextOut, borrow, options};
use super::guard::{guard, guard_or};
use super::status::ndf_status;
use super::tensor::{ndf_order, ndf_tensor, plain_order};
use crate::device::Device;
use crate::dtype::DType;
use crate::tensor::{FormatOptions, Tensor};

/// What `get` says of the tensor, or `neutral` for NULL.
///
/// # Safety
/// `tensor` is NULL or a live handle during the call.
#[inline]
unsafe fn ask<T>(tensor: *const ndf_tensor, neutral: T, get: impl FnOnce(&Tensor) -> T) -> T {
    // SAFETY: the caller's promise.
    match unsafe { ndf_tensor::lend(tensor) } {
        Some(tensor) => get(&tensor),
        None => neutral,
    }
}

/// The type of the elements; all zero for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_dtype(tensor: *const ndf_tensor) -> DType {
    // SAFETY: the header's contract.
    unsafe { ask(tensor, DType::NONE, Tensor::dtype) }
}

/// Where the elements lie; all zero for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_device(tensor: *const ndf_tensor) -> Device {
    // SAFETY: the header's contract.
    unsafe { ask(tensor, Device { device_type: 0, device_id: 0 }, Tensor::device) }
}

/// The number of axes; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_ndim(tensor: *const ndf_tensor) -> i32 {
    // SAFETY: the header's contract.
    unsafe { ask(tensor, 0, |t| t.layout().ndim() as i32) }
}

/// The extents, one an axis.
///
/// @returns ndim integers that live as long as the handle; NULL for NULL  [borrowed]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_shape(tensor: *const ndf_tensor) -> *const i64 {
    // SAFETY: the header's contract.
    unsafe { ask(tensor, std::ptr::null(), |t| t.layout().shape().as_ptr()) }
}

/// The strides in elements, one an axis, any sign.
///
/// @returns ndim integers that live as long as the handle; NULL for NULL  [borrowed]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_strides(tensor: *const ndf_tensor) -> *const i64 {
    // SAFETY: the header's contract.
    unsafe { ask(tensor, std::ptr::null(), |t| t.layout().strides().as_ptr()) }
}

/// The number of elements, the product of the extents; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_element_count(tensor: *const ndf_tensor) -> i64 {
    // SAFETY: the header's contract.
    unsafe { ask(tensor, 0, Tensor::element_count) }
}

/// Bytes that the elements need when they lie without gaps; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_byte_size(tensor: *const ndf_tensor) -> usize {
    // SAFETY: the header's contract.
    unsafe { ask(tensor, 0, Tensor::byte_size) }
}

/// Address of element [0, …, 0] for writing.
///
/// @returns NULL for NULL, for a tensor without elements, and for a read-only tensor. For a packed type
///          (`ndf_tensor_bit_offset`) the byte that holds the element. On devices without addresses the handle.
///          Lives as long as the handle  [borrowed]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_data(tensor: *const ndf_tensor) -> *mut c_void {
    let writable = |t: &Tensor| if t.is_read_only() { std::ptr::null_mut() } else { t.data().cast() };
    // SAFETY: the header's contract.
    unsafe { ask(tensor, std::ptr::null_mut(), writable) }
}

/// Address of element [0, …, 0] for reading, read-only tensors included.
///
/// @returns as ndf_tensor_data  [borrowed]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_const_data(tensor: *const ndf_tensor) -> *const c_void {
    // SAFETY: the header's contract.
    unsafe { ask(tensor, std::ptr::null(), |t| t.data().cast_const().cast()) }
}

/// Bits between the start of the byte at `ndf_tensor_const_data` and element [0, …, 0]: 0 but for views of packed
/// types (4-bit integers and the like).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_bit_offset(tensor: *const ndf_tensor) -> u32 {
    // SAFETY: the header's contract.
    unsafe { ask(tensor, 0, Tensor::bit_offset) }
}

/// Whether the elements lie in `order` without gaps (axes of extent 1 do not matter); false for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_is_contiguous(tensor: *const ndf_tensor, order: ndf_order) -> bool {
    // SAFETY: the header's contract.
    unsafe { ask(tensor, false, |t| guard_or(false, || Ok(t.is_contiguous(plain_order(order)?)))) }
}

/// Whether the elements must not be written; false for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_is_read_only(tensor: *const ndf_tensor) -> bool {
    // SAFETY: the header's contract.
    unsafe { ask(tensor, false, Tensor::is_read_only) }
}

/// The number of references to this handle at this moment, for tests and reports; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_reference_count(tensor: *const ndf_tensor) -> usize {
    // SAFETY: the header's contract.
    unsafe { ask(tensor, 0, Tensor::reference_count) }
}

/// Whether some byte belongs to an element of both tensors; false when either is NULL.
///
/// The answer is exact, but for layouts so entangled that finding out takes too long: then it is true.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_shares_memory(a: *const ndf_tensor, b: *const ndf_tensor) -> bool {
    guard_or(false, || {
        // SAFETY: the header's contract.
        let (a, b) = unsafe { (ndf_tensor::lend(a), ndf_tensor::lend(b)) };
        Ok(a.zip(b).is_some_and(|(a, b)| a.shares_memory(&b)))
    })
}

/// How to print. All zero is the default; set `struct_size`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ndf_format_options {
    /// sizeof(ndf_format_options).
    pub struct_size: u32,
    /// Digits after the point at most; 0 means 8, as in NumPy.
    pub precision: u32,
    /// Tensors of more elements are summarised; 0 means 1000.
    pub threshold: i64,
    /// Elements shown at each end of an axis when summarised; 0 means 3.
    pub edge_items: i64,
    /// Characters a line; 0 means 75.
    pub line_width: u32,
}

// SAFETY: `repr(C)`, the size first, integers only.
unsafe impl Options for ndf_format_options {
    const NAME: &'static str = "ndf_format_options";
}

/// The elements as text, like NumPy's repr: nested brackets, columns aligned, long axes summarised.
///
/// Elements of a CUDA device are copied to the host for it, which waits for them.
///
/// @param tensor      on memory that the host or CUDA can reach  [borrowed]
/// @param options     NULL for NumPy's defaults  [borrowed]
/// @param capacity    bytes in `out_text`, the terminating NUL included
/// @param out_text    the text  [borrowed; NULL with `capacity` 0 asks for the length only]
/// @param out_length  bytes of the text without the NUL  [borrowed; may be NULL when `out_text` is not]
/// @returns NDF_OK; NDF_ERROR_BUFFER_TOO_SMALL; NDF_ERROR_UNSUPPORTED: other memory, or an unknown type;
///          NDF_ERROR_DEVICE_UNAVAILABLE, NDF_ERROR_DEVICE_FAILURE
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_format(
    tensor: *const ndf_tensor,
    options: *const ndf_format_options,
    capacity: usize,
    out_text: *mut c_char,
    out_length: *mut usize,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, options, out) = unsafe {
            (
                borrow(tensor, "tensor")?,
                self::options(options)?,
                TextOut::new(out_text, capacity, out_length)?,
            )
        };
        let options =
            FormatOptions::new(options.precision, options.threshold, options.edge_items, options.line_width)?;
        out.set(&tensor.format(&options)?)
    })
}
