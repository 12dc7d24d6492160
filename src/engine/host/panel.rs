//! Sheets larger than the caches, block by block.
//!
//! The rows of a block are brought together where they do not alias, whatever the pitch of the sheet, and stay in the
//! second-level cache; there the next block is fetched to as well while the words of this one are turned. Target rows
//! are written in whole lines: the block that reaches the end of a line writes all of it, for which it takes up as many
//! rows of the block before.

use std::mem::MaybeUninit;

use super::sheet::Sheet;
use super::stream;
use super::transpose::{Ahead, LINE, Transposer};

/// Bytes of a target row that a block makes: enough lines for memory to write them together.
const RUN: usize = 256;

/// Bytes of the room that pays where the target is streamed: it stays in a second-level cache.
pub const LARGE: usize = 256 << 10;

/// Bytes of the room for blocks that a stack can spare and that leaves half of a first-level cache to both sides.
pub const SMALL: usize = 16 << 10;

/// What takes a run of the target to its place: it is given words, their place, and how many there are.
pub type Put<'a> = dyn FnMut(*const u8, *mut u8, usize) + 'a;

/// The way to take a sheet in blocks.
pub struct Panel {
    tiles: Transposer,
    /// Bytes of a word in the source and in the target.
    sizes: [usize; 2],
    /// Rows and columns of a block.
    rows: usize,
    columns: usize,
    /// Rows that a block shares with the one before.
    shared: usize,
    /// Whether target rows follow each other without gaps and belong to one block.
    joined: bool,
    /// Whether rows are brought together first.
    gathers: bool,
}

impl Panel {
    /// For `sheet`, whose words have `sizes` bytes in the source and in the target, and so much room.
    pub fn new(tiles: Transposer, sheet: &Sheet, sizes: [usize; 2], room: usize) -> Self {
        let [size, width] = sizes;
        let line = LINE / size;
        let bytes = if room >= LARGE { (128 * RUN / size).clamp(32 << 10, 64 << 10) } else { room * 3 / 4 };
        let most = bytes / LINE / line * line;
        let joined = sheet.rows <= most && is_short(sheet, width) && is_dense(sheet, width);
        let rows = if joined { sheet.rows } else { sheet.rows.min((RUN / size).max(32).min(most)) };
        let columns = (bytes / (rows * size) / line * line).max(line);
        let (rows, columns) = if columns < sheet.columns {
            (rows, columns)
        } else {
            ((bytes / (sheet.columns * size) / line * line).clamp(rows, sheet.rows), sheet.columns)
        };
        let gathers = room >= LARGE && sheet.pitch.unsigned_abs() > 2 * columns * size;
        let shared = if rows == sheet.rows { 0 } else { LINE / width };
        Self { tiles, sizes, rows, columns, shared, joined, gathers }
    }

    /// Takes the words to the target past the caches; [`stream::finish`] must follow.
    ///
    /// # Safety
    /// As for [`Transposer::run`] with any part of the sheet; words are as wide in the target as in the source.
    pub unsafe fn stream(mut self, sheet: &Sheet, room: &mut [MaybeUninit<u8>]) {
        let size = self.sizes[0];
        let line = LINE / size;
        let offset = sheet.to.align_offset(LINE);
        let (head, tail) = (offset / size, (sheet.rows - (offset / size).min(sheet.rows)) % line);
        let is_whole = head + tail == 0;
        let short = is_short(sheet, size);
        let aligned = offset.is_multiple_of(size) && sheet.target_pitch % LINE as isize == 0;
        // SAFETY: as the caller promises.
        unsafe {
            if self.tiles.streams() && aligned && (is_whole || !short) {
                for row in [(head, 0), (tail, sheet.rows - line)].into_iter().filter(|end| end.0 > 0) {
                    self.tiles
                        .run(&sheet.part(row.1, 0, line, sheet.columns, self.sizes), &mut { Ahead::NOTHING });
                }
                self.shared = 0;
                let middle = sheet.part(head, 0, sheet.rows - head - tail, sheet.columns, self.sizes);
                let tiles = self.tiles;
                self.each_block(&middle, room, &mut |block, _, ahead, _| tiles.stream(block, ahead));
            } else if short && !is_dense(sheet, size) {
                let tiles = self.tiles;
                self.shared = 0;
                self.each_block(sheet, room, &mut |block, _, ahead, _| tiles.run(block, ahead));
            } else {
                self.put(sheet, room, &mut |from, to, n| stream::copy(from, to, n * size));
            }
        }
    }

    /// Brings runs of the target to `put`.
    ///
    /// # Safety
    /// As for [`Transposer::run`] with any part of the sheet; `put` may do with the words of the source and their places
    /// in the target what it does.
    pub unsafe fn put(self, sheet: &Sheet, room: &mut [MaybeUninit<u8>], put: &mut Put) {
        let (tiles, sizes @ [size, width]) = (self.tiles, self.sizes);
        let group = if self.joined { self.columns } else { (LINE / size).min(self.columns) };
        let shared = self.shared;
        let joined = self.joined;
        let mut visit = |block: &Sheet, row: usize, ahead: &mut Ahead, out: &mut [MaybeUninit<u8>]| {
            let pitch = block.rows * size;
            let (out, room) = (out.as_mut_ptr().cast::<u8>(), out.len());
            let end = row + block.rows;
            for column in (0..block.columns).step_by(group) {
                let column = column.min(block.columns - group.min(block.columns));
                let columns = group.min(block.columns);
                assert!(columns * pitch <= room, "the room of a sheet is too small");
                // SAFETY: the columns are a part of the block, and what follows the gathered rows holds them.
                unsafe {
                    let part = block.part(0, column, block.rows, columns, sizes);
                    tiles.run(&Sheet { to: out, target_pitch: pitch as isize, ..part }, ahead);
                    if joined {
                        put(out, part.to, columns * block.rows);
                        continue;
                    }
                    for j in 0..columns {
                        let to = part.to.offset(j as isize * part.target_pitch);
                        let first = if row == 0 { 0 } else { to.align_offset(LINE).div_ceil(width) };
                        let last = if end == sheet.rows {
                            block.rows
                        } else {
                            let at = block.rows - shared;
                            at + to.wrapping_add(at * width).align_offset(LINE).div_ceil(width)
                        };
                        if first < last {
                            put(out.add(j * pitch + first * size), to.add(first * width), last - first);
                        }
                    }
                }
            }
        };
        // SAFETY: as the caller promises.
        unsafe { self.each_block(sheet, room, &mut visit) }
    }

    /// Visits the blocks of a sheet, column by column: each as a sheet with its place in the target, the row of the sheet
    /// that it begins with, the rows of the next one, and the room that is left.
    ///
    /// # Safety
    /// The words of the source are readable; `visit` may do with the blocks what it does.
    unsafe fn each_block(
        &self,
        sheet: &Sheet,
        room: &mut [MaybeUninit<u8>],
        visit: &mut dyn FnMut(&Sheet, usize, &mut Ahead, &mut [MaybeUninit<u8>]),
    ) {
        let (least, size) = (self.tiles.least(), self.sizes[0]);
        let skipped = room.as_ptr().align_offset(LINE).min(room.len());
        let room = &mut room[skipped..];
        // One line more than whole lines: rows never begin in the same set of a cache.
        let pitch = (self.columns * size).next_multiple_of(LINE) + LINE;
        let gathered = if self.gathers { (self.rows + self.shared) * pitch } else { 0 };
        let (rows, out) = room.split_at_mut(gathered);
        let rows = rows.as_mut_ptr().cast::<u8>();
        for column in (0..sheet.columns).step_by(self.columns) {
            let column = column.min(sheet.columns - least);
            let columns = self.columns.min(sheet.columns - column);
            for row in (0..sheet.rows).step_by(self.rows) {
                let row = row.min(sheet.rows - least);
                let (end, first) = (sheet.rows.min(row + self.rows), row.saturating_sub(self.shared));
                let mut block = sheet.part(first, column, end - first, columns, self.sizes);
                let (next, beside) = if end < sheet.rows { (end, column) } else { (0, column + columns) };
                let mut ahead = Ahead::NOTHING;
                if self.gathers && beside < sheet.columns {
                    let (rows, columns) =
                        (self.rows.min(sheet.rows - next), columns.min(sheet.columns - beside));
                    ahead = Ahead::of(&sheet.part(next, beside, rows, columns, self.sizes), size);
                }
                if self.gathers {
                    // SAFETY: the rows of the block, for which there is room.
                    unsafe { gather(&block, columns * size, rows, pitch) };
                    (block.from, block.pitch) = (rows, pitch as isize);
                }
                visit(&block, first, &mut ahead, out);
            }
        }
    }
}

/// Whether rows of the target are too short to be written past the caches one by one.
fn is_short(sheet: &Sheet, width: usize) -> bool {
    sheet.rows * width < stream::ROW as usize
}

/// Whether rows of the target follow each other without gaps.
fn is_dense(sheet: &Sheet, width: usize) -> bool {
    sheet.target_pitch == (sheet.rows * width) as isize
}

/// Brings the rows of a block together, `count` bytes of each, `pitch` bytes apart.
///
/// # Safety
/// The words of the block are readable, and there is room for its rows.
unsafe fn gather(block: &Sheet, count: usize, to: *mut u8, pitch: usize) {
    for row in 0..block.rows {
        // SAFETY: row `row` on both sides.
        unsafe {
            let (from, to) = (block.from.offset(row as isize * block.pitch), to.add(row * pitch));
            to.copy_from_nonoverlapping(from, count);
        }
    }
}
