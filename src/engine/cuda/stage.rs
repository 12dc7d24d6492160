//! Chunks of pinned memory through which pageable memory passes: one is packed while another travels. They are kept for
//! the next call, for pinning takes longer than filling.

use std::collections::VecDeque;
use std::ptr::with_exposed_provenance_mut;
use std::sync::{Mutex, PoisonError};

use super::queue::Queue;
use crate::device::cuda::{Event, context};
use crate::error::Result;

/// Bytes of a chunk: long enough to travel at full speed, short enough for the first one not to be waited for.
pub(in crate::engine) const CHUNK: usize = 4 << 20;

/// When so many are kept, one is waited for instead of making another.
const MOST: usize = 4;

/// Those that nobody has, the one that was given back first at the front.
static IDLE: Mutex<VecDeque<Idle>> = Mutex::new(VecDeque::new());

struct Idle {
    start: usize,
    /// What still travels from or to it.
    travels: Option<Event>,
}

/// Pinned memory of [`CHUNK`] bytes. Dropping it keeps it for later.
pub struct Chunk {
    start: usize,
    travels: Option<Event>,
    /// Whether something travels of which nobody knows when it will have arrived. Then the memory is lost.
    is_lost: bool,
}

impl Chunk {
    /// One that nobody uses, nor a device.
    pub fn take(queue: &Queue) -> Result<Self> {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free =
            |chunk: &Idle| chunk.travels.as_ref().is_none_or(|event| event.is_done().unwrap_or(false));
        let free = match idle.iter().position(is_free) {
            None if idle.len() >= MOST => Some(0),
            found => found,
        };
        let taken = free.and_then(|at| idle.remove(at));
        drop(idle);
        let Some(Idle { start, travels }) = taken else {
            // In a context that stays: memory goes with the one that it was made in.
            let staying = context(queue.entered.context().ordinal())?.enter()?;
            let start = staying.allocate_pinned(CHUNK)? as usize;
            return Ok(Self { start, travels: None, is_lost: false });
        };
        let mut chunk = Self { start, travels, is_lost: false };
        chunk.arrive()?;
        Ok(chunk)
    }

    /// Its first byte.
    pub fn start(&self) -> *mut u8 {
        with_exposed_provenance_mut(self.start)
    }

    /// Sends its first bytes to `target`.
    ///
    /// # Safety
    /// So many bytes are there until the stream has come so far.
    pub unsafe fn send(&mut self, target: usize, bytes: usize, queue: &Queue) -> Result<()> {
        // SAFETY: as the caller promises; the chunk is kept until all has arrived.
        unsafe { queue.copy(target, self.start, bytes) }?;
        self.depart(queue)
    }

    /// Has bytes from `source` sent here.
    ///
    /// # Safety
    /// As for [`send`](Self::send).
    pub unsafe fn receive(&mut self, source: usize, bytes: usize, queue: &Queue) -> Result<()> {
        // SAFETY: as the caller promises; the chunk is kept until all has arrived.
        unsafe { queue.copy(self.start, source, bytes) }?;
        self.depart(queue)
    }

    fn depart(&mut self, queue: &Queue) -> Result<()> {
        self.is_lost = true;
        self.travels = Some(queue.entered.record(queue.stream)?);
        self.is_lost = false;
        Ok(())
    }

    /// Waits until what travels has arrived.
    pub fn arrive(&mut self) -> Result<()> {
        match &self.travels {
            Some(event) => event.synchronize()?,
            None => return Ok(()),
        }
        self.travels = None;
        Ok(())
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if !self.is_lost {
            let idle = Idle { start: self.start, travels: self.travels.take() };
            IDLE.lock().unwrap_or_else(PoisonError::into_inner).push_back(idle);
        }
    }
}
