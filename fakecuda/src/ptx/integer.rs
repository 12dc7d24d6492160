//! Arithmetic on integers, by the name of the operation.

use super::{step::Function, types::Type};

/// The operations of one type: `$bits` is unsigned and of the same width, `$double` unsigned and twice as wide, as far as
/// registers go.
macro_rules! operations {
    ($name:ident, $type:ty, $bits:ty, $double:ty) => {
        fn $name(operation: &str) -> Option<Function> {
            const BITS: u32 = <$type>::BITS;
            Some(match operation {
                "add" => |a, b, _, _| (a as $type).wrapping_add(b as $type) as $bits as u64,
                "sub" => |a, b, _, _| (a as $type).wrapping_sub(b as $type) as $bits as u64,
                "mul.lo" => |a, b, _, _| (a as $type).wrapping_mul(b as $type) as $bits as u64,
                "mul.hi" => |a, b, _, _| high(a as $type as i128, b as $type as i128, BITS) as $bits as u64,
                "mul.wide" => |a, b, _, _| (a as $type as $double).wrapping_mul(b as $type as $double) as u64,
                "mad.lo" => |a, b, c, _| {
                    (a as $type).wrapping_mul(b as $type).wrapping_add(c as $type) as $bits as u64
                },
                "mad.hi" => |a, b, c, _| {
                    let product = high(a as $type as i128, b as $type as i128, BITS);
                    (product as $type).wrapping_add(c as $type) as $bits as u64
                },
                "mad.wide" => |a, b, c, _| {
                    let product = (a as $type as $double).wrapping_mul(b as $type as $double);
                    product.wrapping_add(c as $double) as u64
                },
                "div" => |a, b, _, _| (a as $type).wrapping_div(b as $type) as $bits as u64,
                "rem" => |a, b, _, _| (a as $type).wrapping_rem(b as $type) as $bits as u64,
                "min" => |a, b, _, _| (a as $type).min(b as $type) as $bits as u64,
                "max" => |a, b, _, _| (a as $type).max(b as $type) as $bits as u64,
                "neg" => |a, _, _, _| (a as $type).wrapping_neg() as $bits as u64,
                "abs" => |a, _, _, _| {
                    let value = a as $type;
                    #[allow(unused_comparisons, reason = "the same text serves unsigned types")]
                    (if value < 0 { value.wrapping_neg() } else { value } as $bits as u64)
                },
                "not" => |a, _, _, _| !(a as $bits) as u64,
                "cnot" => |a, _, _, _| (a as $bits == 0) as u64,
                "and" => |a, b, _, _| (a & b) as $bits as u64,
                "or" => |a, b, _, _| (a | b) as $bits as u64,
                "xor" => |a, b, _, _| (a ^ b) as $bits as u64,
                "shl" => |a, b, _, _| (a as $bits).checked_shl(b as u32).unwrap_or(0) as u64,
                "shr" => |a, b, _, _| {
                    let (value, by) = (a as $type, b as u32);
                    (if by < BITS { value >> by } else { value >> (BITS - 1) >> 1 }) as $bits as u64
                },
                "exch" => |_, b, _, _| b as $bits as u64,
                "cas" => |a, b, c, _| (if a as $bits == b as $bits { c } else { a }) as $bits as u64,
                "inc" => |a, b, _, _| {
                    (if a as $bits >= b as $bits { 0 } else { a.wrapping_add(1) }) as $bits as u64
                },
                "dec" => |a, b, _, _| {
                    let (value, limit) = (a as $bits, b as $bits);
                    (if value == 0 || value > limit { limit } else { value - 1 }) as u64
                },
                "mov" => |a, _, _, _| a as $bits as u64,
                "selp" => |a, b, c, _| (if c & 1 == 1 { a } else { b }) as $bits as u64,
                "eq" => |a, b, _, _| (a as $bits == b as $bits) as u64,
                "ne" => |a, b, _, _| (a as $bits != b as $bits) as u64,
                "lt" | "lo" => |a, b, _, _| ((a as $type) < b as $type) as u64,
                "le" | "ls" => |a, b, _, _| (a as $type <= b as $type) as u64,
                "gt" | "hi" => |a, b, _, _| (a as $type > b as $type) as u64,
                "ge" | "hs" => |a, b, _, _| (a as $type >= b as $type) as u64,
                _ => return None,
            })
        }
    };
}

operations!(of_u8, u8, u8, u16);
operations!(of_u16, u16, u16, u32);
operations!(of_u32, u32, u32, u64);
operations!(of_u64, u64, u64, u128);
operations!(of_i8, i8, u8, u16);
operations!(of_i16, i16, u16, u32);
operations!(of_i32, i32, u32, u64);
operations!(of_i64, i64, u64, u128);

/// The bits of a product above the lowest `bits`. What overflows is above those that are wanted.
fn high(a: i128, b: i128, bits: u32) -> i128 {
    a.wrapping_mul(b) >> bits
}

/// An operation on integers or bits, by its name with `.lo`, `.hi`, `.wide`.
pub(super) fn function(operation: &str, kind: Type) -> Option<Function> {
    match kind {
        Type::Unsigned(1) => of_u8(operation),
        Type::Unsigned(2) => of_u16(operation),
        Type::Unsigned(4) => of_u32(operation),
        Type::Unsigned(8) => of_u64(operation),
        Type::Signed(1) => of_i8(operation),
        Type::Signed(2) => of_i16(operation),
        Type::Signed(4) => of_i32(operation),
        Type::Signed(8) => of_i64(operation),
        Type::Predicate => predicate(operation),
        _ => None,
    }
}

fn predicate(operation: &str) -> Option<Function> {
    Some(match operation {
        "mov" => |a, _, _, _| a & 1,
        "not" => |a, _, _, _| !a & 1,
        "and" => |a, b, _, _| a & b & 1,
        "or" => |a, b, _, _| (a | b) & 1,
        "xor" => |a, b, _, _| (a ^ b) & 1,
        _ => return None,
    })
}
