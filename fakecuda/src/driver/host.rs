//! Pinned host memory: the driver's own, and what it is told of.

use libc::{c_uint, size_t};

use crate::{
    arguments::Out,
    captures,
    codes::{Answer, HOST_MEMORY_NOT_REGISTERED, INVALID_VALUE},
    contexts::current,
    entry::entry_points,
    memory::{Kind, Request},
    queues,
    state::Guard,
};

entry_points! {
    3020 Context fn cuMemAllocHost_v2(out_address: Out<usize>, bytes: size_t) |state| {
        pin(state, out_address, bytes)
    }
    2020 Context fn cuMemHostAlloc(out_address: Out<usize>, bytes: size_t, flags: c_uint) |state| {
        if flags > 7 {
            return Err(INVALID_VALUE);
        }
        pin(state, out_address, bytes)
    }
    2000 Context fn cuMemFreeHost(address: usize) |mut state| {
        captures::forbid_unsafe(&mut state)?;
        let context = own(&state, address, Kind::Pinned).ok_or(INVALID_VALUE)?;
        state = queues::drain(state, context);
        state.memory.free(address)
    }
    6050 Context fn cuMemHostRegister_v2(address: usize, bytes: size_t, flags: c_uint) |mut state| {
        captures::forbid_unsafe(&mut state)?;
        if flags > 15 {
            return Err(INVALID_VALUE);
        }
        let request = request(&state, Kind::Registered, bytes)?;
        state.memory.register(request, address)
    }
    4000 Context fn cuMemHostUnregister(address: usize) |mut state| {
        captures::forbid_unsafe(&mut state)?;
        let context = own(&state, address, Kind::Registered).ok_or(HOST_MEMORY_NOT_REGISTERED)?;
        state = queues::drain(state, context);
        state.memory.free(address)
    }
    3020 Context fn cuMemHostGetDevicePointer_v2(out_address: Out<usize>, address: usize, flags: c_uint) |state| {
        let pinned = |kind| matches!(kind, Kind::Pinned | Kind::Registered);
        if flags != 0 || !state.memory.find(address).is_some_and(|(_, found)| pinned(found.kind)) {
            return Err(INVALID_VALUE);
        }
        out_address.give(address)
    }
    2030 Context fn cuMemHostGetFlags(out_flags: Out<c_uint>, address: usize) |state| {
        own(&state, address, Kind::Pinned).ok_or(INVALID_VALUE)?;
        out_flags.give(2)
    }
}

/// The context of the host memory that begins here.
fn own(state: &Guard, address: usize, kind: Kind) -> Option<usize> {
    let (base, allocation) = state.memory.find(address)?;
    (base == address && allocation.kind == kind).then_some(allocation.context)
}

fn request(state: &Guard, kind: Kind, size: usize) -> Answer<Request> {
    let context = current(state)?;
    Ok(Request { kind, context, device: state.contexts.device(context)?, size })
}

fn pin(mut state: Guard, out_address: Out<usize>, bytes: usize) -> Answer {
    captures::forbid_unsafe(&mut state)?;
    let request = request(&state, Kind::Pinned, bytes)?;
    out_address.give(state.memory.allocate(request, usize::MAX)?)
}
