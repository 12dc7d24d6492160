//! What is told of a conversion is what happens.

use crate::dtype::{DType, SWAPPED, code};
use crate::engine::explain::{conversion, overlapping};
use crate::engine::host::run::RAN;
use crate::engine::host::stream::{HELD, HELD_BY_ALL};
use crate::engine::threads;
use crate::engine::{Transform, View, ViewMut, convert, convert_overlapping};
use crate::layout::Layout;

fn ways(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_prefix("  way: ")).map(str::to_owned).collect()
}

/// The ways that are told and those that are gone, in order.
fn told_and_gone(
    [from, to]: [DType; 2],
    layouts: [&Layout; 2],
    transform: &Transform,
    overlap: bool,
) -> [Vec<String>; 2] {
    let mut memory = [vec![0u8; 48 << 20], vec![0u8; 48 << 20]];
    let [a, b] = memory.each_mut().map(|bytes| bytes.as_mut_ptr());
    let source = View { data: if overlap { b } else { a }, dtype: from, layout: layouts[0] };
    let target = ViewMut { data: b, dtype: to, layout: layouts[1] };
    let forms = [(from, layouts[0]), (to, layouts[1])];
    RAN.take();
    // SAFETY: the layouts of the test below stay within so many bytes.
    let (text, run) = unsafe {
        if overlap {
            (
                overlapping(forms[0], forms[1], transform, |forms, t| conversion(forms[0], forms[1], t)),
                convert_overlapping(&source, &target, transform),
            )
        } else {
            (conversion(forms[0], forms[1], transform), convert(&source, &target, transform))
        }
    };
    run.expect("a conversion");
    // A pass may be gone piece by piece.
    [ways(&text.expect("its text")), RAN.take()].map(|mut names| {
        names.dedup();
        names
    })
}

#[test]
fn the_ways_that_are_told_are_those_that_are_gone() {
    let (uint, float) = (|bits| DType::new(code::UINT, bits), |bits| DType::new(code::FLOAT, bits));
    let complex = DType::new(code::COMPLEX, 64);
    let turned = DType { flags: SWAPPED, ..uint(32) };
    let types = [
        [uint(8), uint(8)],
        [uint(32), turned],
        [float(32), float(64)],
        [uint(8), uint(4)],
        [float(32), complex],
        [complex, complex],
    ];
    let square = |n: i64| [[n, 1], [1, n], [2 * n, 2]].map(|strides| Layout::raw(&[n, n], &strides, 0));
    let mut seen = std::collections::BTreeSet::new();
    for (types, n) in types.into_iter().flat_map(|types| [2, 40, 1500].map(|n| (types, n))) {
        let layouts = square(n);
        for (source, overlap) in layouts.iter().flat_map(|source| [(source, false), (source, true)]) {
            for scale in [&[][..], &[2.0]] {
                let transform = Transform { scale, ..Transform::default() };
                let [told, gone] = told_and_gone(types, [source, &layouts[0]], &transform, overlap);
                assert_eq!(told, gone, "{types:?} {source:?} {overlap}");
                assert!(!told.is_empty());
                seen.extend(told);
            }
        }
    }
    assert!(seen.len() >= 7, "{seen:?}");
}

#[test]
fn what_the_caches_do_not_hold_is_streamed_of_several_threads_later_but_for_sheets() {
    let byte = DType::new(code::UINT, 8);
    // Both sides together, in the form of each kind of way, `rows` times 4 KiB.
    let is_streamed = |kind: &str, rows: i64, threads: usize| {
        threads::set_count_here(threads);
        let [source, target] = match kind {
            "run" => [[4096, 1], [4096, 1]],
            "rows" => [[4160, 1], [4096, 1]],
            "sheet" => [[1, rows], [4096, 1]],
            _ => unreachable!(),
        };
        let [source, target] = [source, target].map(|strides| Layout::raw(&[rows, 4096], &strides, 0));
        let text = conversion((byte, &source), (byte, &target), &Transform::default()).expect("a text");
        threads::set_count_here(0);
        text.contains(", streamed")
    };
    let (held, by_all) = ((HELD >> 13) as i64, (HELD_BY_ALL >> 13) as i64);
    for kind in ["run", "rows", "sheet"] {
        assert!(!is_streamed(kind, held, 1) && is_streamed(kind, held + 1, 1), "{kind}, one thread");
        let from = if kind == "sheet" { held } else { by_all };
        assert!(!is_streamed(kind, from, 3) && is_streamed(kind, from + 1, 3), "{kind}, three threads");
    }
}

#[test]
fn loops_bytes_and_refusals_are_told() {
    let layout = Layout::raw(&[3, 400, 200], &[1, 600, 3], 0);
    let planes = Layout::raw(&[3, 400, 200], &[80000, 200, 1], 0);
    let (from, to) = ((DType::new(code::UINT, 8), &layout), (DType::new(code::FLOAT, 32), &planes));
    let text = conversion(from, to, &Transform::default()).expect("a conversion");
    for line in [
        "pass over 240000 numbers",
        "  80000 times source +3 B, target +4 B (run)",
        "  3 times source +1 B (run), target +320000 B",
        &format!("  reads 240000 B, writes 960000 B; threads: {}", threads::count()),
    ] {
        assert!(text.lines().any(|told| told == line), "{line} is not in {text}");
    }
    let scaled = Transform { scale: &[1.0, 2.0, 3.0], ..Transform::default() };
    let text = conversion(from, to, &scaled).expect("a conversion");
    assert!(text.contains("target +320000 B, coefficients\n"), "{text}");
    let other = Layout::raw(&[3], &[1], 0);
    assert!(conversion(from, (to.0, &other), &Transform::default()).is_err());
}
