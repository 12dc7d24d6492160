//! Giving memory back while streams may still work on it: in stream order where the memory has one, else later.
//!
//! Who releases a tensor names no stream, and whoever it was shown to may have used it on any. So memory is freed after
//! all work that its context has so far. That moment cannot be had while a stream is captured: asking for it would end
//! the capture. What is released meanwhile waits.

use std::sync::{MutexGuard, PoisonError};

use super::context::{Context, Entered};
use super::event::Event;
use super::stream::Stream;
use crate::error::Result;

/// Memory of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Of a device.
    Device(u64),
    /// Of the host, pinned.
    Pinned(u64),
    /// Managed.
    Managed(u64),
}

impl Block {
    /// Where it begins.
    pub fn address(self) -> u64 {
        match self {
            Self::Device(address) | Self::Pinned(address) | Self::Managed(address) => address,
        }
    }
}

/// A block that is to be freed.
pub(super) struct Released {
    block: Block,
    /// What must have been done before in other contexts.
    uses: Vec<Event>,
    /// All work of the context, once it could be asked for.
    all: Option<Event>,
}

impl Context {
    /// Frees `block` once all work that this context has so far has been done, and `uses`, which are of other ones.
    ///
    /// Where the context cannot be entered now, as in a function that a stream calls, that is left to a later call.
    ///
    /// # Safety
    /// The block was made in this context and is given back once; nobody enqueues work on it any more.
    pub unsafe fn release(&'static self, block: Block, uses: Vec<Event>) {
        self.waiting().push(Released { block, uses, all: None });
        if let Ok(entered) = self.enter() {
            entered.sweep();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Released>> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entered {
    /// Frees what was released and can be freed by now.
    pub fn sweep(&self) {
        let mut waiting = self.context.waiting();
        if waiting.is_empty() || self.may_be_captured() {
            return;
        }
        // An error is one of the device, which every later call will tell of; the block is left, and forgotten.
        waiting.retain_mut(|released| !self.end(released).unwrap_or(true));
    }

    /// Frees one block; whether that is done.
    fn end(&self, released: &mut Released) -> Result<bool> {
        if let (Block::Device(address), true) = (released.block, self.has_pool()?) {
            let stream = self.own_stream()?;
            for event in &released.uses {
                self.wait(stream, event)?;
            }
            match self.record_all()? {
                Some(all) => self.wait(stream, &all)?,
                None => self.synchronize_all()?,
            }
            // SAFETY: `release`'s caller promised it; what may use the block is before this on the stream.
            unsafe { self.free(address, stream) }?;
            return Ok(true);
        }
        if released.all.is_none() {
            released.all = self.record_all()?;
            if released.all.is_none() {
                self.synchronize_all()?;
            }
        }
        for event in released.uses.iter().chain(&released.all) {
            if !event.is_done()? {
                return Ok(false);
            }
        }
        // SAFETY: `release`'s caller promised it; what may use the block has been done.
        unsafe {
            match released.block {
                Block::Device(address) => self.free(address, Stream::LEGACY),
                Block::Pinned(address) => self.free_pinned(address),
                Block::Managed(address) => self.free_managed(address),
            }
        }?;
        Ok(true)
    }
}
