//! The wall: no panic and no `Result` leaves through it.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::status::ndf_status;
use crate::error::{Error, Kind, Result};

thread_local! {
    static LAST_ERROR: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// Runs `body`; turns its failure or panic into a status, and a message on this thread.
///
/// `AssertUnwindSafe`: handles are immutable descriptions and registries ignore lock poison, so a panic leaves
/// nothing half-changed that anybody can see.
#[inline]
pub(super) fn guard(body: impl FnOnce() -> Result<()>) -> ndf_status {
    match catch(body) {
        Ok(()) => ndf_status::NDF_OK,
        Err(error) => fail(&error),
    }
}

/// Runs `body`; a failure or panic becomes a message on this thread and `neutral`.
#[inline]
pub(super) fn guard_or<T>(neutral: T, body: impl FnOnce() -> Result<T>) -> T {
    match catch(body) {
        Ok(value) => value,
        Err(error) => {
            fail(&error);
            neutral
        }
    }
}

/// Runs `body`; a panic becomes an error of kind `Internal`.
#[inline]
pub(super) fn catch<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| Err(panicked(payload)))
}

#[cold]
fn panicked(payload: Box<dyn Any + Send>) -> Error {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text =
        text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message");
    let error = Error::new(Kind::Internal, format!("internal error, please report it: {text}"));
    std::mem::forget(payload); // its drop may panic, and nothing would catch that
    error
}

#[cold]
fn fail(error: &Error) -> ndf_status {
    record(error.message());
    error.kind().into()
}

/// The message of the last failure on this thread; never NULL.
pub(super) fn last_error() -> *const c_char {
    const LOST: &CStr = c"the message was lost";
    LAST_ERROR
        .try_with(|last| match last.try_borrow() {
            Ok(message) => message.as_deref().unwrap_or(c"").as_ptr(),
            Err(_) => LOST.as_ptr(),
        })
        .unwrap_or(LOST.as_ptr())
}

/// Makes `message` this thread's last error. Runs outside the catch, so it must not panic: no `with`, no
/// `borrow_mut`, and a NUL inside ends the text.
pub(super) fn record(message: &str) {
    let text = message.split('\0').next().unwrap_or_default();
    let _ = LAST_ERROR.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = CString::new(text).ok();
        }
    });
}
