//! Numbers in and out of their bits, and what a number becomes in another type.
//!
//! The results are those of NumPy 2 and ml_dtypes 0.6, bit for bit, wherever those define one:
//!
//! - Rounding is to nearest, ties to even. ml_dtypes takes every conversion through float32, so float64 and wide
//!   integers round twice on their way to bfloat16, to the floats of 8 bits and fewer, and to complex numbers of
//!   two halves. NumPy's own float16 is rounded once.
//! - NaN: between NumPy's floats the payload stays as far as it fits, and float64 from and to float32 makes it
//!   quiet. ml_dtypes' floats and its complex of halves take and give one quiet NaN of either sign, except that
//!   bfloat16's bits are the upper half of float32's. The sign stays where the format has one for NaN.
//! - float6 and float4 have no NaN: it becomes a zero of the opposite sign. float8_e8m0fnu has neither zero nor
//!   negative numbers: they become NaN.
//! - Complex to real drops the imaginary part, complex to bool asks whether either part is nonzero (ml_dtypes' complex
//!   of halves would drop the imaginary part there too; here it does not).
//!
//! C leaves open what a float becomes in an integer that cannot hold it. [`Overflow::Wrap`] gives what an x86-64
//! processor gives, on every machine.

use super::float::{self, Format};
use super::{DType, code};

/// What happens to a value that the destination cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Integers keep their low bits; floats become infinity, NaN or the largest number as the type has it.
    ///
    /// A float becomes an integer by dropping its fraction and then the high bits of an intermediate integer:
    /// int32 for targets of up to 16 bits and int32; int64 for uint32 and int64; modulo 2^64 from [-2^63, 2^64)
    /// for uint64. Outside the intermediate range, and for NaN, that integer is the one with only its top bit set.
    #[default]
    Wrap,
    /// The nearest value that the destination has. NaN becomes 0 in integers and stays NaN in floats that have it.
    /// Infinity becomes the largest finite number where the destination's range is narrower than the source's.
    Saturate,
}

/// A type of real numbers; complex numbers are two of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// A byte, false when 0.
    Bool,
    /// Two's complement, of 2, 4, 8, 16, 32 or 64 bits.
    Int(u8),
    /// Unsigned, of 2, 4, 8, 16, 32 or 64 bits.
    Uint(u8),
    /// ml_dtypes' floats, all of at most 16 bits.
    Small(Format),
    /// NumPy's float16.
    Float16,
    /// IEEE binary32.
    Float32,
    /// IEEE binary64.
    Float64,
}

/// A number, in the narrowest of four types that holds every number of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Booleans and integers other than uint64.
    Int(i64),
    /// uint64.
    Uint(u64),
    /// Floats of at most 32 bits.
    F32(f32),
    /// float64.
    F64(f64),
}

impl Value {
    /// The value as a float64, rounded if it is a large integer.
    pub fn to_f64(self) -> f64 {
        match self {
            Value::Int(x) => x as f64,
            Value::Uint(x) => x as f64,
            Value::F32(x) => x.into(),
            Value::F64(x) => x,
        }
    }

    /// The value as a float32, rounded once.
    pub fn to_f32(self) -> f32 {
        match self {
            Value::Int(x) => x as f32,
            Value::Uint(x) => x as f32,
            Value::F32(x) => x,
            Value::F64(x) => x as f32,
        }
    }
}

impl Scalar {
    /// The real type of one scalar of `dtype`, and whether two of them make a complex number; `None` for types
    /// that are only carried. Lanes, byte order and padding are the caller's business.
    pub fn of(dtype: DType) -> Option<(Scalar, bool)> {
        if dtype.kind != 0 {
            return None;
        }
        let real = match (dtype.code, dtype.bits) {
            (code::BOOL, 8) => Scalar::Bool,
            (code::INT, bits @ (2 | 4 | 8 | 16 | 32 | 64)) => Scalar::Int(bits),
            (code::UINT, bits @ (2 | 4 | 8 | 16 | 32 | 64)) => Scalar::Uint(bits),
            (code::FLOAT, 16) => Scalar::Float16,
            (code::FLOAT, 32) => Scalar::Float32,
            (code::FLOAT, 64) => Scalar::Float64,
            (code::BFLOAT, 16) => Scalar::Small(Format::BFLOAT16),
            (code::COMPLEX, 32) => return Some((Scalar::Small(Format::FLOAT16), true)),
            (code::COMPLEX, 64) => return Some((Scalar::Float32, true)),
            (code::COMPLEX, 128) => return Some((Scalar::Float64, true)),
            (code::FLOAT8_E3M4, 8) => Scalar::Small(Format::FLOAT8_E3M4),
            (code::FLOAT8_E4M3, 8) => Scalar::Small(Format::FLOAT8_E4M3),
            (code::FLOAT8_E4M3B11FNUZ, 8) => Scalar::Small(Format::FLOAT8_E4M3B11FNUZ),
            (code::FLOAT8_E4M3FN, 8) => Scalar::Small(Format::FLOAT8_E4M3FN),
            (code::FLOAT8_E4M3FNUZ, 8) => Scalar::Small(Format::FLOAT8_E4M3FNUZ),
            (code::FLOAT8_E5M2, 8) => Scalar::Small(Format::FLOAT8_E5M2),
            (code::FLOAT8_E5M2FNUZ, 8) => Scalar::Small(Format::FLOAT8_E5M2FNUZ),
            (code::FLOAT8_E8M0FNU, 8) => Scalar::Small(Format::FLOAT8_E8M0FNU),
            (code::FLOAT6_E2M3FN, 6) => Scalar::Small(Format::FLOAT6_E2M3FN),
            (code::FLOAT6_E3M2FN, 6) => Scalar::Small(Format::FLOAT6_E3M2FN),
            (code::FLOAT4_E2M1FN, 4) => Scalar::Small(Format::FLOAT4_E2M1FN),
            _ => return None,
        };
        Some((real, false))
    }

    /// Bits of one number.
    pub fn bits(self) -> u32 {
        match self {
            Scalar::Bool => 8,
            Scalar::Int(bits) | Scalar::Uint(bits) => bits.into(),
            Scalar::Small(format) => format.bits(),
            Scalar::Float16 => 16,
            Scalar::Float32 => 32,
            Scalar::Float64 => 64,
        }
    }

    /// Whether the type is a float.
    pub fn is_float(self) -> bool {
        matches!(self, Scalar::Small(_) | Scalar::Float16 | Scalar::Float32 | Scalar::Float64)
    }

    /// Whether float32 holds every number of the type.
    pub fn fits_f32(self) -> bool {
        match self {
            Scalar::Int(bits) | Scalar::Uint(bits) => bits <= 16,
            Scalar::Float64 => false,
            _ => true,
        }
    }

    /// The smallest and the largest finite number of a float type, as float64.
    pub fn float_range(self) -> Option<(f64, f64)> {
        let range = |format: Format| (format.lowest().into(), format.max().into());
        match self {
            Scalar::Small(format) => Some(range(format)),
            Scalar::Float16 => Some(range(Format::FLOAT16)),
            Scalar::Float32 => Some((f32::MIN.into(), f32::MAX.into())),
            Scalar::Float64 => Some((f64::MIN, f64::MAX)),
            _ => None,
        }
    }

    /// The number in the low bits of `raw`. Bits above the type's own are ignored.
    pub fn decode(self, raw: u64) -> Value {
        match self {
            Scalar::Bool => Value::Int((raw as u8 != 0).into()),
            Scalar::Int(bits) => Value::Int(sign_extend(raw, bits)),
            Scalar::Uint(64) => Value::Uint(raw),
            Scalar::Uint(bits) => Value::Int((raw & low_bits(bits)) as i64),
            Scalar::Small(format) => Value::F32(format.decode(raw as u32)),
            Scalar::Float16 => Value::F32(Format::FLOAT16.decode(raw as u32)),
            Scalar::Float32 => Value::F32(f32::from_bits(raw as u32)),
            Scalar::Float64 => Value::F64(f64::from_bits(raw)),
        }
    }

    /// The bits of `value` in this type; [`Overflow::Saturate`] clamps infinities too.
    pub fn encode(self, value: Value, overflow: Overflow) -> u64 {
        match self {
            Scalar::Bool => match value {
                Value::Int(x) => (x != 0).into(),
                Value::Uint(x) => (x != 0).into(),
                Value::F32(x) => (x != 0.0).into(),
                Value::F64(x) => (x != 0.0).into(),
            },
            Scalar::Int(bits) => Integer { bits, signed: true }.encode(value, overflow) & low_bits(bits),
            Scalar::Uint(bits) => Integer { bits, signed: false }.encode(value, overflow) & low_bits(bits),
            Scalar::Float64 => value.to_f64().to_bits(),
            _ => {
                let value = match (overflow, self.float_range()) {
                    (Overflow::Saturate, Some((low, high))) => clamp(value, low, high),
                    _ => value,
                };
                match (self, value) {
                    (Scalar::Small(format), _) => format.encode(value.to_f32()).into(),
                    (Scalar::Float16, Value::F64(x)) => float::half_from_f64(x).into(),
                    (Scalar::Float16, _) => float::half_from_f32(value.to_f32()).into(),
                    _ => value.to_f32().to_bits().into(),
                }
            }
        }
    }

    /// Whether [`Overflow::Saturate`] has anything to clamp on the way from `source` to this float type.
    pub fn is_narrower_than(self, source: Scalar) -> bool {
        match (self.float_range(), source.float_range()) {
            (Some((low, high)), Some((from_low, from_high))) => high < from_high || low > from_low,
            (own, _) => own.is_some(),
        }
    }
}

/// Takes the number in `raw` from the type `source` to the type `target`.
pub fn convert(source: Scalar, raw: u64, target: Scalar, overflow: Overflow) -> u64 {
    if source == target {
        return raw & low_bits(source.bits() as u8);
    }
    let value = match (source, target, source.decode(raw)) {
        (Scalar::Float16, Scalar::Float64, _) => Value::F64(float::half_to_f64(raw as u32)),
        (Scalar::Small(_), Scalar::Float16, Value::F32(x)) => Value::F32(canonical_nan(x)),
        (_, _, value) => value,
    };
    let clamps = !target.is_float() || target.is_narrower_than(source);
    target.encode(value, if clamps { overflow } else { Overflow::Wrap })
}

/// `x`, or the quiet NaN of its sign.
#[inline(always)]
pub fn canonical_nan(x: f32) -> f32 {
    if x.is_nan() { f32::from_bits((x.to_bits() & 0x8000_0000) | 0x7fc0_0000) } else { x }
}

/// An integer type of 2 to 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integer {
    /// Bits of one number.
    pub bits: u8,
    /// Whether it is two's complement.
    pub signed: bool,
}

impl Integer {
    /// The smallest and the largest number.
    pub fn range(self) -> (i128, i128) {
        let magnitude = self.bits - u8::from(self.signed);
        (if self.signed { -(1 << magnitude) } else { 0 }, (1 << magnitude) - 1)
    }

    /// The low 64 bits of `value` in this type; bits above the type's own mean nothing.
    pub fn encode(self, value: Value, overflow: Overflow) -> u64 {
        let (low, high) = self.range();
        match (value, overflow) {
            (Value::Int(x), Overflow::Wrap) => x as u64,
            (Value::Uint(x), Overflow::Wrap) => x,
            (Value::Int(x), Overflow::Saturate) => i128::from(x).clamp(low, high) as u64,
            (Value::Uint(x), Overflow::Saturate) => i128::from(x).clamp(low, high) as u64,
            (_, Overflow::Wrap) => self.wrap(value.to_f64()),
            (_, Overflow::Saturate) => (value.to_f64() as i128).clamp(low, high) as u64,
        }
    }

    /// A float in the manner of an x86-64 processor; see [`Overflow::Wrap`].
    #[inline(always)]
    pub fn wrap(self, x: f64) -> u64 {
        match (self.bits, self.signed) {
            (64, false) => wrap_to_u64(x),
            (64, true) | (32, false) => wrap_to_i64(x) as u64,
            _ => wrap_to_i32(x) as u64,
        }
    }
}

/// Toward zero, or `i32::MIN` where that does not fit.
#[inline(always)]
pub fn wrap_to_i32(x: f64) -> i32 {
    if x > -2147483649.0 && x < 2147483648.0 { x as i32 } else { i32::MIN }
}

/// Toward zero, or `i64::MIN` where that does not fit.
#[inline(always)]
pub fn wrap_to_i64(x: f64) -> i64 {
    if (-9223372036854775808.0..9223372036854775808.0).contains(&x) { x as i64 } else { i64::MIN }
}

/// Toward zero and modulo 2^64 within [-2^63, 2^64), else 2^63.
#[inline(always)]
pub fn wrap_to_u64(x: f64) -> u64 {
    if x < 9223372036854775808.0 {
        wrap_to_i64(x) as u64
    } else if x < 18446744073709551616.0 {
        x as u64
    } else {
        1 << 63
    }
}

fn clamp(value: Value, low: f64, high: f64) -> Value {
    match value {
        Value::F32(x) => Value::F32(x.clamp(low as f32, high as f32)),
        Value::F64(x) => Value::F64(x.clamp(low, high)),
        integer => Value::F32(integer.to_f32().clamp(low as f32, high as f32)),
    }
}

fn low_bits(bits: u8) -> u64 {
    u64::MAX >> (64 - u32::from(bits))
}

fn sign_extend(raw: u64, bits: u8) -> i64 {
    let above = 64 - u32::from(bits);
    (raw << above) as i64 >> above
}
