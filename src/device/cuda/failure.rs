//! What a driver's function answers when it fails.

use std::ffi::{CStr, c_int};
use std::ptr::null;

use super::driver;
use crate::error::{Error, Kind};

/// `CUDA_ERROR_OUT_OF_MEMORY`.
const OUT_OF_MEMORY: c_int = 2;
/// `CUDA_ERROR_STUB_LIBRARY`.
const STUB_LIBRARY: c_int = 34;
/// `CUDA_ERROR_NOT_READY`: no failure, what was asked about is still going on.
const NOT_READY: c_int = 600;
/// `CUDA_ERROR_NOT_INITIALIZED`: also what a forked child gets from everything.
const NOT_INITIALIZED: c_int = 3;
/// No code of the driver: it lacks the function.
const MISSING: c_int = c_int::MIN;

/// A function of the driver, and the code that it gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    function: &'static str,
    code: c_int,
}

impl Failure {
    /// Success is 0.
    #[inline]
    pub fn check(function: &'static str, code: c_int) -> Result<(), Self> {
        if code == 0 { Ok(()) } else { Err(Self { function, code }) }
    }

    /// The driver is older than `function`.
    pub fn missing(function: &'static str) -> Self {
        Self { function, code: MISSING }
    }

    /// Whether the driver is older than the function.
    pub fn is_missing(self) -> bool {
        self.code == MISSING
    }

    /// Whether what was asked about is still going on.
    pub fn is_not_ready(self) -> bool {
        self.code == NOT_READY
    }

    /// The driver's code.
    pub fn code(self) -> c_int {
        self.code
    }

    /// Why the driver would not start.
    pub fn of_start(self) -> Error {
        let reason = match self.code {
            STUB_LIBRARY => ": it is a toolkit's stub, no driver",
            NOT_INITIALIZED => ": this is what a process gets that was forked off one that used CUDA",
            _ => "",
        };
        Error::new(Kind::DeviceUnavailable, format!("CUDA does not start: {self}{reason}"))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let function = self.function.trim_end_matches("_v2");
        if self.is_missing() {
            return write!(f, "the CUDA driver is too old for {function}");
        }
        match name(self.code) {
            Some(name) => write!(f, "{function}: {} ({})", name.to_string_lossy(), self.code),
            None => write!(f, "{function}: error {}, which the driver has no name for", self.code),
        }
    }
}

/// What the driver calls a code.
fn name(code: c_int) -> Option<&'static CStr> {
    let mut name = null();
    // SAFETY: the driver takes any number, and gives text of its own that stays.
    unsafe {
        driver::loaded()?.cuGetErrorName(code, &mut name).ok()?;
        (!name.is_null()).then(|| CStr::from_ptr(name))
    }
}

impl From<Failure> for Error {
    #[cold]
    fn from(failure: Failure) -> Self {
        let kind = match failure.code {
            OUT_OF_MEMORY => Kind::OutOfMemory,
            MISSING => Kind::DeviceUnavailable,
            _ => Kind::DeviceFailure,
        };
        Self::new(kind, failure.to_string())
    }
}
