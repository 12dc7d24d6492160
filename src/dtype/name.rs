//! Names of types: NumPy's and ml_dtypes', NumPy's aliases, and the few forms they have no word for.

use std::ffi::c_long;
use std::fmt;

use super::datetime::Unit;
use super::table::SCALARS;
use super::typestr::{FOREIGN, split_order};
use super::{Class, DType, PADDED, format, typestr};
use crate::error::{Kind, Quoted, Result, bail};

const LONG: DType = if size_of::<c_long>() == 8 { DType::INT64 } else { DType::INT32 };
const ULONG: DType = if size_of::<c_long>() == 8 { DType::UINT64 } else { DType::UINT32 };
const INTP: DType = if size_of::<usize>() == 8 { DType::INT64 } else { DType::INT32 };
const UINTP: DType = if size_of::<usize>() == 8 { DType::UINT64 } else { DType::UINT32 };

/// NumPy's other names for its types. Its single letters are the C types, as in PEP 3118.
const ALIASES: &[(&str, DType)] = &[
    ("bool_", DType::BOOL),
    ("?", DType::BOOL),
    ("byte", DType::INT8),
    ("b", DType::INT8),
    ("ubyte", DType::UINT8),
    ("B", DType::UINT8),
    ("short", DType::INT16),
    ("h", DType::INT16),
    ("ushort", DType::UINT16),
    ("H", DType::UINT16),
    ("intc", DType::INT32),
    ("i", DType::INT32),
    ("uintc", DType::UINT32),
    ("I", DType::UINT32),
    ("long", LONG),
    ("l", LONG),
    ("ulong", ULONG),
    ("L", ULONG),
    ("longlong", DType::INT64),
    ("q", DType::INT64),
    ("ulonglong", DType::UINT64),
    ("Q", DType::UINT64),
    ("int", INTP),
    ("int_", INTP),
    ("intp", INTP),
    ("n", INTP),
    ("p", INTP),
    ("uint", UINTP),
    ("uintp", UINTP),
    ("N", UINTP),
    ("P", UINTP),
    ("half", DType::FLOAT16),
    ("e", DType::FLOAT16),
    ("single", DType::FLOAT32),
    ("f", DType::FLOAT32),
    ("float", DType::FLOAT64),
    ("double", DType::FLOAT64),
    ("d", DType::FLOAT64),
    ("csingle", DType::COMPLEX64),
    ("F", DType::COMPLEX64),
    ("complex", DType::COMPLEX128),
    ("cdouble", DType::COMPLEX128),
    ("D", DType::COMPLEX128),
    ("c", DType::numpy(b'S', 1)),
    ("bytes", DType::numpy(b'S', 0)),
    ("bytes_", DType::numpy(b'S', 0)),
    ("S", DType::numpy(b'S', 0)),
    ("str", DType::numpy(b'U', 0)),
    ("str_", DType::numpy(b'U', 0)),
    ("U", DType::numpy(b'U', 0)),
    ("void", DType::numpy(b'V', 0)),
    ("V", DType::numpy(b'V', 0)),
    ("M", DType::numpy(b'M', 14)),
    ("m", DType::numpy(b'm', 14)),
];

/// Words that NumPy knows and this library does not carry.
const UNSUPPORTED: &[&str] = &["g", "G", "longdouble", "clongdouble", "O", "object", "object_"];

impl DType {
    /// The name, as NumPy's `str(dtype)` where NumPy has the type: `float32`, `>f4`, `|S3`, `datetime64[25s]`,
    /// `[('x', '<f4')]`. Several lanes are written `float4_e2m1fn_x2`, a byte to each narrow element
    /// `int4[padded]`, foreign order of what NumPy lacks `>bfloat16`, unknown DLPack types `dlpack18_32` (code
    /// and bits). [`DType::parse`] reads every name of a valid type back.
    pub fn name(self) -> String {
        match self.class() {
            Class::Record => self.record_name(),
            Class::Datetime | Class::Timedelta if !self.is_swapped() => {
                let word = if self.kind == b'M' { "datetime64" } else { "timedelta64" };
                format!("{word}{}", Unit::of(self).unwrap_or(Unit::ANY).text())
            }
            Class::Bytes | Class::Str | Class::Void | Class::Datetime | Class::Timedelta => self.typestr(),
            _ if self.is_swapped() && self.typestr_is_exact() => self.typestr(),
            _ => self.dlpack_name(),
        }
    }

    fn dlpack_name(self) -> String {
        let mut name = match self.known_scalar() {
            Some(scalar) => scalar.name.to_owned(),
            None if self.kind == 0 => format!("dlpack{}_{}", self.code, self.bits),
            None => format!("kind{}", self.kind),
        };
        if self.is_swapped() {
            name.insert(0, FOREIGN);
        }
        if self.lanes != 1 {
            name.push_str(&format!("_x{}", self.lanes));
        }
        if self.flags & PADDED != 0 {
            name.push_str("[padded]");
        }
        name
    }

    /// Reads a type from any of the languages it is written in. Where they overlap the first of these wins:
    /// 1. a structured description, `[('x', '<f4')]` or NumPy's dictionary form;
    /// 2. a name or alias (`float32`, `half`, `l`, `int4[padded]`), with a byte order before it if need be;
    /// 3. an array-interface typestring (`<f4`, `S3`);
    /// 4. a PEP 3118 format (`<d`, `3s`, `T{f:x:i:y:}`).
    ///
    /// So `l` is C's `long` but `<l` four bytes, as in PEP 3118.
    ///
    /// Errors: `Dtype` when `text` is none of these, `Unsupported` when it names what this library does not carry.
    ///
    /// ```
    /// use ndferry::dtype::DType;
    ///
    /// assert_eq!(DType::parse("bfloat16")?, DType::BFLOAT16);
    /// assert_eq!(DType::parse("<f4")?, DType::FLOAT32);
    /// assert_eq!(DType::parse("[('x', '<f4'), ('y', '<i2')]")?.item_size(), 6);
    /// assert_eq!(DType::parse(">u2")?.name(), ">u2");
    /// # Ok::<(), ndferry::error::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        if text.starts_with(['[', '{']) {
            return Self::from_descr(text);
        }
        if let Some(dtype) = parse_word(text)? {
            return Ok(dtype);
        }
        match format::parse(text) {
            Err(_) if looks_like_a_name(text) => {
                bail!(Dtype, "{} is no dtype name{}", Quoted(text), hint(text))
            }
            Err(error) if error.kind() == Kind::Dtype => bail!(
                Dtype,
                "{} is not a dtype: no such name or typestring, and as a format: {error}",
                Quoted(text)
            ),
            other => other,
        }
    }
}

/// Whether whoever wrote `text` meant a name: longer than typestrings and the formats of numbers, and not endless.
fn looks_like_a_name(text: &str) -> bool {
    const LONGEST: usize = 60;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    (4..=LONGEST).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(plain)
}

/// The name that was perhaps meant: the one that takes the fewest changes, if they are few.
fn hint(text: &str) -> String {
    let word = text.rsplit('.').next().unwrap_or(text);
    let nearest = match word {
        "bf16" => "bfloat16",
        "fp16" => "float16",
        "fp32" => "float32",
        "fp64" => "float64",
        _ => {
            let distances = SCALARS.iter().map(|scalar| (changes(word, scalar.name), scalar.name));
            match distances.min() {
                Some((0..=2, name)) => name,
                _ => return String::new(),
            }
        }
    };
    format!("; did you mean {nearest:?}?")
}

/// How many letters must be put in, taken out or exchanged to make `b` of `a`.
fn changes(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let kept = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = kept.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A name, an alias or a typestring; `None` when `text` has none of their shapes.
pub(super) fn parse_word(text: &str) -> Result<Option<DType>> {
    if UNSUPPORTED.contains(&text) {
        bail!(Unsupported, "elements of type {text:?} cannot be carried");
    }
    if let Some((_, dtype)) = ALIASES.iter().find(|(alias, _)| *alias == text) {
        return Ok(Some(*dtype));
    }
    match parse_name(text)? {
        Some(dtype) => Ok(Some(dtype)),
        None => typestr::parse(text),
    }
}

/// A name that [`DType::name`] writes, other than typestrings and descriptions.
fn parse_name(text: &str) -> Result<Option<DType>> {
    let (foreign, rest) = split_order(text);
    let order = |dtype: DType| if foreign { dtype.swapped() } else { dtype };
    for (word, kind) in [("datetime64", b'M'), ("timedelta64", b'm')] {
        if let Some(unit) = rest.strip_prefix(word) {
            return Ok(Some(order(Unit::parse(unit)?.dtype(kind))));
        }
    }
    let (rest, padded) = match rest.strip_suffix("[padded]") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let Some(dtype) = with_lanes(rest) else { return Ok(None) };
    if padded && !dtype.is_subbyte() {
        bail!(Dtype, "{text:?} says padded, but its scalars fill whole bytes");
    }
    let dtype = order(if padded { dtype.padded() } else { dtype });
    dtype.validate()?;
    Ok(Some(dtype))
}

/// A scalar's name, perhaps with `_x` and lanes behind.
fn with_lanes(text: &str) -> Option<DType> {
    scalar(text).or_else(|| {
        let (name, lanes) = text.rsplit_once("_x")?;
        Some(scalar(name)?.with_lanes(number(lanes)?))
    })
}

fn scalar(name: &str) -> Option<DType> {
    if let Some(scalar) = SCALARS.iter().find(|scalar| scalar.name == name) {
        return Some(scalar.dtype);
    }
    let (code, bits) = name.strip_prefix("dlpack")?.split_once('_')?;
    Some(DType::new(number(code)?, number(bits)?))
}

/// Decimal digits alone; `parse` also takes a sign.
fn number<T: std::str::FromStr>(digits: &str) -> Option<T> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

impl std::str::FromStr for DType {
    type Err = crate::error::Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for scalar in SCALARS {
            let dtype = scalar.dtype;
            assert_eq!(dtype.name(), scalar.name);
            for form in
                [dtype, dtype.padded(), dtype.swapped(), dtype.with_lanes(2), dtype.swapped().with_lanes(7)]
            {
                assert_eq!(DType::parse(&form.name()), Ok(form), "{form}");
            }
            assert_eq!(DType::parse(&dtype.padded().with_lanes(2).name()), Ok(dtype.padded().with_lanes(2)));
        }
        for text in ["|S3", "|V8", "datetime64[25s]", "timedelta64", "dlpack18_32", "dlpack2_80_x3"] {
            assert_eq!(DType::parse(text).unwrap().name(), text);
        }
    }

    #[test]
    fn text_without_end_is_refused_at_once_and_for_a_reason() {
        let reason = |text: &str| DType::parse(text).unwrap_err().message().to_owned();
        assert!(reason(&"i".repeat(10_000_000)).contains("too many items at byte 4097"));
        assert!(reason(&"T{".repeat(5_000_000)).contains("too deep a nesting"));
        assert!(reason(&format!("<i{}", "4".repeat(10_000_000))).contains("there is no type"));
    }

    #[test]
    fn names_are_as_documented() {
        assert_eq!(DType::FLOAT32.swapped().name(), format!("{FOREIGN}f4"));
        assert_eq!(DType::BFLOAT16.swapped().name(), format!("{FOREIGN}bfloat16"));
        assert_eq!(DType::FLOAT4_E2M1FN.with_lanes(2).name(), "float4_e2m1fn_x2");
        assert_eq!(DType::INT4.padded().name(), "int4[padded]");
        assert_eq!(format!("{:>8}", DType::BOOL), "    bool");
    }

    #[test]
    fn aliases_are_numpys() {
        for (alias, dtype) in
            [("half", "float16"), ("double", "float64"), ("complex", "complex128"), ("D", "complex128")]
        {
            assert_eq!(DType::parse(alias), DType::parse(dtype));
        }
        assert_eq!(DType::parse("int"), Ok(INTP));
        assert_eq!(DType::parse("M"), DType::parse("datetime64"));
        assert_eq!(DType::parse("b"), Ok(DType::INT8));
        assert_eq!(DType::parse("b1"), Ok(DType::BOOL));
    }

    #[test]
    fn a_language_earlier_in_the_order_wins() {
        assert_eq!(DType::parse("l"), Ok(LONG));
        assert_eq!(DType::parse("@l"), Ok(LONG));
        assert_eq!(DType::parse("=l"), Ok(DType::INT32));
        assert_eq!(DType::parse("S3"), Ok(DType::numpy(b'S', 3)));
        assert_eq!(DType::parse("3s"), Ok(DType::numpy(b'S', 3)));
        assert_eq!(DType::parse("4x"), Ok(DType::numpy(b'V', 4)));
    }

    #[test]
    fn a_name_that_is_nearly_right_is_answered_with_the_right_one() {
        let message = |text: &str| DType::parse(text).unwrap_err().message().to_owned();
        assert_eq!(message("floot32"), "\"floot32\" is no dtype name; did you mean \"float32\"?");
        assert_eq!(message("torch.float32"), "\"torch.float32\" is no dtype name; did you mean \"float32\"?");
        assert_eq!(message("bf16"), "\"bf16\" is no dtype name; did you mean \"bfloat16\"?");
        assert_eq!(message("quaternion"), "\"quaternion\" is no dtype name");
        assert_eq!(changes("kitten", "sitting"), 3);
    }

    #[test]
    fn what_is_no_type_is_an_error_that_quotes_it() {
        for text in [
            "",
            "flaot32",
            "float32 ",
            " float32",
            "Float32",
            "float32_x0",
            "float32_x65536",
            "float32[padded]",
        ] {
            let error = DType::parse(text).expect_err(text);
            assert_eq!(error.kind(), Kind::Dtype, "{text}");
        }
        for text in ["int4_x+2", "dlpack_8", "dlpack6_1", "dlpack256_8", "f4\0", "\0", "é", "<", "ｆ4"] {
            assert!(DType::parse(text).is_err(), "{text:?}");
        }
        for text in ["g", "O", "longdouble", "f16", "Zg"] {
            assert_eq!(DType::parse(text).map_err(|e| e.kind()), Err(Kind::Unsupported), "{text}");
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        let alphabet: Vec<char> =
            "?bBhHiIlLqQefdZscwx@=<>!^()[]{}T:,'\"\\ 0123459\0éMmSUV_x".chars().collect();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % bound
        };
        for _ in 0..100_000 {
            let start = ["", "T{", "[('x', '", "{'names': ['a'], ", "(2)", "M8["][next(6)];
            let text: String =
                start.chars().chain((0..next(12)).map(|_| alphabet[next(alphabet.len())])).collect();
            if let Ok(dtype) = DType::parse(&text) {
                assert_eq!(dtype.validate(), Ok(()), "{text:?}");
                assert_eq!(DType::parse(&dtype.name()), Ok(dtype), "{text:?}");
                let _ = (dtype.typestr(), dtype.descr(), dtype.buffer_format());
            }
        }
    }
}
