//! The same work one element at a time, with no plan and no blocks: slow, and plainly right. Tests hold the engine
//! against it.

use super::bits;
use super::memory::Cell;
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
    let mut index = vec![0; shape.len()];
    loop {
        let at = |layout: &crate::layout::Layout| {
            layout.offset() + index.iter().zip(layout.strides()).map(|(i, s)| i * s).sum::<i64>()
        };
        // SAFETY: the index is within the shape.
        unsafe { element(source, at(source.layout), target, at(target.layout), transform, &index) };
        let Some(axis) = (0..shape.len()).rev().find(|i| index[*i] + 1 < shape[*i]) else { return };
        index[axis] += 1;
        index[axis + 1..].fill(0);
    }
}

/// # Safety
/// Element `from` of the source is readable and element `to` of the target writable.
unsafe fn element(source: &View, from: i64, target: &ViewMut, to: i64, transform: &Transform, index: &[i64]) {
    let (a, b) = (Cell::of(source.dtype), Cell::of(target.dtype));
    for lane in 0..i64::from(source.dtype.lanes) {
        let from = from * source.dtype.element_bits() as i64 + lane * a.stride();
        let to = to * target.dtype.element_bits() as i64 + lane * b.stride();
        // SAFETY: the lanes of the two elements.
        unsafe {
            let raw = load(source.data, from, a);
            let same = a.bits == b.bits && source.dtype.code == target.dtype.code;
            let affine = !transform.scale.is_empty() || !transform.bias.is_empty();
            match (Numeric::of(source.dtype), Numeric::of(target.dtype)) {
                (Some(x), Some(y)) if !same || affine => {
                    store(target.data, to, b, number(&raw, x, y, transform, index))
                }
                _ => store(target.data, to, b, raw),
            }
        }
    }
}

/// The native bytes of the scalar at bit `at`.
///
/// # Safety
/// The scalar is readable.
unsafe fn load(base: *const u8, at: i64, cell: Cell) -> Vec<u8> {
    let mut bytes = vec![0; cell.bytes()];
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
    bytes
}

/// # Safety
/// The scalar at bit `at` is writable.
unsafe fn store(base: *mut u8, at: i64, cell: Cell, mut bytes: Vec<u8>) {
    if cell.swapped {
        bytes.chunks_mut(cell.part as usize).for_each(<[u8]>::reverse);
    }
    let count = if cell.packed { cell.bits } else { 8 * bytes.len() as u64 };
    for bit in 0..count {
        // SAFETY: a bit of the scalar.
        unsafe { bits::write(base, at + bit as i64, 1, bytes[bit as usize / 8] >> (bit % 8) & 1) };
    }
}

fn number(raw: &[u8], source: Numeric, target: Numeric, transform: &Transform, index: &[i64]) -> Vec<u8> {
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
    let native = |raw: u64| match cfg!(target_endian = "big") {
        true => raw.to_be_bytes()[8 - size..].to_vec(),
        false => raw.to_le_bytes()[..size].to_vec(),
    };
    let mut bytes = native(real);
    if target.complex {
        bytes.extend(native(if source.complex { one(imaginary, &[]) } else { 0 }));
    }
    bytes
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
