//! Which loops of a plan make [`Groups`], and how the others run around them.

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::ptr;

use super::braid::{Braid, Groups, Job, PIECES, Rows, WIDEST};
use super::isa::Isa;
use super::stream;
use super::transpose::LINE;
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

    /// What moves all words of `loops` in one call, from nowhere to nowhere; nothing where it takes several.
    pub fn prepared(&self, loops: &[Loop]) -> Option<(Braid, Job)> {
        let rows = self.rows(loops, ptr::null(), ptr::null_mut());
        let roles = [self.roles.inner, Some(self.roles.outer), self.roles.row];
        let has_roles = (0..loops.len()).all(|i| roles.contains(&Some(i)));
        has_roles.then(|| self.braid.prepared(&rows)).flatten().map(|job| (self.braid, job))
    }

    /// The words of the loops with roles.
    fn rows(&self, loops: &[Loop], from: *const u8, to: *mut u8) -> Rows {
        let Roles { inner, outer, row } = self.roles;
        let row = row.map_or(Loop::ONCE, |i| loops[i]);
        Rows {
            from,
            to,
            count: loops[outer].extent as usize,
            rows: row.extent as usize,
            pitches: [bytes(row.source), bytes(row.target)],
            plane: inner.map_or(0, |i| bytes(loops[i].target)),
        }
    }

    /// Moves all words of `loops`, from the first ones at `source` and `target`.
    ///
    /// # Safety
    /// Every source word is readable and every target word writable, and the two do not overlap. The loops and the
    /// words are those that this was made for. Long runs of the target are streamed if it `streams`.
    pub unsafe fn run(&self, loops: &[Loop], source: *const u8, target: *mut u8, streams: bool) {
        let Roles { inner, outer, row } = self.roles;
        let rows = self.rows(loops, source, target);
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
        let Some((run, planes)) = self.runs(rows.count) else {
            unreachable!("rows that are streamed have runs")
        };
        // Rows that follow each other are one run.
        if rows.pitches[1] == run as isize {
            // SAFETY: as the caller promises.
            return unsafe { self.stream_run(rows, planes) };
        }
        for j in 0..rows.rows as isize {
            let from = rows.from.wrapping_offset(j * rows.pitches[0]);
            let to = rows.to.wrapping_offset(j * rows.pitches[1]);
            // SAFETY: row `j`.
            unsafe { self.stream_run(&Rows { from, to, rows: 1, ..*rows }, planes) };
        }
    }

    /// [`stream`](Self::stream) rows that follow each other in each plane of the target.
    ///
    /// # Safety
    /// As there.
    unsafe fn stream_run(&self, rows: &Rows, planes: usize) {
        let even = rows.pitches[1] % LINE as isize == 0;
        if let Some(head) = self.braid.head(rows).filter(|head| rows.rows == 1 || even && *head == 0) {
            // SAFETY: as the caller promises.
            return unsafe { self.braid.stream(rows, head) };
        }
        let size = self.braid.word() * self.braid.words() / planes;
        let mut room = Tile(MaybeUninit::uninit());
        let mut tile = Lines::new(room.0.as_mut_ptr().cast(), rows, planes);
        // Whole rows from row `j` and group `i` on, as many as there is room for, or a part of one.
        let part = |j: usize, i: usize, space: usize| match space / rows.count {
            whole @ 1.. if i == 0 => (rows.count, whole.min(rows.rows - j)),
            _ => (space.min(rows.count - i), 1),
        };
        let place = |j: usize, i: usize| {
            rows.from.wrapping_offset(j as isize * rows.pitches[0] + i as isize * self.braid.advance())
        };
        let (mut j, mut i) = (0, 0);
        while j < rows.rows {
            let (n, high) = part(j, i, tile.space() / size);
            let pitches = [rows.pitches[0], (rows.count * size) as isize];
            let part_rows = Rows {
                from: place(j, i),
                to: tile.end(),
                count: n,
                rows: high,
                pitches,
                plane: tile.pitch as isize,
            };
            (j, i) = if i + n == rows.count { (j + high, 0) } else { (j, i + n) };
            // SAFETY: a part of the rows, for which there is room.
            unsafe { self.braid.run(&part_rows) };
            if j < rows.rows && self.braid.advance() < 0 {
                // Memory foresees only what is read forwards.
                let (n, high) = part(j, i, tile.space() / size);
                self.braid.fetch(&Rows { from: place(j, i), count: n, rows: high, ..part_rows });
            }
            // SAFETY: all bytes that are said to have come.
            unsafe { tile.send(n * size * high, j == rows.rows) };
        }
    }
}

/// Room for what is streamed, at a line.
#[repr(align(64))]
struct Tile(MaybeUninit<[u8; TILE + PIECES * 2 * LINE]>);

/// Runs of a target, one of each plane, on their way through a tile. There bytes have the same places within lines as in
/// the target, and only whole lines leave it: a line that is written in two parts costs more than a hundred others.
struct Lines {
    tile: *mut u8,
    /// Bytes from plane to plane of the tile.
    pitch: usize,
    to: *mut u8,
    plane: isize,
    planes: usize,
    /// Bytes of a run that have come to the tile, and those that have been moved out of it.
    done: usize,
    gone: usize,
    /// The place of a run in its line.
    start: usize,
}

impl Lines {
    /// For the runs of the target of `rows`. The tile begins at a line.
    fn new(tile: *mut u8, rows: &Rows, planes: usize) -> Self {
        let pitch = (TILE / planes) / LINE * LINE + LINE + rows.plane.rem_euclid(LINE as isize) as usize;
        let start = rows.to.addr() % LINE;
        Self { tile, pitch, to: rows.to, plane: rows.plane, planes, done: 0, gone: 0, start }
    }

    /// Bytes for which each plane has room.
    fn space(&self) -> usize {
        TILE / self.planes / LINE * LINE - (self.start + self.done - self.gone)
    }

    /// The place in the tile where the run of the first plane goes on.
    fn end(&self) -> *mut u8 {
        self.tile.wrapping_add(self.start + self.done - self.gone)
    }

    /// Streams the lines that `count` more bytes have made whole; all bytes if they are the last ones.
    ///
    /// # Safety
    /// So many bytes of each run have been written at [`end`](Self::end), and those of the target are writable.
    unsafe fn send(&mut self, count: usize, is_last: bool) {
        let (before, done) = (self.done, self.done + count);
        self.done = done;
        let moved = (self.start + done - self.gone).saturating_sub(LINE) / LINE * LINE;
        for k in 0..self.planes {
            let to = self.to.wrapping_offset(k as isize * self.plane);
            let whole = |n: usize| n.saturating_sub(to.wrapping_add(n).addr() % LINE);
            let (first, end) = (whole(before), if is_last { done } else { whole(done) });
            let tile = self.tile.wrapping_add(k * self.pitch);
            // SAFETY: bytes that have come to the tile; the last line or two of it are moved to its start.
            unsafe {
                let from = tile.wrapping_add(self.start).wrapping_add(first).wrapping_sub(self.gone);
                stream::copy(from, to.add(first), end - first);
                if !is_last && moved > 0 {
                    let rest = self.start + done - self.gone - moved;
                    tile.copy_from(tile.add(moved), rest);
                }
            }
        }
        self.gone += moved;
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::engine::host::fenced::{Fenced, PAGE};
    use crate::engine::host::patch::nest;

    /// Pixels of so many words, from word to word and from pixel to pixel of both sides; 0 words stand for planes.
    const KINDS: [(i64, [i64; 2], [i64; 2]); 12] = [
        (3, [1, 3], [0, 1]),
        (3, [-1, 3], [0, 1]),
        (4, [1, 4], [0, 1]),
        (3, [0, 1], [1, 3]),
        (2, [0, 1], [1, 2]),
        (3, [-1, 3], [1, 3]),
        (3, [1, -3], [1, 3]),
        (3, [1, 4], [1, 3]),
        (3, [1, 3], [1, 4]),
        (3, [i64::MAX, 1], [1, 3]),
        (1, [0, -1], [0, 1]),
        (1, [0, 3], [0, 1]),
    ];

    /// Rows of pixels with a gap behind each row, and how many bytes they reach below and above the first word.
    fn side(
        [word, pixel]: [i64; 2],
        [words, count, rows]: [i64; 3],
        size: i64,
        gap: i64,
    ) -> ([i64; 3], [i64; 2]) {
        let row = size * count * pixel.abs().max(1) + gap;
        let plane = if word == i64::MAX { 0 } else { row * rows + gap };
        let strides = [if word == 0 || word == i64::MAX { plane } else { word * size }, pixel * size, row];
        let ends = [0, 1, 2].map(|i| strides[i] * ([words, count, rows][i] - 1));
        let sum = |end: fn(i64) -> i64| ends.iter().map(|n| end(*n)).sum::<i64>();
        (strides, [-sum(|n| n.min(0)), sum(|n| n.max(0)) + size])
    }

    /// Rows in fenced memory that are streamed, against one word after the other. Whether there was a way.
    fn check(
        kind: usize,
        size: i64,
        extents: [i64; 2],
        gaps: [i64; 2],
        isa: Isa,
        memory: &mut [Fenced; 2],
    ) -> bool {
        let (words, source, target) = KINDS[kind];
        let shape = [words, extents[0], extents[1]];
        let (from, [below, above]) = side(source, shape, size, gaps[0]);
        let (to, [_, end]) = side(target, shape, size, gaps[1]);
        assert!(below + above <= 15 * PAGE as i64 && end <= 15 * PAGE as i64, "the memory is too small");
        let mut loops: Vec<Loop> = (0..3)
            .filter(|i| shape[*i] > 1)
            .map(|i| Loop { extent: shape[i], source: from[i] * 8, target: to[i] * 8, step: 0 })
            .collect();
        loops.sort_by_key(|l| l.target);
        let Some(pixels) = Pixels::new(&loops, size as usize, 1, isa) else { return false };
        let [read, written] = memory;
        let read = read.bytes((below + above) as usize, extents[0] % 2 == 0);
        let written = written.bytes(end as usize, extents[0] % 3 > 0);
        read.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 89 + (i >> 8) * 3) as u8);
        written.fill(0x5A);
        let mut expected = written.to_vec();
        nest(&loops, [below * 8, 0], &mut |at| {
            let [from, to] = at.map(|bits| (bits >> 3) as usize);
            expected[to..][..size as usize].copy_from_slice(&read[from..][..size as usize]);
        });
        // SAFETY: the words of the loops are those of the slices.
        unsafe { pixels.run(&loops, read.as_ptr().add(below as usize), written.as_mut_ptr(), true) };
        assert!(*written == expected, "{:?} {size} {extents:?} {gaps:?} {isa:?}", KINDS[kind]);
        true
    }

    #[test]
    fn pixels_that_are_streamed_arrive_whole_and_no_other_byte_is_touched() {
        let mut memory = [Fenced::new(16), Fenced::new(16)];
        let extents = [[1024, 1], [1100, 2], [4111, 1], [2500, 3], [333, 7], [64, 40], [90, 33], [35, 64]];
        for (i, isa) in Isa::ALL.into_iter().filter(|isa| isa.is_available()).enumerate() {
            let mut moved = 0;
            for (kind, size) in (0..KINDS.len()).flat_map(|kind| [1, 2, 3, 4, 8].map(|size| (kind, size))) {
                for (j, [count, rows]) in extents.into_iter().enumerate() {
                    let gaps = [[0, 0], [3, 0], [0, 64], [5, 7]][(i + j + kind) % 4];
                    for gaps in [gaps, [64, 0]] {
                        if 4 * size * (count + 64) * rows < 15 * PAGE as i64 {
                            moved += usize::from(check(kind, size, [count, rows], gaps, isa, &mut memory));
                        }
                    }
                }
            }
            assert!(moved > 200 || Braid::new(GRAY, 100, isa).is_none(), "{moved} {isa:?}");
        }
    }

    /// Words that become three.
    const GRAY: Groups = Groups { word: 1, part: 1, words: 3, source: [0, 1], target: [1, 3] };
}
