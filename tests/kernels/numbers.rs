//! Numbers of whole bytes become others: every pair of types, over every value of up to 16 bits.

use ndferry::dtype::{Overflow, Scalar};

use crate::gpu::{blocks, launch};
use crate::params::{Convert, LOTS, MERGE, ONES, PAIRS, SHEETS, SPLIT, Walk};
use crate::sheets::Sheets;
use crate::types::{self, Factor, bytes, expected, numbers, patterns};
use crate::words::Memory;
use crate::{Random, Turn, items, random_loops};

/// The kernel for a target, and the edge of its tiles.
fn kernel(target: Scalar) -> (&'static str, i64) {
    match target {
        Scalar::Float64 | Scalar::Int(64) | Scalar::Uint(32 | 64) => ("to_wide", 32),
        Scalar::Bool | Scalar::Int(_) | Scalar::Uint(_) => ("to_integer", 64),
        _ => ("to_float", 64),
    }
}

pub fn put(bytes: &mut [u8], raw: u64) {
    bytes.copy_from_slice(&raw.to_le_bytes()[..bytes.len()]);
}

pub fn get(bytes: &[u8]) -> u64 {
    let mut raw = [0; 8];
    raw[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(raw)
}

fn convert(shape: u32, loops: &[Turn], ends: [u64; 2], numbers: crate::params::Numbers) -> Convert {
    let sheets = Sheets { shape: [1, 1], pitches: [0, 0], batch: loops[0], room: [0, 0] };
    let (mut sheet, _) = sheets.params(ends, [1, 1]);
    sheet.walk = Walk::new(loops);
    Convert { sheet, row_step: 0, column_step: 0, shape, spare: 0, numbers }
}

fn pairs() -> Vec<[Scalar; 2]> {
    let all = types::of_whole_bytes();
    let pairs = all.iter().flat_map(|from| all.iter().map(move |to| [*from, *to]));
    // A number of the same type is copied.
    pairs.filter(|[from, to]| from != to).collect()
}

#[test]
fn numbers_side_by_side_become_those_of_any_other_type() {
    let mut random = Random(7);
    for [from, to] in pairs() {
        let sizes = [from, to].map(bytes);
        let (lot, shape) = if sizes.contains(&8) { (2, PAIRS) } else { (4, LOTS) };
        let mut values = patterns(from, 1 << 14, &mut random);
        values.truncate(values.len() / 4 * 4);
        let mut source = Memory::new(&mut random, values.len() * sizes[0] as usize, 0);
        values
            .iter()
            .zip(source.words().chunks_mut(sizes[0] as usize))
            .for_each(|(raw, word)| put(word, *raw));
        for overflow in [Overflow::Wrap, Overflow::Saturate] {
            let mut target = Memory::new(&mut random, values.len() * sizes[1] as usize, 0);
            let mut naive = target.copy();
            for (raw, word) in values.iter().zip(naive.words().chunks_mut(sizes[1] as usize)) {
                put(word, expected(from, *raw, to, overflow, None));
            }
            let count = values.len() as i64 / lot;
            let run = Turn { extent: count, source: lot * sizes[0], target: lot * sizes[1], step: 0 };
            let numbers = numbers(from, to, overflow, false);
            let params = convert(shape, &[run], [source.at(0), target.at(0)], numbers);
            launch(kernel(to).0, &params, blocks(count, 1024));
            if target.everything() != naive.everything() {
                let words =
                    target.words().chunks(sizes[1] as usize).zip(naive.words().chunks(sizes[1] as usize));
                let at = words.map(|(a, b)| a != b).position(|differ| differ);
                let raw = at.map(|at| {
                    (values[at], get(&target.words()[at * sizes[1] as usize..][..sizes[1] as usize]))
                });
                panic!("{from:?} to {to:?}, {overflow:?}: {raw:x?}");
            }
        }
    }
}

fn coefficient(random: &mut Random) -> f64 {
    match random.below(24) {
        0 => random.pick(&[0.0, -0.0, 1.0, 1e-320, 1e300, f64::INFINITY]),
        _ => (random.below(2000) - 1000) as f64 / 128.3,
    }
}

/// Kernels for certain types only, numbers side by side.
fn direct() -> Vec<(&'static str, [Scalar; 2])> {
    let (u8, bool, single, double) = (Scalar::Uint(8), Scalar::Bool, types::F32, Scalar::Float64);
    let (half, brain, small, steep) = (types::F16, types::BF16, types::E4M3FN, types::E5M2);
    let (int, long) = (Scalar::Int(32), Scalar::Int(64));
    vec![
        ("direct_f32_f16", [single, half]),
        ("direct_f32_bf16", [single, brain]),
        ("direct_f32_e4m3fn", [single, small]),
        ("direct_f32_e5m2", [single, steep]),
        ("direct_f16_f32", [half, single]),
        ("direct_bf16_f32", [brain, single]),
        ("direct_e4m3fn_f32", [small, single]),
        ("direct_e5m2_f32", [steep, single]),
        ("direct_bool_f32", [bool, single]),
        ("direct_f32_f64", [single, double]),
        ("direct_i32_i64", [int, long]),
        ("direct_i64_i32", [long, int]),
        ("direct_u8_f32", [u8, single]),
        ("direct_u8_f16", [u8, half]),
        ("direct_u8_bf16", [u8, brain]),
    ]
}

#[test]
fn kernels_for_certain_types_do_what_those_for_all_types_do() {
    let mut random = Random(11);
    for (name, [from, to]) in direct() {
        let sizes = [from, to].map(bytes);
        let lot = 16 / sizes[0].max(sizes[1]);
        let values = patterns(from, 1 << 16, &mut random);
        // One run, one block but one, one block, and many with a rest; all that there are in the end.
        let counts = [1, 1023, 1024, 4097, values.len() as i64 / lot];
        let factors = [(false, None), (true, Some(0.3)), (true, Some(-1e36)), (true, Some(3e38))];
        for (count, (is_scaled, by)) in counts.iter().flat_map(|n| factors.iter().map(move |by| (*n, *by))) {
            if is_scaled && from != Scalar::Uint(8) {
                continue;
            }
            let factor = by.map(|by: f64| Factor { scale: Some(by), bias: Some(-by / 7.0) });
            let mut numbers = numbers(from, to, Overflow::Wrap, is_scaled);
            numbers.first = 1;
            numbers.own[1] = factor.map_or([1.0, -0.0], |factor| laid_out(&[factor])[0]);
            let n = (count * lot) as usize;
            let mut source = Memory::new(&mut random, n * sizes[0] as usize, 0);
            let mut target = Memory::new(&mut random, n * sizes[1] as usize, 0);
            let mut naive = target.copy();
            let words = source.words().chunks_mut(sizes[0] as usize);
            let raws = values.iter().cycle();
            for ((raw, word), to_word) in raws.zip(words).zip(naive.words().chunks_mut(sizes[1] as usize)) {
                put(word, *raw);
                put(to_word, expected(from, *raw, to, Overflow::Wrap, factor));
            }
            let run = Turn { extent: count, source: lot * sizes[0], target: lot * sizes[1], step: 0 };
            let params = convert(ONES, &[run], [source.at(0), target.at(0)], numbers);
            launch(name, &params, blocks(count, 1024));
            check(&|| format!("{name}, {count} runs, {factor:?}"), &mut target, &mut naive);
        }
    }
}

/// Factors for so many indices: scale or bias or both.
fn factors(random: &mut Random, count: i64) -> Vec<Factor> {
    let which = random.below(3);
    let one = |_| Factor {
        scale: (which != 0).then(|| coefficient(random)),
        bias: (which != 1).then(|| coefficient(random)),
    };
    (0..count).map(one).collect()
}

/// The pairs that kernels are given.
fn laid_out(factors: &[Factor]) -> Vec<[f64; 2]> {
    factors.iter().map(|f| [f.scale.unwrap_or(1.0), f.bias.unwrap_or(-0.0)]).collect()
}

/// Whether both are the same, or NaNs that come of the processor's own.
fn check(message: &dyn Fn() -> String, target: &mut Memory, naive: &mut Memory) {
    assert!(target.everything() == naive.everything(), "{}", message());
}

#[test]
fn numbers_anywhere_are_scaled_and_become_those_of_any_other_type() {
    let mut random = Random(8);
    let all = types::of_whole_bytes();
    for round in 0..1500 {
        let (from, to) = (random.pick(&all), random.pick(&all));
        let sizes = [from, to].map(bytes);
        let values = patterns(from, 64, &mut random);
        let extents: Vec<i64> = (0..1 + random.below(3)).map(|_| random.pick(&[2, 3, 5, 17, 31])).collect();
        let (mut loops, first, room) = random_loops(&mut random, &extents, sizes[0].max(sizes[1]));
        // The target's numbers are as close to each other as the source's; what is left over stays as it is.
        let overflow = if random.below(2) == 0 { Overflow::Wrap } else { Overflow::Saturate };
        let is_scaled = random.below(3) > 0 || from == to;
        if !is_scaled {
            loops.iter_mut().for_each(|l| l.step = 0);
        }
        let reach: Vec<i64> = items(&loops).iter().map(|at| at[2]).collect();
        let (low, high) =
            (reach.iter().min().copied().unwrap_or(0), reach.iter().max().copied().unwrap_or(0));
        if high - low >= 16 && round % 2 == 0 {
            continue;
        }
        let factors = factors(&mut random, high - low + 1);
        let pairs = laid_out(&factors);
        let mut numbers = numbers(from, to, overflow, is_scaled);
        numbers.first = -low;
        if round % 2 == 0 {
            numbers.own[..pairs.len()].copy_from_slice(&pairs);
        } else {
            numbers.pairs = pairs.as_ptr() as u64;
        }
        let mut source = Memory::new(&mut random, room[0] as usize, 0);
        let mut target = Memory::new(&mut random, room[1] as usize, 0);
        let mut naive = target.copy();
        let places: Vec<_> = items(&loops)
            .iter()
            .map(|[s, t, i]| ((s + first[0]) as usize, (t + first[1]) as usize, i - low))
            .collect();
        for (at, _, _) in &places {
            put(&mut source.words()[*at..at + sizes[0] as usize], random.pick(&values));
        }
        for (at, to_at, index) in &places {
            let raw = get(&source.words()[*at..at + sizes[0] as usize]);
            let factor = is_scaled.then(|| factors[*index as usize]);
            put(
                &mut naive.words()[*to_at..to_at + sizes[1] as usize],
                expected(from, raw, to, overflow, factor),
            );
        }
        let params = convert(ONES, &loops, [source.at(first[0]), target.at(first[1])], numbers);
        launch(kernel(to).0, &params, blocks(params.sheet.walk.count.into(), 1024));
        check(
            &|| format!("{from:?} to {to:?}, {overflow:?}, {factors:?}: {loops:?}"),
            &mut target,
            &mut naive,
        );
    }
}

/// Fills the sheets of a source with numbers, runs a kernel over them, and compares.
fn check_sheets(
    random: &mut Random,
    (name, shape): (&str, u32),
    [from, to]: [Scalar; 2],
    sheets: &Sheets,
    tile: [i64; 2],
    codes: Option<u32>,
) {
    let sizes = [from, to].map(bytes);
    let values = patterns(from, 64, random);
    // Kernels for certain types hold nothing within bounds, and have one finite factor for each channel or sheet.
    let fixed = name.starts_with("rgb");
    let overflow = if fixed || random.below(2) == 0 { Overflow::Wrap } else { Overflow::Saturate };
    let is_scaled = codes.is_none() && (random.below(3) > 0 || from == to);
    let along = if fixed { 1 + random.below(2) } else { random.below(3) };
    let steps = [0, 1, 2].map(|axis| i64::from(is_scaled && axis == along));
    let batch = Turn { step: steps[2], ..sheets.batch };
    let sheets = &Sheets { batch, ..*sheets };
    let count = [sheets.shape[0], sheets.shape[1], batch.extent][along as usize];
    let mut factors = factors(random, count);
    if fixed {
        let finite = |by: &f64| (*by as f32).is_finite();
        factors.iter_mut().for_each(|f| (f.scale, f.bias) = (f.scale.filter(finite), f.bias.filter(finite)));
    }
    let pairs = if is_scaled { laid_out(&factors) } else { vec![[1.0, -0.0]; count as usize] };
    let mut numbers = numbers(from, to, overflow, is_scaled);
    if count <= 16 {
        numbers.own[..pairs.len()].copy_from_slice(&pairs);
    } else {
        numbers.pairs = pairs.as_ptr() as u64;
    }
    if let Some(code) = codes {
        (numbers.source, numbers.target, numbers.saturate) = (code, code, 0);
    }
    let mut source = Memory::new(random, sheets.room[0] as usize, 0);
    let mut target = Memory::new(random, sheets.room[1] as usize, 0);
    let mut naive = target.copy();
    for ([at, to_at], [row, column, sheet]) in sheets.elements(sizes) {
        let raw = random.pick(&values);
        put(&mut source.words()[at..at + sizes[0] as usize], raw);
        let index = steps[0] * row + steps[1] * column + steps[2] * sheet;
        let factor = is_scaled.then(|| factors[index as usize]);
        put(&mut naive.words()[to_at..to_at + sizes[1] as usize], expected(from, raw, to, overflow, factor));
    }
    let (sheet, blocks) = sheets.params([source.at(0), target.at(0)], tile);
    let params = Convert { sheet, row_step: steps[0], column_step: steps[1], shape, spare: 0, numbers };
    launch(name, &params, blocks);
    check(
        &|| format!("{name} {shape}: {from:?} to {to:?}, {overflow:?}, {:?}, {factors:?}", sheets.shape),
        &mut target,
        &mut naive,
    );
}

#[test]
fn sheets_are_transposed_while_their_numbers_change() {
    let mut random = Random(9);
    for pair in pairs() {
        let (name, edge) = kernel(pair[1]);
        let shape = [0; 2].map(|_| random.pick(&[1, 2, 31, 32, 33, 63, 64, 65, 100]));
        let sizes = pair.map(bytes);
        let sheets = Sheets::new(&mut random, shape, sizes, sizes, true);
        check_sheets(&mut random, (name, SHEETS), pair, &sheets, [edge; 2], None);
    }
}

#[test]
fn pixels_become_planes_and_planes_pixels() {
    let mut random = Random(10);
    let types = [Scalar::Uint(8), types::F16, types::BF16, types::F32];
    let words = [(Scalar::Uint(8), 8), (Scalar::Uint(16), 16), (Scalar::Uint(32), 32)];
    let cases = types.iter().flat_map(|from| types.iter().map(move |to| ([*from, *to], None)));
    let cases = cases.chain(words.map(|(word, bits)| ([word; 2], Some(types::word(bits)))));
    for (pair, code) in cases {
        for channels in [2, 3, 4] {
            for count in [4, 32, 1020, 1024, 1028, 2048] {
                let sizes = pair.map(bytes);
                let units = sizes.map(|size| 4 * size);
                let tight = |pitch: i64, rows: i64, columns: i64, side: usize| {
                    let mut sheets =
                        Sheets::new(&mut Random(count as u64), [rows, columns], sizes, units, true);
                    sheets.pitches[side] = pitch;
                    sheets
                };
                let split = tight(channels * sizes[0], count, channels, 0);
                check_sheets(&mut random, ("pixels", SPLIT), pair, &split, [channels, 1024], code);
                let merge = tight(channels * sizes[1], channels, count, 1);
                check_sheets(&mut random, ("pixels", MERGE), pair, &merge, [1024, channels], code);
            }
        }
    }
}

#[test]
fn pixels_of_three_channels_become_planes_and_planes_pixels_by_kernels_for_certain_types() {
    let mut random = Random(12);
    let words = [(Scalar::Uint(8), 8), (Scalar::Uint(16), 16), (Scalar::Uint(32), 32)];
    let moved = words.into_iter().flat_map(|(word, bits)| {
        let (code, size) = (Some(types::word(bits)), bits / 8);
        [
            (format!("rgb_split_{size}"), SPLIT, [word; 2], code),
            (format!("rgb_merge_{size}"), MERGE, [word; 2], code),
        ]
    });
    let changed = [("f32", types::F32), ("f16", types::F16), ("bf16", types::BF16)]
        .map(|(name, to)| (format!("rgb_split_u8_{name}"), SPLIT, [Scalar::Uint(8), to], None));
    for (name, shape, pair, code) in moved.chain(changed) {
        for count in [4, 32, 1020, 1024, 1028, 2048, 2052].repeat(3) {
            let sizes = pair.map(bytes);
            let units = sizes.map(|size| 4 * size);
            let (extents, side, tile) = match shape {
                SPLIT => ([count, 3], 0, [3, 1024]),
                _ => ([3, count], 1, [1024, 3]),
            };
            let mut sheets = Sheets::new(&mut random, extents, sizes, units, true);
            sheets.pitches[side] = 3 * sizes[side];
            check_sheets(&mut random, (&name, shape), pair, &sheets, tile, code);
        }
    }
}
