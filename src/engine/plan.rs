//! The loops that take every element of one layout to its place in another, in canonical form.
//!
//! Distances are in bits, so that types narrower than a byte need no plan of their own. Nothing here touches memory.
#![forbid(unsafe_code)]

use super::loops::Loops;
use crate::error::{Result, bail};

/// One side of a copy: where the elements of a shape lie, and where the lanes within an element do.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Distances along each axis, in elements.
    pub strides: &'a [i64],
    /// Where element `[0, …, 0]` lies, in elements.
    pub offset: i64,
    /// Bits from one element to the next.
    pub element: i64,
    /// Bits from one lane of an element to the next.
    pub lane: i64,
    /// Bits from the start of an element to the part of it that is meant.
    pub part: i64,
}

/// One loop: how often, and how far each turn moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loop {
    /// Turns, at least 2 (1 in the loop that stands for none, and where a piece has but one).
    pub extent: i64,
    /// Bits that a turn moves the source.
    pub source: i64,
    /// Bits that a turn moves the target; not negative.
    pub target: i64,
    /// How far a turn moves along the coefficients of scale and bias.
    pub step: i64,
}

impl Loop {
    /// The loop that runs once.
    pub const ONCE: Self = Self { extent: 1, source: 0, target: 0, step: 0 };

    /// Loops with smaller keys are inside those with greater ones.
    pub fn key(&self) -> (i64, u64) {
        (self.target, self.source.unsigned_abs())
    }
}

/// A canonical loop nest.
///
/// The first loop is the innermost and has the smallest target stride. Axes that move together on both sides are one
/// loop; the axis of scale and bias stays by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The loops, innermost first.
    pub loops: Loops,
    /// The bit at which the first source element starts.
    pub source: i64,
    /// The bit at which the first target element starts.
    pub target: i64,
    /// The index of the first coefficient.
    pub first: i64,
}

impl Plan {
    /// One scalar, to be changed.
    /// cbindgen:ignore
    pub const ONE: Self = Self { loops: Loops::NONE, source: 0, target: 0, first: 0 };

    /// The plan for `shape` times `lanes`, with coefficients along `axis`; `None` when there is no element.
    ///
    /// Fails with `Overflow` when a distance in bits does not fit `i64`, which no memory can cause.
    pub fn new(
        shape: &[i64],
        source: &Side,
        target: &Side,
        lanes: i64,
        axis: Option<usize>,
    ) -> Result<Option<Self>> {
        let mut plan = Self::ONE;
        Ok(plan.become_new(shape, source, target, lanes, axis)?.then_some(plan))
    }

    /// Makes [`ONE`](Self::ONE) the [new](Self::new) plan where it lies, for to move it takes as long as to make it.
    /// Whether there are elements.
    pub fn become_new(
        &mut self,
        shape: &[i64],
        source: &Side,
        target: &Side,
        lanes: i64,
        axis: Option<usize>,
    ) -> Result<bool> {
        (self.source, self.target) = (source.start()?, target.start()?);
        if lanes == 0 || shape.contains(&0) {
            return Ok(false);
        }
        if lanes > 1 {
            self.push(Loop { extent: lanes, source: source.lane, target: target.lane, step: 0 })?;
        }
        // The last axis mostly is the innermost: so each loop finds its place at once.
        for (i, &extent) in shape.iter().enumerate().rev().filter(|(_, extent)| **extent > 1) {
            let step = i64::from(axis == Some(i));
            self.push(Loop { extent, source: source.stride(i)?, target: target.stride(i)?, step })?;
        }
        self.merge();
        Ok(true)
    }

    /// How many scalars it visits.
    pub fn count(&self) -> usize {
        self.loops.iter().fold(1, |count, l| count.saturating_mul(l.extent as usize))
    }

    /// Adds a loop so that it moves the target forwards.
    fn push(&mut self, mut new: Loop) -> Result<()> {
        let (Some(source), Some(target)) =
            ((new.extent - 1).checked_mul(new.source), (new.extent - 1).checked_mul(new.target))
        else {
            bail!(Overflow, "an axis of {} elements spans more bits than 64-bit integers count", new.extent);
        };
        if new.target < 0 {
            self.source = checked(self.source.checked_add(source))?;
            self.target = checked(self.target.checked_add(target))?;
            self.first += (new.extent - 1) * new.step;
            new = Loop { source: -new.source, target: -new.target, step: -new.step, ..new };
        }
        self.loops.insert(new)
    }

    /// Joins each loop with the one inside it where both sides go on where the inner one ends.
    fn merge(&mut self) {
        self.loops.join(|inner, outer| {
            let together = |o: i64, i: i64| i.checked_mul(inner.extent) == Some(o);
            let merges = outer.step == 0
                && inner.step == 0
                && together(outer.source, inner.source)
                && together(outer.target, inner.target);
            if merges {
                inner.extent *= outer.extent;
            }
            merges
        });
    }
}

impl Side<'_> {
    fn start(&self) -> Result<i64> {
        checked(self.offset.checked_mul(self.element).and_then(|bits| bits.checked_add(self.part)))
    }

    fn stride(&self, axis: usize) -> Result<i64> {
        checked(self.strides[axis].checked_mul(self.element))
    }
}

fn checked(bits: Option<i64>) -> Result<i64> {
    match bits {
        Some(bits) if bits != i64::MIN => Ok(bits),
        _ => bail!(Overflow, "a layout spans more bits than 64-bit integers count"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(strides: &[i64], element: i64) -> Side<'_> {
        Side { strides, offset: 0, element, lane: element, part: 0 }
    }

    fn plan(shape: &[i64], source: &Side, target: &Side, axis: Option<usize>) -> Plan {
        Plan::new(shape, source, target, 1, axis).expect("small distances").expect("elements")
    }

    #[test]
    fn contiguous_axes_become_one_loop() {
        let plan = plan(&[2, 1, 3, 4], &side(&[12, 99, 4, 1], 32), &side(&[12, -7, 4, 1], 8), None);
        assert_eq!(*plan.loops, [Loop { extent: 24, source: 32, target: 8, step: 0 }]);
    }

    #[test]
    fn the_innermost_loop_has_the_smallest_target_stride() {
        let plan = plan(&[5, 7], &side(&[7, 1], 8), &side(&[1, 5], 8), None);
        assert_eq!(plan.loops[0], Loop { extent: 5, source: 56, target: 8, step: 0 });
        assert_eq!(plan.loops[1], Loop { extent: 7, source: 8, target: 40, step: 0 });
    }

    #[test]
    fn a_target_that_runs_backwards_is_walked_forwards() {
        let target = Side { offset: 9, ..side(&[-1], 8) };
        let plan = plan(&[10], &side(&[1], 8), &target, Some(0));
        assert_eq!((plan.source, plan.target, plan.first), (72, 0, 9));
        assert_eq!(*plan.loops, [Loop { extent: 10, source: -8, target: 8, step: -1 }]);
    }

    #[test]
    fn two_sides_reversed_together_are_one_run() {
        let strides = [-4, -1];
        let side = Side { offset: 11, ..side(&strides, 16) };
        let plan = plan(&[3, 4], &side, &side, None);
        assert_eq!(*plan.loops, [Loop { extent: 12, source: 16, target: 16, step: 0 }]);
        assert_eq!((plan.source, plan.target), (0, 0));
    }

    #[test]
    fn the_axis_of_the_coefficients_is_never_merged() {
        let both = side(&[12, 4, 1], 8);
        let plan = plan(&[2, 3, 4], &both, &both, Some(1));
        assert_eq!(
            plan.loops.iter().map(|l| (l.extent, l.step)).collect::<Vec<_>>(),
            [(4, 0), (3, 1), (2, 0)]
        );
    }

    #[test]
    fn a_broadcast_source_keeps_its_loop() {
        let plan = plan(&[3, 4], &side(&[0, 1], 8), &side(&[4, 1], 8), None);
        assert_eq!(plan.loops.len(), 2);
    }

    #[test]
    fn no_axes_are_no_loops_and_no_elements_are_no_plan() {
        assert!(plan(&[], &side(&[], 8), &side(&[], 8), None).loops.is_empty());
        let empty = side(&[1, 1], 8);
        assert_eq!(Plan::new(&[3, 0], &empty, &empty, 1, None), Ok(None));
    }

    #[test]
    fn lanes_are_the_innermost_axis() {
        let both = Side { strides: &[2], offset: 0, element: 24, lane: 6, part: 0 };
        let plan = Plan::new(&[5], &both, &both, 4, None).expect("small distances").expect("elements");
        assert_eq!(plan.loops[0], Loop { extent: 4, source: 6, target: 6, step: 0 });
        assert_eq!(plan.loops[1], Loop { extent: 5, source: 48, target: 48, step: 0 });
    }

    #[test]
    fn distances_beyond_64_bits_are_an_error() {
        let far = side(&[i64::MAX / 4], 32);
        assert!(Plan::new(&[2], &far, &far, 1, None).is_err());
    }
}
