//! Walking a plan in rectangles of two loops: the innermost one of the target, and the one that runs along the source
//! when that is another (a transposition), else the next.
#![forbid(unsafe_code)]

use super::memory::Grid;
use crate::engine::plan::{Loop, Plan};
use crate::layout::Dims;

/// A transposition takes so many source rows at a time from end to end: few enough for their pages to stay known to
/// the processor, enough for the target to be written in runs.
const PANEL: usize = 256;

/// A rectangle of scalars.
pub struct Block {
    source: i64,
    target: i64,
    /// The index of the first scalar's coefficients.
    pub first: i64,
    /// Scalars of a row, and rows.
    pub counts: [usize; 2],
    /// The loops along a row and from row to row.
    pub loops: [Loop; 2],
}

impl Block {
    /// The first plane of the plan: what [`walk`] visits first when there is no limit.
    pub fn plane(plan: &Plan) -> Self {
        let get = |i: usize| plan.loops.get(i).copied().unwrap_or(Loop::ONCE);
        let loops = [get(0), get(second_loop(plan).0)];
        let counts = loops.map(|l| l.extent as usize);
        Self { source: plan.source, target: plan.target, first: plan.first, counts, loops }
    }

    /// The source scalars, counted from `base`.
    pub fn source<P>(&self, base: P) -> Grid<P> {
        Grid { base, at: self.source, strides: self.loops.map(|l| l.source) }
    }

    /// The target scalars, counted from `base`.
    pub fn target<P>(&self, base: P) -> Grid<P> {
        Grid { base, at: self.target, strides: self.loops.map(|l| l.target) }
    }

    /// How many scalars there are.
    pub fn scalars(&self) -> usize {
        self.counts[0] * self.counts[1]
    }
}

/// The loop that makes a rectangle with the innermost one, and whether it runs along the source.
pub fn second_loop(plan: &Plan) -> (usize, bool) {
    let speed = |i: &usize| plan.loops[*i].source.unsigned_abs();
    match (1..plan.loops.len()).filter(|i| speed(i) > 0).min_by_key(speed) {
        Some(i) if speed(&i) < speed(&0) => (i, true),
        _ => (1, false),
    }
}

/// Visits the plan in rectangles of at most `limit` scalars (`usize::MAX` for no limit).
pub fn walk(plan: &Plan, limit: usize, visit: &mut dyn FnMut(&Block)) {
    if limit == usize::MAX && plan.loops.len() <= 2 {
        return visit(&Block::plane(plan));
    }
    let (second, transposed) = second_loop(plan);
    let get = |i: usize| plan.loops.get(i).copied().unwrap_or(Loop::ONCE);
    let inner = [get(0), get(second)];
    let extents = inner.map(|l| l.extent as usize);
    // About as many rows as columns, in whole cache lines, unless the source has few rows.
    let square = (limit.isqrt() & !15).max(16).min(limit);
    let row = if transposed { (limit / extents[1]).max(square) } else { limit };
    let row = extents[0].min(row);
    let rows = if transposed || row == extents[0] { (limit / row).clamp(1, extents[1]) } else { 1 };
    let outer = |i: usize| i != 0 && i != second;
    let mut turns = Dims::filled(0, plan.loops.len());
    let mut start = [plan.source, plan.target, plan.first];
    loop {
        for (i, j) in tiles(extents, [row, rows], if transposed { PANEL } else { usize::MAX }) {
            let at = |along: fn(&Loop) -> i64| i as i64 * along(&inner[0]) + j as i64 * along(&inner[1]);
            visit(&Block {
                source: start[0] + at(|l| l.source),
                target: start[1] + at(|l| l.target),
                first: start[2] + at(|l| l.step),
                counts: [row.min(extents[0] - i), rows.min(extents[1] - j)],
                loops: inner,
            });
        }
        let Some(next) = advance(plan, &mut turns, &mut start, outer) else { return };
        start = next;
    }
}

/// The corners of tiles of `tile` that cover `extents`, panel by panel of the first axis.
fn tiles(extents: [usize; 2], tile: [usize; 2], panel: usize) -> impl Iterator<Item = (usize, usize)> {
    let panel = (panel / tile[0]).max(1) * tile[0];
    (0..extents[0]).step_by(panel).flat_map(move |start| {
        let end = extents[0].min(start.saturating_add(panel));
        (0..extents[1]).step_by(tile[1]).flat_map(move |j| (start..end).step_by(tile[0]).map(move |i| (i, j)))
    })
}

/// The start of the next turn of the outer loops, until there is none.
fn advance(
    plan: &Plan,
    turns: &mut [i64],
    start: &mut [i64; 3],
    outer: impl Fn(usize) -> bool,
) -> Option<[i64; 3]> {
    let mut next = *start;
    for (i, l) in plan.loops.iter().enumerate().filter(|(i, _)| outer(*i)) {
        let move_by = |next: &mut [i64; 3], n: i64| {
            for (at, stride) in next.iter_mut().zip([l.source, l.target, l.step]) {
                *at += n * stride;
            }
        };
        turns[i] += 1;
        if turns[i] < l.extent {
            move_by(&mut next, 1);
            return Some(next);
        }
        turns[i] = 0;
        move_by(&mut next, 1 - l.extent);
    }
    None
}
