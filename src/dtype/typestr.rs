//! Array-interface typestrings: byte order, kind letter, size; `<f4`, `|S3`, `<M8[25s]`.

use super::datetime::Unit;
use super::table::SCALARS;
use super::{Class, DType, MAX_ITEM_SIZE};
use crate::error::{Quoted, Result, bail};

/// The order character of this machine.
pub(super) const NATIVE: char = if cfg!(target_endian = "little") { '<' } else { '>' };
/// The order character of the other kind of machine.
pub(super) const FOREIGN: char = if cfg!(target_endian = "little") { '>' } else { '<' };

impl DType {
    /// The array interface's typestring, byte order always given.
    ///
    /// Types that NumPy lacks are written as bytes of their size, as ml_dtypes does (`<V2` for `bfloat16`, `|V1`
    /// for the 8-bit floats and narrower): NumPy reads these, but the identity is lost. So are several lanes
    /// (`|V16`). Packed types have no typestring of their own; the caller must refuse or unpack them.
    pub fn typestr(self) -> String {
        let order = self.order_char();
        match self.class() {
            Class::Bytes => format!("|S{}", self.detail),
            Class::Str => format!("{order}U{}", self.detail),
            Class::Datetime | Class::Timedelta => {
                let unit = Unit::of(self).unwrap_or(Unit::ANY);
                format!("{order}{}8{}", char::from(self.kind), unit.text())
            }
            _ => match self.known_scalar() {
                Some(scalar) if self.lanes == 1 && !scalar.typestr.is_empty() => {
                    format!("{order}{}", scalar.typestr)
                }
                _ => format!("{order}V{}", self.item_size()),
            },
        }
    }

    /// Whether [`typestr`](Self::typestr) says all there is to say.
    pub(super) fn typestr_is_exact(self) -> bool {
        match self.class() {
            Class::Record | Class::Other => false,
            Class::Bytes | Class::Str | Class::Void | Class::Datetime | Class::Timedelta => true,
            _ => self.lanes == 1 && self.known_scalar().is_some_and(|scalar| !scalar.typestr.is_empty()),
        }
    }

    /// `<`, `>`, or `|` where order means nothing.
    pub(super) fn order_char(self) -> char {
        match (self.has_byte_order() && self.lanes == 1, self.is_swapped()) {
            (false, _) => '|',
            (true, false) => NATIVE,
            (true, true) => FOREIGN,
        }
    }

    /// Reads an array-interface typestring. The order may be missing, `|` or `=`, which all mean native.
    ///
    /// Errors: `Dtype` when `text` is none, `Unsupported` for types that NumPy has and this library has not
    /// (`long double`, objects, bit fields).
    pub fn from_typestr(text: &str) -> Result<Self> {
        match parse(text)? {
            Some(dtype) => Ok(dtype),
            None => bail!(Dtype, "{} is not a typestring such as \"<f4\"", Quoted(text)),
        }
    }
}

/// Splits a leading byte order off: whether it is foreign, and the rest.
pub(super) fn split_order(text: &str) -> (bool, &str) {
    match text.strip_prefix(['<', '>', '=', '|']) {
        Some(rest) => (text.starts_with(FOREIGN), rest),
        None => (false, text),
    }
}

/// `None` when `text` does not have the shape of a typestring.
pub(super) fn parse(text: &str) -> Result<Option<DType>> {
    let (foreign, rest) = split_order(text);
    let Some(kind) = rest.chars().next().filter(|c| "biufcSUVMmtO".contains(*c)) else { return Ok(None) };
    let size = &rest[1..];
    let dtype = match kind {
        'M' | 'm' => match size.strip_prefix('8') {
            Some(unit) if unit.is_empty() || unit.starts_with('[') => Unit::parse(unit)?.dtype(kind as u8),
            _ => return Ok(None),
        },
        'O' if size.is_empty() || size == "8" => {
            bail!(Unsupported, "Python objects ({text:?}) cannot be carried")
        }
        _ if size.is_empty() || !size.bytes().all(|b| b.is_ascii_digit()) => return Ok(None),
        'S' | 'U' | 'V' => sized(kind, size, text)?,
        _ => match SCALARS.iter().find(|scalar| !scalar.typestr.is_empty() && scalar.typestr == rest) {
            Some(scalar) => scalar.dtype,
            None if matches!(rest, "f16" | "c32" | "f12" | "c24") => {
                bail!(
                    Unsupported,
                    "long double ({text:?}) is not supported: its layout differs between machines"
                )
            }
            None => {
                let (text, rest) = (Quoted(text), Quoted(rest));
                bail!(Dtype, "{text} has the form of a typestring, but there is no type {rest}")
            }
        },
    };
    Ok(Some(if foreign { dtype.swapped() } else { dtype }))
}

/// `S`, `U` and `V` with a count of bytes or characters.
fn sized(kind: char, size: &str, text: &str) -> Result<DType> {
    let dtype = size.parse().ok().map(|size| DType::numpy(kind as u8, size));
    match dtype.filter(|dtype| dtype.element_bits() <= MAX_ITEM_SIZE as u64 * 8) {
        Some(dtype) => Ok(dtype),
        None => bail!(Dtype, "an element of {} is larger than {MAX_ITEM_SIZE} bytes", Quoted(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn numpys_own_types_read_back_as_written() {
        for scalar in SCALARS.iter().filter(|scalar| !scalar.typestr.is_empty()) {
            for dtype in [scalar.dtype, scalar.dtype.swapped()] {
                assert_eq!(DType::from_typestr(&dtype.typestr()), Ok(dtype));
            }
        }
        for text in [
            "|S3",
            "|S0",
            "|V8",
            &format!("{NATIVE}U5"),
            &format!("{FOREIGN}M8[25s]"),
            &format!("{NATIVE}m8"),
        ] {
            assert_eq!(DType::from_typestr(text).unwrap().typestr(), text);
        }
    }

    #[test]
    fn types_that_numpy_lacks_are_written_as_bytes_of_their_size() {
        assert_eq!(DType::BFLOAT16.typestr(), format!("{NATIVE}V2"));
        assert_eq!(DType::FLOAT8_E5M2.typestr(), "|V1");
        assert_eq!(DType::FLOAT4_E2M1FN.padded().typestr(), "|V1");
        assert_eq!(DType::COMPLEX32.typestr(), format!("{NATIVE}V4"));
        assert_eq!(DType::FLOAT32.with_lanes(4).typestr(), "|V16");
        assert_eq!(DType::from_typestr("<V2"), Ok(DType::numpy(b'V', 2)));
    }

    #[test]
    fn the_order_may_be_left_out_and_means_nothing_for_bytes() {
        for text in ["f4", "=f4", "|f4"] {
            assert_eq!(DType::from_typestr(text), Ok(DType::FLOAT32));
        }
        assert_eq!(DType::from_typestr(">u1"), Ok(DType::UINT8));
        assert_eq!(DType::from_typestr(&format!("{FOREIGN}f4")), Ok(DType::FLOAT32.swapped()));
    }

    #[test]
    fn what_is_no_typestring_is_refused() {
        for text in [
            "",
            "<",
            "f",
            "<f",
            "f3",
            "i3",
            "S",
            "S-1",
            "S2147483648",
            "U536870912",
            "b8",
            "f4 ",
            "é4",
            "M8[q]",
        ] {
            assert_eq!(DType::from_typestr(text).map_err(|e| e.kind()), Err(Kind::Dtype), "{text:?}");
        }
        for text in ["<f16", "c32", "|O", "O8"] {
            assert_eq!(DType::from_typestr(text).map_err(|e| e.kind()), Err(Kind::Unsupported), "{text:?}");
        }
    }
}
