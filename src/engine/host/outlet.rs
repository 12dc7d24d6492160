//! The way out for runs of a target that is streamed: they are made in a tile of the first-level cache, those that follow
//! each other as one, and leave it in whole lines.

use std::mem::MaybeUninit;

use super::stream::{self, Ahead, Copy, LINE};

/// The most bytes of a run that are made at once.
pub(super) const MOST: usize = 4 << 10;

/// Bytes that leave together: so few that memory reads and writes at a time, for stores on their way to it hold up
/// those to the tile.
pub(super) const ENOUGH: usize = 512;

/// Room for what has not left yet and a run.
#[repr(C, align(64))]
struct Tile(MaybeUninit<[u8; 2 * LINE + ENOUGH + MOST]>);

/// Runs on their way out.
pub struct Outlet {
    tile: Tile,
    /// Where the first byte lies in the tile that has not left yet, where it goes, and how many there are.
    start: usize,
    to: *mut u8,
    count: usize,
    /// Whether they were written from one line of the tile on.
    even: bool,
    /// The loop for lines that were written whole, and the one for others: what is loaded from two stores waits for
    /// both, and small parts seldom are.
    loops: [Copy; 2],
}

impl Outlet {
    /// Nothing is on its way.
    pub fn new() -> Self {
        let tile = Tile(MaybeUninit::uninit());
        let loops = [stream::copier(), stream::copier_of_parts()];
        Self { tile, start: LINE, to: std::ptr::null_mut(), count: 0, even: true, loops }
    }

    /// Lets `make` write `count` bytes, at most [`MOST`], which belong at `to`, while what is read next is fetched;
    /// [`finish`](Self::finish) must follow.
    ///
    /// # Safety
    /// So many bytes are writable there until the outlet is finished, and `make` writes all of them where it is told.
    #[inline(always)]
    pub unsafe fn write(&mut self, to: *mut u8, count: usize, mut ahead: Ahead, make: impl FnOnce(*mut u8)) {
        debug_assert!(count <= MOST);
        if to != self.to.wrapping_add(self.count) {
            // SAFETY: bytes of runs before this one.
            unsafe { self.send(self.count, &mut { Ahead::NOTHING }) };
            (self.to, self.start) = (to, LINE + to.addr() % LINE);
        }
        let at = self.start + self.count;
        self.even &= at.is_multiple_of(LINE);
        make(self.tile.0.as_mut_ptr().cast::<u8>().wrapping_add(at));
        self.count += count;
        if self.count < ENOUGH {
            return ahead.fetch(ahead.lines());
        }
        let whole = self.count - self.to.wrapping_add(self.count).addr() % LINE;
        // SAFETY: whole lines of what has been made.
        unsafe { self.send(whole, &mut ahead) };
    }

    /// Sends what is left, and makes all visible in order with later stores.
    ///
    /// # Safety
    /// The target is still writable.
    pub unsafe fn finish(&mut self) {
        // SAFETY: as the caller promises.
        unsafe { self.send(self.count, &mut { Ahead::NOTHING }) };
        stream::finish();
    }

    /// Sends the first `count` bytes: all, or those of whole lines.
    ///
    /// # Safety
    /// So many have been made, and their places are writable.
    #[inline(always)]
    unsafe fn send(&mut self, count: usize, ahead: &mut Ahead) {
        let tile = self.tile.0.as_mut_ptr().cast::<u8>();
        let rest = self.count - count;
        // SAFETY: as the caller promises; what is left is less than a line, and is moved to where the next run is made
        // from a line on.
        unsafe {
            self.loops[usize::from(!self.even)](tile.add(self.start), self.to, count, ahead);
            if rest > 0 {
                tile.add(LINE - rest).copy_from(tile.add(self.start + count), rest);
            }
        }
        (self.to, self.start, self.count) = (self.to.wrapping_add(count), LINE - rest, rest);
        self.even = rest == 0;
    }
}
