//! Copies and conversions: a plan, or a piece of it, carried out in the [`Way`] that was chosen. What has no way of its
//! own goes block by block: gathered into adjacent native bytes, worked on there and scattered; where memory already has
//! that form, gathering or scattering falls away.

use std::mem::MaybeUninit;

use super::block::{Scratch, Steps};
use super::direct::Run;
use super::isa::Isa;
use super::memory::{Cell, Grid, Mover};
use super::patch::{Unit, nest};
use super::port::{Port, Room};
use super::sheet::{Sheet, Turn, with_room};
use super::stream;
use super::tour::{self, Turned};
use super::walk::{Block, second_loop, walk};
use super::way::{TILE, Way, block_limit};
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
    /// It is converted, with coefficients if the steps need them.
    Convert(Steps, Coefficients<'a>),
}

impl<'a> Job<'a> {
    /// Copies scalars that differ in packing and byte order at most.
    pub fn to_copy(plan: &Plan, source: Cell, target: Cell) -> Self {
        let way = Way::to_copy(plan, source, target);
        Self { source, target, act: Act::Move(Mover::between(source, target)), way }
    }

    /// Converts scalars of the types that `steps` was made for.
    pub fn to_convert(
        plan: &Plan,
        steps: &Steps,
        coefficients: Coefficients<'a>,
        source: Cell,
        target: Cell,
    ) -> Self {
        let way = Way::to_convert(plan, steps, source, target);
        Self { source, target, act: Act::Convert(*steps, coefficients), way }
    }

    /// The same, to be kept; nothing when it has coefficients, which are the caller's.
    pub fn kept(&self) -> Option<Job<'static>> {
        let act = match self.act {
            Act::Move(mover) => Act::Move(mover),
            Act::Convert(steps, Coefficients { scale: [], bias: [] }) => {
                Act::Convert(steps, Coefficients::default())
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
        #[cfg(test)]
        RAN.with_borrow_mut(|ran| ran.push(self.way_name()));
        let source = Place { base: source, cell: self.source };
        let target = Place { base: target, cell: self.target };
        // SAFETY: as the caller promises.
        unsafe {
            match &self.act {
                Act::Move(mover) => copy(plan, &self.way, *mover, source, target),
                Act::Convert(steps, coefficients) => {
                    convert(plan, &self.way, steps, source, target, *coefficients)
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
            let (from, to) = (plan.source >> 3, plan.target >> 3);
            let to = target.base.wrapping_offset(to as isize);
            return to
                .copy_from_nonoverlapping(source.base.wrapping_offset(from as isize), (bits >> 3) as usize);
        }
        let unit = Unit { loops: 1, bits: [bits; 2] };
        tour::copy_rows(plan, unit, streams, source.base, target.base, Isa::chosen());
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
    let is_word = matches!(mover, Mover::Word(_));
    // SAFETY: rows of words and their places in the target.
    let mut put = |from: *const u8, pitch: isize, to: *mut u8, target_pitch: isize, n: usize, rows: usize| unsafe {
        if is_word {
            for i in 0..rows as isize {
                stream::copy(from.offset(i * pitch), to.offset(i * target_pitch), n * size);
            }
        } else {
            let grid = |pitch: isize| [source.cell.stride(), pitch as i64 * 8];
            let from = Grid { base: from, at: 0, strides: grid(pitch) };
            mover.run(from, Grid { base: to, at: 0, strides: grid(target_pitch) }, [n, rows])
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
    let done = match mover {
        // SAFETY: as the caller promises; sheets and blocks are made of the plan's scalars.
        Mover::Word(_) if is_large && Block::plane(plan).scalars() * width <= TILE => unsafe {
            copy_planes(plan, turn, source, target)
        },
        // SAFETY: as the caller promises; sheets and blocks are made of the plan's scalars.
        Mover::Word(_) => each_sheet(plan, turn, is_large, source, target, &mut |sheet, room| unsafe {
            turn.stream(sheet, room)
        }),
        // SAFETY: as the caller promises; sheets and blocks are made of the plan's scalars.
        _ => each_sheet(plan, turn, is_large, source, target, &mut |sheet, room| unsafe {
            turn.through(sheet, width, room, &mut put)
        }),
    };
    if !done {
        // SAFETY: likewise.
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

/// Visits the sheets of a plan, with room for tiles. Gives false, having done nothing, where the plan is a piece whose
/// planes are too small for `turn`.
fn each_sheet(
    plan: &Plan,
    turn: &Turn,
    is_large: bool,
    source: Place<*const u8>,
    target: Place<*mut u8>,
    visit: &mut dyn FnMut(&Sheet, &mut [MaybeUninit<u8>]),
) -> bool {
    let plane = Block::plane(plan);
    let Some(first) = turn.sheet(&plane, source.base, target) else { return false };
    let at = |block: &Block| [block.source(source.base).at, block.target(target.base).at];
    let start = at(&plane);
    with_room(is_large, |room| {
        // Planes differ only in where they lie.
        walk(plan, usize::MAX, &mut |block| {
            let [from, to] = at(block);
            visit(&first.moved([from - start[0], to - start[1]]), room);
        });
    });
    true
}

/// Converts scalars in a way that was chosen for them.
///
/// # Safety
/// As for [`Job::run`]; the cells have the widths of the types that `steps` was made for.
unsafe fn convert(
    plan: &Plan,
    way: &Way,
    steps: &Steps,
    source: Place<*const u8>,
    target: Place<*mut u8>,
    coefficients: Coefficients,
) {
    // SAFETY: as the caller promises.
    unsafe {
        if let Some(run) = steps.direct() {
            return convert_directly(plan, way, run, source, target);
        }
        let mut scratch = Scratch::default();
        let mut loaded = None;
        each_block(plan, source, target, &mut |block, bytes, out| {
            if steps.is_affine() && loaded != Some((block.first, block.counts)) {
                coefficients.load(block, &mut scratch);
                loaded = Some((block.first, block.counts));
            }
            steps.run(bytes, out, block.scalars(), &mut scratch);
        });
    }
}

/// What is done with a block: the bytes of its target of those of its source.
type Work<'a> = dyn FnMut(&Block, &[u8], &mut [u8]) + 'a;

/// Gathers each block into adjacent native bytes, lets `work` make of them those of the target, and scatters these.
///
/// # Safety
/// As for [`Job::run`], the cells being those of two types of numbers.
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
/// tiles or blocks.
///
/// # Safety
/// As for [`convert`].
unsafe fn convert_directly(
    plan: &Plan,
    way: &Way,
    run: Run,
    source: Place<*const u8>,
    target: Place<*mut u8>,
) {
    let (size, width) = (source.cell.bytes(), target.cell.bytes());
    let streams = matches!(way, Way::Rows { streams: true } | Way::Tiles { is_large: true, .. });
    // SAFETY: a run of numbers and its place in the target.
    let mut put = |from: *const u8, to: *mut u8, n: usize| unsafe {
        if streams { stream_run(run, from, to, n, size, width) } else { run.run(from, to, n) }
    };
    // SAFETY: as the caller promises; both slices hold the block's numbers.
    unsafe {
        let done = match way {
            Way::Rows { .. } => {
                each_row(plan, source.base, target.base, &mut put);
                true
            }
            Way::Tiles { turn, is_large } => {
                let width = target.cell.bytes();
                each_sheet(plan, turn, *is_large, source, target, &mut |sheet, room| {
                    turn.through(sheet, width, room, &mut put)
                })
            }
            _ => false,
        };
        if !done {
            each_block(plan, source, target, &mut |block, bytes, out| {
                run.run(bytes.as_ptr(), out.as_mut_ptr(), block.scalars())
            });
        }
    }
    if streams {
        stream::finish();
    }
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
    if let [row] = *plan.loops {
        let at = |bits: i64| (bits >> 3) as isize;
        let (from, to) = (source.wrapping_offset(at(plan.source)), target.wrapping_offset(at(plan.target)));
        return visit(from, to, row.extent as usize);
    }
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
