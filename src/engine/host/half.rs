//! float16 by the processor's own instructions, where the `half` crate finds them.
//!
//! They round as the portable code does and are several times as fast; only NaN differs, which they make quiet where
//! NumPy keeps the payload as it is. So a block that holds one is left to the portable code.
use half::f16;
use half::slice::HalfFloatSliceExt;

use super::block::BLOCK;
use crate::dtype::float::{Format, half_from_f32};

/// Whether the processor converts float16 itself.
fn in_hardware() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("f16c");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Numbers of at most a block to the native bytes of as many float16.
pub fn encode(numbers: &[f32], out: &mut [u8]) {
    let slots = out.as_chunks_mut().0.iter_mut();
    if in_hardware() && !numbers.iter().fold(false, |nan, x| nan | x.is_nan()) {
        let mut codes = [f16::ZERO; BLOCK];
        codes[..numbers.len()].convert_from_f32_slice(numbers);
        slots.zip(&codes).for_each(|(slot, code)| *slot = code.to_bits().to_ne_bytes());
    } else {
        slots.zip(numbers).for_each(|(slot, x)| *slot = (half_from_f32(*x) as u16).to_ne_bytes());
    }
}

/// The native bytes of at most a block of float16 to as many numbers.
pub fn decode(bytes: &[u8], out: &mut [f32]) {
    let codes = bytes.as_chunks().0;
    let n = out.len().min(codes.len());
    let mut words = [f16::ZERO; BLOCK];
    for (word, code) in words.iter_mut().zip(&codes[..n]) {
        *word = f16::from_bits(u16::from_ne_bytes(*code));
    }
    let words = &words[..n];
    if in_hardware() && !words.iter().fold(false, |nan, x| nan | (x.to_bits() & 0x7fff > 0x7c00)) {
        words.convert_to_f32_slice(&mut out[..n]);
    } else {
        out.iter_mut().zip(words).for_each(|(slot, x)| *slot = Format::FLOAT16.decode(x.to_bits().into()));
    }
}

/// Converts `count` float32 at `from` to float16 at `to`.
///
/// # Safety
/// So many numbers are readable and writable there and do not overlap; the processor has F16C and AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
pub unsafe fn encode_run(from: *const u8, to: *mut u8, count: usize) {
    use std::arch::x86_64::*;
    let (from, to) = (from.cast::<f32>(), to.cast::<u16>());
    let one = |i: usize| {
        // SAFETY: number `i`, which the caller gave.
        unsafe { to.add(i).write_unaligned(half_from_f32(from.add(i).read_unaligned()) as u16) }
    };
    for i in (0..count / 8).map(|i| i * 8) {
        // SAFETY: numbers `i` to `i + 7`.
        unsafe {
            let numbers = _mm256_loadu_ps(from.add(i));
            if _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_UNORD_Q>(numbers, numbers)) == 0 {
                let codes = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(numbers);
                _mm_storeu_si128(to.add(i).cast(), codes);
            } else {
                (i..i + 8).for_each(one);
            }
        }
    }
    (count / 8 * 8..count).for_each(one);
}

/// Converts `count` float16 at `from` to float32 at `to`.
///
/// # Safety
/// As for [`encode_run`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
pub unsafe fn decode_run(from: *const u8, to: *mut u8, count: usize) {
    use std::arch::x86_64::*;
    let (from, to) = (from.cast::<u16>(), to.cast::<f32>());
    let one = |i: usize| {
        // SAFETY: number `i`, which the caller gave.
        unsafe { to.add(i).write_unaligned(Format::FLOAT16.decode(from.add(i).read_unaligned().into())) }
    };
    for i in (0..count / 8).map(|i| i * 8) {
        // SAFETY: numbers `i` to `i + 7`.
        unsafe {
            let numbers = _mm256_cvtph_ps(_mm_loadu_si128(from.add(i).cast()));
            if _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_UNORD_Q>(numbers, numbers)) == 0 {
                _mm256_storeu_ps(to.add(i), numbers);
            } else {
                (i..i + 8).for_each(one);
            }
        }
    }
    (count / 8 * 8..count).for_each(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float16_decodes_as_by_the_portable_code() {
        for first in (0..=u16::MAX).step_by(BLOCK) {
            let codes: Vec<u16> = (0..BLOCK as u16).map(|i| first.wrapping_add(i)).collect();
            let bytes: Vec<u8> = codes.iter().flat_map(|code| code.to_ne_bytes()).collect();
            let mut numbers = [0.0; BLOCK];
            decode(&bytes, &mut numbers);
            for (code, number) in codes.iter().zip(numbers) {
                assert_eq!(number.to_bits(), Format::FLOAT16.decode((*code).into()).to_bits(), "{code:#x}");
            }
        }
    }

    #[test]
    fn float32_of_every_kind_encodes_as_by_the_portable_code() {
        let mut bits = 0u32;
        for round in 0..40_000 {
            let numbers: Vec<f32> = (0..BLOCK)
                .map(|_| {
                    bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    // Every other round stays in the range of float16, where ties and subnormals are.
                    let near = 0x3000_0000 + bits % 0x1900_0000;
                    let bits = if round % 2 == 0 { bits } else { near & !0xfff | (bits >> 31 << 31) };
                    f32::from_bits(bits)
                })
                .filter(|x| round % 3 == 0 || !x.is_nan())
                .collect();
            let mut bytes = vec![0; 2 * numbers.len()];
            encode(&numbers, &mut bytes);
            for (x, code) in numbers.iter().zip(bytes.as_chunks::<2>().0) {
                let expected = half_from_f32(*x) as u16;
                assert_eq!(u16::from_ne_bytes(*code), expected, "{:#x}", x.to_bits());
            }
        }
    }
}
