//! Plans as loops over items: rebuilt, cut and asked how they are aligned.
#![forbid(unsafe_code)]

use crate::engine::loops::Loops;
use crate::engine::plan::{Loop, Plan};
use crate::error::Result;

/// Where both sides begin: addresses, of which the alignment counts.
pub type Ends = [usize; 2];

/// No kernel asks for more.
const ALIGNED: usize = 16;

/// `plan` with other loops.
pub fn with(plan: &Plan, loops: impl IntoIterator<Item = Loop>) -> Result<Plan> {
    let mut list = Loops::NONE;
    for l in loops.into_iter().filter(|l| l.extent > 1) {
        list.insert(l)?;
    }
    Ok(Plan { loops: list, ..*plan })
}

/// The turns of the innermost loop before turn `at`, and those from it on.
pub fn cut(plan: &Plan, at: i64) -> Result<[Plan; 2]> {
    let Some(row) = plan.loops.first() else { return Ok([plan.clone(), plan.clone()]) };
    let of = |plan: &Plan, extent| {
        let rest = plan.loops[1..].iter().copied();
        with(plan, std::iter::once(Loop { extent, ..*row }).chain(rest))
    };
    Ok([of(plan, at)?, of(&moved(plan, row, at), row.extent - at)?])
}

/// `plan` from turn `at` of a loop on.
pub fn moved(plan: &Plan, l: &Loop, at: i64) -> Plan {
    Plan {
        source: plan.source + at * l.source,
        target: plan.target + at * l.target,
        first: plan.first + at * l.step,
        loops: plan.loops.clone(),
    }
}

/// All bits that are set in any position of a scalar, seen from its neighbours: 0 where all are aligned to all that
/// matters. One a side, in bits.
pub fn trace(start: &Plan, loops: &[Loop], ends: Ends) -> [i64; 2] {
    let [source, target] = ends.map(|end| (end % ALIGNED) as i64 * 8);
    loops.iter().fold([source + start.source, target + start.target], |[source, target], l| {
        [source | l.source, target | l.target]
    })
}

/// Whether a trace allows so many bytes at once, a power of two.
pub fn allows(trace: i64, bytes: i64) -> bool {
    trace & (bytes * 8 - 1) == 0
}

/// Bytes that follow each other without gaps from the first scalar on, where loops are nested like that on the target's
/// side.
pub fn is_target_run(plan: &Plan, bits: i64) -> bool {
    let mut next = bits;
    plan.loops.iter().all(|l| {
        let follows = l.target == next;
        next = next.saturating_mul(l.extent);
        follows
    })
}

/// Visits `plan` in pieces of which no loop has more than `longest` turns, a multiple of all that kernels take at once.
pub fn pieces(plan: &Plan, longest: i64, visit: &mut dyn FnMut(&Plan) -> Result<()>) -> Result<()> {
    let Some(at) = plan.loops.iter().position(|l| l.extent > longest) else { return visit(plan) };
    let long = plan.loops[at];
    let mut done = 0;
    while done < long.extent {
        let mut piece = moved(plan, &long, done);
        piece.loops[at].extent = longest.min(long.extent - done);
        done += piece.loops[at].extent;
        pieces(&piece, longest, visit)?;
    }
    Ok(())
}

/// Visits `plan` in nests of at most `loops` loops and `count` items: whatever lies outside is done here.
pub fn nests(
    plan: &Plan,
    loops: usize,
    count: i64,
    visit: &mut dyn FnMut(&Plan) -> Result<()>,
) -> Result<()> {
    let items = plan.loops.iter().try_fold(1i64, |all, l| all.checked_mul(l.extent));
    let is_small = plan.loops.len() <= loops && items.is_some_and(|items| items <= count);
    let Some((outer, inner)) = plan.loops.split_last().filter(|_| !is_small) else { return visit(plan) };
    let whole = with(plan, inner.iter().copied())?;
    for turn in 0..outer.extent {
        nests(&moved(&whole, outer, turn), loops, count, visit)?;
    }
    Ok(())
}
