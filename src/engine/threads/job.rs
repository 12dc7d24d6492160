//! Work that several threads share.

use std::ffi::c_void;
use std::ops::Range;
use std::sync::PoisonError;

use super::TaskFn;
use crate::error::{Error, Result, catch};
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Mutex, yield_now};

/// Units that threads take in parts, large ones at first and small ones towards the end: the first are as large as they
/// can be without somebody having to wait for their end, and a thread that comes late finds something to do.
///
/// The caller takes them from the front and helpers from the back. So in work that is done again each finds about what
/// it had the last time, which its own cache may still hold.
pub struct Job<'a> {
    units: Range<usize>,
    /// Units of the smallest part; all but the last of `units` are dealt out in multiples of it.
    grain: usize,
    /// The grains that nobody has taken yet: the first one in the upper half, and the end of the last in the lower.
    left: AtomicU64,
    /// How many threads are expected.
    crew: usize,
    work: &'a (dyn Fn(Range<usize>) + Sync),
    failure: Mutex<Option<Error>>,
    /// How many threads of the host program are at it.
    active: AtomicUsize,
}

/// Where a thread takes its parts from.
#[derive(Clone, Copy)]
pub enum End {
    /// The caller.
    Front,
    /// Whoever helps.
    Back,
}

impl<'a> Job<'a> {
    /// For a crew of so many threads, none of which is at work yet.
    pub fn new(
        units: Range<usize>,
        least: usize,
        crew: usize,
        work: &'a (dyn Fn(Range<usize>) + Sync),
    ) -> Self {
        let grain = least.max(units.len() / u32::MAX as usize + 1);
        Self {
            left: AtomicU64::new(units.len().div_ceil(grain) as u64),
            units,
            grain,
            crew,
            work,
            failure: Mutex::new(None),
            active: AtomicUsize::new(0),
        }
    }

    /// Takes the next part: half of what would be this thread's share of the rest.
    fn take(&self, from: End) -> Option<Range<usize>> {
        let ends = |left: u64| (left >> 32, left & u64::from(u32::MAX));
        let size = |left: u64| match (ends(left).1 - ends(left).0, self.crew) {
            (rest, 1) => rest,
            (rest, crew) => (rest / (2 * crew as u64)).max(1),
        };
        let next = |left: u64| match (ends(left), from) {
            ((front, back), _) if front == back => None,
            (_, End::Front) => Some(left + (size(left) << 32)),
            (_, End::Back) => Some(left - size(left)),
        };
        let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?;
        let ((front, back), size) = (ends(left), size(left));
        let first = if matches!(from, End::Front) { front } else { back - size } as usize;
        let unit = |grain: usize| grain.saturating_mul(self.grain).min(self.units.len()) + self.units.start;
        Some(unit(first)..unit(first + size as usize))
    }

    /// Does part after part until none is left.
    #[inline(never)]
    pub fn help(&self, from: End) {
        while let Some(part) = self.take(from) {
            if let Err(error) = catch(|| {
                (self.work)(part);
                Ok(())
            }) {
                self.left.store(0, Ordering::Relaxed);
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        }
    }

    /// Does it on threads of the host program, which `parallel_for` is to call the task with the job on. What they leave
    /// undone is done here, and those that it has not waited for are waited for.
    pub fn lend(&self, parallel_for: impl FnOnce(TaskFn, *mut c_void)) {
        parallel_for(task, std::ptr::from_ref(self).cast_mut().cast());
        self.help(End::Front);
        while self.active.load(Ordering::Acquire) > 0 {
            yield_now();
        }
    }

    /// What came of it, once all threads are done.
    pub fn outcome(self) -> Result<()> {
        self.failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}

/// One thread's turn at the [`Job`] that `argument` is.
unsafe extern "C" fn task(argument: *mut c_void, _: i64) {
    // SAFETY: the job outlives `parallel_for`, which is to return after its tasks.
    let job = unsafe { &*argument.cast::<Job>() };
    job.active.fetch_add(1, Ordering::Relaxed);
    job.help(End::Back);
    job.active.fetch_sub(1, Ordering::Release);
}
