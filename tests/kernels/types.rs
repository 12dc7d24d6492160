//! Types as kernels are told them, and what numbers become by the library's own rules.

use ndferry::dtype::float::Format;
use ndferry::dtype::{Overflow, Scalar, Value, scalar};

use crate::Random;
use crate::params::{FACTORS, Numbers};

pub const BOOL: Scalar = Scalar::Bool;
pub const F16: Scalar = Scalar::Float16;
pub const F32: Scalar = Scalar::Float32;
pub const F64: Scalar = Scalar::Float64;
pub const BF16: Scalar = Scalar::Small(Format::BFLOAT16);
pub const E4M3FN: Scalar = Scalar::Small(Format::FLOAT8_E4M3FN);
pub const E5M2: Scalar = Scalar::Small(Format::FLOAT8_E5M2);

const IEEE: u32 = 0;
const FN: u32 = 1;
const FNUZ: u32 = 2;
const FINITE: u32 = 3;
const SCALE: u32 = 4;

/// Exponent bits, mantissa bits, bias, and which codes are special.
const SMALL: [(Format, [u32; 4]); 13] = [
    (Format::FLOAT16, [5, 10, 15, IEEE]),
    (Format::BFLOAT16, [8, 7, 127, IEEE]),
    (Format::FLOAT8_E3M4, [3, 4, 3, IEEE]),
    (Format::FLOAT8_E4M3, [4, 3, 7, IEEE]),
    (Format::FLOAT8_E4M3B11FNUZ, [4, 3, 11, FNUZ]),
    (Format::FLOAT8_E4M3FN, [4, 3, 7, FN]),
    (Format::FLOAT8_E4M3FNUZ, [4, 3, 8, FNUZ]),
    (Format::FLOAT8_E5M2, [5, 2, 15, IEEE]),
    (Format::FLOAT8_E5M2FNUZ, [5, 2, 16, FNUZ]),
    (Format::FLOAT8_E8M0FNU, [8, 0, 127, SCALE]),
    (Format::FLOAT6_E2M3FN, [2, 3, 1, FINITE]),
    (Format::FLOAT6_E3M2FN, [3, 2, 3, FINITE]),
    (Format::FLOAT4_E2M1FN, [2, 1, 1, FINITE]),
];

/// The code of a type.
pub fn code(scalar: Scalar) -> u32 {
    let (kind, [exponent, mantissa, bias, special]) = match scalar {
        Scalar::Bool => (1, [0; 4]),
        Scalar::Uint(_) => (2, [0; 4]),
        Scalar::Int(_) => (3, [0; 4]),
        Scalar::Small(format) => {
            (4, SMALL.iter().find(|(known, _)| *known == format).expect("a known float").1)
        }
        Scalar::Float16 => (5, [5, 10, 15, IEEE]),
        Scalar::Float32 => (6, [0; 4]),
        Scalar::Float64 => (7, [0; 4]),
    };
    scalar.bits() | kind << 8 | exponent << 12 | mantissa << 16 | special << 20 | bias << 24
}

/// The code of so many bits that stay what they are.
pub fn word(bits: u32) -> u32 {
    bits
}

pub fn all() -> Vec<Scalar> {
    let mut all = vec![BOOL, F16, F32, F64];
    all.extend([2, 4, 8, 16, 32, 64].into_iter().flat_map(|bits| [Scalar::Int(bits), Scalar::Uint(bits)]));
    all.extend(SMALL.map(|(format, _)| Scalar::Small(format)));
    all
}

pub fn of_whole_bytes() -> Vec<Scalar> {
    all().into_iter().filter(|scalar| scalar.bits() % 8 == 0).collect()
}

pub fn bytes(scalar: Scalar) -> i64 {
    i64::from(scalar.bits().div_ceil(8))
}

/// Every pattern of types of up to 16 bits; of others at least `count`, many of them at an edge.
pub fn patterns(scalar: Scalar, count: u64, random: &mut Random) -> Vec<u64> {
    let bits = scalar.bits();
    if bits <= 16 {
        return (0..1 << bits).collect();
    }
    let number = |x: f64| scalar::convert(F64, x.to_bits(), scalar, Overflow::Wrap);
    let edges = [
        0.0, 0.5, 1.0, 127.0, 128.0, 255.0, 256.0, 32767.0, 32768.0, 65535.0, 65536.0, 448.0, 464.0, 65519.99,
    ];
    let more = [
        2147483647.0,
        2147483648.0,
        4294967295.0,
        4294967296.0,
        9223372036854775808.0,
        18446744073709551616.0,
    ];
    let tiny =
        [1e-5, 6e-8, 2.9e-8, 1e-40, 1e-45, 5e-324, 3.4028235677973366e38, 1e300, f64::INFINITY, f64::NAN];
    let mut all = Vec::new();
    for x in edges.into_iter().chain(more).chain(tiny).flat_map(|x| [x, -x]) {
        all.extend([-2, -1, 0, 1, 2].map(|by| number(x).wrapping_add_signed(by)));
        all.push(number(x.next_up()));
        all.push(number(x.next_down()));
    }
    for _ in 0..count {
        let (x, k) = (random.next(), random.below(64) as u32);
        all.push(match x % 8 {
            0 => number((x >> 8) as i8 as f64 / 2.0),
            1 => number((x >> 4 >> k) as i64 as f64),
            2 => 1u64.rotate_left(k),
            3 => !(1u64 << k),
            // Floats that other types nearly hold: few bits of mantissa, a usual exponent.
            4 if bits == 32 => u64::from(
                (f32::from_bits(x as u32 & 0x800f_ffff) * 0.0).to_bits()
                    | ((x as u32 >> 9 & 0x3f) + 96) << 23
                    | x as u32 & 0x007f_e000,
            ),
            4 => (x & 0x800f_fff0_0000_0000) | ((x >> 32 & 0x3f) + 990) << 52,
            _ => x,
        });
    }
    all.iter_mut().for_each(|x| *x &= u64::MAX >> (64 - bits));
    all
}

/// Scale and bias of numbers, each there or not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Factor {
    pub scale: Option<f64>,
    pub bias: Option<f64>,
}

/// What kernels are told of a conversion, with factors of its own that are none.
pub fn numbers(source: Scalar, target: Scalar, overflow: Overflow, is_scaled: bool) -> Numbers {
    let computed = compute_type(source, target);
    let origin = if is_scaled { computed } else { source };
    let clamps = !target.is_float() || target.is_narrower_than(origin);
    let (low, high) = target.float_range().unwrap_or_default();
    Numbers {
        source: code(source),
        target: code(target),
        saturate: u32::from(clamps && overflow == Overflow::Saturate),
        scaled: if is_scaled { computed.bits() } else { 0 },
        low,
        high,
        first: 0,
        pairs: 0,
        own: [[1.0, -0.0]; FACTORS],
    }
}

fn compute_type(source: Scalar, target: Scalar) -> Scalar {
    if target.is_float() && target != F64 && source.fits_f32() { F32 } else { F64 }
}

/// What the library makes of the number in `raw`.
pub fn expected(source: Scalar, raw: u64, target: Scalar, overflow: Overflow, factor: Option<Factor>) -> u64 {
    let Some(Factor { scale, bias }) = factor else { return scalar::convert(source, raw, target, overflow) };
    let (value, scale) = (source.decode(raw), scale.unwrap_or(1.0));
    let (value, computed) = if compute_type(source, target) == F32 {
        let y = value.to_f32() * scale as f32;
        (Value::F32(bias.map_or(y, |bias| y + bias as f32)), F32)
    } else {
        let y = value.to_f64() * scale;
        (Value::F64(bias.map_or(y, |bias| y + bias)), F64)
    };
    let clamps = !target.is_float() || target.is_narrower_than(computed);
    target.encode(value, if clamps { overflow } else { Overflow::Wrap })
}
