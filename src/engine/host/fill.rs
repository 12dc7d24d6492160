//! Rows that repeat one word each: a register full of it, stored over and over.

use std::mem::transmute;
use std::ptr;

use super::isa::Isa;
use super::memory::Mover;
use super::stream;
use crate::engine::plan::{Loop, Plan};

/// Rows of one word each, distances in bytes.
#[derive(Clone, Copy)]
pub struct Job {
    /// Bytes of a word, a power of two up to 16, and whether they are turned round.
    pub size: usize,
    pub turns: bool,
    /// The word of the first row, and how far it is to that of the next one.
    pub from: *const u8,
    pub step: isize,
    /// The first row, and how far it is to the next one.
    pub to: *mut u8,
    pub pitch: isize,
    /// Bytes of a row, and how many rows there are.
    pub bytes: usize,
    pub rows: usize,
    /// Whether they are streamed, and [`stream::finish`] follows.
    pub streams: bool,
}

impl Job {
    /// The two innermost loops of a plan that repeats words in adjacent ones, from nowhere to nowhere; nothing where
    /// they are not moved as words.
    pub fn of(plan: &Plan, mover: Mover) -> Option<Self> {
        let (size, turns) = match mover {
            Mover::Word(size) => (usize::from(size), false),
            Mover::Reversed(size) => (usize::from(size), true),
            Mover::Bytes { .. } | Mover::Bits { .. } => return None,
        };
        let [row, rows] = [0, 1].map(|i| plan.loops.get(i).copied().unwrap_or(Loop::ONCE));
        let [step, pitch] = [rows.source, rows.target].map(|bits| (bits >> 3) as isize);
        let (bytes, rows) = (row.extent as usize * size, rows.extent as usize);
        let (from, to) = (ptr::null(), ptr::null_mut());
        Some(Self { size, turns, from, step, to, pitch, bytes, rows, streams: false })
    }
}

/// A loop over rows.
pub type Fill = unsafe fn(&Job);

/// Bytes of a register full of words.
const LINE: usize = 64;

/// Rows of so many bytes are stored in whole lines of the cache.
const ALIGNED: usize = 256;

/// Whether words that are moved so fill rows.
pub fn knows(mover: Mover) -> bool {
    matches!(mover, Mover::Word(_) | Mover::Reversed(_))
}

/// The loop for words of `size` bytes.
///
/// # Safety of the loop
/// All words are readable, all rows are whole words and writable, and no byte belongs to both.
pub fn pick(size: usize, isa: Isa) -> Fill {
    match size {
        1 => shell::<u8>(isa),
        2 => shell::<u16>(isa),
        4 => shell::<u32>(isa),
        8 => shell::<u64>(isa),
        _ => shell::<u128>(isa),
    }
}

fn shell<W: Word>(isa: Isa) -> Fill {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if isa.is_available() => avx512::<W>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if isa.is_available() => avx2::<W>,
        _ => run::<W>,
    }
}

/// # Safety
/// As [`pick`] says, on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2<W: Word>(job: &Job) {
    // SAFETY: as the caller promises.
    unsafe { run::<W>(job) }
}

/// # Safety
/// As [`pick`] says, on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512<W: Word>(job: &Job) {
    // SAFETY: as the caller promises.
    unsafe { run::<W>(job) }
}

/// A register full of words, which the compiler keeps in one piece.
#[cfg(target_arch = "x86_64")]
pub(super) type Line = std::arch::x86_64::__m512i;
#[cfg(target_arch = "x86_64")]
type Half = std::arch::x86_64::__m256i;

/// A register full of words, or several.
#[cfg(not(target_arch = "x86_64"))]
pub(super) type Line = [u64; 8];
#[cfg(not(target_arch = "x86_64"))]
type Half = [u64; 4];

/// A word, and 16 bytes full of it.
trait Word: Copy {
    fn turned(self) -> Self;
    fn repeated(self) -> u128;
}

macro_rules! words {
    ($($word:ty),+) => {$(
        impl Word for $word {
            #[inline(always)]
            fn turned(self) -> Self {
                self.swap_bytes()
            }

            #[inline(always)]
            fn repeated(self) -> u128 {
                let half = u64::from(self).wrapping_mul(u64::MAX / u64::from(Self::MAX));
                u128::from(half) << 64 | u128::from(half)
            }
        }
    )+};
}

words!(u8, u16, u32, u64);

impl Word for u128 {
    #[inline(always)]
    fn turned(self) -> Self {
        self.swap_bytes()
    }

    #[inline(always)]
    fn repeated(self) -> u128 {
        self
    }
}

/// # Safety
/// As [`pick`] says.
#[inline(always)]
unsafe fn run<W: Word>(job: &Job) {
    for j in 0..job.rows as isize {
        // SAFETY: the word and the place of row `j`.
        unsafe {
            let word = job.from.offset(j * job.step).cast::<W>().read_unaligned();
            let word = if job.turns { word.turned() } else { word };
            row(word.repeated(), size_of::<W>(), job.to.offset(j * job.pitch), job.bytes, job.streams);
        }
    }
}

/// Writes words over `bytes` bytes. Stores may overlap: each begins where a word does.
///
/// # Safety
/// So many bytes are writable, they are whole words of `size` bytes, of which `pattern` is full.
#[inline(always)]
unsafe fn row(pattern: u128, size: usize, to: *mut u8, bytes: usize, streams: bool) {
    let [a, b] = halves(pattern);
    // SAFETY: as the caller promises; all stores end where the row does. Lines are plain bytes.
    unsafe {
        match bytes {
            ALIGNED.. => long(pattern, size, to, bytes, streams),
            LINE.. => {
                let line = line(pattern);
                for at in (0..bytes - LINE).step_by(LINE) {
                    to.add(at).cast::<Line>().write_unaligned(line);
                }
                to.add(bytes - LINE).cast::<Line>().write_unaligned(line);
            }
            32.. => twice(transmute::<[u64; 4], Half>([a, b, a, b]), to, bytes),
            16.. => twice(pattern, to, bytes),
            8.. => twice(a, to, bytes),
            4.. => twice(part::<4>(pattern), to, bytes),
            2.. => twice(part::<2>(pattern), to, bytes),
            1 => to.write(part::<1>(pattern)[0]),
            0 => {}
        }
    }
}

/// Both halves as they lie in memory.
#[inline(always)]
fn halves(pattern: u128) -> [u64; 2] {
    let [low, high] = [pattern as u64, (pattern >> 64) as u64];
    if cfg!(target_endian = "big") { [high, low] } else { [low, high] }
}

/// The first bytes.
#[inline(always)]
fn part<const N: usize>(pattern: u128) -> [u8; N] {
    let bytes = pattern.to_ne_bytes();
    std::array::from_fn(|i| bytes[i])
}

#[inline(always)]
fn line(pattern: u128) -> Line {
    let [a, b] = halves(pattern);
    // SAFETY: plain bytes on both sides.
    unsafe { transmute::<[u64; 8], Line>([a, b, a, b, a, b, a, b]) }
}

/// Stores `words` at the start and at the end of at most twice as many bytes.
///
/// # Safety
/// As for [`row`].
#[inline(always)]
unsafe fn twice<T: Copy>(words: T, to: *mut u8, bytes: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        to.cast::<T>().write_unaligned(words);
        to.add(bytes - size_of::<T>()).cast::<T>().write_unaligned(words);
    }
}

/// [`row`] in whole lines of the cache but for its ends.
///
/// # Safety
/// As there, for [`ALIGNED`] bytes or more.
#[inline(always)]
unsafe fn long(pattern: u128, size: usize, to: *mut u8, bytes: usize, streams: bool) {
    let head = (to as usize).wrapping_neg() % LINE;
    // Where lines begin, within a word.
    let bits = (head % size * 8) as u32;
    let turned =
        if cfg!(target_endian = "big") { pattern.rotate_left(bits) } else { pattern.rotate_right(bits) };
    let (ends, inner) = (line(pattern), line(turned));
    // SAFETY: lines that begin below `bytes - LINE`, and the first and the last one.
    unsafe {
        twice(ends, to, bytes);
        if streams {
            stream::repeat(&inner, to.add(head), (bytes - LINE - head).div_ceil(LINE));
        } else {
            for at in (head..bytes - LINE).step_by(LINE) {
                to.add(at).cast::<Line>().write_unaligned(inner);
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::engine::host::fenced::Fenced;

    const MOVERS: [Mover; 8] = [
        Mover::Word(1),
        Mover::Word(2),
        Mover::Word(4),
        Mover::Word(8),
        Mover::Word(16),
        Mover::Reversed(2),
        Mover::Reversed(4),
        Mover::Reversed(8),
    ];

    /// Fills rows of `count` words and demands that they and nothing else have been written.
    fn check(memory: &mut Fenced, (mover, isa): (Mover, Isa), count: usize, shift: usize, streams: bool) {
        let (size, turns) = match mover {
            Mover::Word(size) => (usize::from(size), false),
            Mover::Reversed(size) => (usize::from(size), true),
            _ => unreachable!("words"),
        };
        let (bytes, gap, rows) = (count * size, count % 4, 1 + count % 3);
        let words: Vec<u8> = (0..rows * size).map(|i| (i * 37 + 11) as u8).collect();
        let span = rows * (bytes + gap) - gap;
        let at_end = !count.is_multiple_of(2);
        let storage = memory.bytes(span + shift, at_end);
        storage.fill(0x5A);
        let mut expected = storage.to_vec();
        let start = if at_end { 0 } else { shift };
        for (j, word) in words.chunks(size).enumerate() {
            let mut word = word.to_vec();
            if turns {
                word.reverse();
            }
            expected[start + j * (bytes + gap)..][..bytes].copy_from_slice(&word.repeat(count));
        }
        let job = Job {
            size,
            turns,
            from: words.as_ptr(),
            step: size as isize,
            to: storage[start..].as_mut_ptr(),
            pitch: (bytes + gap) as isize,
            bytes,
            rows,
            streams,
        };
        // SAFETY: the rows are those of the slice.
        unsafe { pick(size, isa)(&job) };
        stream::finish();
        assert!(storage == expected, "{count} words {mover:?} {isa:?} {shift} {streams}");
    }

    #[test]
    fn rows_of_any_length_are_full_of_their_word_at_any_address_and_nothing_else_is_touched() {
        let mut memory = Fenced::new(1);
        for way in MOVERS.iter().flat_map(|mover| Isa::ALL.map(|isa| (*mover, isa))) {
            for count in (0..300).chain([511, 513, 1000]) {
                check(&mut memory, way, count, [0, 1, 3, 8, 61][count % 5], count % 7 == 0);
            }
            for shift in 0..64 {
                check(&mut memory, way, 99, shift, false);
                check(&mut memory, way, 400, shift, true);
            }
        }
    }
}
