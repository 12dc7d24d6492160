//! Device and managed memory, at once and in stream order.

use libc::{c_uint, size_t};

use crate::{
    arguments::Out,
    captures,
    codes::{Answer, ILLEGAL_ADDRESS, INVALID_VALUE, NOT_FOUND, NOT_SUPPORTED, OUT_OF_MEMORY},
    contexts::current,
    entry::entry_points,
    memory::{ALIGNMENT, Kind, Life, Request},
    queues::{self, run, submit},
    state::Guard,
};

entry_points! {
    3020 Context fn cuMemGetInfo_v2(out_free: Out<size_t>, out_total: Out<size_t>) |state| {
        let context = current(&state)?;
        let device = state.contexts.device(context)?;
        out_free.give(state.config.memory.saturating_sub(state.memory.used(device)))?;
        out_total.give(state.config.memory)
    }
    3020 Context fn cuMemAlloc_v2(out_address: Out<usize>, bytes: size_t) |mut state| {
        captures::forbid_unsafe(&mut state)?;
        let context = current(&state)?;
        out_address.give(allocate(state, Kind::Device, context, bytes)?.1)
    }
    3020 Context fn cuMemAllocPitch_v2(
        out_address: Out<usize>, out_pitch: Out<size_t>, width: size_t, height: size_t, element: c_uint
    ) |mut state| {
        captures::forbid_unsafe(&mut state)?;
        if !matches!(element, 4 | 8 | 16) || width == 0 || height == 0 {
            return Err(INVALID_VALUE);
        }
        let context = current(&state)?;
        let pitch = width.checked_next_multiple_of(ALIGNMENT).ok_or(INVALID_VALUE)?;
        let bytes = pitch.checked_mul(height).ok_or(OUT_OF_MEMORY)?;
        out_pitch.give(pitch)?;
        out_address.give(allocate(state, Kind::Device, context, bytes)?.1)
    }
    6000 Context fn cuMemAllocManaged(out_address: Out<usize>, bytes: size_t, flags: c_uint) |mut state| {
        captures::forbid_unsafe(&mut state)?;
        if !matches!(flags, 1 | 2) {
            return Err(INVALID_VALUE);
        }
        let context = current(&state)?;
        out_address.give(allocate(state, Kind::Managed, context, bytes)?.1)
    }
    3020 Context fn cuMemFree_v2(address: usize) |mut state| {
        if address == 0 {
            return Ok(());
        }
        captures::forbid_unsafe(&mut state)?;
        let (kind, context) = match state.memory.get_mut(address) {
            Some(allocation) if !allocation.freeing => (allocation.kind, allocation.context),
            _ => return Err(INVALID_VALUE),
        };
        match kind {
            // Whoever frees pool memory so has synchronised: the driver does not.
            Kind::Pool(_) => {}
            Kind::Device | Kind::Managed => state = queues::drain(state, context),
            Kind::Pinned | Kind::Registered | Kind::Imported => return Err(INVALID_VALUE),
        }
        state.memory.free(address)
    }
    11020 Init fn cuMemAllocAsync(out_address: Out<usize>, bytes: size_t, stream: usize) |mut state| {
        let context = queues::context(&mut state, stream)?;
        let device = state.contexts.device(context)?;
        let pool = super::pool::of_device(&mut state, device)?.1;
        allocate_in_order(state, out_address, bytes, pool, stream)
    }
    11020 Init fn cuMemAllocFromPoolAsync(
        out_address: Out<usize>, bytes: size_t, pool: usize, stream: usize
    ) |state| {
        allocate_in_order(state, out_address, bytes, pool, stream)
    }
    11020 Init fn cuMemFreeAsync(address: usize, stream: usize) |mut state| {
        if !state.config.pools {
            return Err(NOT_SUPPORTED);
        }
        queues::context(&mut state, stream)?;
        let allocation = state.memory.get_mut(address).ok_or(INVALID_VALUE)?;
        if allocation.freeing || !matches!(allocation.kind, Kind::Pool(_)) {
            return Err(INVALID_VALUE);
        }
        allocation.freeing = true;
        submit(state, stream, false, run(move |state| state.memory.free(address).map_err(|_| ILLEGAL_ADDRESS)))
    }
    3020 Context fn cuMemGetAddressRange_v2(out_base: Out<usize>, out_bytes: Out<size_t>, address: usize) |state| {
        let (base, allocation) = state.memory.find(address).ok_or(NOT_FOUND)?;
        out_base.offer(base);
        out_bytes.offer(allocation.size);
        Ok(())
    }
}

/// Fresh memory. When the device is full, frees that are still queued are run first, as the driver would.
pub(super) fn allocate(mut state: Guard, kind: Kind, context: usize, size: usize) -> Answer<(Guard, usize)> {
    let device = state.contexts.device(context)?;
    let limit = state.config.memory;
    let request = Request { kind, context, device, size };
    let mut answer = state.memory.allocate(request, limit);
    if answer == Err(OUT_OF_MEMORY) && state.memory.iter().any(|(_, allocation)| allocation.freeing) {
        state = queues::drain(state, context);
        answer = state.memory.allocate(request, limit);
    }
    answer.map(|address| (state, address))
}

/// Memory that lives from here on in its stream's order.
fn allocate_in_order(
    mut state: Guard,
    out_address: Out<usize>,
    bytes: usize,
    pool: usize,
    stream: usize,
) -> Answer {
    if !state.config.pools {
        return Err(NOT_SUPPORTED);
    }
    let context = queues::context(&mut state, stream)?;
    super::pool::check(&state, pool, state.contexts.device(context)?)?;
    let (state, address) = allocate(state, Kind::Pool(pool), context, bytes)?;
    out_address.give(address)?;
    submit(
        state,
        stream,
        false,
        run(move |state| {
            state.memory.get_mut(address).ok_or(ILLEGAL_ADDRESS)?.life = Life::Live;
            Ok(())
        }),
    )
}
