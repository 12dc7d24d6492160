//! Instructions that move bits.

use super::{step::Function, types::Type};

/// An instruction by its name with all that matters of its suffixes.
pub(super) fn function(operation: &str, kind: Type) -> Option<Function> {
    let bytes = match kind {
        Type::Unsigned(bytes @ (4 | 8)) | Type::Signed(bytes @ (4 | 8)) => bytes,
        _ => return None,
    };
    let signed = matches!(kind, Type::Signed(_));
    Some(match (operation, bytes, signed) {
        ("brev", 4, _) => |a, _, _, _| (a as u32).reverse_bits() as u64,
        ("brev", ..) => |a, _, _, _| a.reverse_bits(),
        ("popc", 4, _) => |a, _, _, _| (a as u32).count_ones() as u64,
        ("popc", ..) => |a, _, _, _| a.count_ones() as u64,
        ("clz", 4, _) => |a, _, _, _| (a as u32).leading_zeros() as u64,
        ("clz", ..) => |a, _, _, _| a.leading_zeros() as u64,
        ("bfind", 4, false) => |a, _, _, _| highest(a as u32 as u64),
        ("bfind", 4, true) => |a, _, _, _| highest((a as i32 ^ (a as i32 >> 31)) as u32 as u64),
        ("bfind", _, false) => |a, _, _, _| highest(a),
        ("bfind", ..) => |a, _, _, _| highest((a as i64 ^ (a as i64 >> 63)) as u64),
        ("bfe", 4, false) => |a, b, c, _| extract(a as u32 as u64, b, c, 32, false) as u32 as u64,
        ("bfe", 4, true) => |a, b, c, _| extract(a as u32 as u64, b, c, 32, true) as u32 as u64,
        ("bfe", _, false) => |a, b, c, _| extract(a, b, c, 64, false),
        ("bfe", ..) => |a, b, c, _| extract(a, b, c, 64, true),
        ("bfi", 4, _) => |a, b, c, d| insert(a, b, c, d) as u32 as u64,
        ("bfi", ..) => insert,
        ("prmt", 4, _) => permute,
        ("lop3", 4, _) => logic,
        ("shf.l.clamp", 4, _) => |a, b, c, _| ((both(a, b) << (c as u32).min(32)) >> 32) as u64 & 0xffff_ffff,
        ("shf.l.wrap", 4, _) => |a, b, c, _| ((both(a, b) << (c & 31)) >> 32) as u64 & 0xffff_ffff,
        ("shf.r.clamp", 4, _) => |a, b, c, _| (both(a, b) >> (c as u32).min(32)) as u32 as u64,
        ("shf.r.wrap", 4, _) => |a, b, c, _| (both(a, b) >> (c & 31)) as u32 as u64,
        _ => return None,
    })
}

/// Two words as one, the first below the second.
fn both(a: u64, b: u64) -> u128 {
    (a as u32 as u128) | (b as u32 as u128) << 32
}

/// The number of the highest bit that is set, or all ones.
fn highest(value: u64) -> u64 {
    if value == 0 { 0xffff_ffff } else { 63 - value.leading_zeros() as u64 }
}

/// `length` bits from `position` on; above the word there are zeros, or copies of the field's highest bit.
fn extract(word: u64, position: u64, length: u64, bits: u64, signed: bool) -> u64 {
    let (position, length) = (position & 0xff, length & 0xff);
    if length == 0 {
        return 0;
    }
    let field = (word as u128 >> position) as u64;
    let kept = length.min(bits.saturating_sub(position));
    let field = if kept >= 64 { field } else { field & ((1 << kept) - 1) };
    let highest = (position + length - 1).min(bits - 1);
    let fill = signed && word >> highest & 1 == 1;
    if fill && kept < 64 { field | u64::MAX << kept } else { field }
}

/// The word `b` with the low `length` bits of `a` at `position`.
fn insert(a: u64, b: u64, position: u64, length: u64) -> u64 {
    let (position, length) = (position & 0xff, length & 0xff);
    if position >= 64 || length == 0 {
        return b;
    }
    let mask = if length >= 64 { u64::MAX } else { (1 << length) - 1 } << position;
    b & !mask | a << position & mask
}

/// Picks four of eight bytes; bit 3 of a choice asks for copies of the byte's highest bit.
fn permute(a: u64, b: u64, choices: u64, _: u64) -> u64 {
    let bytes = (a as u32 as u64 | b << 32).to_le_bytes();
    let pick = |at: u64| {
        let choice = choices >> (4 * at) & 15;
        let byte = bytes[choice as usize & 7];
        (if choice & 8 == 0 { byte } else { (byte as i8 >> 7) as u8 }) as u64
    };
    pick(0) | pick(1) << 8 | pick(2) << 16 | pick(3) << 24
}

/// Any function of three bits, by the table of its eight results.
fn logic(a: u64, b: u64, c: u64, table: u64) -> u64 {
    let minterm = |at: u64| {
        let side = |word: u64, bit: u64| if at >> bit & 1 == 1 { word } else { !word };
        if table >> at & 1 == 1 { side(a, 2) & side(b, 1) & side(c, 0) } else { 0 }
    };
    (0..8).fold(0, |all, at| all | minterm(at)) as u32 as u64
}
