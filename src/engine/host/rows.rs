//! Rows of adjacent bytes, all equally long, copied by loops that know about how long: a row of up to two registers is
//! two moves that may overlap, whatever its length, and no call.

use std::marker::PhantomData;

use super::fill::Line;
use super::isa::Isa;
use super::vector::Lane;

/// A loop over `counts[1]` times `counts[0]` rows of `bytes` bytes, `s` bytes apart at `from` and `t` bytes apart at `to`.
pub type Rows =
    unsafe fn(from: *const u8, s: [isize; 2], to: *mut u8, t: [isize; 2], bytes: usize, counts: [usize; 2]);

/// Rows of so many bytes are stored in whole lines of the cache. The system's own copy is no faster, and where it moves
/// strings byte by byte it is 20 times slower for two sides that begin a few bytes apart within their pages.
pub(super) const LONG: usize = 4 << 10;

/// The loop for rows of `bytes` bytes, 1 or more.
///
/// # Safety of the loop
/// All rows are readable at `from` and writable at `to`, no byte belongs to both; they have as many bytes as the loop
/// was picked for.
pub fn pick(bytes: usize, isa: Isa) -> Rows {
    match bytes {
        // Registers wider than a word would be gathered word by word.
        1 => rows::<One<u8>>,
        2 => rows::<One<u16>>,
        4 => rows::<One<u32>>,
        8 => rows::<One<u64>>,
        16 => rows::<One<Lane>>,
        32 => shell::<One<HalfLine>>(isa),
        64 => shell::<One<Line>>(isa),
        3 => shell::<Two<u16>>(isa),
        5..8 => shell::<Two<u32>>(isa),
        9..16 => shell::<Two<u64>>(isa),
        17..32 => shell::<Two<Lane>>(isa),
        33..64 => shell::<Two<HalfLine>>(isa),
        65..=128 => shell::<Two<Line>>(isa),
        129..=256 => shell::<Four>(isa),
        257..LONG => shell::<Lines>(isa),
        _ => shell::<Long>(isa),
    }
}

fn shell<R: Row>(isa: Isa) -> Rows {
    match isa {
        // Two halves of a line that the first-level cache has not are stored sooner than the line.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 | Isa::Avx2 if isa.is_available() => avx2::<R>,
        _ => rows::<R>,
    }
}

/// # Safety
/// As [`pick`] says, on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn avx2<R: Row>(
    from: *const u8,
    s: [isize; 2],
    to: *mut u8,
    t: [isize; 2],
    bytes: usize,
    counts: [usize; 2],
) {
    // SAFETY: as the caller promises.
    unsafe { rows::<R>(from, s, to, t, bytes, counts) }
}

/// # Safety
/// As [`pick`] says.
#[inline(always)]
pub(super) unsafe fn rows<R: Row>(
    from: *const u8,
    s: [isize; 2],
    to: *mut u8,
    t: [isize; 2],
    bytes: usize,
    counts: [usize; 2],
) {
    for j in 0..counts[1] as isize {
        for i in 0..counts[0] as isize {
            // SAFETY: row `i` of the `j`-th time.
            unsafe { R::copy(from.offset(i * s[0] + j * s[1]), to.offset(i * t[0] + j * t[1]), bytes) };
        }
    }
}

/// Half a line of the cache.
#[cfg(target_arch = "x86_64")]
pub(super) type HalfLine = std::arch::x86_64::__m256i;

/// Half a line of the cache.
#[cfg(not(target_arch = "x86_64"))]
pub(super) type HalfLine = [u64; 4];

/// A copy of a row.
pub(super) trait Row {
    /// # Safety
    /// `bytes` bytes are readable at `from` and writable at `to`, as many as the loop is picked for, and whatever else it
    /// asks for.
    unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize);
}

/// As many bytes as one `T` has. Arrays of bytes would be kept in memory between two moves, not in a register.
struct One<T>(PhantomData<T>);
/// As many bytes as one or two `T` have.
pub(super) struct Two<T>(PhantomData<T>);
/// 128 to 256 bytes.
struct Four;
/// 64 bytes or more.
struct Lines;
/// Many lines.
struct Long;

impl<T: Copy> Row for One<T> {
    #[inline(always)]
    unsafe fn copy(from: *const u8, to: *mut u8, _: usize) {
        // SAFETY: as the caller promises; words and vectors are plain bytes.
        unsafe { to.cast::<T>().write_unaligned(from.cast::<T>().read_unaligned()) }
    }
}

impl<T: Copy> Row for Two<T> {
    #[inline(always)]
    unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
        let end = bytes - size_of::<T>();
        // SAFETY: the first and the last of at least as many bytes as there are in one; likewise.
        unsafe {
            let first = from.cast::<T>().read_unaligned();
            let last = from.add(end).cast::<T>().read_unaligned();
            to.cast::<T>().write_unaligned(first);
            to.add(end).cast::<T>().write_unaligned(last);
        }
    }
}

impl Row for Four {
    #[inline(always)]
    unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
        let end = bytes as isize;
        // SAFETY: the first and the last 128 of at least as many bytes.
        unsafe { four(from, to, [0, 64, end - 128, end - 64]) }
    }
}

/// Copies a line's bytes at each place. All are read before any is written: a processor that compares addresses by their
/// last bits would wait for writes that only seem to be where it reads.
///
/// # Safety
/// So many bytes are readable at `from` and writable at `to` at each place.
#[inline(always)]
unsafe fn four(from: *const u8, to: *mut u8, [a, b, c, d]: [isize; 4]) {
    // SAFETY: as the caller promises.
    unsafe {
        let read = |at| from.offset(at).cast::<Line>().read_unaligned();
        let write = |at, line| to.offset(at).cast::<Line>().write_unaligned(line);
        let (first, second, third, last) = (read(a), read(b), read(c), read(d));
        write(a, first);
        write(b, second);
        write(c, third);
        write(d, last);
    }
}

impl Row for Long {
    #[inline(always)]
    unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
        let first = (to as usize).wrapping_neg() % 64;
        let lines = (bytes - first) / 64;
        // Reading runs away from what has just been written, as far as the last bits of addresses tell.
        let backwards = (to as usize).wrapping_sub(from as usize) % 4096 <= 2048;
        let (mut at, step) =
            if backwards { ((first + 64 * (lines - 1)) as isize, -64) } else { (first as isize, 64) };
        // SAFETY: lines of the target, and the first and the last 64 bytes.
        unsafe {
            One::<Line>::copy(from, to, 64);
            for _ in 0..lines / 4 {
                four(from, to, [at, at + step, at + 2 * step, at + 3 * step]);
                at += 4 * step;
            }
            for _ in 0..lines % 4 {
                One::<Line>::copy(from.offset(at), to.offset(at), 64);
                at += step;
            }
            One::<Line>::copy(from.add(bytes - 64), to.add(bytes - 64), 64);
        }
    }
}

impl Row for Lines {
    #[inline(always)]
    unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
        // SAFETY: lines of 64 bytes that begin below `bytes - 64`, and the last one.
        unsafe {
            for at in (0..bytes - 64).step_by(64) {
                One::<Line>::copy(from.add(at), to.add(at), 64);
            }
            One::<Line>::copy(from.add(bytes - 64), to.add(bytes - 64), 64);
        }
    }
}

#[cfg(all(test, unix))]
pub(super) mod tests {
    use super::*;
    use crate::engine::host::fenced::Fenced;

    /// Rows in fenced memory, which lies at the ends that are asked for, with gaps between them; the innermost loop's from the
    /// last one to the first, if so. Against one row after the other.
    pub fn check(
        (name, copy): (&str, Rows),
        bytes: usize,
        (counts, gaps): ([usize; 2], [usize; 2]),
        backwards: bool,
        at_end: [bool; 2],
        memory: &mut [Fenced; 2],
    ) {
        let pitches = gaps.map(|gap| [bytes + gap, (bytes + gap) * counts[0] + gap]);
        let span = |p: [usize; 2]| (counts[0] - 1) * p[0] + (counts[1] - 1) * p[1] + bytes;
        let [source, target] = memory;
        let source = source.bytes(span(pitches[0]), at_end[0]);
        source.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 89 + (i >> 8)) as u8);
        let target = target.bytes(span(pitches[1]), at_end[1]);
        target.fill(0x5A);
        let mut expected = target.to_vec();
        for (i, j) in (0..counts[0]).flat_map(|i| (0..counts[1]).map(move |j| (i, j))) {
            let row = if backwards { counts[0] - 1 - i } else { i };
            let [from, to] = [(row, pitches[0]), (i, pitches[1])].map(|(i, p)| i * p[0] + j * p[1]);
            expected[to..][..bytes].copy_from_slice(&source[from..][..bytes]);
        }
        let [mut s, t] = pitches.map(|p| p.map(|pitch| pitch as isize));
        let mut from = source.as_ptr();
        if backwards {
            from = source[(counts[0] - 1) * pitches[0][0]..].as_ptr();
            s[0] = -s[0];
        }
        // SAFETY: the rows are those of the slices, and as the loop wants them.
        unsafe { copy(from, s, target.as_mut_ptr(), t, bytes, counts) };
        assert!(target == expected, "{name}: {bytes} bytes {counts:?} {gaps:?} {backwards}");
    }

    #[test]
    fn rows_of_any_length_arrive_whole_and_nothing_between_them_is_touched() {
        let mut memory = [Fenced::new(2), Fenced::new(2)];
        let lengths = (1..300).chain([511, 512, 513, 4095]).chain(4096..4170).chain([4351, 4352, 4353, 5000]);
        for (bytes, isa) in lengths.flat_map(|n| Isa::ALL.map(|isa| (n, isa))) {
            let (name, at_end) = (format!("{isa:?}"), [bytes % 2 == 0, bytes % 3 > 0]);
            let grids = [[1, 1], [7, 1], [9, 2], [2, 3]];
            for grid in grids.into_iter().zip([[0, 0], [3, 0], [0, 5], [1, 64]]) {
                check((&name, pick(bytes, isa)), bytes, grid, false, at_end, &mut memory);
            }
        }
    }
}
