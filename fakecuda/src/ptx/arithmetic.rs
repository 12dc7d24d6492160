//! Arithmetic on float32 and float64, rounded once to the nearest. Subnormal numbers are numbers.

use super::{
    step::Function,
    types::{Float, Type},
};

/// An operation by its name, its rounding left out where it is to the nearest.
pub(super) fn function(operation: &str, kind: Type) -> Option<Function> {
    match kind {
        Type::Float(Float::F32) => single(operation).or_else(|| compare(operation, Float::F32)),
        Type::Float(Float::F64) => double(operation).or_else(|| compare(operation, Float::F64)),
        // Only moved and chosen from.
        Type::Float(_) => super::integer::function(operation, Type::Unsigned(kind.bytes()))
            .filter(|_| matches!(operation, "mov" | "selp")),
        _ => None,
    }
}

const SIGN32: u64 = 1 << 31;
const SIGN64: u64 = 1 << 63;

fn f(slot: u64) -> f32 {
    f32::from_bits(slot as u32)
}

fn d(slot: u64) -> f64 {
    f64::from_bits(slot)
}

/// The bits of a result.
fn of(value: f32) -> u64 {
    if value.is_nan() { Float::F32.nan() } else { u64::from(value.to_bits()) }
}

/// The bits of a result of these operands.
fn of_double(value: f64, operands: &[u64]) -> u64 {
    if !value.is_nan() {
        return value.to_bits();
    }
    let first = operands.iter().find(|bits| d(**bits).is_nan());
    first.map_or(Float::F64.nan(), |bits| bits | 1 << 51)
}

fn single(operation: &str) -> Option<Function> {
    Some(match operation {
        "add" => |a, b, _, _| of(f(a) + f(b)),
        "sub" => |a, b, _, _| of(f(a) - f(b)),
        "mul" => |a, b, _, _| of(f(a) * f(b)),
        "div" => |a, b, _, _| of(f(a) / f(b)),
        "rcp" => |a, _, _, _| of(1.0 / f(a)),
        "sqrt" => |a, _, _, _| of(f(a).sqrt()),
        "fma" | "mad" => |a, b, c, _| of(f(a).mul_add(f(b), f(c))),
        "min" => |a, b, _, _| of(least(f(a).into(), f(b).into()) as f32),
        "max" => |a, b, _, _| of(-least(-f64::from(f(a)), -f64::from(f(b))) as f32),
        "neg" => |a, _, _, _| (a ^ SIGN32) as u32 as u64,
        "abs" => |a, _, _, _| (a & !SIGN32) as u32 as u64,
        "copysign" => |a, b, _, _| (b & !SIGN32 | a & SIGN32) as u32 as u64,
        "exch" | "mov" | "selp" => return super::integer::function(operation, Type::Unsigned(4)),
        _ => return None,
    })
}

fn double(operation: &str) -> Option<Function> {
    Some(match operation {
        "add" => |a, b, _, _| of_double(d(a) + d(b), &[a, b]),
        "sub" => |a, b, _, _| of_double(d(a) - d(b), &[a, b]),
        "mul" => |a, b, _, _| of_double(d(a) * d(b), &[a, b]),
        "div" => |a, b, _, _| of_double(d(a) / d(b), &[a, b]),
        "rcp" => |a, _, _, _| of_double(1.0 / d(a), &[a]),
        "sqrt" => |a, _, _, _| of_double(d(a).sqrt(), &[a]),
        "fma" | "mad" => |a, b, c, _| of_double(d(a).mul_add(d(b), d(c)), &[a, b, c]),
        "min" => |a, b, _, _| of_double(least(d(a), d(b)), &[a, b]),
        "max" => |a, b, _, _| of_double(-least(-d(a), -d(b)), &[a, b]),
        "neg" => |a, _, _, _| a ^ SIGN64,
        "abs" => |a, _, _, _| a & !SIGN64,
        "copysign" => |a, b, _, _| b & !SIGN64 | a & SIGN64,
        "exch" | "mov" | "selp" => return super::integer::function(operation, Type::Unsigned(8)),
        _ => return None,
    })
}

/// The smaller of two, -0 below +0; a number rather than a NaN.
fn least(a: f64, b: f64) -> f64 {
    if b.is_nan() || a < b || (a == b && a.is_sign_negative()) { a } else { b }
}

/// A test of two numbers; with `u` at its end it is true if one of them is none.
macro_rules! tests {
    ($name:ident, $of:ident) => {
        #[allow(
            clippy::neg_cmp_op_on_partial_ord,
            reason = "a test that NaN passes is one that fails to be false"
        )]
        fn $name(test: &str) -> Option<Function> {
            Some(match test {
                "eq" => |a, b, _, _| ($of(a) == $of(b)) as u64,
                "ne" => |a, b, _, _| ($of(a) < $of(b) || $of(a) > $of(b)) as u64,
                "lt" => |a, b, _, _| ($of(a) < $of(b)) as u64,
                "le" => |a, b, _, _| ($of(a) <= $of(b)) as u64,
                "gt" => |a, b, _, _| ($of(a) > $of(b)) as u64,
                "ge" => |a, b, _, _| ($of(a) >= $of(b)) as u64,
                "equ" => |a, b, _, _| !($of(a) < $of(b) || $of(a) > $of(b)) as u64,
                "neu" => |a, b, _, _| ($of(a) != $of(b)) as u64,
                "ltu" => |a, b, _, _| !($of(a) >= $of(b)) as u64,
                "leu" => |a, b, _, _| !($of(a) > $of(b)) as u64,
                "gtu" => |a, b, _, _| !($of(a) <= $of(b)) as u64,
                "geu" => |a, b, _, _| !($of(a) < $of(b)) as u64,
                "num" => |a, b, _, _| !($of(a).is_nan() || $of(b).is_nan()) as u64,
                "nan" => |a, b, _, _| ($of(a).is_nan() || $of(b).is_nan()) as u64,
                "testp.finite" => |a, _, _, _| $of(a).is_finite() as u64,
                "testp.infinite" => |a, _, _, _| $of(a).is_infinite() as u64,
                "testp.number" => |a, _, _, _| !$of(a).is_nan() as u64,
                "testp.notanumber" => |a, _, _, _| $of(a).is_nan() as u64,
                "testp.normal" => |a, _, _, _| $of(a).is_normal() as u64,
                "testp.subnormal" => |a, _, _, _| $of(a).is_subnormal() as u64,
                _ => return None,
            })
        }
    };
}

tests!(of_singles, f);
tests!(of_doubles, d);

fn compare(test: &str, float: Float) -> Option<Function> {
    if float == Float::F32 { of_singles(test) } else { of_doubles(test) }
}
