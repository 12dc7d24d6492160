//! An address range on a device, and who frees it.

mod count;
mod cuda;
mod owner;
mod place;
mod uses;

pub use count::Count;
pub use owner::{Owner, ReleaseFn};
pub use place::Place;

use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;

use crate::device::Device;
use crate::device::cpu::{self, Content};
use crate::error::Result;
use uses::Uses;

/// `byte_count` bytes from `start` on `device`. Dropping it frees them, once, the way its owner says.
///
/// On devices without addresses `start` is the handle that stands for the whole buffer.
#[derive(Debug)]
pub struct Storage {
    start: *mut u8,
    byte_count: usize,
    device: Device,
    owner: Owner,
    /// NULL until somebody says that a stream works on the memory.
    uses: AtomicPtr<Uses>,
}

// SAFETY: a storage lends its address and never reads or writes the bytes; `Owner` is `Send`.
unsafe impl Send for Storage {}
// SAFETY: as above; what changes is behind an atomic pointer and a lock.
unsafe impl Sync for Storage {}

impl Storage {
    /// Host memory for `byte_count` bytes, aligned to [`cpu::ALIGNMENT`]. No bytes: no memory.
    pub fn allocate(byte_count: usize, content: Content) -> Result<Self> {
        if byte_count == 0 {
            return Ok(Self::adopt(null_mut(), 0, Device::CPU, Owner::NOBODY));
        }
        let block = cpu::allocate(byte_count, content)?;
        // SAFETY: the storage is exactly this block.
        let owner = unsafe { Owner::allocator(block.allocator) };
        Ok(Self::adopt(block.start.as_ptr(), byte_count, Device::CPU, owner))
    }

    /// Memory that `owner` frees. Nothing is read or written here; whoever hands out tensors on it promises that
    /// the range is what it says.
    #[inline]
    pub fn adopt(start: *mut u8, byte_count: usize, device: Device, owner: Owner) -> Self {
        Self { start, byte_count, device, owner, uses: AtomicPtr::new(null_mut()) }
    }

    /// The first byte, or the handle.
    #[inline]
    pub fn start(&self) -> *mut u8 {
        self.start
    }

    /// Bytes from `start` that tensors may reach.
    #[inline]
    pub fn byte_count(&self) -> usize {
        self.byte_count
    }

    /// Whether the bytes do not meet those of `other`: quickly told, of memory that has addresses.
    #[inline]
    pub fn is_apart(&self, other: &Self) -> bool {
        let (from, to) = (self.start.addr(), other.start.addr());
        if from <= to { to - from >= self.byte_count } else { from - to >= other.byte_count }
    }

    /// Who frees it.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Where the bytes lie.
    #[inline]
    pub fn device(&self) -> Device {
        self.device
    }
}

impl Drop for Storage {
    #[inline]
    fn drop(&mut self) {
        if !self.uses.get_mut().is_null() {
            self.end_uses();
        }
        // SAFETY: `drop` runs once, with the storage's own numbers.
        unsafe { self.owner.end(self.start, self.byte_count) };
    }
}
