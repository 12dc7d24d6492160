//! What other libraries take through DLPack, and exports made for them. docs/handover.md shows the table.

use std::ffi::c_char;

use super::args::{Options, Out, TextOut, borrow, options, text};
use super::convert::{copy_mode, ndf_copy};
use super::guard::guard;
use super::status::ndf_status;
use super::tensor::ndf_tensor;
use crate::engine::route::CopyMode;
use crate::error::{Result, bail};
use crate::protocol::consumer::{CONSUMERS, Consumer, Handed, Wish, plan};
use crate::spec::dlpack::{DLManagedTensor, DLManagedTensorVersioned};

/// The newest DLPack struct that may be given (`NDF_DLPACK_*`).
pub type ndf_dlpack_version = u32;
/// The newest that the consumer reads.
pub const NDF_DLPACK_NEWEST: ndf_dlpack_version = 0;
/// The struct from before 1.0.
pub const NDF_DLPACK_LEGACY: ndf_dlpack_version = 1;

/// How to hand a tensor to a consumer. All zero is the default; set `struct_size`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ndf_handover_options {
    /// sizeof(ndf_handover_options).
    pub struct_size: u32,
    /// NDF_COPY_IF_NEEDED (the default): share what the consumer takes, else make the smallest copy that it takes.
    /// NDF_COPY_NEVER: share or fail. NDF_COPY_ALWAYS: copy.
    pub copy: ndf_copy,
    /// 1: share read-only memory also with a consumer that would let it be written. 0 (the default): copy instead.
    pub allow_writable: u32,
    /// The newest struct that may be given.
    pub max_version: ndf_dlpack_version,
}

// SAFETY: `repr(C)`, the size first, integers only.
unsafe impl Options for ndf_handover_options {
    const NAME: &'static str = "ndf_handover_options";
}

fn wish(options: &ndf_handover_options) -> Result<Wish> {
    let flag = |value: u32, name: &str| match value {
        0 | 1 => Ok(value == 1),
        _ => bail!(InvalidArgument, "`{name}` is {value}, it may be 0 or 1"),
    };
    Ok(Wish {
        copy: copy_mode(options.copy, CopyMode::IfNeeded)?,
        allow_writable: flag(options.allow_writable, "allow_writable")?,
        legacy_only: flag(options.max_version, "max_version")?,
    })
}

/// How many consumers are known.
#[unsafe(no_mangle)]
pub extern "C" fn ndf_consumer_count() -> i32 {
    CONSUMERS.len() as i32
}

/// The name of a consumer, "jax" for example.
///
/// @param index  from 0 to ndf_consumer_count() - 1
/// @returns text that lives as long as the library; NULL for any other index  [borrowed]
#[unsafe(no_mangle)]
pub extern "C" fn ndf_consumer_name(index: i32) -> *const c_char {
    let consumer = usize::try_from(index).ok().and_then(|index| CONSUMERS.get(index));
    consumer.map_or(std::ptr::null(), |consumer| consumer.name.as_ptr())
}

/// What a consumer takes, as one JSON object.
///
/// Its members: `name` and `title`; `structs` ("legacy", "versioned" or "both"); `strides` ("any", "not-negative",
/// "dense" or "row-major"); `alignment` of the first element in bytes; `dtypes` and `devices`, lists of names, null for
/// all; `max_ndim`; `keeps_read_only`; `shares`, false when it always copies; `evidence`, the release that the row is
/// true of or the source that it was read in; `is_tested`, whether a test asks that release.
///
/// @param consumer    its name  [borrowed]
/// @param capacity    bytes in `out_text`, the terminating NUL included
/// @param out_text    the text  [borrowed; NULL with `capacity` 0 asks for the length only]
/// @param out_length  bytes of the text without the NUL  [borrowed; may be NULL when `out_text` is not]
/// @returns NDF_OK; NDF_ERROR_INVALID_ARGUMENT: no such consumer, or a NULL; NDF_ERROR_BUFFER_TOO_SMALL
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_consumer_describe(
    consumer: *const c_char,
    capacity: usize,
    out_text: *mut c_char,
    out_length: *mut usize,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (consumer, out) =
            unsafe { (text(consumer, "consumer")?, TextOut::new(out_text, capacity, out_length)?) };
        out.set(&Consumer::find(consumer)?.describe())
    })
}

/// Gives the tensor as the DLPack struct that a consumer takes: on the same memory where it takes that, else as the
/// smallest copy that it takes.
///
/// A copy keeps the order of the axes when the consumer takes any, axes that repeat one element when it takes such axes,
/// and has the machine's byte order. Pinned memory is shown as `cpu` to a consumer that does not know it. What is read-only
/// stays so: it is copied for a consumer that would let it be written, unless `allow_writable` says otherwise.
///
/// @param tensor         [borrowed]
/// @param consumer       a name of ndf_consumer_name  [borrowed]
/// @param options        NULL for the defaults  [borrowed]
/// @param out_versioned  the struct of DLPack 1.x, or NULL when the other one is given  [owned: its deleter]
/// @param out_legacy     the struct from before 1.0, or NULL when the other one is given  [owned: its deleter]
/// @returns NDF_OK; NDF_ERROR_UNSUPPORTED: the consumer does not take the type, the device or so many axes, and the
///          message says what to do; NDF_ERROR_COPY_REQUIRED: `copy` forbids the copy; NDF_ERROR_VERSION: the consumer
///          reads no struct as old as `max_version`; NDF_ERROR_INVALID_ARGUMENT: no such consumer, or a NULL;
///          NDF_ERROR_OUT_OF_MEMORY
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_to_dlpack_for(
    tensor: *const ndf_tensor,
    consumer: *const c_char,
    options: *const ndf_handover_options,
    out_versioned: *mut *mut DLManagedTensorVersioned,
    out_legacy: *mut *mut DLManagedTensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, consumer, options, versioned, legacy) = unsafe {
            (
                borrow(tensor, "tensor")?,
                text(consumer, "consumer")?,
                self::options(options)?,
                Out::new(out_versioned, "out_versioned")?,
                Out::new(out_legacy, "out_legacy")?,
            )
        };
        let handed = plan(&tensor, Consumer::find(consumer)?, wish(&options)?)?.hand()?;
        let (new, old) = split(handed);
        versioned.set(new)?;
        legacy.set(old)
    })
}

/// The struct in its place, NULL in the other.
fn split(handed: Handed) -> (*mut DLManagedTensorVersioned, *mut DLManagedTensor) {
    match handed {
        Handed::Versioned(managed) => (managed.as_ptr(), std::ptr::null_mut()),
        Handed::Legacy(managed) => (std::ptr::null_mut(), managed.as_ptr()),
    }
}

/// What ndf_tensor_to_dlpack_for would do and why, in one line, such as "JAX: stride 3 of axis 0 is not dense; copies
/// 96 B". Where it would fail, the line is its message.
///
/// @param tensor      [borrowed]
/// @param consumer    a name of ndf_consumer_name  [borrowed]
/// @param options     NULL for the defaults  [borrowed]
/// @param capacity    bytes in `out_text`, the terminating NUL included
/// @param out_text    the line, without an end of line  [borrowed; NULL with `capacity` 0 asks for the length only]
/// @param out_length  bytes of the line without the NUL  [borrowed; may be NULL when `out_text` is not]
/// @returns NDF_OK; NDF_ERROR_INVALID_ARGUMENT: no such consumer, or a NULL; NDF_ERROR_BUFFER_TOO_SMALL
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_explain_for(
    tensor: *const ndf_tensor,
    consumer: *const c_char,
    options: *const ndf_handover_options,
    capacity: usize,
    out_text: *mut c_char,
    out_length: *mut usize,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, consumer, options, out) = unsafe {
            (
                borrow(tensor, "tensor")?,
                text(consumer, "consumer")?,
                self::options(options)?,
                TextOut::new(out_text, capacity, out_length)?,
            )
        };
        let planned = plan(&tensor, Consumer::find(consumer)?, wish(&options)?);
        out.set(&planned.map_or_else(|error| error.message().to_owned(), |plan| plan.line()))
    })
}
