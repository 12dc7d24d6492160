//! Scalars that are not whole bytes: element i of a packed type starts at bit i · bits, lowest bit first.

use super::isa::Isa;
use super::kernel::{Kernel, Operands, compiled, each};
use super::memory::Grid;

/// Moves rows of scalars of `bits` bits from and to any bit; a target of `whole` bytes gets 0 in the upper ones.
///
/// # Safety
/// As for [`super::memory::Mover::run`].
pub unsafe fn rows(
    source: Grid<*const u8>,
    target: Grid<*mut u8>,
    counts: [usize; 2],
    bits: u64,
    whole: bool,
) {
    for j in 0..counts[1] as i64 {
        let (from, to) = (source.at + j * source.strides[1], target.at + j * target.strides[1]);
        let ([s, _], [t, _]) = (source.strides, target.strides);
        let halves = matches!(bits, 2 | 4) && (from | to) & 7 == 0;
        // SAFETY: the rows are made of the grids' scalars.
        let done = unsafe {
            let (a, b) = (source.base.offset((from >> 3) as isize), target.base.offset((to >> 3) as isize));
            match (s, t) {
                (s, 8) if halves && whole && s == bits as i64 => unpack(a, b, counts[0], bits as usize),
                (8, t) if halves && !whole && t == bits as i64 => pack(a, b, counts[0], bits as usize),
                _ => 0,
            }
        };
        for i in done as i64..counts[0] as i64 {
            // SAFETY: scalar `i` of the row.
            unsafe { copy(source.base, from + i * s, target.base, to + i * t, bits, whole) };
        }
    }
}

/// Spreads whole bytes of adjacent scalars over one byte each; how many of the `count` scalars that were.
///
/// # Safety
/// `count` scalars of `bits` bits are readable at `from`, and as many bytes writable at `to`.
unsafe fn unpack(from: *const u8, to: *mut u8, count: usize, bits: usize) -> usize {
    let per_byte = 8 / bits;
    let unpack = if bits == 4 { compiled::<Unpack<4, 2>> } else { compiled::<Unpack<2, 4>> };
    // SAFETY: so many bytes are full of scalars, each of which becomes one.
    unsafe { unpack(Isa::chosen())(from, to, count / per_byte, &Operands::default()) };
    count - count % per_byte
}

/// Gathers the low bits of adjacent bytes into whole bytes; how many of the `count` scalars that were.
///
/// # Safety
/// `count` bytes are readable at `from`, and as many scalars of `bits` bits writable at `to`.
unsafe fn pack(from: *const u8, to: *mut u8, count: usize, bits: usize) -> usize {
    let per_byte = 8 / bits;
    let pack = if bits == 4 { compiled::<Pack<4, 2>> } else { compiled::<Pack<2, 4>> };
    // SAFETY: so many bytes are filled by scalars.
    unsafe { pack(Isa::chosen())(from, to, count / per_byte, &Operands::default()) };
    count - count % per_byte
}

/// Bytes of `N` scalars of `BITS` bits to as many bytes.
struct Unpack<const BITS: usize, const N: usize>;

impl<const BITS: usize, const N: usize> Kernel for Unpack<BITS, N> {
    #[inline(always)]
    unsafe fn run(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
        let spread =
            |byte: u8| -> [u8; N] { std::array::from_fn(|k| byte >> (k * BITS) & ((1 << BITS) - 1)) };
        // SAFETY: as the caller promises.
        unsafe { each(from, to, count, spread) }
    }
}

/// `N` bytes to one of as many scalars of `BITS` bits.
struct Pack<const BITS: usize, const N: usize>;

impl<const BITS: usize, const N: usize> Kernel for Pack<BITS, N> {
    #[inline(always)]
    unsafe fn run(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
        let gather =
            |bytes: [u8; N]| (0..N).fold(0, |all, k| all | (bytes[k] & ((1 << BITS) - 1)) << (k * BITS));
        // SAFETY: as the caller promises.
        unsafe { each(from, to, count, gather) }
    }
}

/// `bits` bits from bit `from` of `source` to bit `to` of `target`, lowest first; other bits stay, but for the upper
/// ones of the last byte when the target has `whole` bytes.
///
/// # Safety
/// The bytes that hold these bits are readable and writable.
unsafe fn copy(source: *const u8, from: i64, target: *mut u8, to: i64, bits: u64, whole: bool) {
    let mut done = 0;
    while done < bits {
        let count = (bits - done).min(8) as u32;
        // SAFETY: these are up to 8 of the bits that the caller vouches for.
        unsafe {
            let byte = read(source, from + done as i64, count);
            if whole {
                *target.offset(((to + done as i64) >> 3) as isize) = byte;
            } else {
                write(target, to + done as i64, count, byte);
            }
        }
        done += u64::from(count);
    }
}

/// Up to 8 bits, from one byte or two.
///
/// # Safety
/// The bytes that hold these bits are readable.
#[inline(always)]
pub unsafe fn read(base: *const u8, at: i64, count: u32) -> u8 {
    let shift = (at & 7) as u32;
    // SAFETY: the second byte is only touched when it holds some of the bits.
    let pair = unsafe {
        let byte = base.offset((at >> 3) as isize);
        u32::from(*byte) | if shift + count > 8 { u32::from(*byte.add(1)) << 8 } else { 0 }
    };
    (pair >> shift & ((1 << count) - 1)) as u8
}

/// Up to 8 bits, into one byte or two, leaving their other bits.
///
/// # Safety
/// The bytes that hold these bits are readable and writable.
#[inline(always)]
pub unsafe fn write(base: *mut u8, at: i64, count: u32, value: u8) {
    let shift = (at & 7) as u32;
    let mask = ((1u32 << count) - 1) << shift;
    let value = u32::from(value) << shift;
    // SAFETY: the second byte is only touched when it holds some of the bits.
    unsafe {
        let byte = base.offset((at >> 3) as isize);
        *byte = (*byte & !(mask as u8)) | (value & mask) as u8;
        if shift + count > 8 {
            let next = byte.add(1);
            *next = (*next & !((mask >> 8) as u8)) | ((value & mask) >> 8) as u8;
        }
    }
}
