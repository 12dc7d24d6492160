//! The type that two types have in common.

use super::cast::text_length;
use super::datetime::Unit;
use super::descr::finish;
use super::record::{Field, Record};
use super::table::Scalar;
use super::{Casting, Class, DType, MAX_ITEM_SIZE, PADDED, can_cast};
use crate::error::{Result, bail};

/// Types that a promotion may bring in, each after those that are cheaper and could hold as much.
const USUAL: [DType; 14] = [
    DType::BOOL,
    DType::UINT8,
    DType::UINT16,
    DType::UINT32,
    DType::UINT64,
    DType::INT8,
    DType::INT16,
    DType::INT32,
    DType::INT64,
    DType::FLOAT16,
    DType::BFLOAT16,
    DType::FLOAT32,
    DType::FLOAT64,
    DType::COMPLEX128,
];

/// The smallest type that both `a` and `b` cast to safely, in native byte order, as `numpy.promote_types`.
///
/// With the types of ml_dtypes, too, both operands keep their values: one of the two if it holds the other, else the
/// first of the usual integers and floats that holds both, so that a narrow format never appears uninvited. ml_dtypes
/// itself answers with a lossy type (`int8` and `float8_e4m3` give `float8_e4m3`) or not at all (`bfloat16` and
/// `float16`, here `float32`). A complex type takes the promotion of the real parts.
///
/// Errors: `Dtype` when there is no such type, or the common unit of two times overflows.
///
/// ```
/// use ndferry::dtype::{DType, promote};
///
/// assert_eq!(promote(DType::UINT8, DType::INT8)?, DType::INT16);
/// assert_eq!(promote(DType::BFLOAT16, DType::FLOAT16)?, DType::FLOAT32);
/// # Ok::<(), ndferry::error::Error>(())
/// ```
pub fn promote(a: DType, b: DType) -> Result<DType> {
    a.validate()?;
    b.validate()?;
    if let (Some(x), Some(y)) = (a.known_scalar(), b.known_scalar()) {
        return match a.lanes == b.lanes {
            true => Ok(scalars(x, y, (a.flags | b.flags) & PADDED != 0)?.with_lanes(a.lanes)),
            false => bail!(Dtype, "{a} and {b} have no common type: their lanes differ"),
        };
    }
    match (a.as_record(), b.as_record()) {
        (Some(x), Some(y)) => return records(x, y),
        (None, None) => {}
        _ => bail!(Dtype, "{a} and {b} have no common type: one has fields"),
    }
    if a.class() == b.class() {
        return alike(a, b);
    }
    match (a.class(), b.class()) {
        (Class::Bytes, Class::Str) | (Class::Str, Class::Bytes) => text(b'U', a.detail.max(b.detail)),
        (Class::Datetime, Class::Timedelta) | (Class::Timedelta, Class::Datetime) => times(b'M', a, b),
        _ => with_number(a, b).or_else(|| with_number(b, a)).unwrap_or_else(|| none(a, b)),
    }
}

fn none(a: DType, b: DType) -> Result<DType> {
    bail!(Dtype, "{a} and {b} have no common type")
}

fn scalars(a: &'static Scalar, b: &'static Scalar, padded: bool) -> Result<DType> {
    if a.class == Class::Complex || b.class == Class::Complex {
        let real = scalars(real_part(a), real_part(b), false)?;
        return Ok(DType::new(super::code::COMPLEX, real.bits * 2));
    }
    let holds_both = |dtype: DType| [a, b].iter().all(|from| can_cast(from.dtype, dtype, Casting::Safe));
    match [a.dtype, b.dtype].into_iter().chain(USUAL).find(|dtype| holds_both(*dtype)) {
        Some(dtype) if padded => Ok(dtype.padded()),
        Some(dtype) => Ok(dtype),
        None => none(a.dtype, b.dtype),
    }
}

/// The row of the components of a complex type; of other types their own.
fn real_part(scalar: &'static Scalar) -> &'static Scalar {
    let real = DType::new(super::code::FLOAT, scalar.dtype.bits / 2);
    if scalar.class == Class::Complex { real.known_scalar().unwrap_or(scalar) } else { scalar }
}

/// Two types of one class beyond numbers.
fn alike(a: DType, b: DType) -> Result<DType> {
    match a.class() {
        Class::Bytes | Class::Str => text(a.kind, a.detail.max(b.detail)),
        Class::Datetime | Class::Timedelta => times(a.kind, a, b),
        _ if a == b => Ok(a),
        _ => none(a, b),
    }
}

fn text(kind: u8, length: u64) -> Result<DType> {
    let dtype = DType::numpy(kind, length);
    dtype.validate().map(|()| dtype)
}

fn times(kind: u8, a: DType, b: DType) -> Result<DType> {
    Ok(Unit::of(a)?.common(Unit::of(b)?, kind == b'm')?.dtype(kind))
}

/// A number of NumPy's with text or a span of time; nothing for other pairs.
fn with_number(number: DType, other: DType) -> Option<Result<DType>> {
    let scalar = number.known_scalar().filter(|scalar| number.lanes == 1 && !scalar.typestr.is_empty())?;
    match other.class() {
        Class::Bytes | Class::Str => Some(text(other.kind, other.detail.max(text_length(number)))),
        Class::Timedelta if can_cast(scalar.dtype, other, Casting::Safe) => Some(Ok(other.native())),
        _ => None,
    }
}

/// Records with the same fields in the same order, packed without gaps.
fn records(a: &Record, b: &Record) -> Result<DType> {
    let same = |(x, y): (&Field, &Field)| x.name == y.name && x.title == y.title && x.shape == y.shape;
    if a.fields().len() != b.fields().len() || !a.fields().iter().zip(b.fields()).all(same) {
        bail!(Dtype, "records with different fields have no common type");
    }
    let mut end = 0;
    let mut fields = Vec::with_capacity(a.fields().len());
    for (x, y) in a.fields().iter().zip(b.fields()) {
        let field = Field { dtype: promote(x.dtype, y.dtype)?, offset: end, ..x.clone() };
        end = match field.byte_size().and_then(|size| size.checked_add(end)) {
            Some(end) if end <= MAX_ITEM_SIZE => end,
            _ => bail!(Dtype, "the common record is larger than {MAX_ITEM_SIZE} bytes"),
        };
        fields.push(field);
    }
    finish(end, fields)
}
