//! Instructions that name memory.

use super::{
    code::{LOCAL, PARAMETERS, SHARED},
    decode::{self, Opcode},
    step::{Access, SINK, Space, Step},
    symbols::Symbols,
    types::Type,
};

/// Suffixes that speak of caches, order and who else may look: here every access happens at once, for everybody.
const HINTS: [&str; 26] = [
    "nc",
    "ca",
    "cg",
    "cs",
    "lu",
    "cv",
    "wb",
    "wt",
    "volatile",
    "weak",
    "relaxed",
    "acquire",
    "release",
    "acq_rel",
    "cta",
    "gpu",
    "sys",
    "L1::no_allocate",
    "L1::evict_first",
    "L1::evict_last",
    "L1::evict_normal",
    "L1::evict_unchanged",
    "L2::64B",
    "L2::128B",
    "L2::256B",
    "noftz",
];

fn space(suffix: &str) -> Option<Space> {
    Some(match suffix {
        "global" | "const" => Space::Global,
        "shared" | "shared::cta" => Space::Shared,
        "local" => Space::Local,
        "param" | "param::entry" => Space::Parameters,
        _ => return None,
    })
}

pub(super) fn decode(opcode: &mut Opcode, operands: &[&str], symbols: &mut Symbols) -> Result<Step, String> {
    if opcode.name == "cvta" {
        return cvta(opcode, operands, symbols);
    }
    let space = opcode.take_one(space).unwrap_or(Space::Generic);
    opcode.drop_all(&HINTS);
    match (opcode.name, operands) {
        ("prefetch", [_]) => {
            opcode.drop_all(&["L1", "L2"]);
            Ok(Step::Nothing)
        }
        ("ld" | "ldu", [values, address]) => {
            let access = vector(opcode, space, values, address, symbols, true)?;
            Ok(Step::Load(access))
        }
        ("st", [address, values]) if space != Space::Parameters => {
            let access = vector(opcode, space, values, address, symbols, false)?;
            Ok(Step::Store(access))
        }
        ("atom", [to, address, sources @ ..]) => update(opcode, space, to, address, sources, symbols),
        ("red", [address, sources @ ..]) => update(opcode, space, "_", address, sources, symbols),
        _ => Err("is not supported".into()),
    }
}

fn vector(
    opcode: &mut Opcode,
    space: Space,
    values: &str,
    address: &str,
    symbols: &mut Symbols,
    load: bool,
) -> Result<Access, String> {
    let kind = opcode.take_type()?;
    let count: Option<usize> = opcode.take_one(|suffix| match suffix {
        "v2" => Some(2),
        "v4" => Some(4),
        _ => None,
    });
    let inner = values.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(values);
    let names: Vec<&str> = inner.split(',').map(str::trim).collect();
    if names.len() != count.unwrap_or(1) || names.len() * usize::from(kind.bytes()) > 16 {
        return Err("is not supported: its vector has another length".into());
    }
    let mut slots = [SINK; 4];
    for (slot, name) in slots.iter_mut().zip(&names) {
        *slot = if load { symbols.target(name)? } else { symbols.source(name)? };
    }
    let (address, offset) = symbols.address(address)?;
    let signed = matches!(kind, Type::Signed(_));
    Ok(Access {
        space,
        bytes: kind.bytes(),
        count: names.len() as u8,
        signed,
        address,
        offset,
        values: slots,
    })
}

/// `atom` and `red`: the operation is an arithmetic one, or `exch` or `cas`.
fn update(
    opcode: &mut Opcode,
    space: Space,
    to: &str,
    address: &str,
    sources: &[&str],
    symbols: &mut Symbols,
) -> Result<Step, String> {
    let kind = opcode.take_type()?;
    let operations = |suffix| match suffix {
        "add" | "and" | "or" | "xor" | "min" | "max" | "exch" | "cas" | "inc" | "dec" => {
            decode::arithmetic_function(suffix, kind).map(|function| (function, suffix))
        }
        _ => None,
    };
    let (function, operation) = opcode.take_one(operations).ok_or("is not supported")?;
    let wanted = if operation == "cas" { 2 } else { 1 };
    if sources.len() != wanted || kind.bytes() < 4 || matches!(space, Space::Parameters | Space::Local) {
        return Err("is not supported".into());
    }
    let mut values = [symbols.target(to)?, symbols.source(sources[0])?, SINK, SINK];
    if let Some(second) = sources.get(1) {
        values[2] = symbols.source(second)?;
    }
    let (address, offset) = symbols.address(address)?;
    let access = Access { space, bytes: kind.bytes(), count: 1, signed: false, address, offset, values };
    Ok(Step::Update { function, access })
}

/// Between addresses of one space and generic ones.
fn cvta(opcode: &mut Opcode, operands: &[&str], symbols: &mut Symbols) -> Result<Step, String> {
    let [to, from] = operands else { return Err("takes two operands".into()) };
    let kind = opcode.take_type()?;
    let back = opcode.take("to");
    let space = opcode.take_one(space).ok_or("without a space")?;
    if kind != Type::Unsigned(8) {
        return Err("is not supported".into());
    }
    let window = match space {
        Space::Shared => SHARED,
        Space::Local => LOCAL,
        Space::Parameters => PARAMETERS,
        Space::Global | Space::Generic => 0,
    };
    let function =
        decode::arithmetic_function(if back { "sub" } else { "add" }, kind).ok_or("is not supported")?;
    let from = [symbols.source(from)?, symbols.constant(window), SINK, SINK];
    Ok(Step::Compute { function, to: symbols.target(to)?, from })
}
