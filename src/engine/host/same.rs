//! Whether the scalars of one type on both sides of a plan are equal: runs where they lie, others brought together in
//! blocks.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::BitOr;

use super::isa::Isa;
use super::memory::{Cell, Grid, Mover};
use super::rows;
use super::run::Place;
use super::walk::walk;
use crate::dtype::Scalar;
use crate::dtype::float::Format;
use crate::engine::plan::Plan;

/// A loop over so many adjacent scalars in native bytes on both sides.
type Loop = unsafe fn(*const u8, *const u8, usize) -> bool;

/// How scalars of one type are compared.
#[derive(Clone, Copy)]
pub struct Same {
    /// Bytes of a scalar.
    size: usize,
    /// Nothing where scalars are equal when their bytes are, in whatever order.
    run: Option<Loop>,
}

/// Bytes of a block that is brought together: both sides of it stay in the first-level cache.
const ROOM: usize = 16 << 10;

/// Rows of fewer bytes are brought together first, for a call a row would take longer.
const SHORT: usize = 128;

/// Bytes after which somebody looks whether all were equal so far.
const STEP: usize = 4 << 10;

impl Same {
    /// For numbers of `scalar`, NaN being equal to nothing and 0 to -0; `None` for numbers that do not fill their bytes.
    pub fn of(scalar: Scalar, isa: Isa) -> Option<Self> {
        let run = match scalar {
            Scalar::Bool => Some(shell::<Truth>(isa)),
            Scalar::Int(8..) | Scalar::Uint(8..) => None,
            Scalar::Float16 => Some(shell::<Small<u16, 0x7C00>>(isa)),
            Scalar::Float32 => Some(shell::<f32>(isa)),
            Scalar::Float64 => Some(shell::<f64>(isa)),
            Scalar::Small(format) => Some(small(format, isa)?),
            Scalar::Int(_) | Scalar::Uint(_) => return None,
        };
        Some(Self { size: scalar.bits().div_ceil(8) as usize, run })
    }

    /// For scalars of `size` bytes that are equal when their bytes are; `None` where a block would hold none.
    pub fn of_bytes(size: usize) -> Option<Self> {
        (1..=ROOM).contains(&size).then_some(Self { size, run: None })
    }

    /// For dates and durations: the one that is none, the lowest integer, is equal to nothing.
    pub fn of_times(isa: Isa) -> Self {
        Self { size: 8, run: Some(shell::<Never<u64, { 1 << 63 }>>(isa)) }
    }

    /// Whether all scalars on both sides of `plan` are equal.
    ///
    /// # Safety
    /// Every scalar of the plan on both sides is readable; both cells are those of the type.
    pub unsafe fn holds(&self, plan: &Plan, [mut one, mut other]: [Place<*const u8>; 2]) -> bool {
        if self.run.is_none() && one.cell.swapped && other.cell.swapped {
            [one.cell.swapped, other.cell.swapped] = [false; 2];
        }
        // SAFETY: as the caller promises.
        unsafe {
            match *plan.loops {
                [l] if self.is_run([one, other], [l.source, l.target]) => {
                    let at =
                        |side: Place<*const u8>, bits: i64| side.base.wrapping_offset((bits >> 3) as isize);
                    self.adjacent(at(one, plan.source), at(other, plan.target), l.extent as usize)
                }
                [l, ..]
                    if l.extent as usize * self.size >= SHORT
                        && self.is_run([one, other], [l.source, l.target]) =>
                {
                    self.rows(plan, one, other)
                }
                _ => self.blocks(plan, one, other),
            }
        }
    }

    /// Whether scalars so many bits apart are adjacent native bytes on both sides.
    fn is_run(&self, sides: [Place<*const u8>; 2], strides: [i64; 2]) -> bool {
        sides.iter().zip(strides).all(|(side, stride)| side.cell.is_run(stride))
    }

    /// Whether `n` scalars are equal.
    ///
    /// # Safety
    /// So many are readable in native bytes at `a` and at `b`; they need not be native where only bytes count.
    pub unsafe fn adjacent(&self, a: *const u8, b: *const u8, n: usize) -> bool {
        // SAFETY: as the caller promises; the processor has the instructions, or `shell` had not given the loop.
        unsafe {
            match self.run {
                Some(run) => run(a, b, n),
                None => {
                    let [a, b] = [a, b].map(|at| std::slice::from_raw_parts(at, n * self.size));
                    a == b
                }
            }
        }
    }

    /// [`holds`](Self::holds) for rows that are runs on both sides.
    ///
    /// # Safety
    /// As there.
    unsafe fn rows(&self, plan: &Plan, one: Place<*const u8>, other: Place<*const u8>) -> bool {
        let mut same = true;
        walk(plan, usize::MAX, &mut |block| {
            let (from, to) = (block.source(one.base), block.target(other.base));
            let at = |grid: &Grid<*const u8>, j: usize| {
                grid.base.wrapping_offset(((grid.at + j as i64 * grid.strides[1]) >> 3) as isize)
            };
            // SAFETY: the rows are made of the plan's scalars.
            same = same
                && (0..block.counts[1])
                    .all(|j| unsafe { self.adjacent(at(&from, j), at(&to, j), block.counts[0]) });
        });
        same
    }

    /// [`holds`](Self::holds) for anything.
    ///
    /// # Safety
    /// As there.
    unsafe fn blocks(&self, plan: &Plan, one: Place<*const u8>, other: Place<*const u8>) -> bool {
        let mut rooms = [MaybeUninit::<[u8; ROOM]>::uninit(); 2];
        let [room, other_room] = rooms.each_mut().map(|room| room.as_mut_ptr().cast::<u8>());
        let mut same = true;
        walk(plan, ROOM / self.size, &mut |block| {
            // SAFETY: the blocks are made of the plan's scalars, and each room holds one.
            same = same
                && unsafe {
                    let a = gather(one.cell, block.source(one.base), block.counts, room);
                    let b = gather(other.cell, block.target(other.base), block.counts, other_room);
                    self.adjacent(a, b, block.scalars())
                };
        });
        same
    }
}

/// Where the scalars of `grid` are adjacent native bytes: where they lie, or in `room`.
///
/// # Safety
/// The scalars are readable, and the room holds them.
unsafe fn gather(cell: Cell, grid: Grid<*const u8>, counts: [usize; 2], room: *mut u8) -> *const u8 {
    let size = cell.bytes() as i64 * 8;
    let strides = [size, size * counts[0] as i64];
    let is_dense = (0..2).all(|i| counts[i] == 1 || grid.strides[i] == strides[i]);
    if is_dense && cell.native() == cell {
        return grid.base.wrapping_offset((grid.at >> 3) as isize);
    }
    // SAFETY: as the caller promises; a row that is a run has so many bytes.
    unsafe {
        if cell.is_run(grid.strides[0]) {
            let (bytes, pitches) = (counts[0] * cell.bytes(), [grid.strides[1], strides[1]]);
            let [from, to] = pitches.map(|pitch| [(pitch >> 3) as isize, 0]);
            let start = grid.base.offset((grid.at >> 3) as isize);
            rows::pick(bytes, Isa::chosen())(start, from, room, to, bytes, [counts[1], 1]);
        } else {
            Mover::between(cell, cell.native()).run(grid, Grid { base: room, at: 0, strides }, counts);
        }
    }
    room
}

/// The loop for floats of at most 16 bits; `None` for those that do not fill their bytes.
fn small(format: Format, isa: Isa) -> Option<Loop> {
    Some(match format {
        Format::FLOAT16 => shell::<Small<u16, 0x7C00>>(isa),
        Format::BFLOAT16 => shell::<Small<u16, 0x7F80>>(isa),
        Format::FLOAT8_E3M4 => shell::<Small<u8, 0x70>>(isa),
        Format::FLOAT8_E4M3 => shell::<Small<u8, 0x78>>(isa),
        Format::FLOAT8_E4M3FN => shell::<Small<u8, 0x7E>>(isa),
        Format::FLOAT8_E5M2 => shell::<Small<u8, 0x7C>>(isa),
        Format::FLOAT8_E4M3B11FNUZ | Format::FLOAT8_E4M3FNUZ | Format::FLOAT8_E5M2FNUZ => {
            shell::<Never<u8, 0x80>>(isa)
        }
        Format::FLOAT8_E8M0FNU => shell::<Never<u8, 0xFF>>(isa),
        _ => return None,
    })
}

/// When scalars differ. All that a loop does with the answers is to join them, so that it needs no branch.
trait Rule {
    type Word: Copy;
    /// As wide as a word, so that a loop has one register for both.
    type Flag: Copy + Default + PartialEq + From<bool> + BitOr<Output = Self::Flag>;

    fn differ(a: Self::Word, b: Self::Word) -> bool;
}

/// A boolean, true when it is not 0.
struct Truth;
/// A float by its bits, whose largest magnitude that is no NaN is `TOP`.
struct Small<W, const TOP: u16>(PhantomData<W>);
/// A word of which there is one that is equal to nothing.
struct Never<W, const NEVER: u64>(PhantomData<W>);

impl Rule for Truth {
    type Word = u8;
    type Flag = u8;

    #[inline(always)]
    fn differ(a: u8, b: u8) -> bool {
        (a != 0) != (b != 0)
    }
}

macro_rules! floats {
    ($($type:ty, $flag:ty);+) => {$(
        impl Rule for $type {
            type Word = $type;
            type Flag = $flag;

            #[inline(always)]
            fn differ(a: $type, b: $type) -> bool {
                a != b
            }
        }
    )+};
}

floats!(f32, u32; f64, u64);

macro_rules! words {
    ($($word:ty),+) => {$(
        impl<const TOP: u16> Rule for Small<$word, TOP> {
            type Word = $word;
            type Flag = $word;

            #[inline(always)]
            fn differ(a: $word, b: $word) -> bool {
                let is_number = a & (<$word>::MAX >> 1) <= TOP as $word;
                !((a == b) & is_number | ((a | b) << 1 == 0))
            }
        }
    )+};
}

words!(u8, u16);

macro_rules! never {
    ($($word:ty),+) => {$(
        impl<const NEVER: u64> Rule for Never<$word, NEVER> {
            type Word = $word;
            type Flag = $word;

            #[inline(always)]
            fn differ(a: $word, b: $word) -> bool {
                (a != b) | (a == NEVER as $word)
            }
        }
    )+};
}

never!(u8, u64);

fn shell<R: Rule>(isa: Isa) -> Loop {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if isa.is_available() => avx512::<R>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if isa.is_available() => avx2::<R>,
        _ => run::<R>,
    }
}

/// # Safety
/// As for [`run`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2<R: Rule>(a: *const u8, b: *const u8, n: usize) -> bool {
    // SAFETY: as the caller promises.
    unsafe { run::<R>(a, b, n) }
}

/// # Safety
/// As for [`run`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512<R: Rule>(a: *const u8, b: *const u8, n: usize) -> bool {
    // SAFETY: as the caller promises.
    unsafe { run::<R>(a, b, n) }
}

/// The loop.
///
/// # Safety
/// `n` words are readable at `a` and at `b`.
#[inline(always)]
unsafe fn run<R: Rule>(a: *const u8, b: *const u8, n: usize) -> bool {
    let (a, b, step) = (a.cast::<R::Word>(), b.cast::<R::Word>(), STEP / size_of::<R::Word>());
    (0..n).step_by(step).all(|start| {
        let mut differ = R::Flag::default();
        for i in start..n.min(start + step) {
            // SAFETY: word `i`; nothing is assumed of its alignment.
            let (a, b) = unsafe { (a.add(i).read_unaligned(), b.add(i).read_unaligned()) };
            differ = differ | R::Flag::from(R::differ(a, b));
        }
        differ == R::Flag::default()
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::dtype::{DType, code};
    use crate::engine::Numeric;
    use crate::engine::host::fenced::Fenced;

    fn scalars() -> Vec<Scalar> {
        let mut types = vec![DType::new(code::BOOL, 8), DType::new(code::BFLOAT, 16)];
        types.extend([8, 16, 32, 64].map(|bits| DType::new(code::INT, bits)));
        types.extend([8, 16, 32, 64].map(|bits| DType::new(code::UINT, bits)));
        types.extend([16, 32, 64].map(|bits| DType::new(code::FLOAT, bits)));
        types.extend((code::FLOAT8_E3M4..=code::FLOAT8_E8M0FNU).map(|code| DType::new(code, 8)));
        types.into_iter().filter_map(Numeric::of).map(|numeric| numeric.scalar).collect()
    }

    /// All patterns of 8 bits; of wider types zeros, infinities, NaN and what lies beside them.
    fn patterns(scalar: Scalar) -> Vec<u64> {
        let near = |x: u64| [x.wrapping_sub(1), x, x + 1];
        let edges: &[u64] = match scalar {
            Scalar::Float16 => &[0x7C00, 0x3C00, 0x7E00],
            Scalar::Float32 => &[0x7F80_0000, 0x3F80_0000, 0x7FC0_0000],
            Scalar::Float64 => &[0x7FF0 << 48, 0x3FF0 << 48, 0x7FF8 << 48],
            _ if scalar.bits() == 8 => return (0..256).collect(),
            _ => &[0x7F80, 0x3F80, 0x7FC0],
        };
        let sign = 1u64 << (scalar.bits() - 1);
        let all = edges.iter().chain(&[1]).flat_map(|x| near(*x));
        all.flat_map(|x| [x, x | sign]).collect()
    }

    fn bytes(raw: u64, size: usize) -> Vec<u8> {
        let [little, big] = [raw.to_le_bytes()[..size].to_vec(), raw.to_be_bytes()[8 - size..].to_vec()];
        if cfg!(target_endian = "big") { big } else { little }
    }

    #[test]
    fn numbers_are_equal_when_their_values_are_wherever_they_lie_on_every_instruction_set() {
        const N: usize = 70;
        for (scalar, isa) in scalars().iter().flat_map(|scalar| Isa::ALL.map(|isa| (*scalar, isa))) {
            let same = Same::of(scalar, isa).expect("whole bytes");
            let (size, patterns) = (same.size, patterns(scalar));
            let one = bytes(1, size);
            let mut sides = [one.repeat(N), one.repeat(N)];
            for (i, (a, b)) in
                patterns.iter().flat_map(|a| patterns.iter().map(move |b| (*a, *b))).enumerate()
            {
                let at = i % N * size;
                for (side, raw) in sides.iter_mut().zip([a, b]) {
                    side[at..at + size].copy_from_slice(&bytes(raw, size));
                }
                // SAFETY: both have so many scalars.
                let found = unsafe { same.adjacent(sides[0].as_ptr(), sides[1].as_ptr(), N) };
                let wanted = scalar.decode(a) == scalar.decode(b);
                assert_eq!(found, wanted, "{scalar:?} {a:#x} {b:#x} {isa:?}");
                for side in &mut sides {
                    side[at..at + size].copy_from_slice(&one);
                }
            }
        }
    }

    #[test]
    fn a_difference_anywhere_is_found_and_nothing_beyond_the_ends_is_read() {
        let mut memory = [Fenced::new(2), Fenced::new(2)];
        for (scalar, isa) in scalars().iter().flat_map(|scalar| Isa::ALL.map(|isa| (*scalar, isa))) {
            let same = Same::of(scalar, isa).expect("whole bytes");
            let step = STEP / same.size;
            for n in (0..300).chain([step - 1, step, step + 1, 3 * step + 7]) {
                let [a, b] = &mut memory;
                let (a, b) = (a.bytes(n * same.size, n % 2 > 0), b.bytes(n * same.size, n % 3 > 0));
                let one = bytes(1, same.size);
                a.copy_from_slice(&one.repeat(n));
                b.copy_from_slice(a);
                // SAFETY: both have so many scalars.
                assert!(unsafe { same.adjacent(a.as_ptr(), b.as_ptr(), n) }, "{n} {scalar:?} {isa:?}");
                for at in [0, n / 3, n / 2, n.saturating_sub(1)].into_iter().filter(|at| *at < n) {
                    b[at * same.size..][..same.size].fill(0);
                    // SAFETY: likewise.
                    let found = unsafe { same.adjacent(a.as_ptr(), b.as_ptr(), n) };
                    assert!(!found || scalar.decode(0) == scalar.decode(1), "{at} of {n} {scalar:?} {isa:?}");
                    b[at * same.size..][..same.size].copy_from_slice(&one);
                }
            }
        }
    }

    #[test]
    fn a_time_that_is_none_is_equal_to_nothing() {
        for isa in Isa::ALL {
            let same = Same::of_times(isa);
            let [mut a, mut b] = [[5i64; 37]; 2];
            // SAFETY: both have so many times.
            let equal =
                |a: &[i64], b: &[i64]| unsafe { same.adjacent(a.as_ptr().cast(), b.as_ptr().cast(), 37) };
            assert!(equal(&a, &b));
            b[36] = 6;
            assert!(!equal(&a, &b));
            (a[36], b[36]) = (i64::MIN, i64::MIN);
            assert!(!equal(&a, &b), "{isa:?}");
        }
    }
}
