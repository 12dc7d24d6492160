//! The same work one element at a time, with no plan and no blocks: slow, and plainly right. Tests hold the engine
//! against it.

use super::bits;
use super::memory::Cell;
use crate::dtype::DType;
use crate::dtype::scalar::{self, Overflow, Scalar, Value};
use crate::engine::host::path::compute_type;
use crate::engine::{Numeric, Transform, View, ViewMut};

/// What [`crate::engine::convert`] does, for views whose shapes are equal and whose types convert.
///
/// # Safety
/// As for [`crate::engine::convert`].
pub unsafe fn convert(source: &View, target: &ViewMut, transform: &Transform) {
    let shape = source.layout.shape();
    if shape.contains(&0) {
        return;
    }
    let pair = Pair::of(source.dtype, target.dtype, transform);
    let mut index = vec![0; shape.len()];
    let mut rooms = [Vec::new(), Vec::new()];
    loop {
        let at = |layout: &crate::layout::Layout| {
            layout.offset() + index.iter().zip(layout.strides()).map(|(i, s)| i * s).sum::<i64>()
        };
        let from = at(source.layout) * source.dtype.element_bits() as i64;
        let to = at(target.layout) * target.dtype.element_bits() as i64;
        for lane in 0..i64::from(source.dtype.lanes) {
            let [from, to] = [from + lane * pair.source.stride(), to + lane * pair.target.stride()];
            // SAFETY: the index is within the shape, and the lane one of the element's.
            unsafe { one((source.data, from), (target.data, to), &pair, transform, &index, &mut rooms) };
        }
        let Some(axis) = (0..shape.len()).rev().find(|i| index[*i] + 1 < shape[*i]) else { return };
        index[axis] += 1;
        index[axis + 1..].fill(0);
    }
}

/// How scalars lie on both sides, and what numbers they are where they change.
struct Pair {
    source: Cell,
    target: Cell,
    numbers: Option<(Numeric, Numeric)>,
}

impl Pair {
    fn of(from: DType, to: DType, transform: &Transform) -> Self {
        let (source, target) = (Cell::of(from), Cell::of(to));
        let same = source.bits == target.bits && from.code == to.code;
        let affine = !transform.scale.is_empty() || !transform.bias.is_empty();
        let numbers = Numeric::of(from).zip(Numeric::of(to)).filter(|_| !same || affine);
        Self { source, target, numbers }
    }
}

/// One scalar, from and to so many bits from a base.
///
/// # Safety
/// The one is readable and the other writable.
unsafe fn one(
    (source, from): (*const u8, i64),
    (target, to): (*mut u8, i64),
    pair: &Pair,
    transform: &Transform,
    index: &[i64],
    [raw, bytes]: &mut [Vec<u8>; 2],
) {
    // SAFETY: as the caller promises.
    unsafe {
        load(source, from, pair.source, raw);
        match pair.numbers {
            Some((a, b)) => {
                number(raw, a, b, transform, index, bytes);
                store(target, to, pair.target, bytes);
            }
            None => store(target, to, pair.target, raw),
        }
    }
}

/// The native bytes of the scalar at bit `at`.
///
/// # Safety
/// The scalar is readable.
unsafe fn load(base: *const u8, at: i64, cell: Cell, bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.resize(cell.bytes(), 0);
    if !cell.packed {
        for (i, byte) in bytes.iter_mut().enumerate() {
            // SAFETY: a byte of the scalar.
            *byte = unsafe { bits::read(base, at + 8 * i as i64, 8) };
        }
    } else {
        for bit in 0..cell.bits {
            // SAFETY: a bit of the scalar.
            bytes[bit as usize / 8] |= unsafe { bits::read(base, at + bit as i64, 1) } << (bit % 8);
        }
    }
    if cell.swapped {
        bytes.chunks_mut(cell.part as usize).for_each(<[u8]>::reverse);
    }
}

/// # Safety
/// The scalar at bit `at` is writable.
unsafe fn store(base: *mut u8, at: i64, cell: Cell, bytes: &mut [u8]) {
    if cell.swapped {
        bytes.chunks_mut(cell.part as usize).for_each(<[u8]>::reverse);
    }
    if !cell.packed {
        for (i, byte) in bytes.iter().enumerate() {
            // SAFETY: a byte of the scalar.
            unsafe { bits::write(base, at + 8 * i as i64, 8, *byte) };
        }
        return;
    }
    for bit in 0..cell.bits {
        // SAFETY: a bit of the scalar.
        unsafe { bits::write(base, at + bit as i64, 1, bytes[bit as usize / 8] >> (bit % 8) & 1) };
    }
}

/// Makes `bytes` those of the number that `raw` becomes.
fn number(
    raw: &[u8],
    source: Numeric,
    target: Numeric,
    transform: &Transform,
    index: &[i64],
    bytes: &mut Vec<u8>,
) {
    let size = source.scalar.bits().div_ceil(8) as usize;
    let part = |i: usize| {
        let significant = |k: usize| if cfg!(target_endian = "big") { size - 1 - k } else { k };
        (0..size).fold(0, |all, k| all | u64::from(raw[i * size + significant(k)]) << (8 * k))
    };
    let imaginary = if source.complex { part(1) } else { 0 };
    let affine = !transform.scale.is_empty() || !transform.bias.is_empty();
    let one = |raw, bias: &[f64]| match affine {
        true => scaled(raw, source.scalar, target.scalar, transform, bias, index),
        false => scalar::convert(source.scalar, raw, target.scalar, transform.overflow),
    };
    let mut real = one(part(0), transform.bias);
    if target.scalar == Scalar::Bool && !affine && source.complex {
        real |= one(imaginary, &[]);
    }
    let size = target.scalar.bits().div_ceil(8) as usize;
    bytes.clear();
    let mut put = |raw: u64| match cfg!(target_endian = "big") {
        true => bytes.extend_from_slice(&raw.to_be_bytes()[8 - size..]),
        false => bytes.extend_from_slice(&raw.to_le_bytes()[..size]),
    };
    put(real);
    if target.complex {
        put(if source.complex { one(imaginary, &[]) } else { 0 });
    }
}

fn scaled(
    raw: u64,
    source: Scalar,
    target: Scalar,
    transform: &Transform,
    bias: &[f64],
    index: &[i64],
) -> u64 {
    let pick = |values: &[f64]| match values {
        [] => None,
        [one] => Some(*one),
        many => Some(many[index[transform.axis] as usize]),
    };
    let (scale, bias) = (pick(transform.scale).unwrap_or(1.0), pick(bias));
    let value = source.decode(raw);
    let (value, computed) = if compute_type(source, target) == Scalar::Float32 {
        let y = value.to_f32() * scale as f32;
        (Value::F32(bias.map_or(y, |bias| y + bias as f32)), Scalar::Float32)
    } else {
        let y = value.to_f64() * scale;
        (Value::F64(bias.map_or(y, |bias| y + bias)), Scalar::Float64)
    };
    let clamps = !target.is_float() || target.is_narrower_than(computed);
    target.encode(value, if clamps { transform.overflow } else { Overflow::Wrap })
}
