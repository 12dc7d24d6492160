//! Our own helper threads. They are started when there is work for them, sleep when there is none, and run nothing but
//! kernels: no code of the host program, no signal handler but for faults.
//!
//! One conversion has them at a time; others meanwhile do without. After a fork the child has none of the threads and
//! makes a pool of its own; it does not look at its parent's, some lock of which may be held for ever.

use std::ffi::c_void;
use std::process;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::job::Job;
use super::place::{Others, Thread};
use crate::device::cpu::boxed;
use crate::log::log;

/// How often a helper without work looks for some before it sleeps: about 3 µs, for conversions that follow each other.
const IDLE_LOOKS: usize = 64;

/// How often a caller looks whether helpers are done before it sleeps: about the time of a last part.
const LAST_LOOKS: usize = 1 << 10;

/// Kernels need little more than their tiles.
const STACK: usize = 256 << 10;

/// The pool of the process that made it.
static POOL: AtomicPtr<Pool> = AtomicPtr::new(null_mut());

struct Pool {
    /// Whose threads these are.
    process: u32,
    /// Whether a conversion has them.
    is_taken: AtomicBool,
    state: Mutex<State>,
    /// Told when there is work.
    work: Condvar,
    /// Told when the last helper is done.
    done: Condvar,
    /// How many jobs there have been.
    posted: AtomicUsize,
    /// How many helpers are at work. Changes with `state` locked.
    working: AtomicUsize,
}

#[derive(Default)]
struct State {
    helpers: Vec<Thread>,
    /// Where they run, if that was said.
    place: Option<Others>,
    asleep: usize,
    /// How many more helpers the job wants.
    seats: usize,
    job: Option<&'static Job<'static>>,
}

/// Does `job` with up to so many helpers. A caller that may use one processor only does without, and so does one for whom
/// there is no memory to make them.
pub fn run(job: &Job, helpers: usize) {
    let others = Others::now();
    if others.is_some_and(|others| others.is_empty()) {
        return job.help();
    }
    let Some(pool) = Pool::current() else { return job.help() };
    if pool.is_taken.swap(true, Ordering::Acquire) {
        return job.help();
    }
    // SAFETY: `withdraw` returns when no helper has the job or can get it, and nothing before it panics: `help` catches.
    let job: &'static Job<'static> = unsafe { std::mem::transmute(job) };
    pool.post(job, helpers, others);
    job.help();
    pool.withdraw();
    pool.is_taken.store(false, Ordering::Release);
}

impl Pool {
    /// This process's pool; `None` where there is no memory for one.
    fn current() -> Option<&'static Self> {
        let (known, process) = (POOL.load(Ordering::Acquire), process::id());
        // SAFETY: pools are never freed: their threads live as long as the process.
        if let Some(pool) = unsafe { known.as_ref() }.filter(|pool| pool.process == process) {
            return Some(pool);
        }
        let fresh = Box::into_raw(boxed(Self {
            process,
            is_taken: AtomicBool::new(false),
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
            posted: AtomicUsize::new(0),
            working: AtomicUsize::new(0),
        })?);
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers `job` to so many helpers, some of which may have to be started.
    fn post(&'static self, job: &'static Job<'static>, helpers: usize, others: Option<Others>) {
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
        state.seats = helpers.min(state.helpers.len());
        state.job = Some(job);
        let sleepers = state.asleep.min(state.seats);
        let now = state.helpers.len();
        drop(state);
        self.posted.fetch_add(1, Ordering::Release);
        (0..sleepers).for_each(|_| self.work.notify_one());
        if now > before {
            log!(Info, "{} helper threads were started, there are {now}", now - before);
        }
    }

    /// Takes the job back, and waits for the helpers that have begun.
    fn withdraw(&self) {
        let mut state = self.lock();
        (state.seats, state.job) = (0, None);
        drop(state);
        for _ in 0..LAST_LOOKS {
            if self.working.load(Ordering::Acquire) == 0 {
                return;
            }
            std::hint::spin_loop();
        }
        let mut state = self.lock();
        while self.working.load(Ordering::Acquire) > 0 {
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What a helper does all its life.
    fn serve(&self) -> ! {
        loop {
            let job = self.next_job();
            job.help();
            let state = self.lock();
            let last = self.working.fetch_sub(1, Ordering::Release) == 1;
            drop(state);
            if last {
                self.done.notify_one();
            }
        }
    }

    /// Waits for a job that has a seat left, and takes that.
    fn next_job(&self) -> &'static Job<'static> {
        let seen = self.posted.load(Ordering::Acquire);
        for _ in 0..IDLE_LOOKS {
            if self.posted.load(Ordering::Acquire) != seen {
                break;
            }
            std::hint::spin_loop();
        }
        let mut state = self.lock();
        loop {
            if let Some(job) = state.job.filter(|_| state.seats > 0) {
                state.seats -= 1;
                self.working.fetch_add(1, Ordering::Relaxed);
                return job;
            }
            state.asleep += 1;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep -= 1;
        }
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
