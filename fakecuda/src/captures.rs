//! Captures: what streams are asked to do while they are recorded into a graph, and what breaks a recording.

use std::{cell::Cell, collections::HashMap, sync::Arc, thread::ThreadId};

use libc::c_int;

use crate::{
    codes::{
        Answer, CAPTURED_EVENT, ILLEGAL_STATE, INVALID_VALUE, STREAM_CAPTURE_IMPLICIT,
        STREAM_CAPTURE_INVALIDATED, STREAM_CAPTURE_ISOLATION, STREAM_CAPTURE_MERGE, STREAM_CAPTURE_UNJOINED,
        STREAM_CAPTURE_UNMATCHED, STREAM_CAPTURE_UNSUPPORTED, STREAM_CAPTURE_WRONG_THREAD,
    },
    queues::{Key, Work},
    state::State,
};

/// Whose unsafe calls break a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Global,
    ThreadLocal,
    Relaxed,
}

impl Mode {
    pub fn of(number: u32) -> Answer<Self> {
        [Self::Global, Self::ThreadLocal, Self::Relaxed].get(number as usize).copied().ok_or(INVALID_VALUE)
    }
}

pub struct Capture {
    origin: Key,
    mode: Mode,
    thread: ThreadId,
    nodes: Vec<Node>,
    /// The last nodes of each stream that takes part.
    heads: HashMap<Key, Vec<usize>>,
    broken: bool,
}

struct Node {
    after: Vec<usize>,
    work: Arc<Work>,
}

/// What a capture came to; `executable` when it was instantiated.
pub struct Graph {
    pub works: Arc<Vec<Arc<Work>>>,
    pub executable: bool,
}

/// The nodes that an event stands for.
#[derive(Clone)]
pub struct Mark {
    pub capture: u64,
    heads: Vec<usize>,
}

thread_local! {
    static MODE: Cell<Mode> = const { Cell::new(Mode::Global) };
}

/// Changes how this thread's unsafe calls are looked at.
pub fn exchange(mode: Mode) -> Mode {
    MODE.replace(mode)
}

/// The capture that a stream is in.
pub fn of(state: &State, key: Key) -> Option<u64> {
    state.captures.iter().find(|(_, capture)| capture.heads.contains_key(&key)).map(|(id, _)| *id)
}

/// 0 no capture, 1 capturing, 2 broken: as `cuStreamIsCapturing` says it. To ask it of the legacy default stream while
/// a blocking one captures is an error, but breaks nothing.
pub fn status(state: &State, key: Key) -> Answer<u32> {
    if !entangled(state, key).is_empty() {
        return Err(STREAM_CAPTURE_IMPLICIT);
    }
    Ok(of(state, key).map_or(0, |id| if state.captures[&id].broken { 2 } else { 1 }))
}

pub fn begin(state: &mut State, key: Key, mode: Mode) -> Answer {
    if matches!(key, Key::Legacy(_)) {
        return Err(STREAM_CAPTURE_UNSUPPORTED);
    }
    if of(state, key).is_some() {
        return Err(ILLEGAL_STATE);
    }
    let id = state.handle() as u64;
    let capture = Capture {
        origin: key,
        mode,
        thread: std::thread::current().id(),
        nodes: Vec::new(),
        heads: HashMap::from([(key, Vec::new())]),
        broken: false,
    };
    state.captures.insert(id, capture);
    Ok(())
}

/// Ends the capture that began on this stream, and gives the handle of its graph, which is the capture's.
pub fn end(state: &mut State, key: Key) -> Answer<usize> {
    let id = of(state, key).ok_or(ILLEGAL_STATE)?;
    let capture = &state.captures[&id];
    if capture.origin != key {
        return Err(STREAM_CAPTURE_UNMATCHED);
    }
    if capture.mode != Mode::Relaxed && capture.thread != std::thread::current().id() {
        return Err(STREAM_CAPTURE_WRONG_THREAD);
    }
    let Some(capture) = state.captures.remove(&id) else { return Err(ILLEGAL_STATE) };
    if capture.broken {
        return Err(STREAM_CAPTURE_INVALIDATED);
    }
    if !capture.is_joined() {
        return Err(STREAM_CAPTURE_UNJOINED);
    }
    let works = capture.nodes.into_iter().map(|node| node.work).collect();
    state.graphs.insert(id as usize, Graph { works: Arc::new(works), executable: false });
    Ok(id as usize)
}

impl Capture {
    /// Whether the stream where it began has waited for everything.
    fn is_joined(&self) -> bool {
        let mut reached = vec![false; self.nodes.len()];
        let mut left = self.heads[&self.origin].clone();
        while let Some(node) = left.pop() {
            if !std::mem::replace(&mut reached[node], true) {
                left.extend(&self.nodes[node].after);
            }
        }
        reached.iter().all(|reached| *reached)
    }

    fn intact(&mut self) -> Answer<&mut Self> {
        if self.broken { Err(STREAM_CAPTURE_INVALIDATED) } else { Ok(self) }
    }
}

fn intact(state: &mut State, id: u64) -> Answer<&mut Capture> {
    state.captures.get_mut(&id).ok_or(STREAM_CAPTURE_INVALIDATED)?.intact()
}

/// Records work instead of queueing it.
pub fn add(state: &mut State, id: u64, key: Key, work: Arc<Work>) -> Answer {
    let capture = intact(state, id)?;
    let node = capture.nodes.len();
    let after = capture.heads.insert(key, vec![node]).unwrap_or_default();
    capture.nodes.push(Node { after, work });
    Ok(())
}

/// What an event recorded on a capturing stream stands for.
pub fn mark(state: &mut State, id: u64, key: Key) -> Answer<Mark> {
    let capture = intact(state, id)?;
    Ok(Mark { capture: id, heads: capture.heads[&key].clone() })
}

/// Lets a stream wait for an event: one recorded in a capture draws the stream into it.
pub fn wait(state: &mut State, key: Key, mark: Option<&Mark>) -> Answer {
    let own = of(state, key);
    let Some(mark) = mark else {
        return own.map_or(Ok(()), |own| fail(state, own, STREAM_CAPTURE_ISOLATION));
    };
    if matches!(key, Key::Legacy(_)) {
        return fail(state, mark.capture, STREAM_CAPTURE_IMPLICIT);
    }
    if let Some(own) = own.filter(|own| *own != mark.capture) {
        let _ = fail(state, own, STREAM_CAPTURE_MERGE);
        return fail(state, mark.capture, STREAM_CAPTURE_MERGE);
    }
    let heads = intact(state, mark.capture)?.heads.entry(key).or_default();
    heads.extend(mark.heads.iter().filter(|head| !heads.contains(head)).copied().collect::<Vec<_>>());
    Ok(())
}

/// Breaks a capture.
fn fail(state: &mut State, id: u64, code: c_int) -> Answer {
    if let Some(capture) = state.captures.get_mut(&id) {
        capture.broken = true;
    }
    Err(code)
}

/// Nobody may wait for a capturing stream, or ask whether it is done.
pub fn forbid_wait(state: &mut State, key: Key) -> Answer {
    match of(state, key) {
        Some(id) => fail(state, id, STREAM_CAPTURE_UNSUPPORTED),
        None => forbid_legacy(state, key),
    }
}

/// Likewise for an event recorded in a capture.
pub fn forbid_event(state: &mut State, mark: Option<&Mark>) -> Answer {
    mark.map_or(Ok(()), |mark| fail(state, mark.capture, CAPTURED_EVENT))
}

/// The legacy default stream would depend on every blocking stream, and none of those may be capturing.
pub fn forbid_legacy(state: &mut State, key: Key) -> Answer {
    let entangled = entangled(state, key);
    fail_all(state, &entangled, STREAM_CAPTURE_IMPLICIT)
}

/// The captures that the legacy default stream would depend on.
fn entangled(state: &State, key: Key) -> Vec<u64> {
    let Key::Legacy(context) = key else { return Vec::new() };
    in_streams(state, |queue| queue.context == context && queue.blocking)
}

/// Nobody may wait for a context, or record an event of all of it, while one of its streams captures.
pub fn forbid_context(state: &mut State, context: usize) -> Answer {
    let entangled = in_streams(state, |queue| queue.context == context);
    fail_all(state, &entangled, STREAM_CAPTURE_UNSUPPORTED)
}

/// Calls that may synchronise behind the scenes, as allocation, are forbidden by the captures' modes.
pub fn forbid_unsafe(state: &mut State) -> Answer {
    let thread = std::thread::current().id();
    let offended = |capture: &Capture| match (MODE.get(), capture.mode) {
        (Mode::Relaxed, _) | (_, Mode::Relaxed) => false,
        (Mode::Global, Mode::Global) => true,
        _ => capture.thread == thread,
    };
    let ids: Vec<u64> =
        state.captures.iter().filter(|(_, capture)| offended(capture)).map(|(id, _)| *id).collect();
    fail_all(state, &ids, STREAM_CAPTURE_UNSUPPORTED)
}

fn in_streams(state: &State, chosen: impl Fn(&crate::queues::Queue) -> bool) -> Vec<u64> {
    let takes_part =
        |capture: &Capture| capture.heads.keys().any(|key| state.queues.get(*key).is_ok_and(&chosen));
    state.captures.iter().filter(|(_, capture)| takes_part(capture)).map(|(id, _)| *id).collect()
}

fn fail_all(state: &mut State, ids: &[u64], code: c_int) -> Answer {
    for id in ids {
        let _ = fail(state, *id, code);
    }
    if ids.is_empty() { Ok(()) } else { Err(code) }
}
