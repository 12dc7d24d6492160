//! Setting memory to a value of one, two or four bytes.

use libc::size_t;

use crate::{
    codes::{Answer, ILLEGAL_ADDRESS, INVALID_VALUE},
    entry::entry_points,
    queues::{self, LEGACY, run, submit},
    state::Guard,
};

entry_points! {
    3020 Context fn cuMemsetD8_v2(address: usize, value: u8, count: size_t) |state| {
        fill(state, Rows { address, pitch: 0, width: count, height: 1 }, value, LEGACY)
    }
    3020 Context fn cuMemsetD16_v2(address: usize, value: u16, count: size_t) |state| {
        fill(state, Rows { address, pitch: 0, width: count, height: 1 }, value, LEGACY)
    }
    3020 Context fn cuMemsetD32_v2(address: usize, value: u32, count: size_t) |state| {
        fill(state, Rows { address, pitch: 0, width: count, height: 1 }, value, LEGACY)
    }
    3020 Init fn cuMemsetD8Async(address: usize, value: u8, count: size_t, stream: usize) |state| {
        fill(state, Rows { address, pitch: 0, width: count, height: 1 }, value, stream)
    }
    3020 Init fn cuMemsetD16Async(address: usize, value: u16, count: size_t, stream: usize) |state| {
        fill(state, Rows { address, pitch: 0, width: count, height: 1 }, value, stream)
    }
    3020 Init fn cuMemsetD32Async(address: usize, value: u32, count: size_t, stream: usize) |state| {
        fill(state, Rows { address, pitch: 0, width: count, height: 1 }, value, stream)
    }
    3020 Init fn cuMemsetD2D8Async(
        address: usize, pitch: size_t, value: u8, width: size_t, height: size_t, stream: usize
    ) |state| {
        fill(state, Rows { address, pitch, width, height }, value, stream)
    }
    3020 Init fn cuMemsetD2D16Async(
        address: usize, pitch: size_t, value: u16, width: size_t, height: size_t, stream: usize
    ) |state| {
        fill(state, Rows { address, pitch, width, height }, value, stream)
    }
    3020 Init fn cuMemsetD2D32Async(
        address: usize, pitch: size_t, value: u32, width: size_t, height: size_t, stream: usize
    ) |state| {
        fill(state, Rows { address, pitch, width, height }, value, stream)
    }
}

/// Rows of `width` elements.
#[derive(Clone, Copy)]
struct Rows {
    address: usize,
    pitch: usize,
    width: usize,
    height: usize,
}

fn fill<T: Copy + Send + Sync + 'static>(mut state: Guard, rows: Rows, value: T, stream: usize) -> Answer {
    let context = queues::context(&mut state, stream)?;
    let Rows { address, pitch, width, height } = rows;
    if width == 0 || height == 0 {
        return Ok(());
    }
    let bytes = width.checked_mul(size_of::<T>()).ok_or(INVALID_VALUE)?;
    let aligned =
        address.is_multiple_of(align_of::<T>()) && (height == 1 || pitch.is_multiple_of(align_of::<T>()));
    if !aligned || (height > 1 && pitch < bytes) {
        return Err(INVALID_VALUE);
    }
    let (base, allocation) = state.memory.find(address).ok_or(INVALID_VALUE)?;
    let reach = (height - 1) * pitch + bytes;
    if reach > base + allocation.size - address {
        return Err(INVALID_VALUE);
    }
    // Pinned host memory is set before the call returns.
    let wait = allocation.is_open();
    submit(
        state,
        stream,
        wait,
        run(move |state| {
            let _open = state.memory.open(address, reach);
            for row in 0..height {
                let start = address + row * pitch;
                state.memory.check(start, bytes)?;
                if !super::launch::reaches(state, context, start) {
                    return Err(ILLEGAL_ADDRESS);
                }
                // SAFETY: the row was checked just now, is open and aligned.
                unsafe { std::slice::from_raw_parts_mut(start as *mut T, width) }.fill(value);
            }
            Ok(())
        }),
    )
}
