//! Names in a kernel and the slots they stand for.

use std::collections::HashMap;

use super::{
    code::{MODULE, NOISE, Variable},
    step::{SINK, Slot},
    text,
};

/// What each thread and each block is told about itself, in the slots after `SINK`.
pub(super) const COORDINATES: [&str; 14] = [
    "%tid.x",
    "%tid.y",
    "%tid.z",
    "%laneid",
    "%warpid",
    "%ntid.x",
    "%ntid.y",
    "%ntid.z",
    "%ctaid.x",
    "%ctaid.y",
    "%ctaid.z",
    "%nctaid.x",
    "%nctaid.y",
    "%nctaid.z",
];

#[derive(Clone, Copy)]
enum Symbol {
    Register(Slot),
    /// A variable's address.
    Address(u64),
}

pub(super) struct Symbols<'a> {
    module: &'a str,
    scopes: Vec<HashMap<String, Symbol>>,
    constants: HashMap<u64, Slot>,
    /// What each slot holds when a thread begins.
    pub initial: Vec<u64>,
    pub shared_bytes: usize,
    pub local_bytes: usize,
    pub variables: Vec<u8>,
}

impl<'a> Symbols<'a> {
    pub(super) fn new(module: &'a str) -> Self {
        Self {
            module,
            scopes: vec![HashMap::new()],
            constants: HashMap::new(),
            initial: vec![NOISE; 1 + COORDINATES.len()],
            shared_bytes: 0,
            local_bytes: 0,
            variables: Vec::new(),
        }
    }

    pub(super) fn open(&mut self) {
        self.scopes.push(HashMap::new());
    }

    pub(super) fn close(&mut self) {
        self.scopes.pop();
    }

    fn declare(&mut self, name: &str, symbol: Symbol) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_owned(), symbol);
        }
    }

    pub(super) fn declare_parameter(&mut self, name: &str, offset: usize) {
        self.declare(name, Symbol::Address(offset as u64));
    }

    /// `.reg .b32 %r<12>` or `.reg .pred p, q`
    pub(super) fn declare_registers(&mut self, names: &str) -> Result<(), String> {
        for name in names.split(',').map(str::trim) {
            let Some((stem, count)) = name.split_once('<') else {
                let slot = self.new_slot(NOISE);
                self.declare(name, Symbol::Register(slot));
                continue;
            };
            let count: u32 =
                count.trim_end_matches('>').parse().map_err(|_| format!("`{name}`: how many?"))?;
            for number in 0..count {
                let slot = self.new_slot(NOISE);
                self.declare(&format!("{stem}{number}"), Symbol::Register(slot));
            }
        }
        Ok(())
    }

    /// Makes room in the shared or the local memory for a variable.
    pub(super) fn declare_variable(&mut self, variable: &Variable) -> Result<u64, String> {
        let place = |used: &mut usize| {
            let start = used.next_multiple_of(variable.align);
            *used = start + variable.bytes;
            start as u64
        };
        let address = match variable.space {
            ".shared" if variable.bytes == 0 => return Err("shared memory sized at launch".into()),
            ".shared" => place(&mut self.shared_bytes),
            ".local" => place(&mut self.local_bytes),
            _ => {
                let mut used = self.variables.len();
                let start = place(&mut used);
                self.variables.resize(used, 0);
                self.variables[start as usize..][..variable.values.len()].copy_from_slice(&variable.values);
                MODULE + start
            }
        };
        self.declare(variable.name, Symbol::Address(address));
        Ok(address)
    }

    fn new_slot(&mut self, value: u64) -> Slot {
        self.initial.push(value);
        (self.initial.len() - 1) as Slot
    }

    pub(super) fn constant(&mut self, value: u64) -> Slot {
        if let Some(slot) = self.constants.get(&value) {
            return *slot;
        }
        let slot = self.new_slot(value);
        self.constants.insert(value, slot);
        slot
    }

    fn find(&mut self, name: &str) -> Result<Option<Symbol>, String> {
        if let Some(symbol) = self.scopes.iter().rev().find_map(|scope| scope.get(name)) {
            return Ok(Some(*symbol));
        }
        if name.starts_with('%')
            || !name.starts_with(|first: char| first.is_alphabetic() || "_$".contains(first))
        {
            return Ok(None);
        }
        // Declared outside of the kernel: it is laid out when it is first met.
        let Some(declared) = text::declaration(self.module, name) else { return Ok(None) };
        let variable = Variable::parse(declared)?;
        let address = self.declare_variable(&variable)?;
        Ok(Some(Symbol::Address(address)))
    }

    /// A register that is written.
    pub(super) fn target(&mut self, name: &str) -> Result<Slot, String> {
        match self.find(name)? {
            _ if name == "_" => Ok(SINK),
            Some(Symbol::Register(slot)) => Ok(slot),
            _ => Err(format!("`{name}` is no register")),
        }
    }

    /// An operand that is read: a register, a coordinate, a constant or the address of a variable.
    pub(super) fn source(&mut self, text: &str) -> Result<Slot, String> {
        if let Some(at) = COORDINATES.iter().position(|name| *name == text) {
            return Ok(1 + at as Slot);
        }
        if let Some(value) = number(text) {
            return Ok(self.constant(value));
        }
        let (name, offset) = split_offset(text)?;
        match self.find(name)? {
            Some(Symbol::Register(slot)) if offset == 0 => Ok(slot),
            Some(Symbol::Address(address)) => Ok(self.constant(address.wrapping_add_signed(offset.into()))),
            _ => Err(format!("operand `{text}` is unknown")),
        }
    }

    /// `[register + offset]` or `[variable + offset]`
    pub(super) fn address(&mut self, text: &str) -> Result<(Slot, i32), String> {
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let inner = inner.ok_or_else(|| format!("`{text}` is no address"))?.trim();
        let (name, offset) = split_offset(inner)?;
        Ok((self.source(name)?, offset))
    }
}

fn split_offset(text: &str) -> Result<(&str, i32), String> {
    let Some((name, offset)) = text.split_once('+') else { return Ok((text, 0)) };
    let offset = number(offset.trim()).map(|value| value as i64);
    let offset = offset.and_then(|value| i32::try_from(value).ok());
    Ok((name.trim(), offset.ok_or_else(|| format!("offset in `{text}`"))?))
}

/// A literal: an integer, or the bits of a float.
pub(super) fn number(text: &str) -> Option<u64> {
    let hexadecimal =
        ["0f", "0F", "0d", "0D", "0x", "0X"].iter().find_map(|prefix| text.strip_prefix(prefix));
    if let Some(digits) = hexadecimal {
        return u64::from_str_radix(digits.trim_end_matches('U'), 16).ok();
    }
    let digits = text.trim_end_matches('U');
    if digits == "WARP_SZ" {
        return Some(32);
    }
    digits.parse::<u64>().ok().or_else(|| digits.parse::<i64>().ok().map(|value| value as u64))
}
