//! Whether the scalars on both sides of a plan are the same, block by block.

use super::block::{Scratch, Steps};
use super::memory::Grid;
use super::port::{Port, Room};
use super::run::Place;
use super::walk::walk;
use super::way::block_limit;
use crate::engine::plan::Plan;

/// Whether all numbers on both sides are equal, each side decoded by its steps.
///
/// # Safety
/// Every scalar of the plan on both sides is readable; the cells have the widths of the types of the steps.
pub unsafe fn equal(
    plan: &Plan,
    steps: [&Steps; 2],
    source: Place<*const u8>,
    target: Place<*const u8>,
) -> bool {
    let mut scratch = [Scratch::default(), Scratch::default()];
    let [one, other] = &mut scratch;
    let limit = block_limit(source.cell).min(block_limit(target.cell));
    // SAFETY: as the caller promises.
    unsafe {
        compare(plan, limit, source, target, &mut |n, a, b| {
            steps[0].peek(a, n, one).equals(&steps[1].peek(b, n, other))
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

/// Whether so many scalars in native bytes are the same on both sides.
type Same<'a> = dyn FnMut(usize, &[u8], &[u8]) -> bool + 'a;

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
