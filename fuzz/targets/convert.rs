//! Conversions of any layout and type, against the same one element at a time.
#![no_main]

#[allow(dead_code, reason = "each target takes what it needs")]
mod input;

use input::Input;
use libfuzzer_sys::fuzz_target;
use ndferry::dtype::{DType, Overflow};
use ndferry::engine::host::naive;
use ndferry::engine::{self, Transform, View, ViewMut};
use ndferry::layout::Layout;

const NAMES: [&str; 28] = [
    "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "bfloat16", "float32",
    "float64", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz",
    "float8_e3m4", "float8_e8m0fnu", "float6_e2m3fn", "float4_e2m1fn", "int4", "uint4", "int2", ">f4", ">i2",
];

/// A layout of `shape` in so many elements; its own elements are apart from each other.
fn layout(shape: &[i64], input: &mut Input) -> (Layout, i64) {
    let mut order: Vec<usize> = (0..shape.len()).collect();
    order.sort_by_cached_key(|_| input.byte());
    let (mut strides, mut step) = (vec![0; shape.len()], 1);
    for axis in order {
        step *= if input.byte() % 4 == 0 { 1 + i64::from(input.byte() % 3) } else { 1 };
        strides[axis] = step;
        step *= shape[axis].max(1);
    }
    let mut offset = 0;
    for (stride, extent) in strides.iter_mut().zip(shape) {
        if input.byte() % 4 == 0 {
            offset += *stride * (extent - 1).max(0);
            *stride = -*stride;
        }
    }
    (Layout::new(shape, &strides, offset).expect("small numbers"), step)
}

fn bytes(dtype: DType, elements: i64) -> usize {
    (elements as u64 * dtype.element_bits()).div_ceil(8) as usize
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let [from, to] = [(); 2].map(|()| DType::parse(NAMES[input.below(NAMES.len())]).expect("they are known"));
    let shape: Vec<i64> = match input.below(4) {
        0 => vec![input.below(40) as i64 * 7, 1 + input.below(40) as i64],
        1 => vec![1 + input.below(4) as i64, 1 + input.below(64) as i64, 1 + input.below(32) as i64],
        _ => (0..input.below(6)).map(|_| input.below(7) as i64).collect(),
    };
    let (source, source_room) = layout(&shape, &mut input);
    let (target, target_room) = layout(&shape, &mut input);
    let affine = input.byte() % 3 == 0;
    let factor = [f64::from(input.byte() as i8) / 16.0];
    let transform = Transform {
        overflow: if input.byte() % 2 == 0 { Overflow::Wrap } else { Overflow::Saturate },
        scale: if affine { &factor } else { &[] },
        ..Transform::default()
    };
    let shift = [input.below(16), input.below(16)];
    let rest = input.0;
    let read: Vec<u8> = (0..shift[0] + bytes(from, source_room))
        .map(|i| rest.get(i % rest.len().max(1)).copied().unwrap_or(0).wrapping_add((i / rest.len().max(1)) as u8))
        .collect();
    let mut written = vec![0x5a; shift[1] + bytes(to, target_room)];
    let mut expected = written.clone();
    let view = View { data: read[shift[0]..].as_ptr(), dtype: from, layout: &source };
    let views = [&mut written, &mut expected]
        .map(|memory| ViewMut { data: memory[shift[1]..].as_mut_ptr(), dtype: to, layout: &target });
    // SAFETY: both layouts lie in their memory, and elements of the targets are apart from each other.
    unsafe {
        if engine::convert(&view, &views[0], &transform).is_ok() {
            naive::convert(&view, &views[1], &transform);
        }
    }
    assert!(written == expected, "{from} to {to}, {shape:?}, {source:?}, {target:?}, {transform:?}");
});
