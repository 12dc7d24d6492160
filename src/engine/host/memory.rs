//! Moving scalars between strided places in memory without looking into them: the only code here that touches the
//! caller's memory besides whole runs handed to loops.

use super::bits;
use super::braid::{self, Braid};
use super::isa::Isa;
use super::pixels::Pixels;
use super::sheet::{Sheet, Turn};
use super::weave::{self, Pattern};
use crate::dtype::{DType, code};
use crate::engine::plan::Loop;

/// How one scalar lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Bits that mean something.
    pub bits: u64,
    /// Whether scalars follow each other without padding to whole bytes.
    pub packed: bool,
    /// Bytes of the units whose order `swapped` reverses.
    pub part: u64,
    /// Whether those bytes are in foreign order.
    pub swapped: bool,
}

impl Cell {
    /// One scalar of `dtype`, both parts of a complex number together.
    #[inline]
    pub fn of(dtype: DType) -> Self {
        if dtype.kind == 0 && dtype.code != code::COMPLEX && dtype.bits.is_multiple_of(8) {
            let (bits, part) = (dtype.bits.into(), u64::from(dtype.bits / 8));
            return Self { bits, packed: false, part, swapped: dtype.is_swapped() && part > 1 };
        }
        Self::of_any(dtype)
    }

    fn of_any(dtype: DType) -> Self {
        let one = DType { lanes: 1, ..dtype };
        let packed = one.is_packed();
        let bits = if one.kind == 0 { one.bits.into() } else { one.element_bits() };
        let part = match (one.kind, one.code) {
            (0, code::COMPLEX) => bits.div_ceil(16),
            (0, _) => bits.div_ceil(8),
            (b'U', _) => 4,
            (b'M' | b'm', _) => 8,
            _ => 1,
        };
        Self { bits, packed, part, swapped: one.is_swapped() && part > 1 }
    }

    /// Whether scalars so many bits apart follow each other in native bytes.
    pub fn is_run(self, stride: i64) -> bool {
        !self.packed && !self.swapped && stride == self.stride()
    }

    /// The same scalar in whole bytes of native order.
    pub fn native(self) -> Self {
        Self { packed: false, swapped: false, ..self }
    }

    /// Bytes of the native form.
    pub fn bytes(self) -> usize {
        self.bits.div_ceil(8) as usize
    }

    /// Bits from one scalar to the next in adjacent memory.
    pub fn stride(self) -> i64 {
        if self.packed { self.bits as i64 } else { self.bytes() as i64 * 8 }
    }
}

/// A grid of scalars: the position of the first one, and the way to its neighbours, all in bits from `base`.
#[derive(Clone, Copy, Debug)]
pub struct Grid<P> {
    /// What positions count from.
    pub base: P,
    /// The first scalar.
    pub at: i64,
    /// To the next scalar of the row, and to the next row.
    pub strides: [i64; 2],
}

impl<P> Grid<P> {
    /// Rows as columns.
    fn transposed(self) -> Self {
        Self { strides: [self.strides[1], self.strides[0]], ..self }
    }
}

/// The way from one cell to another of the same scalar type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mover {
    /// Whole bytes, unchanged: 1, 2, 4, 8 or 16.
    Word(u8),
    /// 2, 4 or 8 bytes in reversed order.
    Reversed(u8),
    /// Any number of bytes, in units of so many that are reversed.
    Bytes {
        /// Bytes of one scalar.
        size: usize,
        /// Bytes of a unit.
        part: usize,
    },
    /// Bits from and to anywhere.
    Bits {
        /// Bits of one scalar.
        bits: u64,
        /// Whether the target has whole bytes, whose upper bits become 0.
        whole: bool,
    },
}

impl Mover {
    /// From `source` to `target`, which differ in packing and byte order at most.
    pub fn between(source: Cell, target: Cell) -> Self {
        debug_assert_eq!((source.bits, source.part), (target.bits, target.part));
        if source.packed || target.packed {
            return Mover::Bits { bits: source.bits, whole: !target.packed };
        }
        let size = source.bytes();
        let swap = source.swapped != target.swapped;
        match (size, swap) {
            (1 | 2 | 4 | 8 | 16, false) => Mover::Word(size as u8),
            (2 | 4 | 8, true) if source.part == size as u64 => Mover::Reversed(size as u8),
            _ => Mover::Bytes { size, part: if swap { source.part as usize } else { 1 } },
        }
    }

    /// The grids as a sheet whose rows become columns, and the way to move it, where there is a fast one. Target words
    /// have `width` bytes.
    pub fn turn(
        self,
        source: Grid<*const u8>,
        target: Grid<*mut u8>,
        counts: [usize; 2],
        width: usize,
    ) -> Option<(Turn, Sheet)> {
        let Mover::Word(size) = self else { return None };
        let sizes = [size.into(), width];
        let sheet = Sheet::between(source, target, counts, sizes)?;
        Some((Turn::new(&sheet, sizes, Isa::chosen())?, sheet))
    }

    /// Bytes of the words that small groups are made of, and of the units that are reversed.
    fn word(self) -> Option<[usize; 2]> {
        match self {
            Mover::Word(size) => Some([size.into(), 1]),
            Mover::Reversed(size) => Some([size.into(); 2]),
            Mover::Bytes { size, part } => Some([size, part]),
            Mover::Bits { .. } => None,
        }
    }

    /// Whether the scalars of loops make small groups for which there is a fast way; groups of one word count if `single`.
    pub fn has_groups(self, loops: &[Loop], single: bool) -> bool {
        let fits = |pixels: &Pixels| single || pixels.has_groups();
        self.word().and_then(|word| Pixels::with(loops, word, Isa::chosen(), fits)) == Some(true)
    }

    /// What moves the scalars of loops that [have small groups](Self::has_groups) in one call, from nowhere to nowhere;
    /// nothing where it takes several.
    pub fn groups_at_once(self, loops: &[Loop]) -> Option<(Braid, braid::Job)> {
        Pixels::with(loops, self.word()?, Isa::chosen(), |pixels| pixels.prepared(loops))?
    }

    /// Moves the scalars of loops that [have small groups](Self::has_groups), from the bits where the first ones are;
    /// `false` where there is no fast way.
    ///
    /// # Safety
    /// As for [`run`](Self::run).
    pub unsafe fn run_groups(
        self,
        loops: &[Loop],
        (source, from): (*const u8, i64),
        (target, to): (*mut u8, i64),
        streams: bool,
    ) -> bool {
        let place = |bits: i64| (bits >> 3) as isize;
        let (source, target) = (source.wrapping_offset(place(from)), target.wrapping_offset(place(to)));
        // SAFETY: as the caller promises.
        let run = |pixels: &Pixels| unsafe { pixels.run(loops, source, target, streams) };
        self.word().and_then(|word| Pixels::with(loops, word, Isa::chosen(), run)).is_some()
    }

    /// Moves `counts[1]` rows of `counts[0]` scalars.
    ///
    /// # Safety
    /// Every scalar of `source` must be readable and every one of `target` writable, and no byte of the target may
    /// belong to the source. Positions of cells of whole bytes must be multiples of 8.
    pub unsafe fn run(self, source: Grid<*const u8>, target: Grid<*mut u8>, counts: [usize; 2]) {
        if counts[0] * counts[1] < FEW {
            // SAFETY: the caller's promise.
            return unsafe { self.run_loops(source, target, counts) };
        }
        if let Mover::Word(size) = self
            && let Some((turn, sheet)) = self.turn(source, target, counts, size.into())
        {
            // SAFETY: the caller's promise: the same scalars.
            return unsafe { turn.run(&sheet) };
        }
        let turn = |i: usize| Loop {
            extent: counts[i] as i64,
            source: source.strides[i],
            target: target.strides[i],
            step: 0,
        };
        let loops = [turn(0), turn(1)];
        // SAFETY: the caller's promise: the same scalars.
        unsafe {
            let known = matches!(self, Mover::Word(size) if steps(source, target, counts, size.into()));
            if known || self.run_groups(&loops, (source.base, source.at), (target.base, target.at), false) {
                return;
            }
            self.run_loops(source, target, counts);
        }
    }

    /// [`run`](Self::run) one scalar after the other.
    ///
    /// # Safety
    /// As there.
    unsafe fn run_loops(self, source: Grid<*const u8>, target: Grid<*mut u8>, counts: [usize; 2]) {
        // The inner loop should be long, and read forwards through memory where rows are long both ways.
        let across = source.strides[1].unsigned_abs() < source.strides[0].unsigned_abs() && counts[1] >= 8;
        let (source, target, counts) = if across || (counts[0] < 8 && counts[0] < counts[1]) {
            (source.transposed(), target.transposed(), [counts[1], counts[0]])
        } else {
            (source, target, counts)
        };
        // SAFETY: the caller's promise, unchanged: the same scalars in another order.
        unsafe {
            match self {
                Mover::Word(1) => words::<u8>(source, target, counts, |x| x),
                Mover::Word(2) => words::<u16>(source, target, counts, |x| x),
                Mover::Word(4) => words::<u32>(source, target, counts, |x| x),
                Mover::Word(8) => words::<u64>(source, target, counts, |x| x),
                Mover::Word(_) => words::<u128>(source, target, counts, |x| x),
                Mover::Reversed(2) => words::<u16>(source, target, counts, u16::swap_bytes),
                Mover::Reversed(4) => words::<u32>(source, target, counts, u32::swap_bytes),
                Mover::Reversed(_) => words::<u64>(source, target, counts, u64::swap_bytes),
                Mover::Bytes { size, part } => each(source, target, counts, |from, to| {
                    bytes(
                        source.base.offset((from >> 3) as isize),
                        target.base.offset((to >> 3) as isize),
                        size,
                        part,
                    )
                }),
                Mover::Bits { bits, whole } => bits::rows(source, target, counts, bits, whole),
            }
        }
    }
}

/// Fewer scalars are moved one by one before a faster way is found.
const FEW: usize = 32;

/// Brings words a few apart, or backwards, together, where there is a loop for it.
///
/// # Safety
/// As for [`Mover::run`].
unsafe fn steps(source: Grid<*const u8>, target: Grid<*mut u8>, counts: [usize; 2], size: usize) -> bool {
    let adjacent = size as i64 * 8;
    if target.strides[0] != adjacent || counts[0] < 16 || source.strides[0] % adjacent != 0 {
        return false;
    }
    let pattern = match source.strides[0] / adjacent {
        -1 => Pattern::Reverse,
        n @ 2..=4 => Pattern::Step(n as usize),
        _ => return false,
    };
    let Some(run) = weave::pick(pattern, size, Isa::chosen()) else { return false };
    for j in 0..counts[1] as i64 {
        let at = |at: i64, stride: i64| ((at + j * stride) >> 3) as isize;
        // SAFETY: the words of row `j`.
        unsafe {
            let from = source.base.offset(at(source.at, source.strides[1]));
            run(from, target.base.offset(at(target.at, target.strides[1])), 0, counts[0]);
        }
    }
    true
}

/// Visits the positions of both grids, row by row.
fn each(source: Grid<*const u8>, target: Grid<*mut u8>, counts: [usize; 2], mut visit: impl FnMut(i64, i64)) {
    for j in 0..counts[1] as i64 {
        let (from, to) = (source.at + j * source.strides[1], target.at + j * target.strides[1]);
        for i in 0..counts[0] as i64 {
            visit(from + i * source.strides[0], to + i * target.strides[0]);
        }
    }
}

/// Rows of words of whole bytes, each passed through `map`.
///
/// # Safety
/// As for [`Mover::run`].
#[inline(always)]
unsafe fn words<T: Copy>(
    source: Grid<*const u8>,
    target: Grid<*mut u8>,
    counts: [usize; 2],
    map: impl Fn(T) -> T + Copy,
) {
    let size = size_of::<T>() as isize;
    let [s0, s1] = source.strides.map(|bits| (bits >> 3) as isize);
    let [t0, t1] = target.strides.map(|bits| (bits >> 3) as isize);
    for j in 0..counts[1] as isize {
        // SAFETY: every address computed here is that of a scalar of the grids.
        unsafe {
            let from = source.base.offset((source.at >> 3) as isize + j * s1);
            let to = target.base.offset((target.at >> 3) as isize + j * t1);
            // Strides that the compiler knows let it use vectors.
            match (s0 == size, t0 == size) {
                (true, true) => row(from, size, to, size, counts[0], map),
                (false, true) if s0 == 0 => row(from, 0, to, size, counts[0], map),
                (false, true) => row(from, s0, to, size, counts[0], map),
                (true, false) => row(from, size, to, t0, counts[0], map),
                (false, false) => row(from, s0, to, t0, counts[0], map),
            }
        }
    }
}

/// `count` words, `s` and `t` bytes apart.
///
/// # Safety
/// As for [`Mover::run`].
#[inline(always)]
unsafe fn row<T: Copy>(from: *const u8, s: isize, to: *mut u8, t: isize, count: usize, map: impl Fn(T) -> T) {
    for i in 0..count as isize {
        // SAFETY: word `i` of the row; nothing is assumed of its alignment.
        unsafe {
            let word = map(from.offset(i * s).cast::<T>().read_unaligned());
            to.offset(i * t).cast::<T>().write_unaligned(word);
        }
    }
}

/// `size` bytes, each `part` of them reversed.
///
/// # Safety
/// `size` bytes are readable at `from` and writable at `to`; `part` divides `size`.
unsafe fn bytes(from: *const u8, to: *mut u8, size: usize, part: usize) {
    // SAFETY: the caller's promise; offsets stay below `size`.
    unsafe {
        if part <= 1 {
            return to.copy_from_nonoverlapping(from, size);
        }
        for start in (0..size).step_by(part) {
            for i in 0..part {
                *to.add(start + i) = *from.add(start + part - 1 - i);
            }
        }
    }
}
