//! Conversions on the fake driver, by the kernels that ship, against the naive twin: bit by bit, gaps included.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use super::super::cases::{Case, Side};
use super::super::{Random, variable};
use super::fake::{self, Kind, Memory};
use crate::device::cuda::{Entered, Stream};
use crate::engine::cuda::RAN;
use crate::engine::cuda::queue::Queue;
use crate::engine::cuda::transfer::{self, transfer};
use crate::engine::host::naive;
use crate::engine::{Transform, View, ViewMut};

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
        let odd = !case.source.dtype.bits.is_multiple_of(8) && !matches!(case.source.dtype.bits, 2 | 4 | 6);
        assert!(odd, "seed {seed} {kinds:?}: {error} in {case:?}");
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
    case.shape.iter().product::<i64>() * i64::from(case.source.dtype.lanes) <= 6000
        && case.source.bytes.max(case.target.bytes) <= 1 << 20
}

#[test]
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
    println!("{seen:?}");
    for name in ["copy_1", "copy_4", "trans_1", "tile_4", "cast", "to_float", "to_wide", "to_integer"] {
        assert!(seen.contains_key(name), "{name} is not in {seen:?}");
    }
}

#[test]
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

#[test]
fn shapes_at_the_edges_of_blocks_and_tiles_are_those_of_the_naive_twin() {
    let entered = fake::context(0).enter().expect("a context");
    let _ = (&entered, Transform::default());
}
