//! Plans in pieces, on any number of threads. In tests all but the smallest ones are cut.

use std::cell::Cell;
use std::ffi::c_void;

use super::*;
use crate::engine::progress::{Callback, Progress};
use crate::engine::threads;

#[test]
fn any_number_of_threads_gives_what_the_naive_twin_does() {
    let mut random = Random(41);
    for round in 0..1500 {
        threads::set_count([1, 2, 3, 7][round % 4]);
        let (from, mut to) = (random.dtype(), random.dtype());
        if round % 3 == 0 {
            to = from;
        }
        let rows = 1 + random.below(64);
        check_one(&mut random, from, to, &[rows, 33, 7], &Transform::default());
    }
    let (f32, bf16) = (DType::new(code::FLOAT, 32), DType::new(code::BFLOAT, 16));
    for (round, count) in [1, 2, 3, 7].into_iter().enumerate() {
        threads::set_count(count);
        let scale: Vec<f64> = (0..300).map(f64::from).collect();
        let transform = Transform { scale: &scale, axis: round % 2, ..Transform::default() };
        check_one(&mut random, f32, bf16, &[300, 300], &transform);
    }
    threads::set_count(0);
}

#[test]
fn any_number_of_threads_copies_as_if_the_source_had_been_copied_first_and_compares() {
    for count in [1, 2, 3, 7] {
        threads::set_count(count);
        let dtype = DType::new(code::INT, 16);
        let mut numbers: Vec<i16> = (0..30_000).collect();
        let (backwards, forwards) = (Layout::raw(&[30_000], &[-1], 29_999), Layout::raw(&[30_000], &[1], 0));
        let data = numbers.as_mut_ptr().cast::<u8>();
        let source = View { data, dtype, layout: &backwards };
        let target = ViewMut { data, dtype, layout: &forwards };
        // SAFETY: all elements are those of the vector.
        unsafe { convert_overlapping(&source, &target, &Transform::default()) }.expect("a copy fits");
        assert!(numbers.iter().rev().copied().eq(0..30_000));
        for wrong in [0, 1, 14_999, 29_998, 29_999] {
            let mut other = numbers.clone();
            let equals = |other: &[i16]| {
                let [a, b] = [&numbers[..], other].map(|x| x.as_ptr().cast::<u8>());
                let views = [a, b].map(|data| View { data, dtype, layout: &forwards });
                // SAFETY: all elements are those of the vectors.
                unsafe { equal(&views[0], &views[1]) }.expect("numbers")
            };
            assert!(equals(&other));
            other[wrong] += 1;
            assert!(!equals(&other));
        }
    }
    threads::set_count(0);
}

/// What a callback was told, and how often it goes on.
struct Told {
    calls: Cell<usize>,
    last: Cell<(i64, i64)>,
    patience: usize,
}

unsafe extern "C" fn tell(told: *mut c_void, done: i64, total: i64) -> i32 {
    // SAFETY: the tests give a live one.
    let told = unsafe { &*told.cast::<Told>() };
    told.calls.set(told.calls.get() + 1);
    assert!(done > told.last.get().0 && done <= total);
    told.last.set((done, total));
    (told.calls.get() > told.patience).into()
}

#[test]
fn progress_ends_with_all_bytes_of_any_types_and_parts() {
    let mut random = Random(42);
    for round in 0..2000 {
        let (from, to) = (random.dtype(), random.dtype());
        let shape = [1 + random.below(40), 1 + random.below(60)];
        let (source, target) = (random.layout(&shape, true), random.layout(&shape, false));
        let told = Told {
            calls: Cell::new(0),
            last: Cell::new((0, 0)),
            patience: if round % 5 == 0 { 0 } else { 99 },
        };
        // SAFETY: it is called within this turn.
        let callback = unsafe { Callback::new(tell, (&raw const told).cast_mut().cast()) };
        let bits = (shape[0] * shape[1]) as u64 * to.element_bits();
        let progress = Progress::new(callback, bits);
        let transform = Transform { progress: Some(&progress), ..Transform::default() };
        let (bytes, mut room) =
            (random.bytes(storage_bytes(from, source.1)), random.bytes(storage_bytes(to, target.1)));
        let view = View { data: bytes.as_ptr(), dtype: from, layout: &source.0 };
        let view_mut = ViewMut { data: room.as_mut_ptr(), dtype: to, layout: &target.0 };
        // SAFETY: the layouts stay within their spans, which the storages hold.
        let outcome = unsafe { convert(&view, &view_mut, &transform) };
        if told.patience == 0 {
            assert_eq!(outcome.expect_err("it was stopped").kind(), Kind::Cancelled);
            assert_eq!(told.calls.get(), 1);
        } else {
            outcome.expect("convertible types");
            let all = bits.div_ceil(8) as i64;
            assert_eq!(told.last.get(), (all, all), "{from:?} to {to:?}");
        }
    }
}
