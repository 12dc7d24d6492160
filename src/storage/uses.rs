//! Who may still be working on the memory of a storage: streams, each with the moment of its last use.

use std::sync::{Mutex, PoisonError};

use crate::device::cuda::{Entered, Event, Stream};
use crate::error::Result;

/// What is known of the work on a storage's memory.
#[derive(Default)]
pub(super) struct Uses(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The legacy default stream may be working on it. A moment of that is only recorded when somebody has to wait.
    on_legacy: bool,
    others: Vec<Use>,
}

/// The last moment at which a stream is known to work on the memory.
struct Use {
    stream: Option<u64>,
    event: Event,
}

impl Uses {
    /// `stream` begins what is enqueued from now on after all uses by others.
    pub fn wait(&self, entered: &Entered, stream: Stream) -> Result<()> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = entered.identity(stream);
        if known.on_legacy && stream != Stream::LEGACY {
            entered.wait(stream, &entered.record(Stream::LEGACY)?)?;
        }
        for other in known.others.iter().filter(|other| identity.is_none() || other.stream != identity) {
            entered.wait(stream, &other.event)?;
        }
        Ok(())
    }

    /// What is enqueued on `stream` so far uses the memory.
    pub fn record(&self, entered: &Entered, stream: Stream) -> Result<()> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if stream == Stream::LEGACY {
            known.on_legacy = true;
            return Ok(());
        }
        let identity = entered.identity(stream);
        let event = entered.record(stream)?;
        known.others.retain(|other| identity.is_none() || other.stream != identity);
        known.others.push(Use { stream: identity, event });
        Ok(())
    }
}
