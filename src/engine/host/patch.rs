//! Cutting a plan of many loops into patches that suit both sides: a run of the target times a run of the source, each of
//! as many loops as it takes, and no larger than a cache holds.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::engine::plan::{Loop, Plan};

/// What a patch is made of: units that are adjacent bytes on both sides.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    /// How many of the plan's innermost loops are within a unit.
    pub loops: usize,
    /// Bits of a unit on either side.
    pub bits: [i64; 2],
}

/// A patch: where it starts, and its loops.
#[derive(Clone, Copy, Debug)]
pub struct Patch<'a> {
    /// The first bit of the source.
    pub source: i64,
    /// The first bit of the target.
    pub target: i64,
    /// The loops along which the target goes on, innermost first.
    pub across: &'a [Loop],
    /// The loops along which the source goes on, innermost first.
    pub along: &'a [Loop],
    /// Whether the loops across begin with this patch, and whether they end with it.
    pub ends: [bool; 2],
}

impl<'a> Patch<'a> {
    /// All that some loops visit from there on.
    pub fn of([source, target]: [i64; 2], across: &'a [Loop]) -> Self {
        Self { source, target, across, along: &[], ends: [true; 2] }
    }
}

/// All patches of a plan.
pub struct Patches {
    /// Those across, those along, those from patch to patch.
    loops: Vec<Loop>,
    counts: [usize; 2],
    /// The most turns of the last loop across and along within a patch, and all its turns.
    cuts: [(i64, i64); 2],
}

/// One chain of loops being chosen.
#[derive(Clone, Copy)]
struct Chain {
    loops: [usize; Self::MOST],
    count: usize,
    /// Units so far.
    units: i64,
    /// The most turns of the last loop.
    cut: i64,
    is_done: bool,
}

impl Chain {
    /// More loops than this in a run would each have two turns or so.
    const MOST: usize = 6;
    const NONE: Self = Self { loops: [0; Self::MOST], count: 0, units: 1, cut: 1, is_done: false };

    /// Takes a loop of `extent` turns into a run of at most `most` units.
    fn take(&mut self, index: usize, extent: i64, most: i64) {
        let turns = (most / self.units).min(extent);
        self.is_done = turns < 2 || self.count == Self::MOST;
        if !self.is_done {
            self.loops[self.count] = index;
            self.count += 1;
            self.units *= turns;
            self.cut = turns;
            self.is_done = turns < extent;
        }
    }

    fn contains(&self, index: usize) -> bool {
        self.loops[..self.count].contains(&index)
    }
}

impl Patches {
    /// Patches whose units lie without gaps, along one chain of loops in the target and along another in the source, so
    /// many units at most across and along; `None` where either side has no such chain.
    pub fn dense(plan: &Plan, unit: Unit, most: [i64; 2]) -> Option<Self> {
        let find = |chain: &Chain, other: &Chain, side: usize| {
            let wanted = unit.bits[side].checked_mul(chain.units)?;
            let at = |l: &Loop| if side == 0 { l.source } else { l.target };
            let free = |i: &usize| !chain.contains(*i) && !other.contains(*i);
            (unit.loops..plan.loops.len()).filter(free).find(|i| at(&plan.loops[*i]) == wanted)
        };
        Self::chains(plan, unit.loops, most, find).filter(|all| all.counts.iter().all(|n| *n > 0))
    }

    /// Patches along the loops that are nearest in the target and along those nearest in the source.
    pub fn near(plan: &Plan, unit: Unit, most: [i64; 2]) -> Option<Self> {
        let find = |chain: &Chain, other: &Chain, side: usize| {
            let at = |i: &usize| {
                let l = &plan.loops[*i];
                if side == 0 { l.source.unsigned_abs() } else { l.target.unsigned_abs() }
            };
            let nearest = (unit.loops..plan.loops.len()).filter(|i| !chain.contains(*i)).min_by_key(at)?;
            (!other.contains(nearest)).then_some(nearest)
        };
        Self::chains(plan, unit.loops, most, find)
    }

    /// Both chains, the shorter one taking the next loop, for it may want what the other one could do without; and the
    /// loops left.
    fn chains(
        plan: &Plan,
        first: usize,
        most: [i64; 2],
        find: impl Fn(&Chain, &Chain, usize) -> Option<usize>,
    ) -> Option<Self> {
        // The chain of the target, and that of the source.
        let mut chains = [Chain::NONE; 2];
        while let Some(i) = (0..2).filter(|i| !chains[*i].is_done).min_by_key(|i| chains[*i].units) {
            match find(&chains[i], &chains[1 - i], 1 - i) {
                Some(index) => chains[i].take(index, plan.loops[index].extent, most[i]),
                None => chains[i].is_done = true,
            }
        }
        let [across, along] = chains;
        let mut loops = Vec::new();
        loops.try_reserve_exact(plan.loops.len()).ok()?;
        for chain in [&across, &along] {
            loops.extend(chain.loops[..chain.count].iter().map(|i| plan.loops[*i]));
        }
        let cut = |chain: &Chain| match chain.count {
            0 => (1, 1),
            n => (chain.cut, plan.loops[chain.loops[n - 1]].extent),
        };
        let cuts = [cut(&across), cut(&along)].map(even);
        let rest = (first..plan.loops.len()).filter(|i| !across.contains(*i) && !along.contains(*i));
        loops.extend(rest.map(|i| plan.loops[i]));
        Some(Self { loops, counts: [across.count, along.count], cuts })
    }

    /// The most units across and along a patch.
    pub fn units(&self) -> [usize; 2] {
        let (across, along) = self.loops[..self.counts[0] + self.counts[1]].split_at(self.counts[0]);
        let units = |loops: &[Loop], cut: i64| {
            let inner = loops.split_last().map_or(&[][..], |(_, inner)| inner);
            (inner.iter().map(|l| l.extent).product::<i64>() * cut) as usize
        };
        [units(across, self.cuts[0].0), units(along, self.cuts[1].0)]
    }

    /// The fewest units across and along a patch.
    pub fn least(&self) -> [usize; 2] {
        let [most, cuts] = [self.units(), self.cuts.map(|(cut, _)| cut as usize)];
        let left =
            self.cuts.map(|(cut, extent)| (if extent % cut == 0 { cut } else { extent % cut }) as usize);
        [0, 1].map(|i| most[i] / cuts[i] * left[i])
    }

    /// Whether the loops across are longer than a patch.
    pub fn is_cut(&self) -> bool {
        self.cuts[0].0 < self.cuts[0].1
    }

    /// Whether all places of the target that a run may begin at are as many bits apart or a multiple of that.
    pub fn steps_by(&self, bits: i64) -> bool {
        let [p, _] = self.counts;
        let cut = self.loops[..p].last().map_or(0, |l| l.target.wrapping_mul(self.cuts[0].0));
        cut % bits == 0 && self.loops[p..].iter().all(|l| l.target % bits == 0)
    }

    /// Where the source has the units across a patch, from so many before the first one on, in bytes from that one;
    /// `None` if there is no memory.
    pub fn rows(&self, before: usize) -> Option<Vec<isize>> {
        let count = self.units()[0] as i64;
        places(&self.loops[..self.counts[0]], -(before as i64)..count, |l| l.source)
    }

    /// Where the target has the units along a patch, in bytes from the first one.
    pub fn columns(&self) -> Option<Vec<isize>> {
        let [p, q] = self.counts;
        places(&self.loops[p..p + q], 0..self.units()[1] as i64, |l| l.target)
    }

    /// Visits all patches: those along the source first, so that its rows are read on.
    pub fn visit(mut self, plan: &Plan, visit: &mut dyn FnMut(&Patch)) {
        let [p, q] = self.counts;
        let (inner, outer) = self.loops.split_at_mut(p + q);
        let [(tile, extent), (tile_along, extent_along)] = self.cuts;
        nest(outer, [plan.source, plan.target], &mut |start| {
            for i in (0..extent).step_by(tile as usize) {
                for j in (0..extent_along).step_by(tile_along as usize) {
                    let (mut source, mut target) = (start[0], start[1]);
                    let turns = [
                        (p > 0, p.wrapping_sub(1), i, tile.min(extent - i)),
                        (q > 0, (p + q).wrapping_sub(1), j, tile_along.min(extent_along - j)),
                    ];
                    for (_, last, at, turns) in turns.into_iter().filter(|(is_there, ..)| *is_there) {
                        let l = &mut inner[last];
                        (source, target) = (source + at * l.source, target + at * l.target);
                        l.extent = turns;
                    }
                    let (across, along) = inner.split_at(p);
                    visit(&Patch { source, target, across, along, ends: [i == 0, i + tile >= extent] });
                }
            }
        });
    }
}

/// As many turns as before at most, the last ones too, if there are no more of them.
fn even((turns, extent): (i64, i64)) -> (i64, i64) {
    let (most, all) = (turns as u64, extent as u64);
    (all.div_ceil(all.div_ceil(most)).next_multiple_of(LINE).min(most) as i64, extent)
}

/// Turns after which a row of scalars of a power of two bytes begins in a line where the one before does.
const LINE: u64 = 16;

/// How many bytes the units of `range` are from the first one along `loops`, the last of which has turns before it, too.
fn places(loops: &[Loop], range: Range<i64>, stride: impl Fn(&Loop) -> i64) -> Option<Vec<isize>> {
    let mut all = Vec::new();
    all.try_reserve_exact((range.end - range.start) as usize).ok()?;
    all.extend(range.map(|unit| {
        let (mut rest, mut at) = (unit, 0);
        for (i, l) in loops.iter().enumerate() {
            let turns = if i + 1 == loops.len() { rest } else { rest.rem_euclid(l.extent) };
            at += turns * stride(l);
            rest = rest.div_euclid(l.extent);
        }
        (at >> 3) as isize
    }));
    Some(all)
}

/// Visits the starts of the source and of the target in all turns of `loops`, the first one fastest.
pub fn nest(loops: &[Loop], at: [i64; 2], visit: &mut impl FnMut([i64; 2])) {
    match loops.split_last() {
        None => visit(at),
        Some((l, inner)) => {
            for i in 0..l.extent {
                nest(inner, [at[0] + i * l.source, at[1] + i * l.target], visit);
            }
        }
    }
}
