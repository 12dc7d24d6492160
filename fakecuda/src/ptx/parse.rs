//! From text to code.

use std::collections::HashMap;

use super::{
    code::{Code, Variable},
    decode::{self, Decoded},
    step::{Instruction, Step},
    symbols::Symbols,
    text::{self, Kind, Statement},
};

/// What a kernel's head declares.
pub(super) struct Head {
    /// Offset and size of each parameter.
    pub params: Vec<(usize, usize)>,
    pub param_bytes: usize,
    pub max_threads: u32,
}

/// Reads the kernel `name` of a module.
pub(super) fn kernel(module: &str, name: &str) -> Result<(Head, Code), String> {
    let entry = text::entry(module, name).ok_or_else(|| format!("there is no kernel `{name}`"))?;
    let mut symbols = Symbols::new(module);
    let head = head(entry.head, &mut symbols)?;
    let mut reader = Reader::new(symbols);
    for statement in text::statements(entry.body, entry.line) {
        let line = statement.line;
        reader.statement(statement).map_err(|why| format!("{name}: PTX line {line}: {why}"))?;
    }
    let code = reader.finish().map_err(|why| format!("{name}: {why}"))?;
    Ok((head, code))
}

fn head(text: &str, symbols: &mut Symbols) -> Result<Head, String> {
    let mut head = Head { params: Vec::new(), param_bytes: 0, max_threads: 1024 };
    let (list, rest) = match text.split_once('(') {
        Some((_, after)) => after.rsplit_once(')').ok_or("the parameters do not end")?,
        None => ("", text),
    };
    for parameter in list.split(',').map(str::trim).filter(|parameter| !parameter.is_empty()) {
        let variable = Variable::parse(parameter)?;
        let offset = head.param_bytes.next_multiple_of(variable.align);
        head.params.push((offset, variable.bytes));
        head.param_bytes = offset + variable.bytes;
        symbols.declare_parameter(variable.name, offset);
    }
    for directive in [".maxntid", ".reqntid"] {
        let Some((_, sizes)) = rest.split_once(directive) else { continue };
        let sizes =
            sizes.split('.').next().unwrap_or_default().split(',').map(|size| size.trim().parse::<u32>());
        head.max_threads =
            sizes.product::<Result<u32, _>>().map_err(|_| format!("{directive} has no sizes"))?;
    }
    Ok(head)
}

struct Reader<'a> {
    symbols: Symbols<'a>,
    instructions: Vec<Instruction>,
    lines: Vec<u32>,
    labels: HashMap<String, u32>,
    /// Instructions that lead to labels that may not be known yet.
    jumps: Vec<(usize, String)>,
    /// The lists of `.branchtargets`, by the label before each.
    tables: HashMap<String, Vec<String>>,
    last_label: String,
}

impl<'a> Reader<'a> {
    fn new(symbols: Symbols<'a>) -> Self {
        Self {
            symbols,
            instructions: Vec::new(),
            lines: Vec::new(),
            labels: HashMap::new(),
            jumps: Vec::new(),
            tables: HashMap::new(),
            last_label: String::new(),
        }
    }

    fn statement(&mut self, statement: Statement) -> Result<(), String> {
        match statement.kind {
            Kind::Open => self.symbols.open(),
            Kind::Close => self.symbols.close(),
            Kind::Label(name) => {
                if self.labels.insert(name.clone(), self.instructions.len() as u32).is_some() {
                    return Err(format!("label {name} stands twice"));
                }
                self.last_label = name;
            }
            Kind::Plain(text) if text.starts_with('.') => self.directive(&text)?,
            Kind::Plain(text) => self.instruction(&text, statement.line)?,
        }
        Ok(())
    }

    fn directive(&mut self, text: &str) -> Result<(), String> {
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match word {
            ".reg" => {
                let (_, names) =
                    rest.trim().split_once(char::is_whitespace).ok_or("registers without names")?;
                self.symbols.declare_registers(names)
            }
            ".shared" | ".local" => self.symbols.declare_variable(&Variable::parse(text)?).map(drop),
            ".branchtargets" => {
                let targets = rest.split(',').map(|target| target.trim().to_owned()).collect();
                self.tables.insert(self.last_label.clone(), targets);
                Ok(())
            }
            ".pragma" | ".loc" | ".file" => Ok(()),
            _ => Err(format!("directive `{word}` is not supported")),
        }
    }

    fn instruction(&mut self, text: &str, line: u32) -> Result<(), String> {
        let (guard, text) = match text.strip_prefix('@') {
            None => (None, text),
            Some(rest) => {
                let (name, rest) =
                    rest.split_once(char::is_whitespace).ok_or("a guard without instruction")?;
                let wanted = !name.starts_with('!');
                (Some((self.symbols.source(name.trim_start_matches('!'))?, wanted)), rest.trim_start())
            }
        };
        let step = match decode::step(text, &mut self.symbols)? {
            Decoded::Step(step) => step,
            Decoded::Branch(label) => {
                self.jumps.push((self.instructions.len(), label));
                Step::Branch(0)
            }
            Decoded::Table(index, label) => {
                self.jumps.push((self.instructions.len(), label));
                Step::Table { index, first: 0, count: 0 }
            }
        };
        self.instructions.push(Instruction { guard, step });
        self.lines.push(line);
        Ok(())
    }

    fn finish(mut self) -> Result<Code, String> {
        let mut targets = Vec::new();
        let labels = std::mem::take(&mut self.labels);
        let place = |name: &str| labels.get(name).copied().ok_or_else(|| format!("there is no label {name}"));
        for (at, label) in &self.jumps {
            match &mut self.instructions[*at].step {
                Step::Table { first, count, .. } => {
                    let table = self.tables.get(label).ok_or_else(|| format!("{label} has no targets"))?;
                    (*first, *count) = (targets.len() as u32, table.len() as u32);
                    for target in table {
                        targets.push(place(target)?);
                    }
                }
                step => *step = Step::Branch(place(label)?),
            }
        }
        // A kernel may end without `ret`.
        self.instructions.push(Instruction { guard: None, step: Step::Exit });
        self.lines.push(self.lines.last().copied().unwrap_or(0));
        let waits = self.instructions.iter().any(|instruction| matches!(instruction.step, Step::Wait(_)));
        Ok(Code {
            instructions: self.instructions,
            lines: self.lines,
            targets,
            initial: self.symbols.initial,
            shared_bytes: self.symbols.shared_bytes,
            local_bytes: self.symbols.local_bytes,
            variables: self.symbols.variables,
            waits,
        })
    }
}
