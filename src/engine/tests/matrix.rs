//! Any conversion against the naive twin, between pages that nobody may touch.
//!
//! `NDFERRY_TEST_SECONDS` says how long to go on, `NDFERRY_TEST_CASE` names the only case to run, `NDFERRY_TEST_THREADS`
//! how many threads the engine is to use; else one, two and three take turns. The instruction set is that of
//! `NDFERRY_ISA`.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::cases::{Case, MOST, Side};
use super::*;
use crate::engine::host::fenced::{Fenced, PAGE};
use crate::engine::threads::set_count_here;

/// Cases of a run that no variable makes longer or shorter.
const CASES: u64 = 6000;

/// Bytes beside a storage, on the side where no page is, that must stay as they are.
const MARGIN: usize = 64;

thread_local! {
    /// The case that this thread is at.
    static CURRENT: Cell<u64> = const { Cell::new(0) };
}

/// Runs `check` for the cases that the environment asks for, and names the one that fails.
fn each_case(cases: u64, mut check: impl FnMut(u64)) {
    let threads = variable("NDFERRY_TEST_THREADS");
    let mut check = |case: u64| {
        CURRENT.set(case);
        // Whole turns of the families have as many threads.
        set_count_here(threads.unwrap_or(1 + case / 4 % 3) as usize);
        check(case);
    };
    name_case_of_bad_access();
    if let Some(case) = variable("NDFERRY_TEST_CASE") {
        return check(case);
    }
    let (began, seconds) = (Instant::now(), variable("NDFERRY_TEST_SECONDS"));
    let goes_on = |case: u64| match seconds {
        Some(seconds) => case < 3 || began.elapsed() < Duration::from_secs(seconds),
        None => case < cases,
    };
    for case in (0..).take_while(|case| goes_on(*case)) {
        check(case);
    }
}

/// What `fence` holds of a side: the storage within its margin and shift, and where it begins.
fn place<'a>(fence: &'a mut Fenced, side: &Side) -> (&'a mut [u8], usize) {
    let all = fence.bytes(side.bytes + side.shift + MARGIN, side.at_end);
    (all, if side.at_end { MARGIN } else { side.shift })
}

fn fences() -> [Fenced; 2] {
    [(); 2].map(|()| Fenced::new(2 * MOST as usize / PAGE))
}

fn report(case: &Case, got: &[u8], expected: &[u8]) -> ! {
    let at = got.iter().zip(expected).position(|(a, b)| a != b).unwrap_or_default();
    panic!(
        "byte {at} of {} is {:#x}, not {:#x} (run NDFERRY_TEST_CASE={} alone): {case:?}",
        got.len(),
        got[at],
        expected[at],
        CURRENT.get()
    );
}

#[test]
fn every_conversion_is_that_of_the_naive_twin_and_touches_no_other_byte() {
    let mut memory = fences();
    each_case(CASES, |seed| check(&Case::new(seed), seed, &mut memory));
}

#[test]
fn every_conversion_of_many_axes_is_that_of_the_naive_twin_and_touches_no_other_byte() {
    let mut memory = fences();
    each_case(CASES / 4, |seed| check(&Case::deep(seed), seed, &mut memory));
}

#[test]
fn every_conversion_too_large_for_the_caches_is_that_of_the_naive_twin_and_touches_no_other_byte() {
    let mut memory = fences();
    each_case(CASES / 200, |seed| check(&Case::large(seed), seed, &mut memory));
}

fn check(case: &Case, seed: u64, memory: &mut [Fenced; 2]) {
    let mut random = Random(seed);
    let [source, target] = memory;
    let (source, start) = place(source, &case.source);
    random.fill(&mut source[start..][..case.source.bytes], case.source.dtype);
    let data = source[start..].as_ptr();
    let view = View { data, dtype: case.source.dtype, layout: &case.source.layout };
    let (real, start) = place(target, &case.target);
    random.poison(real);
    let mut expected = real.to_vec();
    let target = |bytes: &mut [u8]| ViewMut {
        data: bytes[start..].as_mut_ptr(),
        dtype: case.target.dtype,
        layout: &case.target.layout,
    };
    // SAFETY: the layouts stay within their storages.
    unsafe {
        naive::convert(&view, &target(&mut expected), &case.transform());
        convert(&view, &target(real), &case.transform()).expect("convertible types");
    }
    if *real != expected[..] {
        report(case, real, &expected);
    }
}

#[test]
fn every_conversion_within_one_storage_is_that_of_a_copy() {
    let mut memory = Fenced::new(4 * MOST as usize / PAGE);
    each_case(CASES / 4, |seed| {
        let (case, mut random) = (Case::new(seed), Random(seed));
        let sizes = [case.source.bytes, case.target.bytes];
        let shared = sizes[0].max(sizes[1]) + case.target.shift;
        let starts = sizes.map(|size| random.below((shared - size) as i64 + 1) as usize);
        let real = memory.bytes(shared, case.source.at_end);
        random.fill(real, case.source.dtype);
        let (copy, mut expected) = (real.to_vec(), real.to_vec());
        let source = |data| View { data, dtype: case.source.dtype, layout: &case.source.layout };
        let target = |data| ViewMut { data, dtype: case.target.dtype, layout: &case.target.layout };
        let base = real.as_mut_ptr();
        // SAFETY: the layouts stay within their storages, and those in what both share.
        unsafe {
            let twin = target(expected[starts[1]..].as_mut_ptr());
            naive::convert(&source(copy[starts[0]..].as_ptr()), &twin, &case.transform());
            let (from, to) = (source(base.add(starts[0])), target(base.add(starts[1])));
            convert_overlapping(&from, &to, &case.transform()).expect("convertible types");
        }
        if *real != expected[..] {
            report(&case, real, &expected);
        }
    });
}

#[test]
fn elements_gigabytes_apart_are_converted() {
    const APART: usize = 3 << 30;
    let mut memory = [(); 2].map(|()| Fenced::new(4 * APART / PAGE + 1));
    let [source, target] = memory.each_mut().map(|fence| fence.bytes(4 * APART + 41, true)[1..].as_mut_ptr());
    let (from, to) = (DType::new(code::INT, 16), DType::new(code::FLOAT, 32));
    for turned in [1, -1] {
        // Rows of ten numbers, the source from the front or the back.
        let spread = |size: usize, turned: i64| {
            let row = (APART / size) as i64;
            Layout::raw(&[5, 10], &[row * turned, 1], if turned < 0 { 4 * row } else { 0 })
        };
        let (one, other) = (spread(2, turned), spread(4, 1));
        let number = |i: usize, j: usize| (i * 1000 + j) as i16 - 2000;
        // SAFETY: the numbers of the layouts are within the fences.
        unsafe {
            for (i, j) in (0..5).flat_map(|i| (0..10).map(move |j| (i, j))) {
                source.add(i * APART).cast::<i16>().add(j).write_unaligned(number(i, j));
            }
            let view = View { data: source, dtype: from, layout: &one };
            let into = ViewMut { data: target, dtype: to, layout: &other };
            convert(&view, &into, &Transform::default()).expect("numbers");
            for (i, j) in (0..5).flat_map(|i| (0..10).map(move |j| (i, j))) {
                let got = target.add(i * APART).cast::<f32>().add(j).read_unaligned();
                let from = if turned < 0 { 4 - i } else { i };
                assert_eq!(got, f32::from(number(from, j)));
            }
        }
    }
}

/// Says on standard error which case read or wrote where nothing may be touched, before the process ends of it.
fn name_case_of_bad_access() {
    extern "C" fn handler(signal: libc::c_int) {
        let mut line = *b"a byte beyond the elements was touched: NDFERRY_TEST_CASE=00000000000000000000\n";
        let (mut case, mut at) = (CURRENT.get(), line.len() - 1);
        for _ in 0..20 {
            at -= 1;
            line[at] += (case % 10) as u8;
            case /= 10;
        }
        // SAFETY: functions that a signal handler may call; the access is repeated and ends the process.
        unsafe {
            libc::write(2, line.as_ptr().cast(), line.len());
            libc::signal(signal, libc::SIG_DFL);
        }
    }
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: an action whose fields are all valid as zeros, but for those that are set.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as *const () as libc::sighandler_t;
            action.sa_flags = libc::SA_ONSTACK;
            assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
        }
    }
}
