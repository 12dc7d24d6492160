//! Numbers of every kind against the rule for one: all patterns of up to 16 bits, and of wider types millions.

use super::*;

/// Random patterns of a wider type, besides those at edges, where no variable says for how long to test.
const MANY: usize = 330_000;

/// Every pattern of up to 16 bits; of wider types those at edges and many random ones.
fn patterns(random: &mut Random, scalar: Scalar) -> Vec<u64> {
    let bits = scalar.bits();
    if bits <= 16 {
        return (0..1 << bits).collect();
    }
    let mut found = edges(bits, scalar);
    let count = variable("NDFERRY_TEST_SECONDS").map_or(MANY, |seconds: usize| seconds * 10_000);
    found.extend((0..count).map(|_| wide(random, scalar)));
    found.iter_mut().for_each(|raw| *raw &= u64::MAX >> (64 - bits));
    found
}

/// Powers of two and their neighbours; of floats all exponents with the first, middle and last mantissas.
fn edges(bits: u32, scalar: Scalar) -> Vec<u64> {
    let powers = (0..bits).map(|k| 1u64 << k);
    let mut found: Vec<u64> = powers.flat_map(|x| [x - 1, x, x + 1, !x, x.wrapping_neg()]).collect();
    if scalar.is_float() {
        let mantissa = if bits == 32 { 23 } else { 52 };
        let top = 1u64 << mantissa;
        let mantissas = [0, 1, 2, top / 2 - 1, top / 2, top / 2 + 1, top - 2, top - 1];
        for high in 0..1u64 << (bits - mantissa) {
            found.extend(mantissas.map(|low| high << mantissa | low));
        }
    }
    found
}

/// A third of them integers, a third near the ties of narrower floats, a third any bits.
fn wide(random: &mut Random, scalar: Scalar) -> u64 {
    let (x, y) = (random.next(), random.below(64));
    match (random.below(3), scalar) {
        (0, Scalar::Float32) => ((x >> y) as i32 as f32).to_bits().into(),
        (0, Scalar::Float64) => ((x >> y) as i64 as f64).to_bits(),
        (1, Scalar::Float32) => half_way(x as u32 as f32, x).to_bits().into(),
        (1, Scalar::Float64) => f64::from(half_way((x >> y) as f32, x)).to_bits(),
        (0 | 1, _) => x >> y,
        _ => x,
    }
}

/// A number of any exponent of the small floats whose low bits are those of a tie, or one beside it.
fn half_way(x: f32, random: u64) -> f32 {
    let exponent = 127 - 30 + (random % 50) as u32;
    let tie = (x.to_bits() >> 11 << 11 & 0x7f_ffff) + (random >> 60) as u32 % 3;
    f32::from_bits(((random >> 63) as u32) << 31 | exponent << 23 | (tie.wrapping_sub(1) & 0x7f_ffff))
}

/// The native bytes of numbers of so many bits.
fn native(numbers: &[u64], bits: u32) -> Vec<u8> {
    let size = bits.div_ceil(8) as usize;
    let bytes = |raw: &u64| match cfg!(target_endian = "big") {
        true => raw.to_be_bytes()[8 - size..].to_vec(),
        false => raw.to_le_bytes()[..size].to_vec(),
    };
    numbers.iter().flat_map(bytes).collect()
}

#[test]
fn every_small_pattern_and_millions_of_wide_ones_become_every_type_by_the_rule_for_one() {
    let mut random = Random(4);
    let scalars = |dtype: &DType| Numeric::of(*dtype).is_some_and(|numeric| !numeric.complex);
    let types: Vec<DType> = numbers().into_iter().filter(scalars).collect();
    let padded = |dtype: DType| DType { flags: if dtype.bits < 8 { PADDED } else { 0 }, ..dtype };
    for from in &types {
        let (source, _) = Scalar::of(*from).expect("a number");
        let found = patterns(&mut random, source);
        let bytes = native(&found, source.bits());
        let layout = Layout::raw(&[found.len() as i64], &[1], 0);
        for (to, overflow) in types.iter().flat_map(|to| [(to, Overflow::Wrap), (to, Overflow::Saturate)]) {
            if from == to {
                continue;
            }
            let (target, _) = Scalar::of(*to).expect("a number");
            let rule = |raw: &u64| scalar::convert(source, *raw, target, overflow);
            let expected = native(&found.iter().map(rule).collect::<Vec<_>>(), target.bits());
            let mut got = random.bytes(expected.len());
            let view = view(&bytes, padded(*from), &layout);
            let into = ViewMut { data: got.as_mut_ptr(), dtype: padded(*to), layout: &layout };
            let transform = Transform { overflow, ..Transform::default() };
            // SAFETY: both storages hold all numbers.
            unsafe { convert(&view, &into, &transform) }.expect("convertible types");
            let size = target.bits().div_ceil(8) as usize;
            let wrong = got.chunks(size).zip(expected.chunks(size)).position(|(a, b)| a != b);
            assert_eq!(wrong.map(|i| found[i]), None, "{from:?} to {to:?} {overflow:?}");
        }
    }
}
