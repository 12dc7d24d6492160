//! By F16C.

use std::arch::x86_64::*;

use crate::dtype::float::{Format, half_from_f32};
use crate::engine::host::isa::Isa;
use crate::engine::host::kernel::Operands;

/// Numbers of a turn.
const TURN: usize = 32;

/// Whether there are such instructions.
pub fn is_there(isa: Isa) -> bool {
    isa >= Isa::Avx2 && isa.is_available()
}

/// Converts float32 to float16; `CANONICAL` NaN is the quiet one of its sign.
///
/// # Safety
/// As for [`crate::engine::host::kernel::Kernel::run`], on a processor that has F16C and AVX2.
#[target_feature(enable = "avx2,f16c")]
pub unsafe fn encode<const CANONICAL: bool>(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
    let (from, to) = (from.cast::<f32>(), to.cast::<u16>());
    let one = |i: usize| {
        // SAFETY: number `i`, which the caller gave.
        unsafe {
            let x = from.add(i).read_unaligned();
            let code = if CANONICAL { Format::FLOAT16.encode(x) } else { half_from_f32(x) };
            to.add(i).write_unaligned(code as u16)
        }
    };
    let mut i = 0;
    while i + TURN <= count {
        // SAFETY: the numbers of this turn.
        unsafe {
            let mut numbers = [_mm256_setzero_ps(); 4];
            for (k, x) in numbers.iter_mut().enumerate() {
                *x = _mm256_loadu_ps(from.add(i + 8 * k));
            }
            if has_nan(numbers) {
                (i..i + TURN).for_each(one);
            } else {
                for (k, x) in numbers.into_iter().enumerate() {
                    let codes = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x);
                    _mm_storeu_si128(to.add(i + 8 * k).cast(), codes);
                }
            }
        }
        i += TURN;
    }
    while i + 8 <= count {
        // SAFETY: eight numbers from `i` on.
        unsafe {
            let x = _mm256_loadu_ps(from.add(i));
            if has_nan([x; 4]) {
                (i..i + 8).for_each(one);
            } else {
                let codes = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x);
                _mm_storeu_si128(to.add(i).cast(), codes);
            }
        }
        i += 8;
    }
    (i..count).for_each(one);
}

/// Converts float16 to float32.
///
/// # Safety
/// As for [`encode`].
#[target_feature(enable = "avx2,f16c")]
pub unsafe fn decode(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
    let (from, to) = (from.cast::<u16>(), to.cast::<f32>());
    let one = |i: usize| {
        // SAFETY: number `i`, which the caller gave.
        unsafe { to.add(i).write_unaligned(Format::FLOAT16.decode(from.add(i).read_unaligned().into())) }
    };
    let mut i = 0;
    while i + TURN <= count {
        // SAFETY: the numbers of this turn.
        unsafe {
            let mut numbers = [_mm256_setzero_ps(); 4];
            for (k, x) in numbers.iter_mut().enumerate() {
                *x = _mm256_cvtph_ps(_mm_loadu_si128(from.add(i + 8 * k).cast()));
            }
            if has_nan(numbers) {
                (i..i + TURN).for_each(one);
            } else {
                for (k, x) in numbers.into_iter().enumerate() {
                    _mm256_storeu_ps(to.add(i + 8 * k), x);
                }
            }
        }
        i += TURN;
    }
    while i + 8 <= count {
        // SAFETY: eight numbers from `i` on.
        unsafe {
            let x = _mm256_cvtph_ps(_mm_loadu_si128(from.add(i).cast()));
            if has_nan([x; 4]) {
                (i..i + 8).for_each(one);
            } else {
                _mm256_storeu_ps(to.add(i), x);
            }
        }
        i += 8;
    }
    (i..count).for_each(one);
}

#[inline]
#[target_feature(enable = "avx2")]
fn has_nan([a, b, c, d]: [__m256; 4]) -> bool {
    let one = _mm256_cmp_ps::<_CMP_UNORD_Q>(a, b);
    let other = _mm256_cmp_ps::<_CMP_UNORD_Q>(c, d);
    _mm256_movemask_ps(_mm256_or_ps(one, other)) != 0
}
