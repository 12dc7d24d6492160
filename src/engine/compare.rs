//! Equality of elements.

use std::sync::atomic::{AtomicBool, Ordering};

use super::host::equal::{self, Comparand};
use super::host::isa::Isa;
use super::host::memory::Cell;
use super::host::run::Place;
use super::host::same::Same;
use super::pass::{Form, Half, Part};
use super::plan::{Plan, Side};
use super::spread::spread;
use super::{Numeric, View, work};
use crate::dtype::Scalar;
use crate::error::{Kind, Result};
use crate::layout::{Dims, Order};

/// What is compared, scalar by scalar.
pub(super) struct Comparison<'a> {
    /// The loops over both sides.
    pub plan: &'a Plan,
    /// The scalars of both.
    pub cells: [Cell; 2],
    /// When they are equal.
    pub when: When,
}

/// When scalars are equal.
#[derive(Clone, Copy)]
pub(super) enum When {
    /// As numbers of these types: integers exactly, everything else as float64.
    Numbers([Scalar; 2]),
    /// When they are 0: those of the first of the two tensors or of the second, which have this type. There is no other
    /// side.
    Zeros(Scalar, usize),
    /// When their bytes are, in the order of either side.
    Bytes,
    /// Likewise, but for the date or the duration that is none.
    Times,
}

/// Visits what has to be compared, until one comparison gives false. Elements of different shapes differ.
///
/// Fails with `Unsupported` when one of two different types is only carried.
pub(super) fn comparisons(
    a: Form,
    b: Form,
    visit: &mut dyn FnMut(&Comparison) -> Result<bool>,
) -> Result<bool> {
    if let Err(error) = work(a, b, false) {
        return if error.kind() == Kind::Shape { Ok(false) } else { Err(error) };
    }
    match (Numeric::of(a.0), Numeric::of(b.0)) {
        (Some(x), Some(y)) if x.complex && y.complex => numbers(a, b, Part::Both, [x, y], visit),
        (Some(x), Some(y)) => Ok(numbers(a, b, Part::Real, [x, y], visit)?
            && (!x.complex || zeros(a, x, 0, visit)?)
            && (!y.complex || zeros(b, y, 1, visit)?)),
        _ => bytes(a, b, visit),
    }
}

type Visit<'a> = dyn FnMut(&Comparison) -> Result<bool> + 'a;

fn numbers(a: Form, b: Form, part: Part, [x, y]: [Numeric; 2], visit: &mut Visit) -> Result<bool> {
    let (one, other) = (Half::new(a.0, a.1, part)?, Half::new(b.0, b.1, part)?);
    let Some(plan) = Plan::new(a.1.shape(), &one.side, &other.side, one.lanes, None)? else {
        return Ok(true);
    };
    let when = When::Numbers([x.scalar, y.scalar]);
    visit(&Comparison { plan: &plan, cells: [one.cell, other.cell], when })
}

/// Whether all imaginary parts are 0.
fn zeros(a: Form, numeric: Numeric, which: usize, visit: &mut Visit) -> Result<bool> {
    let half = Half::new(a.0, a.1, Part::Imaginary)?;
    let still = Dims::filled(0, a.1.ndim());
    let zero = Side { strides: &still, offset: 0, part: 0, lane: 0, ..half.side };
    let Some(plan) = Plan::new(a.1.shape(), &half.side, &zero, half.lanes, None)? else {
        return Ok(true);
    };
    visit(&Comparison { plan: &plan, cells: [half.cell; 2], when: When::Zeros(numeric.scalar, which) })
}

fn bytes(a: Form, b: Form, visit: &mut Visit) -> Result<bool> {
    let (one, other) = (Half::new(a.0, a.1, Part::Whole)?, Half::new(b.0, b.1, Part::Whole)?);
    let plan = Plan::new(a.1.shape(), &one.side, &other.side, one.lanes, None)?;
    let Some(plan) = plan.filter(|_| one.cell.bits > 0) else {
        return Ok(true);
    };
    let when = if matches!(a.0.kind, b'M' | b'm') { When::Times } else { When::Bytes };
    visit(&Comparison { plan: &plan, cells: [one.cell, other.cell], when })
}

/// Whether the two have the same shape and equal elements, as NumPy's `array_equal` says: integers are compared
/// exactly, everything else as float64; NaN and NaT equal nothing. Types that are only carried are equal when their
/// bytes are.
///
/// Fails with `Unsupported` when one of two different types is only carried.
///
/// # Safety
/// All elements of both are readable, and no other thread writes them.
pub unsafe fn equal(a: &View, b: &View) -> Result<bool> {
    let is_comparable = a.layout.shape() == b.layout.shape();
    // SAFETY: as the caller promises.
    if let Some(equal) = is_comparable.then(|| unsafe { equal_runs(a, b) }).flatten() {
        return Ok(equal);
    }
    comparisons((a.dtype, a.layout), (b.dtype, b.layout), &mut |comparison| {
        // SAFETY: the plan visits elements of the layouts and no others.
        unsafe { holds(comparison, [a, b]) }
    })
}

/// Whether a comparison holds on the host.
///
/// # Safety
/// The scalars of the plan are readable in the views.
unsafe fn holds(comparison: &Comparison, [a, b]: [&View; 2]) -> Result<bool> {
    let &Comparison { plan, cells, when } = comparison;
    let zero = [0u8; 16];
    let bases = match when {
        When::Zeros(_, which) => [[a, b][which].data, zero.as_ptr()],
        _ => [a.data, b.data],
    };
    let places = [(bases[0], cells[0]), (bases[1], cells[1])].map(|(base, cell)| Place { base, cell });
    let same = match when {
        When::Numbers([x, y]) if x == y => Same::of(x, Isa::chosen()),
        When::Times => Some(Same::of_times(Isa::chosen())),
        When::Bytes => Same::of_bytes(cells[0].bytes()),
        When::Numbers(_) | When::Zeros(..) => None,
    };
    if let Some(same) = same {
        // SAFETY: as the caller promises.
        return every_piece(plan, places, &|piece, sides| unsafe { same.holds(piece, sides) });
    }
    let numbers = match when {
        When::Numbers(numbers) => numbers,
        When::Zeros(scalar, _) => [scalar; 2],
        When::Bytes | When::Times => {
            // SAFETY: as the caller promises.
            return every_piece(plan, places, &|piece, [one, other]| unsafe {
                equal::identical_large(piece, one, other)
            });
        }
    };
    let floats = matches!(when, When::Zeros(..)) || numbers.iter().any(|scalar| scalar.is_float());
    let sides = numbers.map(|scalar| Comparand::new(scalar, floats));
    // SAFETY: as the caller promises.
    every_piece(plan, places, &|piece, [one, other]| unsafe {
        equal::equal(piece, [&sides[0], &sides[1]], one, other)
    })
}

/// [`equal`] for few numbers of one type, without gaps in one order on both sides: to plan takes longer than to compare
/// them. Nothing where that is not so.
///
/// # Safety
/// As for [`equal`]; the shapes are equal.
unsafe fn equal_runs(a: &View, b: &View) -> Option<bool> {
    let count = a.layout.element_count();
    let is_run = |view: &View| !view.dtype.is_packed() && view.layout.is_contiguous(Order::C);
    if a.dtype != b.dtype || a.dtype.is_swapped() || !(1..FEW).contains(&count) || !is_run(a) || !is_run(b) {
        return None;
    }
    let Numeric { scalar, complex } = Numeric::of(a.dtype)?;
    let same = Same::of(scalar, Isa::chosen())?;
    let scalars = count as usize * usize::from(a.dtype.lanes) * (1 + usize::from(complex));
    let [a, b] =
        [a, b].map(|view| view.data.wrapping_add(view.layout.offset() as usize * view.dtype.item_size()));
    // SAFETY: as the caller promises, all numbers of both.
    Some(unsafe { same.adjacent(a, b, scalars) })
}

/// So many elements are planned.
const FEW: i64 = 1 << 15;

/// Two places that threads read.
struct Sides([Place<*const u8>; 2]);

// SAFETY: addresses and what lies there. Whoever reads there promises that threads may.
unsafe impl Sync for Sides {}

impl Sides {
    fn get(&self) -> [Place<*const u8>; 2] {
        self.0
    }
}

/// Whether something holds of a plan with two places.
type Holds<'a> = &'a (dyn Fn(&Plan, [Place<*const u8>; 2]) -> bool + Sync);

/// Whether `same` holds for all pieces of the plan. After one for which it does not, no other is looked at.
fn every_piece(plan: &Plan, places: [Place<*const u8>; 2], same: Holds) -> Result<bool> {
    let (all, sides) = (AtomicBool::new(true), Sides(places));
    let cells = places.map(|place| place.cell);
    spread(plan, cells, places[1].base.addr(), None, &|piece| {
        if all.load(Ordering::Relaxed) && !same(piece, sides.get()) {
            all.store(false, Ordering::Relaxed);
        }
    })?;
    Ok(all.into_inner())
}
