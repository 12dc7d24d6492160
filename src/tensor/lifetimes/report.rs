//! What the debugger tells people.

use std::fmt::Write;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use super::decide;
use super::export::NAMES;
use super::site::Site;
use super::table::{Record, locked};
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
#[inline(never)]
pub fn counts() -> Counts {
    let mut counts = Counts::default();
    if decide() {
        locked(&mut |table| {
            counts = Counts { handles: 0, exports: 0, misuses: table.misuses };
            for record in table.alive() {
                counts.handles += i64::from(record.references > 0);
                counts.exports += record.open();
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
        let mut sites = None;
        locked(&mut |table| {
            let later = table.alive().filter(|record| record.number > last);
            if let Some(record) = later.min_by_key(|record| record.number) {
                last = record.number;
                text.push('\n');
                record.name(&mut text);
                let _ = write!(text, ": references: {}", record.references);
                for (name, open) in NAMES.iter().zip(record.exports) {
                    if open > 0 {
                        let _ = write!(text, ", {name}: {open}");
                    }
                }
                sites = Some(record.sites());
            }
        });
        let Some(sites) = sites else { return text };
        sites.tell(&mut text);
    }
    text.push_str("\nno more than these are named");
    text
}

impl Record {
    /// Writes what it is.
    #[inline(never)]
    pub fn name(&self, text: &mut String) {
        let _ = write!(text, "tensor #{}, {}", self.number, self.what);
        for (more, before, after) in [(&self.label, ", \"", "\""), (&self.place, ", from ", "")] {
            if let Some(more) = more {
                text.push_str(before);
                text.push_str(more);
                text.push_str(after);
            }
        }
    }

    /// Where it was made and released. These are written when the table is open again: the loader, who knows names, has a
    /// lock of its own.
    pub fn sites(&self) -> Sites {
        Sites { made: self.made, released: self.released }
    }
}

/// Where a tensor was made and released.
#[derive(Clone, Copy)]
pub(super) struct Sites {
    made: Site,
    released: Option<Site>,
}

impl Sites {
    /// Writes why it may not be used.
    pub fn accuse(&self, text: &mut String) {
        match &self.released {
            Some(released) => {
                text.push_str(", which was released at ");
                released.name_frames(text, "", 1);
            }
            None => text.push_str(", which only exports hold"),
        }
        text.push_str(" (made at ");
        self.made.name_frames(text, "", 1);
        text.push(')');
    }

    /// Writes where it came from and, if it is gone, where it went.
    #[inline(never)]
    pub fn tell(&self, text: &mut String) {
        text.push_str("\n  made");
        self.made.tell(text);
        if let Some(released) = &self.released {
            text.push_str("\n  released");
            released.tell(text);
        }
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
    if OWNER.load(Ordering::Relaxed) != process::id() {
        return;
    }
    let Counts { handles, exports, .. } = counts();
    if handles + exports > 0 {
        log!(Warning, "at the end of the process: {}", text(MOST_AT_UNLOAD));
    }
}
