//! What the debugger tells people.

use std::fmt::Write;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use super::decide;
use super::export::NAMES;
use super::table::{Record, is_taken, locked};
use crate::error::{Result, bail};
use crate::log::log;

/// A report names so many tensors.
const MOST: usize = 1000;
/// The one at the end of a process names so many.
const MOST_AT_UNLOAD: usize = 20;

/// How many of each there are; all 0 while the debugger is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tensors that somebody outside has a reference to.
    pub handles: i64,
    /// Structs of protocols that have not been ended.
    pub exports: i64,
    /// How often something was misused.
    pub misuses: i64,
}

/// What there is now.
pub fn counts() -> Counts {
    let mut counts = Counts::default();
    if decide() {
        locked(&mut |table| {
            counts = Counts { misuses: table.misuses as i64, ..Counts::default() };
            for record in table.alive() {
                counts.handles += i64::from(record.references > 0);
                counts.exports += record.exports.iter().sum::<u32>() as i64;
            }
        });
    }
    counts
}

/// Every tensor that somebody outside has or holds by an export: what it is, how it is held, where and when it was made.
/// The oldest come first.
///
/// Fails with `Unsupported` while the debugger is off.
pub fn report() -> Result<String> {
    if !decide() {
        bail!(
            Unsupported,
            "the lifetime debugger is off: set NDFERRY_DEBUG=1, or call ndf_debug_enable first"
        );
    }
    Ok(text(MOST))
}

#[inline(never)]
fn text(most: usize) -> String {
    let Counts { handles, exports, misuses } = counts();
    let mut text = format!("handles: {handles}, open exports: {exports}, misuses: {misuses}");
    let mut last = 0;
    for _ in 0..most {
        // Copied, because the loader is asked for names, and has a lock of its own.
        let mut next: Option<Record> = None;
        locked(&mut |table| {
            let later = table.alive().filter(|record| record.number > last);
            next = later.min_by_key(|record| record.number).cloned();
        });
        let Some(record) = next else { return text };
        last = record.number;
        let _ = write!(text, "\n{}: references: {}", record.title(), record.references);
        for (name, open) in NAMES.iter().zip(record.exports).filter(|&(_, open)| open > 0) {
            let _ = write!(text, ", {name}: {open}");
        }
        text.push_str(&record.story());
    }
    text.push_str("\nno more than these are named");
    text
}

impl Record {
    /// What it is.
    fn title(&self) -> String {
        let label = self.label.as_deref().unwrap_or_default();
        let quote = if label.is_empty() { "" } else { " \"" };
        format!("tensor #{}{quote}{label}{}, {}", self.number, quote.trim(), self.what)
    }

    /// Why it may not be used, as the end of a sentence.
    pub fn fault(&self) -> String {
        let (what, site) = match &self.released {
            Some(released) => ("which was released at", released),
            None => ("which was exported only, never given out, at", &self.made),
        };
        format!("{}, {what} {} (made at {})", self.title(), site.short(), self.made.short())
    }

    /// Where it came from and, if it is gone, where it went.
    pub fn story(&self) -> String {
        let released = self.released.as_ref().map(|released| released.lines());
        let word = if released.is_some() { "\n  released" } else { "" };
        format!("\n  made{}{word}{}", self.made.lines(), released.unwrap_or_default())
    }
}

/// The process that switched the debugger on. Its children have its tensors and are not to end them.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// After all that the program itself does at its end: static objects of C++ hold tensors, too.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".fini_array")]
static AT_UNLOAD: extern "C" fn() = tell_leaks;

/// Has this process tell at its end what is still alive.
pub(super) fn at_unload() {
    OWNER.store(process::id(), Ordering::Relaxed);
    #[cfg(target_os = "linux")]
    std::hint::black_box(&AT_UNLOAD); // so that a linker takes it out of an archive
    #[cfg(all(unix, not(target_os = "linux")))]
    // SAFETY: the library is never unloaded. Where there is no memory for it nothing is told.
    unsafe {
        libc::atexit(tell_leaks);
    }
}

extern "C" fn tell_leaks() {
    if OWNER.load(Ordering::Relaxed) != process::id() || is_taken() {
        return;
    }
    let Counts { handles, exports, .. } = counts();
    if handles + exports > 0 {
        log!(Warning, "at the end of the process: {}", text(MOST_AT_UNLOAD));
    }
}
