//! One pass over the scalars of two sides: both described for the planner, then planned; made ready by who runs it.
#![forbid(unsafe_code)]

use super::host::isa::Isa;
use super::host::memory::Cell;
use super::host::path::{Run, Wish};
use super::host::run::{Coefficients, Job};
use super::plan::{Plan, Side};
use super::{Numeric, Transform};
use crate::dtype::{DType, Scalar, code};
use crate::error::{Result, bail};
use crate::layout::Layout;

/// Which scalars of the elements a pass is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// Whole elements, or whole complex numbers.
    Whole,
    /// Real numbers, or the real parts of complex ones.
    Real,
    /// The imaginary parts.
    Imaginary,
    /// Both parts, as twice as many lanes.
    Both,
}

/// The type of elements, and where they lie.
pub type Form<'a> = (DType, &'a Layout);

/// A pass, planned.
pub struct Pass<'a> {
    /// Its loops.
    pub plan: &'a Plan,
    /// Scalars as they are read, and as they are written.
    pub cells: [Cell; 2],
    /// What becomes of them.
    pub act: Act<'a>,
    /// Which ones of the elements they are.
    pub part: Part,
}

/// What becomes of scalars.
#[derive(Clone, Copy)]
pub enum Act<'a> {
    /// They are moved; packing and byte order may change.
    Copy,
    /// The numbers become those of another type, or are scaled.
    Convert(Change<'a>),
}

/// How numbers become others. Complex to real takes the real part, or asks whether either part is nonzero where the
/// target is bool and nothing is scaled; real to complex adds zeros. Two complex ones are taken in parts.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// From which type to which.
    pub numbers: [Numeric; 2],
    /// Whether they are scaled, what does not fit, and the byte order.
    pub wish: Wish,
    /// By what they are scaled.
    pub coefficients: Coefficients<'a>,
}

impl Change<'_> {
    /// Whether complex numbers become whether they are nonzero.
    pub fn is_complex_truth(&self) -> bool {
        let [from, to] = self.numbers;
        from.complex && to.scalar == Scalar::Bool && !self.wish.affine
    }
}

impl<'a> Pass<'a> {
    /// The pass made ready for the host.
    pub fn job(&self) -> Job<'a> {
        let (plan, [from, to]) = (self.plan, self.cells);
        let Act::Convert(change) = self.act else { return Job::to_copy(plan, from, to) };
        let [a, b] = change.numbers;
        let run = match change.is_complex_truth() {
            true => Run::complex_truth(a.scalar, from.swapped, Isa::chosen()),
            false => Run::new(a, b, change.wish, Isa::chosen()),
        };
        Job::to_convert(plan, &run, change.coefficients, from, to)
    }
}

/// What is to become of passes.
pub trait Visit: FnMut(&Pass) -> Result<()> {}

impl<F: FnMut(&Pass) -> Result<()>> Visit for F {}

/// One side of a pass.
pub struct Half<'a> {
    /// Where they lie.
    pub side: Side<'a>,
    /// How each of them does.
    pub cell: Cell,
    /// How many there are in an element.
    pub lanes: i64,
}

impl<'a> Half<'a> {
    /// The scalars of `part` in elements of `dtype`.
    pub fn new(dtype: DType, layout: &'a Layout, part: Part) -> Result<Self> {
        let whole = Cell::of(dtype);
        let lane = whole.stride();
        let Ok(element) = i64::try_from(dtype.element_bits()) else {
            bail!(Overflow, "an element of {} bits is too large", dtype.element_bits());
        };
        let mut half = Self {
            side: Side { strides: layout.strides(), offset: layout.offset(), element, lane, part: 0 },
            cell: whole,
            lanes: if dtype.kind == 0 { dtype.lanes.into() } else { 1 },
        };
        let complex = dtype.kind == 0 && dtype.code == code::COMPLEX;
        if complex && part != Part::Whole {
            half.cell.bits = whole.bits / 2;
            half.side.part = if part == Part::Imaginary { lane / 2 } else { 0 };
            if part == Part::Both {
                half.lanes *= 2;
                half.side.lane = lane / 2;
            }
        }
        Ok(half)
    }
}

/// Copies the scalars of `part`, whose types differ in packing and byte order at most.
pub fn copy(source: Form, target: Form, part: Part, visit: &mut impl Visit) -> Result<()> {
    let from = Half::new(source.0, source.1, part)?;
    let to = Half::new(target.0, target.1, part)?;
    if from.cell.bits == 0 {
        return Ok(());
    }
    let plan = &mut { Plan::ONE };
    if !plan.become_new(target.1.shape(), &from.side, &to.side, to.lanes, None)? {
        return Ok(());
    }
    visit(&Pass { plan, cells: [from.cell, to.cell], act: Act::Copy, part })
}

/// Converts the numbers of `part`. The types are those that the numbers have.
pub fn convert(
    source: Form,
    target: Form,
    numbers: [Numeric; 2],
    transform: &Transform,
    part: Part,
    coefficients: Coefficients,
    visit: &mut impl Visit,
) -> Result<()> {
    let from = Half::new(source.0, source.1, part)?;
    let to = Half::new(target.0, target.1, part)?;
    let cells = [from.cell, to.cell];
    let whole = part == Part::Whole;
    let wish = Wish {
        affine: transform.is_affine(),
        overflow: transform.overflow,
        swapped: cells.map(|cell| cell.swapped),
    };
    let numbers = numbers.map(|numeric| Numeric { complex: whole && numeric.complex, ..numeric });
    // The second parts of complex numbers have no bias.
    let varies = coefficients.scale.len() > 1 || coefficients.bias.len() > 1;
    let axis = varies.then_some(transform.axis);
    let plan = &mut { Plan::ONE };
    if !plan.become_new(source.1.shape(), &from.side, &to.side, from.lanes, axis)? {
        return Ok(());
    }
    let act = Act::Convert(Change { numbers, wish, coefficients });
    visit(&Pass { plan, cells, act, part })
}
