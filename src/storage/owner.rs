//! Who frees a storage.

use std::ffi::c_void;
use std::ptr::{NonNull, null_mut};

use crate::device::cpu;

/// Ends a storage: gets its first byte, its length in bytes, and the two words that the owner keeps.
pub type ReleaseFn = unsafe fn(start: *mut u8, byte_count: usize, a: *mut c_void, b: *mut c_void);

/// What to do when the last tensor on a storage is gone: one function and two words for it.
///
/// A vtable of one entry: an origin (own allocation, a caller's deleter, a DLPack struct, a Python object) is a
/// function next to the code that knows it, so this layer need not know them.
#[derive(Debug)]
pub struct Owner {
    release: Option<ReleaseFn>,
    a: *mut c_void,
    b: *mut c_void,
}

// SAFETY: the words are only handed to `release`, and whoever makes an `Owner` promises that any thread may call it.
unsafe impl Send for Owner {}
// SAFETY: shared access reads nothing but the words themselves.
unsafe impl Sync for Owner {}

impl Owner {
    /// Nobody: the memory outlives everything, or somebody else answers for it.
    pub const NOBODY: Self = Self { release: None, a: null_mut(), b: null_mut() };

    /// `release` is called once, with `a` and `b`.
    ///
    /// # Safety
    /// `release` may be called with the storage's own start and length, on any thread, after the last use of its
    /// memory, and does not unwind.
    pub unsafe fn new(release: ReleaseFn, a: *mut c_void, b: *mut c_void) -> Self {
        Self { release: Some(release), a, b }
    }

    /// The allocator that gave the block.
    ///
    /// # Safety
    /// The storage is exactly one block of [`cpu::allocate`], given by `allocator`.
    pub unsafe fn allocator(allocator: &'static cpu::Allocator) -> Self {
        unsafe fn release(start: *mut u8, byte_count: usize, allocator: *mut c_void, _: *mut c_void) {
            // SAFETY: `Owner::allocator`'s caller promised both; `allocator` is a `&'static`.
            unsafe { cpu::deallocate(NonNull::new_unchecked(start), byte_count, &*allocator.cast()) };
        }
        let allocator: *const cpu::Allocator = allocator;
        Self { release: Some(release), a: allocator.cast_mut().cast(), b: null_mut() }
    }

    /// A deleter of the caller's and the word it gets; `None` when there is nothing to do at the end.
    ///
    /// # Safety
    /// `deleter(context)` may be called once, on any thread, after the last use of the memory, and does not unwind.
    pub unsafe fn deleter(
        deleter: Option<unsafe extern "C" fn(context: *mut c_void)>,
        context: *mut c_void,
    ) -> Self {
        unsafe fn release(_: *mut u8, _: usize, deleter: *mut c_void, context: *mut c_void) {
            // SAFETY: `Owner::deleter` stored a function of this type, whose contract its caller keeps.
            unsafe {
                let deleter = std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(deleter);
                deleter(context);
            }
        }
        match deleter {
            Some(deleter) => Self { release: Some(release), a: deleter as *mut c_void, b: context },
            None => Self::NOBODY,
        }
    }

    /// The first word, if this owner ends with `release`.
    pub fn word(&self, release: ReleaseFn) -> Option<*mut c_void> {
        self.release.filter(|&own| std::ptr::fn_addr_eq(own, release)).map(|_| self.a)
    }

    /// Does it.
    ///
    /// # Safety
    /// Called once, by the storage that owns `self`, with its own start and length.
    pub(super) unsafe fn end(&mut self, start: *mut u8, byte_count: usize) {
        if let Some(release) = self.release.take() {
            // SAFETY: whoever made the owner allowed exactly this call.
            unsafe { release(start, byte_count, self.a, self.b) };
        }
    }
}
