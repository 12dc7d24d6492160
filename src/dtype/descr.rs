//! NumPy's descriptions of structured types: the list form, `[('x', '<f4'), ('y', '<i4', (2, 3))]`, and the
//! dictionary form with explicit offsets.

use std::collections::HashSet;

use super::literal::{self, Literal, quote};
use super::name::parse_word;
use super::record::{Field, Record};
use super::{DType, MAX_ITEM_SIZE};
use crate::error::{Quoted, Result, bail};

impl DType {
    /// The text of the array interface's `descr`: a Python list of `(name, typestring[, shape])`.
    ///
    /// A type without fields is one field without a name, `[('', '<f4')]`; several lanes are its shape. Unused
    /// bytes are fields without a name, `('', '|V4')`. NumPy refuses to describe fields that overlap or run
    /// backwards; here such a type is described as mere bytes of its size.
    pub fn descr(self) -> String {
        let described = self.as_record().and_then(described);
        described.unwrap_or_else(|| {
            let (leaf, shape) = match self.known_scalar() {
                Some(_) if self.lanes > 1 => (self.with_lanes(1), vec![usize::from(self.lanes)]),
                _ => (self, vec![]),
            };
            format!("[('', '{}'{})]", leaf.typestr(), shape_suffix(&shape))
        })
    }

    /// The name of a structured type, as NumPy's `str`: the list form where fields lie one behind the other without
    /// gaps, else the dictionary form. Unlike in [`descr`](Self::descr), types that NumPy lacks appear by name.
    pub(super) fn record_name(self) -> String {
        match self.as_record() {
            Some(record) if record.with_gaps().all(|(gap, _)| gap == 0) && record.is_sequential() => {
                let entries: Vec<_> =
                    record.fields().iter().map(|field| entry(field, &named(field.dtype))).collect();
                format!("[{}]", entries.join(", "))
            }
            Some(record) => dict(record),
            None => self.typestr(),
        }
    }

    /// Reads a description in NumPy's list or dictionary form.
    ///
    /// In the list form, a field without a name is a gap if it is plain bytes (`'|V4'`) and else gets NumPy's name
    /// `f0`, `f1`, …; a description of one such field is that type itself, its shape the lanes. Types narrower than
    /// a byte are padded, as in ml_dtypes.
    ///
    /// Errors: `Dtype` when `text` is no description or its fields do not fit; else as [`DType::record`].
    pub fn from_descr(text: &str) -> Result<Self> {
        let (dtype, shape) = element(&literal::parse(text)?)?;
        match shape[..] {
            [] => Ok(dtype),
            [lanes]
                if dtype.kind == 0 && dtype.lanes == 1 && (1..=usize::from(u16::MAX)).contains(&lanes) =>
            {
                Ok(dtype.with_lanes(lanes as u16))
            }
            _ => {
                let text = Quoted(text);
                bail!(Dtype, "the description {text} has a shape {shape:?}, which belongs to the tensor")
            }
        }
    }
}

/// How a field's type is written in a name: its typestring if that says it all.
fn named(dtype: DType) -> String {
    match dtype.is_structured() {
        true => dtype.record_name(),
        false if dtype.typestr_is_exact() => quote(&dtype.typestr()),
        false => quote(&dtype.name()),
    }
}

/// `, (2, 3)`, or nothing for no axes.
fn shape_suffix(shape: &[usize]) -> String {
    match shape {
        [] => String::new(),
        [one] => format!(", ({one},)"),
        more => format!(", ({})", more.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// The list form with gaps, unless fields of this record or one inside do not follow each other.
fn described(record: &Record) -> Option<String> {
    if !record.is_sequential() {
        return None;
    }
    let mut entries = Vec::new();
    for (gap, field) in record.with_gaps() {
        if gap > 0 {
            entries.push(format!("('', '|V{gap}')"));
        }
        if let Some(field) = field {
            let dtype = match field.dtype.as_record() {
                Some(inner) => described(inner)?,
                None => quote(&field.dtype.typestr()),
            };
            entries.push(entry(field, &dtype));
        }
    }
    Some(format!("[{}]", entries.join(", ")))
}

/// One field of the list form.
fn entry(field: &Field, dtype: &str) -> String {
    format!("({}, {dtype}{})", field_name(field), shape_suffix(&field.shape))
}

/// The name, with the title before it if there is one.
fn field_name(field: &Field) -> String {
    match &field.title {
        Some(title) => format!("({}, {})", quote(title), quote(&field.name)),
        None => quote(&field.name),
    }
}

/// The dictionary form.
fn dict(record: &Record) -> String {
    let join =
        |item: &dyn Fn(&Field) -> String| record.fields().iter().map(item).collect::<Vec<_>>().join(", ");
    let format = |field: &Field| {
        let dtype = named(field.dtype);
        if field.shape.is_empty() { dtype } else { format!("({dtype}{})", shape_suffix(&field.shape)) }
    };
    let titles = match record.fields().iter().any(|field| field.title.is_some()) {
        true => {
            format!("'titles': [{}], ", join(&|field| field.title.as_deref().map_or("None".into(), quote)))
        }
        false => String::new(),
    };
    format!(
        "{{'names': [{}], 'formats': [{}], 'offsets': [{}], {titles}'itemsize': {}}}",
        join(&|field| quote(&field.name)),
        join(&format),
        join(&|field| field.offset.to_string()),
        record.item_size()
    )
}

/// An element type, with a shape if it is an array of them.
fn element(literal: &Literal) -> Result<(DType, Vec<usize>)> {
    match literal {
        Literal::Text(text) => match parse_word(text)? {
            Some(dtype) => Ok((dtype.padded(), vec![])),
            None => {
                bail!(Dtype, "{} in a type description is neither a name nor a typestring", Quoted(text))
            }
        },
        Literal::List(entries) => from_list(entries),
        Literal::Dict(entries) => Ok((from_dict(entries)?, vec![])),
        Literal::Tuple(pair) => match &pair[..] {
            [base, extents] => {
                let (dtype, inner) = element(base)?;
                Ok((dtype, shape(extents)?.into_iter().chain(inner).collect()))
            }
            _ => bail!(Dtype, "a pair of type and shape in a type description has {} items", pair.len()),
        },
        other => bail!(Dtype, "{other:?} stands for a type in a type description"),
    }
}

fn shape(literal: &Literal) -> Result<Vec<usize>> {
    let extents = match literal {
        Literal::Tuple(extents) | Literal::List(extents) => extents,
        single => std::slice::from_ref(single),
    };
    let number = |extent: &Literal| match extent {
        Literal::Number(n) => Ok(*n),
        other => bail!(Dtype, "a shape in a type description holds {other:?}"),
    };
    extents.iter().map(number).collect()
}

fn text(literal: &Literal) -> Result<String> {
    match literal {
        Literal::Text(text) => Ok(text.clone()),
        other => bail!(Dtype, "{other:?} stands for a field name in a type description"),
    }
}

/// The list form: fields follow each other.
fn from_list(entries: &[Literal]) -> Result<(DType, Vec<usize>)> {
    let mut fields = Vec::new();
    let mut end = 0usize;
    for entry in entries {
        let field = list_field(entry, end)?;
        if entries.len() == 1 && field.name.is_empty() && field.title.is_none() {
            return Ok((field.dtype, field.shape));
        }
        end = match field.byte_size().and_then(|size| end.checked_add(size)) {
            Some(end) if end <= MAX_ITEM_SIZE => end,
            _ => bail!(Dtype, "a type description is larger than {MAX_ITEM_SIZE} bytes"),
        };
        let is_gap = field.name.is_empty() && field.dtype.kind == b'V' && !field.dtype.is_structured();
        if !is_gap {
            fields.push(field);
        }
    }
    finish(end, fields).map(|dtype| (dtype, vec![]))
}

fn list_field(entry: &Literal, offset: usize) -> Result<Field> {
    let Literal::Tuple(parts) = entry else {
        bail!(Dtype, "{entry:?} stands for a field in a type description")
    };
    let (name, base, extents) = match &parts[..] {
        [name, base] => (name, base, None),
        [name, base, extents] => (name, base, Some(extents)),
        _ => bail!(Dtype, "a field in a type description has {} items, not 2 or 3", parts.len()),
    };
    let (title, name) = match name {
        Literal::Tuple(names) if names.len() == 2 => (Some(text(&names[0])?), text(&names[1])?),
        single => (None, text(single)?),
    };
    let (dtype, inner) = element(base)?;
    let outer = extents.map(shape).transpose()?.unwrap_or_default();
    Ok(Field { name, title, dtype, offset, shape: outer.into_iter().chain(inner).collect() })
}

/// The dictionary form: every field says where it lies.
fn from_dict(entries: &[(Literal, Literal)]) -> Result<DType> {
    let get =
        |key: &str| entries.iter().find(|(k, _)| *k == Literal::Text(key.into())).map(|(_, value)| value);
    let column = |key: &str| match get(key) {
        Some(Literal::List(items) | Literal::Tuple(items)) => Ok(&items[..]),
        _ => bail!(Dtype, "a type description has no list {key:?}"),
    };
    let (names, formats, offsets) = (column("names")?, column("formats")?, column("offsets")?);
    let titles = if get("titles").is_some() { column("titles")? } else { &[] };
    if formats.len() != names.len()
        || offsets.len() != names.len()
        || !matches!(titles.len(), n if n == 0 || n == names.len())
    {
        bail!(
            Dtype,
            "a type description has lists of {}, {} and {} items",
            names.len(),
            formats.len(),
            offsets.len()
        );
    }
    let Some(Literal::Number(item_size)) = get("itemsize") else {
        bail!(Dtype, "a type description has no 'itemsize'")
    };
    let mut fields = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let (dtype, shape) = element(&formats[i])?;
        let Literal::Number(offset) = offsets[i] else {
            bail!(Dtype, "an offset in a type description is no number")
        };
        let title = match titles.get(i) {
            None | Some(Literal::None) => None,
            Some(title) => Some(text(title)?),
        };
        fields.push(Field { name: text(name)?, title, dtype, offset, shape });
    }
    finish(*item_size, fields)
}

/// A record of these fields, or plain bytes if there are none. Fields without a name get NumPy's.
pub(super) fn finish(item_size: usize, mut fields: Vec<Field>) -> Result<DType> {
    if fields.is_empty() {
        let dtype = DType::numpy(b'V', item_size as u64);
        return dtype.validate().map(|()| dtype);
    }
    let mut names: HashSet<String> = fields.iter().map(|field| field.name.clone()).collect();
    for (i, field) in fields.iter_mut().enumerate().filter(|(_, field)| field.name.is_empty()) {
        let free = (i..).map(|n| format!("f{n}")).find(|name| !names.contains(name));
        field.name = free.unwrap_or_default();
        names.insert(field.name.clone());
    }
    DType::record(item_size, fields)
}

#[cfg(test)]
mod tests {
    use super::super::MAX_DEPTH;
    use super::super::typestr::{FOREIGN, NATIVE};
    use super::*;

    /// Rewrites a description in little-endian spelling for this machine.
    fn here(text: &str) -> String {
        let order = |c| match c {
            '<' => NATIVE,
            '>' => FOREIGN,
            c => c,
        };
        text.chars().map(order).collect()
    }

    #[test]
    fn descriptions_read_back_as_written() {
        for text in [
            "[('x', '<f4'), ('y', '<i4', (2, 3))]",
            "[('a', '|u1'), ('', '|V3'), ('b', '>f8'), ('', '|V4')]",
            "[(('the title', 'name'), '|S3'), ('n', '<i8')]",
            "[('nested', [('p', '<c8'), ('q', '|V2')], (2,)), ('when', '<M8[25s]')]",
            "[('it\\'s', '<U5')]",
        ] {
            let text = here(text);
            let dtype = DType::from_descr(&text).unwrap();
            assert_eq!(dtype.descr(), text);
            assert_eq!(DType::parse(&dtype.name()), Ok(dtype));
            assert_eq!(
                dtype.name() == text,
                !text.contains("''"),
                "NumPy names records with gaps by their offsets"
            );
        }
    }

    #[test]
    fn a_type_without_fields_is_one_field_without_a_name() {
        assert_eq!(DType::FLOAT32.descr(), here("[('', '<f4')]"));
        assert_eq!(DType::FLOAT32.with_lanes(4).descr(), here("[('', '<f4', (4,))]"));
        for dtype in
            [DType::FLOAT32, DType::FLOAT64.with_lanes(4), DType::numpy(b'V', 4), DType::numpy(b'S', 2)]
        {
            assert_eq!(DType::from_descr(&dtype.descr()), Ok(dtype));
        }
    }

    #[test]
    fn a_name_keeps_what_a_typestring_loses() {
        let text = "[('x', 'bfloat16'), ('y', 'int4[padded]', (2,))]";
        let dtype = DType::parse(text).unwrap();
        assert_eq!(dtype.name(), text);
        assert_eq!(dtype.descr(), here("[('x', '<V2'), ('y', '|V1', (2,))]"));
        assert_eq!(DType::parse("[('x', 'bfloat16'), ('y', 'int4', (2,))]"), Ok(dtype));
    }

    #[test]
    fn fields_that_overlap_are_named_with_their_offsets() {
        let text = "{'names': ['lo', 'all'], 'formats': ['<u2', ('|u1', (4,))], 'offsets': [2, 0], \
                    'titles': [None, 't'], 'itemsize': 4}";
        let dtype = DType::parse(&here(text)).unwrap();
        assert_eq!(dtype.name(), here(text));
        assert_eq!(dtype.descr(), "[('', '|V4')]");
    }

    #[test]
    fn a_description_may_say_that_it_is_aligned() {
        let text = "{'names': ['a', 'b'], 'formats': ['i1', '<f8'], 'offsets': [0, 8], 'itemsize': 16";
        let plain = DType::parse(&format!("{text}}}")).unwrap();
        for aligned in ["True", "False"] {
            assert_eq!(DType::parse(&format!("{text}, 'aligned': {aligned}}}")), Ok(plain));
        }
        assert!(DType::parse(&format!("{text}, 'aligned': Maybe}}")).is_err());
    }

    #[test]
    fn the_deepest_record_has_a_name_that_reads_back() {
        let field = |dtype, shape| Field { name: "n".into(), title: None, dtype, offset: 1, shape };
        let mut dtype = DType::INT8;
        for level in 1..=MAX_DEPTH {
            dtype = DType::record(level + 1, vec![field(dtype, vec![1])]).unwrap();
        }
        assert_eq!(DType::parse(&dtype.name()), Ok(dtype));
        assert_eq!(DType::parse(&dtype.descr()), Ok(dtype));
        assert_eq!(DType::parse(&dtype.buffer_format().unwrap()), Ok(dtype));
    }

    #[test]
    fn fields_without_a_name_get_numpys() {
        let dtype = DType::parse("[('', 'f4'), ('f2', 'i1'), ('', 'i2'), ('', 'V3')]").unwrap();
        let record = dtype.as_record().unwrap();
        let names: Vec<_> = record.fields().iter().map(|field| &field.name[..]).collect();
        assert_eq!((names, dtype.item_size()), (vec!["f0", "f2", "f3"], 10));
        assert_eq!(DType::parse("[]"), Ok(DType::numpy(b'V', 0)));
    }

    #[test]
    fn bad_descriptions_are_refused() {
        for text in [
            "[('x',)]",
            "['x']",
            "[('x', 'f4', 'y')]",
            "[('x', 'T{f:x:}')]",
            "[('x', 'f4'), ('x', 'f4')]",
            "[('x', 'f4', (1000000, 1000000))]",
            "[('x', 'f4', (18446744073709551615, 18446744073709551615))]",
            "[('', 'f4', (2, 3))]",
            "{'names': ['x'], 'formats': ['f4'], 'offsets': [1], 'itemsize': 4}",
            "{'names': ['x'], 'formats': ['f4'], 'offsets': [], 'itemsize': 4}",
            "{'names': ['x'], 'formats': ['f4'], 'offsets': [0]}",
        ] {
            assert!(DType::parse(text).is_err(), "{text}");
        }
        let deep = format!("{}'f4'{}", "[('x', ".repeat(40), ")]".repeat(40));
        assert!(DType::parse(&deep).is_err());
    }
}
