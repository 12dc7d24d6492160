//! Element types: names both ways, sizes, casting and promotion.

use std::ffi::c_char;

use super::args::{Out, TextOut, text};
use super::guard::{guard, guard_or};
use super::status::ndf_status;
use crate::dtype::{Casting, DType, can_cast, promote};
use crate::error::{Result, bail};

/// DLPack's type codes, the `code` of an ndf_dtype. Any number is carried; only those named here are converted.
pub type ndf_code = u8;
/// Signed integers.
pub const NDF_CODE_INT: ndf_code = 0;
/// Unsigned integers.
pub const NDF_CODE_UINT: ndf_code = 1;
/// IEEE floats.
pub const NDF_CODE_FLOAT: ndf_code = 2;
/// No DLPack type: NumPy's others, whose `kind` is set.
pub const NDF_CODE_OPAQUE: ndf_code = 3;
/// bfloat16.
pub const NDF_CODE_BFLOAT: ndf_code = 4;
/// Complex numbers; `bits` counts both parts.
pub const NDF_CODE_COMPLEX: ndf_code = 5;
/// Booleans, one byte each.
pub const NDF_CODE_BOOL: ndf_code = 6;
/// float8_e3m4.
pub const NDF_CODE_FLOAT8_E3M4: ndf_code = 7;
/// float8_e4m3.
pub const NDF_CODE_FLOAT8_E4M3: ndf_code = 8;
/// float8_e4m3b11fnuz.
pub const NDF_CODE_FLOAT8_E4M3B11FNUZ: ndf_code = 9;
/// float8_e4m3fn.
pub const NDF_CODE_FLOAT8_E4M3FN: ndf_code = 10;
/// float8_e4m3fnuz.
pub const NDF_CODE_FLOAT8_E4M3FNUZ: ndf_code = 11;
/// float8_e5m2.
pub const NDF_CODE_FLOAT8_E5M2: ndf_code = 12;
/// float8_e5m2fnuz.
pub const NDF_CODE_FLOAT8_E5M2FNUZ: ndf_code = 13;
/// float8_e8m0fnu.
pub const NDF_CODE_FLOAT8_E8M0FNU: ndf_code = 14;
/// float6_e2m3fn.
pub const NDF_CODE_FLOAT6_E2M3FN: ndf_code = 15;
/// float6_e3m2fn.
pub const NDF_CODE_FLOAT6_E3M2FN: ndf_code = 16;
/// float4_e2m1fn.
pub const NDF_CODE_FLOAT4_E2M1FN: ndf_code = 17;

/// `flags` of an ndf_dtype: the bytes of every scalar are in the order that this machine does not use.
pub const NDF_DTYPE_SWAPPED: u8 = 1;
/// `flags` of an ndf_dtype: each element narrower than a byte has a byte of its own.
pub const NDF_DTYPE_PADDED: u8 = 2;

/// Which conversions are allowed (`NDF_CASTING_*`), NumPy's rules of the same names.
pub type ndf_casting = u32;
/// Whatever the function says its default is.
pub const NDF_CASTING_DEFAULT: ndf_casting = 0;
/// The same type and byte order.
pub const NDF_CASTING_NO: ndf_casting = 1;
/// The same type, any byte order.
pub const NDF_CASTING_EQUIV: ndf_casting = 2;
/// Every value is preserved.
pub const NDF_CASTING_SAFE: ndf_casting = 3;
/// Safe, or within a kind: float64 to float32.
pub const NDF_CASTING_SAME_KIND: ndf_casting = 4;
/// Any.
pub const NDF_CASTING_UNSAFE: ndf_casting = 5;

pub(super) fn casting(casting: ndf_casting, default: Casting) -> Result<Casting> {
    match casting {
        NDF_CASTING_DEFAULT => Ok(default),
        NDF_CASTING_NO => Ok(Casting::No),
        NDF_CASTING_EQUIV => Ok(Casting::Equiv),
        NDF_CASTING_SAFE => Ok(Casting::Safe),
        NDF_CASTING_SAME_KIND => Ok(Casting::SameKind),
        NDF_CASTING_UNSAFE => Ok(Casting::Unsafe),
        _ => bail!(InvalidArgument, "`casting` is {casting}, no NDF_CASTING_*"),
    }
}

/// Reads a type from text in any of three languages: NumPy's names ("float32", "bfloat16", "datetime64[ns]"), array
/// interface typestrs and descrs ("<f4", "|V8", "[('x', '<f4')]"), PEP 3118 formats ("f", "Zd", "T{…}").
///
/// @param text  [borrowed]
/// @param out   the type
/// @returns NDF_OK; NDF_ERROR_DTYPE: no type of that name; NDF_ERROR_INVALID_ARGUMENT: a NULL, or no UTF-8
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_dtype_parse(text: *const c_char, out: *mut DType) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (text, out) = unsafe { (self::text(text, "text")?, Out::new(out, "out")?) };
        out.set(DType::parse(text)?)
    })
}

/// The languages that ndf_dtype_format speaks.
pub type ndf_dtype_style = u32;
/// NumPy's name: "float32", ">f4".
pub const NDF_DTYPE_STYLE_NAME: ndf_dtype_style = 0;
/// Array interface typestr: "<f4". Types that NumPy does not know are "|V" and their size.
pub const NDF_DTYPE_STYLE_TYPESTR: ndf_dtype_style = 1;
/// PEP 3118 format, as struct and memoryview use it: "f".
pub const NDF_DTYPE_STYLE_BUFFER: ndf_dtype_style = 2;
/// Array interface descr: "[('', '<f4')]".
pub const NDF_DTYPE_STYLE_DESCR: ndf_dtype_style = 3;

/// Writes a type as text.
///
/// @param dtype       a well-formed type
/// @param style       NDF_DTYPE_STYLE_*
/// @param capacity    bytes in `out_text`, the terminating NUL included
/// @param out_text    the text  [borrowed; NULL with `capacity` 0 asks for the length only]
/// @param out_length  bytes of the text without the NUL  [borrowed; may be NULL when `out_text` is not]
/// @returns NDF_OK; NDF_ERROR_DTYPE: malformed; NDF_ERROR_UNSUPPORTED: the style has no word for it;
///          NDF_ERROR_BUFFER_TOO_SMALL; NDF_ERROR_INVALID_ARGUMENT: `style`, or a NULL
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_dtype_format(
    dtype: DType,
    style: ndf_dtype_style,
    capacity: usize,
    out_text: *mut c_char,
    out_length: *mut usize,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let out = unsafe { TextOut::new(out_text, capacity, out_length)? };
        dtype.validate()?;
        let text = match style {
            NDF_DTYPE_STYLE_NAME => dtype.name(),
            NDF_DTYPE_STYLE_TYPESTR => dtype.typestr(),
            NDF_DTYPE_STYLE_BUFFER => dtype.buffer_format()?,
            NDF_DTYPE_STYLE_DESCR => dtype.descr(),
            _ => bail!(InvalidArgument, "`style` is {style}, no NDF_DTYPE_STYLE_*"),
        };
        out.set(&text)
    })
}

/// Bytes that hold one element; for packed types (4-bit integers and the like) the whole bytes that hold one.
/// 0 for a malformed type.
#[unsafe(no_mangle)]
pub extern "C" fn ndf_dtype_item_size(dtype: DType) -> usize {
    guard_or(0, || Ok(dtype.validate().map_or(0, |()| dtype.item_size())))
}

/// Whether this library converts elements of the type; others are carried untouched.
#[unsafe(no_mangle)]
pub extern "C" fn ndf_dtype_is_convertible(dtype: DType) -> bool {
    guard_or(false, || Ok(dtype.validate().is_ok() && dtype.is_known()))
}

/// Whether two types are the same, byte order included.
#[unsafe(no_mangle)]
pub extern "C" fn ndf_dtype_equal(a: DType, b: DType) -> bool {
    a == b
}

/// Whether a conversion is allowed, by NumPy's `can_cast`. False for malformed types and unknown rules.
///
/// What is allowed may still be NDF_ERROR_UNSUPPORTED: this library converts what ndf_dtype_is_convertible says, and
/// copies every other type to itself (in the other byte order too, records excepted).
#[unsafe(no_mangle)]
pub extern "C" fn ndf_dtype_can_cast(from: DType, to: DType, casting: ndf_casting) -> bool {
    guard_or(false, || {
        from.validate()?;
        to.validate()?;
        Ok(can_cast(from, to, self::casting(casting, Casting::Safe)?))
    })
}

/// The smallest type that both types convert to safely, by NumPy's `promote_types`.
///
/// @param a    a type
/// @param b    another
/// @param out  the type
/// @returns NDF_OK; NDF_ERROR_DTYPE: malformed, or there is no such type
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_dtype_promote(a: DType, b: DType, out: *mut DType) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let out = unsafe { Out::new(out, "out")? };
        a.validate()?;
        b.validate()?;
        out.set(promote(a, b)?)
    })
}
