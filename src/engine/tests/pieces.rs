//! A way that was chosen for a plan, on pieces of it: what threads do.

use super::{Random, numbers, storage_bytes};
use crate::dtype::{DType, Overflow, SWAPPED, code};
use crate::engine::host::isa::Isa;
use crate::engine::host::naive;
use crate::engine::host::path::{Run, Wish};
use crate::engine::host::run::{Coefficients, Job};
use crate::engine::pass::{Half, Part};
use crate::engine::plan::Plan;
use crate::engine::{Numeric, Transform, View, ViewMut, same_elements};
use crate::layout::{Layout, Order};

/// Cuts some loops of `plan` somewhere, into `pieces`.
fn cut(random: &mut Random, plan: &Plan, pieces: &mut Vec<Plan>) {
    pieces.push(plan.clone());
    for i in 0..plan.loops.len() {
        for whole in std::mem::take(pieces) {
            let l = whole.loops[i];
            if l.extent < 2 || random.below(3) == 0 {
                pieces.push(whole);
                continue;
            }
            let at = 1 + if random.below(2) == 0 { random.below(l.extent - 1) } else { 0 };
            let (mut first, mut rest) = (whole.clone(), whole);
            first.loops[i].extent = at;
            rest.loops[i].extent -= at;
            rest.source += at * l.source;
            rest.target += at * l.target;
            rest.first += at * l.step;
            pieces.extend([first, rest]);
        }
    }
}

/// Converts real numbers piece by piece, and all at once in the naive way.
fn check(random: &mut Random, [from, to]: [DType; 2], layouts: [&(Layout, i64); 2], transform: &Transform) {
    let [(source_layout, source_span), (target_layout, target_span)] = layouts;
    let source = random.bytes(storage_bytes(from, *source_span));
    let poison = random.bytes(storage_bytes(to, *target_span));
    let [mut real, mut expected] = [poison.clone(), poison];
    let view = View { data: source.as_ptr(), dtype: from, layout: source_layout };
    let target = ViewMut { data: expected.as_mut_ptr(), dtype: to, layout: target_layout };
    // SAFETY: the layouts stay within their spans, which the vectors hold.
    unsafe { naive::convert(&view, &target, transform) };
    let halves = [(from, source_layout), (to, target_layout)]
        .map(|(dtype, layout)| Half::new(dtype, layout, Part::Real).expect("small elements"));
    let [a, b] = &halves;
    let axis = (transform.scale.len() > 1 || transform.bias.len() > 1).then_some(transform.axis);
    let plan = Plan::new(source_layout.shape(), &a.side, &b.side, a.lanes, axis).expect("small distances");
    let Some(plan) = plan else { return };
    let coefficients = Coefficients { scale: transform.scale, bias: transform.bias };
    let [x, y] = [from, to].map(|dtype| Numeric::of(dtype).expect("a number"));
    let swapped = [a.cell.swapped, b.cell.swapped];
    let wish = Wish { affine: transform.is_affine(), overflow: transform.overflow, swapped };
    let run = Run::new(x, y, wish, Isa::chosen());
    let job = if same_elements(from, to) && !transform.is_affine() {
        Job::to_copy(&plan, a.cell, b.cell)
    } else {
        Job::to_convert(&plan, &run, coefficients, a.cell, b.cell)
    };
    let mut pieces = Vec::new();
    cut(random, &plan, &mut pieces);
    for piece in &pieces {
        // SAFETY: a piece visits elements of the layouts, which the vectors hold.
        unsafe { job.run(piece, source.as_ptr(), real.as_mut_ptr()) };
    }
    assert!(real == expected, "{from:?} {source_layout:?} to {to:?} {target_layout:?} in {pieces:?}");
}

#[test]
fn a_way_chosen_for_the_whole_is_right_on_any_piece_of_it() {
    let mut random = Random(21);
    let real = |dtype: &DType| dtype.code != code::COMPLEX;
    for i in 0..3000 {
        let mut from = random.dtype();
        let mut to =
            if random.below(2) == 0 { DType { flags: random.dtype().flags, ..from } } else { random.dtype() };
        if !(real(&from) && real(&to)) {
            (from, to) = (DType::new(code::UINT, 16), DType::new(code::FLOAT, 32));
        }
        if to.bits <= 8 {
            to.flags &= !SWAPPED;
        }
        let shape = random.shape();
        let layouts = [random.layout(&shape, true), random.layout(&shape, false)];
        let scale: Vec<f64> = (0..shape.first().copied().unwrap_or(1)).map(|i| i as f64 / 4.0).collect();
        let scale = if i % 3 == 0 { &scale[..] } else { &[] };
        let transform = Transform { scale, overflow: Overflow::Saturate, ..Transform::default() };
        check(&mut random, [from, to], [&layouts[0], &layouts[1]], &transform);
    }
}

#[test]
fn a_way_chosen_for_sheets_is_right_on_pieces_too_small_for_it() {
    let mut random = Random(22);
    let plain = numbers().into_iter().filter(|dtype| dtype.bits >= 8 && dtype.code != code::COMPLEX);
    let plain: Vec<DType> = plain.collect();
    for i in 0..400 {
        let from = plain[random.below(plain.len() as i64) as usize];
        let swapped = DType { flags: if from.bits > 8 { SWAPPED } else { 0 }, ..from };
        let to = [from, swapped, plain[random.below(plain.len() as i64) as usize]][i % 3];
        let few = 2 + random.below(20);
        let shape = [1 + random.below(3), few, 10 + random.below(60)];
        let shape = if random.below(2) == 0 { shape } else { [shape[0], shape[2], shape[1]] };
        let strides = [shape[1] * shape[2], 1, shape[1]];
        let elements = shape.iter().product();
        let columns = (Layout::raw(&shape, &strides, 0), elements);
        let rows = (Layout::contiguous(&shape, Order::C).expect("a small shape"), elements);
        check(&mut random, [from, to], [&columns, &rows], &Transform::default());
    }
}

#[test]
fn a_way_chosen_for_targets_too_large_for_the_caches_is_right_on_pieces() {
    let mut random = Random(23);
    let (uint, float) = (|bits| DType::new(code::UINT, bits), |bits| DType::new(code::FLOAT, bits));
    let turned = DType { flags: SWAPPED, ..uint(32) };
    for (from, to) in [(uint(32), uint(32)), (uint(32), turned), (uint(8), float(32)), (float(32), uint(16))]
    {
        let (rows, columns) = (2100, 2113);
        let shape = [rows, columns];
        let dense = |strides: &[i64; 2]| (Layout::raw(&shape, strides, 0), rows * columns);
        let target = dense(&[columns, 1]);
        check(&mut random, [from, to], [&dense(&[1, rows]), &target], &Transform::default());
        check(&mut random, [from, to], [&dense(&[columns, 1]), &target], &Transform::default());
        let spread = (Layout::raw(&shape, &[columns * 2, 2], 0), rows * columns * 2);
        check(&mut random, [from, to], [&spread, &target], &Transform::default());
    }
}
