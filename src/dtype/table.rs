//! The scalar types this library knows: one row each, and everything else about them is read from here.

use super::{Class, DType};

/// One known scalar type.
pub(super) struct Scalar {
    /// One lane, native byte order, no flags.
    pub dtype: DType,
    /// NumPy's (or ml_dtypes') name.
    pub name: &'static str,
    /// Kind and bytes in the array interface; empty where NumPy has no such type.
    pub typestr: &'static str,
    /// The PEP 3118 code in standard sizes; empty where there is none that NumPy reads.
    pub format: &'static str,
    /// Where the type stands in NumPy's ladder of kinds.
    pub class: Class,
    /// The numbers that it holds; of the real part where it is complex.
    pub values: Values,
}

/// A set of numbers `m · 2^e` with `|m| < 2^precision` and `e ≥ quantum`, between `min` and `max`.
#[derive(Clone, Copy)]
pub(super) struct Values {
    precision: u32,
    quantum: i32,
    min: f64,
    max: f64,
    zero: bool,
    infinity: bool,
    nan: bool,
}

impl Values {
    /// Whether every number of `other` is one of these. The sign of zero does not count.
    pub const fn hold(&self, other: &Values) -> bool {
        self.precision >= other.precision
            && self.quantum <= other.quantum
            && self.min <= other.min
            && self.max >= other.max
            && (self.zero || !other.zero)
            && (self.infinity || !other.infinity)
            && (self.nan || !other.nan)
    }

    const fn uint(bits: u32) -> Self {
        let max = (u64::MAX >> (64 - bits)) as f64;
        Self { precision: bits, quantum: 0, min: 0.0, max, zero: true, infinity: false, nan: false }
    }

    const fn int(bits: u32) -> Self {
        let magnitude = Self::uint(bits - 1);
        Self { min: -((1u64 << (bits - 1)) as f64), ..magnitude }
    }

    /// Signed floats without infinity and NaN.
    const fn finite(precision: u32, quantum: i32, max: f64) -> Self {
        Self { precision, quantum, min: -max, max, zero: true, infinity: false, nan: false }
    }

    /// Floats with NaN and no infinity.
    const fn nan(precision: u32, quantum: i32, max: f64) -> Self {
        Self { nan: true, ..Self::finite(precision, quantum, max) }
    }

    /// Floats with NaN and infinities, as in IEEE 754.
    const fn ieee(precision: u32, quantum: i32, max: f64) -> Self {
        Self { infinity: true, ..Self::nan(precision, quantum, max) }
    }
}

const HALF: Values = Values::ieee(11, -24, 65504.0);
const SINGLE: Values = Values::ieee(24, -149, f32::MAX as f64);
const DOUBLE: Values = Values::ieee(53, -1074, f64::MAX);
/// 2^127, the largest power of two in `float32`.
const TWO_127: f64 = (1u128 << 127) as f64;
const BRAIN: Values = Values::ieee(8, -133, 1.9921875 * TWO_127);
/// Powers of two only: neither zero nor sign.
const POWERS: Values = Values { min: 0.0, zero: false, ..Values::nan(1, -127, TWO_127) };

macro_rules! rows {
    ($($dtype:ident $name:literal $typestr:literal $format:literal $class:ident $values:expr;)*) => {
        /// Every known type; among NumPy's own, later rows of one class are wider.
        pub(super) static SCALARS: &[Scalar] = &[$(Scalar {
            dtype: DType::$dtype,
            name: $name,
            typestr: $typestr,
            format: $format,
            class: Class::$class,
            values: $values,
        }),*];
    };
}

rows! {
    BOOL               "bool"               "b1"  "?"  Bool     Values::uint(1);
    UINT8              "uint8"              "u1"  "B"  Unsigned Values::uint(8);
    UINT16             "uint16"             "u2"  "H"  Unsigned Values::uint(16);
    UINT32             "uint32"             "u4"  "I"  Unsigned Values::uint(32);
    UINT64             "uint64"             "u8"  "Q"  Unsigned Values::uint(64);
    INT8               "int8"               "i1"  "b"  Signed   Values::int(8);
    INT16              "int16"              "i2"  "h"  Signed   Values::int(16);
    INT32              "int32"              "i4"  "i"  Signed   Values::int(32);
    INT64              "int64"              "i8"  "q"  Signed   Values::int(64);
    FLOAT16            "float16"            "f2"  "e"  Float    HALF;
    BFLOAT16           "bfloat16"           ""    ""   Float    BRAIN;
    FLOAT32            "float32"            "f4"  "f"  Float    SINGLE;
    FLOAT64            "float64"            "f8"  "d"  Float    DOUBLE;
    COMPLEX32          "complex32"          ""    ""   Complex  HALF;
    COMPLEX64          "complex64"          "c8"  "Zf" Complex  SINGLE;
    COMPLEX128         "complex128"         "c16" "Zd" Complex  DOUBLE;
    FLOAT8_E3M4        "float8_e3m4"        ""    ""   Float    Values::ieee(5, -6, 15.5);
    FLOAT8_E4M3        "float8_e4m3"        ""    ""   Float    Values::ieee(4, -9, 240.0);
    FLOAT8_E4M3B11FNUZ "float8_e4m3b11fnuz" ""    ""   Float    Values::nan(4, -13, 30.0);
    FLOAT8_E4M3FN      "float8_e4m3fn"      ""    ""   Float    Values::nan(4, -9, 448.0);
    FLOAT8_E4M3FNUZ    "float8_e4m3fnuz"    ""    ""   Float    Values::nan(4, -10, 240.0);
    FLOAT8_E5M2        "float8_e5m2"        ""    ""   Float    Values::ieee(3, -16, 57344.0);
    FLOAT8_E5M2FNUZ    "float8_e5m2fnuz"    ""    ""   Float    Values::nan(3, -17, 57344.0);
    FLOAT8_E8M0FNU     "float8_e8m0fnu"     ""    ""   Float    POWERS;
    FLOAT6_E2M3FN      "float6_e2m3fn"      ""    ""   Float    Values::finite(4, -3, 7.5);
    FLOAT6_E3M2FN      "float6_e3m2fn"      ""    ""   Float    Values::finite(3, -4, 28.0);
    FLOAT4_E2M1FN      "float4_e2m1fn"      ""    ""   Float    Values::finite(2, -1, 6.0);
    INT4               "int4"               ""    ""   Signed   Values::int(4);
    UINT4              "uint4"              ""    ""   Unsigned Values::uint(4);
    INT2               "int2"               ""    ""   Signed   Values::int(2);
    UINT2              "uint2"              ""    ""   Unsigned Values::uint(2);
}

impl DType {
    /// The row of this type's scalar, whatever its lanes, byte order and padding.
    pub(super) fn known_scalar(self) -> Option<&'static Scalar> {
        let plain = Self { lanes: 1, flags: 0, ..self };
        SCALARS.iter().find(|scalar| scalar.dtype == plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_types_and_formats_are_unique() {
        for (i, a) in SCALARS.iter().enumerate() {
            for b in &SCALARS[..i] {
                assert_ne!(a.name, b.name);
                assert_ne!(a.dtype, b.dtype);
                assert!(a.typestr.is_empty() || a.typestr != b.typestr);
                assert!(a.format.is_empty() || a.format != b.format);
            }
        }
    }

    #[test]
    fn a_typestr_counts_the_bytes_of_its_type() {
        for scalar in SCALARS.iter().filter(|scalar| !scalar.typestr.is_empty()) {
            assert_eq!(scalar.typestr[1..], scalar.dtype.item_size().to_string(), "{}", scalar.name);
        }
    }
}
