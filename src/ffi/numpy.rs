//! NumPy's array interface: the C struct behind `__array_struct__`, and the dictionary behind `__array_interface__`.

use std::ffi::{c_char, c_void};
use std::ptr::NonNull;

use super::args::{Out, TextOut, borrow};
use super::guard::{guard, guard_or};
use super::status::ndf_status;
use super::tensor::{ndf_deleter, ndf_tensor};
use crate::dtype::DType;
use crate::protocol::numpy;
use crate::spec::numpy::ArrayStruct;
use crate::storage::Owner;

/// `flags` of an ndf_array_struct: the elements lie in C order without gaps.
pub const NDF_ARRAY_C_CONTIGUOUS: i32 = 0x1;
/// `flags` of an ndf_array_struct: the elements lie in Fortran order without gaps.
pub const NDF_ARRAY_F_CONTIGUOUS: i32 = 0x2;
/// `flags` of an ndf_array_struct: every element is aligned for its type.
pub const NDF_ARRAY_ALIGNED: i32 = 0x100;
/// `flags` of an ndf_array_struct: the bytes are in the machine's order.
pub const NDF_ARRAY_NOTSWAPPED: i32 = 0x200;
/// `flags` of an ndf_array_struct: the memory may be written.
pub const NDF_ARRAY_WRITEABLE: i32 = 0x400;
/// `flags` of an ndf_array_struct: `descr` is valid.
pub const NDF_ARRAY_HAS_DESCR: i32 = 0x800;

/// Gives the tensor as a PyArrayInterface, which keeps the memory alive until ndf_array_struct_release. Strides are
/// in bytes.
///
/// @param tensor  on memory that the host can reach  [borrowed]
/// @param descr   the Python object that describes the fields of a structured type, which must outlive the struct;
///                NULL for every other type  [borrowed]
/// @param out     the struct  [owned: ndf_array_struct_release]
/// @returns NDF_OK; NDF_ERROR_UNSUPPORTED: device memory, a type that NumPy has no character for, or a structured
///          type without `descr`; NDF_ERROR_OVERFLOW: strides in bytes do not fit
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_to_array_struct(
    tensor: *const ndf_tensor,
    descr: *mut c_void,
    out: *mut *mut ArrayStruct,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, out) = unsafe { (borrow(tensor, "tensor")?, Out::new(out, "out")?) };
        out.set(numpy::to_array_struct(&tensor, descr)?.as_ptr())
    })
}

/// Ends what ndf_tensor_to_array_struct gave. NULL is a no-op.
///
/// @param array  [consumed]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_array_struct_release(array: *mut ArrayStruct) {
    guard_or((), || {
        if let Some(array) = NonNull::new(array) {
            // SAFETY: the header's contract: ours, and not used again.
            unsafe { numpy::release(array) };
        }
        Ok(())
    });
}

/// Makes a tensor of a PyArrayInterface, without copying. The struct may go when the call is over; its memory must
/// stay until `deleter(context)` runs.
///
/// @param array    [borrowed]
/// @param fields   the type of a structured element, which the struct itself cannot say; all zero for none
/// @param deleter  ends the use of the memory, on any thread; NULL when there is nothing to do
/// @param context  passed to `deleter`  [consumed on success]
/// @param out      the tensor  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_VERSION: not this struct; NDF_ERROR_SHAPE, NDF_ERROR_DTYPE, NDF_ERROR_OVERFLOW,
///          NDF_ERROR_INVALID_ARGUMENT: it makes no sense; NDF_ERROR_LAYOUT: a stride is no multiple of the element;
///          NDF_ERROR_UNSUPPORTED: Python objects
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_from_array_struct(
    array: *const ArrayStruct,
    fields: DType,
    deleter: ndf_deleter,
    context: *mut c_void,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let out = unsafe { Out::new(out, "out")? };
        // SAFETY: the header's contract: NULL, or a readable struct.
        let array = unsafe { super::args::slice(array, 1, "array")? };
        // SAFETY: the header's contract for `deleter` and for the memory. On failure nothing is ended.
        let tensor =
            unsafe { numpy::from_array_struct(&array[0], fields.given(), Owner::deleter(deleter, context)) };
        out.give(tensor?)
    })
}

/// The `__array_interface__` dictionary (version 3) as a Python literal. It shows an address and keeps nothing alive:
/// whoever shows it must hold the tensor.
///
/// @param tensor      on memory that the host can reach  [borrowed]
/// @param capacity    bytes in `out_text`, the terminating NUL included
/// @param out_text    the text  [borrowed; NULL with `capacity` 0 asks for the length only]
/// @param out_length  bytes of the text without the NUL  [borrowed; may be NULL when `out_text` is not]
/// @returns NDF_OK; NDF_ERROR_UNSUPPORTED: device memory, or a type that NumPy has no character for;
///          NDF_ERROR_BUFFER_TOO_SMALL
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_array_interface(
    tensor: *const ndf_tensor,
    capacity: usize,
    out_text: *mut c_char,
    out_length: *mut usize,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, out) =
            unsafe { (borrow(tensor, "tensor")?, TextOut::new(out_text, capacity, out_length)?) };
        out.set(&numpy::interface_text(&tensor)?)
    })
}
