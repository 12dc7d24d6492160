//! Kernels for the types that most numbers are: each is compiled for two of them, and leaves out what these do not need.
#![forbid(unsafe_code)]

use std::ffi::CStr;

use super::kernel::Type;
use crate::dtype::float::Format;
use crate::dtype::{Overflow, Scalar};
use crate::engine::pass::Change;

const BOOL: Scalar = Scalar::Bool;
const U8: Scalar = Scalar::Uint(8);
const I32: Scalar = Scalar::Int(32);
const I64: Scalar = Scalar::Int(64);
const F16: Scalar = Scalar::Float16;
const BF16: Scalar = Scalar::Small(Format::BFLOAT16);
const E4M3FN: Scalar = Scalar::Small(Format::FLOAT8_E4M3FN);
const E5M2: Scalar = Scalar::Small(Format::FLOAT8_E5M2);
const F32: Scalar = Scalar::Float32;
const F64: Scalar = Scalar::Float64;

/// The kernels for numbers side by side.
const NUMBERS: [([Scalar; 2], &CStr); 15] = [
    ([F32, F16], c"direct_f32_f16"),
    ([F32, BF16], c"direct_f32_bf16"),
    ([F32, E4M3FN], c"direct_f32_e4m3fn"),
    ([F32, E5M2], c"direct_f32_e5m2"),
    ([F16, F32], c"direct_f16_f32"),
    ([BF16, F32], c"direct_bf16_f32"),
    ([E4M3FN, F32], c"direct_e4m3fn_f32"),
    ([E5M2, F32], c"direct_e5m2_f32"),
    ([BOOL, F32], c"direct_bool_f32"),
    ([F32, F64], c"direct_f32_f64"),
    ([I32, I64], c"direct_i32_i64"),
    ([I64, I32], c"direct_i64_i32"),
    ([U8, F32], c"direct_u8_f32"),
    ([U8, F16], c"direct_u8_f16"),
    ([U8, BF16], c"direct_u8_bf16"),
];

/// The kernels for bytes of pixels that become other numbers in planes.
const PIXELS: [([Scalar; 2], &CStr); 3] =
    [([U8, F32], c"rgb_split_u8_f32"), ([U8, F16], c"rgb_split_u8_f16"), ([U8, BF16], c"rgb_split_u8_bf16")];

fn find(kernels: &[([Scalar; 2], &'static CStr)], types: [Type; 2]) -> Option<&'static CStr> {
    kernels.iter().find(|(of, _)| of.map(Type::of) == types).map(|(_, name)| *name)
}

/// The kernel for numbers side by side.
pub fn numbers(types: [Type; 2]) -> Option<&'static CStr> {
    find(&NUMBERS, types)
}

/// So many numbers it takes at once.
pub fn at_once(types: [Type; 2]) -> i64 {
    128 / types[0].bits().max(types[1].bits())
}

/// The kernel for pixels of three numbers or words that become planes (`splits`), or for planes that become pixels.
pub fn pixels(types: [Type; 2], splits: bool) -> Option<&'static CStr> {
    if types[0] != types[1] {
        return if splits { find(&PIXELS, types) } else { None };
    }
    [
        (8, c"rgb_split_1", c"rgb_merge_1"),
        (16, c"rgb_split_2", c"rgb_merge_2"),
        (32, c"rgb_split_4", c"rgb_merge_4"),
    ]
    .into_iter()
    .find(|(bits, ..)| Type::word(*bits) == Some(types[0]))
    .map(|(_, split, merge)| if splits { split } else { merge })
}

/// Whether these kernels do all that is asked for: nothing is brought within bounds, and only bytes are scaled, by finite numbers.
pub fn does(change: &Change) -> bool {
    let [from, _] = change.numbers;
    let all = [change.coefficients.scale, change.coefficients.bias];
    let is_finite = |by: &f64| (*by as f32).is_finite();
    change.wish.overflow == Overflow::Wrap
        && (!change.wish.affine || from.scalar == U8 && all.into_iter().flatten().all(is_finite))
}
