//! DLPack, legacy and versioned. `struct DLManagedTensor` and `struct DLManagedTensorVersioned` are dlpack.h's own.

use std::ptr::NonNull;

use super::args::{Options, Out, borrow, null, options};
use super::convert::{copy_mode, ndf_copy};
use super::guard::guard;
use super::status::ndf_status;
use super::tensor::ndf_tensor;
use crate::engine::route::CopyMode;
use crate::error::Result;
use crate::protocol::dlpack;
use crate::spec::dlpack::{DLManagedTensor, DLManagedTensorVersioned};

/// How to export. All zero is the default; set `struct_size`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ndf_dlpack_options {
    /// sizeof(ndf_dlpack_options).
    pub struct_size: u32,
    /// NDF_COPY_NEVER (the default): share the memory or fail. NDF_COPY_IF_NEEDED: copy what the struct cannot say
    /// (read-only in the legacy struct, foreign byte order, a packed type that starts inside a byte).
    /// NDF_COPY_ALWAYS: copy. A versioned struct says IS_COPIED when it is one.
    pub copy: ndf_copy,
}

// SAFETY: `repr(C)`, the size first, integers only.
unsafe impl Options for ndf_dlpack_options {
    const NAME: &'static str = "ndf_dlpack_options";
}

fn mode(options: &ndf_dlpack_options) -> Result<CopyMode> {
    copy_mode(options.copy, CopyMode::Never)
}

/// Gives the tensor as a DLPack 1.x struct, which keeps the memory alive until its own deleter is called, on any
/// thread. Flags: READ_ONLY and IS_COPIED when true, IS_SUBBYTE_TYPE_PADDED for padded types. Strides are never NULL;
/// byte_offset is 0 wherever data is an address; data is NULL when there are no elements.
///
/// @param tensor   [borrowed]
/// @param options  NULL for: share or fail  [borrowed]
/// @param out      the struct  [owned: its deleter]
/// @returns NDF_OK; NDF_ERROR_UNSUPPORTED: DLPack has no such type or byte order; NDF_ERROR_LAYOUT: a packed type
///          starts inside a byte; NDF_ERROR_OUT_OF_MEMORY, NDF_ERROR_DEVICE_UNAVAILABLE: a copy failed
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_to_dlpack_versioned(
    tensor: *const ndf_tensor,
    options: *const ndf_dlpack_options,
    out: *mut *mut DLManagedTensorVersioned,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, options, out) =
            unsafe { (borrow(tensor, "tensor")?, self::options(options)?, Out::new(out, "out")?) };
        out.set(dlpack::to_versioned(&tensor, mode(&options)?)?.as_ptr())
    })
}

/// Gives the tensor as the DLPack struct from before 1.0, which cannot say that memory is read-only.
///
/// @param tensor   [borrowed]
/// @param options  NULL for: share or fail  [borrowed]
/// @param out      the struct  [owned: its deleter]
/// @returns as ndf_tensor_to_dlpack_versioned; NDF_ERROR_READ_ONLY: the tensor is read-only
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_to_dlpack(
    tensor: *const ndf_tensor,
    options: *const ndf_dlpack_options,
    out: *mut *mut DLManagedTensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, options, out) =
            unsafe { (borrow(tensor, "tensor")?, self::options(options)?, Out::new(out, "out")?) };
        out.set(dlpack::to_legacy(&tensor, mode(&options)?)?.as_ptr())
    })
}

/// Makes a tensor of a DLPack 1.x struct, without copying. Everything the struct says is checked first: version,
/// rank, signs, products, address range, type. Unknown devices and types are carried untouched. A struct that this
/// library exported becomes a view on the same memory again, and ends at once.
///
/// @param managed  the struct; its deleter, if any, runs once when the last tensor on the memory is gone, on any
///                 thread  [consumed on success]
/// @param out      the tensor  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_VERSION: another major version; NDF_ERROR_SHAPE, NDF_ERROR_DTYPE, NDF_ERROR_LAYOUT,
///          NDF_ERROR_OVERFLOW, NDF_ERROR_INVALID_ARGUMENT: the struct makes no sense, as the message says
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_from_dlpack_versioned(
    managed: *mut DLManagedTensorVersioned,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let out = unsafe { Out::new(out, "out")? };
        let managed = NonNull::new(managed).ok_or_else(|| null("managed"))?;
        // SAFETY: the header's contract: a struct as DLPack says.
        out.give(unsafe { dlpack::from_versioned(managed)? })
    })
}

/// Makes a tensor of a DLPack struct from before 1.0, without copying. The struct cannot say read-only: the tensor is
/// writable.
///
/// @param managed  as ndf_tensor_from_dlpack_versioned  [consumed on success]
/// @param out      the tensor  [owned: ndf_tensor_release]
/// @returns as ndf_tensor_from_dlpack_versioned
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_from_dlpack(
    managed: *mut DLManagedTensor,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let out = unsafe { Out::new(out, "out")? };
        let managed = NonNull::new(managed).ok_or_else(|| null("managed"))?;
        // SAFETY: the header's contract: a struct as DLPack says.
        out.give(unsafe { dlpack::from_legacy(managed)? })
    })
}

/// Says what is wrong with a DLPack 1.x struct, without taking it or touching its elements.
///
/// @param managed  [borrowed]
/// @returns what ndf_tensor_from_dlpack_versioned would
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_dlpack_check_versioned(managed: *const DLManagedTensorVersioned) -> ndf_status {
    guard(|| {
        let managed = NonNull::new(managed.cast_mut()).ok_or_else(|| null("managed"))?;
        // SAFETY: the header's contract: a struct as DLPack says.
        unsafe { dlpack::check_versioned(managed) }
    })
}

/// Says what is wrong with a DLPack struct from before 1.0, without taking it or touching its elements.
///
/// @param managed  [borrowed]
/// @returns what ndf_tensor_from_dlpack would
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_dlpack_check(managed: *const DLManagedTensor) -> ndf_status {
    guard(|| {
        let managed = NonNull::new(managed.cast_mut()).ok_or_else(|| null("managed"))?;
        // SAFETY: the header's contract: a struct as DLPack says.
        unsafe { dlpack::check_legacy(managed) }
    })
}
