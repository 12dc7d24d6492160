//! Rows of small groups of words - pixels, steps, reversals, repetitions - as shuffles of whole registers.
//!
//! What moves is periodic: words of a group lie where the same words of the group before lie, some bytes on. So one
//! table says for each byte of a few registers of the target from which byte of a few registers of the source it comes,
//! and a loop repeats that. Groups either lie side by side, or each of their words in a row of its own (a plane).

mod rows;
mod table;

use super::isa::Isa;
use super::shuffle::{self, Kernel};

pub use rows::{Job, Rows};
use table::{Table, fill};

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
    pub table: Table,
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

#[cfg(all(test, unix))]
mod tests;
