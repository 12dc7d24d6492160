//! Each element as a word.

use std::ops::Range;

use super::pick::byte_at;
use super::{FormatOptions, datetime, float, quote, record};
use crate::dtype::float::Format;
use crate::dtype::{DType, Field, Scalar, Value};
use crate::error::{Result, bail};

/// Fails for types whose elements cannot be read.
///
/// Errors: `Unsupported`, naming the type.
pub fn require_printable(dtype: DType) -> Result<()> {
    match dtype.kind {
        0 if Scalar::of(dtype).is_none() => bail!(Unsupported, "elements of {dtype} cannot be printed"),
        b'V' if dtype.is_structured() => {
            let fields = dtype.as_record().into_iter().flat_map(|record| record.fields());
            fields.map(|field| field.dtype).try_for_each(require_printable)
        }
        _ => Ok(()),
    }
}

/// How many words one element of `dtype` takes to make, a list counting as one: arrays without elements have many.
pub fn word_count(dtype: DType) -> usize {
    let field_count = |field: &Field| {
        let (mut lists, mut arrays) = (0usize, 1usize);
        for extent in &field.shape {
            lists = lists.saturating_add(arrays);
            arrays = arrays.saturating_mul(*extent);
        }
        lists.saturating_add(arrays.saturating_mul(word_count(field.dtype)))
    };
    match dtype.as_record() {
        Some(record) => record.fields().iter().map(field_count).fold(1, usize::saturating_add),
        None => dtype.lanes.into(),
    }
}

/// One word for each of `items`, which are elements of a printable type. Numbers and times are all of one width. `lone`
/// says that they are one element without axes.
pub fn words(dtype: DType, items: &[&[u8]], lone: bool, options: &FormatOptions) -> Vec<String> {
    match dtype.kind {
        0 if dtype.lanes > 1 => lane_words(dtype, items, options),
        0 => number_words(dtype, items, lone, options),
        b'S' => items.iter().map(|item| quote::bytes(without_padding(item, 0))).collect(),
        b'U' => items.iter().map(|item| quote::text(without_padding(&characters(dtype, item), 0))).collect(),
        b'M' | b'm' => {
            let values: Vec<i64> = items.iter().map(|item| raw(dtype, item).cast_signed()).collect();
            datetime::words(dtype, &values)
        }
        _ => match dtype.as_record() {
            Some(fields) => record::words(fields, items, lone, options),
            None => items.iter().map(|item| quote::raw_bytes(item)).collect(),
        },
    }
}

/// The words, those shorter than the longest behind spaces.
pub fn align_right(words: Vec<String>) -> Vec<String> {
    let width = words.iter().map(String::len).max().unwrap_or(0);
    words.into_iter().map(|word| format!("{word:>width$}")).collect()
}

/// One list for each vector.
fn lane_words(dtype: DType, items: &[&[u8]], options: &FormatOptions) -> Vec<String> {
    let lanes = usize::from(dtype.lanes);
    let scalar = DType { lanes: 1, ..dtype };
    if !scalar.is_packed() {
        return record::array_words(scalar, &[lanes], items, options);
    }
    let bits = usize::from(dtype.bits);
    let unpacked = |item: &&[u8]| (0..lanes).map(|lane| byte_at(item, lane * bits)).collect();
    let vectors: Vec<Vec<u8>> = items.iter().map(unpacked).collect();
    let vectors: Vec<&[u8]> = vectors.iter().map(Vec::as_slice).collect();
    record::array_words(scalar, &[lanes], &vectors, options)
}

fn number_words(dtype: DType, items: &[&[u8]], lone: bool, options: &FormatOptions) -> Vec<String> {
    let Some((scalar, is_complex)) = Scalar::of(dtype) else {
        unreachable!("`require_printable` let {dtype} pass");
    };
    let size = usize::from(dtype.bits.div_ceil(8));
    let values =
        |part: Range<usize>| items.iter().map(move |item| scalar.decode(raw(dtype, &item[part.clone()])));
    let floats = |part| values(part).map(Value::to_f64).collect::<Vec<_>>();
    match scalar {
        Scalar::Small(Format::FLOAT16) if is_complex => {
            float::complex_words(Scalar::Float16, &floats(0..size / 2), &floats(size / 2..size), options)
        }
        _ if is_complex => {
            float::complex_words(scalar, &floats(0..size / 2), &floats(size / 2..size), options)
        }
        Scalar::Bool => items.iter().map(|item| bool_word(item, lone).into()).collect(),
        Scalar::Int(_) | Scalar::Uint(_) => align_right(values(0..size).map(integer_text).collect()),
        _ => float::words(scalar, &floats(0..size), options),
    }
}

fn integer_text(value: Value) -> String {
    match value {
        Value::Uint(x) => x.to_string(),
        Value::Int(x) => x.to_string(),
        Value::F32(_) | Value::F64(_) => unreachable!("integers decode to integers"),
    }
}

fn bool_word(item: &[u8], lone: bool) -> &'static str {
    match (item.iter().any(|byte| *byte != 0), lone) {
        (true, true) => "True",
        (true, false) => " True",
        (false, _) => "False",
    }
}

/// The bits of one scalar of at most 8 bytes.
fn raw(dtype: DType, bytes: &[u8]) -> u64 {
    let shift = |raw: u64, byte: &u8| raw << 8 | u64::from(*byte);
    if cfg!(target_endian = "big") == dtype.is_swapped() {
        bytes.iter().rev().fold(0, shift)
    } else {
        bytes.iter().fold(0, shift)
    }
}

fn characters(dtype: DType, bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|character| raw(dtype, character) as u32).collect()
}

/// `items` up to the last that is not `padding`.
fn without_padding<T: PartialEq>(items: &[T], padding: T) -> &[T] {
    let end = items.iter().rposition(|item| *item != padding).map_or(0, |last| last + 1);
    &items[..end]
}
