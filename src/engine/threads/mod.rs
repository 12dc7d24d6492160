//! Who does the work of long conversions: the calling thread, with helpers of our own or those of the host program.

mod job;
mod place;
mod pool;
mod seats;
mod streak;

use std::ffi::c_void;
use std::ops::Range;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::device::cpu::boxed;
use crate::error::{Error, Result};
use job::{End, Job};
use streak::{Help, RECENT, now};

/// Nanoseconds for which a helper looks out for more work before it sleeps, and within which conversions follow each
/// other: about as many as it takes to wake a helper.
const PATIENCE: u64 = 50_000;

/// More threads than this do not help any memory.
const MOST: usize = 256;

/// How many threads were asked for; 0 for the default.
static WANTED: AtomicUsize = AtomicUsize::new(0);

/// A part of the work of a [`ParallelForFn`].
pub type TaskFn = unsafe extern "C" fn(argument: *mut c_void, index: i64);

/// The host program's threads: calls `task(argument, i)` for each `i` below `count`, and returns when all have returned.
pub type ParallelForFn =
    unsafe extern "C" fn(context: *mut c_void, count: i64, task: TaskFn, argument: *mut c_void);

/// That function and its context.
#[derive(Clone, Copy)]
struct Host {
    function: ParallelForFn,
    context: *mut c_void,
}

// SAFETY: whoever sets a function promises (`ndf_set_parallel_for`) that it works on every thread.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

/// The host program's threads; NULL for ours, else one of [`HOSTS`].
static HOST: AtomicPtr<Host> = AtomicPtr::new(null_mut());

/// All that were ever lent, each once: a conversion on another thread may still be using one.
static HOSTS: Mutex<Vec<&'static Host>> = Mutex::new(Vec::new());

/// Sets how many threads a conversion may take, itself included; 0 for the default.
pub fn set_count(count: usize) {
    WANTED.store(count.min(MOST), Ordering::Relaxed);
}

#[cfg(test)]
thread_local! {
    /// What was asked for on this thread alone; 0 for nothing.
    static WANTED_HERE: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Sets how many threads conversions that this thread begins may take.
#[cfg(test)]
pub fn set_count_here(count: usize) {
    WANTED_HERE.set(count);
}

/// How many threads a conversion may take: what was set, else what the environment variable `NDFERRY_THREADS` says, else
/// as many as there are processors for this process.
pub fn count() -> usize {
    #[cfg(test)]
    if let count @ 1.. = WANTED_HERE.get() {
        return count;
    }
    static DEFAULT: OnceLock<usize> = OnceLock::new();
    match WANTED.load(Ordering::Relaxed) {
        0 => *DEFAULT.get_or_init(|| {
            let named = std::env::var("NDFERRY_THREADS").ok().and_then(|text| text.parse().ok());
            let processors = || std::thread::available_parallelism().map_or(1, usize::from);
            named.filter(|&count| count > 0).unwrap_or_else(processors).min(MOST)
        }),
        count => count,
    }
}

/// Makes later conversions run on the host program's threads, or on our own again.
///
/// Fails with `OutOfMemory`; then nothing has changed.
///
/// # Safety
/// The function keeps its contract, on any thread, for the rest of the process.
pub unsafe fn set_parallel_for(function: Option<ParallelForFn>, context: *mut c_void) -> Result<()> {
    let host = function.map(|function| intern(Host { function, context })).transpose()?;
    HOST.store(host.map_or(std::ptr::null(), std::ptr::from_ref).cast_mut(), Ordering::Release);
    Ok(())
}

/// The one host that is the same as `host`.
fn intern(host: Host) -> Result<&'static Host> {
    let mut hosts = HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
    let is =
        |known: &Host| known.context == host.context && std::ptr::fn_addr_eq(known.function, host.function);
    if let Some(known) = hosts.iter().find(|known| is(known)) {
        return Ok(known);
    }
    hosts.try_reserve(1).map_err(|_| Error::NO_MEMORY)?;
    let fresh: &'static Host = Box::leak(boxed(host).ok_or(Error::NO_MEMORY)?);
    hosts.push(fresh);
    Ok(fresh)
}

/// Who does a piece of work.
#[derive(Clone, Copy)]
pub struct Crew {
    /// How many threads at most.
    pub size: usize,
    /// Whether to wake those that sleep.
    wakes: bool,
    /// When it began.
    start: u64,
}

impl Crew {
    /// Up to `most` threads for work that is worth to wake them, be it by itself (`wakes`) or as one of many pieces that
    /// follow each other; those of them that are awake for the pieces after that.
    pub fn gather(most: usize, wakes: bool) -> Self {
        if most <= 1 {
            return Self { size: 1, wakes: false, start: 0 };
        }
        let start = now();
        let help = match wakes {
            true => Help::All,
            false if !HOST.load(Ordering::Relaxed).is_null() => Help::Nobody,
            false => RECENT.goes_on(start),
        };
        let size = match help {
            Help::Nobody => 1,
            Help::Awake => most.min(1 + pool::awake()),
            Help::All => most,
        };
        Self { size, wakes: help == Help::All, start }
    }

    /// The work is done, more may follow.
    pub fn part(self) {
        if self.start > 0 {
            RECENT.pauses(self.start, now());
        }
    }
}

/// Calls `work` with parts of `units`, at least so large, each once, on the threads of `crew`, of which the calling one
/// is one; returns when all is done.
///
/// Fails with `Internal` when `work` panics; some parts may then be left out.
pub fn share(
    units: Range<usize>,
    least: usize,
    crew: Crew,
    work: &(dyn Fn(Range<usize>) + Sync),
) -> Result<()> {
    let size = crew.size.min(units.len().div_ceil(least.max(1))).max(1);
    let job = Job::new(units, least, size, work);
    // SAFETY: NULL, or one of `HOSTS`, which are never freed.
    let host = unsafe { HOST.load(Ordering::Acquire).as_ref() };
    match host {
        _ if size == 1 => job.help(End::Front),
        // SAFETY: the promise of `set_parallel_for`.
        Some(host) => job.lend(|task, job| unsafe { (host.function)(host.context, size as i64, task, job) }),
        None => pool::run(&job, size - 1, crew.wakes),
    }
    job.outcome()
}

#[cfg(test)]
mod tests;
