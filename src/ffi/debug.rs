//! For those who look for a mistake: the lifetime debugger, and messages that are no errors.

use std::ffi::{c_char, c_void};

use super::args::{TextOut, borrow, text};
use super::guard::guard;
use super::status::ndf_status;
use super::tensor::ndf_tensor;
use crate::error::{Error, bail};
use crate::log::{self, Level, Listener};
use crate::tensor::lifetimes;

/// How much a message matters (`NDF_LOG_*`). More may come.
pub type ndf_log_level = i32;
/// The program has misused the library, as the lifetime debugger has found.
pub const NDF_LOG_ERROR: ndf_log_level = 1;
/// Something works, and not as it should: tensors that are never released.
pub const NDF_LOG_WARNING: ndf_log_level = 2;
/// What is worth knowing: threads and drivers that were started, copies where sharing was possible.
pub const NDF_LOG_INFO: ndf_log_level = 3;

const _: () = assert!(
    NDF_LOG_ERROR == Level::Error as i32
        && NDF_LOG_WARNING == Level::Warning as i32
        && NDF_LOG_INFO == Level::Info as i32
);

/// Gets a message, of one line or more, that lives during the call. Any thread, several at once; must not throw. It may
/// use this library, but for conversions and devices.
pub type ndf_log_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, level: ndf_log_level, message: *const c_char)>;

/// Makes `log` get what the library has to say besides errors. Without it messages go to standard error as far as the
/// environment variable NDFERRY_LOG says (error, warning or info), by default nowhere; while the lifetime debugger is on,
/// up to warnings.
///
/// @param log      NULL for the default again; else it must keep working until another is set, and is called at the end of
///                 the process too if the lifetime debugger is on
/// @param context  passed to `log`  [borrowed]
/// @param level    NDF_LOG_*: what matters less is not told; not looked at if `log` is NULL
/// @returns NDF_OK; NDF_ERROR_INVALID_ARGUMENT: no such `level`; NDF_ERROR_OUT_OF_MEMORY
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_set_log(
    log: ndf_log_fn,
    context: *mut c_void,
    level: ndf_log_level,
) -> ndf_status {
    guard(|| {
        if log.is_some() && !(NDF_LOG_ERROR..=NDF_LOG_INFO).contains(&level) {
            bail!(InvalidArgument, "`level` is {level}, no NDF_LOG_*");
        }
        // SAFETY: the header's contract.
        match unsafe { log::set(log.map(|function| Listener { function, context }), level) } {
            true => Ok(()),
            false => Err(Error::NO_MEMORY),
        }
    })
}

/// Switches the lifetime debugger on for the rest of the process, as the environment variable NDFERRY_DEBUG=1 does from the
/// first call on. Every handle is then looked up before it is used: one that was released, is released twice or is none
/// gives NDF_ERROR_INVALID_ARGUMENT (from functions without a status NULL, 0 or nothing), a message that says which tensor
/// it is and where it was made and released, and the same with more detail to ndf_set_log. What is never released is told at
/// the end of the process. Calls take some microseconds longer, and 65536 handles that were released are remembered.
///
/// @returns NDF_OK, also when it is on; NDF_ERROR_UNSUPPORTED: tensors are alive, which it would not know
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn ndf_debug_enable() -> ndf_status {
    guard(lifetimes::enable)
}

/// What the lifetime debugger knows: how many handles and exports there are and how often something was misused, then
/// each of them with its label, its references, its open exports of each protocol, its age, and where it was made. The words
/// may change from one version to the next; ndf_statistics_get has the numbers.
///
/// @param capacity    bytes in `out_text`, the terminating NUL included
/// @param out_text    the lines  [borrowed; NULL with `capacity` 0 asks for the length only]
/// @param out_length  bytes of the lines without the NUL  [borrowed; may be NULL when `out_text` is not]
/// @returns NDF_OK; NDF_ERROR_UNSUPPORTED: the debugger is off; NDF_ERROR_BUFFER_TOO_SMALL
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_debug_report(
    capacity: usize,
    out_text: *mut c_char,
    out_length: *mut usize,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let out = unsafe { TextOut::new(out_text, capacity, out_length)? };
        out.set(&lifetimes::report()?)
    })
}

/// Gives a tensor a name for the lifetime debugger's messages. While that is off nothing is kept.
///
/// @param tensor  [borrowed]
/// @param label   UTF-8 text, copied  [borrowed]
/// @returns NDF_OK; NDF_ERROR_INVALID_ARGUMENT: a NULL, or `label` is no UTF-8
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_set_label(tensor: *const ndf_tensor, label: *const c_char) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, label) = unsafe { (borrow(tensor, "tensor")?, text(label, "label")?) };
        lifetimes::label(&tensor, label);
        Ok(())
    })
}
