//! Whether the scalars on both sides of a plan are the same, block by block.

use super::isa::Isa;
use super::memory::Grid;
use super::path::{Run, Tables, Wish};
use super::port::{Port, Room};
use super::run::Place;
use super::walk::walk;
use crate::dtype::Scalar;
use crate::engine::Numeric;
use crate::engine::plan::Plan;

/// One side of a comparison: its numbers in the type that they are compared in, 64-bit integers or float64.
pub struct Comparand {
    run: Run,
    floats: bool,
    /// Whether integers are those of uint64.
    unsigned: bool,
}

impl Comparand {
    /// For numbers of `scalar`, to be compared as floats or as integers.
    pub fn new(scalar: Scalar, floats: bool) -> Self {
        let pivot = if floats { Scalar::Float64 } else { Scalar::Int(64) };
        let real = |scalar| Numeric { scalar, complex: false };
        let run = Run::new(real(scalar), real(pivot), Wish::default(), Isa::chosen());
        Self { run, floats, unsigned: scalar == Scalar::Uint(64) }
    }

    /// The bits of the numbers at `source`, as many as `out` has.
    ///
    /// # Safety
    /// So many numbers of the type are readable there.
    unsafe fn bring(&self, source: *const u8, out: &mut [u64]) {
        // SAFETY: as the caller promises; all that comes of them has 64 bits.
        unsafe { self.run.run(source, out.as_mut_ptr().cast(), out.len(), &mut Tables::new(0)) }
    }

    /// Whether numbers of this side are those of the other one, NaN those of none.
    fn equals(&self, numbers: &[u64], other: &Self, others: &[u64]) -> bool {
        if self.floats {
            let same = |(a, b): (&u64, &u64)| f64::from_bits(*a) == f64::from_bits(*b);
            return numbers.iter().zip(others).all(same);
        }
        // Of different signs no number is that of the other with the same bits, unless both have the top one clear.
        numbers == others && (self.unsigned == other.unsigned || numbers.iter().all(|x| *x as i64 >= 0))
    }
}

/// Whether all numbers on both sides are equal, each side brought into one type for it.
///
/// # Safety
/// Every scalar of the plan on both sides is readable; the cells are those of the types of the sides.
pub unsafe fn equal(
    plan: &Plan,
    sides: [&Comparand; 2],
    source: Place<*const u8>,
    target: Place<*const u8>,
) -> bool {
    const LIMIT: usize = 256;
    let [mut one, mut other] = [[0u64; LIMIT]; 2];
    // SAFETY: as the caller promises; a block is no larger than both rooms.
    unsafe {
        compare(plan, LIMIT, source, target, &mut |n, a, b| {
            sides[0].bring(a, &mut one[..n]);
            sides[1].bring(b, &mut other[..n]);
            sides[0].equals(&one[..n], sides[1], &other[..n])
        })
    }
}

/// Whether all scalars on both sides have the same bits, for scalars that fill more than a block: units of bytes in their
/// own order, one by one.
///
/// # Safety
/// As for [`equal`]; the cells differ in packing and byte order at most, and have whole bytes.
pub unsafe fn identical_large(plan: &Plan, source: Place<*const u8>, target: Place<*const u8>) -> bool {
    let (size, part) = (source.cell.bytes(), source.cell.part as usize);
    let swap = source.cell.swapped != target.cell.swapped;
    let mut same = true;
    walk(plan, 1, &mut |block| {
        // SAFETY: both scalars have `size` readable bytes.
        let (a, b) = unsafe {
            let at = |grid: Grid<*const u8>| {
                std::slice::from_raw_parts(grid.base.offset((grid.at >> 3) as isize), size)
            };
            (at(block.source(source.base)), at(block.target(target.base)))
        };
        same &= if swap {
            a.chunks(part).zip(b.chunks(part)).all(|(a, b)| a.iter().eq(b.iter().rev()))
        } else {
            a == b
        };
    });
    same
}

/// Whether so many scalars in native bytes are the same in both places.
type Same<'a> = dyn FnMut(usize, *const u8, *const u8) -> bool + 'a;

/// Whether `same` holds for the native bytes of all blocks of `n` scalars.
///
/// # Safety
/// As for [`equal`].
unsafe fn compare(
    plan: &Plan,
    limit: usize,
    source: Place<*const u8>,
    target: Place<*const u8>,
    same: &mut Same,
) -> bool {
    let (one, other) = (Port::reading(source.cell), Port::reading(target.cell));
    let (mut room, mut other_room) = (Room::default(), Room::default());
    let mut all = true;
    walk(plan, limit, &mut |block| {
        // SAFETY: the blocks are made of the plan's scalars.
        all = all
            && unsafe {
                let a = one.gather(block.source(source.base), block.counts, &mut room);
                let b = other.gather(block.target(target.base), block.counts, &mut other_room);
                same(block.scalars(), a, b)
            };
    });
    all
}
