//! Host memory for elements: aligned for every vector unit, through an allocator that the host program may replace.

use std::alloc::Layout;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use super::system::{SYSTEM, allocate_zeroed};
use crate::error::{Error, Result, bail};

/// Every block starts at a multiple of this many bytes: DLPack's word, and enough for any vector load.
pub const ALIGNMENT: usize = 256;

/// When the system has not even so few bytes, it has none for a message either.
const SMALL: usize = 4096;

/// Gives `byte_count` bytes aligned to `alignment`, or NULL.
pub type AllocateFn =
    unsafe extern "C" fn(context: *mut c_void, byte_count: usize, alignment: usize) -> *mut c_void;
/// Takes back a block that [`AllocateFn`] gave, with the same numbers.
pub type DeallocateFn =
    unsafe extern "C" fn(context: *mut c_void, data: *mut c_void, byte_count: usize, alignment: usize);

/// A source of host memory.
#[derive(Clone, Copy, Debug)]
pub struct Allocator {
    /// Passed to both functions.
    pub context: *mut c_void,
    /// Gives a block.
    pub allocate: AllocateFn,
    /// Takes it back.
    pub deallocate: DeallocateFn,
}

// SAFETY: whoever installs an allocator promises (`ndf_set_allocator`) that it works on every thread.
unsafe impl Sync for Allocator {}
// SAFETY: as above.
unsafe impl Send for Allocator {}

/// NULL stands for [`SYSTEM`]; anything else is one of [`INSTALLED`].
static CURRENT: AtomicPtr<Allocator> = AtomicPtr::new(std::ptr::null_mut());

/// Every allocator there ever was, each once: blocks refer to theirs for as long as the process lives.
static INSTALLED: Mutex<Vec<&'static Allocator>> = Mutex::new(Vec::new());

/// Makes later allocations come from `allocator`, or from the system again. Blocks already given go back to the
/// allocator they came from.
///
/// Fails with `OutOfMemory`; then nothing has changed.
///
/// # Safety
/// Both functions keep their contracts, on any thread, for the rest of the process.
pub unsafe fn set_allocator(allocator: Option<Allocator>) -> Result<()> {
    let installed = allocator.map(intern).transpose()?.map_or(std::ptr::null(), std::ptr::from_ref);
    CURRENT.store(installed.cast_mut(), Ordering::Release);
    Ok(())
}

/// `value` on the heap; `None` where there is no memory for it.
pub fn boxed<T>(value: T) -> Option<Box<T>> {
    const { assert!(size_of::<T>() > 0) };
    // SAFETY: the type has a size.
    let block = NonNull::new(unsafe { std::alloc::alloc(Layout::new::<T>()) })?.cast::<T>();
    // SAFETY: a block for one value, from where boxes have theirs.
    unsafe {
        block.write(value);
        Some(Box::from_raw(block.as_ptr()))
    }
}

/// The one allocator that is the same as `allocator`.
fn intern(allocator: Allocator) -> Result<&'static Allocator> {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = installed.iter().find(|known| known.is(&allocator)) {
        return Ok(known);
    }
    installed.try_reserve(1).map_err(|_| Error::NO_MEMORY)?;
    let fresh: &'static Allocator = Box::leak(boxed(allocator).ok_or(Error::NO_MEMORY)?);
    installed.push(fresh);
    Ok(fresh)
}

impl Allocator {
    fn is(&self, other: &Self) -> bool {
        self.context == other.context
            && std::ptr::fn_addr_eq(self.allocate, other.allocate)
            && std::ptr::fn_addr_eq(self.deallocate, other.deallocate)
    }
}

/// A block of host memory that must be given back with [`deallocate`].
#[derive(Debug)]
pub struct Block {
    /// Its first byte.
    pub start: NonNull<u8>,
    /// Where it goes back.
    pub allocator: &'static Allocator,
}

/// What new memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Whatever was there.
    Unknown,
    /// Bytes of 0.
    Zeros,
}

/// At least one byte at a multiple of [`ALIGNMENT`].
pub fn allocate(byte_count: usize, content: Content) -> Result<Block> {
    if isize::try_from(byte_count).is_err() {
        bail!(OutOfMemory, "{byte_count} bytes do not fit the address space");
    }
    // SAFETY: NULL, or one of `INSTALLED`, which are never freed.
    let allocator = unsafe { CURRENT.load(Ordering::Acquire).as_ref() }.unwrap_or(&SYSTEM);
    let zeroed = content == Content::Zeros && std::ptr::eq(allocator, &SYSTEM);
    let data = if zeroed {
        allocate_zeroed(byte_count, ALIGNMENT)
    } else {
        // SAFETY: the allocator's contract; the alignment is a power of two.
        unsafe { (allocator.allocate)(allocator.context, byte_count, ALIGNMENT) }
    };
    let Some(start) = NonNull::new(data.cast::<u8>()) else {
        if byte_count <= SMALL && std::ptr::eq(allocator, &SYSTEM) {
            return Err(Error::NO_MEMORY);
        }
        bail!(OutOfMemory, "{byte_count} bytes of host memory cannot be had");
    };
    if !start.addr().get().is_multiple_of(ALIGNMENT) {
        // SAFETY: the block was given just now and nobody else knows of it.
        unsafe { deallocate(start, byte_count, allocator) };
        bail!(Callback, "the allocator gave {start:p}, which is not a multiple of {ALIGNMENT}");
    }
    if content == Content::Zeros && !zeroed {
        // SAFETY: the block has that many bytes and nobody else knows of it.
        unsafe { start.write_bytes(0, byte_count) };
    }
    Ok(Block { start, allocator })
}

/// Memory for the time of a call, the system's, whatever allocator is installed.
#[derive(Debug)]
pub struct Room {
    start: NonNull<u8>,
    byte_count: usize,
}

impl Room {
    /// At least one byte at a multiple of [`ALIGNMENT`]; `None` where there is no memory.
    pub fn new(byte_count: usize, content: Content) -> Option<Self> {
        isize::try_from(byte_count).ok()?;
        let data = match content {
            Content::Zeros => allocate_zeroed(byte_count, ALIGNMENT),
            // SAFETY: the allocator's contract; the alignment is a power of two.
            Content::Unknown => unsafe { (SYSTEM.allocate)(SYSTEM.context, byte_count, ALIGNMENT) },
        };
        Some(Self { start: NonNull::new(data.cast())?, byte_count })
    }

    /// Its first byte.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.start.as_ptr()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // SAFETY: the room is the block's only owner, and goes.
        unsafe { deallocate(self.start, self.byte_count, &SYSTEM) };
    }
}

/// Gives a block back.
///
/// # Safety
/// `start` and `byte_count` are those of one [`allocate`] from `allocator`, and nothing refers to the block.
pub unsafe fn deallocate(start: NonNull<u8>, byte_count: usize, allocator: &Allocator) {
    // SAFETY: the caller's promise.
    unsafe { (allocator.deallocate)(allocator.context, start.as_ptr().cast(), byte_count, ALIGNMENT) };
}
