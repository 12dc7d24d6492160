//! What is chosen for a GPU does all that a pass asks for and nothing else, within what the kernels expect. Nothing is run.

use std::collections::BTreeMap;

use super::super::cases::Case;
use super::super::{PADDED, SWAPPED};
use crate::dtype::{DType, Overflow, code};
use crate::engine::cuda::choose::choose;
use crate::engine::cuda::kernel::{Kernel, Sheet, Step, Tiling, Type, Writes};
use crate::engine::cuda::nest;
use crate::engine::loops::Loops;
use crate::engine::pass::{Act, Pass};
use crate::engine::plan::{Loop, Plan};
use crate::engine::{Transform, passes};
use crate::layout::Layout;

/// Where a unit of the target comes from, and with which coefficient; no source where it is made 0.
type Moves = BTreeMap<i64, (Option<i64>, i64)>;

/// Source, target and coefficient of every item.
fn items(plan: &Plan) -> Vec<[i64; 3]> {
    let mut all = vec![[plan.source, plan.target, plan.first]];
    for l in plan.loops.iter() {
        let turn = |at: &[i64; 3], n: i64| [at[0] + n * l.source, at[1] + n * l.target, at[2] + n * l.step];
        all = all.iter().flat_map(|at| (0..l.extent).map(move |n| turn(at, n))).collect();
    }
    all
}

fn put(moves: &mut Moves, to: i64, from: Option<i64>, coefficient: i64) {
    assert!(moves.insert(to, (from, coefficient)).is_none(), "bit {to} of the target is written twice");
}

/// `bits` bits in units of `unit`, those of `part` bytes reversed.
fn put_word(moves: &mut Moves, [from, to]: [i64; 2], bits: i64, unit: i64, part: i64) {
    for at in (0..bits).step_by(unit as usize) {
        let (byte, within) = (at / 8, at % 8);
        let turned = byte / part * part + part - 1 - byte % part;
        let source = if part > 1 { turned * 8 + within } else { at };
        put(moves, to + at, Some(from + source), 0);
    }
}

/// What a pass asks for: units of scalars that are moved, or whole numbers.
fn asked(pass: &Pass, unit: i64) -> Moves {
    let mut moves = Moves::new();
    let [from, to] = pass.cells;
    for [source, target, first] in items(pass.plan) {
        match pass.act {
            Act::Copy => {
                let part = if from.swapped == to.swapped { 1 } else { from.part as i64 };
                put_word(&mut moves, [source, target], from.bits as i64, unit, part);
            }
            Act::Convert(change) => {
                put(&mut moves, target, Some(source), first);
                let size = i64::from(change.numbers[1].scalar.bits()).max(8);
                if change.numbers[1].complex {
                    (0..size / 8).for_each(|byte| put(&mut moves, target + size + byte * 8, None, 0));
                }
            }
        }
    }
    moves
}

/// What steps do, by the words of the kernels' README; checks what they expect, at such addresses.
fn done(steps: &[Step], pass: &Pass, unit: i64, ends: [usize; 2]) -> Moves {
    let mut moves = Moves::new();
    for Step { kernel, items: plan } in steps {
        assert!(plan.loops.iter().all(|l| l.extent > 1), "{plan:?}");
        for at in items(plan) {
            item(&mut moves, kernel, at, pass, unit, ends);
        }
    }
    moves
}

fn aligned(bits: i64, end: usize, bytes: i64) {
    let at = bits + end as i64 * 8;
    assert_eq!(at % (bytes * 8), 0, "{bits} bits from {end} are not aligned to {bytes} bytes");
}

fn item(
    moves: &mut Moves,
    kernel: &Kernel,
    [source, target, first]: [i64; 3],
    pass: &Pass,
    unit: i64,
    ends: [usize; 2],
) {
    let both = |bytes: [i64; 2]| {
        aligned(source, ends[0], bytes[0]);
        aligned(target, ends[1], bytes[1]);
    };
    match *kernel {
        Kernel::Run { bytes } => {
            both([1, 1]);
            put_word(moves, [source, target], bytes * 8, unit, 1);
        }
        Kernel::Words { size, swap } => {
            both([size.into(); 2]);
            assert!(swap <= size);
            put_word(moves, [source, target], i64::from(size) * 8, unit, swap.into());
        }
        Kernel::Gather { size, swap, step } => {
            both([size.into(), 16]);
            assert!(swap <= size && size <= 8);
            let bits = i64::from(size) * 8;
            for n in 0..16 / i64::from(size) {
                put_word(moves, [source + n * step * 8, target + n * bits], bits, unit, swap.into());
            }
        }
        Kernel::Fill { size, .. } => {
            aligned(target, ends[1], size.into());
            (0..i64::from(size)).for_each(|byte| put(moves, target + byte * 8, None, 0));
        }
        Kernel::Transpose { tiling, size, swap, sheet } => {
            expects_tiling(tiling, &sheet, size.into(), [source, target], ends);
            each(&sheet, [i64::from(size) * 8; 2], &mut |from, to, _| {
                put_word(moves, [source + from, target + to], i64::from(size) * 8, unit, swap.into());
            });
        }
        Kernel::Numbers { adjacent, types } => {
            let (sizes, n) = (types.map(size_of_type), i64::from(adjacent));
            assert!(adjacent == 1 || n == if sizes[0].max(sizes[1]) > 4 { 2 } else { 4 });
            both(sizes.map(|size| size * n));
            for k in 0..n {
                put(moves, target + k * sizes[1] * 8, Some(source + k * sizes[0] * 8), first);
            }
        }
        Kernel::Direct { types } => {
            let sizes = types.map(size_of_type);
            let n = 16 / sizes[0].max(sizes[1]);
            both(sizes.map(|size| size * n));
            for k in 0..n {
                put(moves, target + k * sizes[1] * 8, Some(source + k * sizes[0] * 8), first);
            }
        }
        Kernel::Pixels { splits, types, sheet, .. } => {
            let sizes = types.map(size_of_type);
            expects_pixels(splits, &sheet, sizes, [source, target], ends);
            each(&sheet, sizes.map(|size| size * 8), &mut |from, to, step| {
                match pass.act {
                    Act::Copy => put_word(moves, [source + from, target + to], sizes[0] * 8, unit, 1),
                    Act::Convert(_) => put(moves, target + to, Some(source + from), first + step),
                };
            });
        }
        Kernel::Turn { types, sheet } => {
            let sizes = types.map(size_of_type);
            each(&sheet, sizes.map(|size| size * 8), &mut |from, to, step| {
                aligned(source + from, ends[0], sizes[0]);
                aligned(target + to, ends[1], sizes[1]);
                put(moves, target + to, Some(source + from), first + step);
            });
        }
        Kernel::Cast { writes, types, .. } => {
            assert_eq!(writes == Writes::Bytes, !pass.cells[1].packed);
            match pass.act {
                Act::Copy => put_word(moves, [source, target], types[0].bits(), unit, 1),
                Act::Convert(_) => put(moves, target, Some(source), first),
            }
        }
    }
}

/// Visits the elements of a sheet.
fn each(sheet: &Sheet, widths: [i64; 2], visit: &mut dyn FnMut(i64, i64, i64)) {
    for (row, column) in (0..sheet.columns).flat_map(|column| (0..sheet.rows).map(move |row| (row, column))) {
        let from = row * sheet.source_pitch + column * widths[0];
        let to = column * sheet.target_pitch + row * widths[1];
        visit(from, to, row * sheet.steps[0] + column * sheet.steps[1]);
    }
}

fn expects_tiling(tiling: Tiling, sheet: &Sheet, size: i64, at: [i64; 2], ends: [usize; 2]) {
    let pitches = [sheet.source_pitch, sheet.target_pitch];
    let all = |bytes: i64| {
        for side in 0..2 {
            aligned(at[side], ends[side], bytes);
            aligned(pitches[side], 0, bytes);
        }
    };
    all(size);
    match tiling {
        Tiling::Squares => {}
        Tiling::Vectors => {
            let (vector, block) = [(8, 8), (16, 8), (16, 4), (16, 2)][size.trailing_zeros() as usize];
            all(vector);
            assert_eq!((sheet.rows % block, sheet.columns % block), (0, 0));
        }
        Tiling::Strips { wide, high } => {
            assert!(wide >= 1 && high >= 1 && high * (wide | 1) <= (32768 / size).min(2048), "{wide} {high}");
        }
    }
}

fn expects_pixels(splits: bool, sheet: &Sheet, sizes: [i64; 2], at: [i64; 2], ends: [usize; 2]) {
    let n = 4;
    let (few, many) = if splits { (sheet.columns, sheet.rows) } else { (sheet.rows, sheet.columns) };
    assert!((2..=4).contains(&few) && many % n == 0, "{sheet:?}");
    aligned(at[0], ends[0], n * sizes[0]);
    aligned(at[1], ends[1], n * sizes[1]);
    if splits {
        assert_eq!(sheet.source_pitch, sheet.columns * sizes[0] * 8);
        aligned(sheet.target_pitch, 0, n * sizes[1]);
    } else {
        assert_eq!(sheet.target_pitch, sheet.rows * sizes[1] * 8);
        aligned(sheet.source_pitch, 0, n * sizes[0]);
    }
}

/// Bytes of numbers of whole bytes.
fn size_of_type(of: Type) -> i64 {
    assert_eq!(of.bits() % 8, 0, "{of:?}");
    of.bits() / 8
}

/// The kernels chosen for a conversion, after all has been checked.
fn checked(
    (from, source): (DType, &Layout),
    (to, target): (DType, &Layout),
    transform: &Transform,
    ends: [usize; 2],
) -> Vec<String> {
    let mut names = Vec::new();
    passes((from, source), (to, target), transform, &mut |pass: &Pass| {
        let steps = match choose(pass, ends) {
            Ok(steps) => steps,
            Err(error) => {
                let odd = !from.bits.is_multiple_of(8) && !matches!(from.bits, 2 | 4 | 6);
                assert!(odd, "{from:?} to {to:?}: {error}");
                return Ok(());
            }
        };
        let unit = if pass.cells.iter().any(|cell| cell.packed) { 1 } else { 8 };
        assert!(
            done(&steps, pass, unit, ends) == asked(pass, unit),
            "{from:?} {source:?} to {to:?} {target:?}: {steps:?}"
        );
        names.extend(steps.iter().map(|step| {
            step.kernel.name().map_or("driver".into(), |name| name.to_string_lossy().into_owned())
        }));
        Ok(())
    })
    .expect("a conversion");
    names
}

#[test]
fn what_is_chosen_moves_every_scalar_of_random_passes_once() {
    let mut seen = BTreeMap::new();
    for seed in 0..2000 {
        let case = Case::new(seed);
        if case.shape.iter().product::<i64>() > 5000 {
            continue;
        }
        let ends = [&case.source, &case.target].map(|side| 4096 + [0, side.shift][usize::from(side.at_end)]);
        let sides = ((case.source.dtype, &case.source.layout), (case.target.dtype, &case.target.layout));
        for name in checked(sides.0, sides.1, &case.transform(), ends) {
            *seen.entry(name).or_insert(0) += 1;
        }
    }
    for name in
        ["driver", "copy_1", "copy_16", "gather_4", "trans_16", "tile_1", "to_float", "to_wide", "cast"]
    {
        assert!(seen.contains_key(name), "{name} is not in {seen:?}");
    }
}

/// Elements without gaps of a shape, its axes in such an order in memory, the last being the innermost.
fn permuted(shape: &[i64], order: &[usize]) -> Layout {
    let mut strides = vec![0; shape.len()];
    let mut next = 1;
    for axis in order.iter().rev() {
        (strides[*axis], next) = (next, next * shape[*axis]);
    }
    Layout::raw(shape, &strides, 0)
}

#[test]
fn common_layouts_get_the_kernels_that_are_made_for_them() {
    let (uint, float) = (|bits| DType::new(code::UINT, bits), |bits| DType::new(code::FLOAT, bits));
    let none = Transform::default();
    let name = |from: DType, to: DType, shape: &[i64], order: &[usize], transform: &Transform| {
        let compact: Vec<usize> = (0..shape.len()).collect();
        let (source, target) = (permuted(shape, order), permuted(shape, &compact));
        checked((from, &source), (to, &target), transform, [256, 256]).join(" ")
    };
    let (flat, turned, channels) = (&[0, 1][..], &[1, 0][..], &[1, 2, 0][..]);
    let swapped = DType { flags: SWAPPED, ..uint(32) };
    let padded = DType { flags: PADDED, ..uint(4) };
    assert_eq!(name(uint(32), uint(32), &[64, 100], flat, &none), "driver");
    assert_eq!(name(uint(4), uint(4), &[64, 100], flat, &none), "driver");
    assert_eq!(name(uint(4), uint(4), &[11, 11], flat, &none), "driver cast");
    assert_eq!(name(uint(4), padded, &[11, 11], flat, &none), "cast");
    assert_eq!(name(uint(32), swapped, &[64, 100], flat, &none), "copy_16");
    assert_eq!(name(uint(32), swapped, &[1001, 1], flat, &none), "copy_16 copy_4");
    for (bits, kernel) in [(8, "transv_1"), (16, "transv_2"), (32, "transv_4"), (64, "transv_8")] {
        assert_eq!(name(uint(bits), uint(bits), &[128, 96], turned, &none), kernel);
    }
    assert_eq!(name(uint(32), uint(32), &[127, 96], turned, &none), "trans_4");
    assert_eq!(name(uint(8), uint(8), &[3, 64, 64], channels, &none), "rgb_split_1");
    assert_eq!(name(uint(16), uint(16), &[64, 64, 3], &[2, 0, 1], &none), "rgb_merge_2");
    assert_eq!(name(uint(8), uint(8), &[4, 64, 64], channels, &none), "pixels");
    assert_eq!(name(uint(8), float(16), &[3, 64, 64], channels, &none), "rgb_split_u8_f16");
    assert_eq!(name(uint(8), float(32), &[64, 64, 3], &[2, 0, 1], &none), "pixels");
    assert_eq!(name(uint(8), uint(8), &[5, 64, 64], channels, &none), "tile_1");
    assert_eq!(name(float(32), float(16), &[64, 100], flat, &none), "direct_f32_f16");
    assert_eq!(name(float(32), float(16), &[9999, 1], flat, &none), "direct_f32_f16 to_float");
    assert_eq!(name(float(16), float(64), &[64, 100], flat, &none), "to_wide");
    assert_eq!(name(float(32), float(16), &[64, 100], turned, &none), "to_float");
    assert_eq!(name(float(32), float(64), &[64, 100], turned, &none), "to_wide");
    assert_eq!(name(swapped, float(32), &[64, 100], flat, &none), "cast");
    let scale: Vec<f64> = (0..3).map(f64::from).collect();
    let scaled = Transform { scale: &scale, ..none };
    assert_eq!(name(uint(8), float(16), &[3, 64, 64], channels, &scaled), "rgb_split_u8_f16");
    assert_eq!(name(float(32), float(16), &[3, 64], flat, &scaled), "to_float");
    let held = Transform { overflow: Overflow::Saturate, ..scaled };
    assert_eq!(name(uint(8), float(16), &[3, 64, 64], channels, &held), "pixels");
    let endless = Transform { scale: &[1.0, 2.0, 1e300], ..none };
    assert_eq!(name(uint(8), float(16), &[3, 64, 64], channels, &endless), "pixels");
    let single = Transform { scale: &[1.0 / 255.0], bias: &[-0.5], ..none };
    assert_eq!(name(uint(8), float(16), &[64, 100], flat, &single), "direct_u8_f16");
    let backwards = (Layout::raw(&[4096], &[-1], 4095), Layout::raw(&[4096], &[1], 0));
    assert_eq!(checked((uint(16), &backwards.0), (uint(16), &backwards.1), &none, [0, 0]), ["gather_2"]);
    assert_eq!(checked((uint(16), &backwards.0), (uint(16), &backwards.1), &none, [0, 2]), ["copy_2"]);
}

#[test]
fn plans_too_long_or_too_deep_for_a_kernel_are_cut_and_lose_nothing() {
    let mut random = super::super::Random(41);
    for _ in 0..300 {
        let mut loops = Loops::NONE;
        for k in 0..random.below(12) {
            let of =
                Loop { extent: 2 + random.below(3), source: random.below(99), target: 8 << (3 * k), step: 1 };
            loops.insert(of).expect("memory");
        }
        let plan = Plan { loops, source: 5, target: 7, first: 3 };
        if plan.count() > 20_000 {
            continue;
        }
        let (longest, most, count) = (1 + random.below(4), random.below(6) as usize, 1 + random.below(200));
        let mut found = Vec::new();
        nest::pieces(&plan, longest, &mut |piece| {
            assert!(piece.loops.iter().all(|l| l.extent <= longest));
            nest::nests(piece, most, count, &mut |nest| {
                assert!(nest.loops.len() <= most && nest.count() as i64 <= count);
                found.extend(items(nest));
                Ok(())
            })
        })
        .expect("memory");
        let mut expected = items(&plan);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{plan:?} {longest} {most} {count}");
    }
}

#[test]
fn sides_of_more_than_two_to_the_31_elements_are_cut() {
    let bytes = DType::new(code::UINT, 8);
    let n = (1i64 << 32) + 3;
    let (source, target) = (Layout::raw(&[n], &[-1], n - 1), Layout::raw(&[n], &[1], 0));
    let flat = Layout::raw(&[n], &[1], 7);
    passes((bytes, &flat), (bytes, &target), &Transform::default(), &mut |pass: &Pass| {
        let steps = choose(pass, [0, 0])?;
        assert!(matches!(steps[..], [Step { kernel: Kernel::Run { bytes }, .. }] if bytes == n), "{steps:?}");
        Ok(())
    })
    .expect("a copy");
    passes((bytes, &source), (bytes, &target), &Transform::default(), &mut |pass: &Pass| {
        let steps = choose(pass, [0, 0])?;
        let mut at = 0;
        for Step { kernel, items } in &steps {
            assert!(items.count() < 1 << 31);
            let size = if let Kernel::Gather { .. } = kernel { 16 } else { 1 };
            assert_eq!(items.target, at * 8);
            at += items.count() as i64 * size;
        }
        assert_eq!(at, n);
        Ok(())
    })
    .expect("a copy");
}
