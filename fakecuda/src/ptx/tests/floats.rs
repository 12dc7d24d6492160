//! Floats: rounding, signed zeros, infinities and NaN.

use super::{check, d, f, kernel};

const NAN: u64 = 0x7fff_ffff;
const SIGNALLING: u64 = 0xffa0_0001;

#[test]
fn results_are_rounded_once_to_float32() {
    check(&[
        ("add.rn.f32 %f8, %f2, %f3", &[f(16777216.0), f(1.0)], f(16777216.0)),
        ("add.rn.f32 %f8, %f2, %f3", &[f(16777216.0), f(3.0)], f(16777220.0)),
        ("sub.rn.f32 %f8, %f2, %f3", &[f(1.0), f(1.0)], f(0.0)),
        ("mul.rn.f32 %f8, %f2, %f3", &[f(0.1), f(10.0)], f(1.0)),
        ("mul.rn.f32 %f8, %f2, %f3", &[f(f32::MAX), f(2.0)], f(f32::INFINITY)),
        (
            "fma.rn.f32 %f8, %f2, %f3, %f4",
            &[f(1.0 + f32::EPSILON), f(1.0 - f32::EPSILON), f(-1.0)],
            f(-1.4210855e-14),
        ),
        ("div.rn.f32 %f8, %f2, %f3", &[f(1.0), f(3.0)], 0x3eaa_aaab),
        ("sqrt.rn.f32 %f8, %f2", &[f(2.0)], 0x3fb5_04f3),
        ("rcp.rn.f32 %f8, %f2", &[f(-0.0)], f(f32::NEG_INFINITY)),
    ]);
}

#[test]
fn subnormal_numbers_are_numbers() {
    check(&[
        ("mul.rn.f32 %f8, %f2, %f3", &[f(1.1754944e-38), f(0.5)], 0x0040_0000),
        ("add.rn.f32 %f8, %f2, %f3", &[1, 1], 2),
        ("mul.rn.f64 %fd8, %fd2, %fd3", &[2, d(0.5)], 1),
        ("setp.gt.f32 %p8, %f2, 0f00000000", &[1], 1),
    ]);
}

#[test]
fn float32_arithmetic_makes_one_nan() {
    check(&[
        ("add.rn.f32 %f8, %f2, %f3", &[SIGNALLING, f(1.0)], NAN),
        ("sub.rn.f32 %f8, %f2, %f3", &[f(f32::INFINITY), f(f32::INFINITY)], NAN),
        ("mul.rn.f32 %f8, %f2, %f3", &[f(0.0), f(f32::INFINITY)], NAN),
        ("fma.rn.f32 %f8, %f2, %f3, %f4", &[f(1.0), f(1.0), SIGNALLING], NAN),
        ("div.rn.f32 %f8, %f2, %f3", &[f(0.0), f(0.0)], NAN),
        ("min.f32 %f8, %f2, %f3", &[SIGNALLING, SIGNALLING], NAN),
        ("mov.f32 %f8, %f2", &[SIGNALLING], SIGNALLING),
        ("neg.f32 %f8, %f2", &[SIGNALLING], SIGNALLING & 0x7fff_ffff),
    ]);
}

#[test]
fn float64_keeps_the_first_nan_and_makes_a_negative_one() {
    check(&[
        ("add.rn.f64 %fd8, %fd2, %fd3", &[0x7ff4_0000_0000_0001, d(1.0)], 0x7ffc_0000_0000_0001),
        ("add.rn.f64 %fd8, %fd2, %fd3", &[d(1.0), 0xfff8_0000_0000_0005], 0xfff8_0000_0000_0005),
        ("mul.rn.f64 %fd8, %fd2, %fd3", &[d(0.0), d(f64::INFINITY)], 0xfff8_0000_0000_0000),
        ("div.rn.f64 %fd8, %fd2, %fd3", &[d(1.0), d(3.0)], d(1.0 / 3.0)),
        (
            "fma.rn.f64 %fd8, %fd2, %fd3, %fd4",
            &[d(1.0 + f64::EPSILON), d(1.0 - f64::EPSILON), d(-1.0)],
            d(-4.930380657631324e-32),
        ),
        ("sub.rn.f64 %fd8, %fd2, %fd3", &[d(0.1), d(0.3)], d(0.1 - 0.3)),
    ]);
}

#[test]
fn extremes_prefer_numbers_and_know_the_sign_of_zero() {
    check(&[
        ("min.f32 %f8, %f2, %f3", &[f(f32::NAN), f(2.0)], f(2.0)),
        ("max.f32 %f8, %f2, %f3", &[f(2.0), f(f32::NAN)], f(2.0)),
        ("min.f32 %f8, %f2, %f3", &[f(0.0), f(-0.0)], f(-0.0)),
        ("max.f32 %f8, %f2, %f3", &[f(-0.0), f(0.0)], f(0.0)),
        ("max.f64 %fd8, %fd2, %fd3", &[d(-3.0), d(-5.0)], d(-3.0)),
        ("abs.f32 %f8, %f2", &[f(-0.0)], f(0.0)),
        ("abs.f64 %fd8, %fd2", &[d(-1.5)], d(1.5)),
        ("neg.f64 %fd8, %fd2", &[d(0.0)], d(-0.0)),
        ("copysign.f32 %f8, %f2, %f3", &[f(-1.0), f(5.0)], f(-5.0)),
    ]);
}

#[test]
fn comparisons_say_what_they_make_of_nan() {
    let (one, two, nan) = (f(1.0), f(2.0), f(f32::NAN));
    for (test, less, equal, greater, unordered) in [
        ("eq", 0, 1, 0, 0),
        ("ne", 1, 0, 1, 0),
        ("lt", 1, 0, 0, 0),
        ("le", 1, 1, 0, 0),
        ("gt", 0, 0, 1, 0),
        ("ge", 0, 1, 1, 0),
        ("equ", 0, 1, 0, 1),
        ("neu", 1, 0, 1, 1),
        ("ltu", 1, 0, 0, 1),
        ("leu", 1, 1, 0, 1),
        ("gtu", 0, 0, 1, 1),
        ("geu", 0, 1, 1, 1),
        ("num", 1, 1, 1, 0),
        ("nan", 0, 0, 0, 1),
    ] {
        let single = format!("setp.{test}.f32 %p8, %f2, %f3");
        let double = format!("setp.{test}.f64 %p8, %fd2, %fd3");
        check(&[
            (&single, &[one, two], less),
            (&single, &[one, one], equal),
            (&single, &[two, one], greater),
            (&single, &[one, nan], unordered),
            (&single, &[nan, one], unordered),
            (&double, &[d(1.0), d(2.0)], less),
            (&double, &[d(0.0), d(-0.0)], equal),
            (&double, &[d(2.0), d(1.0)], greater),
            (&double, &[d(f64::NAN), d(1.0)], unordered),
        ]);
    }
    check(&[
        ("testp.notanumber.f32 %p8, %f2", &[nan], 1),
        ("testp.infinite.f64 %p8, %fd2", &[d(f64::NEG_INFINITY)], 1),
        ("testp.subnormal.f32 %p8, %f2", &[1], 1),
    ]);
}

#[test]
fn what_is_not_exact_is_refused() {
    for instruction in [
        "div.approx.f32 %f1, %f2, %f3",
        "add.ftz.f32 %f1, %f2, %f3",
        "div.full.f32 %f1, %f2, %f3",
        "mad.f32 %f1, %f2, %f3, %f4",
        // The driver may fuse these, which changes results.
        "add.f32 %f1, %f2, %f3",
        "mul.f64 %fd1, %fd2, %fd3",
        "add.rz.f32 %f1, %f2, %f3",
        "ex2.approx.f32 %f1, %f2",
    ] {
        let why = kernel(&format!("{instruction};")).map(drop).unwrap_err();
        assert!(why.starts_with("k: PTX line 10: ") && why.contains("is not supported"), "{why}");
        assert!(why.contains(instruction.split(' ').next().unwrap()), "{why}");
    }
}
