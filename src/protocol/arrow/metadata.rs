//! What a schema's metadata say of extension types: keys and values of bytes, and a little JSON.

use std::ffi::c_char;

use super::{BOOL8, FIXED_SHAPE_TENSOR};
use crate::error::{Error, Kind, Result, bail};
use crate::layout::{Dims, MAX_NDIM};

const NAME: &str = "ARROW:extension:name";
const METADATA: &str = "ARROW:extension:metadata";
/// More keys than any schema has: such a number was never written as one.
const MAX_KEYS: i32 = 1 << 16;

/// An extension type, as far as a schema names one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Its name; empty for none.
    pub name: &'a [u8],
    /// Its parameters.
    pub metadata: &'a [u8],
}

/// Reads a block from its start to its end.
struct Reader(*const u8);

impl Reader {
    /// # Safety
    /// Four bytes are readable.
    unsafe fn number(&mut self, what: &str, most: i32) -> Result<usize> {
        // SAFETY: the caller's promise.
        let value = unsafe { self.0.cast::<i32>().read_unaligned() };
        if !(0..=most).contains(&value) {
            bail!(InvalidArgument, "`metadata` has {value} for the {what}");
        }
        self.0 = self.0.wrapping_add(4);
        Ok(value as usize)
    }

    /// # Safety
    /// A length and so many bytes are readable as long as the result lives.
    unsafe fn text<'a>(&mut self, what: &str) -> Result<&'a [u8]> {
        // SAFETY: the caller's promise.
        unsafe {
            let length = self.number(what, i32::MAX)?;
            let text = std::slice::from_raw_parts(self.0, length);
            self.0 = self.0.wrapping_add(length);
            Ok(text)
        }
    }
}

/// The extension type that a schema's metadata name.
///
/// # Safety
/// `block` is NULL or a block of metadata, readable as long as the result lives.
pub unsafe fn extension<'a>(block: *const c_char) -> Result<Extension<'a>> {
    let mut found = Extension::default();
    if block.is_null() {
        return Ok(found);
    }
    let mut reader = Reader(block.cast());
    // SAFETY: the caller's promise: the number of keys, then lengths and texts.
    unsafe {
        for _ in 0..reader.number("number of keys", MAX_KEYS)? {
            let (key, value) = (reader.text("length of a key")?, reader.text("length of a value")?);
            if key == NAME.as_bytes() {
                found.name = value;
            } else if key == METADATA.as_bytes() {
                found.metadata = value;
            }
        }
    }
    Ok(found)
}

/// A block that names an extension type.
fn block(name: &str, parameters: &str) -> Vec<u8> {
    let texts = [NAME, name, METADATA, parameters];
    let mut block = 2i32.to_ne_bytes().to_vec();
    for text in texts {
        block.extend_from_slice(&(text.len() as i32).to_ne_bytes());
        block.extend_from_slice(text.as_bytes());
    }
    block
}

/// The metadata of a boolean of a byte.
pub fn bool8() -> Vec<u8> {
    block(BOOL8, "")
}

/// The metadata of tensors of this shape.
pub fn fixed_shape_tensor(shape: &[i64]) -> Vec<u8> {
    let extents: Vec<String> = shape.iter().map(i64::to_string).collect();
    block(FIXED_SHAPE_TENSOR, &format!("{{\"shape\":[{}]}}", extents.join(",")))
}

/// Shape, and the order in which its axes are to be seen, of the JSON in the metadata of a `FIXED_SHAPE_TENSOR`.
pub fn shape_and_permutation(json: &[u8]) -> Result<(Dims, Option<Dims>)> {
    let text = std::str::from_utf8(json).unwrap_or_default();
    let malformed = || Error::new(Kind::Dtype, format!("{text:?} are no metadata of {FIXED_SHAPE_TENSOR}"));
    let shape = integers(text, "shape").ok_or_else(malformed)?.ok_or_else(malformed)?;
    let permutation = integers(text, "permutation").ok_or_else(malformed)?;
    if permutation.as_ref().is_some_and(|axes| axes.len() != shape.len()) {
        return Err(malformed());
    }
    Ok((shape, permutation))
}

/// The array of integers that is the value of `key` in a JSON object; nothing inside when there is no such key. `None`
/// when the text is no object, or the value no such array.
fn integers(text: &str, key: &str) -> Option<Option<Dims>> {
    let mut rest = text.trim().strip_prefix('{')?.trim_start();
    while !rest.starts_with('}') {
        let (name, after) = string(rest)?;
        let value = after.trim_start().strip_prefix(':')?.trim_start();
        if name == key {
            return list(value).map(Some);
        }
        let end = value_end(value)?;
        rest = value[end..].trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    Some(None)
}

/// A quoted string, its escapes left as they are, and what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inner.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some((&inner[..end], &inner[end + 1..]))
}

/// Where a value ends: at a comma or brace that is neither quoted nor nested.
fn value_end(text: &str) -> Option<usize> {
    let (mut depth, mut rest) = (0usize, text);
    loop {
        match rest.bytes().next()? {
            b'"' => {
                rest = string(rest)?.1;
                continue;
            }
            b'[' | b'{' => depth += 1,
            b',' | b'}' if depth == 0 => return Some(text.len() - rest.len()),
            b']' | b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        let first = rest.chars().next()?;
        rest = &rest[first.len_utf8()..];
    }
}

/// An array of integers, no more than a tensor has axes.
fn list(text: &str) -> Option<Dims> {
    let (inside, _) = text.strip_prefix('[')?.split_once(']')?;
    if inside.trim().is_empty() {
        return Some(Dims::NONE);
    }
    let items: Option<Vec<i64>> = inside.split(',').map(|item| item.trim().parse().ok()).collect();
    items.filter(|items| items.len() <= MAX_NDIM).map(|items| items.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<(Vec<i64>, Option<Vec<i64>>)> {
        let (shape, permutation) = shape_and_permutation(json.as_bytes()).ok()?;
        Some((shape.to_vec(), permutation.map(|axes| axes.to_vec())))
    }

    #[test]
    fn shapes_and_permutations_are_read_in_any_order_among_anything() {
        assert_eq!(read(r#"{"shape":[2,3]}"#), Some((vec![2, 3], None)));
        assert_eq!(read(r#" { "shape" : [ 2 , 3 ] } "#), Some((vec![2, 3], None)));
        assert_eq!(read(r#"{"shape":[]}"#), Some((vec![], None)));
        let all = r#"{"dim_names":["a,}","\"]",null],"x":{"shape":[9]},"permutation":[1,0],"shape":[2,3]}"#;
        assert_eq!(read(all), Some((vec![2, 3], Some(vec![1, 0]))));
    }

    #[test]
    fn what_is_no_such_json_is_refused() {
        for json in [
            "",
            "{",
            "{}",
            "[2,3]",
            "null",
            r#"{"shape":2}"#,
            r#"{"shape":[2,3}"#,
            r#"{"shape":[2.5]}"#,
            r#"{"shape":"[2]"}"#,
            r#"{"shape":[2,3],"permutation":[0]}"#,
            r#"{"shape":[99999999999999999999]}"#,
            r#"{"shape"#,
            r#"{"a":[,"shape":[1]}"#,
            r#"{"a":"é\"#,
            r#"{"a":]}"#,
        ] {
            assert_eq!(read(json), None, "{json}");
        }
        assert!(shape_and_permutation(b"\xff").is_err());
        let many = format!("{{\"shape\":[{}1]}}", "1,".repeat(64));
        assert_eq!(read(&many), None);
    }

    #[test]
    fn a_block_reads_back_as_written() {
        let block = fixed_shape_tensor(&[4, 0, 2]);
        // SAFETY: the block was made just now.
        let found = unsafe { extension(block.as_ptr().cast()) }.unwrap();
        assert_eq!(found.name, FIXED_SHAPE_TENSOR.as_bytes());
        assert_eq!(shape_and_permutation(found.metadata).unwrap().0.to_vec(), [4, 0, 2]);
        // SAFETY: as above; NULL is no block.
        unsafe {
            assert_eq!(extension(bool8().as_ptr().cast()).unwrap().name, BOOL8.as_bytes());
            assert_eq!(extension(std::ptr::null()), Ok(Extension::default()));
        }
    }

    #[test]
    fn numbers_that_are_no_lengths_are_refused() {
        for numbers in [vec![-1], vec![i32::MIN], vec![1 << 20], vec![1, -1], vec![1, 0, -5]] {
            let block: Vec<u8> = numbers.iter().flat_map(|number: &i32| number.to_ne_bytes()).collect();
            // SAFETY: the reading ends at the number that is refused.
            assert!(unsafe { extension(block.as_ptr().cast()) }.is_err(), "{numbers:?}");
        }
    }
}
