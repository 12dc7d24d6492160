//! The wall: no panic and no `Result` leaves through it.

use std::cell::UnsafeCell;
use std::ffi::c_char;

use super::status::ndf_status;
use crate::error::{Error, Result, catch};

/// Bytes for a message and its end; longer ones are cut.
const CAPACITY: usize = 1024;

thread_local! {
    // A place of its own that is never freed and needs no destructor: a pointer to it stays good as long as the thread,
    // and failures can be told when memory has run out and while the thread is ending.
    static LAST_ERROR: UnsafeCell<[u8; CAPACITY]> = const { UnsafeCell::new([0; CAPACITY]) };
}

/// Runs `body`; turns its failure or panic into a status, and a message on this thread.
#[inline]
pub(super) fn guard(body: impl FnOnce() -> Result<()>) -> ndf_status {
    match catch(body) {
        Ok(()) => ndf_status::NDF_OK,
        Err(error) => fail(error),
    }
}

/// Runs `body`; a failure or panic becomes a message on this thread and `neutral`.
#[inline]
pub(super) fn guard_or<T>(neutral: T, body: impl FnOnce() -> Result<T>) -> T {
    match catch(body) {
        Ok(value) => value,
        Err(error) => {
            fail(error);
            neutral
        }
    }
}

/// The status of a failure, whose message becomes this thread's last error.
///
/// Takes the failure with it and does not unwind: what a failure leaves to be done stands here once and not in every
/// function.
#[cold]
#[inline(never)]
#[expect(improper_ctypes_definitions, reason = "called from here only")]
pub(super) extern "C" fn fail(error: Error) -> ndf_status {
    record(error.message());
    error.kind().into()
}

/// The message of the last failure on this thread; never NULL.
pub(super) fn last_error() -> *const c_char {
    LAST_ERROR.with(|last| last.get().cast_const().cast())
}

/// Makes `message` this thread's last error. Runs outside the catch and must not panic; a NUL inside ends the text.
pub(super) fn record(message: &str) {
    let text = message.split('\0').next().unwrap_or_default();
    let length =
        (0..CAPACITY).rev().find(|&length| text.is_char_boundary(length)).unwrap_or(0).min(text.len());
    LAST_ERROR.with(|last| {
        // SAFETY: only this thread has the place, and nothing in this block calls out. `text` may lie in it already
        // when a message is set to itself, hence `copy`.
        unsafe {
            let start: *mut u8 = last.get().cast();
            start.copy_from(text.as_ptr(), length);
            start.add(length).write(0);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn message() -> String {
        // SAFETY: never NULL, ended, and read before the next failure.
        unsafe { CStr::from_ptr(last_error()) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_message_is_kept_whole_cut_at_a_character_or_ended_by_a_nul() {
        record("`axes` has 3 entries");
        assert_eq!(message(), "`axes` has 3 entries");
        record(&"é".repeat(CAPACITY));
        assert_eq!(message(), "é".repeat((CAPACITY - 1) / 2));
        record("before\0after");
        assert_eq!(message(), "before");
        record("");
        assert_eq!(message(), "");
    }

    #[test]
    fn the_place_of_the_message_stays_and_a_thread_does_not_see_anothers() {
        record("first");
        let place = last_error();
        record(&"second ".repeat(50));
        assert_eq!(place, last_error());
        std::thread::spawn(|| assert_eq!(message(), "")).join().unwrap();
    }

    #[test]
    fn a_panic_is_an_internal_error_with_its_text() {
        assert_eq!(guard(|| panic!("planted")), ndf_status::NDF_ERROR_INTERNAL);
        assert_eq!(message(), "internal error, please report it: planted");
    }
}
