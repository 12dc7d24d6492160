//! Transposing sheets of words in registers.
//!
//! A tile is `LANES · K` source rows of 16 bytes, `K` words each. Vector `j` takes row `j` into its first lane, row
//! `j + K` into its second and so on; then every lane holds one column of `K × K` words, and log2 `K` rounds of
//! interleaving the first half of the vectors with the second transpose all lanes at once. Each vector is now a run
//! of one target row. Edges are tiles moved back so that they end there: they write some words again.
//!
//! Where four lanes make a vector, it is a line of the target, which can be written past the caches.

use std::ops::Range;
use std::ptr;

use super::isa::Isa;
use super::sheet::Sheet;
use super::stream;
use super::vector::{Lane, Vector};

pub(super) use super::stream::LINE;

/// Bytes of a source row that are read before the next rows are: so few that the processor knows the pages of all target
/// rows that they go to.
const BLOCK: usize = 4096;

/// The block for each `j` below a count of at most 16, written out: vectors of a loop would not stay in registers.
macro_rules! unrolled {
    ($j:ident < $count:expr, $block:block) => {
        unrolled!($j < $count, $block, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    ($j:ident < $count:expr, $block:block, $($n:literal)*) => {
        $(if $n < $count {
            let $j = $n;
            $block
        })*
    };
}
pub(super) use unrolled;

/// Rows that are read next, and are fetched line by line while tiles are turned.
#[derive(Clone, Copy)]
pub struct Ahead<'a> {
    /// The row at hand.
    row: *const u8,
    /// Bytes from one row to the next, where they have no places of their own.
    pitch: isize,
    /// What places count from, and those of the rows after the one at hand.
    from: *const u8,
    places: &'a [isize],
    /// Bytes of a row, and how many of them are fetched.
    count: usize,
    done: usize,
    /// Rows that are left.
    rows: usize,
}

impl<'a> Ahead<'a> {
    /// Nothing is fetched.
    pub const NOTHING: Self =
        Self { row: ptr::null(), pitch: 0, from: ptr::null(), places: &[], count: 0, done: 0, rows: 0 };

    /// The words of `sheet`, which have `size` bytes.
    pub fn of(sheet: &Sheet, size: usize) -> Self {
        let (row, pitch, rows) = (sheet.from, sheet.pitch, sheet.rows);
        Self { row, pitch, count: sheet.columns * size, rows, ..Self::NOTHING }
    }

    /// `count` bytes of rows that are so many bytes from `from`.
    pub fn at(from: *const u8, places: &'a [isize], count: usize) -> Self {
        let Some((first, rest)) = places.split_first() else { return Self::NOTHING };
        let row = from.wrapping_offset(*first);
        Self { row, from, places: rest, count, rows: places.len(), ..Self::NOTHING }
    }

    /// [`fetch`](Self::fetch) by a call, for loops that need their registers and have nothing to fetch mostly.
    #[inline(always)]
    fn fetch_aside(&mut self, lines: usize) {
        #[cold]
        #[inline(never)]
        fn fetch(ahead: &mut Ahead, lines: usize) {
            ahead.fetch(lines);
        }
        if self.rows > 0 {
            fetch(self, lines);
        }
    }

    /// Fetches some lines more.
    #[inline(always)]
    fn fetch(&mut self, lines: usize) {
        for _ in 0..lines {
            if self.rows == 0 {
                return;
            }
            // From the line in which the row begins to the one in which it ends.
            let before = self.row.addr() % LINE;
            stream::fetch(self.row.wrapping_sub(before).wrapping_add(self.done));
            self.done += LINE;
            if self.done >= self.count + before {
                self.row = match self.places.split_first() {
                    Some((place, rest)) => {
                        self.places = rest;
                        self.from.wrapping_offset(*place)
                    }
                    None => self.row.wrapping_offset(self.pitch),
                };
                self.done = 0;
                self.rows -= 1;
            }
        }
    }
}

/// Rows of words that lie anywhere; their columns become rows of the target.
#[derive(Clone, Copy)]
pub struct Scattered<'a> {
    /// What the places of rows count from.
    pub from: *const u8,
    /// Bytes from there to each row.
    pub rows: &'a [isize],
    /// Words of a row.
    pub columns: usize,
    /// The first word of the target.
    pub to: *mut u8,
    /// Bytes from one target row to the next.
    pub target_pitch: isize,
}

/// A loop over the tiles of a sheet.
type Tiles = unsafe fn(&Sheet, &mut Ahead);

/// A loop over the tiles of rows that lie anywhere.
type Apart = unsafe fn(&Scattered, &mut Ahead);

/// The way to transpose sheets of words of one size.
#[derive(Clone, Copy)]
pub struct Transposer {
    run: Tiles,
    apart: Option<Apart>,
    stream: Option<Tiles>,
    least: usize,
}

impl Transposer {
    /// For words of `size` bytes; `None` where there is none.
    pub fn new(size: usize, isa: Isa) -> Option<Self> {
        let (run, stream) = match size {
            1 => pick::<1, 16>(isa),
            2 => pick::<2, 8>(isa),
            4 => pick::<4, 4>(isa),
            8 => pick::<8, 2>(isa),
            16 => pick::<16, 1>(isa),
            _ => return None,
        };
        let apart = match size {
            1 => Some(pick_apart::<1, 16>(isa)),
            2 => Some(pick_apart::<2, 8>(isa)),
            4 => Some(pick_apart::<4, 4>(isa)),
            8 => Some(pick_apart::<8, 2>(isa)),
            _ => None,
        };
        Some(Self { run, apart, stream, least: 16 / size })
    }

    /// The rows and columns of a tile, the fewest that a sheet may have.
    pub fn least(self) -> usize {
        self.least
    }

    /// Whether there is a loop over rows that lie anywhere.
    pub fn scatters(self) -> bool {
        self.apart.is_some()
    }

    /// Whether there is a loop that writes whole lines past the caches.
    pub fn streams(self) -> bool {
        self.stream.is_some()
    }

    /// Transposes `sheet`.
    ///
    /// # Safety
    /// All words of the source are readable and all of the target writable, no byte belongs to both, and
    /// there is room for a tile.
    pub unsafe fn run(self, sheet: &Sheet, ahead: &mut Ahead) {
        debug_assert!(sheet.rows.min(sheet.columns) >= self.least);
        // SAFETY: as the caller promises; the processor has the instructions, or `pick` had not given them.
        unsafe { (self.run)(sheet, ahead) }
    }

    /// Transposes rows that lie anywhere, a line of each at a time if there are no more columns than a line has words.
    ///
    /// # Safety
    /// As for [`run`](Self::run). There is a loop for them.
    pub unsafe fn apart(self, sheet: &Scattered, ahead: &mut Ahead) {
        debug_assert!(sheet.rows.len().min(sheet.columns) >= self.least);
        let Some(apart) = self.apart else { unreachable!("asked for before") };
        // SAFETY: as the caller promises; the processor has the instructions, or `pick` had not given them.
        unsafe { apart(sheet, ahead) }
    }

    /// Transposes `sheet` past the caches; [`stream::finish`] must follow.
    ///
    /// # Safety
    /// As for [`run`](Self::run). Target rows are whole lines, and there is a loop that writes such.
    pub unsafe fn stream(self, sheet: &Sheet, ahead: &mut Ahead) {
        debug_assert_eq!(sheet.to.align_offset(LINE) | (sheet.target_pitch as usize % LINE), 0);
        debug_assert_eq!(sheet.rows * 16 / self.least % LINE, 0);
        debug_assert!(sheet.columns >= self.least);
        let Some(stream) = self.stream else { unreachable!("asked for before") };
        // SAFETY: as the caller promises; the processor has the instructions, or `pick` had not given them.
        unsafe { stream(sheet, ahead) }
    }
}

fn pick<const N: usize, const K: usize>(isa: Isa) -> (Tiles, Option<Tiles>) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if isa.is_available() => (avx512::<N, K>, Some(avx512_lines::<N, K>)),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if isa.is_available() => (avx2::<N, K>, None),
        _ => (baseline::<N, K>, None),
    }
}

fn pick_apart<const N: usize, const K: usize>(isa: Isa) -> Apart {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if isa.is_available() => avx512_apart::<N, K>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if isa.is_available() => avx2_apart::<N, K>,
        _ => baseline_apart::<N, K>,
    }
}

/// # Safety
/// As for [`Transposer::apart`].
unsafe fn baseline_apart<const N: usize, const K: usize>(sheet: &Scattered, ahead: &mut Ahead) {
    // SAFETY: as the caller promises.
    unsafe { apart::<Lane, N, K>(sheet, ahead) }
}

/// Tiles of one lane.
///
/// # Safety
/// As for [`Transposer::apart`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline(never)]
unsafe fn avx2_lane_apart<const N: usize, const K: usize>(sheet: &Scattered, ahead: &mut Ahead) {
    // SAFETY: as the caller promises.
    unsafe { apart::<Lane, N, K>(sheet, ahead) }
}

/// # Safety
/// As for [`Transposer::apart`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2_apart<const N: usize, const K: usize>(sheet: &Scattered, ahead: &mut Ahead) {
    // SAFETY: as the caller promises; what has fewer rows than a tile of two lanes has enough for one of one.
    unsafe {
        match sheet.rows.len() < 2 * K {
            true => avx2_lane_apart::<N, K>(sheet, ahead),
            false => apart::<std::arch::x86_64::__m256i, N, K>(sheet, ahead),
        }
    }
}

/// # Safety
/// As for [`Transposer::apart`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512_apart<const N: usize, const K: usize>(sheet: &Scattered, ahead: &mut Ahead) {
    // SAFETY: as the caller promises; likewise.
    unsafe {
        match sheet.rows.len() < 4 * K {
            true => avx2_lane_apart::<N, K>(sheet, ahead),
            false => apart::<std::arch::x86_64::__m512i, N, K>(sheet, ahead),
        }
    }
}

/// # Safety
/// As for [`Transposer::run`].
unsafe fn baseline<const N: usize, const K: usize>(sheet: &Sheet, ahead: &mut Ahead) {
    // SAFETY: as the caller promises.
    unsafe { tiles::<Lane, N, K>(sheet, ahead) }
}

/// Tiles of one lane.
///
/// # Safety
/// As for [`Transposer::run`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline(never)]
unsafe fn avx2_lane<const N: usize, const K: usize>(sheet: &Sheet, ahead: &mut Ahead) {
    // SAFETY: as the caller promises.
    unsafe { tiles::<Lane, N, K>(sheet, ahead) }
}

/// # Safety
/// As for [`Transposer::run`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline(never)]
unsafe fn avx2<const N: usize, const K: usize>(sheet: &Sheet, ahead: &mut Ahead) {
    // SAFETY: as the caller promises; what has fewer rows than a tile of two lanes has enough for one of one.
    unsafe {
        match sheet.rows < 2 * K {
            true => avx2_lane::<N, K>(sheet, ahead),
            false => tiles::<std::arch::x86_64::__m256i, N, K>(sheet, ahead),
        }
    }
}

/// # Safety
/// As for [`Transposer::run`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512<const N: usize, const K: usize>(sheet: &Sheet, ahead: &mut Ahead) {
    // SAFETY: as the caller promises; likewise.
    unsafe {
        match sheet.rows < 4 * K {
            true => avx2::<N, K>(sheet, ahead),
            false => tiles::<std::arch::x86_64::__m512i, N, K>(sheet, ahead),
        }
    }
}

/// # Safety
/// As for [`Transposer::stream`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512_lines<const N: usize, const K: usize>(sheet: &Sheet, ahead: &mut Ahead) {
    let strip = strip::<std::arch::x86_64::__m512i, N, K, true>;
    // SAFETY: as the caller promises.
    unsafe { strip(sheet, 0..sheet.rows, 0..sheet.columns, ahead) }
}

/// # Safety
/// As for [`Transposer::run`], on a processor that has the instructions of `V`, with room for a tile of it.
#[inline(always)]
unsafe fn tiles<V: Vector, const N: usize, const K: usize>(sheet: &Sheet, ahead: &mut Ahead) {
    // Target rows that begin in few sets of the first-level cache are better written from end to end.
    let are_alike = N >= 8 && sheet.target_pitch % 2048 == 0;
    let width = if are_alike { LINE } else { BLOCK } / N;
    let mut left = 0;
    while left < sheet.columns {
        let right = sheet.columns.min(left + width);
        let mut top = 0;
        while top < sheet.rows {
            let bottom = sheet.rows.min(top + LINE / N);
            // SAFETY: as the caller promises.
            unsafe { strip::<V, N, K, false>(sheet, top..bottom, left..right, ahead) };
            top = bottom;
        }
        left = right;
    }
}

/// Rows that become a vector of the target, one tile after the other.
///
/// # Safety
/// As for [`Transposer::apart`], on a processor that has the instructions of `V`, with room for a tile of it.
#[inline(always)]
unsafe fn apart<V: Vector, const N: usize, const K: usize>(sheet: &Scattered, ahead: &mut Ahead) {
    let height = K * V::LANES;
    for row in (0..sheet.rows.len()).step_by(height) {
        let row = row.min(sheet.rows.len() - height);
        let places = &sheet.rows[row..row + height];
        for column in (0..sheet.columns).step_by(K) {
            let column = column.min(sheet.columns - K);
            ahead.fetch_aside((height * 16).div_ceil(LINE));
            // SAFETY: the tile is a part of the sheet, and `places` has as many rows as it.
            unsafe {
                let from = sheet.from.wrapping_add(column * N);
                let row_of = |i: usize| from.wrapping_offset(*places.get_unchecked(i));
                let to = sheet.to.offset(column as isize * sheet.target_pitch).add(row * N);
                tile::<V, N, K, false>(|j, lane| row_of(j + lane * K), to, sheet.target_pitch);
            }
        }
    }
}

/// The tiles of some rows and columns, those that become the same target rows together.
///
/// # Safety
/// As for [`tiles`]; the ranges are within the sheet. Target rows are whole lines when they are streamed.
#[inline(always)]
unsafe fn strip<V: Vector, const N: usize, const K: usize, const STREAM: bool>(
    sheet: &Sheet,
    rows: Range<usize>,
    columns: Range<usize>,
    ahead: &mut Ahead,
) {
    let height = K * V::LANES;
    // Where a vector is a line, ordinary strips have no second tile below the first: that loop would take registers.
    let is_one = !STREAM && height * N == LINE;
    let mut left = columns.start;
    while left < columns.end {
        let column = left.min(sheet.columns - K);
        let mut top = rows.start;
        loop {
            let row = top.min(sheet.rows - height);
            // As many lines as the tile has bytes for.
            let lines = (height * 16).div_ceil(LINE);
            if STREAM {
                ahead.fetch(lines)
            } else {
                ahead.fetch_aside(lines)
            }
            // SAFETY: the tile is a part of the sheet.
            unsafe {
                let from = sheet.from.offset(row as isize * sheet.pitch).add(column * N);
                let to = sheet.to.offset(column as isize * sheet.target_pitch).add(row * N);
                let lanes = lanes::<V>(from, sheet.pitch * K as isize);
                let row_of = |j: usize, lane: usize| lanes[lane].wrapping_offset(j as isize * sheet.pitch);
                tile::<V, N, K, STREAM>(row_of, to, sheet.target_pitch);
            }
            top += height;
            if is_one || top >= rows.end {
                break;
            }
        }
        left += K;
    }
}

/// The first row of each lane. How they came about is kept from the compiler: else it would have a register for each row of
/// a tile, more than there are.
#[expect(clippy::pointers_in_nomem_asm_block, reason = "what they point at is not touched")]
#[inline(always)]
fn lanes<V: Vector>(from: *const u8, step: isize) -> [*const u8; 4] {
    let mut lanes = [from; 4];
    for i in 1..V::LANES {
        lanes[i] = lanes[i - 1].wrapping_offset(step);
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        // SAFETY: no instruction at all.
        unsafe {
            std::arch::asm!("/* {0} */", inout(reg) lanes[i], options(pure, nomem, nostack, preserves_flags));
        }
    }
    lanes
}

/// A tile whose row for vector `j` and a lane is `row_of(j, lane)`.
///
/// # Safety
/// As for [`strip`].
#[inline(always)]
unsafe fn tile<V: Vector, const N: usize, const K: usize, const STREAM: bool>(
    row_of: impl Fn(usize, usize) -> *const u8,
    to: *mut u8,
    target_pitch: isize,
) {
    // SAFETY: as the caller promises.
    unsafe {
        let mut vectors = [V::collect(|lane| row_of(0, lane)); K];
        unrolled!(j < K, {
            vectors[j] = V::collect(|lane| row_of(j, lane));
        });
        let vectors = turned::<V, N, K>(vectors);
        unrolled!(j < K, {
            let to = to.offset(j as isize * target_pitch);
            if STREAM { vectors[j].stream(to) } else { vectors[j].store(to) }
        });
    }
}

/// The columns of the `K × K` words in each lane of `vectors`.
///
/// # Safety
/// The processor has the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn turned<V: Vector, const N: usize, const K: usize>(mut vectors: [V; K]) -> [V; K] {
    // SAFETY: as the caller promises.
    unsafe {
        if K >= 2 {
            vectors = round::<V, N, K>(vectors);
        }
        if K >= 4 {
            vectors = round::<V, N, K>(vectors);
        }
        if K >= 8 {
            vectors = round::<V, N, K>(vectors);
        }
        if K >= 16 {
            vectors = round::<V, N, K>(vectors);
        }
    }
    vectors
}

/// # Safety
/// The processor has the instructions of `V`.
#[inline(always)]
unsafe fn round<V: Vector, const N: usize, const K: usize>(vectors: [V; K]) -> [V; K] {
    let mut mixed = vectors;
    unrolled!(j < K / 2, {
        // SAFETY: as the caller promises.
        [mixed[2 * j], mixed[2 * j + 1]] = unsafe { vectors[j].interleave::<N>(vectors[j + K / 2]) };
    });
    mixed
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::engine::host::fenced::{Fenced, PAGE};
    use crate::engine::host::vector::Portable;

    type Way = (&'static str, Tiles);

    fn ways<const N: usize, const K: usize>() -> Vec<Way> {
        let mut ways: Vec<Way> = vec![("portable", tiles::<Portable, N, K>)];
        ways.extend([("baseline", pick::<N, K>(Isa::Baseline).0)]);
        let isas = [("avx2", Isa::Avx2), ("avx512", Isa::Avx512)];
        let there = isas.into_iter().filter(|(_, isa)| isa.is_available());
        ways.extend(there.map(|(name, isa)| (name, pick::<N, K>(isa).0)));
        ways
    }

    /// The sheet in fenced memory, its rows `gaps` bytes apart, against one word after the other.
    fn check(way: Way, size: usize, counts: [usize; 2], gaps: [usize; 2], memory: &mut [Fenced; 2]) {
        let [rows, columns] = counts;
        let pitches = [columns * size + gaps[0], rows * size + gaps[1]];
        let spans = [(rows - 1) * pitches[0] + columns * size, (columns - 1) * pitches[1] + rows * size];
        for (source_end, target_end) in [(false, true), (true, false)] {
            let [source, target] = memory;
            let source = source.bytes(spans[0], source_end);
            source.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 167 + (i >> 8) * 13) as u8);
            let target = target.bytes(spans[1], target_end);
            target.fill(0xA5);
            let mut expected = target.to_vec();
            for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
                let word = &source[i * pitches[0] + j * size..][..size];
                expected[j * pitches[1] + i * size..][..size].copy_from_slice(word);
            }
            let sheet = Sheet {
                from: source.as_ptr(),
                pitch: pitches[0] as isize,
                to: target.as_mut_ptr(),
                target_pitch: pitches[1] as isize,
                rows,
                columns,
            };
            // SAFETY: the words of the sheet are those of the slices.
            unsafe { way.1(&sheet, &mut Ahead::of(&sheet, size)) };
            assert!(target == expected, "{} {size} bytes {counts:?} {gaps:?}", way.0);
        }
    }

    fn check_all<const N: usize, const K: usize>() {
        let mut memory = [Fenced::new(64), Fenced::new(64)];
        let extents = [K, K + 1, 15, 16, 17, 33, 64, 65, 100, 255, 300, 513, 600];
        for way in ways::<N, K>() {
            for (i, &rows) in extents.iter().enumerate().filter(|(_, n)| **n >= K) {
                for (j, &columns) in extents.iter().enumerate().filter(|(_, n)| **n >= K) {
                    if (rows <= 65 || columns <= 65 || i == j) && rows * columns * N <= 62 * PAGE / 2 {
                        let gaps = [[0, 0], [1, 3], [64, 0], [0, 8]][(i * 3 + j) % 4];
                        check(way, N, [rows, columns], gaps, &mut memory);
                    }
                }
            }
        }
    }

    #[test]
    fn every_way_moves_each_word_and_touches_no_other_byte() {
        check_all::<1, 16>();
        check_all::<2, 8>();
        check_all::<4, 4>();
        check_all::<8, 2>();
        check_all::<16, 1>();
    }
}
