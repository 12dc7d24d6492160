//! `cvt`: from every type to every other.

use super::{
    float::{Round, Value},
    step::Function,
    types::{Float, Type},
};

/// A conversion as its suffixes ask for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Conversion {
    pub to: Type,
    pub from: Type,
    /// Rounding of a result that is a float.
    pub round: Option<Round>,
    /// Rounding to an integer, whose type may be a float's.
    pub whole: Option<Round>,
    /// `.sat`: integers are held within their bounds, floats between 0 and 1.
    pub saturate: bool,
    /// `.satfinite`: no result is infinite.
    pub finite: bool,
    /// `.relu`: what is negative becomes 0.
    pub clip: bool,
}

impl Conversion {
    /// Whether instructions may ask for this.
    pub(super) fn is_known(&self) -> bool {
        let floats = |kind| matches!(kind, Type::Float(Float::F16 | Float::Bf16 | Float::F32 | Float::F64));
        let narrow = |float| matches!(float, Float::E4m3 | Float::E5m2);
        let scalar = |kind| floats(kind) || matches!(kind, Type::Unsigned(_) | Type::Signed(_));
        match (self.to, self.from) {
            (Type::Pair(to), Type::Float(Float::F32)) => self.round.is_some() && narrow(to) == self.finite,
            (Type::Pair(to), Type::Pair(Float::F16)) => narrow(to) && self.finite && self.round.is_some(),
            (Type::Pair(Float::F16), Type::Pair(from)) => narrow(from) && self.round.is_some(),
            (to, from) if scalar(to) && scalar(from) => {
                let (to_float, from_float) = (floats(to), floats(from));
                let narrows = to_float && (!from_float || to.bytes() < from.bytes());
                let to_whole = from_float && (!to_float || self.whole.is_some());
                self.round.is_some() == narrows && self.whole.is_some() == to_whole && !self.finite
            }
            _ => false,
        }
    }

    /// Of a pair, `a` is the upper half.
    pub(super) fn convert(&self, a: u64, b: u64) -> u64 {
        let (Type::Pair(to), from) = (self.to, self.from) else { return self.scalar(a) };
        let half = |bits, from: Float| self.encode(from.decode(bits), to);
        let (upper, lower) = match from {
            Type::Pair(from) => {
                let mask = (1 << (8 * from.bytes())) - 1;
                (half(a >> (8 * from.bytes()) & mask, from), half(a & mask, from))
            }
            _ => (half(a, Float::F32), half(b, Float::F32)),
        };
        upper << (8 * to.bytes()) | lower
    }

    fn scalar(&self, bits: u64) -> u64 {
        match (self.to, self.from) {
            (Type::Float(Float::F64), Type::Float(Float::F32)) => return widened(bits),
            (Type::Float(Float::F32), Type::Float(Float::Bf16)) => return bits << 16 & 0xffff_ffff,
            _ => {}
        }
        let value = match self.from {
            Type::Float(from) => from.decode(bits),
            from => Value::integer(integer(bits, from)),
        };
        match self.to {
            Type::Float(to) => self.encode(value, to),
            to => self.to_integer(value, to),
        }
    }

    fn encode(&self, value: Value, to: Float) -> u64 {
        let value = self.whole.map_or(value, |round| value.whole(round));
        let value = if self.saturate { value.saturated() } else { value };
        let value = if self.clip { value.clipped() } else { value };
        to.encode(value, self.round.unwrap_or(Round::Nearest), self.finite)
    }

    fn to_integer(self, value: Value, to: Type) -> u64 {
        let bits = 8 * u32::from(to.bytes());
        let signed = matches!(to, Type::Signed(_));
        let is_float = matches!(self.from, Type::Float(_));
        if !is_float && !self.saturate {
            return extend(value.to_integer(Round::Zero, i128::MIN, i128::MAX, 0) as u64, to);
        }
        let least = if signed { -(1i128 << (bits - 1)) } else { 0 };
        let most = least + (1i128 << bits) - 1;
        let highest = self.from == Type::Float(Float::F64) || bits == 64;
        let nan = if highest { 1i128 << (bits - 1) } else { 0 };
        extend(value.to_integer(self.whole.unwrap_or(Round::Zero), least, most, nan) as u64, to)
    }
}

/// The value of an integer's bits.
fn integer(bits: u64, kind: Type) -> i128 {
    match kind {
        Type::Signed(_) => i128::from(extend(bits, kind) as i64),
        _ => i128::from(extend(bits, kind)),
    }
}

/// The low bits of a register, extended as their type says.
pub(super) fn extend(bits: u64, kind: Type) -> u64 {
    let unused = 64 - 8 * u32::from(kind.bytes());
    match kind {
        Type::Signed(_) => ((bits << unused) as i64 >> unused) as u64,
        _ => bits << unused >> unused,
    }
}

/// A float32 as float64.
fn widened(bits: u64) -> u64 {
    let value = f32::from_bits(bits as u32);
    if value.is_nan() {
        let (sign, payload) = (bits >> 31 & 1, bits & 0x7f_ffff);
        return sign << 63 | 0x7ff8 << 48 | payload << 29;
    }
    f64::from(value).to_bits()
}

/// The conversions that the processor has too, at its speed.
pub(super) fn native(conversion: &Conversion) -> Option<Function> {
    let plain = Conversion { round: None, whole: None, ..*conversion };
    if plain.saturate || plain.finite || plain.clip {
        return None;
    }
    match (conversion.from, conversion.to, conversion.round, conversion.whole) {
        (Type::Float(Float::F32), Type::Float(Float::F64), None, None) => Some(|a, _, _, _| widened(a)),
        (Type::Float(Float::F64), Type::Float(Float::F32), Some(Round::Nearest), None) => {
            Some(|a, _, _, _| single(f64::from_bits(a) as f32))
        }
        (from, Type::Float(to), Some(Round::Nearest), None) => from_integer(from, to),
        (from, to, None, None) => between_integers(from, to),
        _ => None,
    }
}

fn single(value: f32) -> u64 {
    if value.is_nan() { Float::F32.nan() } else { u64::from(value.to_bits()) }
}

macro_rules! chosen {
    ($kind:expr, $function:ident $(, $more:ty)?) => {
        Some(match $kind {
            Type::Unsigned(1) => $function::<u8 $(, $more)?>,
            Type::Unsigned(2) => $function::<u16 $(, $more)?>,
            Type::Unsigned(4) => $function::<u32 $(, $more)?>,
            Type::Unsigned(8) => $function::<u64 $(, $more)?>,
            Type::Signed(1) => $function::<i8 $(, $more)?>,
            Type::Signed(2) => $function::<i16 $(, $more)?>,
            Type::Signed(4) => $function::<i32 $(, $more)?>,
            Type::Signed(8) => $function::<i64 $(, $more)?>,
            _ => return None,
        })
    };
}

/// An integer type of the processor.
trait Native {
    fn extended(bits: u64) -> u64;
    fn single(bits: u64) -> f32;
    fn double(bits: u64) -> f64;
}

macro_rules! natives {
    ($($type:ty)*) => {$(
        impl Native for $type {
            fn extended(bits: u64) -> u64 { bits as $type as i64 as u64 }
            fn single(bits: u64) -> f32 { bits as $type as f32 }
            fn double(bits: u64) -> f64 { bits as $type as f64 }
        }
    )*};
}

natives! { u8 u16 u32 u64 i8 i16 i32 i64 }

fn to_single<From: Native>(a: u64, _: u64, _: u64, _: u64) -> u64 {
    From::single(a).to_bits().into()
}

fn to_double<From: Native>(a: u64, _: u64, _: u64, _: u64) -> u64 {
    From::double(a).to_bits()
}

fn resized<To: Native, From: Native>(a: u64, _: u64, _: u64, _: u64) -> u64 {
    To::extended(From::extended(a))
}

fn from_integer(from: Type, to: Float) -> Option<Function> {
    match to {
        Float::F32 => chosen!(from, to_single),
        Float::F64 => chosen!(from, to_double),
        _ => None,
    }
}

fn between_integers(from: Type, to: Type) -> Option<Function> {
    match from {
        Type::Unsigned(1) => chosen!(to, resized, u8),
        Type::Unsigned(2) => chosen!(to, resized, u16),
        Type::Unsigned(4) => chosen!(to, resized, u32),
        Type::Unsigned(8) => chosen!(to, resized, u64),
        Type::Signed(1) => chosen!(to, resized, i8),
        Type::Signed(2) => chosen!(to, resized, i16),
        Type::Signed(4) => chosen!(to, resized, i32),
        Type::Signed(8) => chosen!(to, resized, i64),
        _ => None,
    }
}
