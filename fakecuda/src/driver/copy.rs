//! Copies: of bytes, of rows, of planes; between the host and devices.

use libc::{c_uint, size_t};

use crate::{
    arguments::In,
    captures,
    codes::{Answer, INVALID_VALUE},
    entry::entry_points,
    queues::{self, LEGACY, run, submit},
    state::{Guard, State},
};

const HOST: c_uint = 1;
const DEVICE: c_uint = 2;
const UNIFIED: c_uint = 4;

/// One side of `CUDA_MEMCPY2D`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Side2D {
    /// The first byte's column.
    pub x: size_t,
    /// Its row.
    pub y: size_t,
    /// 1 host, 2 device, 4 either.
    pub place: c_uint,
    /// Where, on the host.
    pub host: usize,
    /// Where, on a device.
    pub device: usize,
    /// Arrays are not modelled.
    pub array: usize,
    /// Bytes from row to row.
    pub pitch: size_t,
}

/// `CUDA_MEMCPY2D`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Copy2D {
    /// From where.
    pub source: Side2D,
    /// To where.
    pub target: Side2D,
    /// Bytes a row.
    pub width: size_t,
    /// Rows.
    pub height: size_t,
}

/// One side of `CUDA_MEMCPY3D`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Side3D {
    /// The first byte's column.
    pub x: size_t,
    /// Its row.
    pub y: size_t,
    /// Its plane.
    pub z: size_t,
    /// Zero.
    pub level: size_t,
    /// 1 host, 2 device, 4 either.
    pub place: c_uint,
    /// Where, on the host.
    pub host: usize,
    /// Where, on a device.
    pub device: usize,
    /// Arrays are not modelled.
    pub array: usize,
    /// Zero.
    pub reserved: usize,
    /// Bytes from row to row.
    pub pitch: size_t,
    /// Rows from plane to plane.
    pub height: size_t,
}

/// `CUDA_MEMCPY3D`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Copy3D {
    /// From where.
    pub source: Side3D,
    /// To where.
    pub target: Side3D,
    /// Bytes a row.
    pub width: size_t,
    /// Rows a plane.
    pub height: size_t,
    /// Planes.
    pub depth: size_t,
}

entry_points! {
    4000 Context fn cuMemcpy(target: usize, source: usize, bytes: size_t) |state| {
        copy(state, line(target, source, bytes), LEGACY, true)
    }
    4000 Init fn cuMemcpyAsync(target: usize, source: usize, bytes: size_t, stream: usize) |state| {
        copy(state, line(target, source, bytes), stream, false)
    }
    3020 Context fn cuMemcpyHtoD_v2(target: usize, source: usize, bytes: size_t) |state| {
        is_known(&state, target, bytes)?;
        copy(state, line(target, source, bytes), LEGACY, true)
    }
    3020 Init fn cuMemcpyHtoDAsync_v2(target: usize, source: usize, bytes: size_t, stream: usize) |state| {
        is_known(&state, target, bytes)?;
        copy(state, line(target, source, bytes), stream, false)
    }
    3020 Context fn cuMemcpyDtoH_v2(target: usize, source: usize, bytes: size_t) |state| {
        is_known(&state, source, bytes)?;
        copy(state, line(target, source, bytes), LEGACY, true)
    }
    3020 Init fn cuMemcpyDtoHAsync_v2(target: usize, source: usize, bytes: size_t, stream: usize) |state| {
        is_known(&state, source, bytes)?;
        copy(state, line(target, source, bytes), stream, false)
    }
    3020 Context fn cuMemcpyDtoD_v2(target: usize, source: usize, bytes: size_t) |state| {
        is_known(&state, target, bytes).and(is_known(&state, source, bytes))?;
        copy(state, line(target, source, bytes), LEGACY, false)
    }
    3020 Init fn cuMemcpyDtoDAsync_v2(target: usize, source: usize, bytes: size_t, stream: usize) |state| {
        is_known(&state, target, bytes).and(is_known(&state, source, bytes))?;
        copy(state, line(target, source, bytes), stream, false)
    }
    4000 Context fn cuMemcpyPeer(
        target: usize, target_context: usize, source: usize, source_context: usize, bytes: size_t
    ) |state| {
        is_of(&state, target, target_context, bytes).and(is_of(&state, source, source_context, bytes))?;
        copy(state, line(target, source, bytes), LEGACY, false)
    }
    4000 Init fn cuMemcpyPeerAsync(
        target: usize, target_context: usize, source: usize, source_context: usize, bytes: size_t, stream: usize
    ) |state| {
        is_of(&state, target, target_context, bytes).and(is_of(&state, source, source_context, bytes))?;
        copy(state, line(target, source, bytes), stream, false)
    }
    3020 Context fn cuMemcpy2D_v2(rows: In<Copy2D>) |state| { copy(state, plane(rows.read()?)?, LEGACY, true) }
    3020 Context fn cuMemcpy2DUnaligned_v2(rows: In<Copy2D>) |state| { copy(state, plane(rows.read()?)?, LEGACY, true) }
    3020 Init fn cuMemcpy2DAsync_v2(rows: In<Copy2D>, stream: usize) |state| {
        copy(state, plane(rows.read()?)?, stream, false)
    }
    3020 Context fn cuMemcpy3D_v2(planes: In<Copy3D>) |state| { copy(state, space(planes.read()?)?, LEGACY, true) }
    3020 Init fn cuMemcpy3DAsync_v2(planes: In<Copy3D>, stream: usize) |state| {
        copy(state, space(planes.read()?)?, stream, false)
    }
}

/// One side of a copy: the first byte, and bytes from row to row and from plane to plane.
#[derive(Clone, Copy)]
struct Side {
    start: usize,
    pitch: usize,
    plane: usize,
}

#[derive(Clone, Copy)]
struct Shape {
    target: Side,
    source: Side,
    width: usize,
    height: usize,
    depth: usize,
}

impl Shape {
    /// Where each row goes, and where it comes from.
    fn rows(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let Self { target, source, height, depth, .. } = *self;
        let at =
            move |side: Side, plane: usize, row: usize| side.start + plane * side.plane + row * side.pitch;
        (0..depth).flat_map(move |plane| {
            (0..height).map(move |row| (at(target, plane, row), at(source, plane, row)))
        })
    }

    /// Bytes from the first to the last of a side.
    fn reach(&self, side: Side) -> usize {
        (self.depth - 1) * side.plane + (self.height - 1) * side.pitch + self.width
    }
}

fn line(target: usize, source: usize, width: usize) -> Shape {
    let side = |start| Side { start, pitch: width, plane: width };
    Shape { target: side(target), source: side(source), width, height: 1, depth: 1 }
}

fn plane(rows: Copy2D) -> Answer<Shape> {
    let raise = |side: Side2D| {
        let Side2D { x, y, place, host, device, array, pitch } = side;
        Side3D { x, y, place, host, device, array, pitch, ..Side3D::default() }
    };
    let Copy2D { source, target, width, height } = rows;
    space(Copy3D { source: raise(source), target: raise(target), width, height, depth: 1 })
}

fn space(planes: Copy3D) -> Answer<Shape> {
    let Copy3D { width, height, depth, .. } = planes;
    let side = |side: Side3D| {
        let start = match side.place {
            HOST => side.host,
            DEVICE | UNIFIED => side.device,
            _ => return Err(INVALID_VALUE),
        };
        let overlaps = side.x.checked_add(width).ok_or(INVALID_VALUE)? > side.pitch
            || (depth > 1 && side.y.checked_add(height).ok_or(INVALID_VALUE)? > side.height);
        if overlaps || side.pitch > i32::MAX as usize || side.level != 0 || side.reserved != 0 {
            return Err(INVALID_VALUE);
        }
        let plane = side.pitch * side.height;
        Ok(Side { start: start + side.x + side.y * side.pitch + side.z * plane, pitch: side.pitch, plane })
    };
    Ok(Shape { target: side(planes.target)?, source: side(planes.source)?, width, height, depth })
}

/// Whether these bytes are the driver's: it looks before it copies.
fn is_known(state: &State, address: usize, bytes: usize) -> Answer {
    let fits = |(base, size): (usize, usize)| bytes <= base + size - address;
    match state.memory.find(address).map(|(base, allocation)| (base, allocation.size)) {
        Some(range) if fits(range) => Ok(()),
        None if bytes == 0 => Ok(()),
        _ => Err(INVALID_VALUE),
    }
}

/// Likewise, and on the device of this context.
fn is_of(state: &State, address: usize, context: usize, bytes: usize) -> Answer {
    is_known(state, address, bytes)?;
    let device = state.contexts.device(context)?;
    match state.memory.find(address) {
        Some((_, allocation)) if allocation.device != device => Err(INVALID_VALUE),
        _ => Ok(()),
    }
}

/// Pageable host memory is staged: as the source it is read at once, and a copy into it returns when it is done.
fn copy(mut state: Guard, mut shape: Shape, stream: usize, mut wait: bool) -> Answer {
    queues::context(&mut state, stream)?;
    if shape.width == 0 || shape.height == 0 || shape.depth == 0 {
        return Ok(());
    }
    for side in [shape.target, shape.source] {
        if state.memory.find(side.start).is_some() {
            is_known(&state, side.start, shape.reach(side))?;
        } else {
            state.memory.check(side.start, 0).map_err(|_| INVALID_VALUE)?;
        }
    }
    let key = queues::resolve(&mut state, stream)?;
    let pageable = |side: Side| state.memory.find(side.start).is_none();
    let mut staged = Vec::new();
    if captures::of(&state, key).is_none() {
        wait |= pageable(shape.target);
        if pageable(shape.source) && !wait {
            staged = stage(&mut shape);
        }
    }
    submit(
        state,
        stream,
        wait,
        run(move |state| {
            // The staged bytes live as long as this work.
            let _ = &staged;
            let _open =
                [shape.target, shape.source].map(|side| state.memory.open(side.start, shape.reach(side)));
            state.memory.copy_rows(shape.width, shape.rows())
        }),
    )
}

/// Reads the source, and lets the copy come from what was read.
fn stage(shape: &mut Shape) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(shape.width * shape.height * shape.depth);
    for (_, source) in shape.rows() {
        // SAFETY: host memory that the caller of the driver said is there.
        bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(source as *const u8, shape.width) });
    }
    let plane = shape.width * shape.height;
    shape.source = Side { start: bytes.as_ptr() as usize, pitch: shape.width, plane };
    bytes
}
