//! Floats to integers in the manner of an x86-64 processor ([`crate::dtype::Overflow::Wrap`]), so that the compiler can
//! use vectors: `as` would first clamp, and loops with it stay scalar.

/// [`crate::dtype::scalar::wrap_to_i32`] for float32.
#[inline(always)]
pub fn f32_to_i32(x: f32) -> i32 {
    let fits = (-2147483648.0..2147483648.0).contains(&x);
    let x = if fits { x } else { -2147483648.0 };
    // SAFETY: the truncated number fits int32.
    unsafe { x.to_int_unchecked() }
}

/// [`crate::dtype::scalar::wrap_to_i32`].
#[inline(always)]
pub fn f64_to_i32(x: f64) -> i32 {
    let fits = x > -2147483649.0 && x < 2147483648.0;
    let x = if fits { x } else { -2147483648.0 };
    // SAFETY: the truncated number fits int32.
    unsafe { x.to_int_unchecked() }
}

/// [`crate::dtype::scalar::wrap_to_i64`].
#[inline(always)]
pub fn f64_to_i64(x: f64) -> i64 {
    let fits = (-9223372036854775808.0..9223372036854775808.0).contains(&x);
    let x = if fits { x } else { -9223372036854775808.0 };
    // SAFETY: the truncated number fits int64.
    unsafe { x.to_int_unchecked() }
}

/// [`crate::dtype::scalar::wrap_to_u64`].
#[inline(always)]
pub fn f64_to_u64(x: f64) -> u64 {
    let high = (9223372036854775808.0..18446744073709551616.0).contains(&x);
    let low = f64_to_i64(if high { x - 9223372036854775808.0 } else { x }) as u64;
    if high { low | 1 << 63 } else { low }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::scalar::{wrap_to_i32, wrap_to_i64, wrap_to_u64};

    #[test]
    fn all_agree_with_the_scalar_rule_at_every_edge() {
        let edges = [0.0, 1.5, 2147483647.0, 2147483647.9, 2147483648.0, 2147483648.9, 2147483649.0, 1e30];
        let wide = [9223372036854775808.0, 18446744073709551616.0, 1e19, 9.2e18];
        for x in edges.into_iter().chain(wide).chain([f64::INFINITY, f64::NAN, 2147483520.0]) {
            for x in [x, -x, x.next_down(), -x.next_down()] {
                assert_eq!(f64_to_i64(x), wrap_to_i64(x), "{x}");
                assert_eq!(f64_to_u64(x), wrap_to_u64(x), "{x}");
                assert_eq!(f64_to_i32(x), wrap_to_i32(x), "{x}");
                assert_eq!(f32_to_i32(x as f32), wrap_to_i32((x as f32).into()), "{x}");
            }
        }
    }
}
