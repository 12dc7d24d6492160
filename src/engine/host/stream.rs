//! Runs of bytes written past the caches: for targets too large to stay in them, whose lines an ordinary store would
//! first have to read.

use super::fill::Line;

/// Targets of at least so many bytes are streamed: more than caches hold for one program, less than would hurt when
/// they do not.
pub(super) const FROM: usize = 8 << 20;

/// Rows of fewer bytes are not streamed, each of which begins and ends within a line that it shares with others and that
/// is stored as always: that takes up to three times as long.
pub(super) const ROW: i64 = 1 << 10;

/// Copies `count` bytes; [`finish`] must follow before other threads may read them.
///
/// # Safety
/// So many bytes are readable at `from` and writable at `to`, and they do not overlap.
#[cfg(target_arch = "x86_64")]
pub unsafe fn copy(from: *const u8, to: *mut u8, count: usize) {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_stream_si128};
    const LINE: usize = 64;
    let head = to.align_offset(LINE).min(count);
    let lines = (count - head) / LINE;
    // SAFETY: all offsets stay below `count`; past the head `to` is aligned to a line.
    unsafe {
        if head > 0 {
            to.copy_from_nonoverlapping(from, head);
        }
        for i in 0..lines {
            let at = head + i * LINE;
            let (source, target) = (from.add(at).cast::<__m128i>(), to.add(at).cast::<__m128i>());
            let words = [0, 1, 2, 3].map(|k| _mm_loadu_si128(source.add(k)));
            for (k, word) in words.into_iter().enumerate() {
                _mm_stream_si128(target.add(k), word);
            }
        }
        let done = head + lines * LINE;
        if done < count {
            to.add(done).copy_from_nonoverlapping(from.add(done), count - done);
        }
    }
}

/// Writes a line; [`finish`] must follow.
///
/// # Safety
/// The line is writable, and `to` is aligned to it.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub unsafe fn put(line: Line, to: *mut u8) {
    use std::arch::x86_64::{__m128i, _mm_stream_si128};
    // SAFETY: plain bytes; the quarters of the line.
    unsafe {
        for (k, part) in std::mem::transmute::<Line, [__m128i; 4]>(line).into_iter().enumerate() {
            _mm_stream_si128(to.cast::<__m128i>().add(k), part);
        }
    }
}

/// Writes a line.
///
/// # Safety
/// The line is writable.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub unsafe fn put(line: Line, to: *mut u8) {
    // SAFETY: as the caller promises.
    unsafe { to.cast::<Line>().write_unaligned(line) }
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

/// Makes all that was streamed visible in order with later stores.
#[cfg(target_arch = "x86_64")]
pub fn finish() {
    // SAFETY: every x86-64 processor has SSE.
    unsafe { std::arch::x86_64::_mm_sfence() };
}

/// Copies `count` bytes; other architectures have no such stores that would pay.
///
/// # Safety
/// So many bytes are readable at `from` and writable at `to`, and they do not overlap.
#[cfg(not(target_arch = "x86_64"))]
pub unsafe fn copy(from: *const u8, to: *mut u8, count: usize) {
    // SAFETY: as the caller promises.
    unsafe { to.copy_from_nonoverlapping(from, count) }
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
        for (start, at) in places {
            for count in (0..300).step_by(7) {
                let mut target = [0u8; 400];
                // SAFETY: the arrays have so many bytes.
                unsafe { copy(source[start..].as_ptr(), target[at..].as_mut_ptr(), count) };
                finish();
                assert_eq!(target[at..][..count], source[start..][..count]);
                assert!(target[..at].iter().chain(&target[at + count..]).all(|&byte| byte == 0));
            }
        }
    }
}
