//! By F16C, AVX-512 and its extension BF16.

use std::arch::x86_64::*;
use std::mem::transmute;

use crate::dtype::Scalar;
use crate::dtype::float::Format;
use crate::engine::host::direct::Cast;
use crate::engine::host::isa::Isa;
use crate::engine::host::kernel::{Loop, Operands, compiled, first};
use crate::engine::host::number::{Bfloat16, CanonicalHalf, Half, Number};

/// The loop from `source` to `target` by such instructions; `None` where there are none.
pub fn cast(source: Scalar, target: Scalar, isa: Isa) -> Option<Loop> {
    use Scalar::{Float16, Float32, Small};
    let wide = isa >= Isa::Avx512;
    let has_bf16 = || wide && std::arch::is_x86_feature_detected!("avx512bf16");
    if isa < Isa::Avx2 || !isa.is_available() {
        return None;
    }
    Some(match (source, target) {
        (Float16 | Small(Format::FLOAT16), Float32) if wide => avx512::<Decoded>,
        (Float16 | Small(Format::FLOAT16), Float32) => avx2::<Decoded>,
        (Float32, Float16) if wide => avx512::<Encoded<Half>>,
        (Float32, Float16) => avx2::<Encoded<Half>>,
        (Float32, Small(Format::FLOAT16)) if wide => avx512::<Encoded<CanonicalHalf>>,
        (Float32, Small(Format::FLOAT16)) => avx2::<Encoded<CanonicalHalf>>,
        (Float32, Small(Format::BFLOAT16)) if has_bf16() => avx512_bf16,
        _ => return None,
    })
}

/// Numbers that the processor converts as we do, but for few of them.
trait Quick {
    type Source: Number;
    type Target: Number;
}

/// What is done with a register's numbers, eight or sixteen of them.
trait Turn<const WIDTH: usize>: Quick {
    /// Converts those of `N` registers, unless there are some that the processor would not convert as we do. Whether it
    /// has converted them.
    ///
    /// # Safety
    /// They are readable and writable; the processor has the instructions.
    unsafe fn turn<const N: usize>(from: *const Word<Self::Source>, to: *mut Word<Self::Target>) -> bool;

    /// Likewise the first `count` of one register.
    ///
    /// # Safety
    /// As for [`turn`](Self::turn).
    unsafe fn part(from: *const Word<Self::Source>, to: *mut Word<Self::Target>, count: usize) -> bool;
}

type Word<N> = <N as Number>::Word;

/// float16 of float32.
struct Encoded<H>(std::marker::PhantomData<H>);
/// float32 of float16.
struct Decoded;
/// bfloat16 of float32.
struct Brief;

impl<H: Number<Word = u16>> Quick for Encoded<H> {
    type Source = f32;
    type Target = H;
}

impl Quick for Decoded {
    type Source = Half;
    type Target = f32;
}

impl Quick for Brief {
    type Source = f32;
    type Target = Bfloat16;
}

impl<H: Number<Word = u16>> Turn<8> for Encoded<H> {
    #[inline(always)]
    unsafe fn turn<const N: usize>(from: *const f32, to: *mut u16) -> bool {
        // SAFETY: as the caller promises.
        unsafe {
            let numbers: [_; N] = std::array::from_fn(|i| _mm256_loadu_ps(from.add(8 * i)));
            let plain = !has_nan(&numbers);
            if plain {
                for (i, x) in numbers.into_iter().enumerate() {
                    let codes = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x);
                    _mm_storeu_si128(to.add(8 * i).cast(), codes);
                }
            }
            plain
        }
    }

    #[inline(always)]
    unsafe fn part(from: *const f32, to: *mut u16, count: usize) -> bool {
        // SAFETY: as the caller promises.
        count == 8 && unsafe { <Self as Turn<8>>::turn::<1>(from, to) }
    }
}

impl<H: Number<Word = u16>> Turn<16> for Encoded<H> {
    #[inline(always)]
    unsafe fn turn<const N: usize>(from: *const f32, to: *mut u16) -> bool {
        // SAFETY: as the caller promises.
        unsafe {
            let numbers: [_; N] = std::array::from_fn(|i| _mm512_loadu_ps(from.add(16 * i)));
            let plain = !have_nan(&numbers);
            if plain {
                for (i, x) in numbers.into_iter().enumerate() {
                    let codes = _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x);
                    _mm256_storeu_si256(to.add(16 * i).cast(), codes);
                }
            }
            plain
        }
    }

    #[inline(always)]
    unsafe fn part(from: *const f32, to: *mut u16, count: usize) -> bool {
        // SAFETY: as the caller promises; what is not among the numbers is not read.
        unsafe {
            let some = first(count) as u16;
            let numbers = _mm512_maskz_loadu_ps(some, from);
            let plain = !have_nan(&[numbers]);
            if plain {
                let codes = _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(numbers);
                _mm256_mask_storeu_epi16(to.cast(), some, codes);
            }
            plain
        }
    }
}

impl Turn<8> for Decoded {
    #[inline(always)]
    unsafe fn turn<const N: usize>(from: *const u16, to: *mut f32) -> bool {
        // SAFETY: as the caller promises.
        unsafe {
            let numbers: [_; N] =
                std::array::from_fn(|i| _mm256_cvtph_ps(_mm_loadu_si128(from.add(8 * i).cast())));
            let plain = !has_nan(&numbers);
            if plain {
                numbers.into_iter().enumerate().for_each(|(i, x)| _mm256_storeu_ps(to.add(8 * i), x));
            }
            plain
        }
    }

    #[inline(always)]
    unsafe fn part(from: *const u16, to: *mut f32, count: usize) -> bool {
        // SAFETY: as the caller promises.
        count == 8 && unsafe { <Self as Turn<8>>::turn::<1>(from, to) }
    }
}

impl Turn<16> for Decoded {
    #[inline(always)]
    unsafe fn turn<const N: usize>(from: *const u16, to: *mut f32) -> bool {
        // SAFETY: as the caller promises.
        unsafe {
            let numbers: [_; N] =
                std::array::from_fn(|i| _mm512_cvtph_ps(_mm256_loadu_si256(from.add(16 * i).cast())));
            let plain = !have_nan(&numbers);
            if plain {
                numbers.into_iter().enumerate().for_each(|(i, x)| _mm512_storeu_ps(to.add(16 * i), x));
            }
            plain
        }
    }

    #[inline(always)]
    unsafe fn part(from: *const u16, to: *mut f32, count: usize) -> bool {
        // SAFETY: as the caller promises; what is not among the codes is not read.
        unsafe {
            let some = first(count) as u16;
            let numbers = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(some, from.cast()));
            let plain = !have_nan(&[numbers]);
            if plain {
                _mm512_mask_storeu_ps(to, some, numbers);
            }
            plain
        }
    }
}

impl Turn<32> for Brief {
    #[inline(always)]
    unsafe fn turn<const N: usize>(from: *const f32, to: *mut u16) -> bool {
        // SAFETY: as the caller promises; the two types are the same bits.
        unsafe {
            let pairs: [[_; 2]; N] =
                std::array::from_fn(|i| [32 * i, 32 * i + 16].map(|at| _mm512_loadu_ps(from.add(at))));
            let plain = pairs.iter().fold(0, |all, pair| all | becomes_else(pair)) == 0;
            if plain {
                for (i, [low, high]) in pairs.into_iter().enumerate() {
                    let codes: __m512i = transmute(_mm512_cvtne2ps_pbh(high, low));
                    _mm512_storeu_si512(to.add(32 * i).cast(), codes);
                }
            }
            plain
        }
    }

    #[inline(always)]
    unsafe fn part(from: *const f32, to: *mut u16, count: usize) -> bool {
        // SAFETY: as the caller promises; what is not among the numbers is not read.
        unsafe {
            if count == 32 {
                return Self::turn::<1>(from, to);
            }
            let some = first(count);
            let high = _mm512_maskz_loadu_ps((some >> 16) as u16, from.wrapping_add(16));
            let pair = [_mm512_maskz_loadu_ps(some as u16, from), high];
            let plain = becomes_else(&pair) == 0;
            if plain {
                let codes: __m512i = transmute(_mm512_cvtne2ps_pbh(high, pair[0]));
                _mm512_mask_storeu_epi16(to.cast(), some, codes);
            }
            plain
        }
    }
}

/// The numbers that the instruction for bfloat16 makes something else of than we do: NaN, and subnormal ones, which it takes
/// for 0. These are told by their bits: to the instruction that tells classes they are what the thread's rounding mode says.
#[inline]
#[target_feature(enable = "avx512f")]
fn becomes_else([a, b]: &[__m512; 2]) -> u16 {
    let is_subnormal = |x: __m512| {
        let twice = _mm512_slli_epi32::<1>(_mm512_castps_si512(x));
        let from_first = _mm512_sub_epi32(twice, _mm512_set1_epi32(2));
        _mm512_cmplt_epu32_mask(from_first, _mm512_set1_epi32(0x00ff_fffe))
    };
    is_subnormal(*a) | is_subnormal(*b) | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(*a, *b)
}

/// Whether there is a NaN, two registers looked at in one.
#[inline]
#[target_feature(enable = "avx512f")]
fn have_nan<const N: usize>(numbers: &[__m512; N]) -> bool {
    let nan = |pair: &[__m512]| _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(pair[0], pair[pair.len() - 1]);
    numbers.chunks(2).fold(0, |all, pair| all | nan(pair)) != 0
}

#[inline]
#[target_feature(enable = "avx2")]
fn has_nan<const N: usize>(numbers: &[__m256; N]) -> bool {
    let nan = |x: &__m256| _mm256_cmp_ps::<_CMP_UNORD_Q>(*x, *x);
    let all = numbers.iter().fold(_mm256_setzero_ps(), |all, x| _mm256_or_ps(all, nan(x)));
    _mm256_movemask_ps(all) != 0
}

/// # Safety
/// As for [`crate::engine::host::kernel::Kernel::run`], on a processor that has the instructions.
#[target_feature(enable = "avx2,f16c,bmi2")]
unsafe fn avx2<Q: Turn<8>>(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
    // SAFETY: as the caller promises.
    unsafe { run::<Q, 8>(from, to, count) }
}

/// # Safety
/// As for [`avx2`].
#[target_feature(enable = "avx2,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512<Q: Turn<16>>(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
    // SAFETY: as the caller promises.
    unsafe { run::<Q, 16>(from, to, count) }
}

/// # Safety
/// As for [`avx2`].
#[target_feature(enable = "avx2,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
unsafe fn avx512_bf16(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
    // SAFETY: as the caller promises.
    unsafe { run::<Brief, 32>(from, to, count) }
}

/// All numbers, in turns of four registers and of one, of which the last has some of those before once more; by the
/// loop that knows all numbers where the processor would not convert some as we do.
///
/// # Safety
/// As for [`avx2`].
#[inline(always)]
unsafe fn run<Q: Turn<WIDTH>, const WIDTH: usize>(from: *const u8, to: *mut u8, count: usize) {
    let (from, to) = (from.cast::<Word<Q::Source>>(), to.cast::<Word<Q::Target>>());
    let mut at = 0;
    while at < count {
        let many = at + 4 * WIDTH <= count;
        if !many {
            at = at.min(count.saturating_sub(WIDTH));
        }
        let n = if many { 4 * WIDTH } else { WIDTH.min(count - at) };
        // SAFETY: the numbers from `at` on, as the caller promises.
        unsafe {
            let (from, to) = (from.add(at), to.add(at));
            let done = if many { Q::turn::<4>(from, to) } else { Q::part(from, to, n) };
            if !done {
                let slowly = compiled::<Cast<Q::Source, Q::Target>>(Isa::chosen());
                slowly(from.cast(), to.cast(), n, &Operands::default());
            }
        }
        at += n;
    }
}

#[cfg(test)]
mod tests {
    use std::arch::asm;

    use super::*;

    #[test]
    fn subnormal_numbers_become_bfloat16_whatever_the_thread_takes_them_for() {
        let Some(run) = cast(Scalar::Float32, Scalar::Small(Format::BFLOAT16), Isa::Avx512) else { return };
        let numbers: [f32; 64] = std::array::from_fn(|i| if i % 7 == 3 { 1e-39 } else { i as f32 });
        let expected = numbers.map(Bfloat16::of::<f32>);
        let (mut codes, mut before) = ([0u16; 64], 0u32);
        // SAFETY: the arrays have so many numbers; the thread's mode is put back.
        unsafe {
            asm!("stmxcsr [{}]", in(reg) &raw mut before);
            let without = before | 1 << 6 | 1 << 15; // subnormal numbers are 0, read and written
            asm!("ldmxcsr [{}]", in(reg) &raw const without);
            run(numbers.as_ptr().cast(), codes.as_mut_ptr().cast(), 64, &Operands::default());
            asm!("ldmxcsr [{}]", in(reg) &raw const before);
        }
        assert_eq!(codes, expected);
    }
}
