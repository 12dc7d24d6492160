//! Contexts as callers see them.

use std::collections::HashSet;

use libc::{c_int, c_uint, size_t};

use super::init::device;
use crate::{
    arguments::{In, Out},
    captures,
    codes::{Answer, INVALID_CONTEXT, INVALID_VALUE},
    contexts::{Context, current, stack},
    entry::entry_points,
    queues,
    state::{Guard, State},
};

entry_points! {
    7000 Init fn cuDevicePrimaryCtxRetain(out_context: Out<usize>, number: c_int) |mut state| {
        let device = device(&state, number)?;
        let handle = match state.contexts.primary(device) {
            Some(handle) => handle,
            None => add(&mut state, device, true, 0),
        };
        if let Some(context) = state.contexts.map.get_mut(&handle) {
            context.retained += 1;
        }
        out_context.give(handle)
    }
    7000 Init fn cuDevicePrimaryCtxRelease(number: c_int) |state| { release(state, number) }
    11000 Init fn cuDevicePrimaryCtxRelease_v2(number: c_int) |state| { release(state, number) }
    7000 Init fn cuDevicePrimaryCtxReset(number: c_int) |state| { reset(state, number) }
    11000 Init fn cuDevicePrimaryCtxReset_v2(number: c_int) |state| { reset(state, number) }
    7000 Init fn cuDevicePrimaryCtxGetState(number: c_int, out_flags: Out<c_uint>, out_active: Out<c_int>) |state| {
        let device = device(&state, number)?;
        let context = state.contexts.primary(device).and_then(|handle| state.contexts.live(handle).ok());
        out_flags.give(context.map_or(0, |context| context.flags))?;
        out_active.give(context.is_some().into())
    }
    11000 Init fn cuDevicePrimaryCtxSetFlags_v2(number: c_int, flags: c_uint) |mut state| {
        let device = device(&state, number)?;
        let handle = state.contexts.primary(device);
        if let Some(context) = handle.and_then(|handle| state.contexts.map.get_mut(&handle)) {
            context.flags = flags;
        }
        Ok(())
    }
    3020 Init fn cuCtxCreate_v2(out_context: Out<usize>, flags: c_uint, number: c_int) |state| {
        create(state, out_context, flags, number)
    }
    12050 Init fn cuCtxCreate_v4(out_context: Out<usize>, parameters: In<u8>, flags: c_uint, number: c_int) |state| {
        if parameters.address() != 0 {
            return Err(INVALID_VALUE);
        }
        create(state, out_context, flags, number)
    }
    4000 Init fn cuCtxDestroy_v2(context: usize) |mut state| {
        if state.contexts.live(context)?.primary {
            return Err(INVALID_CONTEXT);
        }
        state = queues::drain(state, context);
        tear_down(&mut state, context);
        state.contexts.map.remove(&context);
        stack(|stack| if stack.last() == Some(&context) { stack.pop(); });
        Ok(())
    }
    4000 Init fn cuCtxSetCurrent(context: usize) |state| {
        if context != 0 {
            state.contexts.live(context)?;
        }
        stack(|stack| {
            stack.pop();
            if context != 0 {
                stack.push(context);
            }
        });
        Ok(())
    }
    4000 Init fn cuCtxGetCurrent(out_context: Out<usize>) |_state| {
        out_context.give(stack(|stack| stack.last().copied().unwrap_or(0)))
    }
    4000 Init fn cuCtxPushCurrent_v2(context: usize) |state| {
        state.contexts.live(context)?;
        stack(|stack| stack.push(context));
        Ok(())
    }
    4000 Init fn cuCtxPopCurrent_v2(out_context: Out<usize>) |_state| {
        out_context.offer(stack(|stack| stack.pop()).ok_or(INVALID_CONTEXT)?);
        Ok(())
    }
    2000 Init fn cuCtxGetDevice(out_device: Out<c_int>) |state| {
        let context = current(&state)?;
        out_device.give(state.contexts.device(context)? as c_int)
    }
    13000 Init fn cuCtxGetDevice_v2(out_device: Out<c_int>, context: usize) |state| {
        let context = if context == 0 { current(&state)? } else { context };
        out_device.give(state.contexts.device(context)? as c_int)
    }
    7000 Init fn cuCtxGetFlags(out_flags: Out<c_uint>) |state| {
        let context = current(&state)?;
        out_flags.give(state.contexts.live(context)?.flags)
    }
    3020 Init fn cuCtxGetApiVersion(context: usize, out_version: Out<c_uint>) |state| {
        if context != 0 {
            state.contexts.live(context)?;
        }
        out_version.give(3020)
    }
    12000 Init fn cuCtxGetId(context: usize, out_id: Out<u64>) |state| {
        let context = if context == 0 { current(&state)? } else { context };
        state.contexts.live(context)?;
        out_id.give(context as u64)
    }
    5050 Context fn cuCtxGetStreamPriorityRange(out_least: Out<c_int>, out_greatest: Out<c_int>) |_state| {
        out_least.offer(0);
        out_greatest.offer(-5);
        Ok(())
    }
    3010 Context fn cuCtxGetLimit(out_value: Out<size_t>, limit: c_uint) |_state| {
        out_value.give(match limit {
            0 => 1 << 10,
            1 => 1 << 20,
            2 => 8 << 20,
            _ => return Err(crate::codes::INVALID_VALUE),
        })
    }
    2000 Context fn cuCtxSynchronize() |state| {
        let context = current(&state)?;
        synchronize(state, context)
    }
    13000 Init fn cuCtxSynchronize_v2(context: usize) |state| {
        let context = if context == 0 { current(&state)? } else { context };
        synchronize(state, context)
    }
}

fn add(state: &mut State, device: usize, primary: bool, flags: u32) -> usize {
    let handle = state.handle();
    let retained = u32::from(!primary);
    let context = Context { device, primary, retained, flags, broken: 0, peers: HashSet::new() };
    state.contexts.map.insert(handle, context);
    handle
}

fn create(mut state: Guard, out_context: Out<usize>, flags: c_uint, number: c_int) -> Answer {
    let device = device(&state, number)?;
    let handle = add(&mut state, device, false, flags);
    stack(|stack| stack.push(handle));
    out_context.give(handle)
}

fn release(mut state: Guard, number: c_int) -> Answer {
    let device = device(&state, number)?;
    let handle = state.contexts.primary(device).ok_or(INVALID_CONTEXT)?;
    if state.contexts.live(handle).map_err(|_| INVALID_CONTEXT)?.retained == 1 {
        state = queues::drain(state, handle);
        tear_down(&mut state, handle);
    }
    state.contexts.live_mut(handle)?.retained -= 1;
    Ok(())
}

fn reset(mut state: Guard, number: c_int) -> Answer {
    let device = device(&state, number)?;
    if let Some(handle) = state.contexts.primary(device) {
        state = queues::drain(state, handle);
        tear_down(&mut state, handle);
    }
    Ok(())
}

fn synchronize(mut state: Guard, context: usize) -> Answer {
    captures::forbid_context(&mut state, context)?;
    let state = queues::drain(state, context);
    state.contexts.healthy(context)
}

/// Everything of a context goes with it.
fn tear_down(state: &mut State, context: usize) {
    state.queues.forget(context);
    let owned = state.memory.iter().filter(|(_, allocation)| allocation.context == context);
    let bases: Vec<usize> = owned.map(|(base, _)| base).collect();
    for base in bases {
        // It was just listed, and ending it cannot fail otherwise.
        let _ = state.memory.free(base);
    }
    state.events.retain(|_, event| event.context != context);
    state.modules.retain(|_, module| module.context != Some(context));
    let modules = &state.modules;
    state.functions.retain(|_, function| modules.contains_key(&function.module));
    if let Some(context) = state.contexts.map.get_mut(&context) {
        context.broken = 0;
        context.peers.clear();
    }
}
