//! The way in which a plan is carried out. It is chosen once, from the loops, the cells and whether it may take several threads;
//! then it is run, on the whole plan or on pieces of it, and told to whoever asks.
#![forbid(unsafe_code)]

use std::ptr;

use super::chunks::Chunk;
use super::convert::join;
use super::fill;
use super::isa::Isa;
use super::memory::{Cell, Mover};
use super::path::{BLOCK, ROOM, Run};
use super::sheet::Turn;
use super::stream;
use super::turned::Turned;
use super::walk::{Block, second_loop};
use crate::engine::plan::{Loop, Plan};
use crate::engine::threads;

/// The order in which scalars are visited, and what they pass through.
///
/// A way holds for every plan that has the same loops in the same places, with extents that are not larger: whatever
/// depends on how much there is in all has been decided here.
#[derive(Clone, Copy)]
pub enum Way {
    /// Rows that are runs on both sides, one after the other.
    Rows {
        /// Whether they are streamed.
        streams: bool,
    },
    /// Rows that repeat one word each.
    Fill {
        /// Whether they are streamed.
        streams: bool,
    },
    /// Words of two loops and more, in an order that suits both sides.
    Words {
        /// Whether they are streamed.
        streams: bool,
    },
    /// Words of two loops and more, patch by patch: runs of the target times runs of the source.
    Patches {
        /// Whether the caches do not hold both sides.
        streams: bool,
    },
    /// Small groups of words, shuffled in registers.
    Groups {
        /// Whether those that make long runs are streamed.
        streams: bool,
    },
    /// Rows brought together in a tile of the first-level cache, from where they are streamed.
    Gathered,
    /// Sheets whose rows become columns, straight from memory to memory.
    Sheets(Turn),
    /// Such sheets through tiles in the cache, whose runs are converted, turned or streamed on their way out.
    Tiles {
        /// How a tile is filled.
        turn: Turn,
        /// Whether the caches do not hold both sides: the target is streamed if words can be.
        is_large: bool,
    },
    /// Sheets through a tile, in the order of the target there, from where every row is turned into the target's form.
    Turned,
    /// Runs of the target of several loops, each copied into the first-level cache first.
    Chunks {
        /// Whether the runs are streamed.
        streams: bool,
    },
    /// Blocks of at most so many scalars.
    Blocks {
        /// `usize::MAX` for planes as they are.
        limit: usize,
    },
}

/// Bytes of the tile through which scalars pass: it stays in the first-level cache, and its rows are whole cache lines.
pub(super) const TILE: usize = 4096;

/// Rows of fewer scalars are gathered into blocks first, for a call a row would take longer.
pub(super) const SHORT: i64 = 24;

/// Rows of fewer bytes are better shuffled, several in a register, than moved one by one.
const FEW: i64 = 16;

/// Rows of fewer bytes that follow each other in the source as in the target are not streamed: to bring them together takes
/// longer than that saves.
const NARROW: i64 = 64;

/// Rows of fewer scalars that have to be brought together are not streamed.
const LONG: i64 = 256;

/// Scalars so many bits apart in the source: reading their lines takes so much longer than writing the target that nothing
/// should come between.
const SPARSE: i64 = 32 * 8;

/// Fewer rows or columns are no tile.
const SQUARE: i64 = 16;

/// Bytes of a patch that takes longer to find than its words to move one by one.
const PATCH: usize = 128;

impl Way {
    /// The way to copy scalars that differ in packing and byte order at most.
    pub fn to_copy(plan: &Plan, source: Cell, target: Cell) -> Self {
        let (mover, size) = (Mover::between(source, target), source.bytes());
        let is_large = is_large(plan, [size; 2]);
        let is_word = matches!(mover, Mover::Word(_));
        if (is_word || matches!(mover, Mover::Bytes { part: 1, .. }))
            && let Some(row) = plan.loops.first()
            && (row.source, row.target) == (source.stride(), target.stride())
        {
            let bytes = row.extent.saturating_mul(size as i64);
            if bytes < FEW && mover.has_groups(&plan.loops, false) {
                return Self::Groups { streams: is_large };
            }
            return Self::Rows { streams: is_large && !(bytes < NARROW && is_in_order(plan)) };
        }
        if fill::knows(mover) && has_repeats(plan, target.stride()) {
            return Self::Fill { streams: plan.count().saturating_mul(size) >= stream::FILL_FROM };
        }
        let (second, is_transposed) = second_loop(plan);
        if mover.has_groups(&plan.loops, !is_transposed) {
            return Self::Groups { streams: is_large };
        }
        if plan.loops.len() > 2
            && let Some(way) = Self::to_copy_patches(plan, source, target, is_large_to_turn(plan, [size; 2]))
        {
            return way;
        }
        if let Some(turn) = turn(plan, source, target) {
            let is_large = is_large_sheet(plan, &turn, [size; 2]);
            return if is_word && !is_large { Self::Sheets(turn) } else { Self::Tiles { turn, is_large } };
        }
        let has = |i: usize, least: i64| plan.loops.get(i).is_some_and(|l| l.extent >= least);
        let whole = !target.packed && size <= 16;
        let is_run = |l: &Loop| l.extent >= LONG && l.target == target.stride() && l.source.abs() < SPARSE;
        if is_large && whole && !is_transposed && plan.loops.first().is_some_and(is_run) {
            return Self::Gathered;
        }
        match is_transposed {
            true if whole && !source.packed && has(0, SQUARE) && has(second, SQUARE) => Self::Turned,
            true => Self::Blocks { limit: TILE },
            false => Self::Blocks { limit: usize::MAX },
        }
    }

    /// The way to copy scalars of more than two loops, where it is not one for planes.
    fn to_copy_patches(plan: &Plan, source: Cell, target: Cell, streams: bool) -> Option<Self> {
        let (mover, size) = (Mover::between(source, target), source.bytes());
        let is_word = matches!(mover, Mover::Word(_));
        let whole = !source.packed && !target.packed;
        if streams && whole && has_long_sides(plan, [size; 2], source, target) {
            return Some(Self::Patches { streams });
        }
        if is_word && size == 16 {
            return Some(Self::Words { streams });
        }
        if !whole || has_large_planes(plan, size) {
            return None;
        }
        let [across, along] = Turned::new(plan, [size; 2], streams, Isa::chosen())?.units();
        let is_plane = across * along <= Block::plane(plan).scalars();
        if is_word && is_plane && turn(plan, source, target).is_some() {
            return None;
        }
        let is_tiny = across.min(along) * size < 16 || across * along * size <= PATCH;
        Some(if is_word && size >= 4 && is_tiny {
            Self::Words { streams }
        } else {
            Self::Patches { streams }
        })
    }

    /// The way to convert scalars by `run`.
    pub fn to_convert(plan: &Plan, run: &Run, source: Cell, target: Cell) -> Self {
        let joined = run.compute().and_then(|_| join(plan, source, target));
        let plan = joined.as_ref().map_or(plan, |(plan, _)| plan);
        let width = target.bytes();
        let is_large = is_large(plan, [source.bytes(), width]);
        if !source.packed && !target.packed && has_runs(plan, source, target) {
            return Self::Rows { streams: is_large && has_long_runs(plan, target) };
        }
        let sizes = [source.bytes(), width];
        let is_plain = !source.packed && !target.packed && run.compute().is_none();
        let streams = is_large_to_turn(plan, sizes);
        if is_plain && plan.loops.len() > 2 && has_patches(plan, sizes, streams, source, target) {
            return Self::Patches { streams };
        }
        if Chunk::of(plan, source, target).is_some_and(|chunk| is_better(&chunk, plan)) {
            return Self::Chunks { streams: is_large };
        }
        match turn(plan, source, target) {
            Some(turn) => Self::Tiles { turn, is_large: is_large_sheet(plan, &turn, sizes) },
            None => Self::Blocks { limit: block_limit(source).min(block_limit(target)) },
        }
    }

    /// Whether runs that are converted are streamed.
    pub fn streams_runs(&self) -> bool {
        matches!(
            self,
            Self::Rows { streams: true }
                | Self::Tiles { is_large: true, .. }
                | Self::Patches { streams: true }
                | Self::Chunks { streams: true }
        )
    }
}

/// The most scalars of `cell` in a block that is gathered or scattered: so many that there is room for them.
pub fn block_limit(cell: Cell) -> usize {
    BLOCK.min(ROOM / cell.bytes().max(1))
}

/// Whether both sides, of `size` and `width` bytes a scalar, are more than the caches hold. What is read again and again counts
/// each time.
pub(super) fn is_large(plan: &Plan, [size, width]: [usize; 2]) -> bool {
    let bytes = plan.count().saturating_mul(size + width);
    // To ask for the number of threads may take reading files, which small plans should not wait for.
    bytes > stream::HELD && (bytes > stream::HELD_BY_ALL || threads::count() == 1)
}

/// The same where scalars change their order: that takes several lines of a cache for each that is filled, and more threads do
/// not help to keep those.
fn is_large_to_turn(plan: &Plan, [size, width]: [usize; 2]) -> bool {
    plan.count().saturating_mul(size + width) > stream::HELD
}

/// The same for sheets moved by `turn`.
fn is_large_sheet(plan: &Plan, turn: &Turn, sizes: [usize; 2]) -> bool {
    if turn.is_weave() { is_large(plan, sizes) } else { is_large_to_turn(plan, sizes) }
}

/// Whether the innermost loop writes one scalar over and over, so many bits apart, and goes on long enough for a row of
/// its own, or is all there is.
fn has_repeats(plan: &Plan, target: i64) -> bool {
    const LINE: i64 = 64 * 8;
    let is_alone = plan.loops.len() == 1;
    plan.loops
        .first()
        .is_some_and(|l| l.source == 0 && l.target == target && (is_alone || l.extent * target >= LINE))
}

/// Whether the innermost loop is a run of scalars on both sides, long enough for a call a row.
pub(super) fn has_runs(plan: &Plan, source: Cell, target: Cell) -> bool {
    let is_run = |l: &Loop| l.source == source.stride() && l.target == target.stride();
    plan.loops.first().is_some_and(|l| l.extent >= SHORT && is_run(l))
}

/// Whether the target is whole bytes that the innermost loops write without gaps, enough of them to be streamed.
fn has_long_runs(plan: &Plan, target: Cell) -> bool {
    let mut run = target.stride();
    for l in plan.loops.iter() {
        if l.target != run {
            break;
        }
        run = run.saturating_mul(l.extent);
    }
    // The call for a row takes as long as streaming it saves if it is shorter.
    let long = plan.loops.first().is_some_and(|l| l.extent.saturating_mul(target.stride()) >= 512 << 3);
    !target.packed && long && run >> 3 >= stream::ROW
}

/// Whether numbers are better converted in patches than plane by plane.
fn has_patches(plan: &Plan, sizes: [usize; 2], is_large: bool, source: Cell, target: Cell) -> bool {
    if is_large {
        return has_long_sides(plan, sizes, source, target);
    }
    let turned = || Turned::new(plan, sizes, false, Isa::chosen());
    !has_large_planes(plan, sizes[0]) && turned().is_some_and(|turned| has_sides(&turned, sizes))
}

/// Whether patches of sides that the caches do not hold have runs on both sides that are worth turning them.
fn has_long_sides(plan: &Plan, sizes: [usize; 2], source: Cell, target: Cell) -> bool {
    let turn = turn(plan, source, target);
    if turn.is_some_and(|turn| turn.is_weave()) {
        return false;
    }
    // Planes of rows that begin alike are better taken one by one.
    let suits = |turned: &Turned| {
        let [across, along] = turned.units();
        turn.is_none() || !turned.gathers() || across * along > Block::plane(plan).scalars()
    };
    Turned::new(plan, sizes, true, Isa::chosen())
        .is_some_and(|turned| has_sides(&turned, sizes) && suits(&turned))
}

/// Whether patches have runs of both sides that are worth turning them.
fn has_sides(turned: &Turned, sizes: [usize; 2]) -> bool {
    let [across, along] = turned.units();
    across * sizes[1] >= WIDE && along * sizes[0] >= WIDE
}

/// Whether a chunk of several loops takes fewer calls than the planes of a plan do, which are small.
fn is_better(chunk: &Chunk, plan: &Plan) -> bool {
    let plane = Block::plane(plan).scalars();
    plan.loops.len() > 2 && plane < TINY && chunk.scalars() >= 2 * plane
}

/// Fewer scalars of two loops are not worth a call.
const TINY: usize = 512;

/// Bytes of runs of both sides that make patches worth while.
const WIDE: usize = 32;

/// Whether planes whose rows become columns are better taken one by one than in patches of several: where they are all
/// that there is but for one loop, or both their sides are long.
fn has_large_planes(plan: &Plan, size: usize) -> bool {
    let plane = Block::plane(plan);
    let bytes = plane.scalars().saturating_mul(size);
    let side = plane.counts[0].min(plane.counts[1]).saturating_mul(size);
    let (_, is_transposed) = second_loop(plan);
    is_transposed && (side >= 512 || plan.loops.len() == 3 && bytes >= 1024)
}

/// Whether the source is visited from one end to the other.
fn is_in_order(plan: &Plan) -> bool {
    plan.loops.windows(2).all(|two| two[0].source.unsigned_abs() <= two[1].source.unsigned_abs())
}

/// How the planes of a plan are transposed, where rows of whole bytes become columns.
fn turn(plan: &Plan, source: Cell, target: Cell) -> Option<Turn> {
    if target.packed {
        return None;
    }
    let plane = Block::plane(plan);
    let (from, to) = (plane.source(ptr::null()), plane.target(ptr::null_mut()));
    let words = Mover::between(source, source);
    words.turn(from, to, plane.counts, target.bytes()).map(|(turn, _)| turn)
}
