//! Our own helper threads. They are started when there is work for them, sleep when there is none, and run nothing but
//! kernels: no code of the host program, no signal handler but for faults.
//!
//! Who has just worked looks out for more for a moment, in which helping costs no call of the system on either side; then
//! it sleeps, and to wake it takes a conversion that is long, or many that follow each other.
//!
//! One conversion has them at a time; others meanwhile do without. After a fork the child has none of the threads and
//! makes a pool of its own; it does not look at its parent's, some lock of which may be held for ever. Until a call has
//! found that out it offers work to nobody, and does it alone.

use std::ffi::c_void;
use std::process;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering, fence};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::yield_now;

use super::PATIENCE;
use super::job::{End, Job};
use super::place::{Others, Thread, here};
use super::seats::Seats;
use super::streak::{RECENT, now};
use crate::device::cpu::boxed;
use crate::log::log;

/// How often a helper without work looks for some before it looks at the clock.
const IDLE_LOOKS: usize = 64;

/// How often a caller looks whether helpers are done before it sleeps: about the time of a last part.
const LAST_LOOKS: usize = 1 << 10;

/// Kernels need little more than their tiles.
const STACK: usize = 256 << 10;

/// No processor.
const NOWHERE: usize = usize::MAX;

/// The pool of the process that made it.
static POOL: AtomicPtr<Pool> = AtomicPtr::new(null_mut());

pub struct Pool {
    /// Whose threads these are; 0 in children of that process.
    process: AtomicU32,
    /// Whether a conversion has them.
    is_taken: AtomicBool,
    seats: Seats<Job<'static>>,
    state: Mutex<State>,
    /// How many helpers there are. Changes with `state` locked.
    count: AtomicUsize,
    /// How many of them sleep. Changes with `state` locked.
    asleep: AtomicUsize,
    /// The processor that they were placed beside; [`NOWHERE`] if the caller was not to have them.
    beside: AtomicUsize,
    /// Told when there is work.
    work: Condvar,
    /// Told when the last helper is done.
    done: Condvar,
}

#[derive(Default)]
struct State {
    helpers: Vec<Thread>,
    /// Where they run, if that was said.
    place: Option<Others>,
}

/// How many helpers are awake, and not on the processor that the calling thread is running on.
pub fn awake() -> usize {
    known().map_or(0, Pool::awake)
}

/// Does `job` with up to so many helpers: with those that are awake, or with any if it `wakes` them. A caller that may
/// use one processor only does without, and so does one for whom there is no memory to make them.
pub fn run(job: &Job, helpers: usize, wakes: bool) {
    match if wakes { current() } else { known() } {
        Some(pool) => pool.run(job, helpers, wakes),
        None => job.help(End::Front),
    }
}

/// The pool that there is, if this is not a child of the process that made it, which has nobody in it.
fn known() -> Option<&'static Pool> {
    // SAFETY: pools are never freed: their threads live as long as the process.
    unsafe { POOL.load(Ordering::Acquire).as_ref() }
}

/// This process's pool; `None` where there is no memory for one.
fn current() -> Option<&'static Pool> {
    let known = known();
    if let Some(pool) = known.filter(|pool| pool.process.load(Ordering::Relaxed) == process::id()) {
        return Some(pool);
    }
    let known = known.map_or(null_mut(), |pool| std::ptr::from_ref(pool).cast_mut());
    let fresh = Box::into_raw(boxed(Pool::new())?);
    tell_children();
    Some(match POOL.compare_exchange(known, fresh, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: as above.
        Ok(_) => unsafe { &*fresh },
        Err(first) => {
            // SAFETY: nobody else has seen the fresh one; another thread of this process has made the first.
            unsafe {
                drop(Box::from_raw(fresh));
                &*first
            }
        }
    })
}

/// Has the children that are forked from now on know that the pool is none of theirs. The number of a process does not say
/// that of those who have the same one, the first in a namespace each, or one that has become free. Who is told nothing, as
/// after a `clone`, has the number to go by.
#[cfg(unix)]
fn tell_children() {
    unsafe extern "C" fn disown() {
        if let Some(pool) = known() {
            pool.process.store(0, Ordering::Relaxed);
        }
    }
    // Not by a lock, which would be held for ever in a child that is forked meanwhile.
    static TOLD: AtomicBool = AtomicBool::new(false);
    if !TOLD.swap(true, Ordering::Relaxed) {
        // SAFETY: the function does nothing that is not allowed after a fork, and the library is never unloaded.
        unsafe { libc::pthread_atfork(None, None, Some(disown)) };
    }
}

/// Nobody forks.
#[cfg(not(unix))]
fn tell_children() {}

impl Pool {
    pub fn new() -> Self {
        Self {
            process: AtomicU32::new(process::id()),
            is_taken: AtomicBool::new(false),
            seats: Seats::none(),
            state: Mutex::default(),
            count: AtomicUsize::new(0),
            asleep: AtomicUsize::new(0),
            beside: AtomicUsize::new(NOWHERE),
            work: Condvar::new(),
            done: Condvar::new(),
        }
    }

    /// [`run`], with the helpers of this pool.
    pub fn run(&'static self, job: &Job, helpers: usize, wakes: bool) {
        if self.is_taken.swap(true, Ordering::Acquire) {
            return job.help(End::Front);
        }
        let helpers = if wakes { self.gather(helpers) } else { helpers };
        // SAFETY: `withdraw` returns when no helper has the job or can get it, and nothing before it panics: `help` catches.
        let offered: &Job<'static> = unsafe { std::mem::transmute(job) };
        // SAFETY: nobody else has taken the pool, and all who have had it have withdrawn what they offered.
        unsafe { self.seats.offer(offered, helpers) };
        if wakes {
            self.wake(helpers);
        }
        job.help(End::Front);
        if self.withdraw() < helpers {
            RECENT.helps();
        }
        self.is_taken.store(false, Ordering::Release);
    }

    /// [`awake`], in this pool.
    pub fn awake(&self) -> usize {
        let [count, asleep] = [&self.count, &self.asleep].map(|number| number.load(Ordering::Relaxed));
        if self.beside.load(Ordering::Relaxed) == here() { count.saturating_sub(asleep) } else { 0 }
    }

    /// How long its helpers have had a processor, all together.
    #[cfg(all(test, target_os = "linux"))]
    pub fn busy(&self) -> std::time::Duration {
        self.lock().helpers.iter().map(Thread::busy).sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts helpers until there are so many, and places them beside the caller. Says how many it may have.
    fn gather(&'static self, helpers: usize) -> usize {
        let others = Others::now();
        if others.is_some_and(|others| others.is_empty()) {
            self.beside.store(NOWHERE, Ordering::Relaxed);
            return 0;
        }
        let mut state = self.lock();
        let before = state.helpers.len();
        // What cannot be written down is not started.
        while state.helpers.len() < helpers && state.helpers.try_reserve(1).is_ok() {
            let Some(helper) = start(self) else { break };
            state.helpers.push(helper);
            state.place = None;
        }
        if let Some(others) = others.filter(|others| !state.place.is_some_and(|place| place.is(others))) {
            state.helpers.iter().for_each(|helper| helper.place(&others));
            state.place = Some(others);
        }
        let now = state.helpers.len();
        self.count.store(now, Ordering::Relaxed);
        self.beside.store(here(), Ordering::Relaxed);
        drop(state);
        if now > before {
            log!(Info, "{} helper threads were started, there are {now}", now - before);
        }
        helpers.min(now)
    }

    /// Wakes up to so many of those that sleep. The others see for themselves what is offered.
    fn wake(&self, helpers: usize) {
        fence(Ordering::SeqCst); // so that either this sees who sleeps, or that one has seen the offer
        let sleepers = self.asleep.load(Ordering::Relaxed).min(helpers);
        if sleepers > 0 {
            drop(self.lock()); // who has counted itself now waits
            (0..sleepers).for_each(|_| self.work.notify_one());
        }
    }

    /// Takes the job back, and waits for the helpers that have begun. Says how many others there might have been.
    fn withdraw(&self) -> usize {
        let left = self.seats.withdraw();
        for _ in 0..LAST_LOOKS {
            if self.seats.is_idle() {
                return left;
            }
            std::hint::spin_loop();
        }
        let mut state = self.lock();
        self.seats.wait();
        while !self.seats.is_idle() {
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        left
    }

    /// What a helper does all its life.
    fn serve(&self) -> ! {
        loop {
            while let Some(job) = self.look_out() {
                job.help(End::Back);
                if self.seats.leave() {
                    drop(self.lock()); // who has said that it waits now does
                    self.done.notify_one();
                }
            }
            self.sleep();
        }
    }

    /// Takes a seat as soon as there is one, for as long as a helper's patience lasts.
    fn look_out(&self) -> Option<&Job<'static>> {
        const HALF: u64 = PATIENCE / 2;
        let start = now();
        loop {
            for _ in 0..IDLE_LOOKS {
                if let Some(job) = self.seats.take() {
                    return Some(job);
                }
                std::hint::spin_loop();
            }
            match now().saturating_sub(start) {
                PATIENCE.. => return None,
                HALF.. => yield_now(),
                _ => {}
            }
        }
    }

    /// Sleeps until there is work, if there is none now.
    fn sleep(&self) {
        let state = self.lock();
        self.asleep.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst); // see `wake`
        if !self.seats.is_free() {
            drop(self.work.wait(state).unwrap_or_else(PoisonError::into_inner));
        }
        self.asleep.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Starts a helper, which no signal of others is delivered to; `None` where there can be no more threads.
fn start(pool: &'static Pool) -> Option<Thread> {
    extern "C" fn serve(pool: *mut c_void) -> *mut c_void {
        // SAFETY: the pool that is given below; pools are never freed.
        unsafe { &*pool.cast::<Pool>() }.serve()
    }
    without_signals(|| Thread::start(c"ndferry", STACK, serve, std::ptr::from_ref(pool).cast_mut().cast()))
}

/// Calls `act` with signals blocked on this thread: a thread that it starts has them blocked for good. Those of a
/// thread's own faults stay as they are: blocked, they would end the process past whoever handles them.
#[cfg(unix)]
fn without_signals<T>(act: impl FnOnce() -> T) -> T {
    let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are written before they are read; a thread's own mask is changed and then put back.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS] {
            libc::sigdelset(all.as_mut_ptr(), fault);
        }
        let changed = libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr()) == 0;
        let result = act();
        if changed {
            libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), null_mut());
        }
        result
    }
}

/// There are none.
#[cfg(not(unix))]
fn without_signals<T>(act: impl FnOnce() -> T) -> T {
    act()
}
