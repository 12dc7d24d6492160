//! Plans without memory: what their loops visit is what the axes visit, and their form is canonical.

use std::collections::BTreeMap;

use super::Random;
use crate::engine::host::walk::walk;
use crate::engine::plan::{Loop, Plan, Side};

/// Axes and lanes of both sides, as [`Plan::new`] takes them.
#[derive(Clone, Debug)]
struct Case {
    shape: Vec<i64>,
    strides: [Vec<i64>; 2],
    offsets: [i64; 2],
    /// Bits of an element, of a lane, and before the part that is meant.
    bits: [[i64; 3]; 2],
    lanes: i64,
    axis: Option<usize>,
}

/// A source bit, a target bit and the index of a coefficient.
type Visit = [i64; 3];

impl Case {
    fn random(random: &mut Random) -> Self {
        let rank = random.below(11) as usize;
        let top = [1, 40, 12, 8, 6, 5, 4, 3, 3, 3, 2][rank];
        let extent = |random: &mut Random| {
            if random.below(60) == 0 { 0 } else { 1 + random.below(top) }
        };
        let shape: Vec<i64> = (0..rank).map(|_| extent(random)).collect();
        let strides = [random.strides(&shape), random.strides(&shape)];
        let lanes = [1, 1, 1, 2, 3][random.below(5) as usize];
        let mut bits = || {
            let lane = [1, 2, 4, 6, 8, 16, 32, 64, 128, 800][random.below(10) as usize];
            [lane * lanes, lane, random.below(2) * lane / 2]
        };
        let bits = [bits(), bits()];
        let offsets = [random.below(9), random.below(9)];
        let axis = (rank > 0 && random.below(2) == 0).then(|| random.below(rank as i64) as usize);
        Self { shape, strides, offsets, bits, lanes, axis }
    }

    fn plan(&self) -> Option<Plan> {
        let side = |i: usize| {
            let [element, lane, part] = self.bits[i];
            Side { strides: &self.strides[i], offset: self.offsets[i], element, lane, part }
        };
        Plan::new(&self.shape, &side(0), &side(1), self.lanes, self.axis).expect("small distances")
    }

    /// Every lane of every element, one axis after the other.
    fn visits(&self) -> BTreeMap<Visit, usize> {
        let mut all = BTreeMap::new();
        if self.shape.contains(&0) {
            return all;
        }
        let mut index = vec![0; self.shape.len()];
        loop {
            for lane in 0..self.lanes {
                let at = |i: usize| {
                    let steps = index.iter().zip(&self.strides[i]).map(|(n, stride)| n * stride);
                    let [element, bits, part] = self.bits[i];
                    (self.offsets[i] + steps.sum::<i64>()) * element + lane * bits + part
                };
                *all.entry([at(0), at(1), self.axis.map_or(0, |axis| index[axis])]).or_default() += 1;
            }
            let Some(axis) = (0..index.len()).rev().find(|i| index[*i] + 1 < self.shape[*i]) else {
                return all;
            };
            index[axis] += 1;
            index[axis + 1..].fill(0);
        }
    }
}

impl Random {
    /// Strides of any sign, zeros among them; more often than not those of gap-free axes in some order, or close to it.
    fn strides(&mut self, shape: &[i64]) -> Vec<i64> {
        let mut order: Vec<usize> = (0..shape.len()).collect();
        for i in 1..order.len() {
            if self.below(3) == 0 {
                order.swap(i, self.below(i as i64 + 1) as usize);
            }
        }
        let (mut strides, mut next) = (vec![0; shape.len()], 1);
        for &axis in order.iter().rev() {
            strides[axis] = match self.below(12) {
                0 => 0,
                1 => self.below(41) - 20,
                2 => next + self.below(3),
                _ => next,
            };
            next = strides[axis].max(1) * shape[axis].max(1);
            if self.below(5) == 0 {
                strides[axis] = -strides[axis];
            }
        }
        strides
    }
}

/// What the loops of a plan visit.
fn visited(plan: &Plan) -> BTreeMap<Visit, usize> {
    let mut all = vec![[plan.source, plan.target, plan.first]];
    for l in plan.loops.iter() {
        let turn = |at: &Visit, n: i64| [at[0] + n * l.source, at[1] + n * l.target, at[2] + n * l.step];
        all = all.iter().flat_map(|at| (0..l.extent).map(move |n| turn(at, n))).collect();
    }
    counted(all)
}

fn counted(all: Vec<Visit>) -> BTreeMap<Visit, usize> {
    let mut counts = BTreeMap::new();
    all.into_iter().for_each(|visit| *counts.entry(visit).or_default() += 1);
    counts
}

/// Random cases with elements, and their plans.
fn cases(seed: u64) -> impl Iterator<Item = (Case, Plan)> {
    let mut random = Random(seed);
    (0..4000).filter_map(move |_| {
        let case = Case::random(&mut random);
        let plan = case.plan();
        assert_eq!(plan.is_none(), case.shape.contains(&0), "{case:?}");
        plan.map(|plan| (case, plan))
    })
}

#[test]
fn the_loops_visit_what_the_axes_visit_as_often_and_with_the_same_coefficients() {
    for (case, plan) in cases(11) {
        assert_eq!(visited(&plan), case.visits(), "{case:?} {plan:?}");
        assert_eq!(plan.count() as i64, case.shape.iter().product::<i64>() * case.lanes);
    }
}

#[test]
fn the_loops_run_forwards_through_the_target_the_smallest_steps_first() {
    for (case, plan) in cases(12) {
        assert!(plan.loops.iter().all(|l| l.extent > 1 && l.target >= 0), "{case:?} {plan:?}");
        assert!(plan.loops.is_sorted_by_key(|l| l.target), "{case:?} {plan:?}");
        let varying = plan.loops.iter().filter(|l| l.step != 0).count();
        let varies = case.axis.is_some_and(|axis| case.shape[axis] > 1);
        assert_eq!(varying, usize::from(varies), "{case:?} {plan:?}");
    }
}

#[test]
fn a_plan_of_a_plans_loops_is_the_plan_itself() {
    for (case, plan) in cases(13) {
        let of = |pick: fn(&Loop) -> i64| plan.loops.iter().rev().map(pick).collect::<Vec<_>>();
        let (shape, steps) = (of(|l| l.extent), of(|l| l.step));
        let sides = [of(|l| l.source), of(|l| l.target)];
        let side = |i: usize, offset| Side { strides: &sides[i], offset, element: 1, lane: 1, part: 0 };
        let axis = steps.iter().position(|step| *step != 0);
        let mut again = Plan::new(&shape, &side(0, plan.source), &side(1, plan.target), 1, axis)
            .expect("small distances")
            .expect("elements");
        again.first = plan.first;
        for (l, was) in again.loops.iter_mut().zip(plan.loops.iter()) {
            l.step *= was.step;
        }
        assert_eq!(again, plan, "{case:?}");
    }
}

#[test]
fn gap_free_axes_in_one_order_on_both_sides_are_one_loop() {
    let mut random = Random(14);
    for _ in 0..1000 {
        let shape: Vec<i64> = (0..random.below(11)).map(|_| 1 + random.below(3)).collect();
        let mut order: Vec<usize> = (0..shape.len()).collect();
        (1..order.len()).for_each(|i| order.swap(i, random.below(i as i64 + 1) as usize));
        let (mut strides, mut next) = (vec![0; shape.len()], 1);
        for &axis in &order {
            (strides[axis], next) = (next, next * shape[axis]);
        }
        let backwards: Vec<i64> = strides.iter().map(|stride| -stride).collect();
        for strides in [strides, backwards] {
            let side = Side { strides: &strides, offset: 0, element: 24, lane: 24, part: 0 };
            let plan = Plan::new(&shape, &side, &side, 1, None).expect("small distances").expect("elements");
            assert_eq!(plan.loops.len(), usize::from(next > 1), "{shape:?} {strides:?} {plan:?}");
            assert!(plan.loops.iter().all(|l| (l.extent, l.source, l.target) == (next, 24, 24)));
        }
    }
}

#[test]
fn blocks_of_any_size_cover_the_plan_once() {
    let mut random = Random(15);
    for (case, plan) in cases(16) {
        let limit = [1, 2, 7, 16, 64, 256, 4096, usize::MAX][random.below(8) as usize];
        let mut all = Vec::new();
        walk(&plan, limit, &mut |block| {
            assert!(block.scalars() <= limit, "{case:?} {limit}");
            let (from, to) = (block.source(()), block.target(()));
            for (i, j) in
                (0..block.counts[1] as i64).flat_map(|j| (0..block.counts[0] as i64).map(move |i| (i, j)))
            {
                let at = |at: i64, strides: [i64; 2]| at + i * strides[0] + j * strides[1];
                let steps = block.loops.map(|l| l.step);
                all.push([at(from.at, from.strides), at(to.at, to.strides), at(block.first, steps)]);
            }
        });
        assert_eq!(counted(all), visited(&plan), "{case:?} {plan:?} {limit}");
    }
}
