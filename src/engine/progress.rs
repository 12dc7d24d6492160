//! Telling the host program how far a long conversion is, and asking it whether to go on.

use std::cell::Cell;
use std::ffi::c_void;
use std::fmt;

use crate::error::{Result, bail};

/// The host program's function: it is told how many bytes are done, of how many, and asks with anything but 0 to stop.
pub type ProgressFn = unsafe extern "C" fn(context: *mut c_void, done_bytes: i64, total_bytes: i64) -> i32;

/// That function and its context.
#[derive(Clone, Copy, Debug)]
pub struct Callback {
    function: ProgressFn,
    context: *mut c_void,
}

impl Callback {
    /// # Safety
    /// As long as this is used, the function may be called with the context, on the thread of the conversion.
    pub unsafe fn new(function: ProgressFn, context: *mut c_void) -> Self {
        Self { function, context }
    }
}

/// How far a conversion is. Bits are counted, for elements may be narrower than a byte.
pub struct Progress {
    callback: Callback,
    total: u64,
    done: Cell<u64>,
}

impl Progress {
    /// Nothing done yet of a conversion that writes so many bits.
    pub fn new(callback: Callback, total: u64) -> Self {
        Self { callback, total, done: Cell::new(0) }
    }

    /// Notes that `bits` more are written, and tells so. Fails with `Cancelled` if that is enough.
    pub fn advance(&self, bits: u64) -> Result<()> {
        let done = self.done.get().saturating_add(bits).min(self.total);
        self.done.set(done);
        let [done, total] = [done, self.total].map(|bits| bits.div_ceil(8) as i64);
        // SAFETY: whoever made the callback promised that it may be called.
        if unsafe { (self.callback.function)(self.callback.context, done, total) } != 0 {
            bail!(Cancelled, "`progress` stopped the conversion after {done} of {total} bytes");
        }
        Ok(())
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Progress({} of {} bits)", self.done.get(), self.total)
    }
}
