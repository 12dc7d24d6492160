//! PTX as statements: what ends in a semicolon, labels, and the braces of scopes.

/// A piece of a function's body, and the line of the text on which it begins.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Statement {
    pub line: u32,
    pub kind: Kind,
}

#[derive(PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Open,
    Close,
    Label(String),
    /// A directive or an instruction, without its semicolon.
    Plain(String),
}

/// The text of a kernel: what stands between its name and its body, and the body.
pub(super) struct Entry<'a> {
    pub head: &'a str,
    pub body: &'a str,
    /// The line on which the body begins.
    pub line: u32,
}

/// Finds the kernel `name`.
pub(super) fn entry<'a>(text: &'a str, name: &str) -> Option<Entry<'a>> {
    let start = text.match_indices(".entry").map(|(at, word)| at + word.len()).find(|at| {
        let after = text[*at..].trim_start();
        after.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(['(', '{', '.']))
    })?;
    let open = start + text[start..].find('{')?;
    let close = open + closing(&text[open..])?;
    let line = 1 + text[..open].matches('\n').count() as u32;
    Some(Entry { head: &text[start..open], body: &text[open + 1..close], line })
}

/// Where the brace is that closes the one at the start.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Splits a body that begins on `line`.
pub(super) fn statements(body: &str, mut line: u32) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut text = String::new();
    let mut began = line;
    let mut characters = uncommented(body).peekable();
    while let Some(character) = characters.next() {
        if character == '\n' {
            line += 1;
        }
        let blank = text.is_empty();
        if blank && character.is_whitespace() {
            continue;
        }
        if blank {
            began = line;
        }
        let kind = match character {
            '{' if blank => Kind::Open,
            '}' if blank => Kind::Close,
            ';' => Kind::Plain(std::mem::take(&mut text).trim_end().to_owned()),
            ':' if is_name(&text) && characters.peek() != Some(&':') => {
                Kind::Label(std::mem::take(&mut text))
            }
            other => {
                text.push(other);
                continue;
            }
        };
        found.push(Statement { line: began, kind });
    }
    found
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'%'))
}

/// The characters of a text without what `//` begins.
fn uncommented(text: &str) -> impl Iterator<Item = char> {
    text.split_inclusive('\n').flat_map(|line| {
        let code = line.split("//").next().unwrap_or_default();
        code.chars().chain((line.ends_with('\n') && !code.ends_with('\n')).then_some('\n'))
    })
}

/// Splits operands at the commas that no bracket encloses.
pub(super) fn operands(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => {
                found.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    let last = text[start..].trim();
    if !last.is_empty() {
        found.push(last);
    }
    found
}

/// A declaration outside of functions, such as `.global .align 4 .b8 table[4] = {1, 2, 3, 4}`, by the name it declares.
pub(super) fn declaration<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.match_indices(name).find_map(|(at, _)| {
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let before = text[start..at].trim_start();
        let after = text[at + name.len()..].trim_start();
        let declares = [".global", ".const", ".shared", ".visible", ".extern"];
        let is_one = declares.iter().any(|word| before.starts_with(word))
            && before.ends_with(char::is_whitespace)
            && after.starts_with(['[', '=', ';']);
        is_one.then(|| text[start..].split(';').next().unwrap_or_default().trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_know_their_lines_and_vectors_are_no_scopes() {
        let body = "\n.reg .b32 %r<3>; // two\n$L_1:\n{ mov.b64 {%r1, %r2},\n %rd1; }\nld.global.L1::no_allocate.u32 %r1, [%rd1];";
        let plain = |line, text: &str| Statement { line, kind: Kind::Plain(text.into()) };
        let expected = [
            plain(8, ".reg .b32 %r<3>"),
            Statement { line: 9, kind: Kind::Label("$L_1".into()) },
            Statement { line: 10, kind: Kind::Open },
            plain(10, "mov.b64 {%r1, %r2},\n %rd1"),
            Statement { line: 11, kind: Kind::Close },
            plain(12, "ld.global.L1::no_allocate.u32 %r1, [%rd1]"),
        ];
        assert_eq!(statements(body, 7), expected);
    }

    #[test]
    fn operands_keep_their_brackets() {
        assert_eq!(operands("{%r1, %r2}, [%rd1+4], 0"), ["{%r1, %r2}", "[%rd1+4]", "0"]);
        assert!(operands("").is_empty());
    }

    #[test]
    fn a_kernel_is_not_taken_for_one_whose_name_is_longer() {
        let text =
            ".visible .entry copy_16(.param .u32 a)\n{\nret;\n}\n.visible .entry copy_1(\n)\n{ { x; } }\n";
        let found = entry(text, "copy_1").unwrap();
        assert_eq!((found.body, found.line), (" { x; } ", 7));
        assert!(entry(text, "copy").is_none());
    }

    #[test]
    fn a_table_is_found_by_its_name() {
        let text = ".global .b8 t_1[2] = {1, 2};\n.const .align 4 .b8 t[4] = {1,\n2, 3, 4};\n";
        assert_eq!(declaration(text, "t"), Some(".const .align 4 .b8 t[4] = {1,\n2, 3, 4}"));
        assert_eq!(declaration(text, "u"), None);
    }
}
