//! Between host and device: by the driver where it can, else through memory on the device, and through pinned chunks on
//! the host where that is pageable. The narrower of the two types travels; the device converts where it may.

use super::boxes::{Part, boxes};
use super::device;
use super::planes::{self, copy_planes};
use super::queue::Queue;
use super::stage::{CHUNK, Chunk};
use crate::dtype::DType;
use crate::engine::pass::Pass;
use crate::engine::{self, Transform, View, ViewMut, passes};
use crate::error::{Result, bail};
use crate::layout::Layout;

/// What a device and the host have to do with memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// The device works on it: its own, and managed memory.
    Near,
    /// The host's, pinned: devices reach it, over a longer way.
    Pinned,
    /// The host's: it has to be brought to where devices reach it.
    Pageable,
}

/// Bytes of a part that travels to or from pinned memory at once.
const PART: u64 = 32 << 20;

/// Copies or converts between memory of these kinds, one of which is near.
///
/// # Safety
/// As for [`engine::convert`], once the stream has come so far; what is pinned or near stays until it has. The device of
/// the queue reaches what is near.
pub unsafe fn transfer(
    source: &View,
    target: &ViewMut,
    transform: &Transform,
    [from, to]: [Memory; 2],
    queue: &Queue,
) -> Result<()> {
    let kind = if from == Memory::Near { to } else { from };
    let forms = [(source.dtype, source.layout), (target.dtype, target.layout)];
    if target.layout.is_empty() || target.dtype.element_bits() == 0 {
        return passes(forms[0], forms[1], transform, &mut |_: &Pass| Ok(()));
    }
    // SAFETY: as the caller promises, in all cases.
    unsafe {
        if kind == Memory::Near {
            return device::convert(source, target, transform, queue);
        }
        if kind == Memory::Pageable && queue.entered.is_capturing(queue.stream)? {
            bail!(
                Unsupported,
                "the stream is being captured, and what is moved passes through the host: use pinned memory"
            );
        }
        let ends = [source.data.addr(), target.data.addr()];
        if let Some(copies) = planes::whole(forms, transform, kind == Memory::Pinned)? {
            return copy_planes(&copies, ends, [from, to], queue);
        }
        if let Some(once) = once(source.layout).filter(|_| to == Memory::Near) {
            return spread(source, &once, target, transform, from, queue);
        }
        match (to == Memory::Near, kind) {
            (true, Memory::Pinned) => from_pinned(source, target, transform, queue),
            (false, Memory::Pinned) => to_pinned(source, target, transform, queue),
            (true, _) => from_pageable(source, target, transform, queue),
            (false, _) => to_pageable(source, target, transform, queue),
        }
    }
}

/// The layout with each element once, where some are repeated.
fn once(layout: &Layout) -> Option<Layout> {
    let repeats = |(extent, stride): (&i64, &i64)| *stride == 0 && *extent > 1;
    if !layout.shape().iter().zip(layout.strides()).any(repeats) {
        return None;
    }
    let shape: Vec<i64> = layout
        .shape()
        .iter()
        .zip(layout.strides())
        .map(|(extent, stride)| if repeats((extent, stride)) { 1 } else { *extent })
        .collect();
    Layout::new(&shape, layout.strides(), layout.offset()).ok()
}

/// Brings each element once, and repeats them there.
///
/// # Safety
/// As for [`transfer`].
unsafe fn spread(
    source: &View,
    once: &Layout,
    target: &ViewMut,
    transform: &Transform,
    kind: Memory,
    queue: &Queue,
) -> Result<()> {
    let (dtype, between) = (source.dtype, once.dense_like());
    let room = queue.room(bytes_of(dtype, once.element_count()))?;
    let still = |((own, one), stride): ((&i64, &i64), &i64)| if own == one { *stride } else { 0 };
    let strides: Vec<i64> =
        source.layout.shape().iter().zip(once.shape()).zip(between.strides()).map(still).collect();
    let repeated = Layout::new(source.layout.shape(), &strides, 0)?;
    let there = ViewMut { data: room.pointer(), dtype, layout: &between };
    // SAFETY: as the caller promises; the room holds each element once.
    unsafe {
        transfer(
            &View { layout: once, ..*source },
            &there,
            &Transform::default(),
            [kind, Memory::Near],
            queue,
        )?;
        let repeated = View { data: room.pointer(), dtype, layout: &repeated };
        device::convert(&repeated, target, transform, queue)
    }
}

/// The type that travels.
pub fn narrower(from: DType, to: DType, tie: DType) -> DType {
    match from.element_bits().cmp(&to.element_bits()) {
        std::cmp::Ordering::Less => from,
        std::cmp::Ordering::Greater => to,
        std::cmp::Ordering::Equal => tie,
    }
}

/// Elements of which so many bytes hold at most, one at least.
fn elements_in(bytes: u64, dtype: DType) -> i64 {
    (bytes * 8 / dtype.element_bits().max(1)).max(1) as i64
}

fn bytes_of(dtype: DType, count: i64) -> usize {
    (count as u64 * dtype.element_bits()).div_ceil(8) as usize
}

/// The elements of a layout that fill memory from the first byte to the last, at whole bytes: where they begin, and how
/// many bytes there are.
fn block(dtype: DType, layout: &Layout) -> Option<(isize, usize)> {
    let (low, _) = layout.span()?;
    let (bits, count) = (dtype.element_bits() as i128, i128::from(layout.element_count()));
    let dense = layout.dense_like();
    let axes = layout.shape().iter().zip(layout.strides()).zip(dense.strides());
    let mut long = axes.filter(|((extent, _), _)| **extent > 1);
    let is_dense = long.all(|((_, stride), dense)| stride.abs() == *dense);
    let start = i128::from(low) * bits;
    (is_dense && start % 8 == 0 && count * bits % 8 == 0)
        .then_some(((start / 8) as isize, (count * bits / 8) as usize))
}

/// The same elements, `layout` counting from the first byte of their block.
fn rebased(layout: &Layout) -> Result<Layout> {
    let low = layout.span().map_or(0, |(low, _)| low);
    Layout::new(layout.shape(), layout.strides(), layout.offset() - low)
}

/// # Safety
/// As for [`transfer`].
unsafe fn from_pinned(source: &View, target: &ViewMut, transform: &Transform, queue: &Queue) -> Result<()> {
    boxes(source.layout, elements_in(PART, source.dtype), &mut |part| {
        let (from, to) = (part.of(source.layout)?, part.of(target.layout)?);
        let target = ViewMut { layout: &to, ..*target };
        let transform = part.transform(transform);
        // SAFETY: as the caller promises, for a part; the room holds the block.
        unsafe {
            let Some((start, bytes)) = block(source.dtype, &from) else {
                return device::convert(&View { layout: &from, ..*source }, &target, &transform, queue);
            };
            let room = queue.room(bytes)?;
            queue.copy(room.start(), source.data.addr().wrapping_add_signed(start), bytes)?;
            let between = rebased(&from)?;
            let view = View { data: room.pointer(), dtype: source.dtype, layout: &between };
            device::convert(&view, &target, &transform, queue)
        }
    })
}

/// # Safety
/// As for [`transfer`].
unsafe fn to_pinned(source: &View, target: &ViewMut, transform: &Transform, queue: &Queue) -> Result<()> {
    boxes(target.layout, elements_in(PART, target.dtype), &mut |part| {
        let (from, to) = (part.of(source.layout)?, part.of(target.layout)?);
        let source = View { layout: &from, ..*source };
        let transform = part.transform(transform);
        // SAFETY: as the caller promises, for a part; the room holds the block.
        unsafe {
            let Some((start, bytes)) = block(target.dtype, &to) else {
                return device::convert(&source, &ViewMut { layout: &to, ..*target }, &transform, queue);
            };
            let room = queue.room(bytes)?;
            let between = rebased(&to)?;
            let view = ViewMut { data: room.pointer(), dtype: target.dtype, layout: &between };
            device::convert(&source, &view, &transform, queue)?;
            queue.copy(target.data.addr().wrapping_add_signed(start), room.start(), bytes)
        }
    })
}

/// The parts of what passes through chunks, with a layout without gaps for each.
fn staged(
    host: &Layout,
    travels: DType,
    visit: &mut dyn FnMut(&Part, Layout, usize) -> Result<()>,
) -> Result<()> {
    if travels.element_bits() > CHUNK as u64 * 8 {
        bail!(Unsupported, "an element of {} bits does not fit what passes to a GPU", travels.element_bits());
    }
    boxes(host, elements_in(CHUNK as u64, travels), &mut |part| {
        let between = part.of(host)?.dense_like();
        visit(part, between, bytes_of(travels, part.count()))
    })
}

/// # Safety
/// As for [`transfer`].
unsafe fn from_pageable(source: &View, target: &ViewMut, transform: &Transform, queue: &Queue) -> Result<()> {
    let travels = narrower(source.dtype, target.dtype, source.dtype);
    let [on_host, on_device] = shares(travels == source.dtype, transform);
    staged(source.layout, travels, &mut |part, between, bytes| {
        let (from, to) = (part.of(source.layout)?, part.of(target.layout)?);
        let mut chunk = Chunk::take(queue)?;
        let room = queue.room(bytes)?;
        let packed = ViewMut { data: chunk.start(), dtype: travels, layout: &between };
        // SAFETY: as the caller promises, for a part; chunk and room hold so many bytes.
        unsafe {
            engine::convert(&View { layout: &from, ..*source }, &packed, &part.transform(&on_host))?;
            chunk.send(room.start(), bytes, queue)?;
            let view = View { data: room.pointer(), dtype: travels, layout: &between };
            device::convert(&view, &ViewMut { layout: &to, ..*target }, &part.transform(&on_device), queue)
        }
    })
}

/// # Safety
/// As for [`transfer`].
unsafe fn to_pageable(source: &View, target: &ViewMut, transform: &Transform, queue: &Queue) -> Result<()> {
    let travels = narrower(source.dtype, target.dtype, target.dtype);
    let [on_device, on_host] = shares(travels != target.dtype, transform);
    let mut before: Option<(Chunk, Layout, Layout, Transform)> = None;
    let unpack = |(mut chunk, between, to, transform): (Chunk, Layout, Layout, Transform)| {
        chunk.arrive()?;
        let view = View { data: chunk.start(), dtype: travels, layout: &between };
        // SAFETY: as the caller promises, for a part that has arrived.
        unsafe { engine::convert(&view, &ViewMut { layout: &to, ..*target }, &transform) }
    };
    staged(target.layout, travels, &mut |part, between, bytes| {
        let (from, to) = (part.of(source.layout)?, part.of(target.layout)?);
        let mut chunk = Chunk::take(queue)?;
        {
            let room = queue.room(bytes)?;
            let packed = ViewMut { data: room.pointer(), dtype: travels, layout: &between };
            let source = View { layout: &from, ..*source };
            // SAFETY: as the caller promises, for a part; chunk and room hold so many bytes.
            unsafe {
                device::convert(&source, &packed, &part.transform(&on_device), queue)?;
                chunk.receive(room.start(), bytes, queue)?;
            }
        }
        let transform = part.transform(&on_host);
        match before.replace((chunk, between, to, transform)) {
            Some(earlier) => unpack(earlier),
            None => Ok(()),
        }
    })?;
    before.map_or(Ok(()), unpack)
}

/// What is done before the elements travel, and what after: all of it on one side, a copy on the other.
pub fn shares<'a>(after: bool, transform: &Transform<'a>) -> [Transform<'a>; 2] {
    let all = Transform { progress: None, ..*transform };
    if after { [Transform::default(), all] } else { [all, Transform::default()] }
}
