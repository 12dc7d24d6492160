//! Rows of small groups of words - pixels, steps, reversals, repetitions - as shuffles of whole registers.
//!
//! What moves is periodic: words of a group lie where the same words of the group before lie, some bytes on. So one
//! table says for each byte of a few registers of the target from which byte of a few registers of the source it comes,
//! and a loop repeats that. Groups either lie side by side, or each of their words in a row of its own (a plane).

use super::isa::Isa;
use super::shuffle::{self, Kernel};

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
        let (pieces, per_round) = round(&sides, words, width)?;
        let kernel = shuffle::pick(pieces, dense, isa)?;
        let mut table =
            Table { width, pieces, groups: per_round, origin: [[0; WIDEST]; PIECES], keep: [0; PIECES] };
        fill(&mut table, &groups, &sides);
        Some(Self { kernel, groups, sides, dense, table })
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

    /// Moves rows.
    ///
    /// # Safety
    /// All words of the groups are readable in the source and writable in the target, and no byte belongs to both.
    pub unsafe fn run(&self, rows: &Rows) {
        if self.sides[0].group != 0 {
            // SAFETY: as the caller promises.
            return unsafe { self.run_rows(rows) };
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
                self.run_rows(&Rows { from, to, rows: 1, ..*rows });
            }
        }
    }

    /// # Safety
    /// As for [`run`](Self::run); where the source stands still, a whole register of it is readable.
    unsafe fn run_rows(&self, rows: &Rows) {
        let ([source, target], table) = (&self.sides, &self.table);
        let lead = if source.group < 0 { source.used as isize - self.window(0) as isize } else { 0 };
        let spans = [self.rounds(0, rows.count), self.rounds(1, rows.count), rows.count / table.groups];
        let full = spans.into_iter().min().unwrap_or(0);
        let rest = rows.count - full * table.groups;
        let partial = rest.div_ceil(table.groups);
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
        };
        // SAFETY: as the caller promises; rounds beyond the words of a row are not full.
        unsafe { self.kernel.run(self, &job) }
    }

    /// Bytes of a row that a round sees of one side.
    fn window(&self, side: usize) -> usize {
        let pieces = if self.sides[side].planes { 1 } else { self.table.pieces[side] };
        pieces * self.table.width
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
    let shared = gcd(gcd(bytes[0], bytes[1]), width);
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
        (_, 1..) if loose * words > 1 => Some(([1, 1], loose)),
        (true, _) => Some((pieces, width / shared)),
        _ => None,
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Writes down where each byte comes from.
fn fill(table: &mut Table, groups: &Groups, sides: &[Side; 2]) {
    let [source, target] = sides;
    let (width, [from_pieces, to_pieces]) = (table.width as u32, table.pieces);
    // Bytes are counted in 16 bits or fewer; a quotient is a product with the reciprocal rounded up.
    let reciprocal = |n: u32| 65536u32.div_ceil(n);
    let (word, words, turned) = (groups.word as u32, groups.words as u32, groups.part as u32 - 1);
    let (group, inner) = match (target.planes, groups.words) {
        (true, _) => (word, word),
        (false, 1) => (target.group as u32, target.group as u32),
        (false, _) => (target.group as u32, target.word as u32),
    };
    let (by_group, by_inner) = (reciprocal(group), reciprocal(inner));
    let window = if source.planes { table.width } else { from_pieces * table.width };
    let start = if source.group < 0 { (window - source.used) as i32 } else { 0 };
    let start = start - source.lowest(groups.words) as i32;
    let (step, inner_step) =
        (source.group as i32, if source.planes { width as i32 } else { source.word as i32 });
    let limit = table.groups as u32;
    for piece in 0..to_pieces {
        let (first, plane) = if target.planes { (0, piece as u32) } else { (piece as u32 * width, 0) };
        let mut kept = [false; WIDEST];
        for (b, (origin, kept)) in
            table.origin[piece].iter_mut().zip(&mut kept).enumerate().take(width as usize)
        {
            let at = first + b as u32;
            let j = (at * by_group) >> 16;
            let r = at - j * group;
            let i = (r * by_inner) >> 16;
            let y = r - i * inner;
            let i = i + plane;
            *kept = (i < words) & (y < word) & (j < limit);
            let place = start + j as i32 * step + i as i32 * inner_step + (y ^ turned) as i32;
            *origin = place as u8;
        }
        table.keep[piece] = kept.iter().enumerate().fold(0, |bits, (b, kept)| bits | u64::from(*kept) << b);
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
        let source = source.bytes(pitches[0] + read, count % 2 == 0);
        let target = target.bytes(pitches[1] + written, count % 3 != 0);
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
                        assert!(
                            moved || !usual || count < 4,
                            "{kind:?} words of {word}, {count} groups, {isa:?}"
                        );
                    }
                }
            }
        }
    }
}
