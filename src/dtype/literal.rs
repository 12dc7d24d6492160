//! The part of Python's literals that NumPy writes type descriptions in: strings, whole numbers, truth values,
//! `None`, tuples, lists and dictionaries.

use std::fmt::Write;

use super::MAX_DEPTH;
use crate::error::{Result, bail};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    None,
    Number(usize),
    Text(String),
    Tuple(Vec<Literal>),
    List(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
}

/// Reads one literal that fills `text`.
pub(super) fn parse(text: &str) -> Result<Literal> {
    let mut reader = Reader { text, rest: text, depth: 0 };
    let literal = reader.literal()?;
    match reader.peek() {
        None => Ok(literal),
        Some(c) => reader.fail(&format!("{c:?} after the end")),
    }
}

/// `text` as Python writes it.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            c if u32::from(c) < 0x20 || u32::from(c) == 0x7f => {
                write!(quoted, "\\x{:02x}", u32::from(c)).expect("writing to a string never fails");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn fail<T>(&self, what: &str) -> Result<T> {
        bail!(Dtype, "a type description has {what} at byte {}", self.text.len() - self.rest.len())
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.rest.chars().next()
    }

    fn next_char(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    fn accept(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.rest = &self.rest[c.len_utf8()..];
        }
        found
    }

    fn expect(&mut self, c: char) -> Result<()> {
        if self.accept(c) { Ok(()) } else { self.fail(&format!("no {c:?}")) }
    }

    fn literal(&mut self) -> Result<Literal> {
        // A level of a record takes at most three, a dictionary, its list of formats, a pair of type and shape; the
        // innermost shape and its numbers are two more.
        if self.depth == 3 * MAX_DEPTH + 2 {
            return self.fail("too deep a nesting");
        }
        self.depth += 1;
        let literal = match self.peek() {
            Some('(') => self.tuple(),
            Some('[') => {
                self.expect('[')?;
                Ok(Literal::List(self.items(']', Self::literal)?.0))
            }
            Some('{') => {
                self.expect('{')?;
                Ok(Literal::Dict(self.items('}', Self::entry)?.0))
            }
            Some('\'' | '"') => self.string(),
            Some('0'..='9') => self.number(),
            _ => self.word(),
        };
        self.depth -= 1;
        literal
    }

    /// `None`; or `True` or `False`, which are numbers in Python too.
    fn word(&mut self) -> Result<Literal> {
        let words = [("None", Literal::None), ("True", Literal::Number(1)), ("False", Literal::Number(0))];
        for (word, literal) in words {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(literal);
            }
        }
        self.fail("no literal")
    }

    /// A tuple, or what stands in parentheses without a comma.
    fn tuple(&mut self) -> Result<Literal> {
        self.expect('(')?;
        let (mut items, comma) = self.items(')', Self::literal)?;
        match items.pop() {
            Some(only) if items.is_empty() && !comma => Ok(only),
            last => Ok(Literal::Tuple(items.into_iter().chain(last).collect())),
        }
    }

    fn entry(&mut self) -> Result<(Literal, Literal)> {
        let key = self.literal()?;
        self.expect(':')?;
        Ok((key, self.literal()?))
    }

    /// Items with commas between, up to `end`; and whether a comma stood last.
    fn items<T>(&mut self, end: char, item: fn(&mut Self) -> Result<T>) -> Result<(Vec<T>, bool)> {
        let mut items = Vec::new();
        let mut comma = false;
        while !self.accept(end) {
            if !items.is_empty() && !comma {
                return self.fail("no comma");
            }
            items.push(item(self)?);
            comma = self.accept(',');
        }
        Ok((items, comma))
    }

    fn number(&mut self) -> Result<Literal> {
        let digits = self.rest.len() - self.rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        match self.rest[..digits].parse() {
            Ok(number) => {
                self.rest = &self.rest[digits..];
                Ok(Literal::Number(number))
            }
            Err(_) => self.fail("too large a number"),
        }
    }

    fn string(&mut self) -> Result<Literal> {
        let quote = self.next_char();
        let mut text = String::new();
        loop {
            match self.next_char() {
                None => return self.fail("an open string"),
                c if c == quote => return Ok(Literal::Text(text)),
                Some('\\') => text.push(self.escape()?),
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let digits = match self.next_char() {
            Some(c @ ('\\' | '\'' | '"')) => return Ok(c),
            Some('n') => return Ok('\n'),
            Some('t') => return Ok('\t'),
            Some('r') => return Ok('\r'),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => return self.fail("an unknown escape"),
        };
        let mut code = 0;
        for _ in 0..digits {
            match self.next_char().and_then(|c| c.to_digit(16)) {
                Some(digit) => code = code << 4 | digit,
                None => return self.fail("an unknown escape"),
            }
        }
        match char::from_u32(code) {
            Some(c) => Ok(c),
            None => self.fail("an escape that is no character"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_as_python_reads_them() {
        use Literal::*;
        let text = |s: &str| Text(s.into());
        for (source, expected) in [
            ("(2,)", Tuple(vec![Number(2)])),
            ("(2)", Number(2)),
            ("()", Tuple(vec![])),
            ("[ 'a' , \"b'\" ]", List(vec![text("a"), text("b'")])),
            (
                "{'a': None, 'b': (1, 2)}",
                Dict(vec![(text("a"), None), (text("b"), Tuple(vec![Number(1), Number(2)]))]),
            ),
            (r"'\x41\u00e9\U0001f600\'\n'", text("Aé😀'\n")),
        ] {
            assert_eq!(parse(source), Ok(expected), "{source}");
        }
    }

    #[test]
    fn quoting_is_undone_by_reading() {
        for text in ["", "x", "it's", "back\\slash", "tab\t\0", "é😀"] {
            assert_eq!(parse(&quote(text)), Ok(Literal::Text(text.into())));
        }
    }

    #[test]
    fn hostile_literals_are_refused() {
        let deep = "[".repeat(100_000);
        for text in [
            "",
            "'",
            "(1",
            "[1 2]",
            "[,]",
            "{1}",
            "{1:}",
            "1 1",
            "-1",
            "1.5",
            "'\\q'",
            "'\\ud800'",
            "'\\x4",
            &deep,
        ] {
            assert!(parse(text).is_err(), "{:?}", &text[..text.len().min(20)]);
        }
        assert!(parse("99999999999999999999999999").is_err());
    }
}
