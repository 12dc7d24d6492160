//! The kernels there are: what each is called, and what it is told beside the loops over its items.
#![forbid(unsafe_code)]

use std::ffi::CStr;

use crate::dtype::Scalar;
use crate::dtype::float::Format;
use crate::engine::plan::Plan;

/// A kernel, and the items that it visits. Distances are in bits.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What is done with each item.
    pub kernel: Kernel,
    /// The loops over them.
    pub items: Plan,
}

/// What is done with an item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kernel {
    /// There is one item, so many bytes that follow each other on both sides. The driver copies them.
    Run {
        /// How many.
        bytes: i64,
    },
    /// A word is moved.
    Words {
        /// Its bytes.
        size: u8,
        /// Bytes of the units in it that are reversed; 1 for none.
        swap: u8,
    },
    /// Elements that lie apart in the source become 16 adjacent bytes of the target.
    Gather {
        /// Bytes of an element.
        size: u8,
        /// As for words.
        swap: u8,
        /// Bytes from one to the next in the source.
        step: i64,
    },
    /// A word becomes 0.
    Zero {
        /// Its bytes.
        size: u8,
    },
    /// The rows of a sheet become columns.
    Transpose {
        /// How.
        tiling: Tiling,
        /// Bytes of an element.
        size: u8,
        /// As for words.
        swap: u8,
        /// The sheet.
        sheet: Sheet,
    },
    /// The same, where one side of the sheet is 2, 3 or 4 long, and maybe the numbers change.
    Pixels {
        /// Whether these are its columns, of adjacent elements of the source; else its rows.
        splits: bool,
        /// Bytes of the wider type.
        size: u8,
        /// The types.
        types: [Type; 2],
        /// The sheet.
        sheet: Sheet,
    },
    /// Adjacent numbers are converted.
    Numbers {
        /// How many.
        adjacent: u8,
        /// The types.
        types: [Type; 2],
    },
    /// The rows of a sheet become columns, and its numbers others.
    Turn {
        /// Bytes of the wider type, or more.
        size: u8,
        /// The types.
        types: [Type; 2],
        /// The sheet.
        sheet: Sheet,
    },
    /// A scalar of any type is converted or moved.
    Cast {
        /// How it is written.
        writes: Writes,
        /// The types.
        types: [Type; 2],
        /// Bits from the first to the second part of a complex source, either of which makes a bool true; else 0.
        imaginary: i64,
    },
}

/// How rows become columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tiling {
    /// In square tiles, by words of 16 bytes (8 for elements of one).
    Vectors,
    /// In square tiles, element by element.
    Squares,
    /// In tiles of so many columns and rows.
    Strips {
        /// Columns.
        wide: i64,
        /// Rows.
        high: i64,
    },
}

/// How scalars are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Writes {
    /// As whole bytes.
    Bytes,
    /// As bits of one run without gaps.
    Run,
    /// As bits anywhere.
    Bits,
}

/// A sheet whose rows, runs of the source, become columns of the target. Distances are in bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sheet {
    /// Adjacent elements of the target.
    pub rows: i64,
    /// Adjacent elements of the source.
    pub columns: i64,
    /// From row to row in the source.
    pub source_pitch: i64,
    /// From column to column in the target.
    pub target_pitch: i64,
    /// From row to row and from column to column along the factors.
    pub steps: [i64; 2],
}

/// Types as the kernels number them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Type {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float16,
    Bfloat16,
    Float32,
    Float64,
    Float8E4m3fn,
    Float8E5m2,
    Float8E3m4,
    Float8E4m3,
    Float8E4m3b11fnuz,
    Float8E4m3fnuz,
    Float8E5m2fnuz,
    Float8E8m0fnu,
    Float6E2m3fn,
    Float6E3m2fn,
    Float4E2m1fn,
    Int4,
    Uint4,
    Int2,
    Uint2,
    Half,
    Word2,
    Word4,
    Word6,
    Word8,
    Word16,
    Word32,
    Word64,
}

impl Type {
    /// That of a number.
    pub fn of(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Bool => Self::Bool,
            Scalar::Int(2) => Self::Int2,
            Scalar::Int(4) => Self::Int4,
            Scalar::Int(8) => Self::Int8,
            Scalar::Int(16) => Self::Int16,
            Scalar::Int(32) => Self::Int32,
            Scalar::Int(_) => Self::Int64,
            Scalar::Uint(2) => Self::Uint2,
            Scalar::Uint(4) => Self::Uint4,
            Scalar::Uint(8) => Self::Uint8,
            Scalar::Uint(16) => Self::Uint16,
            Scalar::Uint(32) => Self::Uint32,
            Scalar::Uint(_) => Self::Uint64,
            Scalar::Float16 => Self::Float16,
            Scalar::Float32 => Self::Float32,
            Scalar::Float64 => Self::Float64,
            Scalar::Small(format) => Self::of_small(format),
        }
    }

    fn of_small(format: Format) -> Self {
        const KNOWN: [(Format, Type); 13] = [
            (Format::FLOAT16, Type::Half),
            (Format::BFLOAT16, Type::Bfloat16),
            (Format::FLOAT8_E3M4, Type::Float8E3m4),
            (Format::FLOAT8_E4M3, Type::Float8E4m3),
            (Format::FLOAT8_E4M3B11FNUZ, Type::Float8E4m3b11fnuz),
            (Format::FLOAT8_E4M3FN, Type::Float8E4m3fn),
            (Format::FLOAT8_E4M3FNUZ, Type::Float8E4m3fnuz),
            (Format::FLOAT8_E5M2, Type::Float8E5m2),
            (Format::FLOAT8_E5M2FNUZ, Type::Float8E5m2fnuz),
            (Format::FLOAT8_E8M0FNU, Type::Float8E8m0fnu),
            (Format::FLOAT6_E2M3FN, Type::Float6E2m3fn),
            (Format::FLOAT6_E3M2FN, Type::Float6E3m2fn),
            (Format::FLOAT4_E2M1FN, Type::Float4E2m1fn),
        ];
        match KNOWN.iter().find(|(known, _)| *known == format) {
            Some((_, found)) => *found,
            None => unreachable!("all formats are listed"),
        }
    }

    /// Words of so many bits that stay what they are, if there are such.
    pub fn word(bits: u64) -> Option<Self> {
        Some(match bits {
            2 => Self::Word2,
            4 => Self::Word4,
            6 => Self::Word6,
            8 => Self::Word8,
            16 => Self::Word16,
            32 => Self::Word32,
            64 => Self::Word64,
            _ => return None,
        })
    }

    /// Whether it has kernels of its own.
    pub fn is_common(self) -> bool {
        self <= Self::Float8E5m2
    }

    /// Whether pixels may be of it.
    pub fn is_of_pixels(self) -> bool {
        matches!(self, Self::Uint8 | Self::Float16 | Self::Bfloat16 | Self::Float32)
    }

    /// What the kernels that make it are called after.
    pub fn family(self) -> Family {
        match self {
            Self::Float16 | Self::Bfloat16 | Self::Float32 | Self::Float8E4m3fn | Self::Float8E5m2 => {
                Family::Float
            }
            Self::Float64 | Self::Int64 | Self::Uint32 | Self::Uint64 => Family::Wide,
            _ => Family::Integer,
        }
    }
}

/// Kernels that convert common numbers come in three groups, by what they make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Float,
    Integer,
    Wide,
}

/// The name of the kernel for one of these sizes.
macro_rules! sized {
    ($size:expr, $stem:literal, $($known:literal)*) => {
        match $size {
            $($known => const { name(concat!($stem, $known, "\0")) },)*
            other => unreachable!("there is no kernel {}{other}", $stem),
        }
    };
}

const fn name(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(name) => name,
        Err(_) => panic!("a name ends with NUL"),
    }
}

impl Kernel {
    /// What the kernel is called; nothing for what the driver does.
    pub fn name(&self) -> Option<&'static CStr> {
        Some(match self {
            Self::Run { .. } => return None,
            Self::Words { size, .. } => sized!(*size, "copy_", 1 2 4 8 16),
            Self::Gather { size, .. } => sized!(*size, "gather_", 1 2 4 8),
            Self::Zero { size } => sized!(*size, "fill_", 1 2 4 8 16),
            Self::Transpose { tiling: Tiling::Vectors, size, .. } => sized!(*size, "transv_", 1 2 4 8),
            Self::Transpose { tiling: Tiling::Squares, size, .. } => sized!(*size, "trans_", 1 2 4 8 16),
            Self::Transpose { tiling: Tiling::Strips { .. }, size, .. } => {
                sized!(*size, "tile_", 1 2 4 8 16)
            }
            Self::Pixels { splits: true, size, sheet, .. } => match sheet.columns {
                2 => sized!(*size, "split_2_", 1 2 4),
                3 => sized!(*size, "split_3_", 1 2 4),
                _ => sized!(*size, "split_4_", 1 2 4),
            },
            Self::Pixels { splits: false, size, sheet, .. } => match sheet.rows {
                2 => sized!(*size, "merge_2_", 1 2 4),
                3 => sized!(*size, "merge_3_", 1 2 4),
                _ => sized!(*size, "merge_4_", 1 2 4),
            },
            Self::Numbers { adjacent, types } => match types[1].family() {
                Family::Float => sized!(*adjacent, "to_float_", 1 2 4 8 16),
                Family::Integer => sized!(*adjacent, "to_integer_", 1 2 4 8 16),
                Family::Wide => sized!(*adjacent, "to_wide_", 1 2 4),
            },
            Self::Turn { size, types, .. } => match types[1].family() {
                Family::Float => sized!(*size, "turn_float_", 4 8),
                Family::Integer => sized!(*size, "turn_integer_", 4 8),
                Family::Wide => sized!(*size, "turn_wide_", 8),
            },
            Self::Cast { writes: Writes::Bytes, .. } => c"cast",
            Self::Cast { writes: Writes::Run, .. } => c"cast_run",
            Self::Cast { writes: Writes::Bits, .. } => c"cast_bits",
        })
    }

    /// Items that a block takes; for sheets, rows and columns of one of its tiles.
    pub fn block(&self) -> [i64; 2] {
        match self {
            Self::Run { .. } => [1, 1],
            Self::Words { .. } | Self::Zero { .. } | Self::Numbers { adjacent: 1, .. } => [1024, 1],
            Self::Gather { .. } | Self::Numbers { .. } => [512, 1],
            Self::Cast { writes: Writes::Run, .. } => [1024, 1],
            Self::Cast { .. } => [256, 1],
            Self::Transpose { tiling: Tiling::Vectors, size: 1 | 2, .. } => [128, 128],
            Self::Transpose { tiling: Tiling::Strips { wide, high }, .. } => [*high, *wide],
            Self::Transpose { size: 1 | 2 | 4, .. } | Self::Turn { size: 4, .. } => [64, 64],
            Self::Transpose { .. } | Self::Turn { .. } => [32, 32],
            Self::Pixels { splits: true, size, sheet, .. } => [256 * 16 / i64::from(*size), sheet.columns],
            Self::Pixels { size, sheet, .. } => [sheet.rows, 256 * 16 / i64::from(*size)],
        }
    }

    /// The sheet, where items are sheets.
    pub fn sheet(&self) -> Option<&Sheet> {
        match self {
            Self::Transpose { sheet, .. } | Self::Pixels { sheet, .. } | Self::Turn { sheet, .. } => {
                Some(sheet)
            }
            _ => None,
        }
    }
}
