//! How many tensors are alive, and over how many bytes. Always on, so it must cost next to nothing.
//!
//! Each thread adds to counters of its own with plain loads and stores; a reader sums over all threads. A tensor
//! made on one thread and ended on another leaves +1 here and -1 there, which sums to the truth.

use std::cell::Cell;
use std::ptr::null;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

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
    tensors: AtomicI64,
    bytes: AtomicI64,
}

impl Counters {
    const fn zero() -> Self {
        Self { tensors: AtomicI64::new(0), bytes: AtomicI64::new(0) }
    }
}

/// Counters of threads that are past the end of their thread-local storage: shared, so added to atomically.
static LATE: Counters = Counters::zero();

/// Every thread's counters, and those that no living thread uses.
struct Registry {
    all: Vec<&'static Counters>,
    free: Vec<&'static Counters>,
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry { all: Vec::new(), free: Vec::new() });

thread_local! {
    // Two variables: this one needs neither initialiser nor destructor, so reading it is one address computation.
    static MINE: Cell<*const Counters> = const { Cell::new(null()) };
    static LEASE: Lease = lease();
}

/// Gives a thread's counters, with what they hold, to a later thread.
struct Lease(&'static Counters);

impl Drop for Lease {
    fn drop(&mut self) {
        MINE.set(&raw const LATE);
        registry().free.push(self.0);
    }
}

fn registry() -> std::sync::MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn lease() -> Lease {
    let mut registry = registry();
    let counters = registry.free.pop().unwrap_or_else(|| {
        let fresh: &'static Counters = Box::leak(Box::new(Counters::zero()));
        registry.all.push(fresh);
        fresh
    });
    Lease(counters)
}

/// `extern "C"`, so that callers need no provision for a panic: what can fail here, memory, aborts anyway.
#[cold]
extern "C" fn first_use() -> &'static Counters {
    let counters = LEASE.try_with(|lease| lease.0).unwrap_or(&LATE);
    MINE.set(counters);
    counters
}

/// Counts `tensors` more tensors and `bytes` more bytes; negative numbers at an end.
#[inline]
pub(super) fn count(tensors: i64, bytes: i64) {
    // SAFETY: never NULL to begin with counters that are static or leaked.
    let mine = unsafe { MINE.get().as_ref() }.unwrap_or_else(|| first_use());
    if std::ptr::eq(mine, &raw const LATE) {
        LATE.tensors.fetch_add(tensors, Relaxed);
        LATE.bytes.fetch_add(bytes, Relaxed);
    } else {
        // Only this thread writes here, so no addition is lost without a read-modify-write.
        mine.tensors.store(mine.tensors.load(Relaxed).wrapping_add(tensors), Relaxed);
        mine.bytes.store(mine.bytes.load(Relaxed).wrapping_add(bytes), Relaxed);
    }
}

/// What is alive now. Exact when no other thread is making or ending tensors.
pub fn statistics() -> Statistics {
    let registry = registry();
    let mut sum =
        Statistics { live_tensors: LATE.tensors.load(Relaxed), live_bytes: LATE.bytes.load(Relaxed) };
    for counters in &registry.all {
        sum.live_tensors += counters.tensors.load(Relaxed);
        sum.live_bytes += counters.bytes.load(Relaxed);
    }
    sum
}
