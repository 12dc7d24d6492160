//! Chunks of pinned memory through which pageable memory passes: one is packed while another travels. They are kept for
//! the next call, for pinning takes longer than filling.

use std::collections::VecDeque;
use std::ptr::with_exposed_provenance_mut;
use std::sync::{Mutex, PoisonError};

use super::queue::Queue;
use crate::device::cuda::Event;
use crate::error::Result;

/// Bytes of a chunk: long enough to travel at full speed, short enough for the first one not to be waited for.
pub const CHUNK: usize = 4 << 20;

/// So many chunks there are at most, but for calls that would have to wait for other calls.
const MOST: usize = 4;

/// Those that nobody has, the one that was given back first at the front.
static IDLE: Mutex<VecDeque<Chunk>> = Mutex::new(VecDeque::new());

/// Pinned memory of [`CHUNK`] bytes.
pub struct Chunk {
    start: *mut u8,
    /// What still travels from or to it.
    travels: Option<Event>,
}

// SAFETY: memory that whoever has the chunk uses alone.
unsafe impl Send for Chunk {}

impl Chunk {
    /// One that nobody uses, nor a device.
    pub fn take(queue: &Queue) -> Result<Self> {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free =
            |chunk: &Self| chunk.travels.as_ref().is_none_or(|event| event.is_done().unwrap_or(false));
        let free = match idle.iter().position(is_free) {
            None if idle.len() >= MOST => Some(0),
            found => found,
        };
        let taken = free.and_then(|at| idle.remove(at));
        drop(idle);
        match taken {
            Some(mut chunk) => {
                chunk.arrive()?;
                Ok(chunk)
            }
            None => {
                let start = with_exposed_provenance_mut(queue.entered.allocate_pinned(CHUNK)? as usize);
                Ok(Self { start, travels: None })
            }
        }
    }

    /// Its first byte.
    pub fn start(&self) -> *mut u8 {
        self.start
    }

    /// What was enqueued so far travels from or to it.
    pub fn depart(&mut self, queue: &Queue) -> Result<()> {
        self.travels = Some(queue.entered.record(queue.stream)?);
        Ok(())
    }

    /// Waits until what travels has arrived.
    pub fn arrive(&mut self) -> Result<()> {
        match self.travels.take() {
            Some(event) => event.synchronize(),
            None => Ok(()),
        }
    }

    /// Keeps it for later. One of which nobody knows whether something still travels is lost instead: it is just dropped.
    pub fn keep(self) {
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).push_back(self);
    }
}
