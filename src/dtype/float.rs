//! Floats of at most 16 bits, described by a few numbers and rounded by one algorithm.
//!
//! Every operation is exact integer or float32 arithmetic on normal numbers, so the results do not depend on
//! whether the host program has told the processor to flush subnormals.

/// Which codes are not ordinary numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Special {
    /// The top exponent holds infinity and NaNs, as in IEEE 754.
    Ieee,
    /// No infinity; all ones is NaN.
    Fn,
    /// No infinity, no negative zero; the code of negative zero is NaN.
    Fnuz,
    /// Neither infinity nor NaN: overflow gives the largest number, NaN a zero with the opposite sign.
    Finite,
    /// Only an exponent: no sign, no zero, all ones is NaN.
    Scale,
}

/// A binary float format of at most 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    exponent_bits: u32,
    mantissa_bits: u32,
    bias: i32,
    special: Special,
}

use Special::*;

impl Format {
    const fn new(exponent_bits: u32, mantissa_bits: u32, bias: i32, special: Special) -> Self {
        Self { exponent_bits, mantissa_bits, bias, special }
    }

    /// `float16`.
    pub const FLOAT16: Self = Self::new(5, 10, 15, Ieee);
    /// `bfloat16`.
    pub const BFLOAT16: Self = Self::new(8, 7, 127, Ieee);
    /// `float8_e3m4`.
    pub const FLOAT8_E3M4: Self = Self::new(3, 4, 3, Ieee);
    /// `float8_e4m3`.
    pub const FLOAT8_E4M3: Self = Self::new(4, 3, 7, Ieee);
    /// `float8_e4m3b11fnuz`.
    pub const FLOAT8_E4M3B11FNUZ: Self = Self::new(4, 3, 11, Fnuz);
    /// `float8_e4m3fn`.
    pub const FLOAT8_E4M3FN: Self = Self::new(4, 3, 7, Fn);
    /// `float8_e4m3fnuz`.
    pub const FLOAT8_E4M3FNUZ: Self = Self::new(4, 3, 8, Fnuz);
    /// `float8_e5m2`.
    pub const FLOAT8_E5M2: Self = Self::new(5, 2, 15, Ieee);
    /// `float8_e5m2fnuz`.
    pub const FLOAT8_E5M2FNUZ: Self = Self::new(5, 2, 16, Fnuz);
    /// `float8_e8m0fnu`.
    pub const FLOAT8_E8M0FNU: Self = Self::new(8, 0, 127, Scale);
    /// `float6_e2m3fn`.
    pub const FLOAT6_E2M3FN: Self = Self::new(2, 3, 1, Finite);
    /// `float6_e3m2fn`.
    pub const FLOAT6_E3M2FN: Self = Self::new(3, 2, 3, Finite);
    /// `float4_e2m1fn`.
    pub const FLOAT4_E2M1FN: Self = Self::new(2, 1, 1, Finite);

    /// Bits of the exponent and of the mantissa, what is subtracted from the exponent, and the special codes.
    pub const fn anatomy(self) -> (u32, u32, i32, Special) {
        (self.exponent_bits, self.mantissa_bits, self.bias, self.special)
    }

    /// Bits of one number.
    pub const fn bits(self) -> u32 {
        (!matches!(self.special, Scale)) as u32 + self.exponent_bits + self.mantissa_bits
    }

    /// The sign bit; 0 in a format without one.
    const fn sign(self) -> u32 {
        if matches!(self.special, Scale) { 0 } else { 1 << (self.exponent_bits + self.mantissa_bits) }
    }

    /// All bits but the sign.
    const fn magnitude_mask(self) -> u32 {
        (1 << (self.exponent_bits + self.mantissa_bits)) - 1
    }

    /// The code of infinity in an IEEE format.
    const fn top_exponent(self) -> u32 {
        ((1 << self.exponent_bits) - 1) << self.mantissa_bits
    }

    /// The code of the largest finite number.
    const fn max_code(self) -> u32 {
        match self.special {
            Ieee => self.top_exponent() - 1,
            Fn | Scale => self.magnitude_mask() - 1,
            Fnuz | Finite => self.magnitude_mask(),
        }
    }

    /// What a number too large becomes.
    const fn overflow_code(self) -> u32 {
        match self.special {
            Ieee => self.top_exponent(),
            Fn | Fnuz | Scale => self.nan_code(),
            Finite => self.max_code(),
        }
    }

    /// The quiet NaN with a clear sign, or what stands in for it.
    const fn nan_code(self) -> u32 {
        match self.special {
            Ieee => self.top_exponent() | 1 << (self.mantissa_bits - 1),
            Fn | Scale => self.magnitude_mask(),
            Fnuz | Finite => self.sign(),
        }
    }

    /// The largest finite number.
    pub const fn max(self) -> f32 {
        self.decode(self.max_code())
    }

    /// The smallest finite number: the opposite of the largest, or the smallest power of two without a sign.
    pub const fn lowest(self) -> f32 {
        if matches!(self.special, Scale) { self.decode(0) } else { -self.max() }
    }

    /// The value of `code`, exactly. A NaN of [`Self::FLOAT16`] and [`Self::BFLOAT16`] keeps its payload; other
    /// formats have one quiet NaN of either sign.
    #[inline(always)]
    pub const fn decode(self, code: u32) -> f32 {
        let magnitude = code & self.magnitude_mask();
        let shift = 23 - self.mantissa_bits;
        let sign = if self.sign() == 0 { 0 } else { (code & self.sign()) << (31 - self.sign().ilog2()) };
        if matches!(self.special, Scale) {
            let bits = if magnitude == 0 { 1 << 22 } else { magnitude << 23 };
            return f32::from_bits(if magnitude == self.nan_code() { 0x7fc0_0000 } else { bits });
        }
        let normal = (magnitude << shift) + (((127 - self.bias) as u32) << 23);
        // Below the smallest normal number a code counts multiples of the smallest subnormal one. Formats with
        // float32's exponent need no case of their own.
        let subnormal =
            (magnitude as f32 * power_of_two(1 - self.bias - self.mantissa_bits as i32)).to_bits();
        let wide = if self.bias < 127 && magnitude < 1 << self.mantissa_bits { subnormal } else { normal };
        let wide = match self.special {
            Ieee if self.mantissa_bits >= 7 => {
                if magnitude >= self.top_exponent() {
                    0x7f80_0000 | (magnitude << shift)
                } else {
                    wide
                }
            }
            Ieee if magnitude > self.top_exponent() => 0x7fc0_0000,
            Ieee if magnitude == self.top_exponent() => 0x7f80_0000,
            Fn if magnitude == self.nan_code() => 0x7fc0_0000,
            Fnuz if code == self.nan_code() => 0x7fc0_0000,
            _ => wide,
        };
        f32::from_bits((wide & 0x7fff_ffff) | sign)
    }

    /// The code nearest to `x`, ties to even; too large becomes infinity, NaN or the largest number as the format
    /// has it, and NaN becomes the quiet NaN of the same sign. Zero and negative numbers have no [`Scale`] code
    /// and become NaN.
    #[inline(always)]
    pub const fn encode(self, x: f32) -> u32 {
        let bits = x.to_bits();
        let magnitude = bits & 0x7fff_ffff;
        let shift = 23 - self.mantissa_bits;
        // Rounding looks at the last bit that stays. Without a mantissa that is the implicit leading one.
        let odd =
            if self.mantissa_bits == 0 { (magnitude >= 1 << 23) as u32 } else { (magnitude >> shift) & 1 };
        let rebias = ((127 - self.bias) as u32) << self.mantissa_bits;
        let normal = ((magnitude + (1 << (shift - 1)) - 1 + odd) >> shift).wrapping_sub(rebias);
        // Adding a number whose last bit weighs as much as the smallest subnormal one makes the adder round.
        let subnormal = if self.bias < 127 {
            let round = power_of_two(1 - self.bias - self.mantissa_bits as i32 + 23);
            (f32::from_bits(magnitude) + round).to_bits().wrapping_sub(round.to_bits())
        } else {
            normal
        };
        let smallest_normal = ((128 - self.bias) as u32) << 23;
        let code = if magnitude < smallest_normal { subnormal } else { normal };
        let code =
            if magnitude >= 0x7f80_0000 || code > self.max_code() { self.overflow_code() } else { code };
        let code = if magnitude > 0x7f80_0000 { self.nan_code() } else { code };
        match self.special {
            Scale if bits == 0 || bits >> 31 != 0 => self.nan_code(),
            Scale => code,
            Fnuz if code & self.magnitude_mask() == 0 => code,
            _ => code ^ ((bits >> 31) * self.sign()),
        }
    }
}

/// 2^`exponent`, a normal float32.
const fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127) as u32) << 23)
}

/// float32 to float16 as NumPy does it: [`Format::encode`], but a NaN keeps the top of its payload.
#[inline(always)]
pub const fn half_from_f32(x: f32) -> u32 {
    let bits = x.to_bits();
    let nan = 0x7c00 | ((bits >> 13) & 0x3ff);
    let nan = if nan == 0x7c00 { 0x7c01 } else { nan };
    if bits & 0x7fff_ffff > 0x7f80_0000 { nan | ((bits >> 16) & 0x8000) } else { Format::FLOAT16.encode(x) }
}

/// float64 to float16 in one rounding, as NumPy does it; a NaN keeps the top of its payload.
#[inline(always)]
pub const fn half_from_f64(x: f64) -> u32 {
    let bits = x.to_bits();
    let magnitude = bits & (u64::MAX >> 1);
    let sign = ((bits >> 48) & 0x8000) as u32;
    let normal =
        ((magnitude + (1 << 41) - 1 + ((magnitude >> 42) & 1)) >> 42).wrapping_sub((1023 - 15) << 10);
    let round = f64::from_bits((1023 - 14 - 10 + 52) << 52);
    let subnormal = (f64::from_bits(magnitude) + round).to_bits().wrapping_sub(round.to_bits());
    let code = if magnitude < (1023 - 14) << 52 { subnormal } else { normal };
    let code = if magnitude >= 0x7ff << 52 || code > 0x7c00 { 0x7c00 } else { code };
    let nan = 0x7c00 | ((bits >> 42) & 0x3ff);
    let nan = if nan == 0x7c00 { 0x7c01 } else { nan };
    sign | if magnitude > 0x7ff << 52 { nan } else { code } as u32
}

/// float16 to float64 as NumPy does it: a signalling NaN stays signalling.
#[inline(always)]
pub const fn half_to_f64(code: u32) -> f64 {
    let magnitude = (code & 0x7fff) as u64;
    let normal = (magnitude << 42) + ((1023 - 15) << 52);
    let subnormal = (magnitude as u32 as f64 * f64::from_bits((1023 - 24) << 52)).to_bits();
    let special = (0x7ff << 52) | (magnitude << 42);
    let wide = if magnitude < 0x400 { subnormal } else { normal };
    let wide = if magnitude >= 0x7c00 { special } else { wide };
    f64::from_bits(wide | ((code as u64 & 0x8000) << 48))
}
