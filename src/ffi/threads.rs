//! Threads: how many a conversion takes, and whose they are.

use std::ffi::c_void;

use super::guard::{guard, guard_or};
use super::status::ndf_status;
use crate::engine::threads;
use crate::error::bail;

/// A part of a conversion, which ndf_parallel_for_fn calls. It returns when it is done, and does not throw.
pub type ndf_task_fn = unsafe extern "C" fn(argument: *mut c_void, index: i64);

/// Calls task(argument, i) once for each i from 0 to count - 1, on any threads and in any order, and returns when all
/// these calls have returned. It may be called by several threads at once, and by its own threads if these convert: where
/// that could leave it waiting for itself it makes the calls on the thread that called it. It must not throw or `longjmp`,
/// and must not call `task` after it has returned. Calls that it leaves out cost time only: what they would have done the
/// caller does.
pub type ndf_parallel_for_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, count: i64, task: ndf_task_fn, argument: *mut c_void)>;

/// Sets how many threads one conversion may use, the calling one included. They are used for fills, copies, conversions
/// and comparisons of some megabytes, and for smaller ones in programs that do little else. Conversions that run already
/// are not changed.
///
/// @param count  1 for the calling thread only; 0 for the default: what the environment variable NDFERRY_THREADS says,
///               else as many as the process may use processors; at most 256 are used
/// @returns NDF_OK; NDF_ERROR_INVALID_ARGUMENT: `count` is negative
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn ndf_set_thread_count(count: i32) -> ndf_status {
    guard(|| {
        let Ok(count) = usize::try_from(count) else { bail!(InvalidArgument, "`count` is {count}") };
        threads::set_count(count);
        Ok(())
    })
}

/// How many threads one conversion may use: the default's number if that is what was set.
#[unsafe(no_mangle)]
pub extern "C" fn ndf_get_thread_count() -> i32 {
    guard_or(1, || Ok(threads::count() as i32))
}

/// Makes later conversions run on the host program's own threads. Without it the library starts helper threads when a
/// conversion is first large enough for them: they sleep when idle, block all signals but those of faults, call none of
/// the host's code, and a child process after fork has none of them until it needs some of its own.
///
/// @param parallel_for  NULL for helper threads again; else it must keep working for the rest of the process
/// @param context       passed to `parallel_for`  [borrowed]
/// @returns NDF_OK; NDF_ERROR_OUT_OF_MEMORY
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_set_parallel_for(
    parallel_for: ndf_parallel_for_fn,
    context: *mut c_void,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { threads::set_parallel_for(parallel_for, context) }
    })
}
