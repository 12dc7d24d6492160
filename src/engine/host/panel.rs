//! Sheets larger than the caches, block by block.
//!
//! The rows of a block are brought together where they do not alias, whatever the pitch of the sheet, and stay in the
//! second-level cache; there the next block is fetched to as well while the words of this one are turned. Target rows
//! are written in whole lines: the block that reaches the end of a line writes all of it, for which it takes up as many
//! rows of the block before.

use std::mem::MaybeUninit;

use super::sheet::Sheet;
use super::stream::{self, Ahead};
use super::transpose::{LINE, Transposer};

/// Bytes of a target row that a block makes: enough lines for memory to write them together.
pub(super) const RUN: usize = 256;

/// The fewest rows of a block of a sheet that has more.
const LEAST: usize = 32;

/// Bytes of a block of a sheet of short rows, whose blocks follow each other in memory.
const NARROW: usize = 4 << 10;

/// Bytes of the room that pays where the target is streamed: it stays in a second-level cache.
pub(super) const LARGE: usize = 256 << 10;

/// Bytes of the room for blocks that a stack can spare and that leaves half of a first-level cache to both sides.
pub(super) const SMALL: usize = 16 << 10;

/// What takes a run of the target to its place: it is given words, their place, and how many there are.
pub type Put<'a> = dyn FnMut(*const u8, *mut u8, usize) + 'a;

/// What is done with a block of a sheet; the block, the row that it begins with, what comes next, and room.
type OfBlock<'a> = dyn FnMut(&Sheet, usize, &mut Ahead, &mut [MaybeUninit<u8>]) + 'a;

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
    /// For `sheet`, whose words have `sizes` bytes in the source and in the target, with so much room, for runs of about
    /// `run` bytes.
    pub fn new(tiles: Transposer, sheet: &Sheet, sizes: [usize; 2], room: usize, run: usize) -> Self {
        let [size, width] = sizes;
        let line = LINE / size;
        let large = (128 * RUN / size).clamp(32 << 10, 64 << 10) << usize::from(run > RUN);
        let bytes = if room >= LARGE { large } else { room * 3 / 4 };
        // A line of so many rows is a block.
        let most = bytes.min(32 << 10) / LINE / line * line;
        let joined = sheet.rows <= most && is_short(sheet, width) && is_dense(sheet, width);
        let (rows, bytes) = match joined {
            true => (sheet.rows, bytes.min(32 << 10)),
            false => ((run / size.min(width)).max(LEAST).min(most).min(sheet.rows), bytes),
        };
        let columns = (bytes / (rows * size) / line * line).max(line).min(sheet.columns);
        // Blocks end where lines of all target rows do, or share rows, and are then better long.
        let even = sheet.to.align_offset(LINE) == 0 && sheet.target_pitch % LINE as isize == 0;
        let narrow = if even { NARROW } else { 4 * NARROW };
        let rows = if columns == sheet.columns {
            (narrow.min(bytes) / (columns * size) / line * line).clamp(rows, sheet.rows)
        } else {
            rows
        };
        let gathers = room >= LARGE && sheet.pitch.unsigned_abs() > 2 * columns * size;
        let shared =
            if rows == sheet.rows || even && (rows * width).is_multiple_of(LINE) { 0 } else { LINE / width };
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
                // Longer runs, for each is copied by itself.
                let longer = Self::new(self.tiles, sheet, self.sizes, room.len(), 2 * RUN);
                longer.put(sheet, room, &mut |from, to, n| {
                    stream::copy(from, to, n * size, &mut { Ahead::NOTHING })
                });
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
        let (least, line) = (tiles.least(), LINE / size);
        // What is between the blocks and the target stays in the first-level cache.
        let few = (8 << 10) / ((self.rows + self.shared) * size) / least * least;
        let group = if self.joined { self.columns } else { few.clamp(least, line).min(self.columns) };
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
    unsafe fn each_block(&self, sheet: &Sheet, room: &mut [MaybeUninit<u8>], visit: &mut OfBlock) {
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
                if beside < sheet.columns {
                    let (rows, columns) =
                        (self.rows.min(sheet.rows - next), columns.min(sheet.columns - beside));
                    ahead = sheet.part(next, beside, rows, columns, self.sizes).ahead(size);
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::engine::host::fenced::Fenced;
    use crate::engine::host::isa::Isa;

    /// A sheet of which target rows start `offset` bytes after a line and end `gap` bytes before the next one starts.
    fn check(size: usize, counts: [usize; 2], offset: usize, gap: usize, isa: Isa, memory: &mut [Fenced; 2]) {
        let [rows, columns] = counts;
        let pitches = [columns * size + 3 * gap, rows * size + gap];
        let spans = [(rows - 1) * pitches[0] + columns * size, (columns - 1) * pitches[1] + rows * size];
        let [source, target] = memory;
        let source = source.bytes(spans[0], true);
        source.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 59 + (i >> 8) * 11) as u8);
        let target = &mut target.bytes(offset + spans[1], false)[offset..];
        target.fill(0x5A);
        let mut expected = target.to_vec();
        for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
            let word = &source[i * pitches[0] + j * size..][..size];
            expected[j * pitches[1] + i * size..][..size].copy_from_slice(word);
        }
        let (pitch, target_pitch) = (pitches[0] as isize, pitches[1] as isize);
        let (from, to) = (source.as_ptr(), target.as_mut_ptr());
        let sheet = Sheet { from, pitch, to, target_pitch, rows, columns };
        let tiles = Transposer::new(size, isa).expect("words of these sizes");
        let mut room = vec![MaybeUninit::uninit(); LARGE + LINE];
        // SAFETY: the words of the sheet are those of the slices.
        unsafe { Panel::new(tiles, &sheet, [size; 2], room.len(), RUN).stream(&sheet, &mut room) };
        stream::finish();
        assert!(target == expected, "{size} bytes {counts:?} {offset} {gap} {isa:?}");
    }

    #[test]
    fn target_rows_that_start_anywhere_in_a_line_are_streamed_whole_and_nothing_beside_them() {
        let mut memory = [Fenced::new(40), Fenced::new(40)];
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            for size in [1usize, 2, 4, 8, 16] {
                let long = 1024 / size;
                for rows in [16, 64, long, long + 1, long + 64, long + 75, 2 * long + 5] {
                    // Without gaps, with the shortest that lets all rows start alike, with one that does not.
                    for gap in [0, (LINE - rows * size % LINE) % LINE, 64, 7] {
                        for offset in [0, size, 48, 1] {
                            check(size, [rows, 37], offset, gap, isa, &mut memory);
                        }
                    }
                }
                check(size, [2 * long + 64, 20_000 / long + 300], size, 64, isa, &mut memory);
            }
        }
    }
}
