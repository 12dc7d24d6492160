//! Work that several threads share.

use std::ffi::c_void;
use std::ops::Range;
use std::sync::PoisonError;

use super::TaskFn;
use crate::error::{Error, Result, catch};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, yield_now};

/// Units that threads take from the front, many at first and few towards the end: the first parts are as large as they
/// can be without somebody having to wait for their end, and a thread that comes late finds something to do.
pub struct Job<'a> {
    next: AtomicUsize,
    end: usize,
    /// The fewest units of a part.
    least: usize,
    /// How many threads are expected.
    crew: usize,
    work: &'a (dyn Fn(Range<usize>) + Sync),
    failure: Mutex<Option<Error>>,
    /// How many threads of the host program are at it.
    active: AtomicUsize,
}

impl<'a> Job<'a> {
    /// For a crew of so many threads, none of which is at work yet.
    pub fn new(
        units: Range<usize>,
        least: usize,
        crew: usize,
        work: &'a (dyn Fn(Range<usize>) + Sync),
    ) -> Self {
        Self {
            next: AtomicUsize::new(units.start),
            end: units.end,
            least: least.max(1),
            crew,
            work,
            failure: Mutex::new(None),
            active: AtomicUsize::new(0),
        }
    }

    /// Takes the next part: half of what would be this thread's share of the rest.
    fn take(&self) -> Option<Range<usize>> {
        let size = |start: usize| match (self.end - start, self.crew) {
            (rest, 1) => rest,
            (rest, crew) => (rest / (2 * crew)).max(self.least).min(rest),
        };
        let next = |start| (start < self.end).then(|| start + size(start));
        let start = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?;
        Some(start..start + size(start))
    }

    /// Does part after part until none is left.
    pub fn help(&self) {
        while let Some(part) = self.take() {
            if let Err(error) = catch(|| {
                (self.work)(part);
                Ok(())
            }) {
                self.next.store(self.end, Ordering::Relaxed);
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        }
    }

    /// Does it on threads of the host program, which `parallel_for` is to call the task with the job on. What they leave
    /// undone is done here, and those that it has not waited for are waited for.
    pub fn lend(&self, parallel_for: impl FnOnce(TaskFn, *mut c_void)) {
        parallel_for(task, std::ptr::from_ref(self).cast_mut().cast());
        self.help();
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
    job.help();
    job.active.fetch_sub(1, Ordering::Release);
}
