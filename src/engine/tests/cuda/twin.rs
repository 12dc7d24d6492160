//! Conversions on the fake driver, by the kernels that ship, against the naive twin: bit by bit, gaps included.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use super::super::cases::{Case, Side};
use super::super::{Random, storage_bytes, variable};
use super::fake::{self, Kind, Memory};
use crate::device::cuda::{Entered, Stream};
use crate::dtype::{DType, Overflow, code};
use crate::engine::cuda::equal::equal;
use crate::engine::cuda::queue::Queue;
use crate::engine::cuda::transfer::{self, transfer};
use crate::engine::cuda::{RAN, device};
use crate::engine::host::naive;
use crate::engine::{self, Transform, View, ViewMut};
use crate::layout::Layout;

fn kind(of: Kind) -> transfer::Memory {
    match of {
        Kind::Device | Kind::Managed => transfer::Memory::Near,
        Kind::Pinned => transfer::Memory::Pinned,
        Kind::Pageable => transfer::Memory::Pageable,
    }
}

/// Bytes from the start of the memory to the storage: sixteen more or fewer, so that nothing is known of them.
fn shift(side: &Side) -> usize {
    if side.at_end { 0 } else { side.shift }
}

fn view(side: &Side, start: *mut u8) -> ViewMut<'_> {
    ViewMut { data: start.wrapping_add(shift(side)), dtype: side.dtype, layout: &side.layout }
}

fn readable<'a>(of: &ViewMut<'a>) -> View<'a> {
    View { data: of.data, dtype: of.dtype, layout: of.layout }
}

/// Runs a case between two kinds of memory, and its twin; the two must leave the same bytes.
pub fn check(entered: &Entered, stream: Stream, case: &Case, kinds: [Kind; 2], seed: u64) {
    let mut random = Random(seed);
    let mut content = [&case.source, &case.target].map(|side| vec![0; side.bytes + shift(side)]);
    random.fill(&mut content[0][shift(&case.source)..], case.source.dtype);
    random.poison(&mut content[1]);
    let (source, target) =
        (Memory::new(entered, kinds[0], &content[0]), Memory::new(entered, kinds[1], &content[1]));
    let transform = case.transform();
    let queue = Queue { entered, stream };
    let [from, to] = [view(&case.source, source.start()), view(&case.target, target.start())];
    // SAFETY: the layouts stay within their storages, which are waited for before they are dropped.
    let done = unsafe { transfer(&readable(&from), &to, &transform, kinds.map(kind), &queue) };
    let got = std::panic::catch_unwind(AssertUnwindSafe(|| target.read(stream)));
    let got = got.unwrap_or_else(|_| {
        panic!("seed {seed} {kinds:?}: {:?} {:?} in {case:?}", fake::last_fault(), RAN.take())
    });
    if let Err(error) = done {
        assert!(is_odd(case.source.dtype), "seed {seed} {kinds:?}: {error} in {case:?}");
        return;
    }
    let [before, expected] = &mut content;
    // SAFETY: the layouts stay within their storages.
    unsafe {
        let (from, to) = (view(&case.source, before.as_mut_ptr()), view(&case.target, expected.as_mut_ptr()));
        naive::convert(&readable(&from), &to, &transform);
    }
    if got != content[1] {
        let at = got.iter().zip(&content[1]).position(|(a, b)| a != b);
        let ran = RAN.take();
        panic!("seed {seed} {kinds:?}: byte {at:?} of {} differs, {ran:?} in {case:?}", got.len());
    }
}

/// Counts of what has run.
fn tally(seen: &mut BTreeMap<&'static str, usize>) {
    RAN.take().into_iter().for_each(|name| *seen.entry(name).or_default() += 1);
}

fn seeds(default: u64) -> std::ops::Range<u64> {
    let first = variable("NDFERRY_FIRST").unwrap_or(0);
    first..first + variable("NDFERRY_CASES").unwrap_or(default)
}

fn is_small(case: &Case) -> bool {
    case.shape.iter().product::<i64>() * i64::from(case.source.dtype.lanes) <= 12_000
        && case.source.bytes.max(case.target.bytes) <= 1 << 20
}

#[test]
#[cfg_attr(
    not(target_arch = "x86_64"),
    ignore = "which NaN a product makes is the processor's: kernels make x86-64's"
)]
fn conversions_on_a_device_are_those_of_the_naive_twin() {
    let entered = fake::context(0).enter().expect("a context");
    let mut seen = BTreeMap::new();
    for seed in seeds(400) {
        let case = Case::new(seed);
        if is_small(&case) {
            check(&entered, Stream::LEGACY, &case, [Kind::Device; 2], seed);
            tally(&mut seen);
        }
    }
    for name in
        ["copy_1", "copy_16", "gather_8", "tile_4", "cast", "fill_4", "to_float", "to_wide", "to_integer"]
    {
        assert!(seen.contains_key(name), "{name} is not in {seen:?}");
    }
}

#[test]
#[cfg_attr(
    not(target_arch = "x86_64"),
    ignore = "which NaN a product makes is the processor's: kernels make x86-64's"
)]
fn transfers_and_conversions_between_host_and_device_are_those_of_the_naive_twin() {
    let entered = fake::context(0).enter().expect("a context");
    let hosts = [Kind::Pageable, Kind::Pinned, Kind::Managed];
    for seed in seeds(300) {
        let case = Case::new(seed);
        if is_small(&case) {
            let (host, near) =
                (hosts[seed as usize / 4 % 3], [Kind::Device, Kind::Managed][seed as usize / 12 % 2]);
            check(&entered, Stream::LEGACY, &case, [host, near], seed);
            check(&entered, Stream::LEGACY, &case, [near, host], seed);
        }
    }
}

/// A case of `shape`, its source's axes in such an order in memory, both sides compact.
fn permuted(from: DType, to: DType, shape: &[i64], order: &[usize], shifts: [usize; 2]) -> Case {
    let layout = |order: &mut dyn Iterator<Item = usize>| {
        let (mut strides, mut next) = (vec![0; shape.len()], 1);
        for axis in order {
            (strides[axis], next) = (next, next * shape[axis]);
        }
        (Layout::raw(shape, &strides, 0), next)
    };
    let side = |dtype: DType, (layout, span): (Layout, i64), shift| {
        let bytes = storage_bytes(dtype, span);
        Side { dtype, layout, bytes, shift, at_end: false }
    };
    let source = side(from, layout(&mut order.iter().rev().copied()), shifts[0]);
    let target = side(to, layout(&mut (0..shape.len()).rev()), shifts[1]);
    let shape = shape.to_vec();
    Case { shape, source, target, overflow: Overflow::Wrap, scale: vec![], bias: vec![], axis: 0 }
}

#[test]
fn shapes_at_the_edges_of_blocks_and_tiles_are_those_of_the_naive_twin() {
    let entered = fake::context(0).enter().expect("a context");
    let mut seen = BTreeMap::new();
    let word = |bits: u8| match bits {
        128 => DType::new(code::COMPLEX, 128),
        _ => DType::new(code::UINT, bits),
    };
    let edges = [1, 2, 3, 16, 31, 32, 33, 63, 65, 128];
    let mut seed = 0;
    for (i, rows) in edges.into_iter().enumerate() {
        for (j, columns) in edges.into_iter().enumerate() {
            let bits = [8, 16, 32, 64, 128][(i + 3 * j) % 5];
            let to = if (i + j) % 3 == 0 { DType::new(code::FLOAT, 32) } else { word(bits) };
            let shifts = [[0, 0], [0, 4], [1, 0]][(i * 7 + j) % 3];
            let case = permuted(word(bits), to, &[rows, columns], &[1, 0], shifts);
            check(&entered, Stream::LEGACY, &case, [Kind::Device; 2], seed);
            seed += 1;
        }
    }
    for bits in [8, 16, 32, 64, 128] {
        for (rows, columns) in [(128, 64), (256, 3), (2, 512), (4, 1028), (129, 5), (70, 100)] {
            let case = permuted(word(bits), word(bits), &[2, rows, columns], &[0, 2, 1], [0, 0]);
            check(&entered, Stream::LEGACY, &case, [Kind::Device; 2], seed);
            seed += 1;
        }
    }
    tally(&mut seen);
    for name in ["transv_1", "transv_2", "transv_4", "transv_8", "trans_16", "trans_1", "pixels", "tile_2"] {
        assert!(seen.contains_key(name), "{name} is not in {seen:?}");
    }
}

#[test]
fn numbers_and_pixels_of_the_types_that_most_are_are_those_of_the_naive_twin() {
    let entered = fake::context(0).enter().expect("a context");
    let mut seen = BTreeMap::new();
    let dtype = DType::new;
    let (u8, int, long) = (dtype(code::UINT, 8), dtype(code::INT, 32), dtype(code::INT, 64));
    let (half, brain) = (dtype(code::FLOAT, 16), dtype(code::BFLOAT, 16));
    let (single, double) = (dtype(code::FLOAT, 32), dtype(code::FLOAT, 64));
    let (small, steep) = (dtype(code::FLOAT8_E4M3FN, 8), dtype(code::FLOAT8_E5M2, 8));
    let narrow = [half, brain, small, steep];
    let pairs = narrow.into_iter().flat_map(|of| [(single, of), (of, single)]);
    let others = [(dtype(code::BOOL, 8), single), (single, double), (int, long), (long, int)];
    for (i, (from, to)) in pairs.chain(others).enumerate() {
        let case = permuted(from, to, &[1021 + i as i64, 5], &[0, 1], [0, 0]);
        check(&entered, Stream::LEGACY, &case, [Kind::Device; 2], i as u64);
    }
    for (i, (to, scale)) in
        [half, brain, single].into_iter().flat_map(|to| [(to, 0.0), (to, 0.3)]).enumerate()
    {
        let mut flat = permuted(u8, to, &[2051], &[0], [0, 0]);
        let mut pixels = permuted(u8, to, &[2, 3, 1028], &[0, 2, 1], [0, 0]);
        if scale != 0.0 {
            (flat.scale, flat.bias) = (vec![scale], vec![-0.7]);
            (pixels.scale, pixels.bias, pixels.axis) = (vec![scale, 1e30, -scale], vec![-0.7], 1);
        }
        check(&entered, Stream::LEGACY, &flat, [Kind::Device; 2], i as u64);
        check(&entered, Stream::LEGACY, &pixels, [Kind::Device; 2], i as u64);
    }
    for word in [u8, half, int] {
        for (shape, order) in [([2, 3, 1028], [0, 2, 1]), ([2, 1028, 3], [0, 2, 1])] {
            let case = permuted(word, word, &shape, &order, [0, 0]);
            check(&entered, Stream::LEGACY, &case, [Kind::Device; 2], 0);
        }
    }
    tally(&mut seen);
    let count = |stem| seen.keys().filter(|name| name.starts_with(stem)).count();
    assert_eq!((count("direct_"), count("rgb_")), (15, 9), "{seen:?}");
}

#[test]
fn more_loops_than_a_kernel_has_are_those_of_the_naive_twin() {
    let entered = fake::context(0).enter().expect("a context");
    let order: Vec<usize> = (0..11).map(|i| i * 4 % 11).collect();
    for (to, count) in [(DType::new(code::UINT, 16), 1), (DType::new(code::FLOAT, 64), 30)] {
        let mut shape = vec![2; 11];
        shape[5] = count;
        let mut case = permuted(DType::new(code::UINT, 16), to, &shape, &order, [0, 0]);
        if count > 1 {
            case.shape[1] = 1;
            case.scale = (0..count).map(|i| i as f64 / 3.0).collect();
            case.axis = 5;
        }
        RAN.take();
        check(&entered, Stream::LEGACY, &case, [Kind::Device; 2], count as u64);
    }
}

#[test]
fn rows_and_planes_between_host_and_device_are_those_of_the_naive_twin() {
    let entered = fake::context(0).enter().expect("a context");
    let dtype = DType::new(code::FLOAT, 32);
    let side = |strides: &[i64], shape: &[i64], span: i64| Side {
        dtype,
        layout: Layout::raw(shape, strides, 0),
        bytes: storage_bytes(dtype, span),
        shift: 0,
        at_end: true,
    };
    let cases: [(&[i64], &[i64], &[i64]); 5] = [
        (&[9, 40], &[50, 1], &[40, 1]),
        (&[4, 5, 32], &[320, 40, 1], &[160, 32, 1]),
        (&[4, 5, 32], &[321, 40, 1], &[164, 32, 1]),
        (&[3, 4, 5, 32], &[1300, 320, 40, 1], &[640, 160, 32, 1]),
        (&[7, 3], &[1, 7], &[3, 1]),
    ];
    for (i, (shape, one, other)) in cases.into_iter().enumerate() {
        let span =
            |strides: &[i64]| 1 + shape.iter().zip(strides).map(|(n, stride)| (n - 1) * stride).sum::<i64>();
        for (source, target) in [(one, other), (other, one)] {
            for kinds in
                [[Kind::Pinned, Kind::Device], [Kind::Device, Kind::Pinned], [Kind::Device, Kind::Pageable]]
            {
                let (source, target) = (side(source, shape, span(source)), side(target, shape, span(target)));
                let (scale, bias) = (vec![], vec![]);
                let case = Case {
                    shape: shape.to_vec(),
                    source,
                    target,
                    overflow: Overflow::Wrap,
                    scale,
                    bias,
                    axis: 0,
                };
                check(&entered, Stream::LEGACY, &case, kinds, i as u64);
            }
        }
    }
}

#[test]
fn comparisons_on_a_device_are_those_of_the_host() {
    let entered = fake::context(0).enter().expect("a context");
    let queue = Queue { entered: &entered, stream: Stream::LEGACY };
    let (mut agree, mut differ) = (0, 0);
    for seed in seeds(500) {
        let case = Case::new(seed);
        if !is_small(&case) || case.source.bytes + case.target.bytes > 60_000 {
            continue;
        }
        let mut random = Random(seed);
        let mut content = [&case.source, &case.target].map(|side| vec![0; side.bytes + shift(side)]);
        random.fill(&mut content[0][shift(&case.source)..], case.source.dtype);
        let [one, other] = &mut content;
        let (from, to) = (view(&case.source, one.as_mut_ptr()), view(&case.target, other.as_mut_ptr()));
        // SAFETY: the layouts stay within their storages.
        let same = unsafe {
            naive::convert(&readable(&from), &to, &Transform::default());
            if random.one_in(3) {
                let at = random.below(case.target.bytes.max(1) as i64) as usize + shift(&case.target);
                other.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << (seed % 8));
            }
            engine::equal(&readable(&from), &readable(&to)).expect("comparable types")
        };
        let there = content.each_ref().map(|bytes| Memory::new(&entered, Kind::Device, bytes));
        let (from, to) = (view(&case.source, there[0].start()), view(&case.target, there[1].start()));
        // SAFETY: likewise.
        let found = unsafe { equal(&readable(&from), &readable(&to), &queue) };
        match found {
            Ok(found) => assert_eq!(found, same, "seed {seed}: {:?} in {case:?}", RAN.take()),
            Err(error) => assert!(is_odd(case.source.dtype), "seed {seed}: {error} in {case:?}"),
        }
        if same {
            agree += 1
        } else {
            differ += 1
        }
        RAN.take();
    }
    assert!(agree > 30 && differ > 30, "{agree} {differ}");
}

#[test]
fn one_value_for_all_is_that_of_the_naive_twin() {
    let entered = fake::context(0).enter().expect("a context");
    let queue = Queue { entered: &entered, stream: Stream::LEGACY };
    for seed in seeds(200) {
        let Case { shape, target: side, .. } = Case::new(seed);
        if shape.iter().product::<i64>() > 6000 || side.bytes > 1 << 19 {
            continue;
        }
        let mut random = Random(seed);
        let mut content = vec![0; side.bytes + shift(&side)];
        random.poison(&mut content);
        let mut value = vec![0; storage_bytes(side.dtype, 1)];
        random.fill(&mut value, side.dtype);
        let memory = Memory::new(&entered, Kind::Device, &content);
        // SAFETY: the layout stays within its storage.
        let done = unsafe { device::fill(&view(&side, memory.start()), &value, &queue) };
        if let Err(error) = done {
            assert!(is_odd(side.dtype), "seed {seed}: {error}");
            continue;
        }
        let still = Layout::raw(&shape, &vec![0; shape.len()], 0);
        let source = View { data: value.as_ptr(), dtype: side.dtype, layout: &still };
        // SAFETY: likewise; the value is one element.
        unsafe { naive::convert(&source, &view(&side, content.as_mut_ptr()), &Transform::default()) };
        let got = memory.read(Stream::LEGACY);
        assert!(got == content, "seed {seed}: {:?} {side:?}", RAN.take());
    }
}

/// Elements within bytes that kernels know nothing of.
fn is_odd(dtype: DType) -> bool {
    !dtype.bits.is_multiple_of(8) && !matches!(dtype.bits, 2 | 4 | 6)
}
