//! Conversions that follow each other. Together they are worth what none of them is alone: to wake helpers, who then stay
//! awake from one to the next.
//!
//! Helpers are for programs that do little else meanwhile. Who makes the source of a short conversion just before it, or
//! reads its target after it, has one and wants the other in the cache of its own processor: from there to a helper and
//! back takes longer than the conversion.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::PATIENCE;

/// Nanoseconds after which a streak is looked at. It may well go on for as long, and to wake a helper takes the caller a
/// twentieth of that.
const LOOK: u64 = 200_000;

/// They become so many times as many while helpers are called in vain, for others have their processors.
const RARELY: u64 = 32;

/// The conversions of this process. Those that several threads do at a time may count for less than they are.
pub static RECENT: Streak = Streak::new();

/// What is known of it, in nanoseconds.
pub struct Streak {
    /// When it began, or was looked at.
    start: AtomicU64,
    /// How much of the time since then were conversions.
    work: AtomicU64,
    /// When the last one ended.
    end: AtomicU64,
    /// When to look at it, after `start`.
    look: AtomicU64,
    /// Whether helpers are for it.
    is_dense: AtomicBool,
    /// Whether any have helped since it was looked at.
    is_helped: AtomicBool,
}

/// Who is to help with a conversion of a streak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Help {
    Nobody,
    Awake,
    All,
}

/// Nanoseconds by a clock that never goes back. It is asked without a lock, for a child may have been forked meanwhile.
#[cfg(unix)]
pub fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is written; every system has that clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// As there; nobody forks.
#[cfg(not(unix))]
pub fn now() -> u64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed().as_nanos() as u64
}

impl Streak {
    pub const fn new() -> Self {
        Self {
            start: AtomicU64::new(0),
            work: AtomicU64::new(0),
            end: AtomicU64::new(0),
            look: AtomicU64::new(LOOK),
            is_dense: AtomicBool::new(false),
            is_helped: AtomicBool::new(false),
        }
    }

    /// A conversion begins `now`: with it a streak, if the last one ended too long ago.
    pub fn goes_on(&self, now: u64) -> Help {
        let since = |time: &AtomicU64| now.saturating_sub(time.load(Ordering::Relaxed));
        let (was_dense, lasted) = (self.is_dense.load(Ordering::Relaxed), since(&self.start));
        let goes_on = since(&self.end) < PATIENCE;
        if goes_on && lasted < self.look.load(Ordering::Relaxed) {
            return if was_dense { Help::Awake } else { Help::Nobody };
        }
        // It does not cease to be dense when conversions take half as long.
        let share = if was_dense { 2 } else { 3 };
        let is_dense = goes_on && self.work.load(Ordering::Relaxed) >= lasted / 4 * share;
        let in_vain = was_dense && !self.is_helped.load(Ordering::Relaxed);
        let look = if in_vain { (2 * self.look.load(Ordering::Relaxed)).min(RARELY * LOOK) } else { LOOK };
        self.begin(now, look, is_dense);
        if is_dense { Help::All } else { Help::Nobody }
    }

    #[inline]
    fn begin(&self, now: u64, look: u64, is_dense: bool) {
        self.start.store(now, Ordering::Relaxed);
        self.work.store(0, Ordering::Relaxed);
        self.look.store(look, Ordering::Relaxed);
        self.is_dense.store(is_dense, Ordering::Relaxed);
        self.is_helped.store(false, Ordering::Relaxed);
    }

    /// A conversion that began at `start` ends `now`.
    pub fn pauses(&self, start: u64, now: u64) {
        self.work.fetch_add(now.saturating_sub(start), Ordering::Relaxed);
        self.end.store(now, Ordering::Relaxed);
    }

    /// Somebody has helped.
    pub fn helps(&self) {
        self.is_helped.store(true, Ordering::Relaxed);
    }
}
