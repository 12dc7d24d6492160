//! Copies and conversions made ready, and the copies: a plan, or a piece of it, carried out in the way that was chosen.

use std::mem::MaybeUninit;
use std::ptr;

use super::convert::convert;
pub use super::factors::Coefficients;
use super::fill;
use super::isa::Isa;
use super::memory::{Cell, Grid, Mover};
use super::patch::{Unit, nest};
use super::path::Run;
use super::rows;
use super::sheet::{Sheet, Turn, with_room};
use super::stream;
use super::tour;
use super::turned::Turned;
use super::walk::{Block, second_loop, walk};
use super::way::{TILE, Way, has_runs};
use crate::engine::plan::Plan;

/// One side of the work: what positions count from, and how scalars lie there.
#[derive(Clone, Copy)]
pub struct Place<P> {
    /// The start of the storage.
    pub base: P,
    /// One scalar.
    pub cell: Cell,
}

#[cfg(test)]
thread_local! {
    /// The names of the ways that this thread has gone.
    pub static RAN: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Work made ready: what is done with every scalar of a plan, and the way.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Scalars as they are read.
    pub source: Cell,
    /// Scalars as they are written.
    pub target: Cell,
    pub(super) act: Act<'a>,
    pub(super) way: Way,
}

/// What is done with a scalar.
#[derive(Clone, Copy)]
pub(super) enum Act<'a> {
    /// It is moved.
    Move(Mover),
    /// It is converted, with coefficients if the path scales numbers.
    Convert(Run, Coefficients<'a>),
}

impl<'a> Job<'a> {
    /// Copies scalars that differ in packing and byte order at most.
    pub fn to_copy(plan: &Plan, source: Cell, target: Cell) -> Self {
        let mover = Mover::between(source, target);
        if let Mover::Reversed(size) = mover
            && has_runs(plan, source, target)
        {
            let run = Run::reversed(size.into(), Isa::chosen());
            return Self::to_convert(plan, &run, Coefficients::default(), source, target);
        }
        Self { source, target, act: Act::Move(mover), way: Way::to_copy(plan, source, target) }
    }

    /// Converts scalars of the types and the byte order that `run` was made for.
    pub fn to_convert(
        plan: &Plan,
        run: &Run,
        coefficients: Coefficients<'a>,
        source: Cell,
        target: Cell,
    ) -> Self {
        let way = Way::to_convert(plan, run, source, target);
        Self { source, target, act: Act::Convert(*run, coefficients), way }
    }

    /// The same, to be kept; nothing when it has coefficients, which are the caller's.
    pub fn kept(&self) -> Option<Job<'static>> {
        let act = match self.act {
            Act::Move(mover) => Act::Move(mover),
            Act::Convert(run, Coefficients { scale: [], bias: [] }) => {
                Act::Convert(run, Coefficients::default())
            }
            Act::Convert(..) => return None,
        };
        Some(Job { act, ..*self })
    }

    /// Does it, for the plan that it was made for or a piece of it: the same loops in the same places, none of them
    /// longer.
    ///
    /// # Safety
    /// Every source scalar of the plan is readable and every target scalar writable, counted from `source` and
    /// `target`, and the two do not overlap.
    pub unsafe fn run(&self, plan: &Plan, source: *const u8, target: *mut u8) {
        let source = Place { base: source, cell: self.source };
        let target = Place { base: target, cell: self.target };
        // SAFETY: as the caller promises.
        unsafe {
            match &self.act {
                Act::Move(mover) => copy(plan, &self.way, *mover, source, target),
                Act::Convert(run, coefficients) => {
                    convert(plan, &self.way, run, source, target, *coefficients)
                }
            }
        }
    }
}

/// Copies scalars in a way that was chosen for them.
///
/// # Safety
/// As for [`Job::run`].
unsafe fn copy(plan: &Plan, way: &Way, mover: Mover, source: Place<*const u8>, target: Place<*mut u8>) {
    let size = source.cell.bytes();
    // SAFETY: a block of the plan's scalars.
    let move_block = |b: &Block| unsafe { mover.run(b.source(source.base), b.target(target.base), b.counts) };
    // SAFETY: as the caller promises; rows and blocks are made of the plan's scalars.
    unsafe {
        match way {
            Way::Rows { streams } => copy_rows(plan, *streams, source, target),
            Way::Words { streams } => {
                let unit = Unit { loops: 0, bits: [size as i64 * 8; 2] };
                tour::copy_rows(plan, unit, *streams, source.base, target.base, Isa::chosen());
            }
            Way::Fill { streams } => {
                if !repeat(plan, *streams, mover, source, target) {
                    walk(plan, TILE, &mut |b| move_block(b));
                }
            }
            Way::Patches { streams } => {
                if !copy_patches(plan, *streams, mover, source, target) {
                    walk(plan, TILE, &mut |b| move_block(b));
                }
            }
            Way::Groups { streams } => {
                if !mover.run_groups(
                    &plan.loops,
                    (source.base, plan.source),
                    (target.base, plan.target),
                    *streams,
                ) {
                    walk(plan, TILE, &mut |b| move_block(b));
                }
            }
            Way::Gathered => stream_rows(plan, source, target, mover),
            Way::Sheets(turn) => {
                if !copy_planes(plan, turn, source, target) {
                    walk(plan, usize::MAX, &mut |b| move_block(b));
                }
            }
            Way::Tiles { turn, is_large } => copy_tiles(plan, turn, *is_large, mover, source, target),
            Way::Turned => turn_tiles(plan, mover, source, target),
            Way::Chunks { .. } => unreachable!("a way to convert"),
            Way::Blocks { limit } => walk(plan, *limit, &mut |b| move_block(b)),
        }
    }
}

/// Copies rows, one alone as it is.
///
/// # Safety
/// As for [`Job::run`]; the innermost loop is a run on both sides.
unsafe fn copy_rows(plan: &Plan, streams: bool, source: Place<*const u8>, target: Place<*mut u8>) {
    let bits = plan.loops[0].extent * source.cell.stride();
    // SAFETY: as the caller promises.
    unsafe {
        if let ([_], false) = (&*plan.loops, streams) {
            let (from, to) = tour::places(source.base, target.base, [plan.source, plan.target]);
            let bytes = (bits >> 3) as usize;
            if bytes < rows::LONG {
                return to.copy_from_nonoverlapping(from, bytes);
            }
            return rows::pick(bytes, Isa::chosen())(from, [0; 2], to, [0; 2], bytes, [1; 2]);
        }
        let unit = Unit { loops: 1, bits: [bits; 2] };
        tour::copy_rows(plan, unit, streams, source.base, target.base, Isa::chosen());
    }
}

/// Fills rows with their words. Whether it did.
///
/// # Safety
/// As for [`Job::run`]; the innermost loop repeats a word of the source in adjacent ones of the target.
unsafe fn repeat(
    plan: &Plan,
    streams: bool,
    mover: Mover,
    source: Place<*const u8>,
    target: Place<*mut u8>,
) -> bool {
    let Some(job) = fill::Job::of(plan, mover) else { return false };
    let fill = fill::pick(job.size, Isa::chosen());
    let short = (job.bytes as i64) < stream::ROW;
    let joined = streams && short && job.pitch == job.bytes as isize;
    let streams = streams && !short;
    nest(plan.loops.get(2..).unwrap_or_default(), [plan.source, plan.target], &mut |at| {
        let (from, to) = tour::places(source.base, target.base, at);
        let job = fill::Job { from, to, streams, ..job };
        // SAFETY: words of the source, and the rows of the target that repeat them.
        unsafe { if joined { fill_joined(fill, &job) } else { fill(&job) } }
    });
    if streams || joined {
        stream::finish();
    }
    true
}

/// Fills short rows that follow each other in a tile, from where they are streamed.
///
/// # Safety
/// As [`fill::pick`] says; a tile holds a row.
unsafe fn fill_joined(fill: fill::Fill, job: &fill::Job) {
    let mut room = MaybeUninit::<[u8; TILE]>::uninit();
    let tile = room.as_mut_ptr().cast::<u8>();
    let most = TILE / job.bytes;
    for start in (0..job.rows).step_by(most) {
        let rows = most.min(job.rows - start);
        // SAFETY: the rows from `start` on, which the tile holds.
        unsafe {
            fill(&fill::Job { from: job.from.offset(start as isize * job.step), to: tile, rows, ..*job });
            stream::copy(tile, job.to.add(start * job.bytes), rows * job.bytes);
        }
    }
}

/// Copies words patch by patch, where both sides have runs of their own. Whether it did.
///
/// # Safety
/// As for [`Job::run`]; both sides have whole bytes.
unsafe fn copy_patches(
    plan: &Plan,
    streams: bool,
    mover: Mover,
    source: Place<*const u8>,
    target: Place<*mut u8>,
) -> bool {
    let size = source.cell.bytes();
    let Some(turned) = Turned::new(plan, [size; 2], streams, Isa::chosen()) else { return false };
    let strides = [source.cell.stride(), 0];
    // SAFETY: a run of words and its place in the target.
    let mut put = |from: *const u8, to: *mut u8, n: usize| unsafe {
        match mover {
            Mover::Word(_) => stream::copy(from, to, n * size),
            _ => {
                let (from, to) = (Grid { base: from, at: 0, strides }, Grid { base: to, at: 0, strides });
                mover.run(from, to, [n, 1])
            }
        }
    };
    let is_plain = matches!(mover, Mover::Word(_)) && !streams;
    // SAFETY: as the caller promises.
    let done =
        unsafe { turned.run(plan, source.base, target.base, if is_plain { None } else { Some(&mut put) }) };
    stream::finish();
    done
}

/// Transposes words in their own order within a tile, from where each row is brought to the target.
///
/// # Safety
/// As for [`Job::run`]; both sides have whole bytes.
unsafe fn turn_tiles(plan: &Plan, mover: Mover, source: Place<*const u8>, target: Place<*mut u8>) {
    let (turn, size) = (Mover::between(source.cell, source.cell), source.cell.bytes());
    let mut tile = MaybeUninit::<[u8; TILE]>::uninit();
    let tile = tile.as_mut_ptr().cast::<u8>();
    walk(plan, TILE / size, &mut |block| {
        let size = size as i64 * 8;
        let strides = [size, size * block.counts[0] as i64];
        // SAFETY: the blocks are made of the plan's scalars, and the tile has room for one.
        unsafe {
            turn.run(block.source(source.base), Grid { base: tile, at: 0, strides }, block.counts);
            let tile = Grid { base: tile.cast_const(), at: 0, strides };
            mover.run(tile, block.target(target.base), block.counts);
        }
    });
}

/// Brings rows together in a block of the first-level cache, from where they are streamed to runs of the target.
///
/// # Safety
/// As for [`Job::run`]; the target has whole bytes, 16 at most.
unsafe fn stream_rows(plan: &Plan, source: Place<*const u8>, target: Place<*mut u8>, mover: Mover) {
    let (size, adjacent) = (target.cell.bytes(), target.cell.stride());
    let mut room = MaybeUninit::<[u8; TILE]>::uninit();
    let room = room.as_mut_ptr().cast::<u8>();
    walk(plan, TILE / size, &mut |block| {
        let (to, [n, rows]) = (block.target(target.base), block.counts);
        let tile = Grid { base: room, at: 0, strides: [adjacent, adjacent * n as i64] };
        // SAFETY: the blocks are made of the plan's scalars, and the room holds one.
        unsafe {
            mover.run(block.source(source.base), tile, block.counts);
            for j in 0..rows {
                let at = (to.at + j as i64 * to.strides[1]) >> 3;
                stream::copy(room.add(j * n * size), to.base.offset(at as isize), n * size);
            }
        }
    });
    stream::finish();
}

/// Copies the words of sheets through tiles, from where runs are streamed or their bytes turned.
///
/// # Safety
/// As for [`Job::run`].
unsafe fn copy_tiles(
    plan: &Plan,
    turn: &Turn,
    is_large: bool,
    mover: Mover,
    source: Place<*const u8>,
    target: Place<*mut u8>,
) {
    let (width, strides) = (target.cell.bytes(), [source.cell.stride(), 0]);
    // SAFETY: a run of words and its place in the target.
    let mut put = |from: *const u8, to: *mut u8, n: usize| unsafe {
        let (from, to) = (Grid { base: from, at: 0, strides }, Grid { base: to, at: 0, strides });
        mover.run(from, to, [n, 1])
    };
    let planes = |plan: &Plan| Block::plane(plan).scalars() * width;
    // SAFETY: as the caller promises; the sheets are made of the plan's scalars.
    let done = unsafe {
        match mover {
            Mover::Word(_) if is_large && planes(plan) <= TILE => copy_planes(plan, turn, source, target),
            Mover::Word(_) => each_sheet(plan, turn, is_large, source, target, &mut |_, sheet, room| {
                turn.stream(sheet, room)
            }),
            _ => each_sheet(plan, turn, is_large, source, target, &mut |_, sheet, room| {
                turn.through(sheet, width, room, &mut put)
            }),
        }
    };
    if !done {
        // SAFETY: likewise, and so are the blocks.
        walk(plan, TILE, &mut |b| unsafe {
            mover.run(b.source(source.base), b.target(target.base), b.counts)
        });
    }
    stream::finish();
}

/// Copies the planes of words of a plan one after the other. Gives false, having done nothing, where the plan is a piece
/// whose planes are too small for `turn`.
///
/// # Safety
/// As for [`Job::run`].
unsafe fn copy_planes(plan: &Plan, turn: &Turn, source: Place<*const u8>, target: Place<*mut u8>) -> bool {
    let Some(first) = turn.sheet(&Block::plane(plan), source.base, target) else { return false };
    let second = second_loop(plan).0;
    let mut outer = plan.loops.to_vec();
    if outer.len() > 1 {
        outer.remove(second);
    }
    outer.remove(0);
    // SAFETY: as the caller promises; planes differ only in where they lie.
    nest(&outer, [0, 0], &mut |at| unsafe { turn.run(&first.moved(at)) });
    true
}

/// What is done with a plane that is a sheet, with room for tiles.
type OfSheet<'a> = dyn FnMut(&Block, &Sheet, &mut [MaybeUninit<u8>]) + 'a;

/// Visits the planes of a plan as sheets. Gives false, having done nothing, where the plan is a piece whose planes are
/// too small for `turn`.
pub(super) fn each_sheet(
    plan: &Plan,
    turn: &Turn,
    is_large: bool,
    source: Place<*const u8>,
    target: Place<*mut u8>,
    visit: &mut OfSheet,
) -> bool {
    let plane = Block::plane(plan);
    let Some(first) = turn.sheet(&plane, source.base, target) else { return false };
    let at = |block: &Block| [block.source(source.base).at, block.target(target.base).at];
    let start = at(&plane);
    with_room(is_large, |room| {
        // Planes differ only in where they lie.
        walk(plan, usize::MAX, &mut |block| {
            let [from, to] = at(block);
            visit(block, &first.moved([from - start[0], to - start[1]]), room);
        });
    });
    true
}

/// Visits the rows of a plan whose innermost loop is a run of whole bytes on both sides: where they begin, of how many
/// scalars they are, the index of the first one's coefficients, and where a row of the source begins that is read soon
/// after, if there is one that memory does not foresee.
///
/// # Safety
/// `visit` is given addresses of the plan's scalars: it must do with them what may be done.
pub(super) unsafe fn each_row(
    plan: &Plan,
    source: *const u8,
    target: *mut u8,
    visit: &mut dyn FnMut(*const u8, *mut u8, usize, i64, *const u8),
) {
    if let [row] = *plan.loops {
        let (from, to) = tour::places(source, target, [plan.source, plan.target]);
        return visit(from, to, row.extent as usize, plan.first, ptr::null());
    }
    walk(plan, usize::MAX, &mut |block| {
        let (from, to) = (block.source(source), block.target(target));
        let pitch = (from.strides[1] >> 3) as isize;
        let bytes = (block.counts[0] as i64 * block.loops[0].source) >> 3;
        let ahead = if pitch.unsigned_abs() < PAGE { i64::MAX >> 1 } else { (AHEAD / bytes).max(1) };
        for j in 0..block.counts[1] as i64 {
            let at = [from.at + j * from.strides[1], to.at + j * to.strides[1]];
            let (from, to) = tour::places(source, target, at);
            let is_there = j + ahead < block.counts[1] as i64;
            let next = if is_there { from.wrapping_offset(ahead as isize * pitch) } else { ptr::null() };
            visit(from, to, block.counts[0], block.first + j * block.loops[1].step, next);
        }
    });
}

/// So many bytes lie between a row and the one that is fetched meanwhile, at least one row.
const AHEAD: i64 = 2 << 10;

/// Memory foresees what lies within so many bytes.
pub(super) const PAGE: usize = 4 << 10;
