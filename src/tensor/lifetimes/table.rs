//! What is known of the tensors that were given out.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::iter::successors;
use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::{Block, Tensor};
use super::export::PROTOCOLS;
use super::site::Site;

/// A tensor that somebody outside has, or had.
pub(super) struct Record {
    address: usize,
    /// Which one it is since the debugger was switched on.
    pub number: u64,
    /// Type, shape and device, in words.
    pub what: String,
    pub label: Option<String>,
    /// Where it was made, in words of the host program's language.
    pub place: Option<String>,
    /// References of theirs.
    pub references: usize,
    /// Structs of each protocol that have not been ended.
    pub exports: [u32; PROTOCOLS],
    pub made: Site,
    /// Where the last reference was given up.
    pub released: Option<Site>,
    /// Another one in the same bucket.
    next: Option<Box<Record>>,
}

/// All of them, found by the address. All zero to begin with, so that it takes no memory before it is used.
pub(super) struct Table {
    buckets: [Option<Box<Record>>; BUCKETS],
    /// Blocks that have ended and are kept, or NULL: a ring.
    buried: [*mut Block; MOST_BURIED],
    oldest: usize,
    made: u64,
    /// How often something was found.
    pub misuses: i64,
}

/// A power of two.
const BUCKETS: usize = 1 << 12;

/// So many blocks that have ended are kept.
const MOST_BURIED: usize = 1 << 16;

// SAFETY: the blocks that it points at are nobody else's.
unsafe impl Send for Table {}

static TABLE: Mutex<Table> = Mutex::new(Table {
    buckets: [const { None }; BUCKETS],
    buried: [null_mut(); MOST_BURIED],
    oldest: 0,
    made: 0,
    misuses: 0,
});

fn lock() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does something with the table, and calls nothing out: the loader has locks of its own.
#[inline(never)]
pub(super) fn locked(act: &mut dyn FnMut(&mut Table)) {
    act(&mut lock());
}

impl Table {
    /// The record of an address, or where it would be put.
    #[inline(never)]
    fn place(&mut self, raw: *const Block) -> &mut Option<Box<Record>> {
        let spread = (raw.addr() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut place = &mut self.buckets[(spread >> (u64::BITS - BUCKETS.ilog2())) as usize];
        while place.as_ref().is_some_and(|record| record.address != raw.addr()) {
            place = &mut place.as_mut().expect("it was there a moment ago").next;
        }
        place
    }

    pub fn find(&mut self, raw: *const Block) -> Option<&mut Record> {
        self.place(raw).as_deref_mut()
    }

    /// What is known of `tensor`; if nothing is, it was `made` there.
    pub fn find_or_insert(&mut self, tensor: &Tensor, made: Site) -> &mut Record {
        let number = self.made + 1;
        if self.find(tensor.as_raw()).is_none() {
            self.made = number;
        }
        self.place(tensor.as_raw()).get_or_insert_with(|| Box::new(Record::new(tensor, number, made)))
    }

    /// Keeps a block that has ended, if it is known; gives what is to be freed: NULL, that block, or the oldest one.
    pub fn bury(&mut self, block: *mut Block) -> *mut c_void {
        if self.find(block).is_none() {
            return block.cast();
        }
        self.oldest = (self.oldest + 1) % MOST_BURIED;
        let oldest = std::mem::replace(&mut self.buried[self.oldest], block);
        let place = self.place(oldest);
        *place = place.take().and_then(|forgotten| forgotten.next);
        oldest.cast()
    }

    /// Those that somebody has, or holds by an export.
    pub fn alive(&self) -> impl Iterator<Item = &Record> {
        let all = self
            .buckets
            .iter()
            .flat_map(|bucket| successors(bucket.as_deref(), |record: &&Record| record.next.as_deref()));
        all.filter(|record| record.references > 0 || record.open() > 0)
    }
}

impl Record {
    fn new(tensor: &Tensor, number: u64, made: Site) -> Self {
        let what = format!("{} {:?} on {}", tensor.dtype(), tensor.layout().shape(), tensor.device());
        Self {
            address: tensor.as_raw().addr(),
            number,
            what,
            label: None,
            place: None,
            references: 0,
            exports: [0; PROTOCOLS],
            made,
            released: None,
            next: None,
        }
    }

    /// How many structs hold it.
    pub fn open(&self) -> i64 {
        self.exports.iter().map(|&open| i64::from(open)).sum()
    }
}

/// A child process has all that its parent knew, the lock included: it is to be open there.
#[cfg(unix)]
pub(super) fn survive_forks() {
    struct Held(UnsafeCell<Option<MutexGuard<'static, Table>>>);
    // SAFETY: only the thread that has the lock, and forks, looks inside.
    unsafe impl Sync for Held {}
    static HELD: Held = Held(UnsafeCell::new(None));

    unsafe extern "C" fn before() {
        let table = lock();
        // SAFETY: as above.
        unsafe { *HELD.0.get() = Some(table) };
    }
    unsafe extern "C" fn after() {
        // SAFETY: as above; in the child its thread is the only one. It is out before the lock is opened.
        drop(unsafe { (*HELD.0.get()).take() });
    }
    // SAFETY: the functions stay as long as the library, which is never unloaded. Where there is no memory for them, forks
    // go on without.
    unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) };
}

#[cfg(not(unix))]
pub(super) fn survive_forks() {}
