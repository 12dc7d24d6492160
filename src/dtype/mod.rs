//! Element types: what one element is, how many bits it has, and in which byte order.
#![forbid(unsafe_code)]

pub mod float;
pub mod scalar;

pub use scalar::{Overflow, Scalar, Value};

/// The type of one element; sixteen bytes, passed by value, compared field by field.
///
/// A DLPack type has `kind` 0 and DLPack's own `code`, `bits` and `lanes`: codes and widths that this library
/// does not know are carried untouched. NumPy's other types have `code` 3 (opaque), `bits` 0, and their type
/// character in `kind`; `detail` says the rest. All zero means "no type" where a function allows that.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// `S`, `V`: bytes. `U`: characters. `M`, `m`: unit in the low 8 bits, count of units above (0 for generic).
    /// Structured `V`: bit 63 and the number of a registered description.
    pub detail: u64,
}

/// The bytes of every scalar are in the order that this machine does not use.
pub const SWAPPED: u8 = 1;
/// Each element narrower than a byte has a byte of its own (DLPack's `IS_SUBBYTE_TYPE_PADDED`).
pub const PADDED: u8 = 2;

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

impl DType {
    /// A DLPack type of one lane in native byte order.
    pub const fn new(code: u8, bits: u8) -> Self {
        Self { code, bits, lanes: 1, kind: 0, flags: 0, reserved: 0, detail: 0 }
    }

    /// A type of NumPy's beyond DLPack: `kind` is its type character, `detail` its size or unit.
    pub const fn numpy(kind: u8, detail: u64) -> Self {
        Self { code: code::OPAQUE, bits: 0, lanes: 1, kind, flags: 0, reserved: 0, detail }
    }

    /// Whether the bytes of a scalar are in foreign order.
    pub const fn is_swapped(self) -> bool {
        self.flags & SWAPPED != 0
    }

    /// Whether one element needs fewer than 8 bits and shares its byte with others.
    pub const fn is_packed(self) -> bool {
        self.kind == 0 && self.element_bits() % 8 != 0 && self.flags & PADDED == 0
    }

    /// Bits from one element to the next in contiguous memory.
    pub const fn element_bits(self) -> u64 {
        match self.kind {
            0 if self.flags & PADDED != 0 => (self.bits as u64).div_ceil(8) * 8 * self.lanes as u64,
            0 => self.bits as u64 * self.lanes as u64,
            b'U' => self.detail * 32,
            b'M' | b'm' => 64,
            _ => self.detail * 8, // structured types: see `record`
        }
    }

    /// Bytes that hold one element (packed types: the whole bytes that hold one).
    pub const fn item_size(self) -> usize {
        self.element_bits().div_ceil(8) as usize
    }
}
