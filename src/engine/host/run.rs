//! What is done with the blocks of a plan: copies, conversions and comparisons. Each block is gathered into adjacent
//! native bytes, worked on there and scattered; where memory already has that form, gathering or scattering falls away.

use std::mem::MaybeUninit;

use super::block::{BLOCK, Scratch, Steps};
use super::direct::Run;
use super::isa::Isa;
use super::memory::{Cell, Grid, Mover};
use super::patch::Unit;
use super::port::{Port, Room};
use super::sheet::with_room;
use super::stream;
use super::tour::{self, Turned};
use super::walk::{Block, second_loop, walk};
use crate::engine::plan::Plan;

/// One side of the work: what positions count from, and how scalars lie there.
#[derive(Clone, Copy)]
pub struct Place<P> {
    /// The start of the storage.
    pub base: P,
    /// One scalar.
    pub cell: Cell,
}

/// Scale and bias: no number, one, or one for each index along the axis of the plan's steps.
#[derive(Clone, Copy, Default)]
pub struct Coefficients<'a> {
    /// What numbers are multiplied by.
    pub scale: &'a [f64],
    /// What is added to them.
    pub bias: &'a [f64],
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
    let streams = plan.count().saturating_mul(size) >= stream::FROM;
    if unchanged && plan.loops.first().is_some_and(|l| run(l.source) && run(l.target)) {
        let bits = plan.loops[0].extent * source.cell.stride();
        // SAFETY: the innermost loop is a run on both sides.
        return unsafe {
            tour::copy_rows(plan, Unit { loops: 1, bits: [bits; 2] }, source.base, target.base, Isa::chosen())
        };
    }
    // SAFETY: as the caller promises.
    if plan.loops.len() > 2 && unsafe { copy_deep(plan, source, target, whole) } {
        return;
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

/// Copies words of more than two loops patch by patch, where both sides have runs of their own. Whether it did.
///
/// # Safety
/// As for [`copy`].
unsafe fn copy_deep(plan: &Plan, source: Place<*const u8>, target: Place<*mut u8>, whole: Mover) -> bool {
    let size = source.cell.bytes();
    if let Mover::Word(16) = whole {
        // SAFETY: as the caller promises.
        unsafe {
            tour::copy_rows(plan, Unit { loops: 0, bits: [128; 2] }, source.base, target.base, Isa::chosen())
        };
        return true;
    }
    let streams = plan.count().saturating_mul(size) >= stream::FROM;
    let is_whole = !source.cell.packed && !target.cell.packed;
    let Some(turned) = is_whole.then(|| Turned::new(plan, [size; 2], streams, Isa::chosen())).flatten()
    else {
        return false;
    };
    let is_word = matches!(whole, Mover::Word(_));
    // SAFETY: rows of words and their places in the target.
    let mut put = |from: *const u8, pitch: isize, to: *mut u8, target_pitch: isize, n: usize, rows: usize| unsafe {
        if is_word {
            for i in 0..rows as isize {
                stream::copy(from.offset(i * pitch), to.offset(i * target_pitch), n * size);
            }
        } else {
            let grid = |pitch: isize| [source.cell.stride(), pitch as i64 * 8];
            let from = Grid { base: from, at: 0, strides: grid(pitch) };
            whole.run(from, Grid { base: to, at: 0, strides: grid(target_pitch) }, [n, rows])
        }
    };
    let plain = is_word && !(streams && turned.run_bytes() >= STREAMED);
    // SAFETY: as the caller promises.
    let done =
        unsafe { turned.run(plan, source.base, target.base, if plain { None } else { Some(&mut put) }) };
    stream::finish();
    done
}

/// Runs of fewer bytes are not worth streaming when they come from the cache.
const STREAMED: usize = 256;

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
    let mut put = |from: *const u8, to: *mut u8, n: usize| unsafe {
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
unsafe fn through_tiles(
    plan: &Plan,
    source: Place<*const u8>,
    target: Place<*mut u8>,
    put: &mut dyn FnMut(*const u8, *mut u8, usize),
) {
    let (turn, width) = (Mover::between(source.cell, source.cell), target.cell.bytes());
    let is_large = plan.count().saturating_mul(width) >= stream::FROM;
    with_room(is_large, |room| {
        walk(plan, usize::MAX, &mut |b| {
            let (from, to) = (b.source(source.base), b.target(target.base));
            let Some((turn, sheet)) = turn.turn(from, to, b.counts, width) else {
                unreachable!("every plane is a sheet, as the first one is");
            };
            // SAFETY: the planes are made of the plan's scalars.
            unsafe { turn.through(&sheet, width, room, put) };
        });
    });
}

/// The most scalars of `cell` in a block: all that the pivots hold, fewer when scalars are wider than 8 bytes.
fn block_limit(cell: Cell) -> usize {
    BLOCK.min(BLOCK * 8 / cell.bytes().max(1))
}

/// Converts scalars.
///
/// # Safety
/// As for [`copy`]; the cells have the widths of the types that `steps` was made for.
pub unsafe fn convert(
    plan: &Plan,
    steps: &Steps,
    source: Place<*const u8>,
    target: Place<*mut u8>,
    coefficients: Coefficients,
) {
    if let Some(run) = steps.direct() {
        // SAFETY: as the caller promises.
        return unsafe { convert_directly(plan, run, source, target) };
    }
    let mut scratch = Scratch::default();
    let mut loaded = None;
    let mut work = |block: &Block, bytes: &[u8], out: &mut [u8]| {
        if steps.is_affine() && loaded != Some((block.first, block.counts)) {
            coefficients.load(block, &mut scratch);
            loaded = Some((block.first, block.counts));
        }
        steps.run(bytes, out, block.scalars(), &mut scratch);
    };
    // SAFETY: as the caller promises.
    unsafe { each_block(plan, source, target, &mut work) };
}

/// What is done with a block: the bytes of its target of those of its source.
type Work<'a> = dyn FnMut(&Block, &[u8], &mut [u8]) + 'a;

/// Gathers each block into adjacent native bytes, lets `work` make of them those of the target, and scatters these.
///
/// # Safety
/// As for [`copy`], the cells being those of two types of numbers.
unsafe fn each_block(plan: &Plan, source: Place<*const u8>, target: Place<*mut u8>, work: &mut Work) {
    let (input, output) = (Port::reading(source.cell), Port::writing(target.cell));
    let (mut room_in, mut room_out) = (Room::default(), Room::default());
    walk(plan, block_limit(source.cell), &mut |block| {
        // SAFETY: the blocks are made of the plan's scalars, which do not overlap.
        unsafe {
            let bytes = input.gather(block.source(source.base), block.counts, &mut room_in);
            let (target, counts) = (block.target(target.base), block.counts);
            output.scatter(target, counts, &mut room_out, &mut |out| work(block, bytes, out));
        }
    });
}

/// Converts scalars with one loop: rows that are runs of native bytes on both sides as they are, others by way of
/// blocks.
///
/// # Safety
/// As for [`convert`].
unsafe fn convert_directly(plan: &Plan, run: Run, source: Place<*const u8>, target: Place<*mut u8>) {
    let runs = plan
        .loops
        .first()
        .is_some_and(|l| l.extent >= SHORT && source.cell.is_run(l.source) && target.cell.is_run(l.target));
    let (size, width) = (source.cell.bytes(), target.cell.bytes());
    let streams = plan.count().saturating_mul(width) >= stream::FROM && (!runs || has_long_rows(plan, width));
    // SAFETY: a run of numbers and its place in the target.
    let mut put = |from: *const u8, to: *mut u8, n: usize| unsafe {
        if streams { stream_run(run, from, to, n, size, width) } else { run.run(from, to, n) }
    };
    if runs {
        // SAFETY: as the caller promises.
        unsafe { each_row(plan, source.base, target.base, &mut put) };
        return stream::finish();
    }
    if !source.cell.swapped && !target.cell.swapped && has_sheets(plan, source, target) {
        // SAFETY: as the caller promises.
        unsafe { through_tiles(plan, source, target, &mut put) };
        return stream::finish();
    }
    // SAFETY: as the caller promises; both slices hold the block's numbers.
    unsafe {
        each_block(plan, source, target, &mut |block, bytes, out| {
            run.run(bytes.as_ptr(), out.as_mut_ptr(), block.scalars())
        });
    }
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
/// As for [`Run::run`], the sizes being those of the two types.
unsafe fn stream_run(run: Run, from: *const u8, to: *mut u8, count: usize, size: usize, width: usize) {
    let mut room = MaybeUninit::<[u8; TILE]>::uninit();
    let room = room.as_mut_ptr().cast::<u8>();
    let step = TILE / width;
    for start in (0..count).step_by(step) {
        let n = step.min(count - start);
        // SAFETY: the numbers from `start` on; the room holds so many.
        unsafe {
            run.run(from.add(start * size), room, n);
            stream::copy(room, to.add(start * width), n * width);
        }
    }
}

/// Visits the rows of a plan whose innermost loop is a run of whole bytes on both sides.
///
/// # Safety
/// `visit` is given addresses of the plan's scalars: it must do with them what may be done.
unsafe fn each_row(
    plan: &Plan,
    source: *const u8,
    target: *mut u8,
    visit: &mut dyn FnMut(*const u8, *mut u8, usize),
) {
    walk(plan, usize::MAX, &mut |block| {
        let (from, to) = (block.source(source), block.target(target));
        for j in 0..block.counts[1] as i64 {
            let at = |at: i64, stride: i64| ((at + j * stride) >> 3) as isize;
            visit(
                from.base.wrapping_offset(at(from.at, from.strides[1])),
                to.base.wrapping_offset(at(to.at, to.strides[1])),
                block.counts[0],
            );
        }
    });
}

impl Coefficients<'_> {
    /// Writes down the scale and bias of each number of `block`. A bias of -0 is none at all: it changes no number.
    fn load(&self, block: &Block, scratch: &mut Scratch) {
        let pick = |values: &[f64], index: i64, none: f64| match values {
            [] => none,
            [one] => *one,
            many => many[index as usize],
        };
        let [row, rows] = block.counts;
        for j in 0..rows {
            for i in 0..row {
                let index = block.first + i as i64 * block.loops[0].step + j as i64 * block.loops[1].step;
                let (scale, bias) = (pick(self.scale, index, 1.0), pick(self.bias, index, -0.0));
                scratch.set_coefficients(j * row + i, scale, bias);
            }
        }
    }
}

/// Whether all numbers on both sides are equal, each side decoded by its steps.
///
/// # Safety
/// Every scalar of the plan on both sides is readable; the cells have the widths of the types of the steps.
pub unsafe fn equal(
    plan: &Plan,
    steps: [&Steps; 2],
    source: Place<*const u8>,
    target: Place<*const u8>,
) -> bool {
    let mut scratch = [Scratch::default(), Scratch::default()];
    let [one, other] = &mut scratch;
    let limit = block_limit(source.cell).min(block_limit(target.cell));
    // SAFETY: as the caller promises.
    unsafe {
        compare(plan, limit, source, target, &mut |n, a, b| {
            steps[0].peek(a, n, one).equals(&steps[1].peek(b, n, other))
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
    let (size, limit) = (source.cell.bytes(), block_limit(source.cell));
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
                same(block.scalars(), a, b)
            };
    });
    all
}
