//! What kernels are given: `kernels/params.h` once more, byte for byte. Tests of the kernels include this file, which knows nothing
//! of what surrounds it; one of them holds it against the PTX.
#![forbid(unsafe_code)]

/// So many loops a kernel runs.
/// cbindgen:ignore
pub const LOOPS: usize = 8;

/// So many pairs of scale and bias lie among the parameters.
/// cbindgen:ignore
pub const FACTORS: usize = 16;

/// Division of n < 2^31 without dividing.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Divisor {
    pub by: u32,
    pub multiplier: u32,
    pub shift: u32,
}

impl Divisor {
    /// By `by`, from 1 to 2^31.
    pub fn new(by: u32) -> Self {
        let shift = (by - 1).checked_ilog2().map_or(0, |log| log + 1);
        let over = (1u64 << shift) - u64::from(by);
        Self { by, multiplier: ((over << 32) / u64::from(by) + 1) as u32, shift }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Loop {
    pub extent: Divisor,
    pub step: i32,
    pub source: i64,
    pub target: i64,
}

/// Loops over items.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    pub count: u32,
    pub loops: u32,
    pub each: [Loop; LOOPS],
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Copy {
    pub source: u64,
    pub target: u64,
    pub step: i64,
    pub swap: u32,
    pub spare: u32,
    pub walk: Walk,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    pub target: u64,
    pub value: [u64; 2],
    pub spare: u64,
    pub walk: Walk,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Transpose {
    pub source: u64,
    pub target: u64,
    pub source_pitch: i64,
    pub target_pitch: i64,
    pub rows: u32,
    pub columns: u32,
    pub across: Divisor,
    pub down: Divisor,
    pub wide: Divisor,
    pub high: Divisor,
    pub swap: u32,
    pub spare: u32,
    pub walk: Walk,
}

/// What becomes of numbers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Numbers {
    pub source: u32,
    pub target: u32,
    pub saturate: u32,
    pub scaled: u32,
    pub low: f64,
    pub high: f64,
    pub first: i64,
    pub pairs: u64,
    pub own: [[f64; 2]; FACTORS],
}

/// How the items of a [`Convert`] lie.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub enum Shape {
    Sheets,
    Ones,
    Pairs,
    Lots,
    Split,
    Merge,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Convert {
    pub sheet: Transpose,
    pub steps: [i64; 2],
    pub shape: u32,
    pub spare: u32,
    pub numbers: Numbers,
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

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub kind: u32,
    pub packed: u32,
    pub swapped: u32,
    pub bit: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    pub source: u64,
    pub target: u64,
    pub value: u64,
    pub imaginary: i64,
    pub from: Cell,
    pub to: Cell,
    pub numbers: Numbers,
    pub walk: Walk,
}

/// How words that are equal are told from those that are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Rule {
    /// Their bits are.
    Same,
    /// As floats, of which more than the limit is NaN.
    Float,
    /// Their bits are, and are not the limit.
    Never,
    /// Both are 0 or neither is.
    Logic,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Equal {
    pub source: u64,
    pub target: u64,
    pub differs: u64,
    pub limit: u64,
    pub rule: u32,
    pub swap: u32,
    pub turn: u32,
    pub size: u32,
    pub walk: Walk,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EqualNumbers {
    pub source: u64,
    pub target: u64,
    pub differs: u64,
    pub floats: u32,
    pub spare: u32,
    pub from: Cell,
    pub to: Cell,
    pub walk: Walk,
}
