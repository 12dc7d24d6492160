//! Events: moments on streams, for other streams to wait for.

use std::ptr::null_mut;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use cudarc::driver::sys::CUevent;

use super::context::{Context, Entered};
use super::failure::Failure;
use super::stream::Stream;
use crate::error::Result;

/// `CU_EVENT_DISABLE_TIMING`.
const DISABLE_TIMING: u32 = 2;
/// `CUDA_ERROR_STREAM_CAPTURE_IMPLICIT`: the legacy stream, while one that waits for it is captured.
const CAPTURE_IMPLICIT: i32 = 906;
/// `CU_STREAM_NON_BLOCKING`.
const NON_BLOCKING: u32 = 1;

thread_local! {
    /// Stands for the stream of the thread. Neither the driver, which counts its streams up, nor an address is so large.
    static THREAD: u64 = {
        static NEXT: AtomicU64 = AtomicU64::new(1 << 63);
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
}

/// A moment on a stream. Goes back to its context's store when it is dropped; streams that were told to wait still do.
pub struct Event {
    handle: usize,
    context: &'static Context,
}

impl Event {
    /// The context of its stream.
    pub fn context(&self) -> &'static Context {
        self.context
    }

    fn handle(&self) -> CUevent {
        std::ptr::with_exposed_provenance_mut(self.handle)
    }

    /// Whether all that it stands for has been done.
    pub fn is_done(&self) -> Result<bool> {
        // SAFETY: an event of the driver's, which lives as long as `self`.
        match unsafe { self.context.driver.cuEventQuery(self.handle()) } {
            Ok(()) => Ok(true),
            Err(failure) if failure.is_not_ready() => Ok(false),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Waits until all that it stands for has been done.
    pub fn synchronize(&self) -> Result<()> {
        // SAFETY: as above.
        Ok(unsafe { self.context.driver.cuEventSynchronize(self.handle()) }?)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // A forked child has no events, and the lock may be one that it never gets.
        if self.context.driver.is_lost() {
            return;
        }
        self.context.events.lock().unwrap_or_else(PoisonError::into_inner).push(self.handle);
    }
}

impl Entered {
    /// An event that stands for nothing yet.
    fn event(&self) -> Result<Event> {
        let context = self.context;
        let stored = context.events.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(handle) = stored {
            return Ok(Event { handle, context });
        }
        let mut handle = null_mut();
        // SAFETY: a place for the answer.
        unsafe { self.driver().cuEventCreate(&mut handle, DISABLE_TIMING) }?;
        Ok(Event { handle: handle.expose_provenance(), context })
    }

    /// The moment that `stream` has come to: all that was enqueued there so far.
    pub fn record(&self, stream: Stream) -> Result<Event> {
        let event = self.event()?;
        // SAFETY: an event of this context, and a stream by the promise of whoever named it.
        unsafe { self.driver().cuEventRecord(event.handle(), stream.handle()) }?;
        Ok(event)
    }

    /// The moment that all streams of the context have come to; `None` where the driver cannot say.
    ///
    /// While a stream of the context is captured this fails, and ends the capture.
    pub fn record_all(&self) -> Result<Option<Event>> {
        let event = self.event()?;
        // SAFETY: a context that is entered, and an event of it.
        match unsafe { self.driver().cuCtxRecordEvent(self.context.handle(), event.handle()) } {
            Ok(()) => Ok(Some(event)),
            Err(failure) if failure.is_missing() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// What is enqueued on `stream` from now on begins after `event`, which may be of another device.
    pub fn wait(&self, stream: Stream, event: &Event) -> Result<()> {
        // SAFETY: an event that lives, a stream by the promise of whoever named it.
        Ok(unsafe { self.driver().cuStreamWaitEvent(stream.handle(), event.handle(), 0) }?)
    }

    /// Waits until all that was enqueued on `stream` so far has been done.
    pub fn synchronize(&self, stream: Stream) -> Result<()> {
        // SAFETY: a stream by the promise of whoever named it.
        Ok(unsafe { self.driver().cuStreamSynchronize(stream.handle()) }?)
    }

    /// Whether `stream` is being captured into a graph.
    ///
    /// Fails for the legacy stream while one that would wait for it is captured: then it must not be used.
    pub fn is_capturing(&self, stream: Stream) -> Result<bool> {
        Ok(self.ask_capturing(stream)?)
    }

    /// `stream`, or one of ours where that is the legacy stream and must not be used now.
    pub fn usable(&self, stream: Stream) -> Result<Stream> {
        if stream == Stream::LEGACY && self.is_legacy_barred()? { self.own_stream() } else { Ok(stream) }
    }

    /// Whether to use the legacy stream would end a capture.
    fn is_legacy_barred(&self) -> Result<bool> {
        match self.ask_capturing(Stream::LEGACY) {
            Err(failure) if failure.code() == CAPTURE_IMPLICIT => Ok(true),
            answer => Ok(answer?),
        }
    }

    fn ask_capturing(&self, stream: Stream) -> std::result::Result<bool, Failure> {
        let mut status = 0i32;
        // SAFETY: an integer as large as the driver's enum; a stream by the promise of whoever named it.
        unsafe { self.driver().cuStreamIsCapturing(stream.handle(), (&raw mut status).cast()) }?;
        let captured = status != 0;
        let mut known = self.context.captured.lock().unwrap_or_else(PoisonError::into_inner);
        match (captured, known.iter().position(|&other| other == stream)) {
            (true, None) => known.push(stream),
            (false, Some(place)) => drop(known.swap_remove(place)),
            _ => {}
        }
        Ok(captured)
    }

    /// Whether a stream of this context may be being captured, as far as can be known: one that would wait for the legacy
    /// stream, or one that was when it was last seen. A stream is not asked again by whoever does not know that it is
    /// still there.
    pub(super) fn may_be_captured(&self) -> bool {
        let captured = self.context.captured.lock().unwrap_or_else(PoisonError::into_inner);
        if !captured.is_empty() {
            return true;
        }
        drop(captured);
        self.is_legacy_barred().unwrap_or(true)
    }

    /// What tells `stream` from every other one that there ever was. Where the driver cannot say, the handle has to do.
    pub fn identity(&self, stream: Stream) -> u64 {
        if stream == Stream::PER_THREAD {
            return THREAD.with(|&thread| thread);
        }
        let mut id = 0;
        // SAFETY: a place for the answer; a stream by the promise of whoever named it.
        match unsafe { self.driver().cuStreamGetId(stream.handle(), &mut id) } {
            Ok(()) => id,
            Err(_) => stream.number() as u64,
        }
    }

    /// A stream of our own that waits for no other unless it is told to.
    pub fn new_stream(&self) -> Result<Stream> {
        let mut handle = null_mut();
        // SAFETY: a place for the answer.
        unsafe { self.driver().cuStreamCreate(&mut handle, NON_BLOCKING) }?;
        handle.expose_provenance();
        Ok(Stream::from_handle(handle))
    }
}
