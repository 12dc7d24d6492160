//! Columns of floats: one notation for all of them, points aligned.

use super::FormatOptions;
use super::decimal::Magnitude;
use crate::dtype::{Overflow, Scalar, Value};

/// One word for each number of the type `scalar`.
pub fn words(scalar: Scalar, values: &[f64], options: &FormatOptions) -> Vec<String> {
    let style = Style::of(scalar, values, options.precision, false);
    values.iter().map(|&x| style.word(x)).collect()
}

/// One word for each complex number with parts of the type `scalar`.
pub fn complex_words(
    scalar: Scalar,
    real: &[f64],
    imaginary: &[f64],
    options: &FormatOptions,
) -> Vec<String> {
    let style = Style::of(scalar, imaginary, options.precision, true);
    let with_j = |&x| {
        let mut word = style.word(x);
        word.insert(word.trim_end().len(), 'j');
        word
    };
    words(scalar, real, options)
        .into_iter()
        .zip(imaginary.iter().map(with_j))
        .map(|(re, im)| re + &im)
        .collect()
}

/// How the numbers of a column are written.
struct Style {
    scalar: Scalar,
    notation: Notation,
    /// Whether numbers that are not negative have a plus sign.
    plus: bool,
    /// Characters before the point, the sign included, and after it.
    left: usize,
    right: usize,
}

enum Notation {
    /// At most so many digits after the point.
    Positional { most_places: u32 },
    /// Just so many digits after the point, and at least so many in the exponent.
    Scientific { places: usize, exponent_digits: usize },
}

impl Style {
    fn of(scalar: Scalar, values: &[f64], precision: u32, plus: bool) -> Self {
        let finite: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
        let magnitudes = || finite.iter().map(|&x| Magnitude::new(x, scalar));
        let mut style = Self {
            scalar,
            notation: Notation::Positional { most_places: precision },
            plus,
            left: 0,
            right: 0,
        };
        if needs_exponents(scalar, &finite) {
            let most = (precision as usize).saturating_add(1);
            let decimals: Vec<_> = magnitudes().map(|x| x.with_at_most(most)).collect();
            let places = decimals.iter().map(|d| d.scientific_places()).max().unwrap_or(0);
            let largest = decimals.iter().map(|d| d.scientific_exponent().unsigned_abs()).max().unwrap_or(0);
            let exponent_digits = largest.to_string().len().max(2);
            style.notation = Notation::Scientific { places, exponent_digits };
        }
        let texts: Vec<String> = finite.iter().map(|&x| style.text(x)).collect();
        for text in &texts {
            let point = text.find('.').unwrap_or(text.len());
            style.left = style.left.max(point);
            style.right = style.right.max(text.len() - point - 1);
        }
        if finite.len() < values.len() {
            let sign = plus || values.contains(&f64::NEG_INFINITY);
            let word = "inf".len() + usize::from(sign);
            style.left = style.left.max(word.saturating_sub(style.right + 1));
        }
        style
    }

    /// A finite number without padding.
    fn text(&self, x: f64) -> String {
        let magnitude = Magnitude::new(x, self.scalar);
        let digits = match self.notation {
            Notation::Positional { most_places } => magnitude.with_places(most_places).positional(),
            Notation::Scientific { places, exponent_digits } => {
                magnitude.with_digits(places + 1).0.scientific(places, exponent_digits)
            }
        };
        format!("{}{digits}", self.sign(x.is_sign_negative()))
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        }
    }

    fn word(&self, x: f64) -> String {
        if x.is_finite() {
            let text = self.text(x);
            let point = text.find('.').unwrap_or(text.len());
            let width = text.len() + self.left - point;
            return format!("{:<1$}", format!("{text:>width$}"), self.left + 1 + self.right);
        }
        let text = if x.is_nan() { "nan" } else { "inf" };
        let text = format!("{}{text}", self.sign(x == f64::NEG_INFINITY));
        format!("{text:>0$}", self.left + 1 + self.right)
    }
}

/// Whether the finite numbers of a column are so large, so small or so different that they need exponents.
fn needs_exponents(scalar: Scalar, finite: &[f64]) -> bool {
    let nonzero = || finite.iter().map(|x| x.abs()).filter(|x| *x != 0.0);
    let (Some(max), Some(min)) = (nonzero().reduce(f64::max), nonzero().reduce(f64::min)) else {
        return false;
    };
    // As many digits before the point as the type can be trusted with, and no more than 8.
    let limit = match scalar {
        Scalar::Float64 => 1e8,
        Scalar::Float32 => 1e6,
        _ => 1e3,
    };
    max >= limit || min < rounded(scalar, 0.0001) || rounded(scalar, max / min) > 1000.0
}

/// `x` in the type in which NumPy compares numbers of the type `scalar`.
fn rounded(scalar: Scalar, x: f64) -> f64 {
    match scalar {
        Scalar::Float64 => x,
        Scalar::Float16 => scalar.decode(scalar.encode(Value::F64(x), Overflow::Wrap)).to_f64(),
        _ => f64::from(x as f32),
    }
}
