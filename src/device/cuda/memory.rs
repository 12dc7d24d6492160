//! Memory that CUDA gives: on a device, in stream order, from a pool of our own; pinned and managed memory.

use std::ptr::null_mut;

use cudarc::driver::sys::{
    CUdevice, CUdevice_attribute, CUmemAccess_flags, CUmemAccessDesc, CUmemAllocationHandleType,
    CUmemAllocationType, CUmemLocation, CUmemLocationType, CUmemPool_attribute, CUmemPoolProps, CUmemoryPool,
};

use super::context::{Entered, Pool};
use super::stream::Stream;
use crate::error::{Error, Kind, Result, bail};

/// `CU_MEMHOSTALLOC_PORTABLE`: pinned for every context.
const PORTABLE: u32 = 1;
/// `CU_MEM_ATTACH_GLOBAL`: any stream of any device may use it.
const ATTACH_GLOBAL: u32 = 1;

fn location(device: CUdevice) -> CUmemLocation {
    CUmemLocation { type_: CUmemLocationType::CU_MEM_LOCATION_TYPE_DEVICE, id: device }
}

impl Entered {
    /// Device memory, and whether it may be used by what is enqueued on `stream` from now on only: other streams have to
    /// wait for that one first.
    ///
    /// While `stream` is captured memory is made outside of the capture.
    pub fn allocate(&self, bytes: usize, stream: Stream) -> Result<(u64, bool)> {
        self.sweep();
        match self.try_allocate(bytes, stream) {
            // What was released and not freed yet is waited for, unless that would end a capture.
            Err(error) if error.kind() == Kind::OutOfMemory && !self.may_be_captured() => {
                self.synchronize_all()?;
                self.sweep();
                self.synchronize(self.own_stream()?)?;
                self.try_allocate(bytes, stream)
            }
            made => made,
        }
    }

    fn try_allocate(&self, bytes: usize, stream: Stream) -> Result<(u64, bool)> {
        let mut address = 0;
        let Some(pool) = self.pool()? else {
            // SAFETY: a place for the answer.
            unsafe { self.driver().cuMemAlloc_v2(&mut address, bytes) }?;
            return Ok((address, false));
        };
        let is_captured = self.is_capturing(stream)?;
        let on = if is_captured { self.own_stream()? } else { stream };
        // SAFETY: a place for the answer, a pool of this device, a stream of ours, or by the promise of whoever named it.
        unsafe { self.driver().cuMemAllocFromPoolAsync(&mut address, bytes, pool.0, on.handle()) }?;
        if is_captured && let Err(error) = self.synchronize(on) {
            // SAFETY: made above, and nobody has seen it. The first error is the one to tell.
            let _ = unsafe { self.free(address, on) };
            return Err(error);
        }
        Ok((address, !is_captured))
    }

    /// Device memory that only what is enqueued on `stream` from now on uses, and that is given back there. While the
    /// stream is captured both become part of its graph, which has memory of its own whenever it runs.
    pub fn allocate_on(&self, bytes: usize, stream: Stream) -> Result<u64> {
        if !self.is_capturing(stream)? {
            return Ok(self.allocate(bytes, stream)?.0);
        }
        let Some(pool) = self.pool()? else {
            bail!(
                Unsupported,
                "a captured stream has memory on the way only where devices have memory pools"
            );
        };
        let mut address = 0;
        // SAFETY: a place for the answer, a pool of this device, a stream by the promise of whoever named it.
        unsafe { self.driver().cuMemAllocFromPoolAsync(&mut address, bytes, pool.0, stream.handle()) }?;
        Ok(address)
    }

    /// Gives memory of [`allocate`](Self::allocate) back, in the order of `stream`.
    ///
    /// # Safety
    /// `address` came from there, of this context, and is used by nothing that is not before this on `stream`.
    pub unsafe fn free(&self, address: u64, stream: Stream) -> Result<()> {
        // SAFETY: the caller's promise.
        Ok(unsafe {
            match self.pool()? {
                Some(_) => self.driver().cuMemFreeAsync(address, stream.handle()),
                None => self.driver().cuMemFree_v2(address),
            }
        }?)
    }

    /// Whether device memory comes from a pool, and is freed in stream order.
    pub(super) fn has_pool(&self) -> Result<bool> {
        self.pool().map(|pool| pool.is_some())
    }

    /// The pool of ours on this device; `None` where devices have no pools. The device's own pool is left alone: how much
    /// of it is kept is the business of others.
    fn pool(&self) -> Result<Option<Pool>> {
        self.context.pool.get_or_try_init(|| self.new_pool()).copied()
    }

    fn new_pool(&self) -> Result<Option<Pool>> {
        if self.context.attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED)? == 0 {
            return Ok(None);
        }
        let properties = CUmemPoolProps {
            allocType: CUmemAllocationType::CU_MEM_ALLOCATION_TYPE_PINNED,
            handleTypes: CUmemAllocationHandleType::CU_MEM_HANDLE_TYPE_NONE,
            location: location(self.context.device()),
            win32SecurityAttributes: null_mut(),
            reserved: [0; 64],
        };
        let mut pool = null_mut();
        // Without this every synchronisation gives all memory that is free back to the system.
        let mut keep = u64::MAX;
        let threshold = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        // SAFETY: a place for the answer, the properties of a pool of device memory.
        unsafe { self.driver().cuMemPoolCreate(&mut pool, &properties) }?;
        // SAFETY: the attribute's own type.
        let kept = unsafe { self.driver().cuMemPoolSetAttribute(pool, threshold, (&raw mut keep).cast()) };
        if let Err(error) = kept.map_err(Error::from).and_then(|()| self.show_to_peers(pool)) {
            // SAFETY: made above, and nobody has seen it. The first error is the one to tell.
            let _ = unsafe { self.driver().cuMemPoolDestroy(pool) };
            return Err(error);
        }
        Ok(Some(Pool(pool)))
    }

    /// Lets the devices that reach this one read and write the memory of the pool. One that cannot be let in is no worse off
    /// than one that cannot reach it: copies find their way.
    fn show_to_peers(&self, pool: CUmemoryPool) -> Result<()> {
        let mut access = Vec::new();
        for ordinal in (0..super::count()?).filter(|&ordinal| ordinal != self.context.ordinal()) {
            let peer = self.context.peer(ordinal)?;
            if self.context.is_reached_by(peer)? {
                let flags = CUmemAccess_flags::CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
                access.push(CUmemAccessDesc { location: location(peer), flags });
            }
        }
        if !access.is_empty() {
            // SAFETY: our own pool, as many descriptions as are said.
            let _ = unsafe { self.driver().cuMemPoolSetAccess(pool, access.as_ptr(), access.len()) };
        }
        Ok(())
    }

    /// Host memory that devices reach without the processor's help.
    pub fn allocate_pinned(&self, bytes: usize) -> Result<u64> {
        let mut address = null_mut();
        // SAFETY: a place for the answer.
        unsafe { self.driver().cuMemHostAlloc(&mut address, bytes, PORTABLE) }?;
        Ok(address.expose_provenance() as u64)
    }

    /// Gives pinned memory back.
    ///
    /// # Safety
    /// `address` came from [`allocate_pinned`](Self::allocate_pinned), and nothing uses it any more.
    pub unsafe fn free_pinned(&self, address: u64) -> Result<()> {
        let address = std::ptr::with_exposed_provenance_mut(address as usize);
        // SAFETY: the caller's promise.
        Ok(unsafe { self.driver().cuMemFreeHost(address) }?)
    }

    /// Memory that moves between host and devices by itself.
    pub fn allocate_managed(&self, bytes: usize) -> Result<u64> {
        let mut address = 0;
        // SAFETY: a place for the answer.
        unsafe { self.driver().cuMemAllocManaged(&mut address, bytes, ATTACH_GLOBAL) }?;
        Ok(address)
    }

    /// Gives managed memory back.
    ///
    /// # Safety
    /// `address` came from [`allocate_managed`](Self::allocate_managed), and nothing uses it any more.
    pub unsafe fn free_managed(&self, address: u64) -> Result<()> {
        // SAFETY: the caller's promise.
        Ok(unsafe { self.driver().cuMemFree_v2(address) }?)
    }
}
