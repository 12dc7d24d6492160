//! What is known of the tensors that were given out.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::{Block, Tensor};
use super::export::PROTOCOLS;
use super::site::Site;

/// A tensor that somebody outside has, or had.
#[derive(Clone)]
pub(super) struct Record {
    address: usize,
    /// Which one it is since the debugger was switched on.
    pub number: u64,
    /// Type, shape and device, in words.
    pub what: Box<str>,
    pub label: Option<Box<str>>,
    /// References of theirs.
    pub references: usize,
    /// Structs of each protocol that have not been ended.
    pub exports: [u32; PROTOCOLS],
    pub made: Site,
    /// Where the last reference was given up.
    pub released: Option<Site>,
}

/// All of them, found by the address.
pub(super) struct Table {
    /// None as long as nothing was put in.
    buckets: Vec<Vec<Box<Record>>>,
    /// Blocks that have ended and are kept, or NULL: a ring.
    buried: Vec<*mut Block>,
    oldest: usize,
    made: u64,
    /// How often something was found.
    pub misuses: u64,
}

/// A power of two.
const BUCKETS: usize = 1 << 12;

/// So many blocks that have ended are kept.
const MOST_BURIED: usize = 1 << 16;

// SAFETY: the blocks that it points at are nobody else's.
unsafe impl Send for Table {}

static TABLE: Mutex<Table> =
    Mutex::new(Table { buckets: Vec::new(), buried: Vec::new(), oldest: 0, made: 0, misuses: 0 });

fn lock() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does something with the table, and calls nothing out: the loader has locks of its own.
#[inline(never)]
pub(super) fn locked(act: &mut dyn FnMut(&mut Table)) {
    act(&mut lock());
}

/// Whether somebody has the table, who may never give it back: at the end of a process threads just stop.
pub(super) fn is_taken() -> bool {
    TABLE.try_lock().is_err()
}

impl Table {
    fn bucket(&mut self, address: usize) -> &mut Vec<Box<Record>> {
        if self.buckets.is_empty() {
            self.buckets.resize_with(BUCKETS, Vec::new);
            self.buried.resize(MOST_BURIED, null_mut());
        }
        let spread = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &mut self.buckets[(spread >> (u64::BITS - BUCKETS.ilog2())) as usize]
    }

    #[inline(never)]
    pub fn find(&mut self, raw: *const Block) -> Option<&mut Record> {
        let bucket = self.bucket(raw.addr());
        bucket.iter_mut().find(|record| record.address == raw.addr()).map(|record| &mut **record)
    }

    /// What is known of `tensor`; if nothing is, it was `made` at this place.
    pub fn find_or_insert(&mut self, tensor: &Tensor, made: &mut Option<Site>) -> &mut Record {
        if let Some(made) = made.take_if(|_| self.find(tensor.as_raw()).is_none()) {
            self.made += 1;
            let record = Box::new(Record::new(tensor, self.made, made));
            self.bucket(tensor.as_raw().addr()).push(record);
        }
        self.find(tensor.as_raw()).expect("it is there, or was put in")
    }

    /// Keeps a block that has ended, if it is known; gives what is to be freed: NULL, that block, or the oldest one.
    pub fn bury(&mut self, block: *mut Block) -> *mut c_void {
        if self.find(block).is_none() {
            return block.cast();
        }
        self.oldest = (self.oldest + 1) % MOST_BURIED;
        let oldest = std::mem::replace(&mut self.buried[self.oldest], block);
        let bucket = self.bucket(oldest.addr());
        if let Some(at) = bucket.iter().position(|record| record.address == oldest.addr()) {
            bucket.swap_remove(at);
        }
        oldest.cast()
    }

    /// Those that somebody has, or holds by an export.
    pub fn alive(&self) -> impl Iterator<Item = &Record> {
        let is_alive =
            |record: &&Record| record.references > 0 || record.exports.iter().any(|&open| open > 0);
        self.buckets.iter().flatten().map(|record| &**record).filter(is_alive)
    }
}

impl Record {
    fn new(tensor: &Tensor, number: u64, made: Site) -> Self {
        let what = format!("{} {:?} on {}", tensor.dtype().name(), tensor.layout().shape(), tensor.device());
        Self {
            address: tensor.as_raw().addr(),
            number,
            what: what.into(),
            label: None,
            references: 0,
            exports: [0; PROTOCOLS],
            made,
            released: None,
        }
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
