//! Equality of elements.

use super::host::isa::Isa;
use super::host::path::{Run, Wish};
use super::host::run::{self, Place};
use super::pass::{Half, Part};
use super::plan::{Plan, Side};
use super::{Numeric, View, check};
use crate::dtype::Scalar;
use crate::error::{Kind, Result};
use crate::layout::Dims;

/// Whether the two have the same shape and equal elements, as NumPy's `array_equal` says: integers are compared
/// exactly, everything else as float64; NaN and NaT equal nothing. Types that are only carried are equal when their
/// bytes are.
///
/// Fails with `Unsupported` when one of two different types is only carried.
///
/// # Safety
/// All elements of both are readable, and no other thread writes them.
pub unsafe fn equal(a: &View, b: &View) -> Result<bool> {
    if let Err(error) = check((a.dtype, a.layout), (b.dtype, b.layout), false) {
        return if error.kind() == Kind::Shape { Ok(false) } else { Err(error) };
    }
    // SAFETY: as the caller promises, in all passes.
    unsafe {
        match (Numeric::of(a.dtype), Numeric::of(b.dtype)) {
            (Some(x), Some(y)) if x.complex && y.complex => equal_parts(a, b, Part::Both, [x, y]),
            (Some(x), Some(y)) => Ok(equal_parts(a, b, Part::Real, [x, y])?
                && (!x.complex || is_real(a)?)
                && (!y.complex || is_real(b)?)),
            _ => identical(a, b),
        }
    }
}

/// # Safety
/// As for [`equal`].
unsafe fn equal_parts(a: &View, b: &View, part: Part, [x, y]: [Numeric; 2]) -> Result<bool> {
    let (one, other) = (Half::new(a.dtype, a.layout, part)?, Half::new(b.dtype, b.layout, part)?);
    let Some(plan) = Plan::new(a.layout.shape(), &one.side, &other.side, one.lanes, None)? else {
        return Ok(true);
    };
    let floats = x.scalar.is_float() || y.scalar.is_float();
    let sides = [x, y].map(|numeric| Comparand::new(numeric.scalar, floats));
    let places = [(a.data, one.cell), (b.data, other.cell)].map(|(base, cell)| Place { base, cell });
    // SAFETY: the plan visits the elements of the layouts and no others.
    Ok(unsafe { run::equal(&plan, [&sides[0], &sides[1]], places[0], places[1]) })
}

/// One side of a comparison: its numbers in the type that they are compared in, 64-bit integers or float64.
pub struct Comparand {
    run: Run,
    floats: bool,
    /// Whether integers are those of uint64.
    unsigned: bool,
}

impl Comparand {
    fn new(scalar: Scalar, floats: bool) -> Self {
        let pivot = if floats { Scalar::Float64 } else { Scalar::Int(64) };
        let real = |scalar| Numeric { scalar, complex: false };
        let run = Run::new(real(scalar), real(pivot), Wish::default(), Isa::chosen());
        Self { run, floats, unsigned: scalar == Scalar::Uint(64) }
    }

    /// The bits of the numbers of `source`, as many as `out` has.
    ///
    /// # Safety
    /// `source` holds so many numbers of the type.
    pub unsafe fn bring(&self, source: &[u8], out: &mut [u64]) {
        // SAFETY: as the caller promises; all that comes of them has 64 bits.
        unsafe { self.run.run(source.as_ptr(), out.as_mut_ptr().cast(), out.len()) }
    }

    /// Whether numbers of this side are those of the other one, NaN those of none.
    pub fn equals(&self, numbers: &[u64], other: &Self, others: &[u64]) -> bool {
        if self.floats {
            let same = |(a, b): (&u64, &u64)| f64::from_bits(*a) == f64::from_bits(*b);
            return numbers.iter().zip(others).all(same);
        }
        // Of different signs no number is that of the other with the same bits, unless both have the top one clear.
        numbers == others && (self.unsigned == other.unsigned || numbers.iter().all(|x| *x as i64 >= 0))
    }
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
    let zeros = Place { base: [0u8; 16].as_ptr(), cell: half.cell };
    // SAFETY: the plan visits the elements of the layout on one side, and only the zero on the other.
    Ok(unsafe { run::equal(&plan, [&side, &side], Place { base: a.data, cell: half.cell }, zeros) })
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
    let never = matches!(a.dtype.kind, b'M' | b'm').then_some(i64::MIN);
    let places = [(a.data, one.cell), (b.data, other.cell)].map(|(base, cell)| Place { base, cell });
    // SAFETY: the plan visits the elements of the layouts and no others.
    Ok(unsafe { run::identical(&plan, places[0], places[1], never) })
}
