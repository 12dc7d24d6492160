//! Every path against the scalar rules.

use super::*;
use crate::dtype::scalar;
use crate::dtype::{DType, code};
#[cfg(unix)]
use crate::engine::host::fenced::Fenced;

fn scalars() -> Vec<Scalar> {
    let mut types =
        vec![DType::new(code::BOOL, 8), DType::new(code::BFLOAT, 16), DType::new(code::COMPLEX, 32)];
    types.extend([2, 4, 8, 16, 32, 64].map(|bits| DType::new(code::INT, bits)));
    types.extend([2, 4, 8, 16, 32, 64].map(|bits| DType::new(code::UINT, bits)));
    types.extend([16, 32, 64].map(|bits| DType::new(code::FLOAT, bits)));
    types.extend((code::FLOAT8_E3M4..=code::FLOAT8_E8M0FNU).map(|code| DType::new(code, 8)));
    types.extend([code::FLOAT6_E2M3FN, code::FLOAT6_E3M2FN].map(|code| DType::new(code, 6)));
    types.push(DType::new(code::FLOAT4_E2M1FN, 4));
    types.into_iter().filter_map(Numeric::of).map(|numeric| numeric.scalar).collect()
}

/// Bits of every kind: all of them up to 16, else random ones and those near the edges of other types.
fn samples(bits: u32) -> Vec<u64> {
    if bits <= 16 {
        // The bits above those of a narrow type mean nothing.
        return (0..1 << bits.next_multiple_of(8)).collect();
    }
    let mut state = 1u64;
    let mut next = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        state ^ (state >> 29)
    };
    let edges =
        [0.0, 0.5, 1.0, 127.5, 255.5, 448.0, 464.0, 465.0, 65504.0, 65520.0, 2147483647.5, 1e19, 3.4e38];
    let more = [32767.5, 4294967296.0, 9223372036854775808.0, 18446744073709551616.0, 57344.0, 61440.0];
    let tiny = [-24, -25, -126, -133, -134, -149, -1022].map(|exponent| 2f64.powi(exponent));
    let mut found: Vec<u64> = (0..15_000).map(|i| next() >> (i % 8 * 7)).collect();
    // Numbers of the exponents that small floats have, at ties and beside them.
    found.extend((0..15_000u64).map(|i| {
        let random = next();
        let x = f32::from_bits((((97 + i % 50) as u32) << 23) | (random as u32 & 0x7f_f000));
        let raw = if bits == 32 { u64::from(x.to_bits()) } else { f64::from(x).to_bits() };
        raw.wrapping_add(random >> 62).wrapping_sub(1) | (random & 1) << (bits - 1)
    }));
    for edge in edges.into_iter().chain(more).chain(tiny).chain([f64::INFINITY, f64::NAN]) {
        for near in -3..=3i64 {
            let raw = if bits == 32 { u64::from((edge as f32).to_bits()) } else { f64::to_bits(edge) };
            let raw = raw.wrapping_add_signed(near);
            found.extend([raw, raw | 1 << (bits - 1)]);
        }
    }
    // The payloads of NaN.
    found.extend((0..64).map(|bit| 0x7ff0_0000_0000_0000 | 1 << bit).filter(|_| bits == 64));
    found.extend((0..32).map(|bit| 0x7f80_0000 | 1 << bit).filter(|_| bits == 32));
    found
}

fn native(raw: impl IntoIterator<Item = u64>, size: usize) -> Vec<u8> {
    let bytes = |raw: u64| {
        if cfg!(target_endian = "big") {
            raw.to_be_bytes()[8 - size..].to_vec()
        } else {
            raw.to_le_bytes()[..size].to_vec()
        }
    };
    raw.into_iter().flat_map(bytes).collect()
}

fn real(scalar: Scalar) -> Numeric {
    Numeric { scalar, complex: false }
}

fn isas() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

/// Every pair of types, each with both rules for what does not fit.
fn pairs() -> impl Iterator<Item = (Scalar, Scalar, Overflow)> {
    let both = [Overflow::Wrap, Overflow::Saturate];
    scalars().into_iter().flat_map(move |source| {
        scalars()
            .into_iter()
            .filter(move |target| *target != source)
            .flat_map(move |target| both.map(|overflow| (source, target, overflow)))
    })
}

#[test]
fn every_pair_converts_as_the_scalar_rule_on_every_instruction_set() {
    for (source, target, overflow) in pairs() {
        let (size, width, samples) = (bytes(source), bytes(target), samples(source.bits()));
        let mask = u64::MAX >> (64 - 8 * size);
        let from = native(samples.iter().copied(), size);
        let expected =
            native(samples.iter().map(|raw| scalar::convert(source, raw & mask, target, overflow)), width);
        for isa in isas() {
            let mut out = vec![0xAA; samples.len() * width + 1];
            let run = Run::new(real(source), real(target), Wish { overflow, ..Wish::default() }, isa);
            assert_eq!(run.sizes, [size, width]);
            // SAFETY: the vectors hold so many numbers.
            unsafe { run.run(from.as_ptr(), out[1..].as_mut_ptr(), samples.len(), &mut Tables::new(0)) };
            if out[1..] != expected {
                let wrong = out[1..].chunks(width).zip(expected.chunks(width)).position(|(a, b)| a != b);
                let i = wrong.expect("as many numbers");
                let (got, wanted) = (&out[1..][i * width..][..width], &expected[i * width..][..width]);
                panic!(
                    "{source:?} {:#x} to {target:?}, {overflow:?}, {isa:?}: {got:x?}, not {wanted:x?}",
                    samples[i]
                );
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn runs_of_any_length_touch_no_other_byte() {
    let mut memory = [Fenced::new(1), Fenced::new(1)];
    for (source, target, overflow) in pairs() {
        let (size, width) = (bytes(source), bytes(target));
        let raw = |i: u64| {
            i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(i as u32) & (u64::MAX >> (64 - 8 * size))
        };
        let expected = native((0..130).map(|i| scalar::convert(source, raw(i), target, overflow)), width);
        let from = native((0..130).map(raw), size);
        for isa in isas() {
            let run = Run::new(real(source), real(target), Wish { overflow, ..Wish::default() }, isa);
            for count in 0..=130 {
                let [source, target] = &mut memory;
                let source = source.bytes(count * size, count % 2 == 0);
                source.copy_from_slice(&from[..count * size]);
                let target = target.bytes(count * width, count % 3 != 0);
                target.fill(0xAA);
                // SAFETY: the slices hold so many numbers.
                unsafe { run.run(source.as_ptr(), target.as_mut_ptr(), count, &mut Tables::new(0)) };
                assert!(
                    *target == expected[..count * width],
                    "{source:?} to {target:?}, {overflow:?}, {isa:?}, {count}"
                );
            }
        }
    }
}

#[test]
fn words_of_every_size_are_reversed() {
    for (size, isa) in [2, 4, 8].into_iter().flat_map(|size| isas().map(move |isa| (size, isa))) {
        let from: Vec<u8> = (0..200 * size).map(|i| (i * 7) as u8).collect();
        for count in 0..200 {
            let mut to = vec![0xAA; from.len()];
            // SAFETY: the vectors hold 200 words.
            unsafe {
                Run::reversed(size, isa).run(from.as_ptr(), to.as_mut_ptr(), count, &mut Tables::new(0))
            };
            let expected = from.chunks(size).take(count).flat_map(|word| word.iter().rev().copied());
            assert!(to.iter().copied().take(count * size).eq(expected));
            assert!(to[count * size..].iter().all(|byte| *byte == 0xAA));
        }
    }
}
