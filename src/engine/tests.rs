//! The engine against its naive twin, over random types, layouts and coefficients.

#[cfg(unix)]
mod cases;
#[cfg(unix)]
mod cuda;
mod equality;
mod explanations;
#[cfg(unix)]
mod matrix;
mod pieces;
mod plans;
mod recall;
mod threads;
mod values;

use super::host::naive;
use super::*;
use crate::dtype::{PADDED, SWAPPED, code, scalar};
use crate::error::Kind;
use crate::layout::Order;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E3779B97F4A7C15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58476D1CE4E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D049BB133111EB);
        x ^ (x >> 31)
    }

    fn below(&mut self, n: i64) -> i64 {
        (self.next() % n as u64) as i64
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }

    fn dtype(&mut self) -> DType {
        let types = numbers();
        let mut dtype = types[self.below(types.len() as i64) as usize];
        if dtype.bits < 8 && self.below(2) == 0 {
            dtype.flags |= PADDED;
        }
        if dtype.bits > 8 && self.below(3) == 0 {
            dtype.flags |= SWAPPED;
        }
        dtype
    }

    /// Up to 5 axes and a few thousand elements; mostly tiny extents, at times long ones.
    fn shape(&mut self) -> Vec<i64> {
        let rank = self.below(6) as usize;
        if rank == 2 && self.below(2) == 0 {
            return vec![1 + self.below(90), 1 + self.below(90)];
        }
        let top = [0, 700, 60, 14, 8, 6][rank];
        (0..rank).map(|_| if self.below(40) == 0 { 0 } else { 1 + self.below(top) }).collect()
    }

    /// A layout of `shape` in some order of axes, with gaps and reversals, and how many elements it spans.
    fn layout(&mut self, shape: &[i64], broadcast: bool) -> (Layout, i64) {
        let mut order: Vec<usize> = (0..shape.len()).collect();
        for i in (1..order.len()).rev().filter(|_| true) {
            if self.below(2) == 0 {
                order.swap(i, self.below(i as i64 + 1) as usize);
            }
        }
        let (mut strides, mut offset, mut span) = (vec![0; shape.len()], self.below(5), 1);
        for &axis in order.iter().rev() {
            if broadcast && self.below(6) == 0 {
                continue;
            }
            let gap = [1, 1, 1, 2, 3][self.below(5) as usize];
            let pad = if self.below(4) == 0 { 1 } else { 0 };
            strides[axis] = span * gap + pad;
            let far = (shape[axis] - 1).max(0) * strides[axis];
            if self.below(4) == 0 {
                strides[axis] = -strides[axis];
                offset += far;
            }
            span += far;
        }
        (Layout::raw(shape, &strides, offset), span + 5)
    }
}

fn numbers() -> Vec<DType> {
    let mut types = vec![DType::new(code::BOOL, 8), DType::new(code::BFLOAT, 16)];
    types.extend([2, 4, 8, 16, 32, 64].map(|bits| DType::new(code::INT, bits)));
    types.extend([2, 4, 8, 16, 32, 64].map(|bits| DType::new(code::UINT, bits)));
    types.extend([16, 32, 64].map(|bits| DType::new(code::FLOAT, bits)));
    types.extend([32, 64, 128].map(|bits| DType::new(code::COMPLEX, bits)));
    types.extend((code::FLOAT8_E3M4..=code::FLOAT8_E8M0FNU).map(|code| DType::new(code, 8)));
    types.extend([code::FLOAT6_E2M3FN, code::FLOAT6_E3M2FN].map(|code| DType::new(code, 6)));
    types.push(DType::new(code::FLOAT4_E2M1FN, 4));
    types
}

/// The number in an environment variable, if it is set.
fn variable<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    let Ok(value) = text.parse() else { panic!("{name}={text} is no number") };
    Some(value)
}

fn storage_bytes(dtype: DType, elements: i64) -> usize {
    (elements as u64 * dtype.element_bits()).div_ceil(8) as usize
}

/// Runs both and demands that every byte of the destination, addressed or not, is the same.
fn check_one(random: &mut Random, from: DType, to: DType, shape: &[i64], transform: &Transform) {
    let (source, target) = (random.layout(shape, true), random.layout(shape, false));
    check_layouts(random, (from, source), (to, target), transform);
}

/// [`check_one`] for layouts that span so many elements.
fn check_layouts(
    random: &mut Random,
    (from, (source_layout, source_span)): (DType, (Layout, i64)),
    (to, (target_layout, target_span)): (DType, (Layout, i64)),
    transform: &Transform,
) {
    let misaligned = random.below(2) as usize;
    let source = random.bytes(storage_bytes(from, source_span) + misaligned);
    let poison = random.bytes(storage_bytes(to, target_span) + misaligned);
    let mut results = [poison.clone(), poison];
    let view = View { data: source[misaligned..].as_ptr(), dtype: from, layout: &source_layout };
    let [real, naive] = &mut results;
    let target = |bytes: &mut Vec<u8>| ViewMut {
        data: bytes[misaligned..].as_mut_ptr(),
        dtype: to,
        layout: &target_layout,
    };
    // SAFETY: the layouts stay within their spans, which the storages hold.
    unsafe {
        convert(&view, &target(real), transform).expect("convertible types");
        naive::convert(&view, &target(naive), transform);
    }
    assert_eq!(
        results[0], results[1],
        "{from:?} {source_layout:?} to {to:?} {target_layout:?} with {transform:?}"
    );
}

#[test]
fn sheets_too_large_for_the_caches_are_those_of_the_naive_twin() {
    let mut random = Random(8);
    let (float, byte) = (DType::new(code::FLOAT, 32), DType::new(code::UINT, 8));
    let short = DType::new(code::INT, 16);
    let swapped = DType { flags: SWAPPED, ..short };
    let cases = [(float, float), (short, swapped), (byte, float), (DType::new(code::FLOAT, 64), float)];
    for (from, to) in cases {
        let count = (9 << 20) / i64::from(to.bits / 8);
        for shape in
            [vec![1031, count / 1031], vec![count / 3, 3], vec![3, count / 3], vec![40, 2, count / 80]]
        {
            let compact = |shape: &[i64]| Layout::contiguous(shape, Order::C).expect("small");
            let reversed: Vec<i64> = shape.iter().rev().copied().collect();
            let (source, target) = (compact(&reversed).transpose(), compact(&shape));
            check_layouts(&mut random, (from, (source, count)), (to, (target, count)), &Transform::default());
        }
    }
}

#[test]
fn rows_too_large_for_the_caches_that_run_backwards_or_in_steps_are_those_of_the_naive_twin() {
    let mut random = Random(9);
    for (bits, step, from_flags) in
        [(32, -1, 0), (8, -1, 0), (16, 2, 0), (64, 3, 0), (32, 0, 0), (16, -1, SWAPPED)]
    {
        let to = DType::new(code::UINT, bits);
        let (row, rows) = (1103, (9 << 20) / 1103 / i64::from(bits / 8));
        let width = row * i64::from(i32::max(step, 1)) + 2;
        let first = if step < 0 { row - 1 } else { 0 };
        let source = Layout::raw(&[rows, row], &[width, step.into()], first);
        let target = Layout::raw(&[rows, row], &[row + 1, 1], 0);
        let from = DType { flags: from_flags, ..to };
        let (source, target) = ((source, rows * width), (target, rows * (row + 1)));
        check_layouts(&mut random, (from, source), (to, target), &Transform::default());
    }
}

/// A random order of all axes.
fn shuffled(random: &mut Random, rank: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rank).collect();
    (1..rank).rev().for_each(|i| order.swap(i, random.below(i as i64 + 1) as usize));
    order
}

#[test]
fn axes_in_any_order_are_those_of_the_naive_twin() {
    let mut random = Random(11);
    let words = [8, 16, 32, 64, 128]
        .map(|bits| DType::new(if bits < 128 { code::UINT } else { code::COMPLEX }, bits));
    let odd =
        [(3, 3), (6, 6), (12, 12), (20, 20)].map(|(lanes, _)| DType { lanes, ..DType::new(code::UINT, 8) });
    for round in 0..600 {
        let dtype = if round % 5 == 4 { odd[round / 5 % 4] } else { words[round % 5] };
        let rank = 3 + random.below(4) as usize;
        let most = [30_000, 120_000][random.below(2) as usize] / dtype.element_bits() as i64 * 8;
        let mut shape = vec![2; rank];
        loop {
            let (axis, n) = (random.below(rank as i64) as usize, 1 + random.below(9));
            shape[axis] += n;
            if shape.iter().product::<i64>() > most {
                shape[axis] -= n;
                break;
            }
        }
        let [source, target] = [0, 1].map(|_| {
            let (mut strides, mut span) = (vec![0; rank], 1);
            for axis in shuffled(&mut random, rank) {
                // Now and then a window: rows with gaps.
                span += i64::from(random.below(8) == 0) * (1 + random.below(9));
                strides[axis] = span;
                span *= shape[axis];
            }
            (Layout::raw(&shape, &strides, 0), span)
        });
        let swapped = if round % 7 == 0 && dtype.lanes == 1 && dtype.bits > 8 { SWAPPED } else { 0 };
        let to = DType { flags: swapped, ..dtype };
        check_layouts(&mut random, (dtype, source), (to, target), &Transform::default());
    }
}

#[test]
fn axes_in_any_order_that_no_cache_holds_are_those_of_the_naive_twin() {
    let mut random = Random(12);
    let cases: [(u8, &[i64]); 4] = [
        (8, &[5, 21, 33, 2, 2600]),
        (16, &[3, 40, 9, 200, 41]),
        (32, &[70, 3, 31, 7, 96]),
        (64, &[2, 100, 67, 2, 50]),
    ];
    for (bits, shape) in cases {
        let dtype = DType::new(code::UINT, bits);
        let [source, target] = [0, 1].map(|_| {
            let (mut strides, mut span) = (vec![0; shape.len()], 1);
            for axis in shuffled(&mut random, shape.len()) {
                strides[axis] = span;
                span *= shape[axis];
            }
            (Layout::raw(shape, &strides, 0), span)
        });
        check_layouts(&mut random, (dtype, source), (dtype, target), &Transform::default());
    }
}

#[test]
fn sixty_four_axes_are_no_more_than_one() {
    let mut random = Random(6);
    let mut shape = [1; 64];
    (shape[3], shape[40], shape[63]) = (5, 7, 3);
    let dtype = DType::new(code::FLOAT, 32);
    check_one(&mut random, dtype, DType::new(code::INT, 16), &shape, &Transform::default());
    check_one(&mut random, dtype, dtype, &shape, &Transform::default());
}

#[test]
fn targets_too_large_for_the_caches_are_whole_and_their_gaps_untouched() {
    let (uint, float) = (|bits| DType::new(code::UINT, bits), |bits| DType::new(code::FLOAT, bits));
    for (from, to) in
        [(uint(8), uint(8)), (uint(16), float(32)), (float(32), float(64)), (float(32), float(16))]
    {
        let (row, gap) = (1027i64, 3i64);
        let width = to.item_size();
        let rows = (9 << 20) / (row * width as i64);
        let source = Random(8).bytes(storage_bytes(from, row));
        let mut one = vec![0; storage_bytes(to, row)];
        let (alone, repeated) = (Layout::raw(&[row], &[1], 0), Layout::raw(&[rows, row], &[0, 1], 0));
        let spread = Layout::raw(&[rows, row], &[row + gap, 1], 0);
        let mut all = vec![0xA5; storage_bytes(to, rows * (row + gap)) + 1];
        // SAFETY: the layouts stay within the vectors, of which the last begins one byte early.
        unsafe {
            let target = ViewMut { data: one.as_mut_ptr(), dtype: to, layout: &alone };
            naive::convert(&view(&source, from, &alone), &target, &Transform::default());
            let target = ViewMut { data: all[1..].as_mut_ptr(), dtype: to, layout: &spread };
            convert(&view(&source, from, &repeated), &target, &Transform::default())
                .expect("convertible types");
        }
        let (written, gap) = (row as usize * width, gap as usize * width);
        for got in all[1..].chunks(written + gap) {
            assert!(got[..written] == one && got[written..] == vec![0xA5; gap], "{from:?} to {to:?}");
        }
    }
}

#[test]
fn coefficients_of_targets_too_large_for_the_caches_are_those_of_the_naive_twin() {
    let mut random = Random(10);
    let (byte, float) = (DType::new(code::UINT, 8), DType::new(code::FLOAT, 32));
    for (channels, axis, is_turned) in [(3, 1, false), (7, 1, true), (1000, 1, false), (3, 0, true)] {
        let others = (9 << 20) / 4 / channels;
        let shape = if axis == 1 { [others, channels] } else { [channels, others] };
        let compact = |shape: &[i64]| Layout::contiguous(shape, Order::C).expect("small");
        let turned = compact(&[shape[1], shape[0]]).transpose();
        let factors: Vec<f64> = (0..channels).map(|i| 0.25 + i as f64 / 64.0).collect();
        let bias: Vec<f64> = factors.iter().map(|x| x - 3.0).collect();
        let transform = Transform { scale: &factors, bias: &bias, axis, ..Transform::default() };
        let (count, source) = (others * channels, if is_turned { turned } else { compact(&shape) });
        check_layouts(&mut random, (byte, (source, count)), (float, (compact(&shape), count)), &transform);
    }
}

fn view<'a, T>(data: &'a [T], dtype: DType, layout: &'a Layout) -> View<'a> {
    View { data: data.as_ptr().cast(), dtype, layout }
}

#[test]
fn different_shapes_are_refused() {
    let (a, b) = (Layout::raw(&[2], &[1], 0), Layout::raw(&[3], &[1], 0));
    let (from, mut to) = ([0u8; 2], [0u8; 3]);
    let u8s = DType::new(code::UINT, 8);
    let target = ViewMut { data: to.as_mut_ptr(), dtype: u8s, layout: &b };
    // SAFETY: nothing is read or written.
    let error =
        unsafe { convert(&view(&from, u8s, &a), &target, &Transform::default()) }.expect_err("shapes");
    assert_eq!(error.kind(), Kind::Shape);
}

#[test]
fn bad_coefficients_and_types_are_refused() {
    let layout = Layout::raw(&[2], &[1], 0);
    let (from, mut to) = ([0u8; 4], [0u8; 4]);
    let u8s = DType::new(code::UINT, 8);
    let mut attempt = |a: DType, b: DType, transform: Transform| {
        let target = ViewMut { data: to.as_mut_ptr(), dtype: b, layout: &layout };
        // SAFETY: refused, or two elements of at most two bytes.
        unsafe { convert(&view(&from, a, &layout), &target, &transform) }.map_err(|error| error.kind())
    };
    let three = Transform { scale: &[1.0, 2.0, 3.0], ..Transform::default() };
    assert_eq!(attempt(u8s, u8s, three), Err(Kind::Shape));
    assert_eq!(attempt(u8s, u8s, Transform { axis: 1, ..three }), Err(Kind::Range));
    let bytes = DType::numpy(b'S', 2);
    assert_eq!(attempt(bytes, u8s, Transform::default()), Err(Kind::Unsupported));
    assert_eq!(attempt(bytes, bytes, Transform { scale: &[2.0], ..three }), Err(Kind::Unsupported));
    assert_eq!(attempt(u8s, DType { lanes: 2, ..u8s }, Transform::default()), Err(Kind::Unsupported));
    assert_eq!(attempt(bytes, bytes, Transform::default()), Ok(()));
}

#[test]
fn overlapping_elements_come_out_as_if_the_source_had_been_copied() {
    let mut data: Vec<u16> = (0..100).collect();
    let base = data.as_mut_ptr().cast::<u8>();
    let (from, to) = (Layout::raw(&[80], &[1], 0), Layout::raw(&[80], &[-1], 95));
    let dtype = DType::new(code::UINT, 16);
    let source = View { data: base, dtype, layout: &from };
    // SAFETY: both layouts stay within the hundred elements.
    unsafe {
        convert_overlapping(&source, &ViewMut { data: base, dtype, layout: &to }, &Transform::default())
    }
    .expect("same types");
    assert!((0..80).all(|i| data[95 - i] == i as u16));
    assert_eq!(data[..16], (0..16).collect::<Vec<u16>>());
}

#[test]
fn fill_sets_every_element_and_nothing_else() {
    let mut random = Random(5);
    for _ in 0..500 {
        let (dtype, shape) = (random.dtype(), random.shape());
        let (layout, span) = random.layout(&shape, false);
        let mut filled = random.bytes(storage_bytes(dtype, span));
        let mut expected = filled.clone();
        let (mut value, alone) = ([0u8; 16], Layout::raw(&[], &[], 0));
        let number = [1.0f64, -2.0];
        let still = Layout::raw(&shape, &vec![0; shape.len()], 0);
        // SAFETY: the layout stays within its span.
        unsafe {
            let complex = DType::new(code::COMPLEX, 128);
            let one = ViewMut { data: value.as_mut_ptr(), dtype, layout: &alone };
            convert(&view(&number, complex, &alone), &one, &Transform::default()).expect("a number");
            let all = ViewMut { data: filled.as_mut_ptr(), dtype, layout: &layout };
            convert(&view(&value, dtype, &still), &all, &Transform::default()).expect("the same type");
            let target = ViewMut { data: expected.as_mut_ptr(), dtype, layout: &layout };
            naive::convert(&view(&number, complex, &still), &target, &Transform::default());
        }
        assert_eq!(filled, expected, "{dtype:?} {layout:?}");
    }
}

#[test]
fn equality_is_that_of_numbers() {
    let layout = Layout::raw(&[3], &[1], 0);
    let doubles = |x: [f64; 3]| x;
    let float64 = DType::new(code::FLOAT, 64);
    // SAFETY: three elements each.
    let same = |a: &View, b: &View| unsafe { equal(a, b) }.expect("comparable");
    let (ints, floats) = ([1i16, -2, 0], doubles([1.0, -2.0, -0.0]));
    let int16 = DType::new(code::INT, 16);
    assert!(same(&view(&ints, int16, &layout), &view(&floats, float64, &layout)));
    let nan = doubles([1.0, f64::NAN, 0.0]);
    assert!(!same(&view(&nan, float64, &layout), &view(&nan, float64, &layout)));
    let (minus, large) = ([-1i64, 0, 0], [u64::MAX, 0, 0]);
    let (int64, uint64) = (DType::new(code::INT, 64), DType::new(code::UINT, 64));
    assert!(!same(&view(&minus, int64, &layout), &view(&large, uint64, &layout)));
    assert!(same(&view(&large, uint64, &layout), &view(&large, uint64, &layout)));
    let complex = [1.0f32, 0.0, -2.0, 0.0, 0.0, 0.0];
    let complex64 = DType::new(code::COMPLEX, 64);
    assert!(same(&view(&complex, complex64, &layout), &view(&floats, float64, &layout)));
    assert!(same(&view(&complex, complex64, &layout), &view(&complex, complex64, &layout)));
    let tilted = [1.0f32, 0.0, -2.0, 1.0, 0.0, 0.0];
    assert!(!same(&view(&floats, float64, &layout), &view(&tilted, complex64, &layout)));
    let days = [1i64, i64::MIN, 3];
    let date = DType::numpy(b'M', 4);
    assert!(!same(&view(&days, date, &layout), &view(&days, date, &layout)));
    assert!(same(
        &view(b"abcdef", DType::numpy(b'S', 2), &layout),
        &view(b"abcdef", DType::numpy(b'S', 2), &layout)
    ));
    assert!(!same(&view(&ints, int16, &layout), &view(&ints, int16, &Layout::raw(&[2], &[1], 0))));
    let text: Vec<u8> = (0..25_200).map(|i| (i / 35) as u8).collect();
    let (long, foreign) = (DType::numpy(b'U', 2100), DType { flags: SWAPPED, ..DType::numpy(b'U', 2100) });
    assert!(same(&view(&text, long, &layout), &view(&text, long, &layout)));
    let turned: Vec<u8> = text.chunks(4).flat_map(|unit| unit.iter().rev().copied()).collect();
    assert!(same(&view(&text, long, &layout), &view(&turned, foreign, &layout)));
    assert!(!same(&view(&text, long, &layout), &view(&turned, long, &layout)));
}
