//! The kernels there are: what each is called, and what it is told beside the loops over its items.
#![forbid(unsafe_code)]

use std::ffi::CStr;

use super::direct;
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
    /// A word is written.
    Fill {
        /// Its bytes.
        size: u8,
        /// Sixteen bytes full of it.
        value: [u8; 16],
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
        /// Whether a kernel for these very types does it.
        fixed: bool,
        /// The types.
        types: [Type; 2],
        /// The sheet.
        sheet: Sheet,
    },
    /// Adjacent numbers are converted: 4, 2 or a single one.
    Numbers {
        /// How many.
        adjacent: u8,
        /// The types.
        types: [Type; 2],
    },
    /// Runs of adjacent numbers are converted that have 16 bytes on the wider side, all runs one behind the other: by a kernel
    /// for these very types.
    Direct {
        /// The types.
        types: [Type; 2],
    },
    /// The rows of a sheet become columns, and its numbers others.
    Turn {
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
#[repr(u32)]
pub enum Writes {
    /// As whole bytes.
    Bytes,
    /// As bits anywhere.
    Bits,
    /// As bits of one run without gaps.
    Run,
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

/// A type as the kernels describe it: its kind, its bits, and what else there is to know of a small float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type(pub u32);

const WORD: u32 = 0;
const TRUTH: u32 = 1;
const UNSIGNED: u32 = 2;
const SIGNED: u32 = 3;
const SMALL: u32 = 4;
const NUMPY: u32 = 5;
const SINGLE: u32 = 6;
const DOUBLE: u32 = 7;

impl Type {
    /// Words of two bits.
    pub const PAIR: Self = Self::new(WORD, 2);

    const fn new(kind: u32, bits: u32) -> Self {
        Self(bits | kind << 8)
    }

    /// That of a number.
    pub fn of(scalar: Scalar) -> Self {
        let bits = scalar.bits();
        match scalar {
            Scalar::Bool => Self::new(TRUTH, bits),
            Scalar::Int(_) => Self::new(SIGNED, bits),
            Scalar::Uint(_) => Self::new(UNSIGNED, bits),
            Scalar::Small(format) => Self::new(SMALL, bits).with(format),
            Scalar::Float16 => Self::new(NUMPY, bits).with(Format::FLOAT16),
            Scalar::Float32 => Self::new(SINGLE, bits),
            Scalar::Float64 => Self::new(DOUBLE, bits),
        }
    }

    fn with(self, format: Format) -> Self {
        let (exponent, mantissa, bias, special) = format.anatomy();
        Self(self.0 | exponent << 12 | mantissa << 16 | (special as u32) << 20 | (bias as u32) << 24)
    }

    /// Words of so many bits that stay what they are, if there are such.
    pub fn word(bits: u64) -> Option<Self> {
        matches!(bits, 2 | 4 | 6 | 8 | 16 | 32 | 64).then(|| Self::new(WORD, bits as u32))
    }

    /// Bits of one.
    pub fn bits(self) -> i64 {
        i64::from(self.0 & 0xff)
    }

    /// Whether pixels may be of it.
    pub fn is_of_pixels(self) -> bool {
        [Scalar::Uint(8), Scalar::Float16, Scalar::Small(Format::BFLOAT16), Scalar::Float32]
            .map(Self::of)
            .contains(&self)
    }

    /// What the kernels that make it are called after.
    pub fn family(self) -> Family {
        match self.0 >> 8 & 15 {
            SMALL | NUMPY | SINGLE => Family::Float,
            DOUBLE => Family::Wide,
            UNSIGNED if self.bits() >= 32 => Family::Wide,
            SIGNED if self.bits() == 64 => Family::Wide,
            _ => Family::Integer,
        }
    }
}

/// Kernels that convert numbers of whole bytes come in three groups, by what they make.
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
            Self::Fill { size, .. } => sized!(*size, "fill_", 1 2 4 8 16),
            Self::Transpose { tiling: Tiling::Vectors, size, .. } => sized!(*size, "transv_", 1 2 4 8),
            Self::Transpose { tiling: Tiling::Squares, size, .. } => sized!(*size, "trans_", 1 2 4 8 16),
            Self::Transpose { tiling: Tiling::Strips { .. }, size, .. } => {
                sized!(*size, "tile_", 1 2 4 8 16)
            }
            Self::Pixels { fixed: true, splits, types, .. } => return direct::pixels(*types, *splits),
            Self::Pixels { .. } => c"pixels",
            Self::Direct { types } => return direct::numbers(*types),
            Self::Numbers { types, .. } | Self::Turn { types, .. } => match types[1].family() {
                Family::Float => c"to_float",
                Family::Integer => c"to_integer",
                Family::Wide => c"to_wide",
            },
            Self::Cast { .. } => c"cast",
        })
    }

    /// Items that a block takes; for sheets, rows and columns of one of its tiles.
    pub fn block(&self) -> [i64; 2] {
        match self {
            Self::Run { .. } => [1, 1],
            Self::Words { .. } | Self::Fill { .. } => [1024, 1],
            Self::Numbers { .. } | Self::Direct { .. } | Self::Cast { .. } => [1024, 1],
            Self::Gather { .. } => [512, 1],
            Self::Transpose { tiling: Tiling::Vectors, size: 1 | 2, .. } => [128, 128],
            Self::Transpose { tiling: Tiling::Strips { wide, high }, .. } => [*high, *wide],
            Self::Transpose { size: 1 | 2 | 4, .. } => [64, 64],
            Self::Turn { types, .. } if types[1].family() != Family::Wide => [64, 64],
            Self::Transpose { .. } | Self::Turn { .. } => [32, 32],
            Self::Pixels { splits: true, sheet, .. } => [1024, sheet.columns],
            Self::Pixels { splits: false, sheet, .. } => [sheet.rows, 1024],
        }
    }

    /// Items that the grid is for beyond those that there are.
    pub fn more(&self) -> usize {
        if let Self::Cast { writes: Writes::Run, .. } = self { 3 } else { 0 }
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
