//! Decimal digits of binary floats: the fewest that tell a number from the others of its type, and no more than
//! asked for.

use crate::dtype::{Overflow, Scalar, Value};

/// Digits that tell any two float64 apart.
const MAX_DIGITS: usize = 17;

/// `digits` × 10^`exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: u64,
    exponent: i32,
}

impl Decimal {
    /// Reads `12.5` or `1.25e1`, of at most [`MAX_DIGITS`] digits.
    fn read(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}").parse().unwrap_or(u64::MAX);
        Self { digits, exponent: exponent.parse().unwrap_or(0) - fraction.len() as i32 }
    }

    /// The next decimal with as many digits, up or down.
    fn neighbour(self, up: bool) -> Self {
        let Self { digits, exponent } = self;
        let is_power_of_ten = digits > 0 && digits == 10u64.pow(digits.ilog10());
        match (up, is_power_of_ten) {
            (true, _) => Self { digits: digits + 1, exponent },
            (false, false) => Self { digits: digits.saturating_sub(1), exponent },
            // Below a power of ten the steps are finer.
            (false, true) => Self { digits: digits * 10 - 1, exponent: exponent - 1 },
        }
    }

    /// `12.5`, `0.05`, `3.`: no zeros at the end, but always a point.
    pub fn positional(self) -> String {
        let places = (-self.exponent).max(0) as usize;
        let zeros = self.exponent.max(0) as usize;
        let mut text = format!("{:0>1$}{2}", self.digits, places + 1, "0".repeat(zeros));
        text.insert(text.len() - places, '.');
        let kept = if places > 0 { text.trim_end_matches('0').len() } else { text.len() };
        text.truncate(kept);
        text
    }

    /// `1.250e+01`: `places` digits after the point and at least `exponent_digits` in the exponent.
    pub fn scientific(self, places: usize, exponent_digits: usize) -> String {
        let digits = self.digits.to_string();
        let exponent = self.scientific_exponent();
        let sign = if exponent < 0 { '-' } else { '+' };
        let fraction: String = digits.chars().skip(1).chain(std::iter::repeat('0')).take(places).collect();
        format!("{}.{fraction}e{sign}{:0exponent_digits$}", &digits[..1], exponent.unsigned_abs())
    }

    /// Digits after the point in scientific notation, without zeros at the end.
    pub fn scientific_places(self) -> usize {
        self.digits.to_string()[1..].trim_end_matches('0').len()
    }

    /// The exponent in scientific notation; 0 for zero.
    pub fn scientific_exponent(self) -> i32 {
        self.digits.checked_ilog10().map_or(0, |log| self.exponent + log as i32)
    }
}

/// A finite float that is not negative. Its digits must tell it from the other numbers of its type.
#[derive(Clone, Copy, Debug)]
pub struct Magnitude {
    value: f64,
    scalar: Scalar,
}

impl Magnitude {
    /// The distance of `value`, a finite number of the type `scalar`, from zero.
    pub fn new(value: f64, scalar: Scalar) -> Self {
        Self { value: value.abs(), scalar }
    }

    /// The fewest digits after the point that read back as the number, or, where those are more than `places`, the
    /// decimal of that many nearest to it. Digits before the point are never replaced by zeros.
    pub fn with_places(self, places: u32) -> Decimal {
        for count in 1..=MAX_DIGITS {
            let (decimal, reads_back) = self.with_digits(count);
            if i64::from(decimal.exponent) < -i64::from(places) {
                return Decimal::read(&format!("{:.*}", places as usize, self.value));
            }
            if decimal.exponent <= 0 && reads_back {
                return decimal;
            }
        }
        self.with_digits(MAX_DIGITS).0
    }

    /// The fewest digits that read back as the number, but at most `most`.
    pub fn with_at_most(self, most: usize) -> Decimal {
        let most = most.min(MAX_DIGITS);
        let fewest = (1..most).map(|count| self.with_digits(count)).find(|(_, reads_back)| *reads_back);
        fewest.unwrap_or_else(|| self.with_digits(most)).0
    }

    /// The nearest decimal of `count` digits, ties to even, and whether it reads back as the number. Next to a power
    /// of two, where the numbers below lie closer, it may be that only the decimal on the other side does: then that.
    pub fn with_digits(self, count: usize) -> (Decimal, bool) {
        let nearest = Decimal::read(&format!("{:.*e}", count - 1, self.value));
        let (reads_back, value) = self.read_back(nearest);
        if reads_back {
            return (nearest, true);
        }
        let other = nearest.neighbour(value < self.value);
        if self.read_back(other).0 { (other, true) } else { (nearest, false) }
    }

    /// Whether `decimal`, read as a number of the type, is this one, and its value.
    fn read_back(self, decimal: Decimal) -> (bool, f64) {
        let text = format!("{}e{}", decimal.digits, decimal.exponent);
        let value = text.parse::<f64>().unwrap_or(f64::NAN);
        let same = match self.scalar {
            // Rounding to float64 on the way could make a tie of what is none.
            Scalar::Float32 => text.parse::<f32>().is_ok_and(|value| f64::from(value) == self.value),
            Scalar::Float64 => value == self.value,
            small => {
                let code = |x| small.encode(Value::F64(x), Overflow::Wrap);
                code(value) == code(self.value)
            }
        };
        (same, value)
    }
}
