//! Element types: what one element is, how many bits it has, and in which byte order.
//!
//! [`DType`] is the value; `table` lists the scalar types that the library knows, and drives the three languages
//! in which types are written: NumPy names (`name`), array-interface typestrings and descriptions (`typestr`,
//! `descr`) and PEP 3118 formats (`format`). `record` keeps structured types, `cast` and `promote` NumPy's lattice.
#![forbid(unsafe_code)]

mod cast;
mod datetime;
mod descr;
pub mod float;
mod format;
mod literal;
mod name;
mod promote;
mod record;
pub mod scalar;
mod table;
#[cfg(test)]
mod table_tests;
mod typestr;

pub use cast::{Casting, can_cast, casting_needed};
pub use promote::promote;
pub use record::{Field, MAX_DEPTH, MAX_FIELDS, MAX_RECORDS, Record};
pub use scalar::{Overflow, Scalar, Value};

use crate::error::{Result, bail};

/// The type of one element; sixteen bytes, passed by value, compared field by field.
///
/// A DLPack type has `kind` 0 and DLPack's own `code`, `bits` and `lanes`: codes and widths that this library
/// does not know are carried untouched. NumPy's other types have `code` 3 (opaque), `bits` 0, and their type
/// character in `kind`; `detail` says the rest. All zero means "no type" where a function allows that.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DType {
    /// DLPack's type code (`NDF_CODE_*`).
    pub code: u8,
    /// Bits of one whole scalar, both halves of a complex number included.
    pub bits: u8,
    /// Scalars in one element; 1 except for vector types.
    pub lanes: u16,
    /// 0 for a DLPack type, else NumPy's type character: `S`, `U`, `V`, `M` or `m`.
    pub kind: u8,
    /// `NDF_DTYPE_SWAPPED`, `NDF_DTYPE_PADDED`.
    pub flags: u8,
    /// Zero.
    pub reserved: u16,
    /// `S`, `V`: bytes. `U`: characters. `M`, `m`: NumPy's unit number in the low 8 bits, the count of units above
    /// (for the generic unit, 14, the count is 0). Structured `V`: bit 63, the bytes of one element in bits 32 to
    /// 62, and the number of a registered description in the low 32 bits.
    pub detail: u64,
}

/// The bytes of every scalar are in the order that this machine does not use.
pub const SWAPPED: u8 = 1;
/// Each element narrower than a byte has a byte of its own (DLPack's `IS_SUBBYTE_TYPE_PADDED`).
pub const PADDED: u8 = 2;
/// The most bytes in one element: NumPy's item sizes are C ints.
pub const MAX_ITEM_SIZE: usize = i32::MAX as usize;

/// Marks the `detail` of a structured type.
const STRUCTURED: u64 = 1 << 63;

/// DLPack's type codes. Not an enum: any byte may arrive.
#[allow(missing_docs, reason = "DLPack's names say it")]
pub mod code {
    pub const INT: u8 = 0;
    pub const UINT: u8 = 1;
    pub const FLOAT: u8 = 2;
    pub const OPAQUE: u8 = 3;
    pub const BFLOAT: u8 = 4;
    pub const COMPLEX: u8 = 5;
    pub const BOOL: u8 = 6;
    pub const FLOAT8_E3M4: u8 = 7;
    pub const FLOAT8_E4M3: u8 = 8;
    pub const FLOAT8_E4M3B11FNUZ: u8 = 9;
    pub const FLOAT8_E4M3FN: u8 = 10;
    pub const FLOAT8_E4M3FNUZ: u8 = 11;
    pub const FLOAT8_E5M2: u8 = 12;
    pub const FLOAT8_E5M2FNUZ: u8 = 13;
    pub const FLOAT8_E8M0FNU: u8 = 14;
    pub const FLOAT6_E2M3FN: u8 = 15;
    pub const FLOAT6_E3M2FN: u8 = 16;
    pub const FLOAT4_E2M1FN: u8 = 17;
}

/// What kind of value a type holds; the numeric ones in the order of NumPy's `same_kind` ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// True or false.
    Bool,
    /// Integers from zero.
    Unsigned,
    /// Signed integers.
    Signed,
    /// Floating-point numbers.
    Float,
    /// Complex numbers.
    Complex,
    /// `S`: bytes, zero-padded.
    Bytes,
    /// `U`: UCS-4 characters, zero-padded.
    Str,
    /// `V`: bytes without meaning.
    Void,
    /// `V` with fields.
    Record,
    /// `M`: a point in time.
    Datetime,
    /// `m`: a span of time.
    Timedelta,
    /// A DLPack type that this library does not know: carried, never converted.
    Other,
}

#[allow(missing_docs, reason = "the field's names say it")]
impl DType {
    pub const BOOL: Self = Self::new(code::BOOL, 8);
    pub const INT2: Self = Self::new(code::INT, 2);
    pub const INT4: Self = Self::new(code::INT, 4);
    pub const INT8: Self = Self::new(code::INT, 8);
    pub const INT16: Self = Self::new(code::INT, 16);
    pub const INT32: Self = Self::new(code::INT, 32);
    pub const INT64: Self = Self::new(code::INT, 64);
    pub const UINT2: Self = Self::new(code::UINT, 2);
    pub const UINT4: Self = Self::new(code::UINT, 4);
    pub const UINT8: Self = Self::new(code::UINT, 8);
    pub const UINT16: Self = Self::new(code::UINT, 16);
    pub const UINT32: Self = Self::new(code::UINT, 32);
    pub const UINT64: Self = Self::new(code::UINT, 64);
    pub const FLOAT16: Self = Self::new(code::FLOAT, 16);
    pub const BFLOAT16: Self = Self::new(code::BFLOAT, 16);
    pub const FLOAT32: Self = Self::new(code::FLOAT, 32);
    pub const FLOAT64: Self = Self::new(code::FLOAT, 64);
    /// A complex number of two halves.
    pub const COMPLEX32: Self = Self::new(code::COMPLEX, 32);
    pub const COMPLEX64: Self = Self::new(code::COMPLEX, 64);
    pub const COMPLEX128: Self = Self::new(code::COMPLEX, 128);
    pub const FLOAT8_E3M4: Self = Self::new(code::FLOAT8_E3M4, 8);
    pub const FLOAT8_E4M3: Self = Self::new(code::FLOAT8_E4M3, 8);
    pub const FLOAT8_E4M3B11FNUZ: Self = Self::new(code::FLOAT8_E4M3B11FNUZ, 8);
    pub const FLOAT8_E4M3FN: Self = Self::new(code::FLOAT8_E4M3FN, 8);
    pub const FLOAT8_E4M3FNUZ: Self = Self::new(code::FLOAT8_E4M3FNUZ, 8);
    pub const FLOAT8_E5M2: Self = Self::new(code::FLOAT8_E5M2, 8);
    pub const FLOAT8_E5M2FNUZ: Self = Self::new(code::FLOAT8_E5M2FNUZ, 8);
    pub const FLOAT8_E8M0FNU: Self = Self::new(code::FLOAT8_E8M0FNU, 8);
    pub const FLOAT6_E2M3FN: Self = Self::new(code::FLOAT6_E2M3FN, 6);
    pub const FLOAT6_E3M2FN: Self = Self::new(code::FLOAT6_E3M2FN, 6);
    pub const FLOAT4_E2M1FN: Self = Self::new(code::FLOAT4_E2M1FN, 4);
}

impl DType {
    /// No type: all zero.
    /// cbindgen:ignore
    pub const NONE: Self = Self { lanes: 0, ..Self::new(0, 0) };

    /// The type, unless it is [`DType::NONE`].
    pub fn given(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }

    /// The type, or `default` when it is [`DType::NONE`].
    pub fn or(self, default: Self) -> Self {
        self.given().unwrap_or(default)
    }

    /// A DLPack type of one lane in native byte order.
    pub const fn new(code: u8, bits: u8) -> Self {
        Self { code, bits, lanes: 1, kind: 0, flags: 0, reserved: 0, detail: 0 }
    }

    /// A type of NumPy's beyond DLPack: `kind` is its type character, `detail` its size or unit.
    pub const fn numpy(kind: u8, detail: u64) -> Self {
        Self { code: code::OPAQUE, bits: 0, lanes: 1, kind, flags: 0, reserved: 0, detail }
    }

    /// All fields as two integers.
    #[inline(always)]
    pub(crate) const fn words(self) -> [u64; 2] {
        let [code, bits, lanes] = [self.code as u64, self.bits as u64, self.lanes as u64];
        let [kind, flags, reserved] = [self.kind as u64, self.flags as u64, self.reserved as u64];
        [code | bits << 8 | lanes << 16 | kind << 32 | flags << 40 | reserved << 48, self.detail]
    }

    /// The same scalar, `lanes` of them in one element.
    pub const fn with_lanes(self, lanes: u16) -> Self {
        Self { lanes, ..self }
    }

    /// The same type in this machine's byte order. Structured types keep the orders of their fields.
    pub const fn native(self) -> Self {
        Self { flags: self.flags & !SWAPPED, ..self }
    }

    /// The same type in the other byte order, where it has one.
    pub const fn swapped(self) -> Self {
        if self.has_byte_order() { Self { flags: self.flags ^ SWAPPED, ..self } } else { self.native() }
    }

    /// The same type with a byte to each element, where elements are narrower than a byte.
    pub const fn padded(self) -> Self {
        if self.is_subbyte() { Self { flags: self.flags | PADDED, ..self } } else { self }
    }

    /// Whether the bytes of a scalar are in foreign order.
    pub const fn is_swapped(self) -> bool {
        self.flags & SWAPPED != 0
    }

    /// Whether one element needs fewer than 8 bits and shares its byte with others.
    pub const fn is_packed(self) -> bool {
        self.kind == 0 && self.flags & PADDED == 0 && !self.element_bits().is_multiple_of(8)
    }

    /// Whether a scalar is narrower than a byte.
    pub const fn is_subbyte(self) -> bool {
        self.kind == 0 && self.bits < 8
    }

    /// Whether a scalar has several bytes, so that their order matters.
    pub const fn has_byte_order(self) -> bool {
        match self.kind {
            0 if self.code == code::COMPLEX => self.bits > 16 && self.bits.is_multiple_of(16),
            0 => self.bits > 8 && self.bits.is_multiple_of(8),
            b'U' | b'M' | b'm' => true,
            _ => false,
        }
    }

    /// Bits from one element to the next in contiguous memory.
    pub const fn element_bits(self) -> u64 {
        match self.kind {
            0 if self.flags & PADDED != 0 => (self.bits as u64).div_ceil(8) * 8 * self.lanes as u64,
            0 => self.bits as u64 * self.lanes as u64,
            b'U' => self.detail.saturating_mul(32),
            b'M' | b'm' => 64,
            b'V' if self.is_structured() => (self.detail >> 32 & MAX_ITEM_SIZE as u64) * 8,
            _ => self.detail.saturating_mul(8),
        }
    }

    /// Bytes that hold one element (packed types: the whole bytes that hold one).
    pub const fn item_size(self) -> usize {
        self.element_bits().div_ceil(8) as usize
    }

    /// The alignment in bytes that NumPy asks of the type's elements; 1 for text, bytes and records.
    pub const fn alignment(self) -> usize {
        match self.kind {
            b'U' => 4,
            b'M' | b'm' => 8,
            0 if self.code == code::COMPLEX => self.bits as usize / 16,
            0 => (self.bits as usize).div_ceil(8),
            _ => 1,
        }
    }

    /// Whether the type has fields: see [`DType::as_record`].
    pub const fn is_structured(self) -> bool {
        self.kind == b'V' && self.detail & STRUCTURED != 0
    }

    /// What kind of value the type holds, whatever its width.
    pub const fn class(self) -> Class {
        match self.kind {
            0 => match self.code {
                code::BOOL => Class::Bool,
                code::UINT => Class::Unsigned,
                code::INT => Class::Signed,
                code::COMPLEX => Class::Complex,
                code::FLOAT | code::BFLOAT | code::FLOAT8_E3M4..=code::FLOAT4_E2M1FN => Class::Float,
                _ => Class::Other,
            },
            b'S' => Class::Bytes,
            b'U' => Class::Str,
            b'V' if self.is_structured() => Class::Record,
            b'V' => Class::Void,
            b'M' => Class::Datetime,
            b'm' => Class::Timedelta,
            _ => Class::Other,
        }
    }

    /// Whether this library can read and convert the scalars: one of its numeric types, one lane.
    pub fn is_known(self) -> bool {
        self.lanes == 1 && self.known_scalar().is_some()
    }

    /// Whether the scalars are true or false.
    pub const fn is_bool(self) -> bool {
        matches!(self.class(), Class::Bool)
    }

    /// Whether the scalars are integers, signed or not.
    pub const fn is_integer(self) -> bool {
        matches!(self.class(), Class::Unsigned | Class::Signed)
    }

    /// Whether the scalars are floating-point numbers of any format.
    pub const fn is_float(self) -> bool {
        matches!(self.class(), Class::Float)
    }

    /// Whether the scalars are complex.
    pub const fn is_complex(self) -> bool {
        matches!(self.class(), Class::Complex)
    }

    /// Checks that the fields make sense together. DLPack codes and widths that are merely unknown pass.
    ///
    /// Errors: `Dtype`, naming the field.
    #[inline]
    pub fn validate(self) -> Result<()> {
        // Integers and floats of whole bytes, which nearly every tensor has, need no closer look.
        let plain = self == Self::new(self.code, self.bits) && self.code <= code::FLOAT;
        if plain && self.bits.is_multiple_of(8) && self.bits != 0 { Ok(()) } else { self.validate_closely() }
    }

    fn validate_closely(self) -> Result<()> {
        if self.reserved != 0 {
            bail!(Dtype, "`reserved` of a dtype is {}, must be 0", self.reserved);
        }
        if self.flags & !(SWAPPED | PADDED) != 0 {
            bail!(Dtype, "`flags` of a dtype are {:#x}, known are {:#x}", self.flags, SWAPPED | PADDED);
        }
        match self.kind {
            0 => self.validate_dlpack()?,
            b'S' | b'U' | b'V' | b'M' | b'm' => self.validate_numpy()?,
            kind => bail!(Dtype, "`kind` of a dtype is {kind}, known are 0 and S, U, V, M, m"),
        }
        if self.is_swapped() && !self.has_byte_order() {
            bail!(Dtype, "`flags` of a dtype say swapped, but {} has no byte order", self.native());
        }
        if self.flags & PADDED != 0 && !self.is_subbyte() {
            bail!(Dtype, "`flags` of a dtype say padded, but its scalars fill whole bytes");
        }
        if self.element_bits() > MAX_ITEM_SIZE as u64 * 8 {
            bail!(Dtype, "an element of {} bits is larger than {MAX_ITEM_SIZE} bytes", self.element_bits());
        }
        Ok(())
    }

    fn validate_dlpack(self) -> Result<()> {
        if self.lanes == 0 {
            bail!(Dtype, "`lanes` of a dtype is 0, must be at least 1");
        }
        if self.detail != 0 {
            bail!(Dtype, "`detail` of a DLPack dtype is {:#x}, must be 0", self.detail);
        }
        if self.bits == 0 {
            bail!(Dtype, "`bits` of a dtype with code {} is 0, must be at least 1", self.code);
        }
        let required = match self.code {
            code::BOOL | code::FLOAT8_E3M4..=code::FLOAT8_E8M0FNU => 8,
            code::FLOAT6_E2M3FN | code::FLOAT6_E3M2FN => 6,
            code::FLOAT4_E2M1FN => 4,
            _ => self.bits,
        };
        if self.bits != required {
            bail!(Dtype, "`bits` of a dtype with code {} is {}, must be {required}", self.code, self.bits);
        }
        Ok(())
    }

    fn validate_numpy(self) -> Result<()> {
        if (self.code, self.bits, self.lanes) != (code::OPAQUE, 0, 1) {
            let Self { code, bits, lanes, kind, .. } = self;
            let kind = char::from(kind);
            bail!(
                Dtype,
                "a dtype of kind {kind} has (code, bits, lanes) ({code}, {bits}, {lanes}), not (3, 0, 1)"
            );
        }
        match self.class() {
            Class::Record if self.as_record().is_none() => {
                bail!(Dtype, "`detail` of a structured dtype is {:#x}: no such record", self.detail)
            }
            Class::Datetime | Class::Timedelta => datetime::Unit::of(self).map(|_| ()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_dtype_is_sixteen_bytes() {
        assert_eq!((size_of::<DType>(), align_of::<DType>()), (16, 8));
    }

    #[test]
    fn every_known_type_is_valid_in_every_form() {
        for scalar in table::SCALARS {
            for dtype in
                [scalar.dtype, scalar.dtype.swapped(), scalar.dtype.padded(), scalar.dtype.with_lanes(2)]
            {
                dtype.validate().unwrap_or_else(|e| panic!("{}: {e}", scalar.name));
                assert_eq!(dtype.class(), scalar.class);
                assert_eq!(dtype.is_known(), dtype.lanes == 1);
            }
        }
    }

    #[test]
    fn unknown_dlpack_types_are_valid_but_not_known() {
        for dtype in [DType::new(18, 32), DType::new(2, 80), DType::new(0, 128), DType::new(200, 1)] {
            assert_eq!(dtype.validate(), Ok(()));
            assert!(!dtype.is_known());
        }
    }

    #[test]
    fn a_malformed_type_is_refused_by_name() {
        let f32 = DType::FLOAT32;
        let cases = [
            (f32.with_lanes(0), "lanes"),
            (DType::new(0, 0), "bits"),
            (DType { kind: b'Q', ..f32 }, "kind"),
            (DType { flags: 4, ..f32 }, "flags"),
            (DType { flags: SWAPPED, ..DType::INT8 }, "swapped"),
            (DType { flags: PADDED, ..f32 }, "padded"),
            (DType { reserved: 1, ..f32 }, "reserved"),
            (DType { detail: 1, ..f32 }, "detail"),
            (DType::new(code::FLOAT6_E2M3FN, 8), "bits"),
            (DType::new(code::FLOAT4_E2M1FN, 8), "bits"),
            (DType::new(code::FLOAT8_E5M2, 6), "bits"),
            (DType::new(code::BOOL, 1), "bits"),
            (DType { bits: 8, ..DType::numpy(b'S', 3) }, "bits"),
            (DType::numpy(b'S', 1 << 31), "larger"),
            (DType::numpy(b'U', u64::MAX), "larger"),
            (DType::numpy(b'V', u64::MAX), "record"),
            (DType::numpy(b'M', 3), "unit"),
        ];
        for (dtype, word) in cases {
            let error = dtype.validate().expect_err(word);
            assert_eq!(error.kind(), Kind::Dtype);
            assert!(error.message().contains(word), "{error} should say {word}");
        }
    }

    #[test]
    fn byte_order_is_kept_only_where_it_means_something() {
        assert!(DType::FLOAT32.swapped().is_swapped());
        assert_eq!(DType::FLOAT32.swapped().swapped(), DType::FLOAT32);
        assert_eq!(DType::UINT8.swapped(), DType::UINT8);
        assert_eq!(DType::numpy(b'S', 4).swapped(), DType::numpy(b'S', 4));
        assert!(DType::numpy(b'U', 4).swapped().is_swapped());
    }

    #[test]
    fn sizes_count_lanes_and_padding() {
        let fp4 = DType::FLOAT4_E2M1FN;
        assert_eq!((fp4.element_bits(), fp4.item_size(), fp4.is_packed()), (4, 1, true));
        let pair = fp4.with_lanes(2);
        assert_eq!((pair.element_bits(), pair.item_size(), pair.is_packed()), (8, 1, false));
        assert_eq!(fp4.padded().element_bits(), 8);
        assert_eq!(DType::numpy(b'U', 5).item_size(), 20);
        assert_eq!(DType::COMPLEX32.item_size(), 4);
    }
}
