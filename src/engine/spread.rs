//! Bringing a plan to its kernels: as a whole, or in pieces where threads share it or somebody wants to know how far it
//! is.

use super::host::memory::Cell;
use super::host::walk::second_loop;
use super::pieces::{Pieces, Written};
use super::plan::{Loop, Plan};
use super::progress::Progress;
use super::threads::{self, Crew};
use crate::error::Result;

/// Tests cut small plans as others cut large ones.
const SCALE: usize = if cfg!(test) { 4096 } else { 1 };

/// A plan that moves fewer bytes is done before another thread has fetched them from this one's caches.
const FROM: usize = (256 << 10) / SCALE;

/// A plan that moves fewer bytes is done before another thread has woken up, too.
const WAKES: usize = (4 << 20) / SCALE;

/// The same where both sides are runs, which move faster than anything else.
const RUNS_WAKE: usize = (8 << 20) / SCALE;

/// Bytes of the smallest part that a thread takes: long enough to hide that it takes one, short enough to be waited for.
/// Of plans with less for each thread, each takes one that is as large as the others'.
const PART: usize = (256 << 10) / SCALE;

/// Bytes for each thread at least.
const SHARE: usize = (64 << 10) / SCALE;

/// Bits between two reports of progress.
const STEP: u64 = (64 << 20) * 8;

/// Calls `work` with pieces of `plan` that together are all of it, on several threads where that is faster. No two
/// pieces have a byte of the target in common. They are cut where the target is outermost, or the source if scalars are
/// visited `by_source`.
///
/// Fails with `Cancelled` when `progress` does, and with `Internal` when `work` panics.
pub fn spread(
    plan: &Plan,
    [source, target]: [Cell; 2],
    base: usize,
    by_source: bool,
    progress: Option<&Progress>,
    work: &(dyn Fn(&Plan) + Sync),
) -> Result<()> {
    let bytes = moved(plan, [source, target]);
    if bytes < least(plan) {
        work(plan);
        let bits = plan.count() as u64 * target.stride() as u64;
        return progress.map_or(Ok(()), |progress| progress.advance(bits));
    }
    let is_run = |l: &Loop| l.source == source.stride() && l.target == target.stride();
    let enough = if plan.loops.first().is_some_and(is_run) { RUNS_WAKE } else { WAKES };
    let crew = Crew::gather(most(bytes), bytes >= enough);
    let written = Written { base, packed: target.packed, bits: target.stride(), by_source };
    let outcome = in_pieces(plan, bytes, written, crew, progress, work);
    crew.part();
    outcome
}

/// How many threads share `plan` at most.
pub fn threads_of(plan: &Plan, cells: [Cell; 2]) -> usize {
    let bytes = moved(plan, cells);
    if bytes < least(plan) { 1 } else { most(bytes) }
}

/// The fewest bytes of `plan` that threads share. A small transposition has few parts, whose lines go from one thread's cache
/// to the other's where they are not dealt out as the last time: two threads were seen to take five times as long as one.
fn least(plan: &Plan) -> usize {
    if second_loop(plan).1 { 2 * FROM } else { FROM }
}

/// The bytes of the wider side.
fn moved(plan: &Plan, [source, target]: [Cell; 2]) -> usize {
    plan.count().saturating_mul(source.bytes().max(target.bytes()))
}

/// How many threads share so many bytes at most, which are enough to be shared.
fn most(bytes: usize) -> usize {
    threads::count().min(bytes / SHARE)
}

/// [`spread`] for a plan that moves so many bytes, which are many.
#[inline(never)]
fn in_pieces(
    plan: &Plan,
    bytes: usize,
    written: Written,
    crew: Crew,
    progress: Option<&Progress>,
    work: &(dyn Fn(&Plan) + Sync),
) -> Result<()> {
    if crew.size == 1 && progress.is_none() {
        work(plan);
        return Ok(());
    }
    let parts = (bytes / PART).max(crew.size);
    let pieces = Pieces::cut(plan, written, parts);
    let units = pieces.units();
    let least = units.div_ceil(parts);
    let bits = |plan: &Plan| plan.count() as u64 * written.bits as u64;
    let rounds = if progress.is_some() { (bits(plan).div_ceil(STEP) as usize).min(units) } else { 1 };
    for round in 0..rounds {
        let turn = |round: usize| (round as u128 * units as u128 / rounds as u128) as usize;
        let range = turn(round)..turn(round + 1);
        threads::share(range.clone(), least, crew, &|part| pieces.visit(part, &mut |piece| work(piece)))?;
        if let Some(progress) = progress {
            let mut done = 0;
            pieces.visit(range, &mut |piece| done += bits(piece));
            progress.advance(done)?;
        }
    }
    Ok(())
}
