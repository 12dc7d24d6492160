//! Sheets of words whose rows become columns, and the ways to move them.

use std::mem::MaybeUninit;

use super::braid::{Braid, Groups, Rows};
use super::isa::Isa;
use super::memory::Grid;
use super::panel::{LARGE, Panel, Put, RUN, SMALL};
use super::run::Place;
use super::stream;
use super::thin::Thin;
use super::transpose::{Ahead, LINE, Transposer};
use super::walk::Block;
use super::weave::{self, Pattern, Weave};

/// Words to transpose: `rows` of `columns` adjacent words in the source, `columns` of `rows` in the target.
#[derive(Clone, Copy, Debug)]
pub struct Sheet {
    /// The first word of the source.
    pub from: *const u8,
    /// Bytes from one source row to the next.
    pub pitch: isize,
    /// The first word of the target.
    pub to: *mut u8,
    /// Bytes from one target row to the next.
    pub target_pitch: isize,
    /// Source rows, the length of a target row.
    pub rows: usize,
    /// Target rows, the length of a source row.
    pub columns: usize,
}

impl Sheet {
    /// The grids as a sheet, if they are one, with words of `size` bytes in the source and of `width` in the target.
    /// Source words may follow each other backwards.
    pub fn between(
        source: Grid<*const u8>,
        target: Grid<*mut u8>,
        counts: [usize; 2],
        [size, width]: [usize; 2],
    ) -> Option<Self> {
        let adjacent = size as i64 * 8;
        let is_row = |i: usize| {
            target.strides[i] == width as i64 * 8
                && source.strides[1 - i].abs() == adjacent
                && source.strides[i].abs() > adjacent
        };
        let (row, other) = match (is_row(0), is_row(1)) {
            (true, _) => (0, 1),
            (false, true) => (1, 0),
            (false, false) => return None,
        };
        let (mut at, mut to, mut pitch) = (source.at, target.at, target.strides[other]);
        if source.strides[other] < 0 {
            let last = counts[other] as i64 - 1;
            (at, to, pitch) = (at + last * source.strides[other], to + last * pitch, -pitch);
        }
        Some(Self {
            from: source.base.wrapping_offset((at >> 3) as isize),
            pitch: (source.strides[row] >> 3) as isize,
            to: target.base.wrapping_offset((to >> 3) as isize),
            target_pitch: (pitch >> 3) as isize,
            rows: counts[row],
            columns: counts[other],
        })
    }

    /// The same sheet so many bits further on both sides.
    pub fn moved(&self, bits: [i64; 2]) -> Self {
        let [from, to] = bits.map(|bits| (bits >> 3) as isize);
        Self { from: self.from.wrapping_offset(from), to: self.to.wrapping_offset(to), ..*self }
    }

    /// So many rows and columns from `row` and `column` on, the words having `size` bytes in the source and `width` in
    /// the target.
    pub(super) fn part(
        &self,
        row: usize,
        column: usize,
        rows: usize,
        columns: usize,
        [size, width]: [usize; 2],
    ) -> Self {
        Self {
            from: self.from.wrapping_offset(row as isize * self.pitch).wrapping_add(column * size),
            to: self.to.wrapping_offset(column as isize * self.target_pitch).wrapping_add(row * width),
            rows,
            columns,
            ..*self
        }
    }
}

/// How the words of a sheet are moved.
#[derive(Clone, Copy)]
#[expect(clippy::large_enum_variant, reason = "lives on the stack of one call")]
enum Way {
    Tiles(Transposer),
    /// The source has so few columns and no gaps.
    Split(Weave, usize),
    /// The target has so few columns and no gaps.
    Merge(Weave, usize),
    /// Either of them, in registers.
    Braid(Braid, usize),
    /// The source or the target has so few columns, more than shuffles take.
    Thin(Thin, usize),
}

/// What moves the words of a sheet in one call.
#[derive(Clone, Copy)]
pub enum Move {
    /// Tiles are transposed.
    Tiles(Transposer),
    /// Few columns without gaps become rows.
    Split(Weave),
    /// Few rows become columns without gaps.
    Merge(Weave),
    /// Few rows or columns do otherwise.
    Thin(Thin),
}

impl Move {
    /// Moves all words of `sheet`.
    ///
    /// # Safety
    /// As for [`Turn::run`].
    #[inline]
    pub unsafe fn run(&self, sheet: &Sheet) {
        // SAFETY: as the caller promises.
        unsafe {
            match self {
                Self::Tiles(tiles) => tiles.run(sheet, &mut { Ahead::NOTHING }),
                Self::Split(split) => split(sheet.from, sheet.to, sheet.target_pitch, sheet.rows),
                Self::Merge(merge) => merge(sheet.from, sheet.to, sheet.pitch, sheet.columns),
                Self::Thin(thin) => thin.run(sheet),
            }
        }
    }
}

/// A way to move sheets like the one that it was made for: words of the same size, rows as short on the same side.
#[derive(Clone, Copy)]
pub struct Turn {
    way: Way,
    /// Bytes of a word.
    size: usize,
}

impl Turn {
    /// The way for `sheet`, whose words have `size` bytes in the source and `width` in the target; `None` where none
    /// is fast.
    pub fn new(sheet: &Sheet, [size, width]: [usize; 2], isa: Isa) -> Option<Self> {
        let braid = || braid(sheet, [size, width], isa).map(|braid| Way::Braid(braid, braid.words()));
        let dense =
            |pitch: isize, n: usize, word: usize| (2..=4).contains(&n) && pitch == (n * word) as isize;
        let weave = || {
            if dense(sheet.pitch, sheet.columns, size) && sheet.rows >= SHORT {
                let few = sheet.columns;
                weave::pick(Pattern::Split(few), size, isa).map(|split| Way::Split(split, few))
            } else if dense(sheet.target_pitch, sheet.rows, width) && sheet.columns >= SHORT {
                let few = sheet.rows;
                weave::pick(Pattern::Merge(few), size, isa).map(|merge| Way::Merge(merge, few))
            } else {
                None
            }
        };
        // A table takes its time, and wide words are no trouble for loops.
        let is_plain = size >= 4 || sheet.rows.saturating_mul(sheet.columns) < FEW;
        let way = if is_plain { weave().or_else(braid) } else { braid().or_else(weave) };
        if let Some(way) = way {
            return Some(Self { way, size });
        }
        if let Some(thin) = Thin::new(sheet, [size, width], isa) {
            let few = if thin.merges() { sheet.rows } else { sheet.columns };
            return Some(Self { way: Way::Thin(thin, few), size });
        }
        let tiles = Transposer::new(size, isa)?;
        let least = tiles.least();
        (sheet.rows.min(sheet.columns) >= least).then_some(Self { way: Way::Tiles(tiles), size })
    }

    /// What is done with the words of a sheet.
    pub fn name(&self) -> String {
        match self.way {
            Way::Tiles(_) => format!("transpose words of {} B", self.size),
            Way::Split(_, few) | Way::Braid(_, few) | Way::Thin(_, few) if !self.merges() => {
                format!("split pixels of {few} words of {} B", self.size)
            }
            Way::Split(_, few) | Way::Merge(_, few) | Way::Braid(_, few) | Way::Thin(_, few) => {
                format!("merge {few} planes of words of {} B", self.size)
            }
        }
    }

    /// Whether few planes become groups of words.
    fn merges(&self) -> bool {
        match &self.way {
            Way::Merge(..) => true,
            Way::Braid(braid, _) => !braid.has_planes(),
            Way::Thin(thin, _) => thin.merges(),
            Way::Tiles(_) | Way::Split(..) => false,
        }
    }

    /// Whether the sheet is so narrow that it takes one loop.
    pub fn is_weave(&self) -> bool {
        !matches!(self.way, Way::Tiles(_))
    }

    /// The block as a sheet to move this way: one like that which the way was made for, or a part of such a one that is
    /// large enough.
    pub fn sheet(&self, block: &Block, source: *const u8, target: Place<*mut u8>) -> Option<Sheet> {
        let sizes = [self.size, target.cell.bytes()];
        let sheet = Sheet::between(block.source(source), block.target(target.base), block.counts, sizes)?;
        let fits = match self.way {
            Way::Tiles(tiles) => sheet.rows.min(sheet.columns) >= tiles.least(),
            Way::Split(_, few) | Way::Merge(_, few) | Way::Braid(_, few) | Way::Thin(_, few) => {
                few == if self.merges() { sheet.rows } else { sheet.columns }
            }
        };
        fits.then_some(sheet)
    }

    /// Moves all words of `sheet`, as wide in the target as in the source.
    ///
    /// # Safety
    /// All words of the source are readable and all of the target writable, no byte belongs to both, and the sheet is
    /// the one that the way was made for, or a part of it.
    pub unsafe fn run(&self, sheet: &Sheet) {
        let (from, to, plane) = (sheet.from, sheet.to, sheet.target_pitch);
        // SAFETY: as the caller promises.
        unsafe {
            match self.in_one_call() {
                Ok(way) => way.run(sheet),
                Err(braid) => {
                    let count = if braid.has_planes() { sheet.rows } else { sheet.columns };
                    braid.run(&Rows { from, to, count, rows: 1, pitches: [0; 2], plane })
                }
            }
        }
    }

    /// What moves the words in one call, or the shuffles that do.
    pub fn in_one_call(&self) -> Result<Move, &Braid> {
        match &self.way {
            Way::Tiles(tiles) => Ok(Move::Tiles(*tiles)),
            Way::Split(split, _) => Ok(Move::Split(*split)),
            Way::Merge(merge, _) => Ok(Move::Merge(*merge)),
            Way::Thin(thin, _) => Ok(Move::Thin(*thin)),
            Way::Braid(braid, _) => Err(braid),
        }
    }

    /// Moves all words past the caches, by way of `room`; [`stream::finish`] must follow.
    ///
    /// # Safety
    /// As for [`run`](Self::run).
    pub unsafe fn stream(&self, sheet: &Sheet, room: &mut [MaybeUninit<u8>]) {
        let size = self.size;
        // SAFETY: as the caller promises.
        unsafe {
            match &self.way {
                &Way::Tiles(tiles) => {
                    Panel::new(tiles, sheet, [size; 2], room.len(), RUN).stream(sheet, room)
                }
                // Few long rows of the target are written as they are: streamed, they would begin and end within lines.
                Way::Thin(thin, _) if !thin.merges() => thin.run(sheet),
                _ => self.woven(sheet, size, room, &mut |from, to, n| stream::copy(from, to, n * size)),
            }
        }
    }

    /// Brings the words through tiles in `room`, the runs of which `put` takes to the target: it is given words, their
    /// place, and how many there are. Target words have `width` bytes.
    ///
    /// # Safety
    /// As for [`run`](Self::run); `put` may do with the words of the source and their places in the target what it
    /// does.
    pub unsafe fn through(&self, sheet: &Sheet, width: usize, room: &mut [MaybeUninit<u8>], put: &mut Put) {
        // SAFETY: as the caller promises.
        unsafe {
            match &self.way {
                &Way::Tiles(tiles) => {
                    Panel::new(tiles, sheet, [self.size, width], room.len(), 2 * RUN).put(sheet, room, put)
                }
                _ => self.woven(sheet, width, room, put),
            }
        }
    }

    /// [`through`](Self::through) for rows so short on one side that they are read and written in long runs.
    ///
    /// # Safety
    /// As there.
    unsafe fn woven(&self, sheet: &Sheet, width: usize, room: &mut [MaybeUninit<u8>], put: &mut Put) {
        let (sizes, tile) = ([self.size, width], room.as_mut_ptr().cast::<u8>());
        let most = if let Way::Thin(..) = self.way { 2 * NARROW } else { NARROW };
        // Target rows without gaps are one run.
        let joined = self.merges();
        let (count, few) = if joined { (sheet.columns, sheet.rows) } else { (sheet.rows, sheet.columns) };
        // Words of a run of the target from group to group, and those that a line may want of the next tile.
        let step = if joined { few } else { 1 };
        let streams = room.len() >= LARGE;
        let shared = if streams { (LINE / width).div_ceil(step) } else { 0 };
        let groups = (room.len().min(most) / (self.size * few)).saturating_sub(shared).max(LINE);
        for start in (0..count).step_by(groups) {
            let end = count.min(start + groups);
            let n = count.min(end + shared) - start;
            let (part, pitch) = match joined {
                true => (sheet.part(0, start, few, n, sizes), few * self.size),
                false => (sheet.part(start, 0, n, few, sizes), n * self.size),
            };
            // SAFETY: a part of the sheet, for which there is room.
            unsafe { self.run(&Sheet { to: tile, target_pitch: pitch as isize, ..part }) };
            for k in 0..if joined { 1 } else { few } {
                let to = part.to.wrapping_offset(k as isize * sheet.target_pitch);
                // The words before the line that begins next.
                let skipped = |at: usize, is_end: bool| match streams && !is_end {
                    false => at * step,
                    true => at * step + to.wrapping_add(at * step * width).align_offset(LINE).div_ceil(width),
                };
                let first = skipped(0, start == 0);
                let last = skipped(end - start, end == count).min(n * step);
                if first < last {
                    let from = tile.wrapping_add(k * n * self.size + first * self.size);
                    // SAFETY: words of the tile and their places in the target.
                    put(from, to.wrapping_add(first * width), last - first);
                }
            }
        }
    }
}

/// The shuffles for a sheet whose source has few columns, or whose target has few and no gaps.
fn braid(sheet: &Sheet, [size, width]: [usize; 2], isa: Isa) -> Option<Braid> {
    let (word, [rows, columns]) = (size as isize, [sheet.rows, sheet.columns]);
    let few = |n: usize| (2..=4).contains(&n);
    let (words, count, source, target) = if few(columns) && rows >= SHORT {
        (columns, rows, [word, sheet.pitch], [(rows * size) as isize, word])
    } else if few(rows) && columns >= SHORT && sheet.target_pitch == (rows * width) as isize {
        (rows, columns, [sheet.pitch, word], [word, (rows * size) as isize])
    } else {
        return None;
    };
    Braid::new(Groups { word: size, part: 1, words, source, target }, count, isa)
}

/// Fewer words are moved before the table of a braid is made.
const FEW: usize = 1 << 11;

/// Fewer groups of words are not worth a loop of their own.
const SHORT: usize = 8;

/// Bytes of a tile of a narrow sheet, which is read and written in long runs: so few that memory does both at a time.
const NARROW: usize = 3 << 10;

/// Gives `act` room for tiles, a large one for large targets.
pub fn with_room(is_large: bool, act: impl FnOnce(&mut [MaybeUninit<u8>])) {
    let mut large = Vec::new();
    if is_large && large.try_reserve_exact(LARGE + LINE).is_ok() {
        act(&mut large.spare_capacity_mut()[..LARGE + LINE]);
    } else {
        act(&mut [MaybeUninit::uninit(); SMALL + LINE]);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::engine::host::fenced::{Fenced, PAGE};

    /// Bytes from row to row without gaps, plus some.
    fn pitches(counts: [usize; 2], sizes: [usize; 2], gaps: [usize; 2]) -> [usize; 2] {
        [counts[1] * sizes[0] + gaps[0], counts[0] * sizes[1] + gaps[1]]
    }

    /// A sheet in fenced memory, moved as it is or through tiles, against one word after the other.
    fn check(
        counts: [usize; 2],
        sizes: [usize; 2],
        gaps: [usize; 2],
        isa: Isa,
        memory: &mut [Fenced; 2],
        room: usize,
    ) {
        let ([rows, columns], [size, width]) = (counts, sizes);
        let pitches = pitches(counts, sizes, gaps);
        let spans = [(rows - 1) * pitches[0] + columns * size, (columns - 1) * pitches[1] + rows * width];
        let [source, target] = memory;
        let (source, target) = (source.bytes(spans[0], rows % 2 == 0), target.bytes(spans[1], rows % 2 == 1));
        source.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 101 + (i >> 8) * 7) as u8);
        target.fill(0x5A);
        let mut expected = target.to_vec();
        for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
            let word = &source[i * pitches[0] + j * size..][..size];
            let wide = word.iter().cycle().copied();
            expected[j * pitches[1] + i * width..][..width].iter_mut().zip(wide).for_each(|(to, x)| *to = x);
        }
        let sheet = Sheet {
            from: source.as_ptr(),
            pitch: pitches[0] as isize,
            to: target.as_mut_ptr(),
            target_pitch: pitches[1] as isize,
            rows,
            columns,
        };
        let Some(turn) = Turn::new(&sheet, sizes, isa) else {
            assert!(rows.min(columns) < 16 / size, "{counts:?} {sizes:?}");
            return;
        };
        // SAFETY: the words of the sheet are those of the slices, and those of tiles are as many as `put` is told.
        unsafe {
            if room == 0 {
                turn.run(&sheet);
            } else if size == width && rows % 3 > 0 {
                turn.stream(&sheet, &mut vec![MaybeUninit::uninit(); room]);
            } else {
                let mut put = |from: *const u8, to: *mut u8, n: usize| {
                    for i in 0..n {
                        let word = std::slice::from_raw_parts(from.add(i * size), size).iter().cycle();
                        word.take(width).enumerate().for_each(|(k, x)| *to.add(i * width + k) = *x);
                    }
                };
                turn.through(&sheet, width, &mut vec![MaybeUninit::uninit(); room], &mut put);
            }
        }
        assert!(target == expected, "{counts:?} {sizes:?} {gaps:?} {isa:?} {room}");
    }

    #[test]
    fn sheets_arrive_whole_and_nothing_else_is_touched_directly_and_through_tiles_of_any_size() {
        let mut memory = [Fenced::new(32), Fenced::new(32)];
        let extents = [1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 64, 100, 250, 1000, 5001];
        let sizes = [[1, 1], [2, 2], [4, 4], [8, 8], [16, 16], [1, 4], [4, 2], [8, 4], [2, 8], [4, 1]];
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            for (i, j) in (0..extents.len()).flat_map(|i| (0..extents.len()).map(move |j| (i, j))) {
                let counts = [extents[i], extents[j]];
                for (k, sizes) in sizes.into_iter().enumerate() {
                    let gaps = [[0, 0], [0, 3], [5, 0]][(i + j + k) % 3];
                    if counts[0] * counts[1] * 16 > 30 * PAGE / 4 {
                        continue;
                    }
                    if sizes[0] == sizes[1] {
                        check(counts, sizes, gaps, isa, &mut memory, 0);
                    }
                    check(counts, sizes, gaps, isa, &mut memory, [SMALL, LARGE][(i + j) % 2] + LINE);
                }
            }
        }
    }
}
