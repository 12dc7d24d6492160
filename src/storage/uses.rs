//! Who may still be working on the memory of a storage: streams, each with the moment of its last use.

use std::sync::{Mutex, MutexGuard, PoisonError};

use once_cell::sync::OnceCell;

use crate::device::cuda::{Block, Context, Entered, Event, Stream};
use crate::error::{Result, bail};

/// How many moments are kept before those that have passed are looked for.
const MANY: usize = 4;

/// What is known of the work on a storage's memory, and what CUDA memory of our own it is.
pub struct Uses {
    context: &'static Context,
    own: Option<Block>,
    /// The stream on which the owner of memory that is not ours works, and in whose order it is freed.
    home: OnceCell<Stream>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Streams of which it is enough to record a moment when somebody has to wait: the legacy default stream, and the one
    /// on which memory of somebody else's is at home.
    open: Vec<Open>,
    passed: Vec<Passed>,
}

/// A stream that may work on the memory, and is there as long as the memory.
#[derive(Clone, Copy)]
struct Open {
    context: &'static Context,
    stream: Stream,
    by: By,
}

/// Whose work it is. Both are waited for by whoever works on the memory next; memory of somebody else's goes back without
/// a wait for what its owner does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The owner's, of memory that is not ours.
    Owner,
    /// Ours, and that of those whom we showed the memory.
    Us,
}

/// The last moment at which a stream is known to work on the memory. The stream may be gone.
struct Passed {
    stream: u64,
    event: Event,
    by: By,
}

impl std::fmt::Debug for Uses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uses").field("own", &self.own).finish_non_exhaustive()
    }
}

impl Open {
    /// Whether `stream` of the context that is entered is this one.
    fn is(&self, entered: &Entered, stream: Stream) -> bool {
        std::ptr::eq(self.context, entered.context()) && self.stream == stream
    }

    /// The moment that the stream has come to.
    fn record(&self) -> Result<Passed> {
        let entered = self.context.enter()?;
        if entered.is_capturing(self.stream)? {
            let number = self.stream.number();
            bail!(DeviceFailure, "stream {number} cannot be waited for while it is captured into a graph");
        }
        let event = entered.record(self.stream)?;
        Ok(Passed { stream: entered.identity(self.stream), event, by: self.by })
    }
}

impl Uses {
    /// Nothing so far, of memory that is at home in `context`; of ours, if there is a block.
    pub fn new(context: &'static Context, own: Option<Block>) -> Self {
        Self { context, own, home: OnceCell::new(), known: Mutex::default() }
    }

    /// The context that the memory is at home in.
    pub fn context(&self) -> &'static Context {
        self.context
    }

    /// The block, if it is ours.
    pub fn own(&self) -> Option<Block> {
        self.own
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `stream` begins what is enqueued from now on after all uses by others.
    ///
    /// A stream that is being captured waits for nothing: what was enqueued before is no part of its graph.
    pub fn wait(&self, entered: &Entered, stream: Stream) -> Result<()> {
        if entered.is_capturing(stream)? {
            return Ok(());
        }
        let mut known = self.known();
        // Whoever waits is about to work there.
        known.open.iter_mut().filter(|open| open.is(entered, stream)).for_each(|open| open.by = By::Us);
        known.pass(|open| !open.is(entered, stream))?;
        let identity = entered.identity(stream);
        for passed in &known.passed {
            if !passed.is(entered.context(), identity) {
                entered.wait(stream, &passed.event)?;
            }
        }
        Ok(())
    }

    /// What is enqueued on `stream` so far uses the memory. Of what is captured nothing is known: it runs when somebody
    /// launches the graph.
    pub fn record(&self, entered: &Entered, stream: Stream, by: By) -> Result<()> {
        if entered.is_capturing(stream)? {
            return Ok(());
        }
        if stream == Stream::LEGACY {
            self.expect(entered, stream, by);
            return Ok(());
        }
        let identity = entered.identity(stream);
        let event = entered.record(stream)?;
        self.known().push(Passed { stream: identity, event, by });
        Ok(())
    }

    /// Whatever is enqueued on `stream`, which is there as long as the memory, may use the memory.
    fn expect(&self, entered: &Entered, stream: Stream, by: By) {
        let mut known = self.known();
        match known.open.iter_mut().find(|open| open.is(entered, stream)) {
            Some(open) => open.by = open.by.max(by),
            None => known.open.push(Open { context: entered.context(), stream, by }),
        }
    }

    /// The owner of memory that is not ours works on `stream`, which is there as long as the memory: what has been
    /// enqueued there uses the memory, and before the memory goes back the stream waits for our uses.
    pub fn set_home(&self, entered: &Entered, stream: Stream) -> Result<()> {
        if stream == Stream::PER_THREAD {
            // On another thread the number means another stream.
            return self.record(entered, stream, By::Owner);
        }
        let _ = self.home.set(stream);
        self.expect(entered, stream, By::Owner);
        Ok(())
    }

    /// Waits until all known uses have been done.
    pub fn synchronize(&self) -> Result<()> {
        self.finish(By::Owner)
    }

    /// Waits until all known uses by `least` and those above have been done. What cannot be waited for keeps nobody from
    /// waiting for the others.
    fn finish(&self, least: By) -> Result<()> {
        let mut known = self.known();
        let mut done = known.pass(|open| open.by >= least);
        for passed in known.passed.iter().filter(|passed| passed.by >= least) {
            done = done.and(passed.event.synchronize());
        }
        if done.is_ok() {
            known.passed.retain(|passed| passed.by < least);
        }
        done
    }

    /// Before memory of somebody else's goes back: its owner's stream waits for our uses if there is one that can, else we
    /// do.
    pub fn hand_back(&self) -> Result<()> {
        match self.home.get() {
            Some(&home) if self.has_ours() && self.order_before(home).is_ok() => Ok(()),
            _ => self.finish(By::Us),
        }
    }

    fn has_ours(&self) -> bool {
        let known = self.known();
        known.open.iter().any(|open| open.by == By::Us)
            || known.passed.iter().any(|passed| passed.by == By::Us)
    }

    /// What the owner enqueues at home from now on begins after all uses.
    fn order_before(&self, home: Stream) -> Result<()> {
        let entered = self.context.enter()?;
        if entered.is_capturing(home)? {
            bail!(DeviceFailure, "stream {} waits for nothing while it is captured", home.number());
        }
        self.wait(&entered, home)
    }

    /// The moments of other contexts that memory of our own must not be freed before. All work of its own context is waited
    /// for anyway.
    pub fn into_moments(self) -> Vec<Event> {
        let context = self.context;
        let mut known = self.known.into_inner().unwrap_or_else(PoisonError::into_inner);
        // What cannot be had is the moment of a device that has failed.
        let _ = known.pass(|open| !std::ptr::eq(open.context, context));
        let events = known.passed.into_iter().map(|passed| passed.event);
        events.filter(|event| !std::ptr::eq(event.context(), context)).collect()
    }
}

impl Passed {
    /// Whether this is of a stream of the context that is entered, by its name among all streams there ever were.
    fn is(&self, context: &Context, stream: u64) -> bool {
        self.stream == stream && std::ptr::eq(self.event.context(), context)
    }
}

impl Known {
    fn push(&mut self, mut passed: Passed) {
        let same = self.passed.iter().position(|other| other.is(passed.event.context(), passed.stream));
        if let Some(place) = same {
            // What was before on the same stream has been done by then.
            passed.by = passed.by.max(self.passed.swap_remove(place).by);
        }
        if self.passed.len() >= MANY {
            // Where that cannot be told, the moment is kept.
            self.passed.retain(|other| !other.event.is_done().unwrap_or(false));
        }
        self.passed.push(passed);
    }

    /// Gives open streams their moment, which need not be asked for again then. Those that have none now stay open, and the
    /// first of them is told of.
    fn pass(&mut self, which: impl Fn(&Open) -> bool) -> Result<()> {
        let (mut all, mut place) = (Ok(()), 0);
        while let Some(open) = self.open.get(place) {
            let passed = if which(open) { open.record().map(Some) } else { Ok(None) };
            match passed {
                Ok(Some(passed)) => {
                    self.open.swap_remove(place);
                    self.push(passed);
                    continue;
                }
                passed => all = all.and(passed.map(|_| ())),
            }
            place += 1;
        }
        all
    }
}
