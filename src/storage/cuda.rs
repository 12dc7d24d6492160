//! Storages that CUDA works on: memory of ours on its devices, and the order of work on that and other memory.

use std::ptr::{null_mut, with_exposed_provenance_mut};
use std::sync::atomic::Ordering;

use super::uses::{By, Uses};
use super::{Owner, Place, Storage};
use crate::device::Device;
use crate::device::cpu::Content;
use crate::device::cuda::{self, Block, Context, Entered, Pattern, Stream};
use crate::error::{Result, bail};

impl Storage {
    /// Memory for `byte_count` bytes that is not plain host memory. No bytes: no memory.
    pub fn allocate_on_cuda(byte_count: usize, content: Content, place: Place) -> Result<Self> {
        let Place { device, stream } = place;
        if byte_count == 0 {
            return Ok(Self::adopt(null_mut(), 0, device, Owner::NOBODY));
        }
        let entered = match device.device_type {
            2 => cuda::context(device.device_id)?,
            3 | 13 => cuda::current()?,
            _ => bail!(DeviceUnavailable, "memory cannot be made on {device}"),
        }
        .enter()?;
        let stream = entered.usable(stream)?;
        // Kernels write elements within bytes by words of four of them.
        let Some(byte_room) = byte_count.checked_next_multiple_of(4) else {
            bail!(OutOfMemory, "{byte_count} bytes are more than there are addresses");
        };
        let (block, is_ordered) = match device.device_type {
            2 => {
                let (address, is_ordered) = entered.allocate(byte_room, stream)?;
                (Block::Device(address), is_ordered)
            }
            3 => (Block::Pinned(entered.allocate_pinned(byte_room)?), false),
            _ => (Block::Managed(entered.allocate_managed(byte_room)?), false),
        };
        let start = with_exposed_provenance_mut(block.address() as usize);
        let mut storage = Self::adopt(start, byte_count, device, Owner::NOBODY);
        // From here on dropping the storage gives the block back.
        *storage.uses.get_mut() = Box::into_raw(Box::new(Uses::new(entered.context(), Some(block))));
        if content == Content::Zeros {
            storage.set_zeros(&entered, block, stream)?;
        }
        if is_ordered || content == Content::Zeros && matches!(block, Block::Device(_)) {
            storage.record(&entered, stream)?;
        }
        Ok(storage)
    }

    /// Makes new memory zeros: device memory in the order of `stream`, the other at once, because the host may look.
    fn set_zeros(&self, entered: &Entered, block: Block, stream: Stream) -> Result<()> {
        match block {
            // SAFETY: the block has these bytes, and outlives what is enqueued, which is recorded as a use.
            Block::Device(address) => unsafe {
                entered.set(address, Pattern::U8(0), self.byte_count, stream)
            },
            Block::Pinned(_) | Block::Managed(_) => {
                // SAFETY: the block has these bytes, the host reaches them, and nobody else knows of them.
                unsafe { self.start.write_bytes(0, self.byte_count) };
                Ok(())
            }
        }
    }

    /// The CUDA context that work on the memory needs: that of its device, but for memory of contexts that somebody else
    /// made; for plain host memory that of the calling thread.
    pub fn context(&self) -> Result<&'static Context> {
        if let Some(uses) = self.uses() {
            return Ok(uses.context());
        }
        let Device { device_type, device_id } = self.device;
        let known = match device_type {
            2 | 3 | 13 if !self.start.is_null() => cuda::pointer(self.start.addr() as u64)?,
            _ => None,
        };
        match known {
            Some(known) => known.context(),
            None if device_type == 2 => cuda::context(device_id),
            None => cuda::current(),
        }
    }

    /// Whether the host reaches the memory, and no work is known to use it that the host had to wait for.
    #[inline]
    pub fn is_the_hosts(&self) -> bool {
        self.device.is_host_accessible() && !self.has_uses()
    }

    /// Whether any work is known to use the memory.
    #[inline]
    pub fn has_uses(&self) -> bool {
        self.uses().is_some()
    }

    /// What is enqueued on `stream` from now on begins after all work that is known to use the memory.
    pub fn wait(&self, entered: &Entered, stream: Stream) -> Result<()> {
        self.uses().map_or(Ok(()), |uses| uses.wait(entered, stream))
    }

    /// What has been enqueued on `stream` so far uses the memory.
    pub fn record(&self, entered: &Entered, stream: Stream) -> Result<()> {
        self.made_uses()?.record(entered, stream, By::Us)
    }

    /// What the owner of the memory, who is not ourselves, has enqueued on `stream` so far uses the memory.
    pub fn record_owner(&self, entered: &Entered, stream: Stream) -> Result<()> {
        self.made_uses()?.record(entered, stream, By::Owner)
    }

    /// The owner of the memory, who is not ourselves, works on `stream`, which is there as long as the memory.
    pub fn set_home(&self, entered: &Entered, stream: Stream) -> Result<()> {
        self.made_uses()?.set_home(entered, stream)
    }

    /// Waits until all work that is known to use the memory has been done: before the host looks.
    pub fn synchronize(&self) -> Result<()> {
        match self.uses() {
            Some(uses) if cuda::in_use().is_some() => uses.synchronize(),
            _ => Ok(()),
        }
    }

    fn uses(&self) -> Option<&Uses> {
        // SAFETY: NULL, or what was put there for as long as the storage lives.
        unsafe { self.uses.load(Ordering::Acquire).as_ref() }
    }

    fn made_uses(&self) -> Result<&Uses> {
        if let Some(uses) = self.uses() {
            return Ok(uses);
        }
        let made = Box::into_raw(Box::new(Uses::new(self.context()?, None)));
        let known = match self.uses.compare_exchange(null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => made,
            Err(other) => {
                // SAFETY: made above, and nobody else has seen it.
                drop(unsafe { Box::from_raw(made) });
                other
            }
        };
        // SAFETY: put there just now, by us or by somebody else, for as long as the storage lives.
        Ok(unsafe { &*known })
    }

    /// Gives back memory of ours once its uses have been done, and has those of other memory done before it goes back.
    ///
    /// Nothing is done in a forked child, which has no devices, nor told of errors: the device that would have them has
    /// failed, or the driver has ended before the process.
    #[cold]
    pub(super) fn end_uses(&mut self) {
        let uses = std::mem::replace(self.uses.get_mut(), null_mut());
        // SAFETY: made by one of the above, and nobody refers to it any more.
        let uses = unsafe { Box::from_raw(uses) };
        if cuda::in_use().is_none() {
            return;
        }
        let Some(block) = uses.own() else {
            let _ = uses.hand_back();
            return;
        };
        // SAFETY: a block that was made in this context, for this storage, which ends here.
        unsafe { uses.context().release(block, uses.into_moments()) };
    }
}
