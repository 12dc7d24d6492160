//! Units of `datetime64` and `timedelta64`: their spelling, and NumPy's rules for going between them.

use super::DType;
use crate::error::{Quoted, Result, bail};

/// NumPy's unit numbers are the indices; 3 was the business day, long gone.
const NAMES: [&str; 14] = ["Y", "M", "W", "", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"];
/// How many of the next finer unit make one of this. Years and months have no fixed length: NumPy takes 1.
const FACTORS: [u64; 13] = [1, 1, 7, 1, 24, 60, 60, 1000, 1000, 1000, 1000, 1000, 1000];
const YEAR: u8 = 0;
const MONTH: u8 = 1;
const GENERIC: u8 = 14;

/// A multiple of a unit of time, such as `[25s]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    base: u8,
    count: u32,
}

impl Unit {
    /// The unit that a `datetime64` without one has; it becomes whatever it meets.
    pub const ANY: Self = Self { base: GENERIC, count: 0 };

    /// The unit in the `detail` of a valid `M` or `m` type.
    pub fn of(dtype: DType) -> Result<Self> {
        let (base, count) = ((dtype.detail & 0xff) as u8, dtype.detail >> 8);
        let named = NAMES.get(usize::from(base)).is_some_and(|name| !name.is_empty());
        match i32::try_from(count) {
            Ok(0) if base == GENERIC => Ok(Self::ANY),
            Ok(count @ 1..) if named => Ok(Self { base, count: count.cast_unsigned() }),
            _ => bail!(
                Dtype,
                "`detail` of a datetime dtype is {:#x}: unit {base}, count {count}",
                dtype.detail
            ),
        }
    }

    /// The type of `kind` (`M` or `m`) in this unit.
    pub fn dtype(self, kind: u8) -> DType {
        DType::numpy(kind, u64::from(self.count) << 8 | u64::from(self.base))
    }

    /// Reads `[25s]`, `[generic]` or nothing.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() || text == "[generic]" {
            return Ok(Self::ANY);
        }
        let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
            bail!(Dtype, "a datetime unit is written like [25s], not {}", Quoted(text));
        };
        let name = inner.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = &inner[..inner.len() - name.len()];
        let count = if digits.is_empty() { Some(1) } else { digits.parse::<i32>().ok().filter(|n| *n > 0) };
        let base = NAMES.iter().position(|known| *known == name && !name.is_empty());
        match (base, count) {
            (Some(base), Some(count)) => Ok(Self { base: base as u8, count: count.cast_unsigned() }),
            _ => bail!(
                Dtype,
                "{} is not a datetime unit: Y, M, W, D, h, m, s, ms, us, ns, ps, fs, as",
                Quoted(text)
            ),
        }
    }

    /// `[25s]`, or nothing for the generic unit.
    pub fn text(self) -> String {
        match (NAMES.get(usize::from(self.base)), self.count) {
            (None, _) => String::new(),
            (Some(name), 1) => format!("[{name}]"),
            (Some(name), count) => format!("[{count}{name}]"),
        }
    }

    pub fn is_generic(self) -> bool {
        self.base == GENERIC
    }

    /// Whether the length varies with the calendar: years and months.
    fn is_nonlinear(self) -> bool {
        self.base <= MONTH
    }

    /// Whether NumPy converts spans between the two under `same_kind`: both of the calendar, or both exact.
    pub fn same_kind_span(self, to: Self) -> bool {
        self.is_nonlinear() == to.is_nonlinear()
    }

    /// Whether `to` is as fine and divides this unit, so that no value is rounded (NumPy's `safe`). For points in
    /// time (`span` false) NumPy holds months and years to be divisible by every finer unit.
    pub fn divides_into(self, to: Self, span: bool) -> bool {
        if self.is_generic() || to.is_generic() {
            return self.is_generic();
        }
        if self.base > to.base || (span && !self.same_kind_span(to)) {
            return false;
        }
        if self.is_nonlinear() && !to.is_nonlinear() {
            return true;
        }
        let count = u64::from(self.count);
        let scaled = match (self.base, to.base) {
            (YEAR, MONTH) => Some(count * 12),
            _ => factor(self.base, to.base).and_then(|factor| count.checked_mul(factor)),
        };
        scaled.is_some_and(|scaled| scaled < 1 << 56 && scaled.is_multiple_of(u64::from(to.count)))
    }

    /// The coarsest unit that both are multiples of (NumPy's `promote_types`). Spans (`span`) of the calendar and
    /// exact ones have none; for points in time NumPy takes a nominal length of months and years.
    pub fn common(self, other: Self, span: bool) -> Result<Self> {
        if self.is_generic() {
            return Ok(other);
        }
        if other.is_generic() {
            return Ok(self);
        }
        if span && !self.same_kind_span(other) {
            bail!(Dtype, "units {} and {} have no common unit", self.text(), other.text());
        }
        let base = self.base.max(other.base);
        let scale = |unit: Self| match (unit.base, base) {
            (YEAR, MONTH) => Some(u64::from(unit.count) * 12),
            _ => factor(unit.base, base).and_then(|factor| factor.checked_mul(u64::from(unit.count))),
        };
        let count = match (scale(self), scale(other)) {
            (Some(a), Some(b)) => i32::try_from(gcd(a, b)).ok(),
            _ => None,
        };
        match count {
            Some(count) => Ok(Self { base, count: count.cast_unsigned() }),
            None => bail!(Dtype, "the common unit of {} and {} overflows", self.text(), other.text()),
        }
    }
}

/// How many `fine` make one `coarse`; nothing from 2^56 on, where NumPy gives up.
fn factor(coarse: u8, fine: u8) -> Option<u64> {
    FACTORS[usize::from(coarse)..usize::from(fine)]
        .iter()
        .try_fold(1u64, |product, factor| product.checked_mul(*factor).filter(|product| *product < 1 << 56))
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_read_back_as_written() {
        for text in ["", "[Y]", "[M]", "[25s]", "[2147483647as]", "[D]"] {
            let unit = Unit::parse(text).unwrap();
            assert_eq!(unit.text(), text);
            assert_eq!(Unit::of(unit.dtype(b'm')), Ok(unit));
        }
        assert_eq!(Unit::parse("[generic]"), Ok(Unit::ANY));
    }

    #[test]
    fn a_bad_unit_is_refused() {
        for text in
            ["[]", "[0s]", "[-1s]", "[2147483648s]", "[s", "s", "[ s]", "[3]", "[B]", "[s/2]", "[\u{3bc}s]"]
        {
            assert!(Unit::parse(text).is_err(), "{text}");
        }
    }
}
