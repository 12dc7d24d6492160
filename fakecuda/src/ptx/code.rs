//! A kernel that was read, and the map of its memory.

use super::{step::Instruction, symbols, types::Type};

/// What registers, shared and local memory hold before they are written.
pub(super) const NOISE: u64 = 0xdead_beef_dead_beef;

/// Generic addresses of memory that is not the device's have these in their highest byte. No address of the host has.
pub(super) const SHARED: u64 = 0xf1 << 56;
pub(super) const LOCAL: u64 = 0xf2 << 56;
pub(super) const PARAMETERS: u64 = 0xf3 << 56;
/// What a module declares as `.global` or `.const`; the kernels here only read it.
pub(super) const MODULE: u64 = 0xf4 << 56;

/// The window that a generic address is in.
pub(super) fn window(address: u64) -> u64 {
    address & 0xff << 56
}

/// What runs.
pub(super) struct Code {
    pub instructions: Vec<Instruction>,
    /// The line of each in the text.
    pub lines: Vec<u32>,
    /// Where the tables of `brx.idx` lead.
    pub targets: Vec<u32>,
    /// The slots of a thread when it begins.
    pub initial: Vec<u64>,
    pub shared_bytes: usize,
    pub local_bytes: usize,
    pub variables: Vec<u8>,
    /// Whether threads wait for each other anywhere.
    pub waits: bool,
}

/// A declared variable or parameter.
#[derive(Debug)]
pub(super) struct Variable<'a> {
    pub space: &'a str,
    pub name: &'a str,
    pub align: usize,
    pub bytes: usize,
    pub values: Vec<u8>,
}

impl<'a> Variable<'a> {
    /// `.shared .align 16 .b8 tile[4096]`, perhaps with values.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let wrong = || format!("declaration `{text}` is not understood");
        let (declared, values) = text.split_once('=').map_or((text, ""), |(left, right)| (left, right));
        let mut words =
            declared.split_whitespace().filter(|word| !matches!(*word, ".visible" | ".extern" | ".weak"));
        let space = words.next().ok_or_else(wrong)?;
        let (mut align, mut kind, mut name) = (None, None, None);
        while let Some(word) = words.next() {
            match word {
                ".align" => align = words.next().and_then(|word| word.parse().ok()),
                // Of a parameter that is a pointer: what it points to.
                ".ptr" => {
                    words.by_ref().take_while(|word| *word != ".align").count();
                    words.next();
                }
                _ if word.starts_with('.') => kind = Type::named(&word[1..]),
                _ => name = Some(word),
            }
        }
        let (kind, name) = (kind.ok_or_else(wrong)?, name.ok_or_else(wrong)?);
        let size = usize::from(kind.bytes());
        let (name, count) = match name.split_once('[') {
            None => (name, 1),
            Some((name, "]")) => (name, 0),
            Some((name, count)) => (name, count.trim_end_matches(']').parse().map_err(|_| wrong())?),
        };
        let mut bytes = Vec::new();
        for value in values.split(['{', '}', ',']).map(str::trim).filter(|value| !value.is_empty()) {
            let value = symbols::number(value).ok_or_else(wrong)?;
            bytes.extend_from_slice(&value.to_le_bytes()[..size]);
        }
        if bytes.len() > size * count {
            return Err(wrong());
        }
        Ok(Self { space, name, align: align.unwrap_or(size).max(size), bytes: size * count, values: bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_tells_place_and_values() {
        let table = Variable::parse(".global .align 8 .u16 t[3] = {1, 0x203}").unwrap();
        assert_eq!((table.space, table.name, table.align, table.bytes), (".global", "t", 8, 6));
        assert_eq!(table.values, [1, 0, 3, 2]);
        let pointer = Variable::parse(".param .u64 .ptr .global .align 4 p").unwrap();
        assert_eq!((pointer.name, pointer.align, pointer.bytes), ("p", 8, 8));
        assert!(Variable::parse(".shared .b8 x[1] = {1, 2}").is_err());
    }
}
