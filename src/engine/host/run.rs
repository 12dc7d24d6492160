//! What is done with the blocks of a plan: copies, conversions and comparisons. Each block is gathered into adjacent
//! native bytes, worked on there and scattered; where memory already has that form, gathering or scattering falls away.

use std::mem::MaybeUninit;

pub use super::factors::Coefficients;
use super::factors::{Cycle, Factors};
use super::isa::Isa;
use super::memory::{Cell, Grid, Mover};
use super::path::{BLOCK, ROOM, Run};
use super::port::{Port, Room};
use super::sheet::with_room;
use super::stream;
use super::walk::{Block, second_loop, walk};
use crate::engine::compare::Comparand;
use crate::engine::plan::{Loop, Plan};

/// One side of the work: what positions count from, and how scalars lie there.
#[derive(Clone, Copy)]
pub struct Place<P> {
    /// The start of the storage.
    pub base: P,
    /// One scalar.
    pub cell: Cell,
}

/// Bytes of the tile through which transposed scalars pass: it stays in the first-level cache, and its rows are
/// whole cache lines.
const TILE: usize = 4096;

/// Copies scalars that differ in packing and byte order at most.
///
/// # Safety
/// Every source scalar of the plan is readable and every target scalar writable, and the two do not overlap.
pub unsafe fn copy(plan: &Plan, source: Place<*const u8>, target: Place<*mut u8>) {
    let whole = Mover::between(source.cell, target.cell);
    let size = source.cell.bytes();
    let unchanged = matches!(whole, Mover::Word(_) | Mover::Bytes { part: 1, .. });
    let run = |stride| stride == source.cell.stride();
    let runs = plan.loops.first().is_some_and(|l| l.extent >= SHORT && run(l.source) && run(l.target));
    let streams = plan.count().saturating_mul(size) >= stream::FROM;
    if unchanged && runs {
        let streams = streams && has_long_rows(plan, size);
        // SAFETY: the rows are runs of the plan's scalars.
        unsafe {
            each_row(plan, source.base, target.base, &mut |from, to, n, _| {
                if streams {
                    stream::copy(from, to, n * size)
                } else {
                    to.copy_from_nonoverlapping(from, n * size)
                }
            });
        }
        return stream::finish();
    }
    if runs && let Mover::Reversed(size) = whole {
        let run = Run::reversed(size.into(), Isa::chosen());
        // SAFETY: as the caller promises.
        return unsafe { convert(plan, &run, source, target, Coefficients::default()) };
    }
    if has_sheets(plan, source, target) {
        // SAFETY: as the caller promises.
        return unsafe { copy_sheets(plan, source, target, whole) };
    }
    let (second, transposed) = second_loop(plan);
    let long = plan.loops.first().is_some_and(|l| l.extent >= 256 && run(l.target));
    if streams && long && !transposed && size <= 16 && !target.cell.packed {
        // SAFETY: as the caller promises.
        return unsafe { stream_rows(plan, source, target, whole) };
    }
    let tiled = transposed && plan.loops[0].extent >= 16 && plan.loops[second].extent >= 16;
    if !tiled || size > 16 || source.cell.packed || target.cell.packed {
        let limit = if transposed { TILE } else { usize::MAX };
        // SAFETY: the blocks are made of the plan's scalars.
        return walk(plan, limit, &mut |b| unsafe {
            whole.run(b.source(source.base), b.target(target.base), b.counts)
        });
    }
    // First the words change rows for columns, in their own order, then the rows of the tile are brought to the target.
    let turn = Mover::between(source.cell, source.cell);
    let mut tile = [0u8; TILE];
    walk(plan, TILE / size, &mut |block| {
        let size = size as i64 * 8;
        let tile = Grid { base: tile.as_mut_ptr(), at: 0, strides: [size, size * block.counts[0] as i64] };
        // SAFETY: the blocks are made of the plan's scalars, and the tile has room for one.
        unsafe {
            turn.run(block.source(source.base), tile, block.counts);
            let tile = Grid { base: tile.base.cast_const(), at: 0, strides: tile.strides };
            whole.run(tile, block.target(target.base), block.counts);
        }
    });
}

/// Brings rows together in a block of the first-level cache, from where they are streamed to runs of the target.
///
/// # Safety
/// As for [`copy`]; the target has whole bytes, 16 at most.
unsafe fn stream_rows(plan: &Plan, source: Place<*const u8>, target: Place<*mut u8>, whole: Mover) {
    let (size, adjacent) = (target.cell.bytes(), target.cell.stride());
    let mut room = MaybeUninit::<[u8; TILE]>::uninit();
    let room = room.as_mut_ptr().cast::<u8>();
    walk(plan, TILE / size, &mut |block| {
        let (to, [n, rows]) = (block.target(target.base), block.counts);
        let tile = Grid { base: room, at: 0, strides: [adjacent, adjacent * n as i64] };
        // SAFETY: the blocks are made of the plan's scalars, and the room holds one.
        unsafe {
            whole.run(block.source(source.base), tile, block.counts);
            for j in 0..rows {
                let at = (to.at + j as i64 * to.strides[1]) >> 3;
                stream::copy(room.add(j * n * size), to.base.offset(at as isize), n * size);
            }
        }
    });
    stream::finish();
}

/// Whether rows of whole bytes become columns.
fn has_sheets(plan: &Plan, source: Place<*const u8>, target: Place<*mut u8>) -> bool {
    let plane = Block::plane(plan);
    let (from, to) = (plane.source(source.base), plane.target(target.base));
    let turn = Mover::between(source.cell, source.cell);
    !target.cell.packed && turn.turn(from, to, plane.counts, target.cell.bytes()).is_some()
}

/// Copies the words of a plan that [`has_sheets`]: as they are, or through tiles where rows are streamed or their bytes
/// turned.
///
/// # Safety
/// As for [`copy`].
unsafe fn copy_sheets(plan: &Plan, source: Place<*const u8>, target: Place<*mut u8>, whole: Mover) {
    let size = source.cell.bytes();
    let is_word = matches!(whole, Mover::Word(_));
    if is_word && plan.count().saturating_mul(size) < stream::FROM {
        // SAFETY: the blocks are made of the plan's scalars.
        return walk(plan, usize::MAX, &mut |b| unsafe {
            whole.run(b.source(source.base), b.target(target.base), b.counts)
        });
    }
    let strides = [source.cell.stride(), 0];
    // SAFETY: a run of words and its place in the target.
    let mut put = |from: *const u8, to: *mut u8, n: usize, _: Cycle| unsafe {
        if is_word {
            stream::copy(from, to, n * size)
        } else {
            let (from, to) = (Grid { base: from, at: 0, strides }, Grid { base: to, at: 0, strides });
            whole.run(from, to, [n, 1])
        }
    };
    // SAFETY: as the caller promises.
    unsafe { through_tiles(plan, source, target, &mut put) };
    stream::finish();
}

/// Brings the words of a plan that [`has_sheets`] to `put`, in runs of the target.
///
/// # Safety
/// As for [`Turn::through`](super::sheet::Turn::through).
unsafe fn through_tiles(plan: &Plan, source: Place<*const u8>, target: Place<*mut u8>, put: &mut Work) {
    let (turn, width) = (Mover::between(source.cell, source.cell), target.cell.bytes());
    let is_large = plan.count().saturating_mul(width) >= stream::FROM;
    with_room(is_large, |room| {
        walk(plan, usize::MAX, &mut |b| {
            let (from, to) = (b.source(source.base), b.target(target.base));
            let Some((turn, sheet)) = turn.turn(from, to, b.counts, width) else {
                unreachable!("every plane is a sheet, as the first one is");
            };
            let [start, pitch] = [to.at, to.strides[1].max(1)].map(|bits| bits >> 3);
            let start = to.base.wrapping_offset(start as isize) as usize;
            let varies = b.loops.iter().any(|l| l.step != 0);
            let mut put = |from: *const u8, at: *mut u8, n: usize| {
                if !varies {
                    return put(from, at, n, Cycle { first: b.first, at: 0, row: 1, steps: [0, 0] });
                }
                let bytes = at as usize - start;
                let (i, j) = (bytes % pitch as usize / width, bytes / pitch as usize);
                let (row, steps) = (b.counts[0], b.loops.map(|l| l.step));
                put(from, at, n, Cycle { first: b.first, at: j * row + i, row, steps })
            };
            // SAFETY: the planes are made of the plan's scalars.
            unsafe { turn.through(&sheet, width, room, &mut put) };
        });
    });
}

/// The most scalars in a block of which neither side needs more than its room.
fn block_limit(source: Cell, target: Cell) -> usize {
    BLOCK.min(ROOM / source.bytes().max(target.bytes()).max(1))
}

/// Converts scalars.
///
/// # Safety
/// As for [`copy`]; the cells are those of the types that `run` was made for.
pub unsafe fn convert(
    plan: &Plan,
    run: &Run,
    source: Place<*const u8>,
    target: Place<*mut u8>,
    coefficients: Coefficients,
) {
    let Some(compute) = run.compute() else {
        // SAFETY: as the caller promises.
        return unsafe {
            each_run(plan, source, target, None, &mut |from, to, n, _| run.run(from, to, n));
        };
    };
    // SAFETY: as the caller promises.
    unsafe { convert_scaled(plan, run, source, target, Factors::new(coefficients, compute)) }
}

/// [`convert`] for numbers that are scaled.
///
/// # Safety
/// As for [`convert`].
#[inline(never)]
unsafe fn convert_scaled(
    plan: &Plan,
    run: &Run,
    source: Place<*const u8>,
    target: Place<*mut u8>,
    mut factors: Factors,
) {
    let (plan, joined) = join(plan, source.cell, target.cell);
    // SAFETY: as the caller promises.
    unsafe {
        each_run(&plan, source, target, joined, &mut |from, to, n, cycle| {
            run.scaled(from, to, n, &mut factors, cycle)
        });
    }
}

/// What is done with a run: adjacent numbers in the form of their cells, where they go, how many there are and which
/// coefficients they have.
type Work<'a> = dyn FnMut(*const u8, *mut u8, usize, Cycle) + 'a;

/// The plan with its two innermost loops as one where only coefficients keep them apart, and the coefficients of that.
fn join(plan: &Plan, source: Cell, target: Cell) -> (Plan, Option<Cycle>) {
    let mut plan = plan.clone();
    let [inner, outer, ..] = plan.loops[..] else { return (plan, None) };
    let run = |l: &Loop| l.source == source.stride() && l.target == target.stride();
    let goes_on = outer.source == inner.extent * inner.source && outer.target == inner.extent * inner.target;
    let short = inner.extent * outer.extent < SHORT;
    if inner.extent >= LONG || short || !run(&inner) || !goes_on || source.packed || target.packed {
        return (plan, None);
    }
    plan.loops.remove(0);
    plan.loops[0] = Loop { extent: inner.extent * outer.extent, step: 0, ..inner };
    (plan, Some(Cycle { first: 0, at: 0, row: inner.extent as usize, steps: [inner.step, outer.step] }))
}

/// Rows of so many numbers are long enough to be runs.
const LONG: i64 = 512;

/// Gathers each block into adjacent scalars, lets `work` make of them those of the target, and scatters these.
///
/// # Safety
/// As for [`copy`], the cells being those of two types of numbers.
#[inline(never)]
unsafe fn each_block(plan: &Plan, source: Place<*const u8>, target: Place<*mut u8>, work: &mut Work) {
    // Bytes stay in their order: `work` knows it.
    let plain = |cell| Cell { swapped: false, ..cell };
    let (input, output) = (Port::reading(plain(source.cell)), Port::writing(plain(target.cell)));
    let (mut room_in, mut room_out) = (Room::default(), Room::default());
    walk(plan, block_limit(source.cell, target.cell), &mut |block| {
        let cycle =
            Cycle { first: block.first, at: 0, row: block.counts[0], steps: block.loops.map(|l| l.step) };
        // SAFETY: the blocks are made of the plan's scalars, which do not overlap.
        unsafe {
            let from = input.gather(block.source(source.base), block.counts, &mut room_in);
            let (target, counts) = (block.target(target.base), block.counts);
            output.scatter(target, counts, &mut room_out, &mut |to| work(from, to, block.scalars(), cycle));
        }
    });
}

/// Brings the numbers of a plan to `work`: rows that are runs of whole bytes on both sides as they are, others by way of
/// tiles or blocks; what `work` writes is streamed where it is much. Rows that [`join`] made are `joined`.
///
/// # Safety
/// As for [`convert`].
unsafe fn each_run(
    plan: &Plan,
    source: Place<*const u8>,
    target: Place<*mut u8>,
    joined: Option<Cycle>,
    work: &mut impl FnMut(*const u8, *mut u8, usize, Cycle),
) {
    let is_run = |cell: Cell, stride| !cell.packed && stride == cell.stride();
    let runs = plan
        .loops
        .first()
        .is_some_and(|l| l.extent >= SHORT && is_run(source.cell, l.source) && is_run(target.cell, l.target));
    let (size, width) = (source.cell.bytes(), target.cell.bytes());
    let streams = plan.count().saturating_mul(width) >= stream::FROM && (!runs || has_long_rows(plan, width));
    // SAFETY: a run of numbers and its place in the target.
    let mut put = |from: *const u8, to: *mut u8, n: usize, cycle: Cycle| unsafe {
        let cycle = joined.map_or(cycle, |joined| Cycle { first: cycle.first, ..joined });
        if streams { stream_run(work, from, to, n, cycle, [size, width]) } else { work(from, to, n, cycle) }
    };
    if runs {
        // SAFETY: as the caller promises.
        unsafe { each_row(plan, source.base, target.base, &mut put) };
        return stream::finish();
    }
    if !source.cell.packed && has_sheets(plan, source, target) {
        // SAFETY: as the caller promises.
        unsafe { through_tiles(plan, source, target, &mut put) };
        return stream::finish();
    }
    // SAFETY: as the caller promises.
    unsafe { each_block(plan, source, target, work) }
}

/// Rows of fewer scalars are gathered into blocks first, for a call a row would take longer.
const SHORT: i64 = 24;

/// Whether the innermost loop of a plan writes enough bytes to be streamed, each scalar having `size`.
fn has_long_rows(plan: &Plan, size: usize) -> bool {
    plan.loops.first().is_some_and(|l| l.extent.saturating_mul(size as i64) >= stream::ROW)
}

/// Converts a run of numbers through a block of the first-level cache, from where it is streamed;
/// [`stream::finish`] must follow.
///
/// # Safety
/// `work` may be given these numbers; the sizes are those of the two types.
#[inline(never)]
unsafe fn stream_run(
    work: &mut Work,
    from: *const u8,
    to: *mut u8,
    count: usize,
    cycle: Cycle,
    [size, width]: [usize; 2],
) {
    let mut room = MaybeUninit::<[u8; STREAM]>::uninit();
    let room = room.as_mut_ptr().cast::<u8>();
    let step = cycle.step(STREAM / width);
    for start in (0..count).step_by(step) {
        let n = step.min(count - start);
        // SAFETY: the numbers from `start` on; the room holds so many.
        unsafe {
            work(from.add(start * size), room, n, cycle.after(start));
            stream::copy(room, to.add(start * width), n * width);
        }
    }
}

/// Bytes that are streamed at once: a third of a first-level cache.
const STREAM: usize = 16 << 10;

/// Visits the rows of a plan whose innermost loop is a run of whole bytes on both sides.
///
/// # Safety
/// `visit` is given addresses of the plan's scalars: it must do with them what may be done.
unsafe fn each_row(plan: &Plan, source: *const u8, target: *mut u8, visit: &mut Work) {
    walk(plan, usize::MAX, &mut |block| {
        let (from, to) = (block.source(source), block.target(target));
        let [row, rows] = block.counts;
        let [along, across] = block.loops.map(|l| l.step);
        for j in 0..rows as i64 {
            let at = |at: i64, stride: i64| ((at + j * stride) >> 3) as isize;
            visit(
                from.base.wrapping_offset(at(from.at, from.strides[1])),
                to.base.wrapping_offset(at(to.at, to.strides[1])),
                row,
                Cycle { first: block.first + j * across, at: 0, row, steps: [along, 0] },
            );
        }
    });
}

/// Whether all numbers on both sides are equal, each side brought into one type for it.
///
/// # Safety
/// Every scalar of the plan on both sides is readable; the cells are those of the types of the sides.
pub unsafe fn equal(
    plan: &Plan,
    sides: [&Comparand; 2],
    source: Place<*const u8>,
    target: Place<*const u8>,
) -> bool {
    const LIMIT: usize = 256;
    let [mut one, mut other] = [[0u64; LIMIT]; 2];
    // SAFETY: as the caller promises; a block is no larger than both rooms.
    unsafe {
        compare(plan, LIMIT, source, target, &mut |n, a, b| {
            sides[0].bring(a, &mut one[..n]);
            sides[1].bring(b, &mut other[..n]);
            sides[0].equals(&one[..n], sides[1], &other[..n])
        })
    }
}

/// Whether all scalars on both sides have the same bits, and none of them those of `never`.
///
/// # Safety
/// As for [`equal`]; the cells differ in packing and byte order at most.
pub unsafe fn identical(
    plan: &Plan,
    source: Place<*const u8>,
    target: Place<*const u8>,
    never: Option<i64>,
) -> bool {
    let (size, limit) = (source.cell.bytes(), block_limit(source.cell, target.cell));
    if limit == 0 {
        // SAFETY: as the caller promises.
        return unsafe { identical_large(plan, source, target) };
    }
    // SAFETY: as the caller promises.
    unsafe {
        compare(plan, limit, source, target, &mut |n, a, b| {
            let never = never.map(i64::to_ne_bytes);
            a[..n * size] == b[..n * size] && never.is_none_or(|bits| a.chunks(8).all(|item| item != bits))
        })
    }
}

/// [`identical`] for scalars that fill more than a block: units of bytes in their own order, one by one.
///
/// # Safety
/// As for [`identical`].
unsafe fn identical_large(plan: &Plan, source: Place<*const u8>, target: Place<*const u8>) -> bool {
    let (size, part) = (source.cell.bytes(), source.cell.part as usize);
    let swap = source.cell.swapped != target.cell.swapped;
    let mut same = true;
    walk(plan, 1, &mut |block| {
        // SAFETY: both scalars have `size` readable bytes.
        let (a, b) = unsafe {
            let at = |grid: Grid<*const u8>| {
                std::slice::from_raw_parts(grid.base.offset((grid.at >> 3) as isize), size)
            };
            (at(block.source(source.base)), at(block.target(target.base)))
        };
        same &= if swap {
            a.chunks(part).zip(b.chunks(part)).all(|(a, b)| a.iter().eq(b.iter().rev()))
        } else {
            a == b
        };
    });
    same
}

/// Whether so many scalars in native bytes are the same on both sides.
type Same<'a> = dyn FnMut(usize, &[u8], &[u8]) -> bool + 'a;

/// Whether `same` holds for the native bytes of all blocks of `n` scalars.
///
/// # Safety
/// As for [`equal`].
unsafe fn compare(
    plan: &Plan,
    limit: usize,
    source: Place<*const u8>,
    target: Place<*const u8>,
    same: &mut Same,
) -> bool {
    let (one, other) = (Port::reading(source.cell), Port::reading(target.cell));
    let (mut room, mut other_room) = (Room::default(), Room::default());
    let mut all = true;
    walk(plan, limit, &mut |block| {
        // SAFETY: the blocks are made of the plan's scalars.
        all = all
            && unsafe {
                let a = one.gather(block.source(source.base), block.counts, &mut room);
                let b = other.gather(block.target(target.base), block.counts, &mut other_room);
                let n = block.scalars();
                let bytes = |at, cell: Cell| std::slice::from_raw_parts(at, n * cell.bytes());
                same(n, bytes(a, source.cell), bytes(b, target.cell))
            };
    });
    all
}
