//! Conversions: the numbers of a plan brought to a path in the way that was chosen. What is no run on both sides goes
//! through tiles, or block by block: gathered into adjacent bytes, converted there and scattered; where memory already has
//! that form, gathering or scattering falls away.

use std::ptr;

use super::chunks::Chunk;
use super::factors::{Coefficients, Cycle, Factors};
use super::isa::Isa;
use super::memory::Cell;
use super::outlet::Outlet;
use super::patch::Unit;
use super::path::{Run, Tables};
use super::port::{Port, Room};
use super::run::{Place, each_row, each_sheet};
use super::sheet::Turn;
use super::stream::{self, LINE};
use super::tour::{are_lines, by_source};
use super::turned::Turned;
use super::walk::{Block, walk};
use super::way::{SHORT, Way, block_limit};
use crate::engine::plan::{Loop, Plan};

/// What is done with a run: adjacent numbers in the form of their cells, where they go, how many there are and which
/// coefficients they have.
type Work<'a> = dyn FnMut(*const u8, *mut u8, usize, Cycle) + 'a;

/// Converts scalars in a way that was chosen for them.
///
/// # Safety
/// As for [`Job::run`](super::run::Job::run); the cells are those of the types that `run` was made for.
pub(super) unsafe fn convert(
    plan: &Plan,
    way: &Way,
    run: &Run,
    source: Place<*const u8>,
    target: Place<*mut u8>,
    coefficients: Coefficients,
) {
    if let Some(compute) = run.compute() {
        let factors = Factors::new(coefficients, compute);
        // SAFETY: as the caller promises.
        return unsafe { convert_scaled(plan, way, run, source, target, factors) };
    }
    let mut tables = Tables::new(plan.count());
    // SAFETY: numbers that are brought here, and their place in the target.
    let mut work = |from, to, n, _| unsafe { run.run(from, to, n, &mut tables) };
    // SAFETY: as the caller promises.
    unsafe { each_run(plan, way, source, target, None, run.turn(), &mut work) }
}

/// [`convert`] for numbers that are scaled.
///
/// # Safety
/// As for [`convert`].
#[inline(never)]
unsafe fn convert_scaled(
    plan: &Plan,
    way: &Way,
    run: &Run,
    source: Place<*const u8>,
    target: Place<*mut u8>,
    mut factors: Factors,
) {
    let is_one = plan.loops.iter().all(|l| l.step == 0);
    let mut tables = Tables::new(if is_one { plan.count() } else { 0 });
    // SAFETY: numbers that are brought here, and their place in the target.
    let mut scale = |from, to, n, cycle| unsafe { run.scaled(from, to, n, &mut factors, cycle, &mut tables) };
    let joined = if matches!(way, Way::Rows { .. }) { join(plan, source.cell, target.cell) } else { None };
    // SAFETY: as the caller promises.
    unsafe {
        match joined {
            Some((plan, row)) => each_run(&plan, way, source, target, Some(row), run.turn(), &mut scale),
            None => each_run(plan, way, source, target, None, run.turn(), &mut scale),
        }
    }
}

/// The plan with its two innermost loops as one where only coefficients keep them apart, and the coefficients of that;
/// `None` where there is nothing to join.
pub(super) fn join(plan: &Plan, source: Cell, target: Cell) -> Option<(Plan, Cycle)> {
    let [inner, outer, ..] = plan.loops[..] else { return None };
    let run = |l: &Loop| l.source == source.stride() && l.target == target.stride();
    let goes_on = outer.source == inner.extent * inner.source && outer.target == inner.extent * inner.target;
    let short = inner.extent * outer.extent < SHORT;
    if inner.extent >= LONG || short || !run(&inner) || !goes_on || source.packed || target.packed {
        return None;
    }
    let mut plan = plan.clone();
    let mut is_first = true;
    plan.loops.join(|first, next| {
        if is_first {
            *first = Loop { extent: first.extent * next.extent, step: 0, ..*first };
        }
        std::mem::take(&mut is_first)
    });
    Some((plan, Cycle { first: 0, at: 0, row: inner.extent as usize, steps: [inner.step, outer.step] }))
}

/// Rows of so many numbers are long enough to be runs.
const LONG: i64 = 512;

/// Brings the numbers of a plan and their coefficients to `work`: rows as they are, others by way of tiles, patches, chunks or
/// blocks; what it writes is streamed where it is much, at most `turn` at a time. Rows that [`join`] made are `joined`.
///
/// # Safety
/// As for [`convert`].
unsafe fn each_run(
    plan: &Plan,
    way: &Way,
    source: Place<*const u8>,
    target: Place<*mut u8>,
    joined: Option<Cycle>,
    turn: usize,
    work: &mut Work,
) {
    let sizes = [source.cell.bytes(), target.cell.bytes()];
    let streams = way.streams_runs();
    let mut outlet = Outlet::new();
    // SAFETY: a run of numbers and its place in the target.
    let mut put = |from: *const u8, to: *mut u8, n: usize, cycle: Cycle, next: *const u8| unsafe {
        let cycle = joined.map_or(cycle, |joined| Cycle { first: cycle.first, ..joined });
        match streams {
            true => stream_run(&mut outlet, work, (from, to, n), cycle, (sizes, turn), next),
            false => work(from, to, n, cycle),
        }
    };
    // Runs of which nothing is known but their coefficients, and runs that all have the same ones.
    let mut run = |from: *const u8, to: *mut u8, n: usize, cycle| put(from, to, n, cycle, ptr::null());
    let mut equal = |from: *const u8, to: *mut u8, n: usize| run(from, to, n, Cycle::of_one(plan.first));
    // SAFETY: as the caller promises.
    unsafe {
        let done = match way {
            Way::Rows { .. } if streams && suits_source(plan, target) => {
                let n = plan.loops[0].extent as usize;
                by_source(plan, 1, (source.base, target.base), n * sizes[0], &mut |from, to, next| {
                    put(from, to, n, Cycle::of_one(plan.first), next)
                });
                true
            }
            Way::Rows { .. } => {
                let along = plan.loops.first().map_or(0, |l| l.step);
                each_row(plan, source.base, target.base, &mut |from, to, n, first, next| {
                    put(from, to, n, Cycle { first, at: 0, row: n, steps: [along, 0] }, next)
                });
                true
            }
            Way::Tiles { turn, is_large } => through_tiles(plan, turn, *is_large, source, target, &mut run),
            Way::Patches { streams } => Turned::new(plan, sizes, *streams, Isa::chosen())
                .is_some_and(|turned| turned.run(plan, source.base, target.base, Some(&mut equal))),
            Way::Chunks { .. } => Chunk::of(plan, source.cell, target.cell)
                .map(|chunk| chunk.each(plan, source.base, target.base, &mut equal))
                .is_some(),
            _ => false,
        };
        if !done {
            each_block(plan, source, target, work);
        }
        if streams {
            outlet.finish();
        }
    }
}

/// Whether the rows of a plan may be converted in the order of their source: where they are whole lines of the target,
/// and all numbers have the same coefficients.
fn suits_source(plan: &Plan, target: Place<*mut u8>) -> bool {
    let unit = Unit { loops: 1, bits: [plan.loops[0].extent * target.cell.stride(); 2] };
    plan.loops.iter().all(|l| l.step == 0) && are_lines(plan, unit, target.base)
}

/// Brings the numbers of sheets to `put`, in runs of the target. Gives false, having done nothing, where they are too
/// small for `turn`.
///
/// # Safety
/// As for [`Turn::through`].
unsafe fn through_tiles(
    plan: &Plan,
    turn: &Turn,
    is_large: bool,
    source: Place<*const u8>,
    target: Place<*mut u8>,
    put: &mut Work,
) -> bool {
    let width = target.cell.bytes();
    each_sheet(plan, turn, is_large, source, target, &mut |block, sheet, room| {
        let to = block.target(target.base);
        let [start, pitch] = [to.at, to.strides[1].max(1)].map(|bits| bits >> 3);
        let start = to.base.wrapping_offset(start as isize) as usize;
        let varies = block.loops.iter().any(|l| l.step != 0);
        let mut put = |from: *const u8, at: *mut u8, n: usize| {
            if !varies {
                return put(from, at, n, Cycle::of_one(block.first));
            }
            let bytes = at as usize - start;
            let (i, j) = (bytes % pitch as usize / width, bytes / pitch as usize);
            let (row, steps) = (block.counts[0], block.loops.map(|l| l.step));
            put(from, at, n, Cycle { first: block.first, at: j * row + i, row, steps })
        };
        // SAFETY: the planes are made of the plan's scalars.
        unsafe { turn.through(sheet, width, room, &mut put) };
    })
}

/// Gathers each block into adjacent scalars, lets `work` make of them those of the target, and scatters these.
///
/// # Safety
/// As for [`convert`], the cells being those of two types of numbers.
#[inline(never)]
unsafe fn each_block(plan: &Plan, source: Place<*const u8>, target: Place<*mut u8>, work: &mut Work) {
    // Bytes stay in their order: `work` knows it.
    let plain = |cell| Cell { swapped: false, ..cell };
    let (input, output) = (Port::reading(plain(source.cell)), Port::writing(plain(target.cell)));
    let (mut room_in, mut room_out) = (Room::default(), Room::default());
    let most = block_limit(source.cell).min(block_limit(target.cell));
    let limit = if is_sparse(plan) { most.min(FEW) } else { most };
    walk(plan, limit, &mut |block: &Block| {
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

/// Whether the innermost loop reads a line of the cache for each number.
fn is_sparse(plan: &Plan) -> bool {
    const LINE_BITS: u64 = 8 * LINE as u64;
    plan.loops.first().is_some_and(|l| l.source.unsigned_abs() >= LINE_BITS)
}

/// Numbers of a block of such. While they are converted no memory is read but by what the processor looks ahead.
const FEW: usize = 128;

/// Converts a run of numbers by way of the outlet, at most `turn` at a time; behind it comes what is at
/// `next`, if that is known.
///
/// # Safety
/// `work` may be given these numbers; the sizes are those of the two types.
#[inline(never)]
unsafe fn stream_run(
    outlet: &mut Outlet,
    work: &mut Work,
    (from, to, count): (*const u8, *mut u8, usize),
    cycle: Cycle,
    ([size, width], turn): ([usize; 2], usize),
    next: *const u8,
) {
    let step = cycle.step(turn);
    // Turns end where lines of the target do.
    let over = to.wrapping_add(step * width).addr() % LINE / width;
    let mut n = if over < step && cycle.is_plain() { step - over } else { step };
    if !next.is_null() {
        stream::fetch_rows(next, 0, (count * size).min(NEXT), 1);
    }
    let mut start = 0;
    while start < count {
        n = n.min(count - start);
        // SAFETY: the numbers from `start` on, no more than the outlet takes.
        unsafe {
            outlet.write(to.add(start * width), n * width, |room| {
                work(from.add(start * size), room, n, cycle.after(start))
            });
        }
        (start, n) = (start + n, step);
    }
}

/// Bytes of a row that are fetched before its turn comes: memory foresees the rest.
const NEXT: usize = 2 << 10;
