//! Which casts are allowed: NumPy's rule for NumPy's types, one rule in the same spirit for all others.

use super::datetime::Unit;
use super::record::{Field, Record};
use super::table::Scalar;
use super::{Class, DType};

/// How much a cast may change, from nothing to anything; each rule allows what the ones before it allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Casting {
    /// The same type.
    No,
    /// Byte order and padding may change.
    Equiv,
    /// Every value must survive.
    Safe,
    /// Precision and range may be lost, but not the kind of number: `float64` to `float32`.
    SameKind,
    /// Anything that can be converted at all.
    Unsafe,
}

impl std::fmt::Display for Casting {
    /// NumPy's name of the rule.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Casting::No => "no",
            Casting::Equiv => "equiv",
            Casting::Safe => "safe",
            Casting::SameKind => "same_kind",
            Casting::Unsafe => "unsafe",
        })
    }
}

/// Whether elements of type `from` may become `to` under `casting`, as `numpy.can_cast`.
///
/// Between NumPy's own types the answer is NumPy's, its conventions included: 64-bit integers count as safe in
/// `float64`, and `S`, `U` and `V` of no bytes stand for any size. For the types of ml_dtypes and complex of halves a
/// cast is `Safe` exactly when each value of `from` is one of `to`, infinities and NaN included and the sign of
/// zero not, and otherwise `SameKind` up the ladder bool, unsigned, signed, float, complex. This differs from
/// what ml_dtypes registers, whose `Safe` loses digits (`int8` to `float8_e4m3`), leaves out harmless
/// casts (`float8_e4m3fn` to `bfloat16`), and lets `SameKind` turn floats to integers (`float32` to `int4`).
///
/// Several lanes cast lane by lane to as many. Types that this library does not know cast to themselves only.
///
/// ```
/// use ndferry::dtype::{Casting, DType, can_cast, casting_needed};
///
/// assert!(can_cast(DType::INT32, DType::FLOAT64, Casting::Safe));
/// assert_eq!(casting_needed(DType::FLOAT64, DType::FLOAT16), Some(Casting::SameKind));
/// ```
pub fn can_cast(from: DType, to: DType, casting: Casting) -> bool {
    casting_needed(from, to).is_some_and(|needed| needed <= casting)
}

/// The strictest rule under which `from` may become `to`; nothing when no rule allows it.
pub fn casting_needed(from: DType, to: DType) -> Option<Casting> {
    if from == to {
        return Some(Casting::No);
    }
    if (DType { flags: 0, ..from }) == (DType { flags: 0, ..to }) {
        return Some(Casting::Equiv);
    }
    match (from.as_record(), to.as_record()) {
        (Some(from), Some(to)) => records(from, to),
        (Some(_), None) if to == DType::numpy(b'V', 0) => Some(Casting::No),
        (Some(from), None) => match from.fields() {
            // The one field stands for the record; NumPy asks for `unsafe` to take it out.
            [only] => casting_needed(only.dtype, to).map(|_| Casting::Unsafe),
            _ => None,
        },
        (None, Some(to)) => {
            let fills = to.fields().iter().all(|field| casting_needed(from, field.dtype).is_some());
            fills.then_some(Casting::Unsafe)
        }
        (None, None) => element(from, to),
    }
}

/// Types without fields.
fn element(from: DType, to: DType) -> Option<Casting> {
    let is_carried_only = |dtype: DType| matches!(dtype.class(), Class::Other | Class::Record);
    let (source, target) = (from.known_scalar(), to.known_scalar());
    match (source, target) {
        (Some(source), Some(target)) => (from.lanes == to.lanes).then(|| scalars(source, target)),
        _ if is_carried_only(from) || is_carried_only(to) => None,
        (Some(_), None) => from_number(from, to),
        (None, Some(target)) => {
            let reads = from.class() == Class::Void || (!target.typestr.is_empty() && to.lanes == 1);
            reads.then_some(Casting::Unsafe)
        }
        (None, None) => between_others(from, to),
    }
}

fn scalars(from: &Scalar, to: &Scalar) -> Casting {
    let keeps_values = match (from.class, to.class) {
        (Class::Complex, Class::Complex) => to.values.hold(&from.values),
        (Class::Complex, _) => false,
        _ => to.values.hold(&from.values),
    };
    let wide_integer = matches!(from.dtype, DType::INT64 | DType::UINT64);
    if keeps_values || (wide_integer && matches!(to.dtype, DType::FLOAT64 | DType::COMPLEX128)) {
        Casting::Safe
    } else if from.class <= to.class {
        Casting::SameKind
    } else {
        Casting::Unsafe
    }
}

/// A number to text, bytes or time.
fn from_number(from: DType, to: DType) -> Option<Casting> {
    let is_numpys = from.lanes == 1 && from.known_scalar().is_some_and(|scalar| !scalar.typestr.is_empty());
    match to.class() {
        Class::Void => Some(to_bytes(from, to)),
        _ if !is_numpys => None,
        Class::Bytes | Class::Str => {
            let fits = to.detail == 0 || to.detail >= text_length(from);
            Some(if fits { Casting::Safe } else { Casting::SameKind })
        }
        Class::Timedelta if from == DType::UINT64 || from == DType::UINT64.swapped() => {
            Some(Casting::SameKind)
        }
        Class::Timedelta if from.is_integer() || from.is_bool() => Some(Casting::Safe),
        _ => Some(Casting::Unsafe),
    }
}

/// The characters that NumPy sets aside for any value of a number.
pub(super) fn text_length(number: DType) -> u64 {
    match (number.class(), number.bits) {
        (Class::Bool, _) => 5,
        (Class::Unsigned, 8) => 3,
        (Class::Unsigned, 16) => 5,
        (Class::Unsigned, 32) => 10,
        (Class::Unsigned, _) => 20,
        (Class::Signed, 8) => 4,
        (Class::Signed, 16) => 6,
        (Class::Signed, 32) => 11,
        (Class::Signed, _) => 21,
        (Class::Complex, _) => 64,
        _ => 32,
    }
}

/// Anything to plain bytes: safe if they are enough.
fn to_bytes(from: DType, to: DType) -> Casting {
    let fits = to.detail == 0 || to.item_size() >= from.item_size();
    if fits { Casting::Safe } else { Casting::Unsafe }
}

/// Text, bytes and time among each other.
fn between_others(from: DType, to: DType) -> Option<Casting> {
    let longer = |shorter: Casting| {
        let fits = to.detail == 0 || to.detail >= from.detail;
        Some(if fits { Casting::Safe } else { shorter })
    };
    match (from.class(), to.class()) {
        (a, b) if a == b && matches!(a, Class::Bytes | Class::Str | Class::Void) => {
            match (to.detail, from.is_swapped() == to.is_swapped()) {
                (0, true) => Some(Casting::No),
                (0, false) => Some(Casting::Equiv),
                _ => longer(Casting::SameKind),
            }
        }
        (Class::Bytes, Class::Str) => longer(Casting::SameKind),
        (_, Class::Void) => Some(to_bytes(from, to)),
        (Class::Datetime, Class::Datetime) => times(from, to, false),
        (Class::Timedelta, Class::Timedelta) => times(from, to, true),
        _ => Some(Casting::Unsafe),
    }
}

fn times(from: DType, to: DType, span: bool) -> Option<Casting> {
    let (source, target) = (Unit::of(from).ok()?, Unit::of(to).ok()?);
    Some(if source.divides_into(target, span) {
        Casting::Safe
    } else if target.is_generic() || (span && !source.same_kind_span(target)) {
        Casting::Unsafe
    } else {
        Casting::SameKind
    })
}

/// As many fields, cast in order: `Equiv` if only the places differ, `Safe` at best if names or titles do.
fn records(from: &Record, to: &Record) -> Option<Casting> {
    if from.fields().len() != to.fields().len() {
        return None;
    }
    from.fields().iter().zip(to.fields()).try_fold(Casting::Equiv, |needed, (from, to)| {
        let same_names = from.name == to.name && from.title == to.title;
        let renamed = if same_names { Casting::No } else { Casting::Safe };
        Some(needed.max(renamed).max(fields(from, to)?))
    })
}

/// Arrays of one shape cast by element; one element fills an array; one element is taken out of an array of one.
fn fields(from: &Field, to: &Field) -> Option<Casting> {
    let element = casting_needed(from.dtype, to.dtype)?;
    match (&from.shape[..], &to.shape[..]) {
        (a, b) if a == b => Some(element),
        ([], _) => Some(element.max(Casting::Safe)),
        _ => Some(Casting::Unsafe),
    }
}
