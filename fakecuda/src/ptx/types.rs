//! Types as instructions name them.

/// A type suffix. Untyped bits count as unsigned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Type {
    /// So many bytes.
    Unsigned(u8),
    Signed(u8),
    Float(Float),
    /// Two values in one register, the first operand's in the upper half.
    Pair(Float),
    Predicate,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Float {
    F16,
    Bf16,
    F32,
    F64,
    E4m3,
    E5m2,
}

impl Type {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "b8" | "u8" => Self::Unsigned(1),
            "b16" | "u16" => Self::Unsigned(2),
            "b32" | "u32" => Self::Unsigned(4),
            "b64" | "u64" => Self::Unsigned(8),
            "s8" => Self::Signed(1),
            "s16" => Self::Signed(2),
            "s32" => Self::Signed(4),
            "s64" => Self::Signed(8),
            "f16" => Self::Float(Float::F16),
            "bf16" => Self::Float(Float::Bf16),
            "f32" => Self::Float(Float::F32),
            "f64" => Self::Float(Float::F64),
            "f16x2" => Self::Pair(Float::F16),
            "bf16x2" => Self::Pair(Float::Bf16),
            "e4m3x2" => Self::Pair(Float::E4m3),
            "e5m2x2" => Self::Pair(Float::E5m2),
            "pred" => Self::Predicate,
            _ => return None,
        })
    }

    /// How many bytes a value has in memory.
    pub(super) fn bytes(self) -> u8 {
        match self {
            Self::Unsigned(bytes) | Self::Signed(bytes) => bytes,
            Self::Float(float) => float.bytes(),
            Self::Pair(float) => 2 * float.bytes(),
            Self::Predicate => 1,
        }
    }
}

impl Float {
    pub(super) fn bytes(self) -> u8 {
        match self {
            Self::E4m3 | Self::E5m2 => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}
