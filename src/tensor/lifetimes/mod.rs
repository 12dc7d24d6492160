//! The lifetime debugger: knows every tensor that was given out, so that one that is used after it was released, released
//! twice or never, or was never one, is an error that says what, and where it came from.
//!
//! It is off unless asked for. Then it costs a comparison with a static where a tensor goes in or out, which mostly is one
//! with NULL that is made anyway.
//!
//! While it is on, the memory of blocks that have ended is kept for a while, so that no other tensor has their address.

mod export;
mod report;
mod site;
mod table;

pub use export::{Exported, Protocol};
pub use report::{Counts, counts, report};

use std::ffi::c_void;
use std::fmt::Write;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use super::{Block, Tensor, statistics};
use crate::error::{Error, Kind, Result, bail};
use crate::log::{self, log};
use site::Site;
use table::{Record, locked};

/// Addresses up to this one are looked at before they are used: NULL, or all while it is on or nobody knows yet.
static SUSPECTS: AtomicUsize = AtomicUsize::new(usize::MAX);

static MODE: AtomicU8 = AtomicU8::new(UNDECIDED);
const UNDECIDED: u8 = 0;
const OFF: u8 = 1;
const ON: u8 = 2;

/// Whether the debugger may be on: what is done then finds out.
#[inline(always)]
fn may_be_on() -> bool {
    SUSPECTS.load(Ordering::Relaxed) != 0
}

/// Whether the debugger is on.
#[inline(always)]
pub fn is_on() -> bool {
    may_be_on() && decide()
}

/// Whether `address` must be [`admitted`] or [`taken`] before it is used: NULL always, others while the debugger is on.
#[inline(always)]
pub fn is_suspect<T>(address: *const T) -> bool {
    address.addr() <= SUSPECTS.load(Ordering::Relaxed)
}

/// Whether the debugger is on, by what the environment variable `NDFERRY_DEBUG` says when this is first asked.
#[cold]
#[inline(never)]
fn decide() -> bool {
    if MODE.load(Ordering::Acquire) == UNDECIDED {
        let named = log::variable("NDFERRY_DEBUG");
        let is_wanted = !named.is_empty() && named != "0";
        let mode = if is_wanted { ON } else { OFF };
        match MODE.compare_exchange(UNDECIDED, mode, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) if is_wanted => begin(),
            Ok(_) => {
                SUSPECTS.store(0, Ordering::SeqCst);
                // Somebody may have switched it on meanwhile.
                if MODE.load(Ordering::SeqCst) == ON {
                    SUSPECTS.store(usize::MAX, Ordering::SeqCst);
                }
            }
            Err(_) => {}
        }
    }
    MODE.load(Ordering::Acquire) == ON
}

/// Switches the debugger on for the rest of the process.
///
/// Fails with `Unsupported` when tensors are alive: it would take them for foreign pointers.
pub fn enable() -> Result<()> {
    if decide() {
        return Ok(());
    }
    if statistics().live_tensors != 0 {
        bail!(
            Unsupported,
            "tensors are alive that the debugger would not know; switch it on before the first is made"
        );
    }
    if MODE.swap(ON, Ordering::SeqCst) != ON {
        SUSPECTS.store(usize::MAX, Ordering::SeqCst);
        begin();
    }
    Ok(())
}

/// What is done once.
fn begin() {
    log::watch();
    table::survive_forks();
    report::at_unload();
}

/// Somebody outside has one reference more.
#[inline(always)]
pub fn given(tensor: &Tensor) {
    if may_be_on() {
        note_given(tensor.as_raw());
    }
}

#[cold]
#[inline(never)]
extern "C" fn note_given(block: *const Block) {
    note(block, &mut |record| {
        record.references += 1;
        record.released = None;
    });
}

/// Changes what is known of a live block that is outside, in some way. Nothing happens while the debugger is off.
fn note(block: *const Block, change: &mut dyn FnMut(&mut Record)) {
    if decide() {
        let made = Site::here();
        // SAFETY: all callers have a reference, which stays theirs.
        let tensor = ManuallyDrop::new(unsafe { Tensor::from_raw(block.cast_mut()) });
        locked(&mut |table| change(table.find_or_insert(&tensor, made)));
    }
}

/// Whether `raw`, which somebody outside calls `name`, may be used: not NULL, and as far as can be known a tensor of
/// theirs.
///
/// Fails with `InvalidArgument` when the debugger knows better, and says so to whoever listens.
#[cold]
#[inline(never)]
pub fn admitted(raw: *const Block, name: &str) -> Result<bool> {
    look(raw, name, &mut |record| record.references > 0)
}

/// [`admitted`], after which somebody outside has one reference less.
#[cold]
#[inline(never)]
pub fn taken(raw: *const Block, name: &str) -> Result<bool> {
    let here = (!raw.is_null() && decide()).then(Site::here);
    look(raw, name, &mut |record| {
        let is_theirs = record.references > 0;
        record.references -= usize::from(is_theirs);
        if record.references == 0 && is_theirs {
            record.released = here;
        }
        is_theirs
    })
}

/// Asks `is_theirs` of what is known of an address; an error when nothing is, or it says no.
fn look(raw: *const Block, name: &str, is_theirs: &mut dyn FnMut(&mut Record) -> bool) -> Result<bool> {
    if raw.is_null() || !decide() {
        return Ok(!raw.is_null());
    }
    let (mut is_fine, mut known, mut text) = (false, None, String::new());
    locked(&mut |table| {
        let mut record = table.find(raw);
        is_fine = record.as_deref_mut().is_some_and(&mut *is_theirs);
        if !is_fine {
            let _ = write!(text, "`{name}` is ");
            if let Some(record) = record {
                record.name(&mut text);
                known = Some(record.sites());
            }
            table.misuses += 1;
        }
    });
    if is_fine {
        return Ok(true);
    }
    match &known {
        Some(sites) => sites.accuse(&mut text),
        None => {
            let _ = write!(text, "{raw:p}, where this library has no tensor");
        }
    }
    let end = text.len();
    text.push_str("\n  used");
    Site::here().tell(&mut text);
    if let Some(sites) = known {
        sites.tell(&mut text);
    }
    log!(Error, "{text}");
    text.truncate(end);
    Err(Error::new(Kind::InvalidArgument, text))
}

/// Names a tensor in reports. Nothing happens while the debugger is off.
pub fn label(tensor: &Tensor, label: &str) {
    note(tensor.as_raw(), &mut |record| record.label = Some(label.to_owned()));
}

/// Says where, in words of the host program's language, a tensor was made, unless that has been said.
pub fn place(tensor: &Tensor, place: &str) {
    note(tensor.as_raw(), &mut |record| {
        record.place.get_or_insert_with(|| place.to_owned());
    });
}

/// Frees the memory of a block that has ended, or keeps it while the debugger is to know the address.
///
/// # Safety
/// The block came from `malloc`, its fields have been dropped, and nobody uses it any more.
#[cold]
#[inline(never)]
pub(super) unsafe fn bury(block: *mut Block) {
    // Whoever still reads there, past the checks, is to see that.
    const DEAD: u8 = 0xdd;
    // SAFETY: the caller's promise: a block of this size.
    unsafe { block.cast::<u8>().write_bytes(DEAD, size_of::<Block>()) };
    let mut free: *mut c_void = block.cast();
    if decide() {
        locked(&mut |table| free = table.bury(block));
    }
    // SAFETY: NULL, or a block from `malloc` whose fields have been dropped: the caller's, or one that was kept.
    unsafe { libc::free(free) };
}
