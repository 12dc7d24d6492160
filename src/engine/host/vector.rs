//! Vectors of 16-byte lanes, as much of them as transpositions need.

/// As many lanes of 16 bytes as a register holds.
pub trait Vector: Copy {
    /// How many lanes.
    const LANES: usize;

    /// All lanes from adjacent bytes.
    ///
    /// # Safety
    /// As many bytes are readable at `from`; the processor has the instructions.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: as the caller promises; a vector is plain bytes.
        unsafe { from.cast::<Self>().read_unaligned() }
    }

    /// Lane `i` from the 16 bytes at `from(i)`.
    ///
    /// # Safety
    /// Those bytes are readable; the processor has the instructions.
    unsafe fn collect(from: impl Fn(usize) -> *const u8) -> Self;

    /// Lane `i` from the 16 bytes at `from + i · step`.
    ///
    /// # Safety
    /// As for [`collect`](Self::collect).
    #[inline(always)]
    unsafe fn gather(from: *const u8, step: isize) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self::collect(|i| from.wrapping_offset(i as isize * step)) }
    }

    /// In each lane, the units of `N` bytes of both in turns: those of the lower halves, and those of the upper ones.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn interleave<const N: usize>(self, other: Self) -> [Self; 2];

    /// Writes all lanes.
    ///
    /// # Safety
    /// As many bytes are writable at `to`; the processor has the instructions.
    unsafe fn store(self, to: *mut u8);

    /// Writes lane `L`.
    ///
    /// # Safety
    /// 16 bytes are writable at `to`; there is such a lane, and the processor has the instructions.
    unsafe fn store_lane<const L: usize>(self, to: *mut u8);

    /// Writes all lanes past the caches where there is such an instruction.
    ///
    /// # Safety
    /// As for [`store`](Self::store); they are aligned to their size.
    #[inline(always)]
    unsafe fn stream(self, to: *mut u8) {
        // SAFETY: as the caller promises.
        unsafe { self.store(to) }
    }
}

/// One lane of what every processor of the architecture has.
#[cfg(target_arch = "x86_64")]
pub type Lane = std::arch::x86_64::__m128i;

/// One lane of what every processor of the architecture has.
#[cfg(target_arch = "aarch64")]
pub type Lane = std::arch::aarch64::uint8x16_t;

/// One lane of what every processor of the architecture has.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub type Lane = Portable;

/// One lane without any instruction set.
#[cfg(any(all(test, unix), not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[derive(Clone, Copy)]
pub struct Portable([u8; 16]);

#[cfg(any(all(test, unix), not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
impl Vector for Portable {
    const LANES: usize = 1;

    #[inline(always)]
    unsafe fn collect(from: impl Fn(usize) -> *const u8) -> Self {
        // SAFETY: as the caller promises.
        Self(unsafe { from(0).cast::<[u8; 16]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn interleave<const N: usize>(self, other: Self) -> [Self; 2] {
        let mut both = [self; 2];
        for i in 0..16 {
            let (unit, byte) = (i / N, i % N);
            let from = if unit % 2 == 0 { &self.0 } else { &other.0 };
            for (half, out) in both.iter_mut().enumerate() {
                out.0[i] = from[half * 8 + unit / 2 * N + byte];
            }
        }
        both
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: as the caller promises.
        unsafe { to.cast::<[u8; 16]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn store_lane<const L: usize>(self, to: *mut u8) {
        // SAFETY: as the caller promises.
        unsafe { self.store(to) }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Vector;

    /// The unpack instructions of one register width.
    macro_rules! interleave {
        ($a:expr, $b:expr, $($n:literal: $lo:ident $hi:ident)*) => {
            match N {
                $($n => [$lo($a, $b), $hi($a, $b)],)*
                _ => unreachable!(),
            }
        };
    }

    impl Vector for __m128i {
        const LANES: usize = 1;

        #[inline(always)]
        unsafe fn collect(from: impl Fn(usize) -> *const u8) -> Self {
            // SAFETY: as the caller promises.
            unsafe { _mm_loadu_si128(from(0).cast()) }
        }

        #[inline(always)]
        unsafe fn interleave<const N: usize>(self, other: Self) -> [Self; 2] {
            // SAFETY: every x86-64 processor has SSE2.
            unsafe {
                interleave!(self, other,
                    1: _mm_unpacklo_epi8 _mm_unpackhi_epi8
                    2: _mm_unpacklo_epi16 _mm_unpackhi_epi16
                    4: _mm_unpacklo_epi32 _mm_unpackhi_epi32
                    8: _mm_unpacklo_epi64 _mm_unpackhi_epi64)
            }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut u8) {
            // SAFETY: as the caller promises.
            unsafe { _mm_storeu_si128(to.cast(), self) }
        }

        #[inline(always)]
        unsafe fn stream(self, to: *mut u8) {
            // SAFETY: as the caller promises.
            unsafe { _mm_stream_si128(to.cast(), self) }
        }

        #[inline(always)]
        unsafe fn store_lane<const L: usize>(self, to: *mut u8) {
            // SAFETY: as the caller promises.
            unsafe { self.store(to) }
        }
    }

    impl Vector for __m256i {
        const LANES: usize = 2;

        #[inline(always)]
        unsafe fn collect(from: impl Fn(usize) -> *const u8) -> Self {
            // SAFETY: as the caller promises.
            unsafe { _mm256_loadu2_m128i(from(1).cast(), from(0).cast()) }
        }

        #[inline(always)]
        unsafe fn interleave<const N: usize>(self, other: Self) -> [Self; 2] {
            // SAFETY: as the caller promises.
            unsafe {
                interleave!(self, other,
                    1: _mm256_unpacklo_epi8 _mm256_unpackhi_epi8
                    2: _mm256_unpacklo_epi16 _mm256_unpackhi_epi16
                    4: _mm256_unpacklo_epi32 _mm256_unpackhi_epi32
                    8: _mm256_unpacklo_epi64 _mm256_unpackhi_epi64)
            }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut u8) {
            // SAFETY: as the caller promises.
            unsafe { _mm256_storeu_si256(to.cast(), self) }
        }

        #[inline(always)]
        unsafe fn stream(self, to: *mut u8) {
            // SAFETY: as the caller promises.
            unsafe { _mm256_stream_si256(to.cast(), self) }
        }

        #[inline(always)]
        unsafe fn store_lane<const L: usize>(self, to: *mut u8) {
            // SAFETY: as the caller promises.
            unsafe {
                match L {
                    0 => _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(self)),
                    _ => _mm_storeu_si128(to.cast(), _mm256_extracti128_si256::<1>(self)),
                }
            }
        }
    }

    impl Vector for __m512i {
        const LANES: usize = 4;

        #[inline(always)]
        unsafe fn collect(from: impl Fn(usize) -> *const u8) -> Self {
            // SAFETY: as the caller promises.
            unsafe {
                let [low, high] = [0, 2].map(|i| _mm256_loadu2_m128i(from(i + 1).cast(), from(i).cast()));
                _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
            }
        }

        #[inline(always)]
        unsafe fn interleave<const N: usize>(self, other: Self) -> [Self; 2] {
            // SAFETY: as the caller promises.
            unsafe {
                interleave!(self, other,
                    1: _mm512_unpacklo_epi8 _mm512_unpackhi_epi8
                    2: _mm512_unpacklo_epi16 _mm512_unpackhi_epi16
                    4: _mm512_unpacklo_epi32 _mm512_unpackhi_epi32
                    8: _mm512_unpacklo_epi64 _mm512_unpackhi_epi64)
            }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut u8) {
            // SAFETY: as the caller promises.
            unsafe { _mm512_storeu_si512(to.cast(), self) }
        }

        #[inline(always)]
        unsafe fn store_lane<const L: usize>(self, to: *mut u8) {
            // SAFETY: as the caller promises.
            unsafe {
                let lane = match L {
                    0 => _mm512_castsi512_si128(self),
                    1 => _mm512_extracti32x4_epi32::<1>(self),
                    2 => _mm512_extracti32x4_epi32::<2>(self),
                    _ => _mm512_extracti32x4_epi32::<3>(self),
                };
                _mm_storeu_si128(to.cast(), lane)
            }
        }

        #[inline(always)]
        unsafe fn stream(self, to: *mut u8) {
            // SAFETY: as the caller promises.
            unsafe { _mm512_stream_si512(to.cast(), self) }
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::*;

    use super::Vector;

    impl Vector for uint8x16_t {
        const LANES: usize = 1;

        #[inline(always)]
        unsafe fn collect(from: impl Fn(usize) -> *const u8) -> Self {
            // SAFETY: as the caller promises.
            unsafe { vld1q_u8(from(0)) }
        }

        #[inline(always)]
        unsafe fn interleave<const N: usize>(self, other: Self) -> [Self; 2] {
            let (a, b) = (self, other);
            /// The zip instructions of units of one size, which NEON types differ by.
            macro_rules! zip {
                ($as:ident $lo:ident $hi:ident $back:ident) => {
                    [$back($lo($as(a), $as(b))), $back($hi($as(a), $as(b)))]
                };
            }
            // SAFETY: every 64-bit ARM processor that this is compiled for has NEON.
            unsafe {
                match N {
                    1 => [vzip1q_u8(a, b), vzip2q_u8(a, b)],
                    2 => zip!(vreinterpretq_u16_u8 vzip1q_u16 vzip2q_u16 vreinterpretq_u8_u16),
                    4 => zip!(vreinterpretq_u32_u8 vzip1q_u32 vzip2q_u32 vreinterpretq_u8_u32),
                    8 => zip!(vreinterpretq_u64_u8 vzip1q_u64 vzip2q_u64 vreinterpretq_u8_u64),
                    _ => unreachable!(),
                }
            }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut u8) {
            // SAFETY: as the caller promises.
            unsafe { vst1q_u8(to, self) }
        }

        #[inline(always)]
        unsafe fn store_lane<const L: usize>(self, to: *mut u8) {
            // SAFETY: as the caller promises.
            unsafe { vst1q_u8(to, self) }
        }
    }
}
