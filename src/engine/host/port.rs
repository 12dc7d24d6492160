//! Bringing a block of scalars into adjacent native bytes, which is all that loops know, and out of them.

use std::mem::MaybeUninit;

use super::memory::{Cell, Grid, Mover};
use super::path::ROOM;

/// Room for a block of native scalars.
#[repr(C, align(64))]
pub struct Room([MaybeUninit<u8>; ROOM]);

impl Default for Room {
    #[inline(always)]
    fn default() -> Self {
        Self([MaybeUninit::uninit(); ROOM])
    }
}

/// How a block of one side comes into adjacent native bytes, or goes out of them.
pub struct Port {
    cell: Cell,
    mover: Mover,
}

impl Port {
    /// For scalars of `cell` that are read.
    pub fn reading(cell: Cell) -> Self {
        Self { cell, mover: Mover::between(cell, cell.native()) }
    }

    /// For scalars of `cell` that are written.
    pub fn writing(cell: Cell) -> Self {
        Self { cell, mover: Mover::between(cell.native(), cell) }
    }

    /// Whether memory already has the form of a block.
    fn is_direct<P>(&self, grid: &Grid<P>, counts: [usize; 2]) -> bool {
        let size = self.cell.stride();
        let native = !self.cell.packed && !self.cell.swapped;
        let row = counts[0] == 1 || grid.strides[0] == size;
        native && row && (counts[1] == 1 || grid.strides[1] == size * counts[0] as i64)
    }

    fn native_grid<P>(&self, base: P, counts: [usize; 2]) -> Grid<P> {
        let size = self.cell.bytes() as i64 * 8;
        Grid { base, at: 0, strides: [size, size * counts[0] as i64] }
    }

    /// The scalars of `grid` as adjacent native bytes, gathered into `room` if need be.
    ///
    /// # Safety
    /// The scalars of the grid are readable and stay unchanged while the result is used.
    pub unsafe fn gather(&self, grid: Grid<*const u8>, counts: [usize; 2], room: &mut Room) -> *const u8 {
        let bytes = counts[0] * counts[1] * self.cell.bytes();
        if self.is_direct(&grid, counts) {
            return grid.base.wrapping_offset((grid.at >> 3) as isize);
        }
        let native = self.native_grid(room.0[..bytes].as_mut_ptr().cast(), counts);
        // SAFETY: the caller's promise, and the room has been found large enough.
        unsafe { self.mover.run(grid, native, counts) };
        room.0.as_ptr().cast()
    }

    /// Lets `fill` write adjacent native bytes and brings them to the scalars of `grid`.
    ///
    /// # Safety
    /// The scalars of the grid are writable; `fill` writes as many native bytes as they have, and does not see them
    /// otherwise.
    pub unsafe fn scatter(
        &self,
        grid: Grid<*mut u8>,
        counts: [usize; 2],
        room: &mut Room,
        fill: &mut dyn FnMut(*mut u8),
    ) {
        let bytes = counts[0] * counts[1] * self.cell.bytes();
        if self.is_direct(&grid, counts) {
            return fill(grid.base.wrapping_offset((grid.at >> 3) as isize));
        }
        fill(room.0[..bytes].as_mut_ptr().cast());
        let native = self.native_grid(room.0.as_ptr().cast(), counts);
        // SAFETY: the caller's promise, and the room holds the block just written.
        unsafe { self.mover.run(native, grid, counts) };
    }
}
