//! Records as tuples, and the arrays inside them as lists.

use super::{FormatOptions, items};
use crate::dtype::{DType, Field, Record};

/// One tuple for each of `items`, fields aligned with those of the others.
pub fn words(record: &Record, items: &[&[u8]], lone: bool, options: &FormatOptions) -> Vec<String> {
    let columns: Vec<_> =
        record.fields().iter().map(|field| field_words(field, items, lone, options)).collect();
    let tuple = |i: usize| {
        let fields: Vec<&str> = columns.iter().map(|column| column[i].as_str()).collect();
        if let [field] = fields[..] { format!("({field},)") } else { format!("({})", fields.join(", ")) }
    };
    (0..items.len()).map(tuple).collect()
}

fn field_words(field: &Field, items: &[&[u8]], lone: bool, options: &FormatOptions) -> Vec<String> {
    let size = field.byte_size().unwrap_or(0);
    let items: Vec<&[u8]> = items.iter().map(|item| &item[field.offset..][..size]).collect();
    if field.shape.is_empty() {
        items::words(field.dtype, &items, lone, options)
    } else {
        array_words(field.dtype, &field.shape, &items, options)
    }
}

/// One list for each of `items`, arrays of this shape without gaps.
pub fn array_words(dtype: DType, shape: &[usize], items: &[&[u8]], options: &FormatOptions) -> Vec<String> {
    let count = shape.iter().product::<usize>();
    let scalars: Vec<&[u8]> = items
        .iter()
        .flat_map(|item| {
            let size = item.len().checked_div(count).unwrap_or(0);
            (0..count).map(move |i| &item[i * size..][..size])
        })
        .collect();
    let words = items::words(dtype, &scalars, false, options);
    (0..items.len()).map(|i| list(shape, &words[i * count..][..count], count, options)).collect()
}

/// Nested lists on one line; `total` counts the elements of the outermost.
fn list(shape: &[usize], words: &[String], total: usize, options: &FormatOptions) -> String {
    let [extent, inner @ ..] = shape else { return words.concat() };
    let step = words.len().checked_div(*extent).unwrap_or(0);
    let part = |i: usize| list(inner, &words[i * step..][..step], total, options);
    let as_i64 = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let parts: Vec<String> = match options.edge(as_i64(total), as_i64(*extent)) {
        Some(edge) => {
            let edge = edge as usize;
            let tail = (extent - edge..*extent).map(part);
            (0..edge).map(part).chain(["...".into()]).chain(tail).collect()
        }
        None => (0..*extent).map(part).collect(),
    };
    format!("[{}]", parts.join(", "))
}
