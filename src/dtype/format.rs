//! PEP 3118 format strings, the language of the buffer protocol: `f`, `<d`, `3s`, `T{f:x:(2,3)i:y:}`.

use std::ffi::c_long;

use super::descr::finish;
use super::record::{Field, Record};
use super::table::SCALARS;
use super::typestr::{FOREIGN, NATIVE};
use super::{Class, DType, MAX_DEPTH, MAX_FIELDS, MAX_ITEM_SIZE};
use crate::error::{Quoted, Result, bail};

const LONG_IS_8: bool = size_of::<c_long>() == 8;

impl DType {
    /// The PEP 3118 format, as NumPy writes it: native types bare (`f`), foreign ones with their order (`>f`),
    /// several lanes as an array (`(4)f`). In structures every number has its order and every gap is spelled out,
    /// so that no alignment is implied; titles are lost.
    ///
    /// Errors: `Unsupported` for types without a format: `bfloat16` and narrower, complex of halves (`Ze` is written
    /// by some, but NumPy refuses it), dates, unknown types, fields that overlap or have `:` in their names.
    pub fn buffer_format(self) -> Result<String> {
        match self.as_record() {
            Some(record) => write_record(record),
            None => {
                let order = if self.is_swapped() { String::from(FOREIGN) } else { String::new() };
                let code = match self.write_code()? {
                    // NumPy's int64 is C's long where that has 8 bytes; `q` would be another type of the same size.
                    "q" if LONG_IS_8 && order.is_empty() => "l".into(),
                    "Q" if LONG_IS_8 && order.is_empty() => "L".into(),
                    code => code.to_owned(),
                };
                Ok(format!("{}{order}{}{code}", self.write_lanes(), self.write_count()))
            }
        }
    }

    /// The code of one scalar in standard sizes.
    fn write_code(self) -> Result<&'static str> {
        match self.class() {
            Class::Bytes => Ok("s"),
            Class::Str => Ok("w"),
            Class::Void => Ok("x"),
            _ => match self.known_scalar() {
                Some(scalar) if !scalar.format.is_empty() => Ok(scalar.format),
                _ => bail!(Unsupported, "{self} has no PEP 3118 format"),
            },
        }
    }

    fn write_count(self) -> String {
        match self.class() {
            Class::Bytes | Class::Str | Class::Void => self.detail.to_string(),
            _ => String::new(),
        }
    }

    fn write_lanes(self) -> String {
        if self.lanes == 1 { String::new() } else { format!("({})", self.lanes) }
    }

    /// Reads a PEP 3118 format as NumPy does. Without an order character, and after `@`, sizes and alignment are
    /// the C compiler's; after `^` the sizes only; after `=`, `<`, `>`, `!` both are the standard ones. `Ze`,
    /// complex of halves, is read too. A lone array of numbers becomes lanes.
    ///
    /// Errors: `Dtype` when `text` is no format, `Unsupported` for codes that this library does not carry
    /// (`long double`, pointers, objects, bits) and for lone arrays of anything else.
    pub fn from_buffer_format(text: &str) -> Result<Self> {
        parse(text)
    }
}

fn write_record(record: &Record) -> Result<String> {
    if !record.is_sequential() {
        bail!(Unsupported, "fields that overlap or run backwards have no PEP 3118 format");
    }
    let mut text = String::from("T{");
    for (gap, field) in record.with_gaps() {
        if gap > 0 {
            text.push_str(&format!("{gap}x"));
        }
        if let Some(field) = field {
            text.push_str(&write_field(field)?);
        }
    }
    text.push('}');
    Ok(text)
}

fn write_field(field: &Field) -> Result<String> {
    let Field { name, dtype, shape, .. } = field;
    if name.contains(':') {
        bail!(Unsupported, "field name {name:?} cannot stand in a PEP 3118 format");
    }
    let mut extents: Vec<String> = shape.iter().map(usize::to_string).collect();
    if dtype.lanes != 1 {
        extents.push(dtype.lanes.to_string());
    }
    let shape = if extents.is_empty() { String::new() } else { format!("({})", extents.join(",")) };
    let element = match dtype.as_record() {
        Some(inner) => write_record(inner)?,
        None => {
            let order = if dtype.is_swapped() { FOREIGN } else { NATIVE };
            format!("{order}{}{}", dtype.write_count(), dtype.write_code()?)
        }
    };
    Ok(format!("{shape}{element}:{name}:"))
}

/// Reads a whole format.
pub(super) fn parse(text: &str) -> Result<DType> {
    let mut reader = Reader { text, rest: text, order: '@', depth: 0 };
    if text.is_empty() {
        return reader.fail("no type");
    }
    let mut items = reader.items(false)?;
    match &items.fields[..] {
        [one] if one.name.is_empty() && one.offset == 0 && one.byte_size() == Some(items.size) => {}
        _ => return finish(items.size, items.fields),
    }
    let Some(Field { dtype, shape, .. }) = items.fields.pop() else { return reader.fail("no type") };
    match shape[..] {
        [] => Ok(dtype),
        [lanes] if dtype.kind == 0 && (1..=usize::from(u16::MAX)).contains(&lanes) => {
            Ok(dtype.with_lanes(lanes as u16))
        }
        _ => {
            let text = Quoted(text);
            bail!(Unsupported, "format {text} is an array {shape:?}, which belongs in the tensor's shape")
        }
    }
}

/// What stands in a structure: its fields, its bytes, and the alignment that it asks for.
struct Items {
    fields: Vec<Field>,
    size: usize,
    align: usize,
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    order: char,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn fail<T>(&self, what: &str) -> Result<T> {
        bail!(Dtype, "{what} at byte {} of {}", self.text.len() - self.rest.len(), Quoted(self.text))
    }

    fn accept(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The text up to `end`, which is skipped.
    fn until(&mut self, end: char) -> Result<&'a str> {
        match self.rest.split_once(end) {
            Some((inner, rest)) => {
                self.rest = rest;
                Ok(inner)
            }
            None => self.fail(&format!("no {end:?}")),
        }
    }

    fn is_native(&self) -> bool {
        matches!(self.order, '@' | '^')
    }

    /// Items up to the closing brace when `nested`, else to the end.
    fn items(&mut self, nested: bool) -> Result<Items> {
        let mut items = Items { fields: Vec::new(), size: 0, align: 1 };
        loop {
            if nested && self.accept("}") {
                break;
            }
            if self.rest.is_empty() {
                if nested {
                    return self.fail("no '}'");
                }
                break;
            }
            self.item(&mut items)?;
        }
        if self.order == '@' {
            items.size = self.sum(items.size, padding(items.size, items.align))?;
        }
        Ok(items)
    }

    /// One item: `[shape][order][count]code[:name:]`.
    fn item(&mut self, items: &mut Items) -> Result<()> {
        let mut shape = if self.accept("(") { self.shape()? } else { Vec::new() };
        if let Some(order) = self.rest.chars().next().filter(|c| "@^=<>!".contains(*c)) {
            self.rest = &self.rest[1..];
            self.order = order;
        }
        let count = self.count()?;
        let is_gap = self.rest.starts_with('x');
        let (dtype, align, counted) = self.element(count.unwrap_or(1))?;
        if let Some(count) = count.filter(|count| !counted && *count != 1) {
            shape.push(count);
        }
        let name = if self.accept(":") { Some(self.until(':')?.to_owned()) } else { None };
        let aligned = self.order == '@';
        let gap = if aligned { padding(items.size, align) } else { 0 };
        let offset = self.sum(items.size, gap)?;
        let field = Field { name: name.unwrap_or_default(), title: None, dtype, offset, shape };
        let Some(size) = field.byte_size() else { return self.fail("too large an item") };
        items.size = self.sum(offset, size)?;
        if aligned {
            items.align = items.align.max(align);
        }
        if !(is_gap && field.name.is_empty()) {
            items.fields.push(field);
        }
        if items.fields.len() > MAX_FIELDS {
            return self.fail("too many items");
        }
        Ok(())
    }

    fn sum(&self, a: usize, b: usize) -> Result<usize> {
        match a.checked_add(b).filter(|sum| *sum <= MAX_ITEM_SIZE) {
            Some(sum) => Ok(sum),
            None => self.fail("too large an item"),
        }
    }

    fn shape(&mut self) -> Result<Vec<usize>> {
        let inner = self.until(')')?;
        let extent = |text: &str| text.trim_matches(' ').parse::<u32>().ok().map(|extent| extent as usize);
        match inner.trim_end_matches(',').split(',').map(extent).collect() {
            Some(shape) => Ok(shape),
            None => self.fail("a bad shape"),
        }
    }

    fn count(&mut self) -> Result<Option<usize>> {
        let digits = self.rest.len() - self.rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = self.rest.split_at(digits);
        if digits == 0 {
            return Ok(None);
        }
        match number.parse().ok().filter(|count| *count <= MAX_ITEM_SIZE) {
            Some(count) => {
                self.rest = rest;
                Ok(Some(count))
            }
            None => self.fail("too large a count"),
        }
    }

    /// One type, its alignment, and whether it used up the count as its own size.
    fn element(&mut self, count: usize) -> Result<(DType, usize, bool)> {
        if self.accept("T{") {
            if self.depth == MAX_DEPTH {
                return self.fail("too deep a nesting");
            }
            self.depth += 1;
            let items = self.items(true)?;
            self.depth -= 1;
            return Ok((finish(items.size, items.fields)?, items.align, false));
        }
        let start = self.rest;
        if !self.accept("Z") {
            for (code, kind, align) in [("s", b'S', 1), ("w", b'U', 4), ("x", b'V', 1)] {
                if self.accept(code) {
                    let dtype = self.ordered(DType::numpy(kind, count as u64));
                    dtype.validate()?;
                    return Ok((dtype, align, true));
                }
            }
        }
        let letter = self.rest.chars().next().map_or(0, char::len_utf8);
        self.rest = &self.rest[letter..];
        let code = &start[..start.len() - self.rest.len()];
        let dtype = self.scalar(code)?;
        let component = if dtype.is_complex() { dtype.item_size() / 2 } else { dtype.item_size() };
        let align = if component == 8 { align_of::<u64>() } else { component };
        Ok((self.ordered(dtype), align, false))
    }

    fn ordered(&self, dtype: DType) -> DType {
        let order = if self.order == '!' { '>' } else { self.order };
        if order == FOREIGN { dtype.swapped() } else { dtype }
    }

    fn scalar(&self, code: &str) -> Result<DType> {
        let code = match code {
            "l" if self.is_native() && LONG_IS_8 => "q",
            "L" if self.is_native() && LONG_IS_8 => "Q",
            "l" => "i",
            "L" => "I",
            "n" if self.is_native() => {
                if size_of::<usize>() == 8 {
                    "q"
                } else {
                    "i"
                }
            }
            "N" if self.is_native() => {
                if size_of::<usize>() == 8 {
                    "Q"
                } else {
                    "I"
                }
            }
            "F" => "Zf",
            "D" => "Zd",
            code => code,
        };
        match code {
            "c" => Ok(DType::numpy(b'S', 1)),
            "Ze" => Ok(DType::COMPLEX32),
            "g" | "G" | "Zg" | "O" | "P" | "X" | "&" | "t" | "u" | "p" => {
                bail!(Unsupported, "format code {code:?} of {} cannot be carried", Quoted(self.text))
            }
            _ => match SCALARS.iter().find(|scalar| !scalar.format.is_empty() && scalar.format == code) {
                Some(scalar) => Ok(scalar.dtype),
                None => self.fail(&format!("no type {code:?}")),
            },
        }
    }
}

/// Bytes from `offset` to the next multiple of `align`.
fn padding(offset: usize, align: usize) -> usize {
    offset.next_multiple_of(align.max(1)) - offset
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn descr(format: &str) -> String {
        DType::from_buffer_format(format).unwrap_or_else(|e| panic!("{format}: {e}")).descr()
    }

    #[test]
    fn formats_read_back_as_written() {
        for scalar in SCALARS.iter().filter(|scalar| !scalar.format.is_empty()) {
            for dtype in [scalar.dtype, scalar.dtype.swapped(), scalar.dtype.with_lanes(3)] {
                let format = dtype.buffer_format().unwrap();
                assert_eq!(DType::from_buffer_format(&format), Ok(dtype), "{format}");
            }
        }
        for dtype in [
            DType::numpy(b'S', 0),
            DType::numpy(b'S', 3),
            DType::numpy(b'U', 5).swapped(),
            DType::numpy(b'V', 9),
        ] {
            assert_eq!(DType::from_buffer_format(&dtype.buffer_format().unwrap()), Ok(dtype));
        }
        let nested = "('z', [('s', 'S3'), ('u', 'U2')], (2,))";
        let dtype =
            DType::parse(&format!("[('x', 'f4'), ('', 'V3'), ('y', '>c16', (2, 3)), {nested}, ('', 'V1')]"))
                .unwrap();
        assert_eq!(DType::from_buffer_format(&dtype.buffer_format().unwrap()), Ok(dtype));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn formats_are_written_as_documented() {
        assert_eq!(DType::FLOAT32.buffer_format().unwrap(), "f");
        assert_eq!(DType::FLOAT32.swapped().buffer_format().unwrap(), ">f");
        assert_eq!(DType::INT64.buffer_format().unwrap(), if LONG_IS_8 { "l" } else { "q" });
        assert_eq!(DType::COMPLEX64.with_lanes(2).buffer_format().unwrap(), "(2)Zf");
        let record = DType::parse("[('x', '<f4'), ('', 'V3'), ('y', '>i8', (2, 3)), ('s', 'S3')]").unwrap();
        assert_eq!(record.buffer_format().unwrap(), "T{<f:x:3x(2,3)>q:y:<3s:s:}");
    }

    #[test]
    fn types_without_a_format_say_so() {
        let unix = DType::parse("datetime64[s]").unwrap();
        for dtype in
            [DType::BFLOAT16, DType::FLOAT8_E5M2, DType::INT4, DType::COMPLEX32, DType::new(18, 32), unix]
        {
            assert_eq!(dtype.buffer_format().map_err(|e| e.kind()), Err(Kind::Unsupported), "{dtype}");
        }
    }

    #[test]
    #[cfg(all(target_endian = "little", target_pointer_width = "64"))]
    fn structures_are_laid_out_as_numpy_reads_them() {
        for (format, expected) in [
            ("T{f:x:d:y:}", "[('x', '<f4'), ('', '|V4'), ('y', '<f8')]"),
            ("bd", "[('f0', '|i1'), ('', '|V7'), ('f1', '<f8')]"),
            ("db", "[('f0', '<f8'), ('f1', '|i1'), ('', '|V7')]"),
            ("^bd", "[('f0', '|i1'), ('f1', '<f8')]"),
            ("<bd", "[('f0', '|i1'), ('f1', '<f8')]"),
            ("T{=f:x:3x=i:y:}", "[('x', '<f4'), ('', '|V3'), ('y', '<i4')]"),
            (
                "T{b:x:T{bd}:y:b:z:}",
                "[('x', '|i1'), ('', '|V7'), ('y', [('f0', '|i1'), ('', '|V7'), ('f1', '<f8')]), ('z', '|i1'), ('', '|V7')]",
            ),
            ("fxx", "[('f0', '<f4'), ('', '|V4')]"),
            ("xf", "[('', '|V4'), ('f0', '<f4')]"),
            ("T{(2,3)3f:x:}", "[('x', '<f4', (2, 3, 3))]"),
            ("T{2x:named:>3w:u:}", "[('named', '|V2'), ('u', '>U3')]"),
            ("4x", "[('', '|V4')]"),
            ("3f", "[('', '<f4', (3,))]"),
        ] {
            assert_eq!(descr(format), expected, "{format}");
        }
    }

    #[test]
    fn the_order_says_which_sizes_are_meant() {
        let size = |format: &str| DType::from_buffer_format(format).unwrap().item_size();
        assert_eq!(
            (size("l"), size("@L"), size("=l"), size(">L")),
            (size_of::<c_long>(), size_of::<c_long>(), 4, 4)
        );
        assert_eq!(size("n"), size_of::<usize>());
        assert!(DType::from_buffer_format("<n").is_err());
        assert_eq!(DType::from_buffer_format("Ze"), Ok(DType::COMPLEX32));
        assert_eq!(DType::from_buffer_format("!H"), DType::from_buffer_format(">H"));
    }

    #[test]
    fn hostile_formats_are_refused() {
        let deep = "T{".repeat(100_000);
        let many = "b".repeat(MAX_FIELDS + 1);
        for text in [
            "",
            "@",
            "T{",
            "T{f",
            "}",
            "f}",
            "T{f:x}",
            "(2",
            "()f",
            "(a)f",
            "(2,3)",
            "3",
            "99999999999999999999f",
            "é",
            "\0",
            "f\0",
            "2147483648s",
            "(4294967295,4294967295,4294967295)d",
            "2147483647d2147483647d",
            "T{f:x:f:x:}",
            "Z",
            "Zq",
            "f f",
            "(2,3)f\u{e9}",
            "T{2147483647s:a:2147483647s:b:}",
            &deep,
            &many,
        ] {
            assert!(DType::from_buffer_format(text).is_err(), "{:?}", &text.get(..text.len().min(40)));
        }
        assert_eq!(DType::from_buffer_format("(2,3)f").map_err(|e| e.kind()), Err(Kind::Unsupported));
    }
}
