//! Runs of bytes written past the caches: for targets too large to stay in them, whose lines an ordinary store would
//! first have to read.

#[cfg(target_arch = "x86_64")]
use std::marker::PhantomData;

use super::fill::Line;
use super::isa::Isa;
use super::rows::{self, Rows};
#[cfg(target_arch = "x86_64")]
use super::rows::{HalfLine, Row, Two};
#[cfg(target_arch = "x86_64")]
use super::vector::{Lane, Vector};

/// Bytes of a cache line.
pub(super) const LINE: usize = 64;

/// Bytes of both sides up to which the last cache is taken to hold them beside what others do: targets of more are streamed.
/// Tests stream less.
pub(in crate::engine) const HELD: usize = if cfg!(test) { 8 << 20 } else { 16 << 20 };

/// The same where several threads may share the work: each brings caches of its own, while memory takes no more from two than
/// from one.
pub(in crate::engine) const HELD_BY_ALL: usize = if cfg!(test) { 12 << 20 } else { 24 << 20 };

/// Bytes from which on targets that are only written are streamed: on processors with a last cache of 32 MiB ordinary stores
/// were as fast where it did not have them, and several times as fast where it did. Tests stream smaller ones.
pub(super) const FILL_FROM: usize = if cfg!(test) { HELD } else { 32 << 20 };

/// Rows of fewer bytes are not streamed, each of which begins and ends within a line that it shares with others and that
/// is stored as always: that takes up to three times as long.
pub(super) const ROW: i64 = 1 << 10;

/// Copies `count` bytes; [`finish`] must follow before other threads may read them.
///
/// # Safety
/// So many bytes are readable at `from` and writable at `to`, and they do not overlap.
pub unsafe fn copy(from: *const u8, to: *mut u8, count: usize) {
    // SAFETY: as the caller promises; the processor has the instructions that were chosen.
    unsafe { copier()(from, to, count) }
}

/// The loop of [`copy`], for who calls it often.
pub fn copier() -> Copy {
    pick(Isa::chosen()).0
}

/// Writes `line` so many times; [`finish`] must follow.
///
/// # Safety
/// The lines are writable, and `to` is aligned to them.
pub unsafe fn repeat(line: &Line, to: *mut u8, lines: usize) {
    // SAFETY: as the caller promises; the processor has the instructions that were chosen.
    unsafe { pick(Isa::chosen()).1(line, to, lines) }
}

/// The loop for rows that are whole lines of the target; [`finish`] must follow.
///
/// # Safety of the loop
/// As for that of [`rows::pick`]; every row begins and ends with a line of the target.
#[cfg(target_arch = "x86_64")]
pub fn rows(_: usize, isa: Isa) -> Rows {
    use std::arch::x86_64::{__m128i, __m256i};
    match isa {
        Isa::Avx512 if isa.is_available() => avx512_rows,
        Isa::Avx2 if isa.is_available() => rows::avx2::<Past<__m256i>>,
        _ => rows::rows::<Past<__m128i>>,
    }
}

/// The loop for rows of `bytes` bytes, of which other architectures have no other.
///
/// # Safety of the loop
/// As for that of [`rows::pick`].
#[cfg(not(target_arch = "x86_64"))]
pub fn rows(bytes: usize, isa: Isa) -> Rows {
    rows::pick(bytes, isa)
}

/// A loop as [`copy`].
pub type Copy = unsafe fn(from: *const u8, to: *mut u8, count: usize);
type Repeat = unsafe fn(line: &Line, to: *mut u8, lines: usize);

/// The loops of an instruction set: a line that is stored whole leaves sooner than its parts.
#[cfg(target_arch = "x86_64")]
fn pick(isa: Isa) -> (Copy, Repeat) {
    use std::arch::x86_64::__m128i;
    match isa {
        Isa::Avx512 if isa.is_available() => (avx512_copy, avx512_repeat),
        Isa::Avx2 if isa.is_available() => (avx2_copy, avx2_repeat),
        _ => (copy_lines::<__m128i>, repeat_line::<__m128i>),
    }
}

/// # Safety
/// As for [`copy`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2_copy(from: *const u8, to: *mut u8, count: usize) {
    // SAFETY: as the caller promises.
    unsafe { copy_lines::<std::arch::x86_64::__m256i>(from, to, count) }
}

/// # Safety
/// As for [`copy`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512_copy(from: *const u8, to: *mut u8, count: usize) {
    // SAFETY: as the caller promises.
    unsafe { copy_lines::<std::arch::x86_64::__m512i>(from, to, count) }
}

/// # Safety
/// As for the loop of [`rows`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512_rows(
    from: *const u8,
    s: [isize; 2],
    to: *mut u8,
    t: [isize; 2],
    bytes: usize,
    counts: [usize; 2],
) {
    // SAFETY: as the caller promises.
    unsafe { rows::rows::<Past<std::arch::x86_64::__m512i>>(from, s, to, t, bytes, counts) }
}

/// # Safety
/// As for [`repeat`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2_repeat(line: &Line, to: *mut u8, lines: usize) {
    // SAFETY: as the caller promises.
    unsafe { repeat_line::<std::arch::x86_64::__m256i>(line, to, lines) }
}

/// # Safety
/// As for [`repeat`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512_repeat(line: &Line, to: *mut u8, lines: usize) {
    // SAFETY: as the caller promises.
    unsafe { repeat_line::<std::arch::x86_64::__m512i>(line, to, lines) }
}

/// A line in as many vectors as it takes, at most four.
///
/// # Safety
/// A line is readable; the processor has the instructions of `V`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn load<V: Vector>(from: *const u8) -> [V; 4] {
    // SAFETY: as the caller promises.
    [0, 1, 2, 3].map(|k| unsafe { V::load(from.add(k * size_of::<V>() % LINE)) })
}

/// # Safety
/// A line is writable at `to`, which is aligned to it; the processor has the instructions of `V`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn store<V: Vector>(line: [V; 4], to: *mut u8) {
    for (k, part) in line.into_iter().enumerate().take(LINE / size_of::<V>()) {
        // SAFETY: as the caller promises.
        unsafe { part.stream(to.add(k * size_of::<V>())) }
    }
}

/// Whole lines of the target, where the row begins and ends with one.
#[cfg(target_arch = "x86_64")]
struct Past<V>(PhantomData<V>);

#[cfg(target_arch = "x86_64")]
impl<V: Vector> Row for Past<V> {
    #[inline(always)]
    unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
        for at in (0..bytes).step_by(LINE) {
            // SAFETY: a line of the row, and of the target.
            unsafe { store(load::<V>(from.add(at)), to.add(at)) };
        }
    }
}

/// # Safety
/// As for [`copy`], on a processor that has the instructions of `V`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn copy_lines<V: Vector>(from: *const u8, to: *mut u8, count: usize) {
    let head = to.align_offset(LINE).min(count);
    let lines = (count - head) / LINE;
    let done = head + lines * LINE;
    // SAFETY: all offsets stay below `count`; past the head `to` is aligned to a line.
    unsafe {
        copy_part(from, to, head);
        for at in (head..done).step_by(LINE) {
            store(load::<V>(from.add(at)), to.add(at));
        }
        copy_part(from.add(done), to.add(done), count - done);
    }
}

/// # Safety
/// As for [`repeat`], on a processor that has the instructions of `V`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn repeat_line<V: Vector>(line: &Line, to: *mut u8, lines: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        let line = load::<V>(std::ptr::from_ref(line).cast());
        for i in 0..lines {
            store(line, to.add(i * LINE));
        }
    }
}

/// Copies less than a line.
///
/// # Safety
/// As for [`copy`].
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn copy_part(from: *const u8, to: *mut u8, count: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        match count {
            32.. => Two::<HalfLine>::copy(from, to, count),
            16.. => Two::<Lane>::copy(from, to, count),
            8.. => Two::<u64>::copy(from, to, count),
            4.. => Two::<u32>::copy(from, to, count),
            2.. => Two::<u16>::copy(from, to, count),
            1 => to.write(from.read()),
            0 => {}
        }
    }
}

/// Other architectures have no such stores that would pay.
#[cfg(not(target_arch = "x86_64"))]
fn pick(_: Isa) -> (Copy, Repeat) {
    (copy_plainly, repeat_plainly)
}

/// # Safety
/// As for [`copy`].
#[cfg(not(target_arch = "x86_64"))]
unsafe fn copy_plainly(from: *const u8, to: *mut u8, count: usize) {
    // SAFETY: as the caller promises.
    unsafe { to.copy_from_nonoverlapping(from, count) }
}

/// # Safety
/// As for [`repeat`].
#[cfg(not(target_arch = "x86_64"))]
unsafe fn repeat_plainly(line: &Line, to: *mut u8, lines: usize) {
    for i in 0..lines {
        // SAFETY: line `i`.
        unsafe { to.add(i * LINE).cast::<Line>().write_unaligned(*line) }
    }
}

/// Brings the line at `from` into the second-level cache, where it can be read; elsewhere nothing happens.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn fetch(from: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: a hint, which touches no memory that the program sees.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) };
}

/// Other architectures have no such instruction that is stable.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub fn fetch(_: *const u8) {}

/// Brings the lines of `rows` rows of `count` bytes, which lie `pitch` bytes apart, into the second-level cache.
pub fn fetch_rows(from: *const u8, pitch: isize, count: usize, rows: usize) {
    for i in 0..rows as isize {
        let row = from.wrapping_offset(i * pitch);
        let first = row.addr() % LINE;
        (0..first + count).step_by(LINE).for_each(|at| fetch(row.wrapping_sub(first).wrapping_add(at)));
    }
}

/// Makes all that was streamed visible in order with later stores.
#[cfg(target_arch = "x86_64")]
pub fn finish() {
    // SAFETY: every x86-64 processor has SSE.
    unsafe { std::arch::x86_64::_mm_sfence() };
}

/// Nothing is held back.
#[cfg(not(target_arch = "x86_64"))]
pub fn finish() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_any_length_from_and_to_any_address_are_whole() {
        let source: Vec<u8> = (0..400).map(|i| i as u8 | 1).collect();
        let places = (0..5).flat_map(|start| (0..70).map(move |at| (start, at)));
        for (isa, (start, at)) in Isa::ALL.into_iter().flat_map(|isa| places.clone().map(move |p| (isa, p))) {
            for count in (0..300).step_by(7) {
                let mut target = [0u8; 400];
                // SAFETY: the arrays have so many bytes; the processor has what `pick` gives.
                unsafe { pick(isa).0(source[start..].as_ptr(), target[at..].as_mut_ptr(), count) };
                finish();
                assert_eq!(target[at..][..count], source[start..][..count], "{isa:?}");
                assert!(target[..at].iter().chain(&target[at + count..]).all(|&byte| byte == 0));
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn rows_of_whole_lines_in_any_order_arrive_whole_and_nothing_between_them_is_touched() {
        use crate::engine::host::fenced::Fenced;
        let mut memory = [Fenced::new(2), Fenced::new(2)];
        for (bytes, isa) in [64, 128, 192, 960].into_iter().flat_map(|n| Isa::ALL.map(|isa| (n, isa))) {
            let name = format!("{isa:?}, streamed");
            for (counts, gaps, backwards) in [
                ([1, 1], [0, 0], false),
                ([5, 3], [0, 0], true),
                ([4, 4], [7, 64], false),
                ([9, 2], [1, 128], true),
            ] {
                // The target begins with a line at either end, and so does each of its rows.
                let at_end = [true, counts[0] % 2 == 0];
                let copy = (name.as_str(), rows(bytes, isa));
                rows::tests::check(copy, bytes, (counts, gaps), backwards, at_end, &mut memory);
                finish();
            }
        }
    }
}
