//! Events: points in streams that others wait for, in this process or another.

use std::{sync::Arc, time::Instant};

use libc::{c_float, c_uint};

use super::ipc::SharedEvent;
use crate::{
    arguments::Out,
    captures,
    codes::{Answer, INVALID_CONTEXT, INVALID_HANDLE, INVALID_VALUE, NOT_READY},
    config::Mode,
    contexts::current,
    entry::entry_points,
    queues::{self, Key, Queue, Work, push, run, submit},
    state::{Guard, State},
};

const DISABLE_TIMING: c_uint = 2;
const INTERPROCESS: c_uint = 4;

pub(crate) struct Event {
    pub context: usize,
    timing: bool,
    /// The operation that it was recorded as, or 0.
    recorded: u64,
    at: Option<Instant>,
    mark: Option<captures::Mark>,
    /// What other processes see of it.
    pub shared: Option<Arc<SharedEvent>>,
}

impl Event {
    /// An event of another process.
    pub fn imported(context: usize, shared: SharedEvent) -> Self {
        Self { context, timing: false, recorded: 0, at: None, mark: None, shared: Some(Arc::new(shared)) }
    }
}

entry_points! {
    2000 Context fn cuEventCreate(out_event: Out<usize>, flags: c_uint) |mut state| {
        let interprocess = flags & INTERPROCESS != 0;
        if flags > 7 || (interprocess && flags & DISABLE_TIMING == 0) {
            return Err(INVALID_VALUE);
        }
        let context = current(&state)?;
        let shared = if interprocess { Some(Arc::new(SharedEvent::new()?)) } else { None };
        let timing = flags & DISABLE_TIMING == 0;
        let event = state.handle();
        state.events.insert(event, Event { context, timing, recorded: 0, at: None, mark: None, shared });
        out_event.give(event)
    }
    4000 Init fn cuEventDestroy_v2(event: usize) |mut state| {
        state.events.remove(&event).map(drop).ok_or(INVALID_HANDLE)
    }
    2000 Init fn cuEventRecord(event: usize, stream: usize) |state| { record(state, event, stream) }
    11010 Init fn cuEventRecordWithFlags(event: usize, stream: usize, flags: c_uint) |state| {
        if flags > 1 {
            return Err(INVALID_VALUE);
        }
        record(state, event, stream)
    }
    12050 Init fn cuCtxRecordEvent(context: usize, event: usize) |mut state| {
        state.contexts.healthy(context)?;
        if state.events.get(&event).ok_or(INVALID_HANDLE)?.context != context {
            return Err(INVALID_HANDLE);
        }
        captures::forbid_context(&mut state, context)?;
        let everything = state.queues.tails(|_, queue| queue.context == context);
        let key = Key::Everything(context);
        if state.queues.get(key).is_err() {
            queues::open(&mut state, key, Queue::new(context, false, 0));
        }
        record_as(state, event, key, everything)
    }
    12050 Init fn cuCtxWaitEvent(context: usize, event: usize) |mut state| {
        state.contexts.healthy(context)?;
        let after = state.events.get(&event).ok_or(INVALID_HANDLE)?.recorded;
        captures::forbid_context(&mut state, context)?;
        let keys = state.queues.iter().filter(|(_, queue)| queue.context == context && !queue.destroyed);
        for key in keys.map(|(key, _)| *key).collect::<Vec<_>>() {
            push(&mut state, key, vec![after], Arc::new(run(|_| Ok(()))))?;
        }
        Ok(())
    }
    3020 Init fn cuStreamWaitEvent(stream: usize, event: usize, flags: c_uint) |mut state| {
        if flags > 1 {
            return Err(INVALID_VALUE);
        }
        queues::context(&mut state, stream)?;
        let key = queues::resolve(&mut state, stream)?;
        let found = state.events.get(&event).ok_or(INVALID_HANDLE)?;
        let (recorded, mark, shared) = (found.recorded, found.mark.clone(), found.shared.clone());
        if mark.is_some() || captures::of(&state, key).is_some() {
            return captures::wait(&mut state, key, mark.as_ref());
        }
        captures::forbid_legacy(&mut state, key)?;
        if let Some(shared) = shared {
            let aim = shared.recorded();
            return submit(state, stream, false, Work::Unlocked(Box::new(move || shared.wait(aim))));
        }
        let id = push(&mut state, key, vec![recorded], Arc::new(run(|_| Ok(()))))?;
        if state.config.mode == Mode::Eager {
            drop(queues::finish(state, &[id]));
        }
        Ok(())
    }
    2000 Init fn cuEventSynchronize(event: usize) |mut state| {
        let (context, recorded) = look(&mut state, event)?;
        let shared = state.events[&event].shared.clone();
        let mut state = queues::finish(state, &[recorded]);
        if let Some(shared) = shared {
            drop(state);
            shared.wait(shared.recorded())?;
            state = crate::state::lock();
        }
        state.contexts.healthy(context)
    }
    2000 Init fn cuEventQuery(event: usize) |mut state| {
        captures::forbid_unsafe(&mut state)?;
        let (context, recorded) = look(&mut state, event)?;
        let state = queues::nudge(state, recorded);
        state.contexts.healthy(context)?;
        let shared = state.events.get(&event).and_then(|event| event.shared.as_ref());
        let elsewhere = shared.is_some_and(|shared| !shared.is_complete());
        if state.queues.is_pending(recorded) || elsewhere { Err(NOT_READY) } else { Ok(()) }
    }
    2000 Init fn cuEventElapsedTime(out_milliseconds: Out<c_float>, start: usize, end: usize) |state| {
        elapsed(&state, out_milliseconds, start, end)
    }
    12080 Init fn cuEventElapsedTime_v2(out_milliseconds: Out<c_float>, start: usize, end: usize) |state| {
        elapsed(&state, out_milliseconds, start, end)
    }
}

/// An event's context and operation, if it may be asked about.
fn look(state: &mut State, event: usize) -> Answer<(usize, u64)> {
    let found = state.events.get(&event).ok_or(INVALID_HANDLE)?;
    let (context, recorded, mark) = (found.context, found.recorded, found.mark.clone());
    captures::forbid_event(state, mark.as_ref())?;
    state.contexts.healthy(context)?;
    Ok((context, recorded))
}

fn record(mut state: Guard, event: usize, stream: usize) -> Answer {
    let context = queues::context(&mut state, stream)?;
    let key = queues::resolve(&mut state, stream)?;
    if state.events.get(&event).ok_or(INVALID_HANDLE)?.context != context {
        return Err(INVALID_CONTEXT);
    }
    if let Some(capture) = captures::of(&state, key) {
        let mark = captures::mark(&mut state, capture, key)?;
        if let Some(event) = state.events.get_mut(&event) {
            event.mark = Some(mark);
        }
        return Ok(());
    }
    captures::forbid_legacy(&mut state, key)?;
    record_as(state, event, key, Vec::new())
}

/// Records an event as an operation of a queue.
fn record_as(mut state: Guard, event: usize, key: Key, after: Vec<u64>) -> Answer {
    let found = state.events.get(&event).ok_or(INVALID_HANDLE)?;
    let shared = found.shared.clone();
    let number = shared.as_ref().map(|shared| shared.record());
    let between_processes = shared.is_some();
    let work = run(move |state| {
        if let (Some(shared), Some(number)) = (&shared, number) {
            shared.complete(number);
        }
        if let Some(event) = state.events.get_mut(&event) {
            event.at = Some(Instant::now());
        }
        Ok(())
    });
    let id = push(&mut state, key, after, Arc::new(work))?;
    if let Some(event) = state.events.get_mut(&event) {
        (event.recorded, event.mark) = (id, None);
    }
    // Who waits in another process cannot bring on what was queued in this one.
    if between_processes || state.config.mode == Mode::Eager {
        drop(queues::finish(state, &[id]));
    }
    Ok(())
}

fn elapsed(state: &State, out_milliseconds: Out<c_float>, start: usize, end: usize) -> Answer {
    let event =
        |handle| state.events.get(&handle).filter(|event: &&Event| event.timing).ok_or(INVALID_HANDLE);
    let (start, end) = (event(start)?, event(end)?);
    if start.recorded == 0 || end.recorded == 0 {
        return Err(INVALID_HANDLE);
    }
    match (start.at, end.at) {
        (Some(from), Some(to))
            if !state.queues.is_pending(start.recorded) && !state.queues.is_pending(end.recorded) =>
        {
            let forward = to.saturating_duration_since(from).as_secs_f32();
            out_milliseconds.give((forward - from.saturating_duration_since(to).as_secs_f32()) * 1e3)
        }
        _ => Err(NOT_READY),
    }
}
