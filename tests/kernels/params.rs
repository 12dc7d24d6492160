//! What kernels are given: `params.h` once more.

use crate::Turn;

pub const LOOPS: usize = 8;
pub const FACTORS: usize = 16;

/// How the items of a [`Convert`] lie.
pub const SHEETS: u32 = 0;
pub const ONES: u32 = 1;
pub const PAIRS: u32 = 2;
pub const LOTS: u32 = 3;
pub const SPLIT: u32 = 4;
pub const MERGE: u32 = 5;

/// How scalars of a [`Cell`] are packed.
pub const BYTES: u32 = 0;
pub const BITS: u32 = 1;
pub const RUN: u32 = 2;

/// Rules of an [`Equal`].
pub const SAME: u32 = 0;
pub const FLOAT: u32 = 1;
pub const NEVER: u32 = 2;
pub const LOGIC: u32 = 3;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Divisor {
    pub by: u32,
    multiplier: u32,
    shift: u32,
}

impl Divisor {
    pub fn new(by: i64) -> Self {
        let shift = 64 - (by as u64 - 1).leading_zeros();
        let multiplier = (((1u128 << shift) - by as u128) << 32) / by as u128 + 1;
        Self { by: by as u32, multiplier: multiplier as u32, shift }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Loop {
    extent: Divisor,
    step: i32,
    source: i64,
    target: i64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    pub count: u32,
    loops: u32,
    each: [Loop; LOOPS],
}

impl Walk {
    pub fn new(loops: &[Turn]) -> Self {
        let none = Loop { extent: Divisor::new(1), step: 0x5555, source: 0x5555, target: 0x5555 };
        let count = loops.iter().map(|l| l.extent).product::<i64>() as u32;
        let mut walk = Self { count, loops: loops.len() as u32, each: [none; LOOPS] };
        for (to, l) in walk.each.iter_mut().zip(loops) {
            let step = l.step as i32;
            *to = Loop { extent: Divisor::new(l.extent), step, source: l.source, target: l.target };
        }
        walk
    }
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

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Convert {
    pub sheet: Transpose,
    pub row_step: i64,
    pub column_step: i64,
    pub shape: u32,
    pub spare: u32,
    pub numbers: Numbers,
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
