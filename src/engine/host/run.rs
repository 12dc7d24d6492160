//! Walking a plan block by block: copies, conversions and comparisons.
//!
//! A block is a rectangle of two loops: the innermost one of the target, and the one that runs along the source when
//! that is another (a transposition), else the next. Each block is gathered into adjacent native bytes, worked on
//! there and scattered, and where memory already has that form the gathering or scattering falls away.

use super::block::{BLOCK, Scratch, Steps};
use super::memory::{Cell, Grid, Mover};
use crate::engine::plan::{Loop, Plan};

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

/// A transposition takes so many source rows at a time from end to end: few enough for their pages to stay known to
/// the processor, enough for the target to be written in runs.
const PANEL: usize = 256;

/// A rectangle of scalars.
struct Block {
    source: i64,
    target: i64,
    first: i64,
    counts: [usize; 2],
    loops: [Loop; 2],
}

impl Block {
    fn source<P>(&self, base: P) -> Grid<P> {
        Grid { base, at: self.source, strides: self.loops.map(|l| l.source) }
    }

    fn target<P>(&self, base: P) -> Grid<P> {
        Grid { base, at: self.target, strides: self.loops.map(|l| l.target) }
    }

    fn len(&self) -> usize {
        self.counts[0] * self.counts[1]
    }
}

/// The loop that makes a rectangle with the innermost one, and whether it runs along the source.
fn second_loop(plan: &Plan) -> (usize, bool) {
    let speed = |i: &usize| plan.loops[*i].source.unsigned_abs();
    match (1..plan.loops.len()).filter(|i| speed(i) > 0).min_by_key(speed) {
        Some(i) if speed(&i) < speed(&0) => (i, true),
        _ => (1, false),
    }
}

/// Visits the plan in rectangles of at most `limit` scalars (`usize::MAX` for no limit).
fn walk(plan: &Plan, limit: usize, visit: &mut dyn FnMut(&Block)) {
    let (second, transposed) = second_loop(plan);
    let get = |i: usize| plan.loops.get(i).copied().unwrap_or(Loop::ONCE);
    let inner = [get(0), get(second)];
    let extents = inner.map(|l| l.extent as usize);
    // About as many rows as columns, in whole cache lines, unless the source has few rows.
    let square = (limit.isqrt() & !15).max(16).min(limit);
    let row = if transposed { (limit / extents[1]).max(square) } else { limit };
    let row = extents[0].min(row);
    let rows = if transposed || row == extents[0] { (limit / row).clamp(1, extents[1]) } else { 1 };
    let outer = |i: usize| i != 0 && i != second;
    let mut turns = crate::layout::Dims::filled(0, plan.loops.len());
    let mut start = [plan.source, plan.target, plan.first];
    loop {
        for (i, j) in tiles(extents, [row, rows], if transposed { PANEL } else { usize::MAX }) {
            let at = |along: fn(&Loop) -> i64| i as i64 * along(&inner[0]) + j as i64 * along(&inner[1]);
            visit(&Block {
                source: start[0] + at(|l| l.source),
                target: start[1] + at(|l| l.target),
                first: start[2] + at(|l| l.step),
                counts: [row.min(extents[0] - i), rows.min(extents[1] - j)],
                loops: inner,
            });
        }
        let Some(next) = advance(plan, &mut turns, &mut start, outer) else { return };
        start = next;
    }
}

/// The corners of tiles of `tile` that cover `extents`, panel by panel of the first axis.
fn tiles(extents: [usize; 2], tile: [usize; 2], panel: usize) -> impl Iterator<Item = (usize, usize)> {
    let panel = (panel / tile[0]).max(1) * tile[0];
    (0..extents[0]).step_by(panel).flat_map(move |start| {
        let end = extents[0].min(start.saturating_add(panel));
        (0..extents[1]).step_by(tile[1]).flat_map(move |j| (start..end).step_by(tile[0]).map(move |i| (i, j)))
    })
}

/// The start of the next turn of the outer loops, until there is none.
fn advance(
    plan: &Plan,
    turns: &mut [i64],
    start: &mut [i64; 3],
    outer: impl Fn(usize) -> bool,
) -> Option<[i64; 3]> {
    let mut next = *start;
    for (i, l) in plan.loops.iter().enumerate().filter(|(i, _)| outer(*i)) {
        let move_by = |next: &mut [i64; 3], n: i64| {
            for (at, stride) in next.iter_mut().zip([l.source, l.target, l.step]) {
                *at += n * stride;
            }
        };
        turns[i] += 1;
        if turns[i] < l.extent {
            move_by(&mut next, 1);
            return Some(next);
        }
        turns[i] = 0;
        move_by(&mut next, 1 - l.extent);
    }
    None
}

/// Copies scalars that differ in packing and byte order at most.
///
/// # Safety
/// Every source scalar of the plan is readable and every target scalar writable, and the two do not overlap.
pub unsafe fn copy(plan: &Plan, source: Place<*const u8>, target: Place<*mut u8>) {
    let whole = Mover::between(source.cell, target.cell);
    let size = source.cell.bytes();
    let (second, transposed) = second_loop(plan);
    let tiled = transposed && plan.loops[0].extent >= 16 && plan.loops[second].extent >= 16;
    if !tiled || size > 16 || source.cell.packed || target.cell.packed {
        let limit = if transposed { TILE } else { usize::MAX };
        // SAFETY: the blocks are made of the plan's scalars.
        return walk(plan, limit, &mut |b| unsafe {
            whole.run(b.source(source.base), b.target(target.base), b.counts)
        });
    }
    let store = Mover::between(target.cell, target.cell);
    let mut tile = [0u8; TILE];
    walk(plan, TILE / size, &mut |block| {
        let size = size as i64 * 8;
        let tile = Grid { base: tile.as_mut_ptr(), at: 0, strides: [size, size * block.counts[0] as i64] };
        // SAFETY: the blocks are made of the plan's scalars, and the tile has room for one.
        unsafe {
            whole.run(block.source(source.base), tile, block.counts);
            let tile = Grid { base: tile.base.cast_const(), at: 0, strides: tile.strides };
            store.run(tile, block.target(target.base), block.counts);
        }
    });
}

/// Bytes of room for a block of native scalars.
struct Room([u8; BLOCK * 8]);

/// How a block of one side comes into adjacent native bytes, or goes out of them.
struct Port {
    cell: Cell,
    mover: Mover,
}

impl Port {
    /// For scalars of `cell` that are read.
    fn reading(cell: Cell) -> Self {
        Self { cell, mover: Mover::between(cell, cell.native()) }
    }

    /// For scalars of `cell` that are written.
    fn writing(cell: Cell) -> Self {
        Self { cell, mover: Mover::between(cell.native(), cell) }
    }

    /// Whether memory already has the form of a block.
    fn is_direct<P>(&self, grid: &Grid<P>, counts: [usize; 2]) -> bool {
        let size = self.cell.stride();
        let native = !self.cell.packed && !self.cell.swapped;
        let row = counts[0] == 1 || grid.strides[0] == size;
        native && row && (counts[1] == 1 || grid.strides[1] == size * counts[0] as i64)
    }

    fn native_grid<P>(&self, base: P, counts: [usize; 2]) -> Grid<P> {
        let size = self.cell.bytes() as i64 * 8;
        Grid { base, at: 0, strides: [size, size * counts[0] as i64] }
    }

    /// The scalars of `grid` as adjacent native bytes, gathered into `room` if need be.
    ///
    /// # Safety
    /// The scalars of the grid are readable and stay unchanged while the result is used.
    unsafe fn gather<'a>(&self, grid: Grid<*const u8>, counts: [usize; 2], room: &'a mut Room) -> &'a [u8] {
        let bytes = counts[0] * counts[1] * self.cell.bytes();
        if self.is_direct(&grid, counts) {
            // SAFETY: the grid is one run of bytes, readable as the caller promises.
            return unsafe { std::slice::from_raw_parts(grid.base.offset((grid.at >> 3) as isize), bytes) };
        }
        let native = self.native_grid(room.0[..bytes].as_mut_ptr(), counts);
        // SAFETY: the caller's promise, and the room has been found large enough.
        unsafe { self.mover.run(grid, native, counts) };
        &room.0[..bytes]
    }

    /// Lets `fill` write adjacent native bytes and brings them to the scalars of `grid`.
    ///
    /// # Safety
    /// The scalars of the grid are writable, and `fill` does not see them otherwise.
    unsafe fn scatter(
        &self,
        grid: Grid<*mut u8>,
        counts: [usize; 2],
        room: &mut Room,
        fill: &mut dyn FnMut(&mut [u8]),
    ) {
        let bytes = counts[0] * counts[1] * self.cell.bytes();
        if self.is_direct(&grid, counts) {
            // SAFETY: the grid is one run of bytes, writable as the caller promises.
            return fill(unsafe {
                std::slice::from_raw_parts_mut(grid.base.offset((grid.at >> 3) as isize), bytes)
            });
        }
        fill(&mut room.0[..bytes]);
        let native = self.native_grid(room.0.as_ptr(), counts);
        // SAFETY: the caller's promise, and the room holds the block just written.
        unsafe { self.mover.run(native, grid, counts) };
    }
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
    let (input, output) = (Port::reading(source.cell), Port::writing(target.cell));
    let (mut room_in, mut room_out) = (Room([0; BLOCK * 8]), Room([0; BLOCK * 8]));
    let mut scratch = Scratch::default();
    let mut loaded = None;
    walk(plan, block_limit(source.cell), &mut |block| {
        let (n, counts) = (block.len(), block.counts);
        if steps.is_affine() && loaded != Some((block.first, counts)) {
            coefficients.load(block, &mut scratch);
            loaded = Some((block.first, counts));
        }
        // SAFETY: the blocks are made of the plan's scalars, which do not overlap.
        unsafe {
            let bytes = input.gather(block.source(source.base), counts, &mut room_in);
            output.scatter(block.target(target.base), counts, &mut room_out, &mut |out| {
                steps.run(bytes, out, n, &mut scratch)
            });
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
            let at = |base: *const u8, bit: i64| {
                std::slice::from_raw_parts(base.offset((bit >> 3) as isize), size)
            };
            (at(source.base, block.source), at(target.base, block.target))
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
    let (mut room, mut other_room) = (Room([0; BLOCK * 8]), Room([0; BLOCK * 8]));
    let mut all = true;
    walk(plan, limit, &mut |block| {
        // SAFETY: the blocks are made of the plan's scalars.
        all = all
            && unsafe {
                let a = one.gather(block.source(source.base), block.counts, &mut room);
                let b = other.gather(block.target(target.base), block.counts, &mut other_room);
                same(block.len(), a, b)
            };
    });
    all
}
