//! Conversions between types.

use super::{
    super::convert::Conversion, super::float::Round, super::types::Float, super::types::Type, check, d, f,
};

const NAN: u64 = 0x7fff_ffff;

#[test]
fn integers_are_cut_and_extended_as_their_signs_say() {
    check(&[
        ("cvt.u32.u16 %r8, %rs2", &[0x1_ffff], 0xffff),
        ("cvt.s32.s16 %r8, %rs2", &[0xffff], 0xffff_ffff),
        ("cvt.s32.s8 %r8, %r2", &[0x180], 0xffff_ff80),
        ("cvt.s16.s8 %rs8, %rs2", &[0x80], 0xff80),
        ("cvt.u16.u8 %rs8, %rs2", &[0x1280], 0x80),
        ("cvt.u16.u32 %rs8, %r2", &[0x12_3456], 0x3456),
        ("cvt.u64.u32 %rd8, %r2", &[u64::MAX], 0xffff_ffff),
        ("cvt.s64.s32 %rd8, %r2", &[0x8000_0000], 0xffff_ffff_8000_0000),
        ("cvt.s64.u32 %rd8, %r2", &[0x8000_0000], 0x8000_0000),
        ("cvt.u32.u64 %r8, %rd2", &[0x1_2345_6789], 0x2345_6789),
        ("cvt.sat.u8.s32 %rs8, %r2", &[0xffff_ffff], 0),
        ("cvt.sat.u8.s32 %rs8, %r2", &[300], 255),
        ("cvt.sat.s8.s32 %rs8, %r2", &[0xffff_0000], 0xff80),
        ("cvt.sat.s16.u32 %rs8, %r2", &[0xffff_ffff], 0x7fff),
        ("cvt.sat.s32.u64 %r8, %rd2", &[u64::MAX], 0x7fff_ffff),
        ("cvt.u8.u32 %rs7, %r2; cvt.u32.u16 %r8, %rs7", &[0x1234], 0x34),
    ]);
}

#[test]
fn integers_become_the_nearest_float() {
    check(&[
        ("cvt.rn.f32.u32 %f8, %r2", &[0xffff_ffff], f(4294967296.0)),
        ("cvt.rn.f32.s32 %f8, %r2", &[0xffff_ffff], f(-1.0)),
        ("cvt.rz.f32.u32 %f8, %r2", &[0xffff_ffff], f(4294967040.0)),
        ("cvt.rp.f32.s32 %f8, %r2", &[0x8000_0001], f(-2147483520.0)),
        ("cvt.rn.f32.s8 %f8, %rs2", &[0x80], f(-128.0)),
        ("cvt.rn.f32.u64 %f8, %rd2", &[u64::MAX], f(18446744073709551616.0)),
        ("cvt.rm.f32.s64 %f8, %rd2", &[u64::MAX - 16777216], f(-16777218.0)),
        ("cvt.rn.f64.s64 %fd8, %rd2", &[1 << 63], d(-9223372036854775808.0)),
        ("cvt.rn.f64.u64 %fd8, %rd2", &[(1 << 53) + 1], d(9007199254740992.0)),
        ("cvt.rn.f64.u32 %fd8, %r2", &[7], d(7.0)),
        ("cvt.rn.f16.u32 %rs8, %r2", &[65519], 0x7bff),
        ("cvt.rn.f16.u32 %rs8, %r2", &[65520], 0x7c00),
        ("cvt.rz.f16.s32 %rs8, %r2", &[0x8000_0000], 0xfbff),
    ]);
}

#[test]
fn floats_become_integers_within_their_bounds() {
    check(&[
        ("cvt.rzi.s32.f32 %r8, %f2", &[f(-1.9)], 0xffff_ffff),
        ("cvt.rni.s32.f32 %r8, %f2", &[f(2.5)], 2),
        ("cvt.rmi.s32.f32 %r8, %f2", &[f(-1.1)], 0xffff_fffe),
        ("cvt.rpi.s32.f32 %r8, %f2", &[f(1.1)], 2),
        ("cvt.rzi.s32.f32 %r8, %f2", &[f(3e9)], 0x7fff_ffff),
        ("cvt.rzi.s32.f32 %r8, %f2", &[f(f32::NEG_INFINITY)], 0x8000_0000),
        ("cvt.rzi.u32.f32 %r8, %f2", &[f(-3.0)], 0),
        ("cvt.rzi.u32.f32 %r8, %f2", &[f(4294967040.0)], 0xffff_ff00),
        ("cvt.rzi.u64.f32 %rd8, %f2", &[f(1e30)], u64::MAX),
        ("cvt.rzi.s64.f64 %rd8, %fd2", &[d(-9.5e18)], 1 << 63),
        ("cvt.rzi.s64.f64 %rd8, %fd2", &[d(-2251799813685249.5)], (-2251799813685249i64) as u64),
        ("cvt.rni.u32.f64 %r8, %fd2", &[d(0.5)], 0),
        ("cvt.rzi.u64.f64 %rd8, %fd2", &[d(18446744073709549568.0)], 18446744073709549568),
        ("cvt.rzi.s16.f16 %rs8, %rs2", &[0xc500], 0xfffb),
    ]);
}

#[test]
fn no_number_becomes_zero_or_the_highest_bit() {
    check(&[
        ("cvt.rzi.s32.f32 %r8, %f2", &[NAN], 0),
        ("cvt.rzi.u32.f32 %r8, %f2", &[NAN], 0),
        ("cvt.rzi.s64.f32 %rd8, %f2", &[NAN], 1 << 63),
        ("cvt.rzi.s32.f64 %r8, %fd2", &[d(f64::NAN)], 0x8000_0000),
        ("cvt.rzi.u64.f64 %rd8, %fd2", &[d(f64::NAN)], 1 << 63),
    ]);
}

#[test]
fn floats_change_their_width() {
    check(&[
        ("cvt.f64.f32 %fd8, %f2", &[f(0.1)], d(f64::from(0.1f32))),
        ("cvt.f64.f32 %fd8, %f2", &[0xff80_0001], 0xfff8_0000_2000_0000),
        ("cvt.rn.f32.f64 %f8, %fd2", &[d(0.1)], f(0.1)),
        ("cvt.rz.f32.f64 %f8, %fd2", &[d(1e300)], f(f32::MAX)),
        ("cvt.rp.f32.f64 %f8, %fd2", &[d(1.0 + f64::EPSILON)], 0x3f80_0001),
        ("cvt.rn.f32.f64 %f8, %fd2", &[0xfff8_0000_0000_0000], NAN),
        ("cvt.f32.f16 %f8, %rs2", &[0x0001], f(5.9604645e-8)),
        ("cvt.f32.f16 %f8, %rs2", &[0xfc00], f(f32::NEG_INFINITY)),
        ("cvt.f32.f16 %f8, %rs2", &[0xfe01], NAN),
        ("cvt.f32.bf16 %f8, %rs2", &[0xbf80], f(-1.0)),
        ("cvt.f64.f16 %fd8, %rs2", &[0x3555], d(0.333251953125)),
        ("cvt.rn.f16.f32 %rs8, %f2", &[f(65519.996)], 0x7bff),
        ("cvt.rn.f16.f32 %rs8, %f2", &[f(65520.0)], 0x7c00),
        ("cvt.rn.f16.f32 %rs8, %f2", &[f(-2.9802322e-8)], 0x8000),
        ("cvt.rn.f16.f32 %rs8, %f2", &[f(2.9802326e-8)], 0x0001),
        ("cvt.rn.f16.f32 %rs8, %f2", &[0xffc0_0000], 0x7fff),
        ("cvt.rn.bf16.f32 %rs8, %f2", &[0x3f80_8000], 0x3f80),
        ("cvt.rn.bf16.f32 %rs8, %f2", &[0x3f81_8000], 0x3f82),
        ("cvt.rn.bf16.f32 %rs8, %f2", &[f(f32::MAX)], 0x7f80),
        ("cvt.rn.bf16.f32 %rs8, %f2", &[0xff80_0001], 0x7fff),
        ("cvt.rn.f16.f64 %rs8, %fd2", &[d(2049.0000001)], 0x6801),
        ("cvt.rn.relu.f16.f32 %rs8, %f2", &[f(-3.0)], 0),
    ]);
}

#[test]
fn floats_are_rounded_to_whole_numbers_and_held_between_0_and_1() {
    check(&[
        ("cvt.rni.f32.f32 %f8, %f2", &[f(-0.5)], f(-0.0)),
        ("cvt.rni.f32.f32 %f8, %f2", &[f(1.5)], f(2.0)),
        ("cvt.rmi.f64.f64 %fd8, %fd2", &[d(-0.1)], d(-1.0)),
        ("cvt.rpi.f32.f32 %f8, %f2", &[f(0.1)], f(1.0)),
        ("cvt.rzi.f32.f32 %f8, %f2", &[f(1e30)], f(1e30)),
        ("cvt.sat.f32.f32 %f8, %f2", &[f(1.5)], f(1.0)),
        ("cvt.sat.f32.f32 %f8, %f2", &[f(-1.5)], f(0.0)),
        ("cvt.sat.f32.f32 %f8, %f2", &[NAN], f(0.0)),
        ("cvt.sat.f32.f32 %f8, %f2", &[f(0.75)], f(0.75)),
    ]);
}

#[test]
fn pairs_have_the_first_operand_above() {
    check(&[
        ("cvt.rn.f16x2.f32 %r8, %f2, %f3", &[f(1.0), f(-2.0)], 0x3c00_c000),
        ("cvt.rn.bf16x2.f32 %r8, %f2, %f3", &[f(1.0), NAN], 0x3f80_7fff),
        ("cvt.rz.bf16x2.f32 %r8, %f2, %f3", &[0x3f80_ffff, 0], 0x3f80_0000),
        ("cvt.rn.satfinite.e4m3x2.f32 %rs8, %f2, %f3", &[f(448.0), f(464.1)], 0x7e7e),
        ("cvt.rn.satfinite.e4m3x2.f32 %rs8, %f2, %f3", &[f(f32::NEG_INFINITY), 0xffc0_0000], 0xfe7f),
        ("cvt.rn.satfinite.e4m3x2.f32 %rs8, %f2, %f3", &[f(0.001953125), f(0.0009765625)], 0x0100),
        ("cvt.rn.satfinite.e5m2x2.f32 %rs8, %f2, %f3", &[f(57344.0), f(1e9)], 0x7b7b),
        ("cvt.rn.satfinite.e5m2x2.f32 %rs8, %f2, %f3", &[f(-1.125), NAN], 0xbc7f),
        ("cvt.rn.satfinite.e4m3x2.f16x2 %rs8, %r2", &[0x3c00_c000], 0x38c0),
        ("cvt.rn.f16x2.e4m3x2 %r8, %rs2", &[0x017f], 0x1800_7fff),
        ("cvt.rn.f16x2.e5m2x2 %r8, %rs2", &[0x7cbc], 0x7c00_bc00),
    ]);
}

/// Numbers of every size, by a generator that repeats itself.
fn numbers() -> impl Iterator<Item = u64> {
    let mut state = 1u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        state >> 20 ^ state << 37
    })
}

fn conversion(to: Float, from: Float, round: Round, finite: bool) -> Conversion {
    let (to, from) = (Type::Float(to), Type::Float(from));
    Conversion { to, from, round: Some(round), whole: None, saturate: false, finite, clip: false }
}

#[test]
fn every_narrow_float_survives_the_way_through_a_wider_one() {
    for (narrow, count) in
        [(Float::F16, 1 << 16), (Float::Bf16, 1 << 16), (Float::E4m3, 256), (Float::E5m2, 256)]
    {
        for wide in [Float::F32, Float::F64] {
            for bits in 0..count {
                let there = conversion(wide, narrow, Round::Nearest, false).convert(bits, 0);
                let value = if wide == Float::F32 {
                    f32::from_bits(there as u32).into()
                } else {
                    f64::from_bits(there)
                };
                let back = conversion(narrow, wide, Round::Nearest, false).convert(there, 0);
                assert_eq!(back, if value.is_nan() { narrow.nan() } else { bits }, "{narrow:?} {bits:#x}");
            }
        }
    }
}

#[test]
fn float64_becomes_float32_as_on_this_processor() {
    for bits in numbers().take(200_000) {
        // Most exponents of float64 would be too large or too small: these are around those of float32.
        let bits = bits & !(0x7ff << 52) | (700 + (bits >> 52 & 0x7ff) % 640) << 52;
        let expected = (f64::from_bits(bits) as f32).to_bits();
        let got = conversion(Float::F32, Float::F64, Round::Nearest, false).convert(bits, 0);
        assert_eq!(got, u64::from(expected), "{bits:#x}");
    }
}

#[test]
fn every_rounding_chooses_the_neighbour_that_its_name_says() {
    let value = |bits: u64, kind: Float| {
        let wide = conversion(Float::F64, kind, Round::Nearest, false).convert(bits, 0);
        f64::from_bits(wide)
    };
    for to in [Float::F16, Float::Bf16, Float::E4m3, Float::E5m2] {
        for bits in numbers().take(50_000) {
            let exact = f64::from(f32::from_bits(bits as u32));
            if exact.is_nan() {
                continue;
            }
            let rounded =
                |round| value(conversion(to, Float::F32, round, false).convert(bits & 0xffff_ffff, 0), to);
            let (down, up) = (rounded(Round::Down), rounded(Round::Up));
            // e4m3 has no infinity: beyond its largest number is nothing.
            let within = !down.is_nan() && !up.is_nan();
            assert!(down.is_nan() || down <= exact, "{to:?} {exact:e}");
            assert!(up.is_nan() || up >= exact, "{to:?} {exact:e}");
            let zero = rounded(Round::Zero);
            assert_eq!(
                zero.abs().to_bits(),
                if exact < 0.0 { up } else { down }.abs().to_bits(),
                "{to:?} {exact:e}"
            );
            if within && down.is_finite() && up.is_finite() {
                let nearest = rounded(Round::Nearest);
                let (below, above) = (exact - down, up - exact);
                assert!(
                    nearest == down && below <= above || nearest == up && above <= below,
                    "{to:?} {exact:e}"
                );
            }
        }
    }
}
