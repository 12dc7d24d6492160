//! Moving and setting bytes, in stream order.

use cudarc::driver::sys::CUDA_MEMCPY3D;

use super::context::Entered;
use super::stream::Stream;
use crate::error::Result;

/// A word that memory is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Of one byte.
    U8(u8),
    /// Of two.
    U16(u16),
    /// Of four.
    U32(u32),
}

impl Entered {
    /// Copies between any two addresses that CUDA knows, or host memory.
    ///
    /// # Safety
    /// Both ranges are there until `stream` has come so far; memory of the host that is not pinned, during the call.
    pub unsafe fn copy(&self, target: u64, source: u64, bytes: usize, stream: Stream) -> Result<()> {
        // SAFETY: the caller's promise.
        Ok(unsafe { self.driver().cuMemcpyAsync(target, source, bytes, stream.handle()) }?)
    }

    /// Copies device memory to the host. An address that is none of a device is an error, not one of the host's.
    ///
    /// # Safety
    /// As [`copy`](Self::copy), for the target.
    pub unsafe fn copy_to_host(
        &self,
        target: *mut u8,
        source: u64,
        bytes: usize,
        stream: Stream,
    ) -> Result<()> {
        // SAFETY: the caller's promise.
        Ok(unsafe { self.driver().cuMemcpyDtoHAsync_v2(target.cast(), source, bytes, stream.handle()) }?)
    }

    /// Copies rows of planes.
    ///
    /// # Safety
    /// As [`copy`](Self::copy), for all that `copy` describes.
    pub unsafe fn copy_3d(&self, copy: &CUDA_MEMCPY3D, stream: Stream) -> Result<()> {
        // SAFETY: the caller's promise.
        Ok(unsafe { self.driver().cuMemcpy3DAsync_v2(copy, stream.handle()) }?)
    }

    /// Writes `count` words that are `pattern` from `address` on, which is a multiple of the word.
    ///
    /// # Safety
    /// The words are there until `stream` has come so far.
    pub unsafe fn set(&self, address: u64, pattern: Pattern, count: usize, stream: Stream) -> Result<()> {
        let (driver, stream) = (self.driver(), stream.handle());
        // SAFETY: the caller's promise.
        Ok(unsafe {
            match pattern {
                Pattern::U8(word) => driver.cuMemsetD8Async(address, word, count, stream),
                Pattern::U16(word) => driver.cuMemsetD16Async(address, word, count, stream),
                Pattern::U32(word) => driver.cuMemsetD32Async(address, word, count, stream),
            }
        }?)
    }

    /// Writes `height` rows of `width` words that are `pattern`, `pitch` bytes apart.
    ///
    /// # Safety
    /// As [`set`](Self::set), for all rows.
    pub unsafe fn set_2d(
        &self,
        address: u64,
        pitch: usize,
        pattern: Pattern,
        [width, height]: [usize; 2],
        stream: Stream,
    ) -> Result<()> {
        let (driver, stream) = (self.driver(), stream.handle());
        // SAFETY: the caller's promise.
        Ok(unsafe {
            match pattern {
                Pattern::U8(word) => driver.cuMemsetD2D8Async(address, pitch, word, width, height, stream),
                Pattern::U16(word) => driver.cuMemsetD2D16Async(address, pitch, word, width, height, stream),
                Pattern::U32(word) => driver.cuMemsetD2D32Async(address, pitch, word, width, height, stream),
            }
        }?)
    }
}
