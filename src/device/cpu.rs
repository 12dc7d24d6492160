//! Host memory for elements: aligned for every vector unit, through an allocator that the host program may replace.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::error::{Error, Kind, Result, bail};

/// Every block starts at a multiple of this many bytes: DLPack's word, and enough for any vector load.
pub const ALIGNMENT: usize = 256;

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

static SYSTEM: Allocator =
    Allocator { context: std::ptr::null_mut(), allocate: system_allocate, deallocate: system_deallocate };

/// NULL stands for [`SYSTEM`]; anything else was leaked by [`set_allocator`] and lives as long as the process.
static CURRENT: AtomicPtr<Allocator> = AtomicPtr::new(std::ptr::null_mut());

/// Makes later allocations come from `allocator`, or from the system again. Blocks already given go back to the
/// allocator they came from.
///
/// # Safety
/// Both functions keep their contracts, on any thread, for the rest of the process.
pub unsafe fn set_allocator(allocator: Option<Allocator>) {
    let installed = allocator.map_or(std::ptr::null_mut(), |a| Box::into_raw(Box::new(a)));
    CURRENT.store(installed, Ordering::Release);
}

/// A block of host memory that must be given back with [`deallocate`].
#[derive(Debug)]
pub struct Block {
    /// Its first byte.
    pub start: NonNull<u8>,
    /// Where it goes back.
    pub allocator: &'static Allocator,
}

/// At least one byte at a multiple of [`ALIGNMENT`], not initialised.
pub fn allocate(byte_count: usize) -> Result<Block> {
    if isize::try_from(byte_count).is_err() {
        bail!(OutOfMemory, "{byte_count} bytes do not fit the address space");
    }
    // SAFETY: never NULL to begin with a leaked box of `set_allocator`, which is never freed.
    let allocator = unsafe { CURRENT.load(Ordering::Acquire).as_ref() }.unwrap_or(&SYSTEM);
    // SAFETY: the allocator's contract; the alignment is a power of two.
    let data = unsafe { (allocator.allocate)(allocator.context, byte_count, ALIGNMENT) };
    let start = NonNull::new(data.cast::<u8>()).ok_or_else(|| {
        Error::new(Kind::OutOfMemory, format!("{byte_count} bytes of host memory cannot be had"))
    })?;
    if !start.addr().get().is_multiple_of(ALIGNMENT) {
        // SAFETY: the block was given just now and nobody else knows of it.
        unsafe { deallocate(start, byte_count, allocator) };
        bail!(Callback, "the allocator gave {start:p}, which is not a multiple of {ALIGNMENT}");
    }
    Ok(Block { start, allocator })
}

/// Gives a block back.
///
/// # Safety
/// `start` and `byte_count` are those of one [`allocate`] from `allocator`, and nothing refers to the block.
pub unsafe fn deallocate(start: NonNull<u8>, byte_count: usize, allocator: &Allocator) {
    // SAFETY: the caller's promise.
    unsafe { (allocator.deallocate)(allocator.context, start.as_ptr().cast(), byte_count, ALIGNMENT) };
}

/// `malloc` with room for moving up to a multiple of `alignment`, because the C library's own aligned allocation takes
/// several times as long. The word before the block says where `malloc`'s begins.
unsafe extern "C" fn system_allocate(_: *mut c_void, byte_count: usize, alignment: usize) -> *mut c_void {
    let Some(size) = byte_count.checked_add(alignment) else { return std::ptr::null_mut() };
    // SAFETY: any size may be asked for.
    let whole = unsafe { libc::malloc(size) };
    if whole.is_null() {
        return whole;
    }
    // SAFETY: `malloc` aligns to two words at least and `alignment` is a greater power of two, so the block starts a
    // word or more behind, and `alignment` bytes at most.
    unsafe {
        let start = whole.byte_add(alignment - (whole.addr() & (alignment - 1)));
        start.cast::<*mut c_void>().sub(1).write(whole);
        start
    }
}

unsafe extern "C" fn system_deallocate(_: *mut c_void, data: *mut c_void, _: usize, _: usize) {
    // SAFETY: `system_allocate` wrote there what it got from `malloc`.
    unsafe { libc::free(data.cast::<*mut c_void>().sub(1).read()) };
}
