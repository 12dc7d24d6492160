//! The buffer protocol from C: structs laid out as CPython's Py_buffer, filled and read without Python.

use std::ffi::{c_int, c_void};

use super::args::{Out, borrow};
use super::guard::{guard, guard_or};
use super::status::ndf_status;
use super::tensor::{ndf_deleter, ndf_tensor};
use crate::protocol::buffer;
use crate::spec::buffer::Buffer;
use crate::storage::Owner;

/// `flags` of ndf_tensor_to_buffer, the same numbers as CPython's `PyBUF_`: the bytes only, in C order.
pub const NDF_BUFFER_SIMPLE: c_int = 0;
/// `flags` of ndf_tensor_to_buffer: memory that may be written.
pub const NDF_BUFFER_WRITABLE: c_int = 0x1;
/// `flags` of ndf_tensor_to_buffer: the element type.
pub const NDF_BUFFER_FORMAT: c_int = 0x4;
/// `flags` of ndf_tensor_to_buffer: the shape, of elements in C order.
pub const NDF_BUFFER_ND: c_int = 0x8;
/// `flags` of ndf_tensor_to_buffer: shape and strides.
pub const NDF_BUFFER_STRIDES: c_int = 0x18;
/// `flags` of ndf_tensor_to_buffer: shape and strides, and elements in C order without gaps.
pub const NDF_BUFFER_C_CONTIGUOUS: c_int = 0x38;
/// `flags` of ndf_tensor_to_buffer: shape and strides, and elements in Fortran order without gaps.
pub const NDF_BUFFER_F_CONTIGUOUS: c_int = 0x58;
/// `flags` of ndf_tensor_to_buffer: shape and strides, and elements in either order without gaps.
pub const NDF_BUFFER_ANY_CONTIGUOUS: c_int = 0x98;
/// `flags` of ndf_tensor_to_buffer: everything, writable.
pub const NDF_BUFFER_FULL: c_int = 0x11d;
/// `flags` of ndf_tensor_to_buffer: everything, readable.
pub const NDF_BUFFER_FULL_RO: c_int = 0x11c;

/// Fills a buffer as CPython's rules say for a request of `flags`: what is not asked for is NULL, `itemsize` is the
/// element's all the same, and without a shape `ndim` is 1. It keeps the memory alive until ndf_buffer_release. The
/// memory may be written unless `readonly`, asked for or not.
///
/// In an extension's `bf_getbuffer`, cast the Py_buffer to ndf_buffer, and set `obj` afterwards: here it becomes NULL.
///
/// @param tensor  on memory that the host can reach  [borrowed]
/// @param flags   NDF_BUFFER_* or PyBUF_*
/// @param out     the buffer  [owned: ndf_buffer_release]
/// @returns NDF_OK; NDF_ERROR_READ_ONLY: WRITABLE of a read-only tensor; NDF_ERROR_LAYOUT: the elements do not lie in
///          the order asked for, which without STRIDES is C order; NDF_ERROR_UNSUPPORTED: device memory, a type whose
///          elements share bytes, a FORMAT where the type has none (bfloat16 and narrower, dates) or without ND;
///          NDF_ERROR_OVERFLOW: strides in bytes do not fit
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_to_buffer(
    tensor: *const ndf_tensor,
    flags: c_int,
    out: *mut Buffer,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, out) = unsafe { (borrow(tensor, "tensor")?, Out::new(out, "out")?) };
        out.set(buffer::to_buffer(&tensor, flags)?)
    })
}

/// Ends what ndf_tensor_to_buffer filled, and clears it, all but `obj`. NULL, a cleared buffer and one that has been
/// released are no-ops; a copy of the struct must not be used or released any more.
///
/// @param buffer  [consumed]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_buffer_release(buffer: *mut Buffer) {
    guard_or((), || {
        // SAFETY: the header's contract: NULL, or a buffer of ours or one without `internal`.
        unsafe { buffer.as_mut().map(|buffer| buffer::release(buffer)) };
        Ok(())
    });
}

/// Makes a tensor of a filled buffer of any exporter, without copying. The struct and what it points at may go when the
/// call is over; the elements must stay until `deleter(context)` runs. Of a Py_buffer it is the deleter that calls
/// PyBuffer_Release, with the interpreter's lock.
///
/// @param buffer   a Py_buffer may be cast to it. `format` NULL means unsigned bytes, `shape` NULL one axis, `strides`
///                 NULL C order  [borrowed]
/// @param deleter  ends the use of the memory, on any thread; NULL when there is nothing to do
/// @param context  passed to `deleter`  [consumed on success]
/// @param out      the tensor, read-only if the buffer is  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_SHAPE, NDF_ERROR_DTYPE, NDF_ERROR_OVERFLOW, NDF_ERROR_INVALID_ARGUMENT: it makes no sense,
///          as the message says; NDF_ERROR_LAYOUT: a stride is no multiple of the element; NDF_ERROR_UNSUPPORTED:
///          suboffsets, or a format that is not known
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_from_buffer(
    buffer: *const Buffer,
    deleter: ndf_deleter,
    context: *mut c_void,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let out = unsafe { Out::new(out, "out")? };
        // SAFETY: the header's contract: NULL, or a readable struct.
        let buffer = unsafe { super::args::slice(buffer, 1, "buffer")? };
        // SAFETY: the header's contract for `deleter` and for the memory. On failure nothing is ended.
        out.give(unsafe { buffer::from_buffer(&buffer[0], Owner::deleter(deleter, context))? })
    })
}
