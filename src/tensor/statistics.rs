//! How many tensors are alive, and over how many bytes. Always on, so it must cost next to nothing.
//!
//! Each thread adds to counters of its own with plain loads and stores; a reader sums over all of them. A tensor
//! made on one thread and ended on another leaves +1 here and -1 there, which sums to the truth.
//!
//! A thread finds its counters by its mark, a number that no other living thread has: the mark picks a place in a
//! table, and the place says whose it is. That takes a few instructions, where a thread-local variable of a shared
//! library takes a call. A thread whose place is taken shares one pair of counters with others like it, atomically.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI64, AtomicUsize};

/// What is alive, as far as the reader has seen what other threads did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Tensors, views included.
    pub live_tensors: i64,
    /// Bytes of the storages that they keep alive, adopted ones included, each storage once.
    pub live_bytes: i64,
}

/// A cache line of its own, so that threads do not slow each other down.
#[repr(align(64))]
#[derive(Debug)]
struct Counters {
    /// The mark of the one thread that may add here; 0 for none. Only that thread writes its mark here, and only it
    /// takes it away, so whoever reads its own mark may add.
    owner: AtomicUsize,
    tensors: AtomicI64,
    bytes: AtomicI64,
}

impl Counters {
    const fn zero() -> Self {
        Self { owner: AtomicUsize::new(0), tensors: AtomicI64::new(0), bytes: AtomicI64::new(0) }
    }
}

/// Places for threads: a power of two, and many more than there are usually threads, so that few collide.
const PLACES: usize = 1024;

static TABLE: [Counters; PLACES] = [const { Counters::zero() }; PLACES];

/// Counters of the threads that have no place, or have given it back at their end already.
static SHARED: Counters = Counters::zero();

/// Gives a thread's place back at its end; what was counted stays there.
struct Lease(&'static Counters);

impl Drop for Lease {
    fn drop(&mut self) {
        // Release: whoever claims the place sees what was counted there.
        self.0.owner.store(0, Release);
    }
}

thread_local! {
    /// `None` when another thread has the place.
    static LEASE: Option<Lease> = claim(mark());
}

/// The address of something that each thread has its own of; not 0.
#[inline]
fn mark() -> usize {
    #[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
    {
        let mark;
        // SAFETY: the ABI puts the thread pointer at offset 0 of the segment; reading it changes nothing.
        unsafe {
            std::arch::asm!("mov {}, fs:[0]", out(reg) mark, options(pure, readonly, nostack, preserves_flags));
        }
        mark
    }
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(miri))))]
    {
        thread_local!(static ANY: u8 = const { 0 });
        ANY.with(|any| std::ptr::from_ref(any).addr())
    }
}

/// The place that `mark` picks.
#[inline]
fn place(mark: usize) -> &'static Counters {
    // Multiplying by 2^64 over the golden ratio spreads marks, which are multiples of a large power of two, evenly
    // over the high bits.
    let spread = (mark as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    &TABLE[(spread >> (u64::BITS - PLACES.ilog2())) as usize]
}

/// Takes the place of `mark` unless it is taken.
fn claim(mark: usize) -> Option<Lease> {
    let place = place(mark);
    let mine = place.owner.compare_exchange(0, mark, Acquire, Relaxed);
    mine.is_ok().then_some(Lease(place))
}

/// Counts `tensors` more tensors and `bytes` more bytes; negative numbers at an end.
#[inline]
pub(super) fn count(tensors: i64, bytes: i64) {
    let mark = mark();
    let place = place(mark);
    if place.owner.load(Relaxed) != mark {
        return count_elsewhere(tensors, bytes);
    }
    // Only this thread writes here, so no addition is lost without a read-modify-write.
    place.tensors.store(place.tensors.load(Relaxed).wrapping_add(tensors), Relaxed);
    if bytes != 0 {
        place.bytes.store(place.bytes.load(Relaxed).wrapping_add(bytes), Relaxed);
    }
}

/// Counts for a thread that has no place: claims it the first time, and adds atomically to what all may write.
#[cold]
fn count_elsewhere(tensors: i64, bytes: i64) {
    let _ = LEASE.try_with(|_| ());
    SHARED.tensors.fetch_add(tensors, Relaxed);
    SHARED.bytes.fetch_add(bytes, Relaxed);
}

/// What is alive now. Exact when no other thread is making or ending tensors.
#[inline(never)]
pub fn statistics() -> Statistics {
    let all = || TABLE.iter().chain([&SHARED]);
    Statistics {
        live_tensors: all().map(|counters| counters.tensors.load(Relaxed)).sum(),
        live_bytes: all().map(|counters| counters.bytes.load(Relaxed)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_threads_until_it_gives_it_back() {
        let (mark, lease) = (1..).find_map(|mark| Some((mark, claim(mark)?))).unwrap();
        assert_eq!(place(mark).owner.load(Relaxed), mark);
        assert!(claim(mark).is_none());
        drop(lease);
        assert!(claim(mark).is_some());
    }

    #[test]
    fn no_two_living_threads_have_the_same_mark() {
        let all_alive = std::sync::Barrier::new(8);
        let mut marks: Vec<usize> = std::thread::scope(|scope| {
            let mark_here = || {
                let mark = mark();
                all_alive.wait();
                mark
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(mark_here)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        marks.sort_unstable();
        marks.dedup();
        assert_eq!(marks.len(), 8);
        assert!(!marks.contains(&0));
    }
}
