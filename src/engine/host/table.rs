//! Numbers of one byte that are looked up: a table of all 256 values lies in registers.
//!
//! Only processors with AVX-512 VBMI have instructions for that. Elsewhere the loops that make the table convert all
//! numbers.

use std::arch::x86_64::*;

use super::isa::Isa;

/// What is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// One byte.
    Byte,
    /// Two bytes.
    Word,
    /// Four bytes, of which the lower two are 0.
    Upper,
}

/// Fewer numbers are not worth a table.
pub(super) const LEAST: usize = 2048;

/// Numbers of a turn.
const TURN: usize = 64;

/// Whether there are tables.
pub fn is_available(isa: Isa) -> bool {
    isa == Isa::Avx512 && isa.is_available() && std::arch::is_x86_feature_detected!("avx512vbmi")
}

/// The entries of all values, by their bytes.
#[derive(Clone, Copy)]
pub struct Table {
    entry: Entry,
    /// The last bytes of the entries but one, and the last ones; those of one byte twice.
    planes: [[u8; 256]; 2],
}

impl Table {
    /// Of `values`, which has an entry for each of 256.
    pub fn new(entry: Entry, values: &[u8; 4 * 256]) -> Self {
        let (size, bytes) = match entry {
            Entry::Byte => (1, [0, 0]),
            Entry::Word => (2, [0, 1]),
            Entry::Upper => (4, [2, 3]),
        };
        Self { entry, planes: bytes.map(|byte| std::array::from_fn(|i| values[i * size + byte])) }
    }

    /// Looks up `count` bytes at `from`.
    ///
    /// # Safety
    /// So many bytes are readable at `from`, so many entries writable at `to`, and they do not overlap; tables are
    /// [available](is_available).
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
    pub unsafe fn look_up(&self, from: *const u8, to: *mut u8, count: usize) {
        let planes = [Plane::new(&self.planes[0]), Plane::new(&self.planes[1])];
        // SAFETY: as the caller promises.
        unsafe {
            match self.entry {
                Entry::Byte => turns::<1>(planes, from, to, count),
                Entry::Word => turns::<2>(planes, from, to, count),
                Entry::Upper => turns::<4>(planes, from, to, count),
            }
        }
    }
}

/// One byte of each entry.
#[derive(Clone, Copy)]
struct Plane([__m512i; 4]);

impl Plane {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(bytes: &[u8; 256]) -> Self {
        // SAFETY: four times as many bytes as a register has.
        Self([0, 64, 128, 192].map(|at| unsafe { _mm512_loadu_si512(bytes.as_ptr().add(at).cast()) }))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn look_up(self, codes: __m512i) -> __m512i {
        let low = _mm512_permutex2var_epi8(self.0[0], codes, self.0[1]);
        let high = _mm512_permutex2var_epi8(self.0[2], codes, self.0[3]);
        _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), low, high)
    }
}

/// # Safety
/// As for [`Table::look_up`], the entries having `SIZE` bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
unsafe fn turns<const SIZE: usize>(planes: [Plane; 2], from: *const u8, to: *mut u8, count: usize) {
    let whole = count / TURN * TURN;
    let mut i = 0;
    // SAFETY: the bytes of each turn and their entries; the rest by way of arrays that hold a turn.
    unsafe {
        while i < whole {
            turn::<SIZE>(planes, from.add(i), to.add(i * SIZE));
            i += TURN;
        }
        let (mut codes, mut entries) = ([0u8; TURN], [0u8; 4 * TURN]);
        codes.as_mut_ptr().copy_from_nonoverlapping(from.add(whole), count - whole);
        turn::<SIZE>(planes, codes.as_ptr(), entries.as_mut_ptr());
        to.add(whole * SIZE).copy_from_nonoverlapping(entries.as_ptr(), (count - whole) * SIZE);
    }
}

/// # Safety
/// As for [`turns`], for one turn.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
unsafe fn turn<const SIZE: usize>([low, high]: [Plane; 2], from: *const u8, to: *mut u8) {
    // SAFETY: as the caller promises.
    unsafe {
        let codes = _mm512_loadu_si512(from.cast());
        if SIZE == 1 {
            return _mm512_storeu_si512(to.cast(), low.look_up(codes));
        }
        // Bytes are joined within lanes, so they are dealt out to these in advance.
        let deal = match SIZE {
            2 => _mm512_setr_epi32(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15),
            _ => _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
        };
        let codes = _mm512_permutexvar_epi32(deal, codes);
        let (low, high) = (low.look_up(codes), high.look_up(codes));
        let (low, high) = (_mm512_unpacklo_epi8(low, high), _mm512_unpackhi_epi8(low, high));
        if SIZE == 2 {
            _mm512_storeu_si512(to.cast(), low);
            return _mm512_storeu_si512(to.add(64).cast(), high);
        }
        let zero = _mm512_setzero_si512();
        _mm512_storeu_si512(to.cast(), _mm512_unpacklo_epi16(zero, low));
        _mm512_storeu_si512(to.add(64).cast(), _mm512_unpackhi_epi16(zero, low));
        _mm512_storeu_si512(to.add(128).cast(), _mm512_unpacklo_epi16(zero, high));
        _mm512_storeu_si512(to.add(192).cast(), _mm512_unpackhi_epi16(zero, high));
    }
}
