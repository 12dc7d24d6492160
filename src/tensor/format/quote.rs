//! Bytes and text between quotes, as Python's `repr` writes them.

use std::fmt::Write;

/// `b'…'`: printable ASCII as it is, the rest escaped.
pub fn bytes(bytes: &[u8]) -> String {
    let characters: Vec<u32> = bytes.iter().map(|&byte| byte.into()).collect();
    format!("b{}", quoted(&characters, |c| c.is_ascii()))
}

/// `'…'`: printable characters as they are, the rest escaped, numbers that are no characters too.
pub fn text(characters: &[u32]) -> String {
    quoted(characters, |_| true)
}

/// `b'\x01\xFF'`: every byte as its number, with capitals as NumPy has them.
pub fn raw_bytes(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("\\x{byte:02X}")).collect();
    format!("b'{digits}'")
}

/// Between single quotes, or double ones where that saves escapes.
fn quoted(characters: &[u32], allowed: impl Fn(char) -> bool) -> String {
    let contains = |quote: char| characters.contains(&quote.into());
    let quote = if contains('\'') && !contains('"') { '"' } else { '\'' };
    let mut text = String::from(quote);
    for &code in characters {
        match char::from_u32(code) {
            Some('\t') => text.push_str("\\t"),
            Some('\n') => text.push_str("\\n"),
            Some('\r') => text.push_str("\\r"),
            Some(c) if c == quote || c == '\\' => text.extend(['\\', c]),
            Some(c) if is_printable(c) && allowed(c) => text.push(c),
            _ => push_number(&mut text, code),
        }
    }
    text.push(quote);
    text
}

fn push_number(text: &mut String, code: u32) {
    // Writing to a string cannot fail.
    let _ = match code {
        0..=0xff => write!(text, "\\x{code:02x}"),
        0x100..=0xffff => write!(text, "\\u{code:04x}"),
        _ => write!(text, "\\U{code:08x}"),
    };
}

/// Whether `c` can be shown: Python's rule is that of `escape_debug`, which also escapes combining marks unless they
/// follow a letter, and quotes.
fn is_printable(c: char) -> bool {
    matches!(c, '\'' | '"') || format!("a{c}").escape_debug().count() == 2
}
