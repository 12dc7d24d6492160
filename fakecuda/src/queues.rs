//! Streams: queues of operations that run as late as possible.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::{
    captures,
    codes::{Answer, INVALID_HANDLE},
    config::Mode,
    contexts, entry,
    state::{self, Guard, State},
};

pub const LEGACY: usize = 1;
pub const PER_THREAD: usize = 2;

/// What an operation does when it runs. A graph runs it again and again.
pub enum Work {
    Run(Box<dyn Fn(&mut State) -> Answer + Send + Sync>),
    /// Without the lock: a host function, a wait for another process.
    Unlocked(Box<dyn Fn() -> Answer + Send + Sync>),
}

/// Work that changes what the driver knows.
pub fn run(work: impl Fn(&mut State) -> Answer + Send + Sync + 'static) -> Work {
    Work::Run(Box::new(work))
}

struct Operation {
    id: u64,
    after: Vec<u64>,
    work: Arc<Work>,
}

/// Which queue.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    /// A context's legacy default stream.
    Legacy(usize),
    /// A context's default stream of one thread.
    PerThread(usize, u64),
    Stream(usize),
    /// Where `cuCtxRecordEvent` waits for everything of a context.
    Everything(usize),
}

pub struct Queue {
    pub context: usize,
    /// Ordered with the legacy default stream.
    pub blocking: bool,
    pub priority: i32,
    pub destroyed: bool,
    operations: VecDeque<Operation>,
    /// The last operation that was put in.
    tail: u64,
    busy: bool,
}

impl Queue {
    pub fn new(context: usize, blocking: bool, priority: i32) -> Self {
        let operations = VecDeque::new();
        Self { context, blocking, priority, destroyed: false, operations, tail: 0, busy: false }
    }
}

#[derive(Default)]
pub struct Queues {
    map: HashMap<Key, Queue>,
    /// The queue of each operation that has not run.
    pending: HashMap<u64, Key>,
    pub next: u64,
}

impl Queues {
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Streams that callers have made and not destroyed.
    pub fn streams(&self) -> usize {
        self.map.iter().filter(|(key, queue)| matches!(key, Key::Stream(_)) && !queue.destroyed).count()
    }

    pub fn is_pending(&self, id: u64) -> bool {
        self.pending.contains_key(&id)
    }

    pub fn get(&self, key: Key) -> Answer<&Queue> {
        self.map.get(&key).ok_or(INVALID_HANDLE)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Queue)> {
        self.map.iter()
    }

    /// The last operations of the queues that `chosen` says.
    pub fn tails(&self, chosen: impl Fn(&Key, &Queue) -> bool) -> Vec<u64> {
        let chosen = self.map.iter().filter(|(key, queue)| chosen(key, queue));
        chosen.map(|(_, queue)| queue.tail).filter(|tail| self.is_pending(*tail)).collect()
    }

    /// What somebody who waits for this stream waits for.
    pub fn ends(&self, key: Key) -> Vec<u64> {
        self.tails(|other, queue| {
            *other == key || matches!(key, Key::Legacy(own) if queue.context == own && queue.blocking)
        })
    }

    /// Forgets the stream as soon as its work is done.
    pub fn destroy(&mut self, key: Key) {
        let Some(queue) = self.map.get_mut(&key) else { return };
        queue.destroyed = true;
        self.bury(key);
    }

    fn bury(&mut self, key: Key) {
        if self
            .map
            .get(&key)
            .is_some_and(|queue| queue.destroyed && queue.operations.is_empty() && !queue.busy)
        {
            self.map.remove(&key);
        }
    }

    /// Forgets a context's streams and what is left in them.
    pub fn forget(&mut self, context: usize) {
        self.map.retain(|_, queue| queue.context != context);
        let map = &self.map;
        self.pending.retain(|_, key| map.contains_key(key));
    }
}

fn thread() -> u64 {
    // SAFETY: a system call without arguments that cannot fail.
    unsafe { libc::syscall(libc::SYS_gettid) as u64 }
}

/// The queue of a stream handle. The handles 0, 1 and 2 are relative to the current context.
pub fn resolve(state: &mut State, stream: usize) -> Answer<Key> {
    let key = match stream {
        0 | LEGACY => Key::Legacy(contexts::current(state)?),
        PER_THREAD => Key::PerThread(contexts::current(state)?, thread()),
        handle => Key::Stream(handle),
    };
    match (key, state.queues.map.get(&key)) {
        (_, Some(queue)) if !queue.destroyed => {}
        (Key::Legacy(context), None) => open(state, key, Queue::new(context, false, 0)),
        (Key::PerThread(context, _), None) => open(state, key, Queue::new(context, true, 0)),
        _ => return Err(INVALID_HANDLE),
    }
    Ok(key)
}

/// The context of a stream, if neither is broken.
pub fn context(state: &mut State, stream: usize) -> Answer<usize> {
    let key = resolve(state, stream)?;
    let context = state.queues.get(key)?.context;
    state.contexts.healthy(context).map(|()| context)
}

pub fn open(state: &mut State, key: Key, queue: Queue) {
    state.queues.map.insert(key, queue);
    if state.config.mode == Mode::Threads {
        work_off(key);
    }
}

/// Puts an operation into a queue, behind those of `after` too.
pub fn push(state: &mut State, key: Key, mut after: Vec<u64>, work: Arc<Work>) -> Answer<u64> {
    let own = state.queues.get(key)?;
    let (context, blocking) = (own.context, own.blocking);
    // The legacy default stream and every blocking stream wait for each other.
    after.extend(state.queues.tails(|other, queue| {
        let ordered = match (key, other) {
            (Key::Legacy(_), _) => queue.blocking,
            (_, Key::Legacy(_)) => blocking,
            _ => false,
        };
        ordered && *other != key && queue.context == context
    }));
    after.retain(|id| state.queues.is_pending(*id));
    state.queues.next += 1;
    let id = state.queues.next;
    state.queues.pending.insert(id, key);
    let queue = state.queues.map.get_mut(&key).ok_or(INVALID_HANDLE)?;
    queue.tail = id;
    queue.operations.push_back(Operation { id, after, work });
    state::changed();
    Ok(id)
}

/// Gives work to a stream, or to the capture that it is in. With `wait` the call returns when it is done.
pub fn submit(mut state: Guard, stream: usize, wait: bool, work: Work) -> Answer {
    let context = context(&mut state, stream)?;
    let key = resolve(&mut state, stream)?;
    if let Some(capture) = captures::of(&state, key) {
        return captures::add(&mut state, capture, key, Arc::new(work));
    }
    captures::forbid_legacy(&mut state, key)?;
    let id = push(&mut state, key, Vec::new(), Arc::new(work))?;
    if wait || state.config.mode == Mode::Eager {
        state = finish(state, &[id]);
    }
    if wait { state.contexts.healthy(context) } else { Ok(()) }
}

/// Returns when these operations have run.
pub fn finish(mut state: Guard, ids: &[u64]) -> Guard {
    for id in ids {
        while state.queues.is_pending(*id) {
            state = advance(state, *id);
        }
    }
    state
}

/// Returns when everything of a context has run.
pub fn drain(state: Guard, context: usize) -> Guard {
    let ids = state.queues.tails(|_, queue| queue.context == context);
    finish(state, &ids)
}

/// Brings lazy work one operation nearer to `id`.
pub fn nudge(state: Guard, id: u64) -> Guard {
    if state.queues.is_pending(id) && state.config.mode == Mode::Lazy { advance(state, id) } else { state }
}

/// Runs one operation that `id` waits for, or `id` itself.
fn advance(state: Guard, mut id: u64) -> Guard {
    if state.config.mode == Mode::Threads {
        return state::wait(state);
    }
    let queues = &state.queues;
    // From the front of one queue to the front of another: never twice to the same, for operations wait for older ones.
    while let Some(key) = queues.pending.get(&id).copied() {
        let Some(queue) = queues.map.get(&key) else { break };
        let Some(front) = queue.operations.front().filter(|_| !queue.busy) else { return state::wait(state) };
        match front.after.iter().find(|other| queues.is_pending(**other)) {
            Some(other) => id = *other,
            None => return run_front(state, key),
        }
    }
    state
}

/// Runs the oldest operation of a queue.
fn run_front(mut state: Guard, key: Key) -> Guard {
    let Some(queue) = state.queues.map.get_mut(&key) else { return state };
    let Some(operation) = queue.operations.pop_front() else { return state };
    queue.busy = true;
    let context = queue.context;
    // A broken context runs nothing any more.
    if state.contexts.healthy(context).is_ok() {
        let outcome = match (state.faults.hit_operation(), &*operation.work) {
            (Err(code), _) => Err(code),
            (Ok(()), Work::Run(run)) => run(&mut state),
            (Ok(()), Work::Unlocked(run)) => {
                drop(state);
                let outcome = entry::as_callback(run);
                state = state::lock();
                outcome
            }
        };
        if let Err(code) = outcome {
            state.contexts.shatter(context, code);
        }
    }
    state.queues.pending.remove(&operation.id);
    if let Some(queue) = state.queues.map.get_mut(&key) {
        queue.busy = false;
    }
    state.queues.bury(key);
    state::changed();
    state
}

/// The thread of a stream in the mode with threads: it runs each operation after a while.
fn work_off(key: Key) {
    std::thread::spawn(move || {
        let mut random = thread();
        loop {
            let mut state = state::lock();
            loop {
                let Some(queue) = state.queues.map.get(&key) else { return };
                let ready =
                    |front: &Operation| !front.after.iter().any(|other| state.queues.is_pending(*other));
                if queue.operations.front().is_some_and(ready) {
                    break;
                }
                state = state::wait(state);
            }
            drop(state);
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            std::thread::sleep(Duration::from_micros((random >> 33) % 3000));
            drop(run_front(state::lock(), key));
        }
    });
}
