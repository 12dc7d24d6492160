//! Arrow's format strings, and the element types that they stand for.

use crate::dtype::DType;
use crate::error::{Result, bail};

/// How the elements of an Arrow array become those of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elements {
    /// They lie in memory as they are.
    Shared(DType),
    /// Booleans of one bit, the lowest first.
    Bits,
    /// Days in 32 bits, where NumPy's have 64.
    Days,
}

const PRIMITIVES: [(&str, DType); 11] = [
    ("c", DType::INT8),
    ("C", DType::UINT8),
    ("s", DType::INT16),
    ("S", DType::UINT16),
    ("i", DType::INT32),
    ("I", DType::UINT32),
    ("l", DType::INT64),
    ("L", DType::UINT64),
    ("e", DType::FLOAT16),
    ("f", DType::FLOAT32),
    ("g", DType::FLOAT64),
];

/// The elements that `format` stands for.
pub fn elements(format: &str) -> Result<Elements> {
    if let Some((_, dtype)) = PRIMITIVES.iter().find(|(text, _)| *text == format) {
        return Ok(Elements::Shared(*dtype));
    }
    let dtype = match format.as_bytes() {
        b"b" => return Ok(Elements::Bits),
        b"tdD" => return Ok(Elements::Days),
        b"tdm" => DType::from_typestr("M8[ms]")?,
        // Instants in a time zone are counted in UTC all the same.
        [b't', b's', unit @ (b's' | b'm' | b'u' | b'n'), b':', ..] => of_unit('M', *unit)?,
        [b't', b'D', unit @ (b's' | b'm' | b'u' | b'n')] => of_unit('m', *unit)?,
        [b'w', b':', ..] => match size(&format[2..]) {
            Some(size) => DType::numpy(b'V', size),
            None => bail!(Dtype, "`format` is {format:?}: no number of bytes"),
        },
        _ => return refuse(format),
    };
    Ok(Elements::Shared(dtype))
}

/// A size or count in a format; Arrow's are int32.
pub fn size(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<i32>().ok().filter(|_| is_number).map(|size| u64::from(size.cast_unsigned()))
}

fn of_unit(kind: char, unit: u8) -> Result<DType> {
    let name = match unit {
        b's' => "s",
        b'm' => "ms",
        b'u' => "us",
        _ => "ns",
    };
    DType::from_typestr(&format!("{kind}8[{name}]"))
}

fn refuse(format: &str) -> Result<Elements> {
    let what = match format.as_bytes() {
        [b'n'] => "has nothing but nulls",
        [b'd', ..] => "is a decimal, cast it to a float or an integer first",
        [b'u' | b'U' | b'z' | b'Z'] | [b'v', ..] => "has elements of different lengths",
        [b't', b't', ..] => "is a time of day, cast it to an integer first",
        [b't', b'i', ..] => "is an interval of the calendar",
        [b'+', b's'] => "is a struct, take one of its fields",
        [b'+', ..] => "is nested and no fixed-size list",
        _ => "is no type that a tensor has",
    };
    bail!(Unsupported, "`format` is {format:?}: an array that {what}")
}

/// The format of the elements of a tensor, and whether they need the extension type of booleans.
pub fn format_of(dtype: DType) -> Result<(String, bool)> {
    if let Some((text, _)) = PRIMITIVES.iter().find(|(_, primitive)| *primitive == dtype) {
        return Ok(((*text).to_owned(), false));
    }
    if dtype == DType::BOOL {
        return Ok(("c".to_owned(), true));
    }
    let typestr = dtype.typestr();
    let text = match (dtype.kind, typestr.get(3..)) {
        (b'M', Some("[s]" | "[ms]" | "[us]" | "[ns]")) if !dtype.is_swapped() => {
            format!("ts{}:", &typestr[4..5])
        }
        (b'm', Some("[s]" | "[ms]" | "[us]" | "[ns]")) if !dtype.is_swapped() => {
            format!("tD{}", &typestr[4..5])
        }
        (b'V', _) if !dtype.is_structured() => format!("w:{}", dtype.item_size()),
        _ => bail!(Unsupported, "Arrow has no type for {}; convert it, or view it as another", dtype),
    };
    Ok((text, false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn every_type_that_arrow_has_reads_back_as_written() {
        let times =
            ["M8[s]", "M8[ms]", "M8[us]", "M8[ns]", "m8[s]", "m8[ms]", "m8[us]", "m8[ns]", "V7", "V0"];
        let times = times.iter().map(|text| DType::from_typestr(text).unwrap());
        for dtype in PRIMITIVES.iter().map(|(_, dtype)| *dtype).chain(times) {
            let (format, is_bool) = format_of(dtype).unwrap();
            assert_eq!((elements(&format), is_bool), (Ok(Elements::Shared(dtype)), false), "{format}");
        }
        assert_eq!(format_of(DType::BOOL), Ok(("c".to_owned(), true)));
    }

    #[test]
    fn a_time_zone_changes_nothing() {
        let utc = elements("tsu:Europe/Berlin");
        assert_eq!(utc, Ok(Elements::Shared(DType::from_typestr("M8[us]").unwrap())));
    }

    #[test]
    fn types_that_arrow_lacks_are_refused() {
        for dtype in [DType::BFLOAT16, DType::COMPLEX64, DType::INT4, DType::INT32.swapped()] {
            assert_eq!(format_of(dtype).map_err(|error| error.kind()), Err(Kind::Unsupported), "{dtype}");
        }
        for text in ["M8[D]", "M8", "m8[25s]", ">M8[s]", "S3", "U2"] {
            let dtype = DType::from_typestr(text).unwrap();
            assert_eq!(format_of(dtype).map_err(|error| error.kind()), Err(Kind::Unsupported), "{text}");
        }
    }

    #[test]
    fn formats_that_no_tensor_has_are_refused() {
        for format in [
            "n", "u", "Z", "vu", "vz", "d:5,1", "ttu", "tiM", "+s", "+l", "+ud:0", "+r", "x", "", "tsx:", "é",
        ] {
            assert_eq!(elements(format).map_err(|error| error.kind()), Err(Kind::Unsupported), "{format:?}");
        }
        for format in ["w:", "w:-1", "w:+3", "w:2147483648", "w:x", "w:é"] {
            assert_eq!(elements(format).map_err(|error| error.kind()), Err(Kind::Dtype), "{format:?}");
        }
    }
}
