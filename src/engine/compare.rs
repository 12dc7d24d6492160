//! Equality of elements.

use std::sync::atomic::{AtomicBool, Ordering};

use super::host::equal::{self, Comparand};
use super::host::isa::Isa;
use super::host::run::Place;
use super::host::same::Same;
use super::pass::{Half, Part};
use super::plan::{Plan, Side};
use super::spread::spread;
use super::{Numeric, View, work};
use crate::error::{Kind, Result};
use crate::layout::{Dims, Order};

/// Whether the two have the same shape and equal elements, as NumPy's `array_equal` says: integers are compared
/// exactly, everything else as float64; NaN and NaT equal nothing. Types that are only carried are equal when their
/// bytes are.
///
/// Fails with `Unsupported` when one of two different types is only carried.
///
/// # Safety
/// All elements of both are readable, and no other thread writes them.
pub unsafe fn equal(a: &View, b: &View) -> Result<bool> {
    if let Err(error) = work((a.dtype, a.layout), (b.dtype, b.layout), false) {
        return if error.kind() == Kind::Shape { Ok(false) } else { Err(error) };
    }
    // SAFETY: as the caller promises, in all passes.
    unsafe {
        if let Some(equal) = equal_runs(a, b) {
            return Ok(equal);
        }
        match (Numeric::of(a.dtype), Numeric::of(b.dtype)) {
            (Some(x), Some(y)) if x.complex && y.complex => equal_parts(a, b, Part::Both, [x, y]),
            (Some(x), Some(y)) => Ok(equal_parts(a, b, Part::Real, [x, y])?
                && (!x.complex || is_real(a)?)
                && (!y.complex || is_real(b)?)),
            _ => identical(a, b),
        }
    }
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

/// # Safety
/// As for [`equal`].
unsafe fn equal_parts(a: &View, b: &View, part: Part, [x, y]: [Numeric; 2]) -> Result<bool> {
    let (one, other) = (Half::new(a.dtype, a.layout, part)?, Half::new(b.dtype, b.layout, part)?);
    let Some(plan) = Plan::new(a.layout.shape(), &one.side, &other.side, one.lanes, None)? else {
        return Ok(true);
    };
    let places = [(a.data, one.cell), (b.data, other.cell)].map(|(base, cell)| Place { base, cell });
    if x.scalar == y.scalar
        && let Some(same) = Same::of(x.scalar, Isa::chosen())
    {
        // SAFETY: the plan visits the elements of the layouts and no others.
        return every_piece(&plan, places, &|piece, sides| unsafe { same.holds(piece, sides) });
    }
    let floats = x.scalar.is_float() || y.scalar.is_float();
    let sides = [x, y].map(|numeric| Comparand::new(numeric.scalar, floats));
    // SAFETY: likewise.
    every_piece(&plan, places, &|piece, [one, other]| unsafe {
        equal::equal(piece, [&sides[0], &sides[1]], one, other)
    })
}

/// Whether all imaginary parts are 0.
///
/// # Safety
/// As for [`equal`].
unsafe fn is_real(a: &View) -> Result<bool> {
    let Some(numeric) = Numeric::of(a.dtype) else { return Ok(true) };
    let half = Half::new(a.dtype, a.layout, Part::Imaginary)?;
    let still = Dims::filled(0, a.layout.ndim());
    let zero = Side { strides: &still, offset: 0, part: 0, lane: 0, ..half.side };
    let Some(plan) = Plan::new(a.layout.shape(), &half.side, &zero, half.lanes, None)? else {
        return Ok(true);
    };
    let side = Comparand::new(numeric.scalar, true);
    let zero = [0u8; 16];
    let places = [a.data, zero.as_ptr()].map(|base| Place { base, cell: half.cell });
    // SAFETY: the plan visits the elements of the layout on one side, and only the zero on the other.
    every_piece(&plan, places, &|piece, [one, other]| unsafe {
        equal::equal(piece, [&side, &side], one, other)
    })
}

/// # Safety
/// As for [`equal`].
unsafe fn identical(a: &View, b: &View) -> Result<bool> {
    let (one, other) =
        (Half::new(a.dtype, a.layout, Part::Whole)?, Half::new(b.dtype, b.layout, Part::Whole)?);
    let plan = Plan::new(a.layout.shape(), &one.side, &other.side, one.lanes, None)?;
    let Some(plan) = plan.filter(|_| one.cell.bits > 0) else {
        return Ok(true);
    };
    let same = match a.dtype.kind {
        b'M' | b'm' => Some(Same::of_times(Isa::chosen())),
        _ => Same::of_bytes(one.cell.bytes()),
    };
    let places = [(a.data, one.cell), (b.data, other.cell)].map(|(base, cell)| Place { base, cell });
    // SAFETY: the plan visits the elements of the layouts and no others.
    every_piece(&plan, places, &|piece, [one, other]| unsafe {
        match same {
            Some(same) => same.holds(piece, [one, other]),
            None => equal::identical_large(piece, one, other),
        }
    })
}
