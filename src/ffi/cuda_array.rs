//! The CUDA array interface: a plain struct, and the dictionary behind `__cuda_array_interface__`. It has no driver and
//! waits for nothing: the stream that an exporter names stays with the memory and is named to the next consumer.

use std::ffi::{c_char, c_void};

use super::args::{Out, TextOut, borrow, slice};
use super::guard::{guard, guard_or};
use super::status::ndf_status;
use super::tensor::{ndf_deleter, ndf_tensor};
use crate::protocol::cuda_array::{self, CudaArray};

/// `flags` of an ndf_cuda_array: the elements must not be written.
pub const NDF_CUDA_ARRAY_READ_ONLY: u32 = 1;
/// `flags` of an ndf_cuda_array: `stream` says where work on the elements may be pending; without it nothing is.
pub const NDF_CUDA_ARRAY_HAS_STREAM: u32 = 2;

/// Fills a struct with what the CUDA array interface says of the tensor; it keeps the memory alive until
/// ndf_cuda_array_release. `strides` is NULL for C order, `data` for a tensor without elements.
///
/// Version 3 names the stream that a consumer must wait for: the one that came with the memory, else the legacy default
/// stream. A caller who knows better may set `flags` and `stream` before passing the struct on.
///
/// @param tensor   on CUDA (also pinned or managed) or ROCm memory  [borrowed]
/// @param version  0 to 3
/// @param out      the struct  [owned: ndf_cuda_array_release]
/// @returns NDF_OK; NDF_ERROR_VERSION: there is no such version; NDF_ERROR_UNSUPPORTED: memory of another kind, a type
///          whose elements share bytes, or a stream that a version before 3 cannot name; NDF_ERROR_OVERFLOW: strides in
///          bytes do not fit
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_to_cuda_array(
    tensor: *const ndf_tensor,
    version: i32,
    out: *mut CudaArray,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, out) = unsafe { (borrow(tensor, "tensor")?, Out::new(out, "out")?) };
        out.set(cuda_array::to_cuda_array(&tensor, version)?)
    })
}

/// Ends what ndf_tensor_to_cuda_array filled, and clears it. NULL, a cleared struct and one that has been released are
/// no-ops; a copy of the struct must not be used or released any more.
///
/// @param array  [consumed]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_cuda_array_release(array: *mut CudaArray) {
    guard_or((), || {
        // SAFETY: the header's contract: NULL, or a struct of ours or one without `internal`.
        unsafe { array.as_mut().map(|array| cuda_array::release(array)) };
        Ok(())
    });
}

/// Makes a tensor of what an exporter of the CUDA array interface says, without copying and without waiting. The struct
/// and what it points at may go when the call is over; the memory must stay until `deleter(context)` runs.
///
/// The stream stays with the memory. A version before 3 names none, which promises nothing: the legacy default stream
/// is taken to be the one. A mask has no place in the struct; data that have one must be refused by the caller.
///
/// @param array    cleared, then filled in  [borrowed]
/// @param deleter  ends the use of the memory, on any thread; NULL when there is nothing to do
/// @param context  passed to `deleter`  [consumed on success]
/// @param out      the tensor  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_VERSION: a version that is not known; NDF_ERROR_SHAPE, NDF_ERROR_DTYPE,
///          NDF_ERROR_OVERFLOW, NDF_ERROR_INVALID_ARGUMENT: it makes no sense, as the message says, stream 0 among it;
///          NDF_ERROR_LAYOUT: a stride is no multiple of the element; NDF_ERROR_UNSUPPORTED: another kind of memory, or
///          a type whose elements share bytes
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_from_cuda_array(
    array: *const CudaArray,
    deleter: ndf_deleter,
    context: *mut c_void,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let out = unsafe { Out::new(out, "out")? };
        // SAFETY: the header's contract: NULL, or a readable struct.
        let array = unsafe { slice(array, 1, "array")? };
        // SAFETY: the header's contract for `deleter` and for the memory. On failure nothing is ended.
        out.give(unsafe { cuda_array::from_cuda_array(&array[0], deleter, context)? })
    })
}

/// The `__cuda_array_interface__` dictionary as a Python literal. It shows an address and keeps nothing alive: whoever
/// shows it must hold the tensor.
///
/// @param tensor      on CUDA (also pinned or managed) or ROCm memory  [borrowed]
/// @param version     0 to 3
/// @param capacity    bytes in `out_text`, the terminating NUL included
/// @param out_text    the text  [borrowed; NULL with `capacity` 0 asks for the length only]
/// @param out_length  bytes of the text without the NUL  [borrowed; may be NULL when `out_text` is not]
/// @returns as ndf_tensor_to_cuda_array; NDF_ERROR_UNSUPPORTED also for a type that NumPy has no character for;
///          NDF_ERROR_BUFFER_TOO_SMALL
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_cuda_array_interface(
    tensor: *const ndf_tensor,
    version: i32,
    capacity: usize,
    out_text: *mut c_char,
    out_length: *mut usize,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, out) =
            unsafe { (borrow(tensor, "tensor")?, TextOut::new(out_text, capacity, out_length)?) };
        out.set(&cuda_array::interface_text(&tensor, version)?)
    })
}
