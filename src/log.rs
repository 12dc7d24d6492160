//! What the library has to say besides errors, and to whom: a function of the host program's, or standard error where the
//! environment or the lifetime debugger asks for it. Nobody listens by default.

use std::ffi::{OsString, c_char, c_void};
use std::fmt::{self, Write};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

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

/// The words for levels, from 1 on.
const WORDS: [&str; 3] = ["error", "warning", "info"];

/// A function of the host program's: gets its context, the level, and the text, which lives during the call.
pub type LogFn = unsafe extern "C" fn(context: *mut c_void, level: i32, message: *const c_char);

/// That function and its context.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    /// Gets the messages.
    pub function: LogFn,
    /// Its first argument.
    pub context: *mut c_void,
}

/// The listener; NULL for none. One that was is never freed, for somebody may be about to call it: so nobody waits here, and
/// a fork finds it whole.
static LISTENER: AtomicPtr<Listener> = AtomicPtr::new(null_mut());

/// A listener for good, and the one that was made before it: who looks for lost memory finds them all.
struct Kept {
    listener: Listener,
    _before: *mut Kept,
}

/// The last one that was made.
static LAST: AtomicPtr<Kept> = AtomicPtr::new(null_mut());

/// The highest level that somebody listens to.
static MOST: AtomicI32 = AtomicI32::new(UNKNOWN);
/// The environment is to be asked.
const UNKNOWN: i32 = -1;

/// Whether standard error gets warnings although the environment does not ask for them.
static IS_WATCHED: AtomicBool = AtomicBool::new(false);

fn listener() -> Option<Listener> {
    // SAFETY: NULL, or what `set` has put there for good.
    unsafe { LISTENER.load(Ordering::Acquire).as_ref().copied() }
}

/// Makes `other` get later messages up to the level `most`; `None` for the default again. Whether there was memory for it.
///
/// # Safety
/// The function keeps its contract, on any thread, until another is set and calls that have begun are over.
pub unsafe fn set(other: Option<Listener>, most: i32) -> bool {
    let kept = match other {
        Some(other) => {
            // SAFETY: any size may be asked for; the block is then this one's for good.
            unsafe {
                let kept = libc::malloc(size_of::<Kept>()).cast::<Kept>();
                if kept.is_null() {
                    return false;
                }
                kept.write(Kept { listener: other, _before: LAST.swap(kept, Ordering::Relaxed) });
                &raw mut (*kept).listener
            }
        }
        None => null_mut(),
    };
    LISTENER.store(kept, Ordering::Release);
    MOST.store(if kept.is_null() { UNKNOWN } else { most }, Ordering::Relaxed);
    true
}

/// From now on warnings go to standard error where nobody else gets them.
pub fn watch() {
    IS_WATCHED.store(true, Ordering::Relaxed);
    if listener().is_none() {
        MOST.store(UNKNOWN, Ordering::Relaxed);
    }
}

/// What an environment variable says; nothing when there is none.
#[inline(never)]
pub fn variable(name: &str) -> OsString {
    std::env::var_os(name).unwrap_or_default()
}

/// Whether somebody listens to messages of `level`.
#[inline]
pub fn is_wanted(level: Level) -> bool {
    MOST.load(Ordering::Relaxed) != 0 && is_wanted_now(level)
}

#[cold]
#[inline(never)]
fn is_wanted_now(level: Level) -> bool {
    if MOST.load(Ordering::Relaxed) == UNKNOWN {
        let named = variable("NDFERRY_LOG");
        let known = WORDS.iter().position(|&word| named == word).map(|at| at as i32 + 1);
        let least = if IS_WATCHED.load(Ordering::Relaxed) { Level::Warning as i32 } else { 0 };
        // Whoever has set something meanwhile knows better.
        let _ = MOST.compare_exchange(UNKNOWN, known.unwrap_or(least), Ordering::Relaxed, Ordering::Relaxed);
    }
    level as i32 <= MOST.load(Ordering::Relaxed)
}

/// Says `message`, no lock held: the listener may use the library.
#[cold]
#[inline(never)]
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    let listener = listener();
    let mut text = String::new();
    if listener.is_none() {
        let _ = write!(text, "ndferry: {}: ", WORDS[level as usize - 1]);
    }
    let _ = text.write_fmt(message);
    match listener {
        Some(Listener { function, context }) => {
            text.push('\0'); // one that is there already ends the text before
            // SAFETY: the promise of `set`; the text lives during the call.
            unsafe { function(context, level as i32, text.as_ptr().cast()) };
        }
        None => {
            // In one piece, so that lines of other threads do not come between. Nobody is to be told of a failure.
            text.push('\n');
            #[cfg(unix)]
            // SAFETY: as many bytes as there are.
            unsafe {
                libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len());
            }
            #[cfg(not(unix))]
            let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
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
