//! A reference count, and nothing else.

use std::process::abort;

use crate::sync::atomic::{AtomicUsize, Ordering, fence};

/// Half the range: so many references can only be a leak in a loop, and the other half keeps the check race-free.
const LIMIT: usize = isize::MAX as usize;

/// How many references there are to the block that holds this count.
///
/// Unlike `std::sync::Arc` there are no weak references. That makes one shortcut sound: whoever sees a count of 1
/// holds the only reference, so nobody can add one, and the last release needs no atomic read-modify-write.
#[derive(Debug)]
pub struct Count(AtomicUsize);

impl Count {
    /// One reference: the maker's.
    #[inline]
    pub fn one() -> Self {
        Self(AtomicUsize::new(1))
    }

    /// Adds a reference. The caller has one already.
    #[inline]
    pub fn retain(&self) {
        // Relaxed: the caller's own reference keeps the block alive, and passing the new one to another
        // thread orders what that thread sees.
        if self.0.fetch_add(1, Ordering::Relaxed) > LIMIT {
            abort();
        }
    }

    /// Gives up the caller's reference. True: it was the last, and the caller must end the block.
    #[inline]
    #[must_use]
    pub fn release(&self) -> bool {
        // Acquire: what other owners did before their release is visible to the one who ends the block.
        if self.0.load(Ordering::Acquire) == 1 {
            return true;
        }
        if self.0.fetch_sub(1, Ordering::Release) != 1 {
            return false;
        }
        fence(Ordering::Acquire);
        true
    }

    /// The number of references at this moment; another thread may change it at once.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Miri takes some thousand times as long.
    const ROUNDS: usize = if cfg!(miri) { 8 } else { 200 };

    #[test]
    fn only_the_last_release_says_so() {
        let count = Count::one();
        count.retain();
        count.retain();
        assert_eq!(count.get(), 3);
        assert!(!count.release());
        assert!(!count.release());
        assert!(count.release());
    }

    #[test]
    fn exactly_one_of_many_threads_is_the_last() {
        for _ in 0..ROUNDS {
            let count = Count::one();
            for _ in 1..8 {
                count.retain();
            }
            let last = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| count.release())).collect();
                threads.into_iter().map(|t| t.join().unwrap()).filter(|&last| last).count()
            });
            assert_eq!(last, 1);
        }
    }
}
