//! Which loops of a plan make [`Groups`], and how the others run around them.

use std::cell::RefCell;
use std::mem::MaybeUninit;

use super::braid::{Braid, Groups, Rows, WIDEST};
use super::isa::Isa;
use super::stream;
use crate::engine::plan::Loop;
use crate::layout::Dims;

/// Bytes of the tile through which streamed words pass: it stays in the first-level cache.
const TILE: usize = 6 << 10;

/// Fewer words are moved one by one before a table is made.
const FEWEST: usize = 32;

/// So many loops at most are remembered.
const REMEMBERED: usize = 4;

/// What a way depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    loops: [Loop; REMEMBERED],
    word: usize,
    part: usize,
    isa: Isa,
}

thread_local! {
    /// The last ways of this thread: blocks and images of one kind come in rows, and making a table takes longer than a
    /// short row.
    static LAST: RefCell<Last> = const { RefCell::new(Last { ways: [None, None], next: 0 }) };
}

/// Ways, and which one is forgotten next.
struct Last {
    ways: [Option<(Key, Pixels)>; 2],
    next: usize,
}

/// The loops through the words of a group, if there is one, from group to group, and from row to row.
#[derive(Clone, Copy)]
struct Roles {
    inner: Option<usize>,
    outer: usize,
    row: Option<usize>,
}

/// A way to move words in loops like those that it was made for.
pub struct Pixels {
    braid: Braid,
    roles: Roles,
}

impl Pixels {
    /// Lets `act` see the way for these loops, as [`new`](Self::new) makes it; `None` where there is none.
    pub fn with<R>(
        loops: &[Loop],
        [word, part]: [usize; 2],
        isa: Isa,
        act: impl FnOnce(&Self) -> R,
    ) -> Option<R> {
        if loops.is_empty() || loops.len() > REMEMBERED {
            return Self::new(loops, word, part, isa).map(|pixels| act(&pixels));
        }
        let mut key = Key { loops: [Loop::ONCE; REMEMBERED], word, part, isa };
        key.loops[..loops.len()].copy_from_slice(loops);
        LAST.with_borrow_mut(|last| {
            let known = last.ways.iter().position(|way| way.as_ref().is_some_and(|(known, _)| *known == key));
            let i = match known {
                Some(i) => i,
                None => {
                    let pixels = Self::new(loops, word, part, isa)?;
                    let i = last.next;
                    last.ways[i] = Some((key, pixels));
                    i
                }
            };
            last.next = 1 - i;
            last.ways[i].as_ref().map(|(_, pixels)| act(pixels))
        })
    }

    /// The loops as groups of words of `word` bytes, of which each `part` are reversed; `None` where there is no fast
    /// way.
    fn new(loops: &[Loop], word: usize, part: usize, isa: Isa) -> Option<Self> {
        let count = loops.iter().fold(1usize, |count, l| count.saturating_mul(l.extent as usize));
        if word > 16 || count < FEWEST {
            return None;
        }
        candidates(loops, word as i64 * 8).into_iter().flatten().find_map(|(inner, outer)| {
            let (group, along) = (inner.map_or(Loop::ONCE, |i| loops[i]), loops[outer]);
            let groups = Groups {
                word,
                part,
                words: group.extent as usize,
                source: [bytes(group.source), bytes(along.source)],
                target: [bytes(group.target), bytes(along.target)],
            };
            let braid = Braid::new(groups, along.extent as usize, isa)?;
            let row = (0..loops.len()).find(|i| *i != outer && Some(*i) != inner);
            Some(Self { braid, roles: Roles { inner, outer, row } })
        })
    }

    /// Whether groups have more than one word.
    pub fn has_groups(&self) -> bool {
        self.roles.inner.is_some()
    }

    /// Moves all words of `loops`, from the first ones at `source` and `target`.
    ///
    /// # Safety
    /// Every source word is readable and every target word writable, and the two do not overlap. The loops and the
    /// words are those that this was made for. Long runs of the target are streamed if it `streams`.
    pub unsafe fn run(&self, loops: &[Loop], source: *const u8, target: *mut u8, streams: bool) {
        let Roles { inner, outer, row } = self.roles;
        let row_loop = row.map_or(Loop::ONCE, |i| loops[i]);
        let rows = Rows {
            from: source,
            to: target,
            count: loops[outer].extent as usize,
            rows: row_loop.extent as usize,
            pitches: [bytes(row_loop.source), bytes(row_loop.target)],
            plane: inner.map_or(0, |i| bytes(loops[i].target)),
        };
        let streams = streams && self.has_runs(&rows);
        let roles = [inner, Some(outer), row];
        let mut turns = Dims::filled(0, loops.len());
        let mut at = [0, 0];
        loop {
            let rows = Rows {
                from: source.wrapping_offset(bytes(at[0])),
                to: target.wrapping_offset(bytes(at[1])),
                ..rows
            };
            // SAFETY: the words of the loops with roles, from where the others have come to.
            unsafe { if streams { self.stream(&rows) } else { self.braid.run(&rows) } }
            let mut more = false;
            for (i, l) in loops.iter().enumerate().filter(|(i, _)| !roles.contains(&Some(*i))) {
                turns[i] += 1;
                more = turns[i] < l.extent;
                let n = if more { 1 } else { 1 - l.extent };
                at = [at[0] + n * l.source, at[1] + n * l.target];
                if more {
                    break;
                }
                turns[i] = 0;
            }
            if !more {
                break;
            }
        }
        if streams {
            stream::finish();
        }
    }

    /// Bytes of the runs that `count` groups make of the target, and how many runs that are; `None` where words have
    /// gaps between them.
    fn runs(&self, count: usize) -> Option<(usize, usize)> {
        let size = self.braid.word() * self.braid.words();
        match self.braid.has_planes() {
            true => Some((count * self.braid.word(), self.braid.words())),
            false => self.braid.is_dense().then_some((count * size, 1)),
        }
    }

    /// Whether the target is made of runs long enough to be streamed.
    fn has_runs(&self, rows: &Rows) -> bool {
        self.runs(rows.count).is_some_and(|(run, planes)| {
            let joined = planes == 1 && rows.pitches[1] == run as isize;
            run as i64 >= stream::ROW || joined && (run * rows.rows) as i64 >= stream::ROW
        })
    }

    /// Brings rows to a tile in the first-level cache, from where they are streamed.
    ///
    /// # Safety
    /// As for [`Braid::run`]; rows have runs.
    unsafe fn stream(&self, rows: &Rows) {
        let mut room = MaybeUninit::<[u8; TILE]>::uninit();
        let tile = room.as_mut_ptr().cast::<u8>();
        let Some((run, planes)) = self.runs(rows.count) else {
            unreachable!("rows that are streamed have runs")
        };
        let size = run / rows.count;
        // Rows that follow each other are one run.
        let joined = planes == 1 && rows.pitches[1] == run as isize && run <= TILE;
        let (step, high) =
            if joined { (rows.count, TILE / run) } else { (((TILE / (size * planes)) & !63).max(64), 1) };
        for j in (0..rows.rows).step_by(high) {
            for i in (0..rows.count).step_by(step) {
                let (n, high) = (step.min(rows.count - i), high.min(rows.rows - j));
                // SAFETY: the part of the rows from row `j` and group `i` on, which a tile holds.
                unsafe {
                    let from =
                        rows.from.offset(j as isize * rows.pitches[0] + i as isize * self.braid.advance());
                    let to = rows.to.offset(j as isize * rows.pitches[1]).add(i * size);
                    let (pitches, plane) = ([rows.pitches[0], run as isize], (n * size) as isize);
                    self.braid.run(&Rows { from, to: tile, count: n, rows: high, pitches, plane });
                    for k in 0..planes as isize {
                        stream::copy(tile.offset(k * plane), to.offset(k * rows.plane), n * size * high);
                    }
                }
            }
        }
    }
}

fn bytes(bits: i64) -> isize {
    (bits >> 3) as isize
}

/// Pairs of loops that may be those through the words of a group and from group to group, the better ones first.
/// `word` is a distance in bits.
fn candidates(loops: &[Loop], word: i64) -> [Option<(Option<usize>, usize)>; 3] {
    let near = WIDEST as i64 * 8;
    let span = |l: &Loop, stride: i64| (l.extent - 1).saturating_mul(stride.abs()).saturating_add(word);
    let is_near = |l: &Loop| l.source.abs() <= near && l.target <= near;
    let Some(first) = loops.first() else { return [None; 3] };
    // Groups that lie side by side in the target.
    let side_by_side = loops.get(1).is_some_and(|next| {
        let close = span(first, first.source) <= near || next.source.abs() == word;
        is_near(next) && next.target >= span(first, first.target) && close
    });
    let alone = is_near(first) && (first.target, first.source) != (word, word);
    // Planes of the target whose words lie side by side in the source.
    let planes = (1..loops.len())
        .filter(|i| loops[*i].source != 0 && span(&loops[*i], loops[*i].source) <= first.source.abs())
        .min_by_key(|i| loops[*i].source.abs())
        .filter(|_| alone && first.target == word);
    [side_by_side.then_some((Some(0), 1)), planes.map(|i| (Some(i), 0)), alone.then_some((None, 0))]
}
