//! Streams as callers see them.

use libc::{c_int, c_uint, c_void};

use crate::{
    arguments::Out,
    captures,
    codes::{Answer, INVALID_HANDLE, INVALID_VALUE, NOT_READY, STREAM_CAPTURE_UNSUPPORTED},
    contexts::current,
    entry::entry_points,
    queues::{self, Key, PER_THREAD, Queue, Work, submit},
    state::Guard,
};

/// A host function of a stream.
pub type HostFunction = unsafe extern "C" fn(*mut c_void);

entry_points! {
    2000 Context fn cuStreamCreate(out_stream: Out<usize>, flags: c_uint) |state| { create(state, out_stream, flags, 0) }
    5050 Context fn cuStreamCreateWithPriority(out_stream: Out<usize>, flags: c_uint, priority: c_int) |state| {
        create(state, out_stream, flags, priority)
    }
    4000 Init fn cuStreamDestroy_v2(stream: usize) |mut state| {
        if stream <= PER_THREAD {
            return Err(INVALID_HANDLE);
        }
        let key = queues::resolve(&mut state, stream)?;
        // What it was given runs on.
        state.queues.destroy(key);
        Ok(())
    }
    2000 Init fn cuStreamSynchronize(stream: usize) |mut state| {
        let context = queues::context(&mut state, stream)?;
        let key = queues::resolve(&mut state, stream)?;
        captures::forbid_wait(&mut state, key)?;
        let ends = state.queues.ends(key);
        let state = queues::finish(state, &ends);
        state.contexts.healthy(context)
    }
    2000 Init fn cuStreamQuery(stream: usize) |mut state| {
        let context = queues::context(&mut state, stream)?;
        let key = queues::resolve(&mut state, stream)?;
        captures::forbid_wait(&mut state, key)?;
        // Asking is what brings lazy work on, or nobody who asks until it is done would come to an end.
        let state = match state.queues.ends(key).first() {
            Some(end) => queues::nudge(state, *end),
            None => state,
        };
        state.contexts.healthy(context)?;
        if state.queues.ends(key).is_empty() { Ok(()) } else { Err(NOT_READY) }
    }
    9020 Init fn cuStreamGetCtx(stream: usize, out_context: Out<usize>) |mut state| {
        let key = queues::resolve(&mut state, stream)?;
        out_context.give(state.queues.get(key)?.context)
    }
    12080 Init fn cuStreamGetDevice(stream: usize, out_device: Out<c_int>) |mut state| {
        let key = queues::resolve(&mut state, stream)?;
        let context = state.queues.get(key)?.context;
        out_device.give(state.contexts.device(context)? as c_int)
    }
    5050 Init fn cuStreamGetFlags(stream: usize, out_flags: Out<c_uint>) |mut state| {
        let key = queues::resolve(&mut state, stream)?;
        out_flags.give((!state.queues.get(key)?.blocking && !matches!(key, Key::Legacy(_))).into())
    }
    5050 Init fn cuStreamGetPriority(stream: usize, out_priority: Out<c_int>) |mut state| {
        let key = queues::resolve(&mut state, stream)?;
        out_priority.give(state.queues.get(key)?.priority)
    }
    12000 Init fn cuStreamGetId(stream: usize, out_id: Out<u64>) |mut state| {
        queues::resolve(&mut state, stream)?;
        out_id.give(stream.max(1) as u64)
    }
    10000 Init fn cuLaunchHostFunc(stream: usize, function: Option<HostFunction>, data: usize) |state| {
        let function = function.ok_or(INVALID_VALUE)?;
        let call = move || {
            // SAFETY: who queued the function said that it may be called with this argument from another thread.
            unsafe { function(data as *mut c_void) }
            Ok(())
        };
        submit(state, stream, false, Work::Unlocked(Box::new(call)))
    }
    5000 Init fn cuStreamAddCallback(
        stream: usize, function: Option<unsafe extern "C" fn(usize, c_int, *mut c_void)>, data: usize, flags: c_uint
    ) |mut state| {
        let function = function.ok_or(INVALID_VALUE)?;
        if flags != 0 {
            return Err(INVALID_VALUE);
        }
        let key = queues::resolve(&mut state, stream)?;
        if captures::of(&state, key).is_some() {
            return captures::forbid_wait(&mut state, key).and(Err(STREAM_CAPTURE_UNSUPPORTED));
        }
        let call = move || {
            // SAFETY: who queued the function said that it may be called with these arguments from another thread.
            unsafe { function(stream, 0, data as *mut c_void) }
            Ok(())
        };
        submit(state, stream, false, Work::Unlocked(Box::new(call)))
    }
}

fn create(mut state: Guard, out_stream: Out<usize>, flags: c_uint, priority: c_int) -> Answer {
    if flags > 1 {
        return Err(INVALID_VALUE);
    }
    let context = current(&state)?;
    let stream = state.handle();
    queues::open(&mut state, Key::Stream(stream), Queue::new(context, flags == 0, priority.clamp(-5, 0)));
    out_stream.give(stream)
}
