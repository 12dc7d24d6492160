//! Scale and bias, laid out beside the numbers that they are for.

use std::mem::MaybeUninit;

use super::path::ROOM;
use crate::dtype::Scalar;

/// Scale and bias: no number, one, or one for each index along the axis of the plan's steps.
#[derive(Clone, Copy, Default)]
pub struct Coefficients<'a> {
    /// What numbers are multiplied by.
    pub scale: &'a [f64],
    /// What is added to them.
    pub bias: &'a [f64],
}

/// Which coefficients the numbers of a run have: those of a rectangle, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The coefficient of the rectangle's first number.
    pub first: i64,
    /// How many numbers of the rectangle lie before the run.
    pub at: usize,
    /// Numbers of a row of the rectangle.
    pub row: usize,
    /// From number to number along a row, and from row to row.
    pub steps: [i64; 2],
}

impl Cycle {
    /// The same coefficients for all numbers.
    pub(super) fn of_one(first: i64) -> Self {
        Self { first, at: 0, row: 1, steps: [0, 0] }
    }

    /// Whether all numbers have the same coefficients, or none.
    pub fn is_plain(&self) -> bool {
        self.steps == [0, 0]
    }

    /// How many numbers to take at once, at most `block`: where rows repeat, so many that the same coefficients serve
    /// again, in whole registers if possible.
    pub fn step(&self, block: usize) -> usize {
        if self.steps[0] == 0 || self.steps[1] != 0 || self.row > block {
            return block;
        }
        // Of so many numbers that the coefficients repeat, no more than few registers' worth is worth a turn.
        let whole = |turn: usize| self.row * (turn >> self.row.trailing_zeros().min(turn.trailing_zeros()));
        let unit = [64, 16].map(whole).into_iter().find(|unit| *unit <= block).unwrap_or(self.row);
        block / unit * unit
    }

    /// Whether numbers have the coefficients of those `step` before.
    pub fn repeats(&self, step: usize) -> bool {
        self.steps[1] == 0 && step.is_multiple_of(self.row)
    }

    /// Whether all numbers of a row have the same coefficients, and rows are long enough to be taken one by one.
    pub fn has_long_rows(&self) -> bool {
        self.steps == [0, 0] || self.steps[0] == 0 && self.row >= 128
    }

    /// The cycle of as many of the next `count` numbers as have the same coefficients, and how many these are.
    pub fn in_row(self, count: usize) -> (Self, usize) {
        if self.steps == [0, 0] {
            return (self, count);
        }
        let (row, column) = (self.at / self.row, self.at % self.row);
        let first = self.first + row as i64 * self.steps[1];
        (Self { first, at: 0, row: 1, steps: [0, 0] }, count.min(self.row - column))
    }

    /// The cycle of the numbers that follow the first `count`.
    pub fn after(self, count: usize) -> Self {
        let at = self.at + count;
        match self.steps {
            [0, 0] => Self { at: 0, row: 1, ..self },
            [_, 0] => Self { at: at % self.row, ..self },
            _ => Self { at, ..self },
        }
    }

    /// Writes one of `values` for each of `out`, or `none`.
    fn fill<T: Copy>(self, values: &[f64], none: f64, out: &mut [MaybeUninit<T>], of: impl Fn(f64) -> T) {
        let (first, steps) = if values.len() <= 1 { (0, [0, 0]) } else { (self.first, self.steps) };
        let pick = |index: i64| of(values.get(index as usize).copied().unwrap_or(none));
        let (mut row, mut column) = (self.at / self.row, self.at % self.row);
        let mut rest = out;
        while !rest.is_empty() {
            let n = if steps == [0, 0] { rest.len() } else { rest.len().min(self.row - column) };
            let (now, later) = rest.split_at_mut(n);
            let start = first + row as i64 * steps[1];
            if steps[0] == 0 {
                now.fill(MaybeUninit::new(pick(start)));
            } else {
                for (i, slot) in now.iter_mut().enumerate() {
                    slot.write(pick(start + (column + i) as i64 * steps[0]));
                }
            }
            (rest, row, column) = (later, row + 1, 0);
        }
    }
}

/// The coefficients of a block of numbers, in the type that is computed in.
#[repr(C, align(64))]
pub struct Factors<'a> {
    scale: [MaybeUninit<f64>; ROOM / 8],
    bias: [MaybeUninit<f64>; ROOM / 8],
    coefficients: Coefficients<'a>,
    compute: Scalar,
    /// What is laid out.
    loaded: Option<(Cycle, usize)>,
}

impl<'a> Factors<'a> {
    /// For numbers that are scaled in `compute`, float32 or float64.
    pub fn new(coefficients: Coefficients<'a>, compute: Scalar) -> Self {
        let (scale, bias) = ([MaybeUninit::uninit(); ROOM / 8], [MaybeUninit::uninit(); ROOM / 8]);
        Self { scale, bias, coefficients, compute, loaded: None }
    }

    /// The scale and the bias of each of the `count` numbers, no more than there is room for, that begin at `cycle`. A
    /// bias of -0 is none at all: it changes no number.
    pub fn load(&mut self, cycle: Cycle, count: usize) -> [*const u8; 2] {
        if !self.loaded.is_some_and(|(loaded, n)| loaded == cycle && n >= count) {
            let Self { scale, bias, coefficients, .. } = self;
            for (values, none, out) in [(coefficients.scale, 1.0, scale), (coefficients.bias, -0.0, bias)] {
                if self.compute == Scalar::Float32 {
                    cycle.fill(values, none, &mut halves(out)[..count], |x| x as f32);
                } else {
                    cycle.fill(values, none, &mut out[..count], |x| x);
                }
            }
            self.loaded = Some((cycle, count));
        }
        [self.scale.as_ptr().cast(), self.bias.as_ptr().cast()]
    }
}

/// The same room for twice as many numbers of half the width.
fn halves(room: &mut [MaybeUninit<f64>; ROOM / 8]) -> &mut [MaybeUninit<f32>; ROOM / 4] {
    // SAFETY: the array has room for them, is aligned for more, and anything may be in it.
    unsafe { &mut *std::ptr::from_mut(room).cast() }
}
