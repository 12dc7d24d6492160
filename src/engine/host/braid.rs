//! Rows of small groups of words - pixels, steps, reversals, repetitions - as shuffles of whole registers.
//!
//! What moves is periodic: words of a group lie where the same words of the group before lie, some bytes on. So one
//! table says for each byte of a few registers of the target from which byte of a few registers of the source it comes,
//! and a loop repeats that. Groups either lie side by side, or each of their words in a row of its own (a plane).

use super::isa::Isa;
use super::shuffle::{self, Kernel};
use super::stream;
use super::transpose::LINE;

/// The most bytes of a register.
pub(super) const WIDEST: usize = 64;

/// The most registers on each side of a table.
pub(super) const PIECES: usize = 4;

/// The words of one group and of its neighbours, distances in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Bytes of a word.
    pub word: usize,
    /// Bytes whose order is reversed on the way, a power of two that divides a word.
    pub part: usize,
    /// Words of a group.
    pub words: usize,
    /// From a word of the source to the next one of its group, and from group to group.
    pub source: [isize; 2],
    /// The same of the target, both forwards.
    pub target: [isize; 2],
}

/// How the words of one side lie.
#[derive(Clone, Copy)]
struct Side {
    /// Whether each word of a group has a row of its own.
    planes: bool,
    /// Bytes from group to group: of a row when there are planes.
    group: isize,
    /// Bytes from a word to the next one of its group.
    word: isize,
    /// Bytes that a group spans.
    used: usize,
}

impl Side {
    /// Side by side if a register can hold a group, else planes; `far` bytes from plane to plane rule out the former.
    fn new([inner, outer]: [isize; 2], words: usize, word: usize, far: usize) -> Option<Self> {
        let used = (words - 1) * inner.unsigned_abs() + word;
        let planes = words > 1 && outer.unsigned_abs() == word && inner.unsigned_abs() >= far.max(word);
        if planes && words <= PIECES {
            return Some(Self { planes, group: outer, word: inner, used: word });
        }
        (!planes && used <= WIDEST && outer.unsigned_abs() <= WIDEST).then_some(Self {
            planes: false,
            group: outer,
            word: inner,
            used,
        })
    }

    /// From the first word of a group to its lowest one.
    fn lowest(&self, words: usize) -> isize {
        if self.planes { 0 } else { self.word.min(0) * (words as isize - 1) }
    }

    /// The registers of `bytes` that hold whole groups and nothing else, in units of `shared` bytes.
    fn pieces(&self, words: usize, shared: usize) -> usize {
        if self.planes { words } else { (self.group.unsigned_abs() / shared).max(1) }
    }
}

/// How rows of groups are moved.
#[derive(Clone, Copy)]
pub struct Braid {
    kernel: Kernel,
    groups: Groups,
    sides: [Side; 2],
    /// Whether a row of the target has no gaps.
    dense: bool,
    /// Whether rounds use registers to the last byte.
    exact: bool,
    /// What the kernel repeats.
    pub(super) table: Table,
}

/// One round of a kernel.
#[derive(Clone, Copy)]
pub(super) struct Table {
    /// Bytes of a register, at most [`WIDEST`].
    pub width: usize,
    /// Registers of the source and of the target.
    pub pieces: [usize; 2],
    /// Groups that a round moves.
    pub groups: usize,
    /// For each byte of the target the byte of the source, counted through its registers.
    pub origin: [[u8; WIDEST]; PIECES],
    /// Which bytes of the target are written.
    pub keep: [u64; PIECES],
}

/// Whether one of the loops in [`weave`](super::weave) is faster than small registers.
fn is_woven(groups: &Groups, [source, target]: &[Side; 2]) -> bool {
    let (word, words) = (groups.word as isize, groups.words);
    let adjacent = |side: &Side| !side.planes && side.word == word && side.group == word * words as isize;
    let few = (2..=4).contains(&words);
    let known = matches!(word, 1 | 2 | 4 | 8) && groups.part == 1;
    let merges = few && source.planes && source.group > 0 && adjacent(target);
    let splits = few && target.planes && adjacent(source) && word >= 4;
    let steps = words == 1 && target.group == word && (2..=4).contains(&(source.group / word));
    let reverses = words == 1 && target.group == word && source.group == -word && word > 1;
    known && (merges || splits || steps || reverses)
}

/// Fewer words in a round are not worth it when they have no neighbours.
const FEWEST: usize = 4;

/// Rows to move: `count` groups in each of `rows`, which lie so many bytes apart.
#[derive(Clone, Copy)]
pub struct Rows {
    /// The first word of the source.
    pub from: *const u8,
    /// The first word of the target.
    pub to: *mut u8,
    /// Groups of a row, at least 1.
    pub count: usize,
    /// How many rows.
    pub rows: usize,
    /// Bytes from row to row on both sides.
    pub pitches: [isize; 2],
    /// Bytes from plane to plane of the target, if it has planes.
    pub plane: isize,
}

/// A row as a kernel sees it.
#[derive(Clone, Copy)]
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "there are no kernels"))]
pub(super) struct Job {
    /// The first register of the source, and of the target.
    pub from: *const u8,
    pub to: *mut u8,
    /// Bytes from register to register on both sides.
    pub pieces: [isize; 2],
    /// Bytes from round to round on both sides.
    pub steps: [isize; 2],
    /// Rounds that may read and write whole registers, and those after them.
    pub full: usize,
    pub partial: usize,
    /// Which bytes of the registers of both sides belong to the row in the last round, and in other partial ones.
    pub parts: [[[u64; PIECES]; 2]; 2],
    /// Rows, and bytes from row to row.
    pub rows: usize,
    pub pitches: [isize; 2],
    /// Whether full rounds go past the caches.
    pub streams: bool,
}

impl Braid {
    /// The way for rows of `count` groups or so; `None` where there is none that is fast.
    pub fn new(groups: Groups, count: usize, isa: Isa) -> Option<Self> {
        let Groups { word, part, words, source, target } = groups;
        let width = shuffle::width(isa)?;
        if word > 16 || words > WIDEST || !part.is_power_of_two() {
            return None;
        }
        let far = count.saturating_mul(word);
        let sides = [Side::new(source, words, word, far)?, Side::new(target, words, word, far)?];
        let dense = sides[1].planes
            || target[1] == sides[1].used as isize && (words == 1 || target[0] == word as isize);
        if sides[1].group < sides[1].used as isize || !(dense || width == WIDEST) {
            return None;
        }
        if width < WIDEST && is_woven(&groups, &sides) {
            return None;
        }
        let (pieces, per_round) = round(&sides, words, width)?;
        let kernel = shuffle::pick(pieces, dense, width)?;
        let mut table =
            Table { width, pieces, groups: per_round, origin: [[0; WIDEST]; PIECES], keep: [0; PIECES] };
        fill(&mut table, &groups, &sides, dense);
        let used =
            |i: usize| sides[i].planes || sides[i].group.unsigned_abs() * per_round == pieces[i] * width;
        Some(Self { kernel, groups, sides, dense, exact: used(0) && used(1), table })
    }

    /// Bytes of a word.
    pub fn word(&self) -> usize {
        self.groups.word
    }

    /// Words of a group.
    pub fn words(&self) -> usize {
        self.groups.words
    }

    /// Bytes from group to group of the source.
    pub fn advance(&self) -> isize {
        self.groups.source[1]
    }

    /// Whether each word of a group has a row of its own in the target.
    pub fn has_planes(&self) -> bool {
        self.sides[1].planes
    }

    /// Whether a row of the target has no gaps.
    pub fn is_dense(&self) -> bool {
        self.dense
    }

    /// Brings the source of rows into the second-level cache.
    pub fn fetch(&self, rows: &Rows) {
        let side = &self.sides[0];
        let low = side.lowest(self.groups.words) + (side.group * (rows.count as isize - 1)).min(0);
        let bytes = (rows.count - 1) * side.group.unsigned_abs() + side.used;
        let planes = if side.planes { self.groups.words } else { 1 };
        for (j, k) in (0..rows.rows as isize).flat_map(|j| (0..planes as isize).map(move |k| (j, k))) {
            let from = rows
                .from
                .wrapping_offset(j * rows.pitches[0] + k * side.word * isize::from(side.planes) + low);
            (0..bytes).step_by(LINE).for_each(|at| stream::fetch(from.wrapping_add(at)));
        }
    }

    /// Moves rows.
    ///
    /// # Safety
    /// All words of the groups are readable in the source and writable in the target, and no byte belongs to both.
    pub unsafe fn run(&self, rows: &Rows) {
        if self.sides[0].group != 0 {
            // SAFETY: as the caller promises.
            return unsafe { self.run_rows(rows, false) };
        }
        // Registers of a group that is repeated are read from where they may be read whole.
        let low = self.sides[0].lowest(self.groups.words);
        for j in 0..rows.rows as isize {
            let mut group = [0u8; WIDEST];
            // SAFETY: the words of row `j`; the copy of the group stands for it.
            unsafe {
                let from = rows.from.offset(j * rows.pitches[0] + low);
                group.as_mut_ptr().copy_from_nonoverlapping(from, self.sides[0].used);
                let (from, to) = (group.as_ptr().wrapping_offset(-low), rows.to.offset(j * rows.pitches[1]));
                self.run_rows(&Rows { from, to, rows: 1, ..*rows }, false);
            }
        }
    }

    /// After how many groups of a row all registers of the target are lines, so that they can be streamed; `None` where
    /// they never are.
    pub fn head(&self, rows: &Rows) -> Option<usize> {
        let (step, planes) =
            (self.sides[1].group as usize, self.sides[1].planes && rows.plane % LINE as isize != 0);
        let streams = self.kernel.masks && self.dense && self.exact && self.sides[0].group != 0 && !planes;
        (0..LINE)
            .find(|n| (rows.to.addr() + n * step).is_multiple_of(LINE))
            .filter(|n| streams && *n < rows.count)
    }

    /// Moves a row, past the caches from the group `head` on; [`stream::finish`] must follow.
    ///
    /// # Safety
    /// As for [`run`](Self::run); `head` is that of the row, which is one.
    pub unsafe fn stream(&self, rows: &Rows, head: usize) {
        let (from, to) = (self.sides[0].group * head as isize, self.sides[1].group * head as isize);
        let (from, to) = (rows.from.wrapping_offset(from), rows.to.wrapping_offset(to));
        // SAFETY: as the caller promises: the groups of the row.
        unsafe {
            if head > 0 {
                self.run_rows(&Rows { count: head, ..*rows }, false);
            }
            self.run_rows(&Rows { from, to, count: rows.count - head, ..*rows }, true);
        }
    }

    /// # Safety
    /// As for [`run`](Self::run); where the source stands still, a whole register of it is readable.
    unsafe fn run_rows(&self, rows: &Rows, streams: bool) {
        let ([source, target], table) = (&self.sides, &self.table);
        let lead = if source.group < 0 { source.used as isize - self.window(0) as isize } else { 0 };
        let full = self.full_rounds(rows.count);
        let rest = rows.count - full * table.groups;
        let partial = if rest <= table.groups { usize::from(rest > 0) } else { rest.div_ceil(table.groups) };
        let mut parts = [[[0; PIECES]; 2]; 2];
        if partial > 0 {
            parts[0] = self.parts(rest - (partial - 1) * table.groups);
        }
        if partial > 1 {
            parts[1] = self.parts(table.groups);
        }
        let job = Job {
            from: rows.from.wrapping_offset(source.lowest(self.groups.words) + lead),
            to: rows.to,
            pieces: [
                if source.planes { source.word } else { table.width as isize },
                if target.planes { rows.plane } else { table.width as isize },
            ],
            steps: self.sides.map(|side| side.group * table.groups as isize),
            full,
            partial,
            parts,
            rows: rows.rows,
            pitches: rows.pitches,
            streams,
        };
        // SAFETY: as the caller promises; rounds beyond the words of a row are not full.
        unsafe { self.kernel.run(self, &job) }
    }

    /// Bytes of a row that a round sees of one side.
    fn window(&self, side: usize) -> usize {
        let pieces = if self.sides[side].planes { 1 } else { self.table.pieces[side] };
        pieces * self.table.width
    }

    /// How many rounds may see whole registers in a row of `count` groups.
    fn full_rounds(&self, count: usize) -> usize {
        let groups = self.table.groups;
        let fills = |side: &Side| side.planes || side.used == side.group.unsigned_abs();
        if groups.is_power_of_two() && self.exact && self.sides.iter().all(fills) {
            return count >> groups.trailing_zeros();
        }
        self.rounds(0, count).min(self.rounds(1, count)).min(count / groups)
    }

    /// How many rounds stay within a row of `count` groups of one side though they see whole registers.
    fn rounds(&self, side: usize, count: usize) -> usize {
        let (at, window) = (&self.sides[side], self.window(side));
        let step = at.group.unsigned_abs() * self.table.groups;
        let masked = side == 1 && !at.planes && self.kernel.masks;
        let span = (count - 1) * at.group.unsigned_abs() + at.used;
        match span.checked_sub(window) {
            _ if step == 0 || masked => usize::MAX,
            Some(left) => left / step + 1,
            None => 0,
        }
    }

    /// Which bytes of the registers of both sides belong to the first `groups` groups of a round, as bits.
    fn parts(&self, groups: usize) -> [[u64; PIECES]; 2] {
        let mut parts = [[0; PIECES]; 2];
        for (i, (side, parts)) in self.sides.iter().zip(&mut parts).enumerate() {
            let window = self.window(i);
            let bytes = ((groups - 1) * side.group.unsigned_abs() + side.used).min(window);
            let start = if side.group < 0 { window - bytes } else { 0 };
            for (n, part) in parts.iter_mut().enumerate().take(self.table.pieces[i]) {
                let skipped = if side.planes { 0 } else { n * self.table.width };
                let below = |end: usize| match end.saturating_sub(skipped).min(self.table.width) {
                    0 => 0,
                    n => u64::MAX >> (64 - n),
                };
                *part = below(start + bytes) & !below(start);
            }
        }
        for (part, keep) in parts[1].iter_mut().zip(self.table.keep) {
            *part &= keep;
        }
        parts
    }
}

/// The registers of both sides, and the groups, of a round: so many that registers are used to the last byte, or one of
/// each, which overlap those of the next round.
fn round(sides: &[Side; 2], words: usize, width: usize) -> Option<([usize; 2], usize)> {
    let [source, target] = sides;
    let bytes = sides.map(|side| side.group.unsigned_abs());
    // The greatest common divisor of both and the width, which is a power of two.
    let shared =
        1usize.unbounded_shl((bytes[0] | bytes[1]).trailing_zeros()).wrapping_sub(1).min(width - 1) + 1;
    let pieces = sides.map(|side| side.pieces(words, shared));
    let whole = sides.iter().all(|side| !side.planes || side.used == shared);
    let exact = whole
        && pieces.iter().all(|n| *n <= PIECES)
        && (bytes[0] == 0 || bytes[0] >= source.used)
        && source.used <= width * pieces[0];
    if source.planes || target.planes {
        return exact.then_some((pieces, width / shared));
    }
    let fits = |side: &Side| match side.group.unsigned_abs() {
        _ if side.used > width => 0,
        0 => usize::MAX,
        step => (width - side.used) / step + 1,
    };
    let loose = fits(source).min(fits(target));
    // A byte shuffle of one register for each two of them costs more than stores that overlap.
    let costly = width < WIDEST && pieces[0] * pieces[1] > 2 && loose * bytes[1] * 2 > width;
    match (exact, loose) {
        (true, _) if !costly => Some((pieces, width / shared)),
        (_, 1..) if loose * words >= if words > 1 { 2 } else { FEWEST } => Some(([1, 1], loose)),
        (true, _) => Some((pieces, width / shared)),
        _ => None,
    }
}

/// A line in a register: the quotients and places of bytes, in 16 bits each.
struct Line {
    /// Reciprocals of the bytes of a group and of those from word to word in the target, in units of 2^-15.
    by: [u16; 2],
    /// What they are reciprocals of.
    of: [u16; 2],
    /// From group to group and from word to word of the source, and the place of the first word.
    steps: [u16; 2],
    start: u16,
    /// What turns the place of a byte in its word.
    turned: u16,
    /// The byte of the target that is the first one of the register, and its word.
    first: u16,
    word: u16,
}

impl Line {
    /// The places in the source of the bytes of a register of the target. Of bytes that are not kept they mean nothing.
    #[inline(always)]
    fn origins(&self, origins: &mut [u8]) {
        for (b, origin) in origins.iter_mut().enumerate() {
            let at = self.first.wrapping_add(b as u16);
            // Exact, for there are at most 256 bytes and 64 in a group.
            let quotient = |n: u16, by: u16| ((u32::from(2 * n) * u32::from(by)) >> 16) as u16;
            let group = quotient(at, self.by[0]);
            let at = at.wrapping_sub(group.wrapping_mul(self.of[0]));
            let word = quotient(at, self.by[1]);
            let byte = at.wrapping_sub(word.wrapping_mul(self.of[1])) ^ self.turned;
            let place = group
                .wrapping_mul(self.steps[0])
                .wrapping_add(word.wrapping_add(self.word).wrapping_mul(self.steps[1]));
            *origin = place.wrapping_add(byte).wrapping_add(self.start) as u8;
        }
    }

    /// # Safety
    /// The processor has AVX2.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    unsafe fn origins_avx2(&self, origins: &mut [u8; WIDEST]) {
        self.origins(origins);
    }
}

/// Writes down where each byte comes from.
fn fill(table: &mut Table, groups: &Groups, [source, target]: &[Side; 2], dense: bool) {
    let Table { width, pieces: [from_pieces, to_pieces], groups: per_round, .. } = *table;
    let (word, words) = (groups.word, groups.words);
    let (group, inner) = match (target.planes, words) {
        (true, _) => (word, word),
        (false, 1) => (target.group as usize, target.group as usize),
        (false, _) => (target.group as usize, target.word as usize),
    };
    let window = if source.planes { width } else { from_pieces * width };
    let start = if source.group < 0 { window - source.used } else { 0 };
    let start = start as isize - source.lowest(words);
    let step = if source.planes { width as isize } else { source.word };
    let mut line = Line {
        by: [group, inner].map(|n| 32768usize.div_ceil(n) as u16),
        of: [group as u16, inner as u16],
        steps: [source.group as u16, step as u16],
        start: start as u16,
        turned: groups.part as u16 - 1,
        first: 0,
        word: 0,
    };
    let bytes = per_round * group;
    for piece in 0..to_pieces {
        (line.first, line.word) = if target.planes { (0, piece as u16) } else { ((piece * width) as u16, 0) };
        // SAFETY: tables are made for processors that have it.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            line.origins_avx2(&mut table.origin[piece])
        };
        #[cfg(not(target_arch = "x86_64"))]
        line.origins(&mut table.origin[piece]);
        table.keep[piece] = match bytes.saturating_sub(line.first.into()) {
            0 => 0,
            left => u64::MAX >> (64 - left.min(width)),
        };
    }
    if !dense {
        table.keep = [0; PIECES];
        for (j, i) in (0..per_round).flat_map(|j| (0..words).map(move |i| (j, i))) {
            let at = j * group + i * inner;
            for at in at..at + word {
                table.keep[at / width] |= 1 << (at % width);
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::engine::host::fenced::Fenced;

    /// Distances of a kind of groups in words, a plane for each word of a group standing for `PLANE`.
    type Kind = (usize, [isize; 2], [isize; 2]);

    /// Stands for the distance from plane to plane.
    const PLANE: isize = isize::MAX;

    const KINDS: [Kind; 33] = [
        // Pixels into planes, planes into pixels, some channels, channels in another order.
        (2, [1, 2], [PLANE, 1]),
        (3, [1, 3], [PLANE, 1]),
        (4, [1, 4], [PLANE, 1]),
        (3, [1, 4], [PLANE, 1]),
        (3, [-1, 3], [PLANE, 1]),
        (3, [1, -3], [PLANE, 1]),
        (2, [PLANE, 1], [1, 2]),
        (3, [PLANE, 1], [1, 3]),
        (4, [PLANE, 1], [1, 4]),
        (3, [PLANE, -1], [1, 3]),
        (3, [PLANE, 1], [1, 4]),
        (3, [1, 4], [1, 3]),
        (3, [1, 3], [1, 4]),
        (3, [-1, 3], [1, 3]),
        (4, [-1, 4], [1, 4]),
        (3, [-1, 4], [1, 4]),
        (3, [1, -3], [1, 3]),
        (5, [-1, -5], [1, 5]),
        (2, [3, 7], [2, 5]),
        // Steps on one side or both, backwards.
        (1, [0, 2], [0, 1]),
        (1, [0, 3], [0, 1]),
        (1, [0, 7], [0, 1]),
        (1, [0, -1], [0, 1]),
        (1, [0, -3], [0, 1]),
        (1, [0, 1], [0, 3]),
        (1, [0, 2], [0, 2]),
        (1, [0, -2], [0, 5]),
        // Words and groups that are repeated, windows.
        (3, [0, 1], [1, 3]),
        (7, [0, 1], [1, 7]),
        (3, [1, 0], [1, 3]),
        (5, [-1, 0], [1, 5]),
        (1, [0, 0], [0, 1]),
        (3, [1, 1], [1, 3]),
    ];

    /// Distances in bytes, planes being `count` words and a gap.
    fn groups((words, source, target): Kind, word: usize, part: usize, count: usize) -> Groups {
        let plane = (count * word + 5) as isize;
        let bytes = |n: isize| if n == PLANE { plane } else { n * word as isize };
        Groups { word, part, words, source: source.map(bytes), target: target.map(bytes) }
    }

    /// The first byte of the lowest word, seen from the first one, and the bytes from there to the end of the highest.
    fn reach([inner, outer]: [isize; 2], words: usize, count: usize, word: usize) -> (isize, usize) {
        let ends = [inner * (words as isize - 1), outer * (count as isize - 1)];
        let low = ends.iter().map(|end| end.min(&0)).sum::<isize>();
        (low, (ends.iter().map(|end| end.max(&0)).sum::<isize>() - low) as usize + word)
    }

    /// Two rows of groups in fenced memory, against one word after the other.
    fn check(kind: Kind, word: usize, part: usize, count: usize, isa: Isa, memory: &mut [Fenced; 2]) -> bool {
        let groups = groups(kind, word, part, count);
        let Some(braid) = Braid::new(groups, count, isa) else { return false };
        let [(low, read), (_, written)] =
            [groups.source, groups.target].map(|strides| reach(strides, groups.words, count, word));
        let pitches = [read + 3, written + 7];
        let [source, target] = memory;
        let source = source.bytes(pitches[0] + read, count.is_multiple_of(2));
        let target = target.bytes(pitches[1] + written, !count.is_multiple_of(3));
        source.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 89 + (i >> 8) * 3) as u8);
        target.fill(0x5A);
        let mut expected = target.to_vec();
        for (row, j, i) in
            (0..2).flat_map(|r| (0..count).flat_map(move |j| (0..groups.words).map(move |i| (r, j, i))))
        {
            let at = |strides: [isize; 2]| i as isize * strides[0] + j as isize * strides[1];
            let from = (at(groups.source) - low) as usize + row * pitches[0];
            let to = at(groups.target) as usize + row * pitches[1];
            for y in 0..word {
                expected[to + y] = source[from + y / part * part + (part - 1 - y % part)];
            }
        }
        let rows = Rows {
            from: source.as_ptr().wrapping_offset(-low),
            to: target.as_mut_ptr(),
            count,
            rows: 2,
            pitches: pitches.map(|pitch| pitch as isize),
            plane: groups.target[0],
        };
        // SAFETY: the words of both rows are those of the slices.
        unsafe { braid.run(&rows) };
        assert!(target == expected, "{kind:?} words of {word}, {part} turned, {count} groups, {isa:?}");
        true
    }

    fn is_left_to_weave(groups: Groups, count: usize) -> bool {
        let side = |strides| Side::new(strides, groups.words, groups.word, count * groups.word);
        matches!((side(groups.source), side(groups.target)), (Some(a), Some(b)) if is_woven(&groups, &[a, b]))
    }

    #[test]
    fn groups_of_any_kind_arrive_whole_and_no_other_byte_is_touched() {
        let mut memory = [Fenced::new(4), Fenced::new(4)];
        for isa in Isa::ALL.into_iter().filter(|isa| shuffle::width(*isa).is_some()) {
            for (word, part) in
                [(1, 1), (2, 1), (2, 2), (3, 1), (4, 1), (4, 4), (8, 1), (8, 8), (8, 4), (16, 1)]
            {
                for kind in KINDS {
                    for count in (1..200).chain([401]) {
                        let moved = check(kind, word, part, count, isa, &mut memory);
                        let small = kind.1.iter().chain(&kind.2).all(|n| *n == PLANE || n.abs() <= 4);
                        let dense = kind.2[1] <= kind.0 as isize;
                        let usual =
                            word.is_power_of_two() && word < 8 && small && (dense || isa == Isa::Avx512);
                        let woven =
                            isa != Isa::Avx512 && is_left_to_weave(groups(kind, word, part, count), count);
                        assert!(
                            moved || !usual || woven || count < 4,
                            "{kind:?} words of {word}, {count} groups, {isa:?}"
                        );
                    }
                }
            }
        }
    }
}
