//! DLPack capsules, as the Python side of the protocol says.

use std::ffi::{CStr, c_void};
use std::ptr::{NonNull, null};

use super::api::{api, locked};
use super::symbols::{Api, Destructor, PyObject};
use crate::device::cuda::Stream;
use crate::error::{Error, Kind, Result, bail};
use crate::protocol::{dlpack, stream};
use crate::spec::dlpack::{DLManagedTensor, DLManagedTensorVersioned};
use crate::tensor::Tensor;

// Capsules keep the pointer to their name, so these are static.
const LEGACY: &CStr = c"dltensor";
const VERSIONED: &CStr = c"dltensor_versioned";
const USED_LEGACY: &CStr = c"used_dltensor";
const USED_VERSIONED: &CStr = c"used_dltensor_versioned";

/// What to put in a capsule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The struct before DLPack 1.0.
    Legacy,
    /// The struct of DLPack 1.x; `copied` sets `IS_COPIED`.
    Versioned {
        /// Nobody else refers to the memory.
        copied: bool,
    },
}

/// A new capsule that holds `tensor` until a consumer takes it or the capsule goes.
///
/// # Safety
/// The caller holds the interpreter's lock.
#[inline]
pub unsafe fn dlpack_capsule(tensor: &Tensor, form: Form) -> Result<NonNull<PyObject>> {
    // SAFETY: the lock is held.
    unsafe { make_capsule(locked()?, tensor, form) }
}

/// [`dlpack_capsule`], where the lock is known to be held.
///
/// # Safety
/// The lock is held.
#[inline]
pub(super) unsafe fn make_capsule(api: &Api, tensor: &Tensor, form: Form) -> Result<NonNull<PyObject>> {
    // SAFETY: the caller's promise; each destructor matches its struct and name.
    unsafe {
        match form {
            Form::Versioned { copied } => {
                let managed = dlpack::share_versioned(tensor, copied)?;
                capsule(api, managed.cast(), VERSIONED, destroy_versioned)
                    .inspect_err(|_| end_versioned(managed))
            }
            Form::Legacy => {
                let managed = dlpack::share_legacy(tensor)?;
                capsule(api, managed.cast(), LEGACY, destroy_legacy).inspect_err(|_| end_legacy(managed))
            }
        }
    }
}

/// A new capsule of the one struct of the two that is not NULL. On failure the struct stays the caller's.
///
/// # Safety
/// The caller holds the interpreter's lock; each struct is NULL or live, and on success used by nobody else.
pub unsafe fn capsule_of_dlpack(
    versioned: *mut DLManagedTensorVersioned,
    legacy: *mut DLManagedTensor,
) -> Result<NonNull<PyObject>> {
    let api = locked()?;
    // SAFETY: the lock is held by the caller's promise; each destructor matches its struct and name.
    unsafe {
        match (NonNull::new(versioned), NonNull::new(legacy)) {
            (Some(managed), None) => capsule(api, managed.cast(), VERSIONED, destroy_versioned),
            (None, Some(managed)) => capsule(api, managed.cast(), LEGACY, destroy_legacy),
            _ => bail!(InvalidArgument, "one of `versioned` and `legacy` must be NULL, and the other not"),
        }
    }
}

/// # Safety
/// The lock is held; `destructor` ends a capsule of `name` that holds `pointer`.
#[inline]
unsafe fn capsule(
    api: &Api,
    pointer: NonNull<c_void>,
    name: &'static CStr,
    destructor: Destructor,
) -> Result<NonNull<PyObject>> {
    // SAFETY: the name is static.
    let capsule = unsafe { (api.capsule_new)(pointer.as_ptr(), name.as_ptr(), Some(destructor)) };
    NonNull::new(capsule).ok_or_else(|| Error::new(Kind::OutOfMemory, "Python has no memory for a capsule"))
}

/// # Safety
/// `managed` is live, and not used again.
unsafe fn end_versioned(managed: NonNull<DLManagedTensorVersioned>) {
    // SAFETY: the caller's promise; the deleter, if any, is called once.
    unsafe { (*managed.as_ptr()).deleter.map(|deleter| deleter(managed.as_ptr())) };
}

/// # Safety
/// `managed` is live, and not used again.
unsafe fn end_legacy(managed: NonNull<DLManagedTensor>) {
    // SAFETY: the caller's promise; the deleter, if any, is called once.
    unsafe { (*managed.as_ptr()).deleter.map(|deleter| deleter(managed.as_ptr())) };
}

/// Python calls this with the lock held, maybe with an exception in flight. Asking for validity and pointer of a
/// capsule that carries the name sets none.
unsafe extern "C" fn destroy_versioned(capsule: *mut PyObject) {
    // SAFETY: a live capsule of ours; a consumer that took the struct has renamed it.
    unsafe { destroy(capsule, VERSIONED, |managed| end_versioned(managed.cast())) }
}

/// As [`destroy_versioned`].
unsafe extern "C" fn destroy_legacy(capsule: *mut PyObject) {
    // SAFETY: as above.
    unsafe { destroy(capsule, LEGACY, |managed| end_legacy(managed.cast())) }
}

/// Ends what a capsule holds if it still carries `name`. That may run a deleter of anybody's.
///
/// # Safety
/// The lock is held; `capsule` is a Python object; `end` ends what a capsule of that name holds.
unsafe fn destroy(capsule: *mut PyObject, name: &CStr, end: impl FnOnce(NonNull<c_void>)) {
    // SAFETY: the caller's promise.
    unsafe {
        if let (Ok(api), Some(managed)) = (api(), live_pointer(capsule, name)) {
            api.with_exception_aside(|| end(managed));
        }
    }
}

/// What a capsule holds if it still carries `name`.
///
/// # Safety
/// The lock is held; `capsule` is a Python object.
unsafe fn live_pointer(capsule: *mut PyObject, name: &CStr) -> Option<NonNull<c_void>> {
    let api = api().ok()?;
    // SAFETY: the caller's promise; the pointer is asked for only when the name fits.
    unsafe {
        if (api.capsule_is_valid)(capsule, name.as_ptr()) == 0 {
            return None;
        }
        NonNull::new((api.capsule_get_pointer)(capsule, name.as_ptr()))
    }
}

/// Takes the tensor out of a capsule, legacy or versioned, and marks the capsule used. On failure the capsule keeps
/// it.
///
/// # Safety
/// The caller holds the interpreter's lock; `capsule` is NULL or a Python object; a capsule with DLPack's name holds
/// what DLPack says.
pub unsafe fn from_dlpack_capsule(capsule: *mut PyObject) -> Result<Tensor> {
    let api = locked()?;
    if capsule.is_null() {
        bail!(InvalidArgument, "`capsule` is NULL");
    }
    // SAFETY: the caller's promise; the lock is held.
    unsafe { take_capsule(api, capsule) }
}

/// [`from_dlpack_capsule`], where the lock is known to be held.
///
/// # Safety
/// As [`from_dlpack_capsule`]; the lock is held, and `capsule` is not NULL.
#[inline]
pub(super) unsafe fn take_capsule(api: &Api, capsule: *mut PyObject) -> Result<Tensor> {
    // SAFETY: the caller's promise; the names decide which struct the pointer is. The capsule is renamed after
    // everything that can fail, so a failure leaves it whole, and its destructor frees the struct.
    unsafe {
        let (tensor, used) = if let Some(managed) = live_pointer(capsule, VERSIONED) {
            (dlpack::from_versioned(managed.cast())?, USED_VERSIONED)
        } else if let Some(managed) = live_pointer(capsule, LEGACY) {
            (dlpack::from_legacy(managed.cast())?, USED_LEGACY)
        } else {
            return Err(refusal(api, capsule));
        };
        // Whoever made the capsule for a stream that was not named made it for the legacy default one.
        if let Err(error) = stream::remember(&tensor, Stream::LEGACY) {
            std::mem::forget(tensor); // the capsule still owns the struct
            return Err(error);
        }
        if (api.capsule_set_name)(capsule, used.as_ptr()) != 0 {
            // Cannot happen to a valid capsule; the capsule still owns the struct, so the tensor must not end it.
            std::mem::forget(tensor);
            bail!(Internal, "Python refused to rename a capsule");
        }
        Ok(tensor)
    }
}

/// Whether a capsule holds a struct without a version, which cannot say that its elements must not be written.
///
/// # Safety
/// The lock is held; `capsule` is a Python object.
#[inline]
pub(super) unsafe fn is_legacy(api: &Api, capsule: *mut PyObject) -> bool {
    // SAFETY: the caller's promise.
    unsafe { (api.capsule_is_valid)(capsule, LEGACY.as_ptr()) != 0 }
}

/// Whether the struct in a capsule says that the producer made it for its consumer alone. It is looked at in one step:
/// between two calls from Python another thread may take the struct, and end it.
///
/// # Safety
/// As [`from_dlpack_capsule`].
pub unsafe fn is_copied(capsule: *mut PyObject) -> Result<bool> {
    locked()?;
    if capsule.is_null() {
        bail!(InvalidArgument, "`capsule` is NULL");
    }
    // SAFETY: the lock is held; the name says which struct the pointer is.
    Ok(unsafe { live_pointer(capsule, VERSIONED).is_some_and(|managed| dlpack::is_copied(managed.cast())) })
}

/// # Safety
/// The lock is held; `capsule` is a Python object.
#[cold]
unsafe fn refusal(api: &Api, capsule: *mut PyObject) -> Error {
    // SAFETY: the caller's promise.
    let is = |name: *const _| unsafe { (api.capsule_is_valid)(capsule, name) != 0 };
    let message = if is(USED_VERSIONED.as_ptr()) || is(USED_LEGACY.as_ptr()) {
        "the DLPack capsule has been used; a capsule can be consumed once"
    } else if is(null()) {
        "the capsule has no name, a DLPack capsule is named \"dltensor\" or \"dltensor_versioned\""
    } else {
        "no DLPack capsule: the object is none, or has another name"
    };
    Error::new(Kind::InvalidArgument, message)
}
