//! Runs of bytes written past the caches: for targets too large to stay in them, whose lines an ordinary store would
//! first have to read.

/// Whether a target of so many bytes, in rows of so many, is streamed: more than caches hold for one program, and rows
/// that are worth it. Each row begins and ends within a line that it shares with others, and that is stored as always.
pub fn pays(bytes: usize, row: usize) -> bool {
    bytes >= 8 << 20 && row >= 1 << 10
}

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
        to.copy_from_nonoverlapping(from, head);
        for i in 0..lines {
            let at = head + i * LINE;
            let (source, target) = (from.add(at).cast::<__m128i>(), to.add(at).cast::<__m128i>());
            let words = [0, 1, 2, 3].map(|k| _mm_loadu_si128(source.add(k)));
            for (k, word) in words.into_iter().enumerate() {
                _mm_stream_si128(target.add(k), word);
            }
        }
        let done = head + lines * LINE;
        to.add(done).copy_from_nonoverlapping(from.add(done), count - done);
    }
}

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
    fn large_targets_are_streamed_but_not_in_short_rows() {
        assert!(pays(8 << 20, 8 << 20) && pays(usize::MAX, 1 << 10));
        assert!(!pays((8 << 20) - 1, (8 << 20) - 1));
        assert!(!pays(1 << 30, 96) && !pays(usize::MAX, 1023));
    }

    #[test]
    fn copies_of_any_length_from_and_to_any_address_are_whole() {
        let source: Vec<u8> = (0..400).map(|i| i as u8 | 1).collect();
        for (start, at, count) in (0..5)
            .flat_map(|start| (0..70).flat_map(move |at| (0..300).step_by(7).map(move |n| (start, at, n))))
        {
            let mut target = [0u8; 400];
            // SAFETY: the arrays have so many bytes.
            unsafe { copy(source[start..].as_ptr(), target[at..].as_mut_ptr(), count) };
            finish();
            assert_eq!(target[at..][..count], source[start..][..count]);
            assert!(target[..at].iter().chain(&target[at + count..]).all(|&byte| byte == 0));
        }
    }
}
