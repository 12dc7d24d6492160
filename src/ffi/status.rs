//! Outcomes. An enum on the way out only; whatever C writes is an integer.

use std::ffi::c_char;

use super::args::text;
use super::guard::{guard, last_error, record};
use crate::error::Kind;

/// The outcome of a call. Numbers are frozen; gaps are reserved: 1–19 the caller's mistakes, 20–39 what cannot be
/// done here, 40–59 resources, 60–79 callbacks, 99 a bug of this library.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ndf_status {
    /// Success.
    NDF_OK = 0,
    /// An argument is NULL, negative, or means nothing.
    NDF_ERROR_INVALID_ARGUMENT = 1,
    /// Shapes do not fit each other or the operation.
    NDF_ERROR_SHAPE = 2,
    /// The data type is malformed, or the cast is not allowed.
    NDF_ERROR_DTYPE = 3,
    /// The strides do not allow what was asked.
    NDF_ERROR_LAYOUT = 4,
    /// An axis, index or address lies outside its range.
    NDF_ERROR_RANGE = 5,
    /// The memory may not be written.
    NDF_ERROR_READ_ONLY = 6,
    /// A size does not fit the machine's integers.
    NDF_ERROR_OVERFLOW = 7,
    /// A foreign struct has a version that cannot be read.
    NDF_ERROR_VERSION = 8,
    /// The caller's buffer is too small for the answer.
    NDF_ERROR_BUFFER_TOO_SMALL = 9,
    /// The call needs a copy, and copying was forbidden.
    NDF_ERROR_COPY_REQUIRED = 10,
    /// Well-formed, but not supported.
    NDF_ERROR_UNSUPPORTED = 20,
    /// The device is not there.
    NDF_ERROR_DEVICE_UNAVAILABLE = 21,
    /// Memory could not be had.
    NDF_ERROR_OUT_OF_MEMORY = 40,
    /// The device or its driver failed.
    NDF_ERROR_DEVICE_FAILURE = 41,
    /// A callback of the caller's failed.
    NDF_ERROR_CALLBACK = 60,
    /// A callback of the caller's asked to stop.
    NDF_ERROR_CANCELLED = 61,
    /// A bug in ndferry.
    NDF_ERROR_INTERNAL = 99,
}

impl From<Kind> for ndf_status {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::InvalidArgument => Self::NDF_ERROR_INVALID_ARGUMENT,
            Kind::Shape => Self::NDF_ERROR_SHAPE,
            Kind::Dtype => Self::NDF_ERROR_DTYPE,
            Kind::Layout => Self::NDF_ERROR_LAYOUT,
            Kind::Range => Self::NDF_ERROR_RANGE,
            Kind::ReadOnly => Self::NDF_ERROR_READ_ONLY,
            Kind::Overflow => Self::NDF_ERROR_OVERFLOW,
            Kind::Version => Self::NDF_ERROR_VERSION,
            Kind::BufferTooSmall => Self::NDF_ERROR_BUFFER_TOO_SMALL,
            Kind::CopyRequired => Self::NDF_ERROR_COPY_REQUIRED,
            Kind::Unsupported => Self::NDF_ERROR_UNSUPPORTED,
            Kind::DeviceUnavailable => Self::NDF_ERROR_DEVICE_UNAVAILABLE,
            Kind::OutOfMemory => Self::NDF_ERROR_OUT_OF_MEMORY,
            Kind::DeviceFailure => Self::NDF_ERROR_DEVICE_FAILURE,
            Kind::Callback => Self::NDF_ERROR_CALLBACK,
            Kind::Cancelled => Self::NDF_ERROR_CANCELLED,
            Kind::Internal => Self::NDF_ERROR_INTERNAL,
        }
    }
}

/// The name of a status, such as "NDF_ERROR_SHAPE"; "NDF_ERROR_UNKNOWN" for other numbers. Never NULL; static.
///
/// @param status  any number
#[unsafe(no_mangle)]
pub extern "C" fn ndf_status_name(status: i32) -> *const c_char {
    let name = match status {
        0 => c"NDF_OK",
        1 => c"NDF_ERROR_INVALID_ARGUMENT",
        2 => c"NDF_ERROR_SHAPE",
        3 => c"NDF_ERROR_DTYPE",
        4 => c"NDF_ERROR_LAYOUT",
        5 => c"NDF_ERROR_RANGE",
        6 => c"NDF_ERROR_READ_ONLY",
        7 => c"NDF_ERROR_OVERFLOW",
        8 => c"NDF_ERROR_VERSION",
        9 => c"NDF_ERROR_BUFFER_TOO_SMALL",
        10 => c"NDF_ERROR_COPY_REQUIRED",
        20 => c"NDF_ERROR_UNSUPPORTED",
        21 => c"NDF_ERROR_DEVICE_UNAVAILABLE",
        40 => c"NDF_ERROR_OUT_OF_MEMORY",
        41 => c"NDF_ERROR_DEVICE_FAILURE",
        60 => c"NDF_ERROR_CALLBACK",
        61 => c"NDF_ERROR_CANCELLED",
        99 => c"NDF_ERROR_INTERNAL",
        _ => c"NDF_ERROR_UNKNOWN",
    };
    name.as_ptr()
}

/// What went wrong last on this thread, in one sentence that names the argument and both sides. Never NULL; empty
/// before the first failure; a later success leaves it alone, the next failure on this thread replaces it. The pointer
/// is the same for as long as the thread lives.
#[unsafe(no_mangle)]
pub extern "C" fn ndf_last_error_message() -> *const c_char {
    last_error()
}

/// Makes `message` this thread's last error, for callbacks and bindings that fail on behalf of this library.
///
/// @param message  UTF-8 text, copied  [borrowed]
/// @returns NDF_OK; NDF_ERROR_INVALID_ARGUMENT: `message` is NULL or no UTF-8
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_last_error_set(message: *const c_char) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        record(unsafe { text(message, "message")? });
        Ok(())
    })
}
