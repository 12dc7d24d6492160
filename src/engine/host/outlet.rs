//! The way out for runs of a target that is streamed: they are made in a tile of the first-level cache, those that follow
//! each other as one, and leave it in whole lines.

use std::mem::MaybeUninit;

use super::stream::{self, Copy, LINE};

/// The most bytes of a run that are made at once.
pub(super) const MOST: usize = 8 << 10;

/// Bytes that leave together: so few that memory reads and writes at a time, and that few of the source's addresses end
/// like those of the tile, for a processor that compares no more than that would wait for what was written there.
const ENOUGH: usize = 512;

/// So many leave together with the parts of lines at their ends, which cost less then than bytes that were written so
/// that no load finds them in one store.
const ALL: usize = 2 << 10;

/// Room for what has not left yet and a run.
#[repr(C, align(64))]
struct Tile(MaybeUninit<[u8; 2 * LINE + ENOUGH + MOST]>);

/// Runs on their way out.
pub struct Outlet {
    tile: Tile,
    copy: Copy,
    /// Where the first byte lies in the tile that has not left yet, where it goes, and how many there are.
    start: usize,
    to: *mut u8,
    count: usize,
}

impl Outlet {
    /// Nothing is on its way.
    pub fn new() -> Self {
        let (tile, copy) = (Tile(MaybeUninit::uninit()), stream::copier());
        Self { tile, copy, start: LINE, to: std::ptr::null_mut(), count: 0 }
    }

    /// Lets `make` write `count` bytes, at most [`MOST`], which belong at `to`; [`finish`](Self::finish) must follow.
    ///
    /// # Safety
    /// So many bytes are writable there until the outlet is finished, and `make` writes all of them where it is told.
    #[inline(always)]
    pub unsafe fn write(&mut self, to: *mut u8, count: usize, make: impl FnOnce(*mut u8)) {
        debug_assert!(count <= MOST);
        if to != self.to.wrapping_add(self.count) {
            // SAFETY: bytes of runs before this one.
            unsafe { self.send(self.count) };
            (self.to, self.start) = (to, LINE);
        }
        make(self.tile.0.as_mut_ptr().cast::<u8>().wrapping_add(self.start + self.count));
        self.count += count;
        if self.count >= ENOUGH {
            let part = self.to.wrapping_add(self.count).addr() % LINE;
            // SAFETY: what has been made, or whole lines of it.
            unsafe { self.send(self.count - if self.count < ALL { part } else { 0 }) };
        }
    }

    /// Sends what is left, and makes all visible in order with later stores.
    ///
    /// # Safety
    /// The target is still writable.
    pub unsafe fn finish(&mut self) {
        // SAFETY: as the caller promises.
        unsafe { self.send(self.count) };
        stream::finish();
    }

    /// Sends the first `count` bytes: all, or those of whole lines.
    ///
    /// # Safety
    /// So many have been made, and their places are writable.
    #[inline(always)]
    unsafe fn send(&mut self, count: usize) {
        let tile = self.tile.0.as_mut_ptr().cast::<u8>();
        let rest = self.count - count;
        // SAFETY: as the caller promises; what is left is less than a line, and is moved to where the next run is made
        // from a line on.
        unsafe {
            (self.copy)(tile.add(self.start), self.to, count);
            if rest > 0 {
                tile.add(LINE - rest).copy_from(tile.add(self.start + count), rest);
            }
        }
        (self.to, self.start, self.count) = (self.to.wrapping_add(count), LINE - rest, rest);
    }
}
