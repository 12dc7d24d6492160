//! How a job that is there for a moment is handed to helpers, without a lock and without a call of the system.

use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// How many seats are free is in the lowest bits of [`Seats::word`].
const FREE: usize = WORKER - 1;

/// A helper who has taken one, and is at work.
const WORKER: usize = 1 << 12;

/// Whoever offered the job has gone to sleep until the last helper is done.
const AWAITED: usize = 1 << (usize::BITS - 1);

/// Seats at a job, which one thread at a time offers and withdraws, and helpers take and leave.
pub struct Seats<T> {
    word: AtomicUsize,
    job: AtomicPtr<T>,
}

impl<T: Sync> Seats<T> {
    /// No job.
    pub fn none() -> Self {
        Self { word: AtomicUsize::new(0), job: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// Offers so many seats at `job`.
    ///
    /// # Safety
    /// There is no other job: the last one was withdrawn, and its helpers are done. This one stays until that is so again.
    pub unsafe fn offer(&self, job: &T, count: usize) {
        self.job.store(std::ptr::from_ref(job).cast_mut(), Ordering::Relaxed);
        self.word.store(count.min(FREE), Ordering::Release);
    }

    /// Whether a seat is free.
    pub fn is_free(&self) -> bool {
        self.word.load(Ordering::Relaxed) & FREE > 0
    }

    /// Takes a seat, if one is free. [`leave`](Self::leave) must follow when the helper is done with the job.
    pub fn take(&self) -> Option<&T> {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & FREE > 0 {
            let taken = word - 1 + WORKER;
            match self.word.compare_exchange_weak(word, taken, Ordering::Acquire, Ordering::Relaxed) {
                // SAFETY: the seat was one at the job that is there, which stays while a helper has one.
                Ok(_) => return Some(unsafe { &*self.job.load(Ordering::Relaxed) }),
                Err(other) => word = other,
            }
        }
        None
    }

    /// Gives up the seat. Whether somebody is to be woken, for this was the last one.
    pub fn leave(&self) -> bool {
        self.word.fetch_sub(WORKER, Ordering::Release) == WORKER + AWAITED
    }

    /// Takes back the seats that are free; says how many.
    pub fn withdraw(&self) -> usize {
        self.word.fetch_and(!FREE, Ordering::Relaxed) & FREE
    }

    /// Has the last helper say so in [`leave`](Self::leave), until the next offer. After [`withdraw`](Self::withdraw).
    pub fn wait(&self) {
        self.word.fetch_or(AWAITED, Ordering::Relaxed);
    }

    /// Whether no helper is at work. What those have written that were is then to be seen.
    pub fn is_idle(&self) -> bool {
        self.word.load(Ordering::Acquire) & !(FREE | AWAITED) == 0
    }
}
