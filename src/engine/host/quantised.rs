//! float32 that is scaled in float64 and becomes short integers, by AVX-512: the instructions that make integers narrower
//! saturate, so that numbers need no bounds before, but for those that no int32 holds.

use std::arch::x86_64::*;

use super::kernel::{Operands, first};

/// Numbers of a turn.
const TURN: usize = 32;

/// Integers of 8 or 16 bits.
pub trait Narrowed {
    /// The largest one.
    const HIGH: f64;

    /// Writes the first `count` of so many integers, or the nearest ones that there are.
    ///
    /// # Safety
    /// They are writable at `to`.
    unsafe fn write(integers: [__m256i; 4], to: *mut u8, count: usize);
}

macro_rules! bytes {
    ($type:ty, $pack:ident) => {
        impl Narrowed for $type {
            const HIGH: f64 = <$type>::MAX as f64;

            #[inline]
            #[target_feature(enable = "avx2,bmi2,avx512f,avx512bw,avx512vl")]
            unsafe fn write([a, b, c, d]: [__m256i; 4], to: *mut u8, count: usize) {
                let packed = $pack(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
                // Integers are packed within lanes.
                let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
                let ordered = _mm256_permutevar8x32_epi32(packed, order);
                // SAFETY: as the caller promises.
                unsafe { _mm256_mask_storeu_epi8(to.cast(), first(count), ordered) }
            }
        }
    };
}
bytes!(i8, _mm256_packs_epi16);
bytes!(u8, _mm256_packus_epi16);

macro_rules! words {
    ($type:ty, $pack:ident) => {
        impl Narrowed for $type {
            const HIGH: f64 = <$type>::MAX as f64;

            #[inline]
            #[target_feature(enable = "avx2,bmi2,avx512f,avx512bw,avx512vl")]
            unsafe fn write([a, b, c, d]: [__m256i; 4], to: *mut u8, count: usize) {
                let two = |a, b| _mm256_permute4x64_epi64::<0b11_01_10_00>($pack(a, b));
                let all = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(two(a, b)), two(c, d));
                // SAFETY: as the caller promises.
                unsafe { _mm512_mask_storeu_epi16(to.cast(), first(count), all) }
            }
        }
    };
}
words!(i16, _mm256_packs_epi32);
words!(u16, _mm256_packus_epi32);

/// The loop, with one scale and bias, or those of `EACH` number of a period.
///
/// # Safety
/// As for [`Kernel::run`](super::kernel::Kernel::run), on a processor that has the instructions.
#[inline]
#[target_feature(enable = "avx2,bmi2,avx512f,avx512bw,avx512vl")]
pub unsafe fn run<T: Narrowed, const EACH: bool>(
    from: *const f32,
    to: *mut u8,
    count: usize,
    with: &Operands,
) {
    if count == 0 {
        return;
    }
    let period = if EACH { with.period } else { count };
    let factors = [with.scale, with.bias].map(<*const u8>::cast::<f64>);
    // SAFETY: there is at least one of each.
    let ones = factors.map(|first| unsafe { _mm512_set1_pd(first.read()) });
    let mut start = 0;
    while start < count {
        let n = period.min(count - start);
        let mut at = 0;
        // SAFETY: the numbers from `start` on, and the coefficients of a period.
        unsafe {
            let (from, to) = (from.add(start), to.add(start * size_of::<T>()));
            while at + TURN <= n {
                turn::<T, EACH>(from, to, at, TURN, factors, ones);
                at += TURN;
            }
            if at < n {
                turn::<T, EACH>(from, to, at, n - at, factors, ones);
            }
        }
        start += period;
    }
}

/// The `count` numbers from `at` on, as many as a turn has at most.
///
/// # Safety
/// As for [`run`].
#[inline]
#[target_feature(enable = "avx2,bmi2,avx512f,avx512bw,avx512vl")]
unsafe fn turn<T: Narrowed, const EACH: bool>(
    from: *const f32,
    to: *mut u8,
    at: usize,
    count: usize,
    factors: [*const f64; 2],
    ones: [__m512d; 2],
) {
    let all = first(count);
    // SAFETY: as the caller promises; what is not among the numbers is not read.
    let number = |i: usize| unsafe {
        let (at, some) = (at + i, (all >> i) as u8);
        let [scale, bias] = match EACH {
            true => factors.map(|first| _mm512_maskz_loadu_pd(some, first.wrapping_add(at))),
            false => ones,
        };
        let x = _mm512_cvtps_pd(_mm256_maskz_loadu_ps(some, from.wrapping_add(at)));
        _mm512_add_pd(_mm512_mul_pd(x, scale), bias)
    };
    let numbers = [number(0), number(8), number(16), number(24)];
    let mut integers = numbers.map(|x| _mm512_cvttpd_epi32(x));
    let [a, b, c, d] = integers;
    let least = _mm256_min_epi32(_mm256_min_epi32(a, b), _mm256_min_epi32(c, d));
    if _mm256_cmpeq_epi32_mask(least, _mm256_set1_epi32(i32::MIN)) != 0 {
        // NaN becomes 0, and what int32 does not hold the largest integer, or the least int32.
        integers = numbers.map(|x| {
            let is_number = _mm512_cmp_pd_mask::<_CMP_ORD_Q>(x, x);
            _mm512_maskz_cvttpd_epi32(is_number, _mm512_min_pd(x, _mm512_set1_pd(T::HIGH)))
        });
    }
    // SAFETY: as the caller promises.
    unsafe { T::write(integers, to.add(at * size_of::<T>()), count) }
}
