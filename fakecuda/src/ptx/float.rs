//! Floating-point formats, exactly: every value of every type is a sign, a significand and an exponent, and one function
//! rounds it to any format.
//!
//! What becomes of NaN is NVIDIA's, as far as it is known:
//! - results of float32 arithmetic are 0x7fffffff (CUDA's programming guide);
//! - what becomes float16 or bfloat16 is 0x7fff, e4m3 and e5m2 0x7f, and float16 becomes 0x7fffffff in float32 (the portable
//!   twins of the instructions in CUDA's headers for these types);
//! - a NaN becomes the integer 0, but the highest bit alone where the source is f64 or the integer has 64 bits (PTX's
//!   description of `cvt`).
//!
//! Assumed, to be confirmed on a GPU: float64 arithmetic gives the first operand that is NaN, made quiet, and
//! 0xfff8000000000000 where no operand was NaN; float32 and bfloat16 keep sign and payload when they become wider; float64
//! becomes 0x7fffffff in float32. Nothing that ndferry ships may depend on these.

use super::types::Float;

/// A number, apart from its format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value {
    Nan,
    Infinite {
        negative: bool,
    },
    /// `significand` times two to the power of `exponent`.
    Finite {
        negative: bool,
        significand: u64,
        exponent: i32,
    },
}

/// Which neighbour an inexact value becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Round {
    /// The nearest; of two, the one whose last bit is zero.
    Nearest,
    Zero,
    Down,
    Up,
}

impl Float {
    pub(super) fn mantissa_bits(self) -> u32 {
        match self {
            Self::F16 => 10,
            Self::Bf16 => 7,
            Self::F32 => 23,
            Self::F64 => 52,
            Self::E4m3 => 3,
            Self::E5m2 => 2,
        }
    }

    fn exponent_bits(self) -> u32 {
        8 * u32::from(self.bytes()) - 1 - self.mantissa_bits()
    }

    fn sign(self) -> u64 {
        1 << (8 * self.bytes() - 1)
    }

    /// The exponent of the last bit of the smallest numbers.
    fn smallest(self) -> i32 {
        2 - (1 << (self.exponent_bits() - 1)) - self.mantissa_bits() as i32
    }

    /// What an arithmetic result that is no number looks like.
    pub(super) fn nan(self) -> u64 {
        match self {
            Self::F64 => 0xfff8_0000_0000_0000,
            _ => self.sign() - 1,
        }
    }

    /// The bits of infinity; e4m3 has none, and these are one more than its largest number's.
    pub(super) fn infinity(self) -> u64 {
        match self {
            Self::E4m3 => 0x7f,
            _ => ((1 << self.exponent_bits()) - 1) << self.mantissa_bits(),
        }
    }

    pub(super) fn decode(self, bits: u64) -> Value {
        let negative = bits & self.sign() != 0;
        let magnitude = bits & (self.sign() - 1);
        if magnitude > self.infinity() || (self == Self::E4m3 && magnitude == self.infinity()) {
            return Value::Nan;
        }
        if magnitude == self.infinity() {
            return Value::Infinite { negative };
        }
        let biased = magnitude >> self.mantissa_bits();
        let fraction = magnitude & ((1 << self.mantissa_bits()) - 1);
        let significand = if biased == 0 { fraction } else { fraction | 1 << self.mantissa_bits() };
        Value::Finite { negative, significand, exponent: self.smallest() + biased.saturating_sub(1) as i32 }
    }

    /// The bits of a value. What is too large becomes infinity or, if `finite`, the largest number; so it does where
    /// rounding leads away from infinity.
    pub(super) fn encode(self, value: Value, round: Round, finite: bool) -> u64 {
        let largest = self.infinity() - 1;
        let signed =
            |negative: bool, magnitude: u64| if negative { magnitude | self.sign() } else { magnitude };
        let (negative, significand, exponent) = match value {
            Value::Nan => return self.nan(),
            Value::Infinite { negative } if finite => return signed(negative, largest),
            Value::Infinite { negative } => return signed(negative, self.infinity()),
            Value::Finite { negative, significand, exponent } => (negative, significand, exponent),
        };
        let highest = exponent + 63 - significand.leading_zeros() as i32;
        let unit = (highest - self.mantissa_bits() as i32).max(self.smallest());
        let units = round_to(significand, unit - exponent, round, negative);
        // A significand that rounding carries into the next power of two carries into the exponent by the same addition.
        let steps = (unit - self.smallest()) as u64;
        let magnitude = match units {
            0 => 0,
            _ if steps >= 1 << self.exponent_bits() => u64::MAX,
            _ => (steps << self.mantissa_bits()) + units,
        };
        if magnitude <= largest {
            return signed(negative, magnitude);
        }
        let inward = match round {
            Round::Nearest => false,
            Round::Zero => true,
            Round::Down => !negative,
            Round::Up => negative,
        };
        signed(negative, if finite || inward { largest } else { self.infinity() })
    }
}

/// `significand` divided by two to the power of `shift`, as an integer.
fn round_to(significand: u64, shift: i32, round: Round, negative: bool) -> u64 {
    if shift <= 0 {
        return significand << -shift;
    }
    let (whole, rest, half) = match shift {
        1..=63 => (significand >> shift, significand & ((1 << shift) - 1), 1 << (shift - 1)),
        64 => (0, significand, 1 << 63),
        _ => (0, significand.min(1), 2),
    };
    let up = match round {
        Round::Nearest => rest > half || (rest == half && whole & 1 == 1),
        Round::Zero => false,
        Round::Down => negative && rest != 0,
        Round::Up => !negative && rest != 0,
    };
    whole + u64::from(up)
}

impl Value {
    pub(super) fn integer(value: i128) -> Self {
        Self::Finite { negative: value < 0, significand: value.unsigned_abs() as u64, exponent: 0 }
    }

    /// Rounded to an integer; zero keeps the sign.
    pub(super) fn whole(self, round: Round) -> Self {
        match self {
            Self::Finite { negative, significand, exponent } if exponent < 0 => {
                let significand = round_to(significand, -exponent, round, negative);
                Self::Finite { negative, significand, exponent: 0 }
            }
            other => other,
        }
    }

    /// Held between 0 and 1; what is no number becomes 0.
    pub(super) fn saturated(self) -> Self {
        let zero = Self::integer(0);
        match self {
            Self::Nan | Self::Infinite { negative: true } | Self::Finite { negative: true, .. } => zero,
            Self::Infinite { .. } => Self::integer(1),
            Self::Finite { significand: 0, .. } => zero,
            Self::Finite { significand, exponent, .. } => {
                let highest = exponent + 63 - significand.leading_zeros() as i32;
                if highest >= 0 { Self::integer(1) } else { self }
            }
        }
    }

    /// 0 if negative.
    pub(super) fn clipped(self) -> Self {
        match self {
            Self::Infinite { negative: true } | Self::Finite { negative: true, .. } => Self::integer(0),
            other => other,
        }
    }

    /// The integer that this rounds to, held within the bounds; `nan` if it is none.
    pub(super) fn to_integer(self, round: Round, least: i128, most: i128, nan: i128) -> i128 {
        let (negative, significand, exponent) = match self {
            Self::Nan => return nan,
            Self::Infinite { negative } => return if negative { least } else { most },
            Self::Finite { negative, significand, exponent } => (negative, significand, exponent),
        };
        let magnitude = match exponent {
            _ if significand == 0 => 0,
            64.. => i128::MAX,
            0..64 => i128::from(significand) << exponent,
            _ => i128::from(round_to(significand, -exponent, round, negative)),
        };
        (if negative { -magnitude } else { magnitude }).clamp(least, most)
    }
}
