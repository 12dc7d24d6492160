//! Every cast that NumPy and ml_dtypes know, bit for bit, over every value of up to 16 bits and a quarter of a million
//! wider ones. `data/casts.py` builds the same inputs and wrote the checksums in `data/casts.txt`.

use ndferry::dtype::{DType, float::Format};
use ndferry::dtype::{Overflow, Scalar, Value, code, scalar};

const COUNT: u64 = 1 << 18;

fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E3779B97F4A7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58476D1CE4E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D049BB133111EB);
    x ^ (x >> 31)
}

fn dtype(name: &str) -> DType {
    let floats = [
        ("float8_e3m4", code::FLOAT8_E3M4),
        ("float8_e4m3", code::FLOAT8_E4M3),
        ("float8_e4m3b11fnuz", code::FLOAT8_E4M3B11FNUZ),
        ("float8_e4m3fn", code::FLOAT8_E4M3FN),
        ("float8_e4m3fnuz", code::FLOAT8_E4M3FNUZ),
        ("float8_e5m2", code::FLOAT8_E5M2),
        ("float8_e5m2fnuz", code::FLOAT8_E5M2FNUZ),
        ("float8_e8m0fnu", code::FLOAT8_E8M0FNU),
        ("float6_e2m3fn", code::FLOAT6_E2M3FN),
        ("float6_e3m2fn", code::FLOAT6_E3M2FN),
        ("float4_e2m1fn", code::FLOAT4_E2M1FN),
        ("bfloat16", code::BFLOAT),
        ("bool", code::BOOL),
    ];
    let letters = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
    let digits: String = name[letters..].chars().take_while(char::is_ascii_digit).collect();
    let bits = digits.parse().unwrap_or(8);
    let known = floats.iter().find(|(known, _)| *known == name).map(|(_, code)| *code);
    let code = known.unwrap_or_else(|| match &name[..letters] {
        "int" => code::INT,
        "uint" => code::UINT,
        "float" => code::FLOAT,
        "complex" => code::COMPLEX,
        _ => panic!("{name}"),
    });
    DType::new(code, bits)
}

/// What `patterns` of casts.py gives.
fn patterns(scalar: Scalar) -> Vec<u64> {
    let bits = scalar.bits();
    if bits <= 16 {
        return (0..1 << bits).collect();
    }
    let float = |i: u64, h: u64| {
        let (mantissa, bias) = if bits == 32 { (23, 127) } else { (52, 1023) };
        let exponent = bias - 40 + (h >> 32) % 64;
        let kept = mantissa - 2 - (h >> 40) % 12;
        let tie = ((h % (1 << mantissa)) >> kept) << kept;
        let near = ((h >> 63) << (bits - 1)) + (exponent << mantissa) + tie;
        if i % 4 < 2 { h } else { near.wrapping_add((h >> 60) % 3).wrapping_sub(1) }
    };
    let integer = |i: u64, h: u64| {
        let raw = if i % 4 < 2 { h >> (i % 64) } else { !(h >> (i % 61)) };
        raw.wrapping_add(if i.is_multiple_of(4) { 1 << (h % 64) } else { 0 })
    };
    (0..COUNT)
        .map(|i| if scalar.is_float() { float(i, mix(i)) } else { integer(i, mix(i)) } & (u64::MAX >> (64 - bits)))
        .collect()
}

/// Real and imaginary parts; the imaginary ones are 0 for real types.
fn inputs(scalar: Scalar, complex: bool) -> Vec<[u64; 2]> {
    let real = patterns(scalar);
    let step = if real.len() == 65536 { 7 } else { 3 };
    let n = real.len();
    (0..n).map(|i| [real[i], if complex { real[(i + n - step) % n] } else { 0 }]).collect()
}

/// Where C says what a cast to an integer gives.
fn is_defined(source: Scalar, target: Scalar, raw: u64) -> bool {
    if !source.is_float() {
        return true;
    }
    let x = source.decode(raw).to_f64();
    match target {
        Scalar::Int(bits) => (-2f64.powi(i32::from(bits) - 1)..2f64.powi(i32::from(bits) - 1)).contains(&x),
        Scalar::Uint(bits) => (0.0..2f64.powi(bits.into())).contains(&x),
        _ => true,
    }
}

fn cast([real, imaginary]: [u64; 2], source: (Scalar, bool), target: (Scalar, bool)) -> [u64; 2] {
    let one = |raw| scalar::convert(source.0, raw, target.0, Overflow::Wrap);
    match (source.1, target) {
        (true, (Scalar::Bool, _)) => [one(real) | one(imaginary), 0],
        (true, (_, true)) => [one(real), one(imaginary)],
        _ => [one(real), 0],
    }
}

#[test]
fn every_cast_equals_numpy_and_ml_dtypes() {
    let mut checked = 0;
    let mut wrong = Vec::new();
    for line in include_str!("data/casts.txt").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(' ').collect();
        let source = Scalar::of(dtype(fields[0])).expect("a known type");
        let target = Scalar::of(dtype(fields[1])).expect("a known type");
        let expected = u64::from_str_radix(fields[2], 16).expect("a checksum");
        let mut sum = 0u64;
        let mut position = 0u64;
        for raw in inputs(source.0, source.1) {
            let raw = if source.0 == Scalar::Bool { [(raw[0] != 0) as u64, 0] } else { raw };
            let out = cast(raw, source, target);
            let keep = is_defined(source.0, target.0, raw[0]);
            for part in &out[..1 + usize::from(target.1)] {
                let part = if keep { *part } else { 0 };
                sum = sum.wrapping_add(part.wrapping_add(1).wrapping_mul(mix(position ^ 0x5555) | 1));
                position += 1;
            }
        }
        checked += 1;
        if sum != expected {
            wrong.push(format!("{} -> {}", fields[0], fields[1]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked > 900);
}

#[test]
fn saturation_clamps_to_the_nearest_number_and_leaves_nan() {
    let e4m3 = Scalar::Small(Format::FLOAT8_E4M3FN);
    let to = |target: Scalar, x: f32| {
        scalar::convert(Scalar::Float32, x.to_bits().into(), target, Overflow::Saturate)
    };
    assert_eq!(to(e4m3, 1e9), 0x7e);
    assert_eq!(to(e4m3, f32::NEG_INFINITY), 0xfe);
    assert_eq!(to(e4m3, f32::NAN), 0x7f);
    assert_eq!(to(Scalar::Uint(8), 300.5), 255);
    assert_eq!(to(Scalar::Uint(8), -3.0), 0);
    assert_eq!(to(Scalar::Int(4), -30.0), 8);
    assert_eq!(to(Scalar::Int(64), 1e30), i64::MAX as u64);
    assert_eq!(to(Scalar::Uint(64), 1e30), u64::MAX);
    assert_eq!(to(Scalar::Int(32), f32::NAN), 0);
    assert_eq!(to(Scalar::Small(Format::FLOAT8_E8M0FNU), -1.0), 0);
    assert_eq!(to(Scalar::Small(Format::BFLOAT16), f32::MAX), 0x7f7f);
    assert_eq!(
        scalar::convert(Scalar::Float16, 0x7c00, Scalar::Small(Format::BFLOAT16), Overflow::Saturate),
        0x7f80
    );
    assert_eq!(scalar::convert(Scalar::Int(16), 0x8000, Scalar::Int(8), Overflow::Saturate), 0x80);
    assert_eq!(
        scalar::convert(Scalar::Uint(64), u64::MAX, Scalar::Int(64), Overflow::Saturate),
        i64::MAX as u64
    );
    assert_eq!(scalar::convert(Scalar::Int(64), u64::MAX, Scalar::Uint(64), Overflow::Saturate), 0);
}

#[test]
fn floats_wrap_into_integers_as_on_x86() {
    let to = |target: Scalar, x: f64| scalar::convert(Scalar::Float64, x.to_bits(), target, Overflow::Wrap);
    assert_eq!(to(Scalar::Uint(8), -1.5), 255);
    assert_eq!(to(Scalar::Uint(8), f64::NAN), 0);
    assert_eq!(to(Scalar::Int(16), 70000.0), 70000 & 0xffff);
    assert_eq!(to(Scalar::Int(32), 3e9), 0x8000_0000);
    assert_eq!(to(Scalar::Uint(32), 3e9), 3_000_000_000);
    assert_eq!(to(Scalar::Uint(32), -1.0), 0xffff_ffff);
    assert_eq!(to(Scalar::Int(64), f64::INFINITY), 1 << 63);
    assert_eq!(to(Scalar::Uint(64), -1.0), u64::MAX);
    assert_eq!(to(Scalar::Uint(64), 1e19), 10_000_000_000_000_000_000);
    assert_eq!(to(Scalar::Uint(64), 2e19), 1 << 63);
}

#[test]
fn a_decoded_value_keeps_its_own_type() {
    assert_eq!(Scalar::Int(4).decode(0xf8), Value::Int(-8));
    assert_eq!(Scalar::Uint(64).decode(u64::MAX), Value::Uint(u64::MAX));
    assert_eq!(Scalar::Bool.decode(0x80), Value::Int(1));
}
