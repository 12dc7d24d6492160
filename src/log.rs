//! What the library has to say besides errors, and to whom: a function of the host program's, or standard error where the
//! environment or the lifetime debugger asks for it. Nobody listens by default.

use std::ffi::{c_char, c_void};
use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};

/// How much a message matters; the lower, the more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The host program has misused the library.
    Error = 1,
    /// Something works, and not as it should.
    Warning = 2,
    /// What is worth knowing: what was started, what is slower than it need be.
    Info = 3,
}

impl Level {
    const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Info];

    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A function of the host program's: gets its context, the level, and the text, which is its own during the call only.
pub type LogFn = unsafe extern "C" fn(context: *mut c_void, level: i32, message: *const c_char);

/// That function and its context.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    /// Gets the messages.
    pub function: LogFn,
    /// Its first argument.
    pub context: *mut c_void,
}

// SAFETY: whoever sets a listener promises (`set`) that it works on every thread.
unsafe impl Send for Listener {}

static LISTENER: Mutex<Option<Listener>> = Mutex::new(None);

/// The highest level that somebody listens to; not known before the environment was asked.
static MOST: AtomicI32 = AtomicI32::new(UNKNOWN);
const UNKNOWN: i32 = -1;

/// Whether standard error gets warnings although the environment does not ask for them.
static IS_WATCHED: AtomicBool = AtomicBool::new(false);

/// Makes `listener` get later messages up to the level `most`; `None` for the default again.
///
/// # Safety
/// The function keeps its contract, on any thread, until another is set and calls that have begun are over.
pub unsafe fn set(listener: Option<Listener>, most: i32) {
    let mut now = LISTENER.lock().unwrap_or_else(PoisonError::into_inner);
    *now = listener;
    MOST.store(if listener.is_some() { most } else { default() }, Ordering::Relaxed);
}

/// From now on warnings go to standard error where nobody else gets them.
pub fn watch() {
    let now = LISTENER.lock().unwrap_or_else(PoisonError::into_inner);
    IS_WATCHED.store(true, Ordering::Relaxed);
    if now.is_none() {
        MOST.store(default(), Ordering::Relaxed);
    }
}

/// What standard error gets: as the environment variable `NDFERRY_LOG` says.
fn default() -> i32 {
    let named = std::env::var("NDFERRY_LOG").ok();
    let level = named.and_then(|named| Level::ALL.into_iter().find(|level| level.word() == named));
    let least = if IS_WATCHED.load(Ordering::Relaxed) { Level::Warning as i32 } else { 0 };
    level.map_or(least, |level| level as i32)
}

/// Whether somebody listens to messages of `level`.
#[inline]
pub fn is_wanted(level: Level) -> bool {
    let most = MOST.load(Ordering::Relaxed);
    most != 0 && is_wanted_now(level, most)
}

#[cold]
fn is_wanted_now(level: Level, most: i32) -> bool {
    if most != UNKNOWN {
        return level as i32 <= most;
    }
    let most = default();
    // Whoever has set something meanwhile knows better.
    let known = MOST.compare_exchange(UNKNOWN, most, Ordering::Relaxed, Ordering::Relaxed);
    level as i32 <= known.map_or_else(|set| set, |_| most)
}

/// Says `message`, no lock held: the listener may use the library.
#[cold]
#[inline(never)]
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    let listener = *LISTENER.lock().unwrap_or_else(PoisonError::into_inner);
    match listener {
        Some(Listener { function, context }) => {
            let text = format!("{message}\0"); // a NUL inside ends it before
            // SAFETY: the promise of `set`; the text lives during the call.
            unsafe { function(context, level as i32, text.as_ptr().cast()) };
        }
        None => {
            // In one piece, so that lines of other threads do not come between. Nobody is to be told of a failure.
            let line = format!("ndferry: {}: {message}\n", level.word());
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }
}

/// Says something to whoever listens: `log!(Info, "a thread was started")`. Where nobody does nothing is put together.
macro_rules! log {
    ($level:ident, $($message:tt)+) => {
        if $crate::log::is_wanted($crate::log::Level::$level) {
            $crate::log::write($crate::log::Level::$level, format_args!($($message)+));
        }
    };
}
pub(crate) use log;

/// [`log`], the first time only.
macro_rules! log_once {
    ($level:ident, $($message:tt)+) => {{
        static IS_TOLD: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
        if !IS_TOLD.swap(true, std::sync::atomic::Ordering::Relaxed) {
            $crate::log::log!($level, $($message)+);
        }
    }};
}
pub(crate) use log_once;
