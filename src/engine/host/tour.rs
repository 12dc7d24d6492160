//! Copies of more than two loops, patch by patch: rows that change their order, and words whose rows become columns.

use std::ptr;

use super::isa::Isa;
use super::outlet::Outlet;
use super::patch::{Patch, Patches, Unit, nest};
use super::rows;
use super::run::PAGE;
use super::stream::{self, LINE};
use crate::engine::plan::{Loop, Plan};
use crate::error::{listed, no_memory};
use crate::layout::sort_by_key;

/// Bytes that are read or written in one go where memory allows it: less costs new pages and rows of memory.
const RUN: usize = 2 << 10;

/// Bytes of a row that are fetched before its turn comes: memory foresees the rest.
const NEXT: usize = 4 << 10;

/// Copies of fewer bytes find both sides in the second-level cache, in any order.
const NEAR: usize = 1 << 20;

/// Rows of so many bytes are not too small for any order that finds them in the cache.
const WORD: usize = 16;

/// So many rows are worth a loop.
const ENOUGH: i64 = 16;

/// Copies the units of a plan, which are the same bytes on both sides, adjacent ones; past the caches if it `streams`.
///
/// # Safety
/// Every scalar of the plan is readable and writable as its side needs, and the two do not overlap. Positions are whole
/// bytes.
pub unsafe fn copy_rows(
    plan: &Plan,
    unit: Unit,
    streams: bool,
    source: *const u8,
    target: *mut u8,
    isa: Isa,
) {
    let bytes = (unit.bits[0] >> 3) as usize;
    let total = plan.loops[unit.loops..].iter().fold(bytes, |n, l| n.saturating_mul(l.extent as usize));
    let (is_long, outer) = (bytes as i64 >= stream::ROW, &plan.loops[unit.loops..]);
    // Rows of a line and more are as soon found in the order of the target, where that stays in the caches.
    let finds = outer.len() < 2 || bytes >= LINE || total <= NEAR && (bytes >= WORD || unit.loops == 0);
    // SAFETY: as the caller promises; whole lines of the target where they have to be.
    unsafe {
        if streams && is_long {
            stream_long(plan, unit, source, target);
        } else if streams && are_lines(plan, unit, target) {
            let (start, across) = as_in_source(plan, unit.loops);
            rearrange(&Patch::of(start, &across), source, target, bytes, stream::rows(bytes, isa));
            stream::finish();
        } else if !streams && finds {
            let most = |i: &usize| outer[*i].extent.min(ENOUGH);
            let longest = (0..outer.len().min(3)).rev().max_by_key(most).unwrap_or(0);
            let mut across = listed(outer);
            if longest > 0 {
                across[..=longest].rotate_right(1);
            }
            let start = [plan.source, plan.target];
            rearrange(&Patch::of(start, &across), source, target, bytes, rows::pick(bytes, isa));
        } else {
            copy_near(plan, unit, streams, source, target, isa);
        }
    }
}

/// [`copy_rows`] of long ones past the caches, in the order of the source.
///
/// # Safety
/// As there.
unsafe fn stream_long(plan: &Plan, unit: Unit, source: *const u8, target: *mut u8) {
    let bytes = (unit.bits[0] >> 3) as usize;
    by_source(plan, unit.loops, (source, target), bytes, &mut |from, to, next| {
        if !next.is_null() {
            stream::fetch_rows(next, 0, bytes.min(NEXT), 1);
        }
        // SAFETY: a unit of the plan.
        unsafe { stream::copy(from, to, bytes) };
    });
    stream::finish();
}

/// [`copy_rows`] patch by patch, so that both sides find theirs in the caches.
///
/// # Safety
/// As there.
unsafe fn copy_near(plan: &Plan, unit: Unit, streams: bool, source: *const u8, target: *mut u8, isa: Isa) {
    let bytes = (unit.bits[0] >> 3) as usize;
    let copy = rows::pick(bytes, isa);
    let most = (2 * RUN / bytes).max(1) as i64;
    // Every loop may be next, so that nothing but memory can be missing.
    let Some(patches) = Patches::near(plan, unit, [most, most / 2]) else { no_memory() };
    let mut outlet = Outlet::new();
    patches.visit(plan, &mut |patch| {
        let run = run_of(patch.across, unit.bits[1])
            .filter(|n| streams && (1 << 10..=2 * RUN).contains(&(n * bytes)));
        let Some(n) = run else {
            // SAFETY: the units of the patch.
            return unsafe { rearrange(patch, source, target, bytes, copy) };
        };
        let first = patch.across.first().copied().unwrap_or(Loop::ONCE);
        let next = patch.along.first().map_or(first.source * first.extent, |l| l.source);
        nest(patch.along, [patch.source, patch.target], &mut |at| {
            let (from, to) = places(source, target, at);
            if first.source.unsigned_abs() >> 3 >= PAGE as u64 {
                let beside = from.wrapping_offset((next >> 3) as isize);
                stream::fetch_rows(beside, (first.source >> 3) as isize, bytes, first.extent as usize);
            }
            // SAFETY: a run of the patch.
            unsafe {
                outlet.write(to, n * bytes, |room| {
                    gather(patch.across, source, at[0], (room, bytes), bytes, copy)
                });
            }
        });
    });
    if streams {
        // SAFETY: the target of the plan.
        unsafe { outlet.finish() };
    }
}

/// Whether units are whole lines of the target, enough of them to be written anywhere.
pub(super) fn are_lines(plan: &Plan, unit: Unit, target: *mut u8) -> bool {
    const BITS: i64 = LINE as i64 * 8;
    let first = places(ptr::null(), target, [0, plan.target]).1;
    let outer = &plan.loops[unit.loops..];
    let whole = first.align_offset(LINE) == 0 && outer.iter().all(|l| l.target % BITS == 0);
    whole && unit.bits[1] % BITS == 0 && unit.bits[1] > BITS
}

/// Visits units of `bytes` bytes, of as many loops, as they follow each other in the source: where they begin, where they
/// go, and where the next one begins if it does not follow.
pub(super) fn by_source(
    plan: &Plan,
    loops: usize,
    (source, target): (*const u8, *mut u8),
    bytes: usize,
    visit: &mut dyn FnMut(*const u8, *mut u8, *const u8),
) {
    let (start, outer) = as_in_source(plan, loops);
    let mut last: Option<(*const u8, *mut u8)> = None;
    nest(&outer, start, &mut |at| {
        let next = places(source, target, at);
        if let Some((from, to)) = last.replace(next) {
            visit(from, to, if next.0 == from.wrapping_add(bytes) { ptr::null() } else { next.0 });
        }
    });
    if let Some((from, to)) = last {
        visit(from, to, ptr::null());
    }
}

/// The loops but for the innermost `loops`, in the order and the direction of the source, and where they begin.
fn as_in_source(plan: &Plan, loops: usize) -> ([i64; 2], Vec<Loop>) {
    let (mut start, mut outer) = ([plan.source, plan.target], listed(&plan.loops[loops..]));
    for l in outer.iter_mut().filter(|l| l.source < 0) {
        let last = l.extent - 1;
        start = [start[0] + last * l.source, start[1] + last * l.target];
        (l.source, l.target) = (-l.source, -l.target);
    }
    sort_by_key(&mut outer, |l| l.source);
    (start, outer)
}

/// How many units of `bits` bits the loops visit, if they lie without gaps in the target.
fn run_of(loops: &[Loop], bits: i64) -> Option<usize> {
    let mut units = 1;
    for l in loops {
        if l.target != units * bits {
            return None;
        }
        units *= l.extent;
    }
    Some(units as usize)
}

/// The addresses at so many bits from both sides' starts.
pub(super) fn places(source: *const u8, target: *mut u8, at: [i64; 2]) -> (*const u8, *mut u8) {
    (source.wrapping_offset((at[0] >> 3) as isize), target.wrapping_offset((at[1] >> 3) as isize))
}

/// Copies the units of a patch to their places, those of two loops in one call.
///
/// # Safety
/// As for [`copy_rows`].
unsafe fn rearrange(patch: &Patch, source: *const u8, target: *mut u8, bytes: usize, copy: rows::Rows) {
    let length = |loops: &[Loop]| loops.first().map_or(1, |l| l.extent);
    let (rows, others) = if length(patch.across) >= length(patch.along).min(ENOUGH) {
        (patch.across, patch.along)
    } else {
        (patch.along, patch.across)
    };
    let (inner, rows) = pair(rows);
    nest(others, [patch.source, patch.target], &mut |start| {
        // SAFETY: units of the patch.
        nest(rows, start, &mut |at| unsafe {
            let (from, to) = places(source, target, at);
            let [s, t] = [inner.map(|l| (l.source >> 3) as isize), inner.map(|l| (l.target >> 3) as isize)];
            copy(from, s, to, t, bytes, inner.map(|l| l.extent as usize));
        });
    });
}

/// The two innermost loops, and the others.
fn pair(loops: &[Loop]) -> ([Loop; 2], &[Loop]) {
    let get = |i: usize| loops.get(i).copied().unwrap_or(Loop::ONCE);
    ([get(0), get(1)], loops.get(2..).unwrap_or_default())
}

/// Brings the units of some loops, of `bytes` bytes each, together at `to`, `pitch` bytes apart.
///
/// # Safety
/// The units are readable, and there is room for them.
unsafe fn gather(
    loops: &[Loop],
    source: *const u8,
    at: i64,
    (mut to, pitch): (*mut u8, usize),
    bytes: usize,
    copy: rows::Rows,
) {
    let (inner, outer) = pair(loops);
    let counts = inner.map(|l| l.extent as usize);
    nest(outer, [at, 0], &mut |at| {
        // SAFETY: as many units as the loops have.
        unsafe {
            let from = source.offset((at[0] >> 3) as isize);
            let pitches = [pitch as isize, (pitch * counts[0]) as isize];
            copy(from, inner.map(|l| (l.source >> 3) as isize), to, pitches, bytes, counts);
            to = to.add(pitch * counts[0] * counts[1]);
        }
    });
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::engine::host::fenced::{Fenced, PAGE};
    use crate::engine::host::turned::Turned;
    use crate::engine::plan::Side;

    /// Axes of these extents in another order, each `gap` bytes behind the one before; and their bytes.
    fn strides(shape: &[i64], order: &[usize], size: i64, gap: i64) -> (Vec<i64>, i64) {
        let (mut strides, mut span) = (vec![0; shape.len()], size);
        for &axis in order {
            strides[axis] = span;
            span = span * shape[axis] + gap;
        }
        let last: i64 = strides.iter().zip(shape).map(|(stride, n)| stride * (n - 1)).sum();
        (strides, last + size)
    }

    /// One order of axes and another, in fenced memory, against one word after the other.
    fn check(shape: &[i64], orders: [&[usize]; 2], size: usize, gaps: [i64; 2], memory: &mut [Fenced; 2]) {
        let [(from, from_bytes), (to, to_bytes)] =
            [0, 1].map(|i| strides(shape, orders[i], size as i64, gaps[i]));
        if from_bytes.max(to_bytes) as usize > 8 * PAGE {
            return;
        }
        let [source, target] = memory;
        let at_end = shape[0] % 2 == 0;
        let source = source.bytes(from_bytes as usize, at_end);
        let target = target.bytes(to_bytes as usize, !at_end);
        source.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 61 + (i >> 8) * 3) as u8);
        let mut expected = vec![0x5A; to_bytes as usize];
        let axes: Vec<Loop> = (0..shape.len())
            .map(|i| Loop { extent: shape[i], source: from[i], target: to[i], step: 0 })
            .collect();
        nest(&axes, [0, 0], &mut |at| {
            let word = &source[at[0] as usize..][..size];
            expected[at[1] as usize..][..size].copy_from_slice(word);
        });
        let side = |strides| Side { strides, offset: 0, element: 8, lane: 0, part: 0 };
        let plan = Plan::new(shape, &side(&from), &side(&to), 1, None).expect("small").expect("elements");
        for (isa, is_large) in Isa::ALL.into_iter().flat_map(|isa| [(isa, false), (isa, true)]) {
            let unit = Unit { loops: 0, bits: [size as i64 * 8; 2] };
            let (from, to) = (source.as_ptr(), target.as_mut_ptr());
            fill(to, to_bytes);
            // SAFETY: the words of the plan are those of the slices.
            unsafe { copy_rows(&plan, unit, is_large, from, to, isa) };
            assert!(target == expected, "{shape:?} {orders:?} {size} {gaps:?} {isa:?}: rows");
            let Some(turned) = Turned::new(&plan, [size; 2], is_large, isa) else { continue };
            fill(target.as_mut_ptr(), to_bytes);
            // SAFETY: likewise.
            assert!(unsafe { turned.run(&plan, from, target.as_mut_ptr(), None) });
            assert!(target == expected, "{shape:?} {orders:?} {size} {gaps:?} {isa:?} {is_large}");
            let Some(turned) = Turned::new(&plan, [size; 2], is_large, isa) else {
                unreachable!("as before")
            };
            fill(target.as_mut_ptr(), to_bytes);
            // SAFETY: words of the plan and their places.
            let mut put =
                |from: *const u8, to: *mut u8, n: usize| unsafe { stream::copy(from, to, n * size) };
            // SAFETY: likewise.
            assert!(unsafe { turned.run(&plan, from, target.as_mut_ptr(), Some(&mut put)) });
            stream::finish();
            assert!(target == expected, "{shape:?} {orders:?} {size} {gaps:?} {isa:?} {is_large}: streamed");
        }
    }

    fn fill(target: *mut u8, bytes: i64) {
        // SAFETY: so many bytes are the caller's.
        unsafe { target.write_bytes(0x5A, bytes as usize) }
    }

    #[test]
    fn patches_of_any_axes_in_any_order_arrive_whole_and_nothing_else_is_touched() {
        let mut memory = [Fenced::new(8), Fenced::new(8)];
        let orders: [&[usize]; 6] =
            [&[0, 1, 2, 3], &[3, 2, 1, 0], &[1, 3, 0, 2], &[2, 0, 3, 1], &[0, 3, 1, 2], &[3, 0, 2, 1]];
        let shapes = [
            [2, 3, 5, 7],
            [40, 2, 3, 33],
            [3, 70, 2, 9],
            [64, 5, 64, 2],
            [2, 2, 300, 3],
            [7, 150, 31, 2],
            [300, 5, 1, 90],
            [11, 4, 3, 20],
        ];
        for (i, shape) in shapes.iter().enumerate() {
            for (j, from) in orders.into_iter().enumerate() {
                for (k, to) in orders.into_iter().enumerate() {
                    for size in [1, 2, 3, 4, 8, 12, 16, 128, 192] {
                        let gaps = [[0, 0], [0, 5], [64, 0], [1, 1]][(i + j + k + size % 13) % 4];
                        check(shape, [from, to], size, gaps, &mut memory);
                    }
                }
            }
        }
    }
}
