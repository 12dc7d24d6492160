//! An address range on a device, and who frees it.

mod count;
mod owner;
mod uses;

pub use count::Count;
pub use owner::{Owner, ReleaseFn};

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::device::Device;
use crate::device::cpu::{self, Content};
use crate::device::cuda::{self, Context, Entered, Stream};
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
            return Ok(Self::adopt(std::ptr::null_mut(), 0, Device::CPU, Owner::NOBODY));
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

    /// Who frees it.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Where the bytes lie.
    #[inline]
    pub fn device(&self) -> Device {
        self.device
    }

    /// The CUDA context that work on the memory needs: that of its device, but for memory of contexts that somebody else
    /// made. For host memory that of the calling thread.
    pub fn context(&self) -> Result<&'static Context> {
        if self.device.device_type != 2 || self.start.is_null() {
            return if self.device.device_type == 2 {
                cuda::context(self.device.device_id)
            } else {
                cuda::current()
            };
        }
        match cuda::pointer(self.start.addr() as u64)? {
            Some(known) => known.context(),
            None => cuda::context(self.device.device_id),
        }
    }

    /// What is enqueued on `stream` from now on begins after all work that is known to use the memory.
    pub fn wait(&self, entered: &Entered, stream: Stream) -> Result<()> {
        // SAFETY: NULL, or what `record` put there for as long as the storage lives.
        match unsafe { self.uses.load(Ordering::Acquire).as_ref() } {
            Some(uses) => uses.wait(entered, stream),
            None => Ok(()),
        }
    }

    /// What has been enqueued on `stream` so far uses the memory.
    pub fn record(&self, entered: &Entered, stream: Stream) -> Result<()> {
        self.known_uses().record(entered, stream)
    }

    fn known_uses(&self) -> &Uses {
        let fresh = || Box::into_raw(Box::default());
        let mut known = self.uses.load(Ordering::Acquire);
        if known.is_null() {
            let made = fresh();
            known = match self.uses.compare_exchange(null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => made,
                Err(other) => {
                    // SAFETY: made above, and nobody else has seen it.
                    drop(unsafe { Box::from_raw(made) });
                    other
                }
            };
        }
        // SAFETY: put there by this function, and freed with the storage only.
        unsafe { &*known }
    }
}

impl Drop for Storage {
    #[inline]
    fn drop(&mut self) {
        let uses = *self.uses.get_mut();
        if !uses.is_null() {
            // SAFETY: `known_uses` made it, and nobody refers to it any more.
            drop(unsafe { Box::from_raw(uses) });
        }
        // SAFETY: `drop` runs once, with the storage's own numbers.
        unsafe { self.owner.end(self.start, self.byte_count) };
    }
}
