//! The capsules of Arrow's PyCapsule interface.

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

use super::api::{api, locked};
use super::symbols::{Destructor, PyObject};
use crate::engine::route::CopyMode;
use crate::error::{Error, Kind, Result};
use crate::protocol::arrow;
use crate::spec::arrow::{ArrowArray, ArrowSchema};
use crate::tensor::Tensor;

// Capsules keep the pointer to their name, so these are static.
const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";

/// A new capsule that holds the type of `tensor`, until a consumer moves it away or the capsule goes.
///
/// # Safety
/// The caller holds the interpreter's lock.
pub unsafe fn arrow_schema_capsule(tensor: &Tensor) -> Result<NonNull<PyObject>> {
    // SAFETY: the caller's promise; the destructor matches the struct.
    unsafe { capsule(SCHEMA, destroy_schema, end_schema, || arrow::schema(tensor)) }
}

/// A new capsule that holds the elements, copied where Arrow cannot share them.
///
/// # Safety
/// The caller holds the interpreter's lock.
pub unsafe fn arrow_array_capsule(tensor: &Tensor) -> Result<NonNull<PyObject>> {
    // SAFETY: the caller's promise; the destructor matches the struct.
    unsafe { capsule(ARRAY, destroy_array, end_array, || arrow::array(tensor, CopyMode::IfNeeded)) }
}

/// A capsule around a struct in a block of its own.
///
/// # Safety
/// The lock is held; `destructor` ends a capsule of `name`, `end` a block with such a struct.
unsafe fn capsule<T>(
    name: &'static CStr,
    destructor: Destructor,
    end: unsafe fn(NonNull<c_void>),
    make: impl FnOnce() -> Result<T>,
) -> Result<NonNull<PyObject>> {
    let api = locked()?;
    const { assert!(align_of::<T>() <= align_of::<libc::max_align_t>()) };
    // SAFETY: any size may be asked for; the block is made for this struct. The name is static.
    unsafe {
        let block = NonNull::new(libc::malloc(size_of::<T>()).cast::<T>()).ok_or(Error::NO_MEMORY)?;
        block.write(make().inspect_err(|_| libc::free(block.as_ptr().cast()))?);
        let capsule = (api.capsule_new)(block.as_ptr().cast(), name.as_ptr(), Some(destructor));
        NonNull::new(capsule).ok_or_else(|| {
            end(block.cast());
            Error::new(Kind::OutOfMemory, "Python has no memory for a capsule")
        })
    }
}

/// Frees a block that [`capsule`] made, and ends the schema in it unless it was moved away.
unsafe fn end_schema(block: NonNull<c_void>) {
    // SAFETY: the caller's promise.
    unsafe {
        let schema = block.cast::<ArrowSchema>().as_ptr();
        if let Some(release) = (*schema).release {
            release(schema);
        }
        libc::free(block.as_ptr());
    }
}

/// As [`end_schema`], for an array.
unsafe fn end_array(block: NonNull<c_void>) {
    // SAFETY: the caller's promise.
    unsafe {
        let array = block.cast::<ArrowArray>().as_ptr();
        if let Some(release) = (*array).release {
            release(array);
        }
        libc::free(block.as_ptr());
    }
}

/// Python calls this with the lock held, maybe with an exception in flight.
unsafe extern "C" fn destroy_schema(capsule: *mut PyObject) {
    // SAFETY: a live capsule of ours.
    unsafe { destroy(capsule, SCHEMA, end_schema) }
}

/// As [`destroy_schema`].
unsafe extern "C" fn destroy_array(capsule: *mut PyObject) {
    // SAFETY: as above.
    unsafe { destroy(capsule, ARRAY, end_array) }
}

/// # Safety
/// The lock is held; `capsule` is a live capsule of ours; `end` ends what it holds.
unsafe fn destroy(capsule: *mut PyObject, name: &CStr, end: unsafe fn(NonNull<c_void>)) {
    let Ok(api) = api() else { return };
    // SAFETY: the caller's promise. Ending may run a deleter of anybody's.
    unsafe {
        api.with_exception_aside(|| {
            if let Some(block) = NonNull::new((api.capsule_get_pointer)(capsule, name.as_ptr())) {
                end(block);
            }
        });
    }
}
