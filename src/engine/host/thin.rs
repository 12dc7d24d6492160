//! Sheets of fewer rows or columns than a tile has, turned in registers all the same.
//!
//! Few columns: a tile reads 16 bytes of every row, of which the first belong to the sheet, and writes as many target
//! rows as there are. Few rows: a tile writes 16 bytes at every target row, and what is too much of it is written over
//! by the next one. Tiles that would read or write beyond the sheet go by way of a room on the stack.

use std::mem::MaybeUninit;

use super::isa::Isa;
use super::sheet::Sheet;
use super::transpose::{turned, unrolled};
use super::vector::{Lane, Vector};

/// A loop over a sheet.
type Loop = unsafe fn(&Sheet);

/// The most bytes that a tile has on either side of a turn, and those of a tile with the excess of its last row.
const TILE: usize = 16 * 64;

/// No page of memory is smaller: where rows are closer, each page between two of them has words of the sheet.
const PAGE: usize = 4096;

/// The way to move sheets of few rows or columns.
#[derive(Clone, Copy)]
pub struct Thin {
    run: Loop,
    /// Whether the target has the short rows.
    merges: bool,
}

impl Thin {
    /// The way for sheets like this one, whose words have `size` bytes in the source and `width` in the target; `None`
    /// where there is none. Few rows become rows of the target without gaps.
    pub fn new(sheet: &Sheet, [size, width]: [usize; 2], isa: Isa) -> Option<Self> {
        let [split, merge] = match size {
            1 => pick::<1, 16>(isa),
            2 => pick::<2, 8>(isa),
            4 => pick::<4, 4>(isa),
            _ => return None,
        };
        let least = 16 / size;
        let few = |few: usize, many: usize| (2..least).contains(&few) && many >= least;
        if few(sheet.columns, sheet.rows) {
            return Some(Self { run: split, merges: false });
        }
        let dense = sheet.target_pitch == (sheet.rows * width) as isize;
        (few(sheet.rows, sheet.columns) && dense).then_some(Self { run: merge, merges: true })
    }

    /// Whether few rows become short rows of the target.
    pub fn merges(&self) -> bool {
        self.merges
    }

    /// Moves all words of `sheet`.
    ///
    /// # Safety
    /// All words of the source are readable and all of the target writable, no byte belongs to both, and the sheet is
    /// like the one that the way was made for, or a part of such a one as thin.
    pub unsafe fn run(&self, sheet: &Sheet) {
        // SAFETY: as the caller promises; the processor has the instructions, or `pick` had not given the loop.
        unsafe { (self.run)(sheet) }
    }
}

fn pick<const N: usize, const K: usize>(isa: Isa) -> [Loop; 2] {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if isa.is_available() => [avx512::<N, K, false>, avx512::<N, K, true>],
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if isa.is_available() => [avx2::<N, K, false>, avx2::<N, K, true>],
        _ => [baseline::<N, K, false>, baseline::<N, K, true>],
    }
}

/// # Safety
/// As for [`Thin::run`].
unsafe fn baseline<const N: usize, const K: usize, const MERGE: bool>(sheet: &Sheet) {
    // SAFETY: as the caller promises.
    unsafe { thin::<Lane, N, K, MERGE>(sheet, words::<N>) }
}

/// # Safety
/// As for [`Thin::run`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2<const N: usize, const K: usize, const MERGE: bool>(sheet: &Sheet) {
    // SAFETY: as the caller promises.
    unsafe { thin::<std::arch::x86_64::__m256i, N, K, MERGE>(sheet, baseline::<N, K, MERGE>) }
}

/// # Safety
/// As for [`Thin::run`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512<const N: usize, const K: usize, const MERGE: bool>(sheet: &Sheet) {
    // SAFETY: as the caller promises.
    unsafe { thin::<std::arch::x86_64::__m512i, N, K, MERGE>(sheet, avx2::<N, K, MERGE>) }
}

/// A sheet, by a loop for `smaller` ones where it has fewer rows or columns than a tile.
///
/// # Safety
/// As for [`Thin::run`], on a processor that has the instructions of `V`.
#[inline(always)]
unsafe fn thin<V: Vector, const N: usize, const K: usize, const MERGE: bool>(sheet: &Sheet, smaller: Loop) {
    let many = if MERGE { sheet.columns } else { sheet.rows };
    // SAFETY: as the caller promises; there are as many rows or columns as a tile has.
    unsafe {
        match many >= K * V::LANES {
            false => smaller(sheet),
            true if MERGE => merge::<V, N, K>(sheet),
            true => split::<V, N, K>(sheet),
        }
    }
}

/// Too few words for a tile, one after the other.
///
/// # Safety
/// As for [`Thin::run`].
unsafe fn words<const N: usize>(sheet: &Sheet) {
    for j in 0..sheet.columns {
        for i in 0..sheet.rows {
            let word = sheet.part(i, j, 1, 1, [N, N]);
            // SAFETY: a word of the sheet.
            unsafe { word.to.cast::<[u8; N]>().write(word.from.cast::<[u8; N]>().read()) };
        }
    }
}

/// Few columns, which become few target rows.
///
/// # Safety
/// As for [`Thin::run`]; there are fewer columns than `K`, and as many rows as a tile has.
#[inline(always)]
unsafe fn split<V: Vector, const N: usize, const K: usize>(sheet: &Sheet) {
    let (height, used, pitch) = (K * V::LANES, sheet.columns * N, sheet.pitch);
    for row in (0..sheet.rows).step_by(height) {
        let row = row.min(sheet.rows - height);
        let part = sheet.part(row, 0, height, sheet.columns, [N, N]);
        // Rows that lie behind the last one of the tile in memory.
        let behind = if pitch > 0 { sheet.rows - row - height } else { row };
        // Bytes between rows further apart may be in pages that nobody may read.
        let strays = |i: usize| part.from.wrapping_offset(i as isize * pitch).addr() % PAGE > PAGE - 16;
        let is_last = behind * pitch.unsigned_abs() + used < 16;
        let mut room = [0u8; TILE];
        let (mut from, mut step) = (part.from, pitch);
        // SAFETY: 16 bytes of each row of the tile are within the sheet and its pages, or are those of the room.
        unsafe {
            if is_last || pitch.unsigned_abs() > PAGE && (0..height).any(strays) {
                for i in 0..height {
                    let to = room.as_mut_ptr().add(i * 16);
                    to.copy_from_nonoverlapping(part.from.offset(i as isize * pitch), used);
                }
                (from, step) = (room.as_ptr(), 16);
            }
            let mut vectors = [V::gather(from, step * K as isize); K];
            unrolled!(j < K, {
                vectors[j] = V::gather(from.offset(j as isize * step), step * K as isize);
            });
            let vectors = turned::<V, N, K>(vectors);
            unrolled!(j < K, {
                if j < sheet.columns {
                    vectors[j].store(part.to.offset(j as isize * sheet.target_pitch));
                }
            });
        }
    }
}

/// Few rows, which become short target rows without gaps.
///
/// # Safety
/// As for [`Thin::run`]; there are fewer rows than `K`, and as many columns as a tile has.
#[inline(always)]
unsafe fn merge<V: Vector, const N: usize, const K: usize>(sheet: &Sheet) {
    let (width, used) = (K * V::LANES, sheet.rows * N);
    let mut room = MaybeUninit::<[u8; TILE]>::uninit();
    let room = room.as_mut_ptr().cast::<u8>();
    for column in (0..sheet.columns).step_by(width) {
        let column = column.min(sheet.columns - width);
        let part = sheet.part(0, column, sheet.rows, width, [N, N]);
        // Bytes of the target behind the last row of the tile.
        let behind = (sheet.columns - column - width) * used;
        let to = part.to;
        // SAFETY: the rows of the tile; what the target has no place for goes to the room.
        unsafe {
            let mut vectors = [V::gather(part.from, 16); K];
            unrolled!(j < K, {
                if j > 0 && j < sheet.rows {
                    vectors[j] = V::gather(part.from.offset(j as isize * sheet.pitch), 16);
                }
            });
            let vectors = turned::<V, N, K>(vectors);
            let fits = behind + used >= 16;
            lanes(&vectors, if fits { to } else { room }, used);
            if !fits {
                to.copy_from_nonoverlapping(room, width * used);
            }
        }
    }
}

/// Writes the first lane of each vector, the second one of each and so on, so many bytes apart.
///
/// # Safety
/// There is room for all, and the processor has the instructions of `V`.
#[inline(always)]
unsafe fn lanes<V: Vector, const K: usize>(vectors: &[V; K], to: *mut u8, step: usize) {
    /// One lane of all vectors.
    macro_rules! lane {
        ($($lane:literal)*) => {
            $(if $lane < V::LANES {
                unrolled!(j < K, { vectors[j].store_lane::<$lane>(to.add(($lane * K + j) * step)) });
            })*
        };
    }
    // SAFETY: as the caller promises.
    unsafe {
        lane!(0 1 2 3);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::engine::host::fenced::{Fenced, PAGE};
    use crate::engine::host::vector::Portable;

    unsafe fn portable<const N: usize, const K: usize, const MERGE: bool>(sheet: &Sheet) {
        // SAFETY: as the caller promises.
        unsafe { thin::<Portable, N, K, MERGE>(sheet, words::<N>) }
    }

    /// A sheet in fenced memory, its rows so many bytes apart, forwards or backwards.
    fn check(run: Loop, size: usize, counts: [usize; 2], gaps: [usize; 2], memory: &mut [Fenced; 2]) {
        let [rows, columns] = counts;
        let pitches = [columns * size + gaps[0], rows * size + gaps[1]];
        let spans = [(rows - 1) * pitches[0] + columns * size, (columns - 1) * pitches[1] + rows * size];
        for (source_end, is_backwards) in [(true, false), (false, false), (true, true), (false, true)] {
            let [source, target] = memory;
            let source = source.bytes(spans[0], source_end);
            source.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 167 + (i >> 8) * 13) as u8);
            let target = target.bytes(spans[1], !source_end);
            target.fill(0xA5);
            let mut expected = target.to_vec();
            for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
                let row = if is_backwards { rows - 1 - i } else { i };
                let word = &source[row * pitches[0] + j * size..][..size];
                expected[j * pitches[1] + i * size..][..size].copy_from_slice(word);
            }
            let (mut from, mut pitch) = (source.as_ptr(), pitches[0] as isize);
            if is_backwards {
                (from, pitch) = (source[(rows - 1) * pitches[0]..].as_ptr(), -pitch);
            }
            let (to, target_pitch) = (target.as_mut_ptr(), pitches[1] as isize);
            let sheet = Sheet { from, pitch, to, target_pitch, rows, columns };
            // SAFETY: the words of the sheet are those of the slices.
            unsafe { run(&sheet) };
            assert!(target == expected, "{size} bytes {counts:?} {gaps:?} {source_end} {is_backwards}");
        }
    }

    fn check_all<const N: usize, const K: usize>() {
        let mut memory = [Fenced::new(8), Fenced::new(8)];
        let portable: [Loop; 2] = [portable::<N, K, false>, portable::<N, K, true>];
        for [split, merge] in Isa::ALL.map(pick::<N, K>).into_iter().chain([portable]) {
            for few in 1..K {
                for many in (1..2 * K + 3).chain([63, 64, 65, 66, 67, 127, 128, 129, 200, 300]) {
                    for gap in [0, 1, 3, 100] {
                        if (gap + few * N) * many < 7 * 4096 {
                            check(split, N, [many, few], [gap, 7 * gap], &mut memory);
                            check(merge, N, [few, many], [gap, 0], &mut memory);
                        }
                    }
                }
            }
        }
    }

    /// Rows that end where a page does, the pages between them being closed, in any order.
    fn check_pages<const N: usize, const K: usize>() {
        const ROWS: usize = 70;
        let (mut memory, words) = (Fenced::new(2 * ROWS), (K - 1) * N);
        let start = memory.bytes(2 * ROWS * PAGE, false).as_mut_ptr();
        for i in 0..ROWS {
            // SAFETY: the last words of a page, and the one behind it, which nobody uses.
            unsafe {
                start.add((2 * i + 1) * PAGE - words).write_bytes(i as u8 + 1, words);
                assert_eq!(libc::mprotect(start.add((2 * i + 1) * PAGE).cast(), PAGE, libc::PROT_NONE), 0);
            }
        }
        let portable: Loop = portable::<N, K, false>;
        for split in Isa::ALL.map(|isa| pick::<N, K>(isa)[0]).into_iter().chain([portable]) {
            for (rows, columns) in [16, 33, 64, ROWS].into_iter().flat_map(|n| (2..K).map(move |k| (n, k))) {
                for is_backwards in [false, true] {
                    let (pitch, first) = if is_backwards { (-2, rows - 1) } else { (2, 0) };
                    let mut target = vec![0; rows * columns * N];
                    let sheet = Sheet {
                        from: start.wrapping_add((2 * first + 1) * PAGE - columns * N),
                        pitch: pitch * PAGE as isize,
                        to: target.as_mut_ptr(),
                        target_pitch: (rows * N) as isize,
                        rows,
                        columns,
                    };
                    // SAFETY: the words at the ends of the pages.
                    unsafe { split(&sheet) };
                    let row = |i: usize| if is_backwards { rows - i } else { i + 1 };
                    assert!(target.iter().enumerate().all(|(i, x)| usize::from(*x) == row(i / N % rows)));
                }
            }
        }
    }

    #[test]
    fn no_page_between_the_rows_of_a_thin_sheet_is_read() {
        check_pages::<1, 16>();
        check_pages::<2, 8>();
        check_pages::<4, 4>();
    }

    #[test]
    fn every_loop_moves_each_word_of_a_thin_sheet_and_touches_no_byte_beside_it() {
        check_all::<1, 16>();
        check_all::<2, 8>();
        check_all::<4, 4>();
    }
}
