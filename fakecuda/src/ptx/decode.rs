//! From the text of an instruction to what is executed.

use super::{
    arithmetic, bits,
    convert::{self, Conversion},
    float::Round,
    integer, memory,
    step::{Compare, Function, SINK, Slot, Step},
    symbols::Symbols,
    text,
    types::Type,
    wait,
};

/// An instruction; one that jumps names a label.
pub(super) enum Decoded {
    Step(Step),
    Branch(String),
    Table(Slot, String),
}

/// A name with its suffixes. Each is taken by whoever understands it: what is left over in the end is not supported.
pub(super) struct Opcode<'a> {
    pub name: &'a str,
    suffixes: Vec<&'a str>,
}

impl<'a> Opcode<'a> {
    fn new(text: &'a str) -> Self {
        let mut parts = text.split('.');
        Self { name: parts.next().unwrap_or_default(), suffixes: parts.collect() }
    }

    /// Takes a suffix if it is there.
    pub(super) fn take(&mut self, suffix: &str) -> bool {
        let at = self.suffixes.iter().position(|present| *present == suffix);
        at.map(|at| self.suffixes.remove(at)).is_some()
    }

    /// Takes the first suffix that means something.
    pub(super) fn take_one<T>(&mut self, meaning: impl Fn(&'a str) -> Option<T>) -> Option<T> {
        let at = self.suffixes.iter().position(|suffix| meaning(suffix).is_some())?;
        meaning(self.suffixes.remove(at))
    }

    /// Takes what has no bearing on the result, such as hints for caches.
    pub(super) fn drop_all(&mut self, suffixes: &[&str]) {
        self.suffixes.retain(|suffix| !suffixes.contains(suffix));
    }

    pub(super) fn take_type(&mut self) -> Result<Type, String> {
        self.take_one(Type::named).ok_or_else(|| "is not supported: it has no type".into())
    }
}

/// Decodes an instruction without its guard.
pub(super) fn step(text: &str, symbols: &mut Symbols) -> Result<Decoded, String> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let mut opcode = Opcode::new(word);
    let operands = text::operands(rest);
    let refused = |why: &str| format!("`{word}` {why}");
    let decoded = family(&mut opcode, &operands, symbols).map_err(|why| refused(&why))?;
    match opcode.suffixes.first() {
        None => Ok(decoded),
        Some(suffix) => Err(refused(&format!("is not supported: nothing knows its `.{suffix}`"))),
    }
}

fn family(opcode: &mut Opcode, operands: &[&str], symbols: &mut Symbols) -> Result<Decoded, String> {
    let decoded = match (opcode.name, operands) {
        ("bra", [label]) => {
            opcode.drop_all(&["uni"]);
            return Ok(Decoded::Branch((*label).to_owned()));
        }
        ("brx", [index, label]) if opcode.take("idx") => {
            opcode.drop_all(&["uni"]);
            return Ok(Decoded::Table(symbols.source(index)?, (*label).to_owned()));
        }
        ("ret" | "exit", []) => {
            opcode.drop_all(&["uni"]);
            Step::Exit
        }
        ("mov", [to, from]) => mov(opcode, to, from, symbols)?,
        ("setp", [to, a, b, ..]) => setp(opcode, to, a, b, operands.get(3).copied(), symbols)?,
        ("cvt", [to, sources @ ..]) => cvt(opcode, to, sources, symbols)?,
        ("ld" | "ldu" | "st" | "atom" | "red" | "cvta" | "prefetch", _) => {
            memory::decode(opcode, operands, symbols)?
        }
        ("bar" | "barrier" | "shfl" | "vote" | "redux" | "activemask" | "membar" | "fence", _) => {
            wait::decode(opcode, operands, symbols)?
        }
        (_, [to, sources @ ..]) if sources.len() <= 4 => compute(opcode, to, sources, symbols)?,
        _ => return Err("is not supported".into()),
    };
    Ok(Decoded::Step(decoded))
}

fn mov(opcode: &mut Opcode, to: &str, from: &str, symbols: &mut Symbols) -> Result<Step, String> {
    let kind = opcode.take_type()?;
    let parts = |text: &str| -> Option<Vec<String>> {
        let inner = text.strip_prefix('{')?.strip_suffix('}')?;
        Some(inner.split(',').map(|part| part.trim().to_owned()).collect())
    };
    let part_bits = |count: usize| match count {
        2 | 4 => Ok(8 * kind.bytes() / count as u8),
        _ => Err(format!("cannot cut a register into {count}")),
    };
    if let Some(names) = parts(from) {
        let bits = part_bits(names.len())?;
        let mut slots = [SINK; 4];
        for (slot, name) in slots.iter_mut().zip(&names) {
            *slot = symbols.source(name)?;
        }
        return Ok(Step::Pack { bits, count: names.len() as u8, to: symbols.target(to)?, from: slots });
    }
    if let Some(names) = parts(to) {
        let bits = part_bits(names.len())?;
        let mut slots = [SINK; 4];
        for (slot, name) in slots.iter_mut().zip(&names) {
            *slot = symbols.target(name)?;
        }
        return Ok(Step::Unpack { bits, count: names.len() as u8, to: slots, from: symbols.source(from)? });
    }
    let function = arithmetic_function("mov", kind).ok_or("is not supported")?;
    Ok(Step::Compute { function, to: symbols.target(to)?, from: [symbols.source(from)?, SINK, SINK, SINK] })
}

/// A function of integers, bits or floats.
pub(super) fn arithmetic_function(operation: &str, kind: Type) -> Option<Function> {
    integer::function(operation, kind)
        .or_else(|| bits::function(operation, kind))
        .or_else(|| arithmetic::function(operation, kind))
}

fn compute(opcode: &mut Opcode, to: &str, sources: &[&str], symbols: &mut Symbols) -> Result<Step, String> {
    if opcode.name == "slct" {
        return slct(opcode, to, sources, symbols);
    }
    let kind = opcode.take_type()?;
    let is_float = matches!(kind, Type::Float(_));
    let operation = operation(opcode, is_float)?;
    let function = arithmetic_function(&operation, kind).ok_or("is not supported")?;
    let mut from = [SINK; 4];
    for (slot, source) in from.iter_mut().zip(sources) {
        *slot = symbols.source(source)?;
    }
    let to = match to.split_once('|') {
        None => symbols.target(to)?,
        Some(_) => return Err("is not supported: it has two results".into()),
    };
    if matches!(opcode.name, "div" | "rem") && !is_float {
        return Ok(Step::Divide { function, bytes: kind.bytes(), to, from: [from[0], from[1]] });
    }
    Ok(Step::Compute { function, to, from })
}

/// The name of what is computed, with the suffixes that make another operation of it.
fn operation(opcode: &mut Opcode, is_float: bool) -> Result<String, String> {
    let suffixes: &[&str] = match opcode.name {
        // Without a rounding they are approximations, or sums and products that the driver may fuse.
        "add" | "sub" | "mul" | "fma" | "mad" | "div" | "sqrt" | "rcp" if is_float => {
            let rounded = opcode.take("rn");
            return if rounded {
                Ok(opcode.name.into())
            } else {
                Err("is not supported: it is not exact".into())
            };
        }
        "mul" | "mad" => &["lo", "hi", "wide"],
        "shf" => &["l", "r", "clamp", "wrap"],
        "testp" => &["finite", "infinite", "number", "notanumber", "normal", "subnormal"],
        _ => &[],
    };
    let mut name = opcode.name.to_owned();
    for suffix in suffixes {
        if opcode.take(suffix) {
            name = format!("{name}.{suffix}");
        }
    }
    Ok(name)
}

fn slct(opcode: &mut Opcode, to: &str, sources: &[&str], symbols: &mut Symbols) -> Result<Step, String> {
    let kind = opcode.take_type()?;
    let function: Function = match (kind.bytes(), opcode.take_type()?) {
        (8, Type::Signed(4)) => |a, b, c, _| if c as i32 >= 0 { a } else { b },
        (_, Type::Signed(4)) => |a, b, c, _| (if c as i32 >= 0 { a } else { b }) as u32 as u64,
        _ => return Err("is not supported".into()),
    };
    let [a, b, c] = sources else { return Err("takes three operands".into()) };
    let from = [symbols.source(a)?, symbols.source(b)?, symbols.source(c)?, SINK];
    Ok(Step::Compute { function, to: symbols.target(to)?, from })
}

fn setp(
    opcode: &mut Opcode,
    to: &str,
    a: &str,
    b: &str,
    c: Option<&str>,
    symbols: &mut Symbols,
) -> Result<Step, String> {
    let kind = opcode.take_type()?;
    let joins = |suffix: &str| match suffix {
        "and" | "or" | "xor" => integer::function(suffix, Type::Predicate),
        _ => None,
    };
    let join = opcode.take_one(joins);
    if join.is_some() != c.is_some() {
        return Err("combines without a third operand, or has one for nothing".into());
    }
    let tests = |suffix: &str| match (suffix, kind) {
        ("lo" | "ls" | "hi" | "hs" | "eq" | "ne" | "lt" | "le" | "gt" | "ge", _) => {
            arithmetic_function(suffix, kind)
        }
        ("equ" | "neu" | "ltu" | "leu" | "gtu" | "geu" | "num" | "nan", Type::Float(_)) => {
            arithmetic_function(suffix, kind)
        }
        _ => None,
    };
    let test = opcode.take_one(tests).ok_or("is not supported")?;
    let (to, opposite) = to.split_once('|').unwrap_or((to, "_"));
    let c = c.unwrap_or("1");
    Ok(Step::Compare(Box::new(Compare {
        test,
        join,
        to: symbols.target(to)?,
        opposite: symbols.target(opposite)?,
        a: symbols.source(a)?,
        b: symbols.source(b)?,
        c: symbols.source(c.trim_start_matches('!'))?,
        negate_c: c.starts_with('!'),
    })))
}

fn cvt(opcode: &mut Opcode, to: &str, sources: &[&str], symbols: &mut Symbols) -> Result<Step, String> {
    let conversion = Conversion {
        to: opcode.take_type()?,
        from: opcode.take_type()?,
        round: opcode.take_one(|suffix| rounding(suffix, "")),
        whole: opcode.take_one(|suffix| rounding(suffix, "i")),
        saturate: opcode.take("sat"),
        finite: opcode.take("satfinite"),
        clip: opcode.take("relu"),
    };
    let two = matches!((conversion.to, conversion.from), (Type::Pair(_), Type::Float(_)));
    if !conversion.is_known() || sources.len() != 1 + usize::from(two) {
        return Err("is not supported".into());
    }
    let to = symbols.target(to)?;
    let first = symbols.source(sources[0])?;
    if let Some(function) = convert::native(&conversion) {
        return Ok(Step::Compute { function, to, from: [first, SINK, SINK, SINK] });
    }
    let second = if two { symbols.source(sources[1])? } else { SINK };
    Ok(Step::Convert { conversion: Box::new(conversion), to, from: [first, second] })
}

fn rounding(suffix: &str, end: &str) -> Option<Round> {
    Some(match suffix.strip_suffix(end)? {
        "rn" => Round::Nearest,
        "rz" => Round::Zero,
        "rm" => Round::Down,
        "rp" => Round::Up,
        _ => return None,
    })
}
