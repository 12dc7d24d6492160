//! Bringing a plan to its kernels: as a whole, or in pieces where threads share it or somebody wants to know how far it
//! is.

use super::host::run::Place;
use super::pieces::{Pieces, Written};
use super::plan::Plan;
use super::progress::Progress;
use super::threads;
use crate::error::Result;

// SAFETY: a place is an address and what lies there. Whoever reads or writes there promises that threads may.
unsafe impl<P> Sync for Place<P> {}

/// What a plan of fewer bytes takes is less than until another thread has woken up.
const FROM: usize = 1 << 20;

/// Bytes of the smallest part that a thread takes: long enough to hide that it takes one, short enough to be waited for.
const PART: usize = 256 << 10;

/// Bytes between two reports of progress.
const STEP: usize = 64 << 20;

/// A pointer to what is written, or only read.
pub trait Address: Copy {
    /// Its number.
    fn addr(self) -> usize;
}

impl Address for *const u8 {
    fn addr(self) -> usize {
        self.addr()
    }
}

impl Address for *mut u8 {
    fn addr(self) -> usize {
        self.addr()
    }
}

/// Calls `work` with pieces of `plan` that together are all of it, on several threads where that is faster. No two
/// pieces have a byte of the target in common.
///
/// Fails with `Cancelled` when `progress` does, and with `Internal` when `work` panics.
pub fn spread<P: Address>(
    plan: &Plan,
    source: Place<*const u8>,
    target: Place<P>,
    progress: Option<&Progress>,
    work: &(dyn Fn(&Plan) + Sync),
) -> Result<()> {
    let bytes = plan.count().saturating_mul(source.cell.bytes().max(target.cell.bytes()));
    if bytes < FROM {
        work(plan);
        let bits = plan.count() as u64 * target.cell.stride() as u64;
        return progress.map_or(Ok(()), |progress| progress.advance(bits));
    }
    let written = Written { base: target.base.addr(), packed: target.cell.packed, bits: target.cell.stride() };
    in_pieces(plan, bytes, written, progress, work)
}

/// [`spread`] for a plan that moves so many bytes, which are many.
#[inline(never)]
fn in_pieces(
    plan: &Plan,
    bytes: usize,
    written: Written,
    progress: Option<&Progress>,
    work: &(dyn Fn(&Plan) + Sync),
) -> Result<()> {
    let crew = threads::count();
    if crew == 1 && progress.is_none() {
        work(plan);
        return Ok(());
    }
    let pieces = Pieces::cut(plan, written, bytes / PART);
    let units = pieces.units();
    let least = units.div_ceil(bytes / PART);
    let rounds = if progress.is_some() { bytes.div_ceil(STEP).min(units) } else { 1 };
    for round in 0..rounds {
        let turn = |round: usize| (round as u128 * units as u128 / rounds as u128) as usize;
        let range = turn(round)..turn(round + 1);
        threads::share(range.clone(), least, crew, &|part| pieces.visit(part, &mut |piece| work(piece)))?;
        if let Some(progress) = progress {
            let mut scalars = 0;
            pieces.visit(range, &mut |piece| scalars += piece.count() as u64);
            progress.advance(scalars * written.bits as u64)?;
        }
    }
    Ok(())
}
