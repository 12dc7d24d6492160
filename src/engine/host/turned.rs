//! Words whose rows become columns, in plans of any number of loops: patch by patch, a run of the target times a run of
//! the source.
//!
//! Both runs may be of several loops, so each row of a patch lies at a place of its own, and so does each of its columns
//! in the target. Rows are read where they lie, a line of each at a time, while those of the next patch are fetched.
//! What is written past the caches is turned in the first-level cache and goes out in whole lines: the patch that reaches
//! the end of a line writes all of it, for which it takes up as many rows of the patch before.

use std::ops::Range;

use super::isa::Isa;
use super::panel::Put;
use super::patch::{Patch, Patches, Unit};
use super::rows;
use super::sheet::Sheet;
use super::stream::LINE;
use super::tour::places;
use super::transpose::{Ahead, Scattered, Transposer};
use crate::engine::plan::{Loop, Plan};

/// Bytes of a patch, of targets that stay in the caches and of those that do not.
const SMALL: usize = 16 << 10;
const LARGE: usize = 32 << 10;

/// Bytes of the runs of both sides where patches are large: enough lines for memory to move them together.
const READ: usize = 256;
const WRITTEN: usize = 512;

/// Bytes that are read or written in one go where the other side has only short runs.
const LONG: usize = 2 << 10;

/// Bytes of turned columns that wait in the first-level cache for their way to the target.
const OUT: usize = 12 << 10;

/// So many rows that begin in one set of the first-level cache leave no room for others.
const ALIKE: usize = 6;

/// The words of a plan whose rows become columns, and their way.
pub struct Turned {
    patches: Patches,
    tiles: Transposer,
    /// Bytes of a word in the source and in the target.
    sizes: [usize; 2],
    is_large: bool,
    /// Whether rows are brought together first, for the cache would not hold them where they are.
    gathers: bool,
    isa: Isa,
}

impl Turned {
    /// The way for words of `size` bytes that become words of `width` bytes; `None` where either side has no runs.
    pub fn new(plan: &Plan, sizes: [usize; 2], is_large: bool, isa: Isa) -> Option<Self> {
        let [size, width] = sizes;
        let tiles = Transposer::new(size, isa).filter(|tiles| tiles.scatters())?;
        let words = if is_large { LARGE } else { SMALL } / size.max(width);
        let line = LINE / size.min(width);
        let square = (words.isqrt() / line * line).max(line);
        let sides = match is_large {
            true => [(WRITTEN / size.min(width)).min(2 * READ), READ / size],
            false => [square; 2],
        };
        let unit = Unit { loops: 0, bits: [size, width].map(|n| n as i64 * 8) };
        let mut patches = Patches::dense(plan, unit, sides.map(|n| n as i64))?;
        // Where one side is short the other one may be long.
        let [p, q] = patches.units();
        if p < sides[0] / 2 || q < sides[1] / 2 {
            let most = |other: usize, side: usize| {
                (words / other.max(tiles.least())).min(LONG / size).max(side) as i64
            };
            patches = Patches::dense(plan, unit, [most(q, sides[0]), most(p, sides[1])])?;
        }
        let gathers = are_alike(&patches.rows(0)?, LINE / size);
        if is_large && gathers {
            // Rows that are brought together are better read for longer.
            patches = Patches::dense(plan, unit, [sides[0], sides[1] * 2].map(|n| n as i64))?;
        }
        Some(Self { patches, tiles, sizes, is_large, gathers, isa })
    }

    /// The most words of a patch along the target and along the source.
    pub fn units(&self) -> [usize; 2] {
        self.patches.units()
    }

    /// Whether rows begin in few sets of the first-level cache.
    pub fn gathers(&self) -> bool {
        self.gathers
    }

    /// Brings all words to `put`, in runs of the target, or copies them where there is none. Whether there was memory
    /// for it; if not nothing has been done.
    ///
    /// # Safety
    /// Every word of the plan is readable and writable as its side needs, and the two do not overlap; `put` may do with
    /// the words of the source and their places in the target what it does. Positions are whole bytes.
    pub unsafe fn run(
        self,
        plan: &Plan,
        source: *const u8,
        target: *mut u8,
        mut put: Option<&mut Put>,
    ) -> bool {
        let (_, start) = places(source, target, [plan.source, plan.target]);
        let Some(mut loom) = Loom::new(&self, start, put.is_some()) else { return false };
        let mut last: Option<Spot> = None;
        self.patches.visit(plan, &mut |patch| {
            let spot = Spot::of(patch, source, target);
            if let Some(last) = last.replace(spot) {
                // SAFETY: as the caller promises, a patch of the plan.
                unsafe { loom.turn(&last, Some(&spot), &mut put) };
            }
        });
        if let Some(last) = last {
            // SAFETY: likewise.
            unsafe { loom.turn(&last, None, &mut put) };
        }
        true
    }
}

/// Where a patch is, and how large.
#[derive(Clone, Copy)]
struct Spot {
    from: *const u8,
    to: *mut u8,
    rows: usize,
    columns: usize,
    /// Whether a run of the target begins with it, and whether it ends there.
    ends: [bool; 2],
}

impl Spot {
    fn of(patch: &Patch, source: *const u8, target: *mut u8) -> Self {
        let (from, to) = places(source, target, [patch.source, patch.target]);
        let units = |loops: &[Loop]| loops.iter().map(|l| l.extent as usize).product();
        Self { from, to, rows: units(patch.across), columns: units(patch.along), ends: patch.ends }
    }
}

/// What patches are turned with.
struct Loom {
    tiles: Transposer,
    sizes: [usize; 2],
    isa: Isa,
    /// Whether the caches do not hold both sides.
    is_large: bool,
    /// Where the source has the rows of a patch, from those on that it may share with the one before.
    rows: Vec<isize>,
    shared: usize,
    /// Where the target has the columns.
    columns: Vec<isize>,
    /// Bytes from one column of the target to the next, if they are as far apart everywhere.
    step: Option<isize>,
    /// Whether rows are brought together first, for the cache would not hold them where they are.
    gathers: bool,
    /// Turned columns, and rows brought together, so many bytes apart.
    out: Vec<u8>,
    room: Vec<u8>,
    pitch: usize,
}

impl Loom {
    /// For patches whose first run of the target begins at `start`, by way of `out` if there is something to be done
    /// with them there; `None` if there is no memory.
    fn new(turned: &Turned, start: *const u8, puts: bool) -> Option<Self> {
        let &Turned { ref patches, tiles, sizes, is_large, gathers, isa } = turned;
        let [size, width] = sizes;
        let is_even = start.align_offset(LINE) == 0 && patches.steps_by(8 * LINE as i64);
        let line = LINE / width;
        // A patch shorter than a line has not got as many rows to share.
        let shares = is_large && puts && patches.is_cut() && !is_even && patches.units()[0] >= line;
        let shared = if shares { line } else { 0 };
        let (rows, columns) = (patches.rows(shared)?, patches.columns()?);
        let step = columns.get(1).map_or(0, |second| *second);
        let is_grid = columns.iter().enumerate().all(|(i, at)| *at == i as isize * step);
        let mut loom = Self {
            tiles,
            sizes,
            isa,
            is_large,
            gathers,
            rows,
            shared,
            columns,
            step: is_grid.then_some(step),
            out: Vec::new(),
            room: Vec::new(),
            pitch: 0,
        };
        let height = loom.rows.len().max(tiles.least());
        let turned = loom.out_pitch(height) * tiles.least();
        loom.out.try_reserve_exact(turned.max(OUT)).ok()?;
        if loom.gathers || patches.least().into_iter().any(|units| units < tiles.least()) {
            // One line more than whole lines: rows never begin in the same set of a cache.
            loom.pitch = (loom.columns.len() * size).next_multiple_of(LINE) + LINE;
            loom.room.try_reserve_exact(height * loom.pitch).ok()?;
            // Tiles at the edges read words there that are none.
            loom.room.resize(height * loom.pitch, 0);
        }
        Some(loom)
    }

    /// Bytes from one turned column of so many rows to the next where there is a gap between them: one line more than whole
    /// lines, so that they never begin in the same set of a cache.
    fn out_pitch(&self, rows: usize) -> usize {
        (rows * self.sizes[0]).next_multiple_of(LINE) + LINE
    }

    /// The rows that a patch shares with the one before.
    fn before(&self, spot: &Spot) -> usize {
        if spot.ends[0] { 0 } else { self.shared }
    }

    /// Where the rows of a patch are, those that it shares among them.
    fn places(&self, spot: &Spot) -> &[isize] {
        &self.rows[self.shared - self.before(spot)..self.shared + spot.rows]
    }

    /// Turns a patch, while the next one is fetched.
    ///
    /// # Safety
    /// As for [`Turned::run`], for the words of the patch and those that it shares.
    unsafe fn turn(&mut self, spot: &Spot, next: Option<&Spot>, put: &mut Option<&mut Put>) {
        let ([size, _], least, out) = (self.sizes, self.tiles.least(), self.out.as_mut_ptr());
        let (count, columns) = (self.places(spot).len(), spot.columns);
        let fits = count.min(columns) >= least;
        let gathers = self.gathers || !fits;
        if gathers {
            // SAFETY: the rows of the patch.
            unsafe { self.gather(spot) };
        }
        let mut ahead = match next {
            Some(next) if self.is_large => Ahead::at(next.from, self.places(next), next.columns * size),
            _ => Ahead::NOTHING,
        };
        if let (None, Some(step), true) = (&put, self.step, fits) {
            // SAFETY: the words of the patch.
            return unsafe { self.tiles(spot, 0..columns, gathers, (spot.to, step), &mut ahead) };
        }
        let is_dense =
            fits && self.shared == 0 && self.columns.get(1) == Some(&((count * self.sizes[1]) as isize));
        let pitch = if is_dense { count * size } else { self.out_pitch(count.max(least)) };
        let group = (OUT / pitch / least * least).clamp(least, LINE / size);
        for start in (0..columns).step_by(group) {
            let end = columns.min(start + group);
            let start = start.min(end.saturating_sub(least));
            // SAFETY: the words of the patch, and room for them.
            unsafe {
                self.tiles(spot, start..end, gathers, (out, pitch as isize), &mut ahead);
                self.send(spot, start..end, (out, pitch), put);
            }
        }
    }

    /// Brings the rows of a patch together.
    ///
    /// # Safety
    /// They are readable.
    unsafe fn gather(&mut self, spot: &Spot) {
        let bytes = spot.columns * self.sizes[0];
        let (copy, room, pitch) = (rows::pick(bytes, self.isa), self.room.as_mut_ptr(), self.pitch);
        for (i, place) in self.places(spot).iter().enumerate() {
            // SAFETY: a row, and room for it.
            unsafe { copy(spot.from.offset(*place), [0; 2], room.add(i * pitch), [0; 2], bytes, [1; 2]) };
        }
    }

    /// Turns some columns of a patch, which begin at `to` and are `pitch` bytes apart there.
    ///
    /// # Safety
    /// They are readable, as many rows as a tile has if they are not gathered, and there is room for them, and for a tile.
    unsafe fn tiles(
        &self,
        spot: &Spot,
        columns: Range<usize>,
        gathers: bool,
        (to, pitch): (*mut u8, isize),
        ahead: &mut Ahead,
    ) {
        let (first, rows) = (columns.start * self.sizes[0], self.places(spot));
        // SAFETY: as the caller promises; the room has a whole tile.
        unsafe {
            if gathers {
                let least = self.tiles.least();
                let sheet = Sheet {
                    from: self.room.as_ptr().add(first),
                    pitch: self.pitch as isize,
                    to,
                    target_pitch: pitch,
                    rows: rows.len().max(least),
                    columns: columns.len().max(least),
                };
                return self.tiles.run(&sheet, ahead);
            }
            let from = spot.from.wrapping_add(first);
            let sheet = Scattered { from, rows, columns: columns.len(), to, target_pitch: pitch };
            self.tiles.apart(&sheet, ahead);
        }
    }

    /// Brings turned columns, `pitch` bytes apart at `out`, to their places in the target; those that follow each other on
    /// both sides at once.
    ///
    /// # Safety
    /// As for [`Turned::run`].
    unsafe fn send(
        &self,
        spot: &Spot,
        columns: Range<usize>,
        (out, pitch): (*const u8, usize),
        put: &mut Option<&mut Put>,
    ) {
        let [size, width] = self.sizes;
        let (before, rows) = (self.before(spot), self.places(spot).len());
        let mut put = |from: *const u8, to: *mut u8, count: usize| match put {
            Some(put) => put(from, to, count),
            // SAFETY: words of the patch and their places.
            None => unsafe {
                rows::pick(count * size, self.isa)(from, [0; 2], to, [0; 2], count * size, [1; 2])
            },
        };
        let (mut at, start) = (columns.start, columns.start);
        while at < columns.end {
            let from = out.wrapping_add((at - start) * pitch);
            let to = spot.to.wrapping_offset(self.columns[at]).wrapping_sub(before * width);
            if pitch == rows * size && self.shared == 0 {
                let goes_on =
                    |n: usize| self.columns[at + n] == self.columns[at] + (n * rows * width) as isize;
                let n = (1..columns.end - at).find(|n| !goes_on(*n)).unwrap_or(columns.end - at);
                put(from, to, n * rows);
                at += n;
                continue;
            }
            let line = |at: usize| at + to.wrapping_add(at * width).align_offset(LINE).div_ceil(width);
            let first = if before == 0 { 0 } else { line(0) };
            let last = if self.shared == 0 || spot.ends[1] { rows } else { line(rows - self.shared) };
            if first < last {
                put(from.wrapping_add(first * size), to.wrapping_add(first * width), last - first);
            }
            at += 1;
        }
    }
}

/// Whether too many of the first `count` rows begin in one set of the first-level cache.
fn are_alike(rows: &[isize], count: usize) -> bool {
    let mut sets = [0; 64];
    for place in rows.iter().take(count) {
        sets[place.div_euclid(LINE as isize) as usize % 64] += 1;
    }
    sets.into_iter().any(|rows| rows > ALIKE)
}
