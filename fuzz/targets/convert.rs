//! Conversions of any layout and type, against the same one element at a time. Every storage ends where its last element
//! does, so that whoever reads or writes beyond it is seen.
#![no_main]

#[allow(dead_code, reason = "each target takes what it needs")]
mod input;

use input::Input;
use libfuzzer_sys::fuzz_target;
use ndferry::dtype::{DType, Overflow, PADDED, SWAPPED};
use ndferry::engine::host::naive;
use ndferry::engine::{self, Transform, View, ViewMut};
use ndferry::layout::Layout;

const NAMES: [&str; 28] = [
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "float8_e3m4",
    "float8_e8m0fnu",
    "float6_e2m3fn",
    "float4_e2m1fn",
    "int4",
    "uint4",
    "int2",
    "uint2",
    "S3",
];

/// The most elements: the slow twin has to go over each.
const MOST: i64 = 1 << 14;

/// Elements that a layout spans before it stops leaving gaps.
const WIDE: i64 = 1 << 18;

fn dtype(input: &mut Input) -> DType {
    let mut dtype = DType::parse(NAMES[input.below(NAMES.len())]).expect("they are known");
    if input.byte() % 4 == 0 {
        dtype.flags |= match dtype.bits {
            1..8 => PADDED,
            16.. if dtype.has_byte_order() => SWAPPED,
            _ => 0,
        };
    }
    dtype
}

/// Up to ten axes, most of them short.
fn shape(input: &mut Input) -> Vec<i64> {
    let mut room = MOST;
    let mut extent = || {
        let extent = match input.byte() {
            255 => 0,
            byte @ 240..255 => i64::from(byte - 239) * (1 + i64::from(input.byte())),
            byte @ 176..240 => i64::from(byte - 170),
            byte => 1 + i64::from(byte % 5),
        };
        let extent = extent.min(room);
        room /= extent.max(1);
        extent
    };
    let rank = extent() % 11;
    (0..rank).map(|_| extent()).collect()
}

/// A layout of `shape`, and how many elements it spans; a target's own elements are apart from each other.
fn layout(shape: &[i64], is_source: bool, input: &mut Input) -> (Layout, i64) {
    let mut order: Vec<usize> = (0..shape.len()).rev().collect();
    if input.byte() % 2 == 0 {
        order.sort_by_cached_key(|_| input.byte());
    }
    let (mut strides, mut offset, mut span) = (vec![0; shape.len()], 0, 1);
    for axis in order {
        let byte = if span < WIDE { input.byte() } else { 0 };
        let mut stride = match byte {
            128..176 => span + i64::from(byte % 16),
            176..192 => span * (2 + i64::from(byte % 2)),
            192..208 => (span + 63) & !63,
            208..224 if is_source => 0,
            224..240 if is_source => i64::from(byte % 16).min(span),
            _ => span,
        };
        let far = (shape[axis] - 1).max(0) * stride;
        if input.byte() % 4 == 0 {
            offset += far;
            stride = -stride;
        }
        strides[axis] = stride;
        span += far;
    }
    if shape.contains(&0) {
        (offset, span) = (0, 0);
    }
    (Layout::new(shape, &strides, offset).expect("small numbers"), span)
}

fn factors(extent: i64, input: &mut Input) -> Vec<f64> {
    let count = match input.byte() % 8 {
        0 => extent,
        1 => 1,
        _ => 0,
    };
    (0..count).map(|_| f64::from(input.byte() as i8) / 16.0).collect()
}

fn bytes(dtype: DType, elements: i64) -> usize {
    (elements as u64 * dtype.element_bits()).div_ceil(8) as usize
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let [from, to] = [(); 2].map(|()| dtype(&mut input));
    let to = if input.byte() % 4 == 0 { from } else { to };
    let shape = shape(&mut input);
    let (source, source_span) = layout(&shape, true, &mut input);
    let (target, target_span) = layout(&shape, false, &mut input);
    let axis = input.below(shape.len());
    let extent = shape.get(axis).copied().unwrap_or(1);
    let [scale, bias] = [(); 2].map(|()| factors(extent, &mut input));
    let overflow = if input.byte() % 2 == 0 { Overflow::Wrap } else { Overflow::Saturate };
    let transform = Transform { overflow, scale: &scale, bias: &bias, axis, ..Transform::default() };
    let shift = [input.below(16), input.below(16)];
    let rest = if input.is_empty() { &[0x3c][..] } else { input.0 };
    let read: Vec<u8> = (0..shift[0] + bytes(from, source_span))
        .map(|i| rest[i % rest.len()].wrapping_add((i / rest.len()) as u8))
        .collect();
    let mut written = vec![0x5a; shift[1] + bytes(to, target_span)];
    let mut expected = written.clone();
    let view = View { data: read[shift[0]..].as_ptr(), dtype: from, layout: &source };
    let views = [&mut written, &mut expected].map(|memory| ViewMut {
        data: memory[shift[1]..].as_mut_ptr(),
        dtype: to,
        layout: &target,
    });
    // SAFETY: both layouts lie in their memory, and elements of the targets are apart from each other.
    unsafe {
        if engine::convert(&view, &views[0], &transform).is_ok() {
            naive::convert(&view, &views[1], &transform);
        }
    }
    assert!(written == expected, "{from} to {to}, {shape:?}, {source:?}, {target:?}, {transform:?}");
});
