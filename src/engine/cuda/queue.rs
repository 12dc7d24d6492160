//! Where work goes: a stream of a context that is entered.

use std::ffi::CStr;

use super::params::Params;
use crate::device::cuda::{Entered, Family, Shape, Stream, kernel};
use crate::error::Result;

/// Threads of a block, of every kernel.
const THREADS: u32 = 256;

/// A stream, and its context.
#[derive(Clone, Copy)]
pub struct Queue<'a> {
    /// The context.
    pub entered: &'a Entered,
    /// The stream.
    pub stream: Stream,
}

impl<'a> Queue<'a> {
    /// Enqueues a kernel; a grid of no blocks is none.
    ///
    /// # Safety
    /// The kernel takes a `P`; all memory that it touches is there until the stream has come so far.
    pub unsafe fn launch<P: Params>(
        &self,
        family: &'static Family,
        name: &'static CStr,
        grid: u32,
        parameters: &P,
    ) -> Result<()> {
        if grid == 0 {
            return Ok(());
        }
        let kernel = kernel(self.entered, family, name)?;
        let shape = Shape { grid, block: [THREADS, 1], shared_bytes: 0 };
        // SAFETY: as the caller promises; the kernel is of this context.
        unsafe { self.entered.launch(kernel, shape, parameters, self.stream) }
    }

    /// Device memory for what is enqueued from now on, until the result is dropped.
    pub fn room(&self, bytes: usize) -> Result<Room<'a>> {
        let address =
            if bytes == 0 { 0 } else { self.entered.allocate_on(bytes.next_multiple_of(4), self.stream)? };
        Ok(Room { queue: *self, address })
    }

    /// Copies bytes that follow each other, wherever the driver finds them.
    ///
    /// # Safety
    /// As for [`Entered::copy`].
    pub unsafe fn copy(&self, target: usize, source: usize, bytes: usize) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe { self.entered.copy(target as u64, source as u64, bytes, self.stream) }
    }
}

/// Device memory for a while, in the order of a stream.
pub struct Room<'a> {
    queue: Queue<'a>,
    address: u64,
}

impl Room<'_> {
    /// Its first byte.
    pub fn start(&self) -> usize {
        self.address as usize
    }

    /// Its first byte, to be freed by the caller.
    pub fn keep(mut self) -> u64 {
        std::mem::take(&mut self.address)
    }

    /// The same as views have it.
    pub fn pointer(&self) -> *mut u8 {
        std::ptr::without_provenance_mut(self.start())
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if self.address != 0 {
            // Who could be told? A driver that cannot free will not do anything else either.
            // SAFETY: allocated on this stream, which is the only one that was given the address.
            let _ = unsafe { self.queue.entered.free(self.address, self.queue.stream) };
        }
    }
}
