//! What kernels are given: `kernels/params.h` once more, byte for byte.
#![forbid(unsafe_code)]

use super::kernel::{Kernel, Sheet, Tiling, Type, Writes};
use super::nest::Ends;
use crate::engine::host::memory::Cell as Scalars;
use crate::engine::plan::Plan;

/// So many loops a kernel runs.
pub(in crate::engine) const LOOPS: usize = 8;

/// So many pairs of scale and bias lie among the parameters.
pub(in crate::engine) const FACTORS: usize = 16;

/// A structure that a kernel takes by value.
pub trait Params: std::marker::Copy {}

macro_rules! params {
    ($($name:ident: $size:literal,)*) => {
        $(
            const _: () = assert!(size_of::<$name>() == $size);
            impl Params for $name {}
        )*
    };
}
params! { Copy: 296, Fill: 296, Transpose: 360, Convert: 688, Cast: 632, Equal: 312, EqualNumbers: 328, }

/// Division of n < 2^31 without dividing.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Divisor {
    by: u32,
    multiplier: u32,
    shift: u32,
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
struct Loop {
    extent: Divisor,
    step: i32,
    source: i64,
    target: i64,
}

/// Loops over items.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    count: u32,
    loops: u32,
    each: [Loop; LOOPS],
}

impl Walk {
    /// The loops of `items`, of which there are not too many; `unit` is the bits that distances are told in.
    pub fn new(items: &Plan, unit: i64) -> Self {
        debug_assert!(items.loops.len() <= LOOPS && items.count() < 1 << 31);
        let none = Loop { extent: Divisor::new(1), step: 0, source: 0, target: 0 };
        let mut walk =
            Self { count: items.count() as u32, loops: items.loops.len() as u32, each: [none; LOOPS] };
        for (to, l) in walk.each.iter_mut().zip(items.loops.iter()) {
            let extent = Divisor::new(l.extent as u32);
            *to = Loop { extent, step: l.step as i32, source: l.source / unit, target: l.target / unit };
        }
        walk
    }
}

/// Where the first item lies on both sides.
fn at(ends: Ends, items: &Plan) -> [u64; 2] {
    [(ends[0], items.source), (ends[1], items.target)].map(|(end, bits)| end as u64 + (bits >> 3) as u64)
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Copy {
    source: u64,
    target: u64,
    step: i64,
    swap: u32,
    spare: u32,
    walk: Walk,
}

impl Copy {
    pub fn new(ends: Ends, items: &Plan, swap: u8, step: i64) -> Self {
        let [source, target] = at(ends, items);
        Self { source, target, step, swap: swap.into(), spare: 0, walk: Walk::new(items, 8) }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    target: u64,
    value: [u8; 16],
    spare: u64,
    walk: Walk,
}

impl Fill {
    /// `value` is 16 bytes full of what is written.
    pub fn new(ends: Ends, items: &Plan, value: [u8; 16]) -> Self {
        Self { target: at(ends, items)[1], value, spare: 0, walk: Walk::new(items, 8) }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Transpose {
    source: u64,
    target: u64,
    source_pitch: i64,
    target_pitch: i64,
    rows: u32,
    columns: u32,
    across: Divisor,
    down: Divisor,
    wide: Divisor,
    high: Divisor,
    swap: u32,
    spare: u32,
    walk: Walk,
}

impl Transpose {
    pub fn new(ends: Ends, items: &Plan, kernel: &Kernel, sheet: &Sheet, swap: u8) -> Self {
        let [across, down] = tiles(kernel, sheet).map(Divisor::new);
        let [wide, high] = match kernel {
            Kernel::Transpose { tiling: Tiling::Strips { wide, high }, .. } => [*wide, *high],
            _ => [1, 1],
        }
        .map(|n| Divisor::new(n as u32));
        Self {
            source_pitch: sheet.source_pitch / 8,
            target_pitch: sheet.target_pitch / 8,
            rows: sheet.rows as u32,
            columns: sheet.columns as u32,
            across,
            down,
            wide,
            high,
            swap: swap.into(),
            ..Self::without_sheet(ends, items)
        }
    }

    /// Where items are no sheets.
    fn without_sheet(ends: Ends, items: &Plan) -> Self {
        let ([source, target], one) = (at(ends, items), Divisor::new(1));
        Self {
            source,
            target,
            source_pitch: 0,
            target_pitch: 0,
            rows: 0,
            columns: 0,
            across: one,
            down: one,
            wide: one,
            high: one,
            swap: 1,
            spare: 0,
            walk: Walk::new(items, 8),
        }
    }
}

/// How many tiles the columns of a sheet take, and its rows.
pub fn tiles(kernel: &Kernel, sheet: &Sheet) -> [u32; 2] {
    let [high, wide] = kernel.block();
    [(sheet.columns as u64).div_ceil(wide as u64) as u32, (sheet.rows as u64).div_ceil(high as u64) as u32]
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

impl Numbers {
    /// They stay what they are, but for the type.
    pub fn plain(types: [Type; 2]) -> Self {
        Self {
            source: types[0].0,
            target: types[1].0,
            saturate: 0,
            scaled: 0,
            low: 0.0,
            high: 0.0,
            first: 0,
            pairs: 0,
            own: [[1.0, -0.0]; FACTORS],
        }
    }
}

/// How the items of a [`Convert`] lie.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
enum Shape {
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
    sheet: Transpose,
    steps: [i64; 2],
    shape: u32,
    spare: u32,
    numbers: Numbers,
}

impl Convert {
    /// Items of so many adjacent numbers.
    pub fn new(ends: Ends, items: &Plan, adjacent: u8, numbers: Numbers) -> Self {
        let shape = match adjacent {
            4 => Shape::Lots,
            2 => Shape::Pairs,
            _ => Shape::Ones,
        };
        let sheet = Transpose::without_sheet(ends, items);
        Self { sheet, steps: [0; 2], shape: shape as u32, spare: 0, numbers }
    }

    /// Items that are sheets.
    pub fn of_sheets(ends: Ends, items: &Plan, kernel: &Kernel, sheet: &Sheet, numbers: Numbers) -> Self {
        let places = Transpose::new(ends, items, kernel, sheet, 1);
        let shape = match kernel {
            Kernel::Pixels { splits: true, .. } => Shape::Split,
            Kernel::Pixels { splits: false, .. } => Shape::Merge,
            _ => Shape::Sheets,
        };
        Self { sheet: places, steps: sheet.steps, shape: shape as u32, spare: 0, numbers }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Cell {
    kind: u32,
    packed: u32,
    swapped: u32,
    bit: u32,
}

impl Cell {
    fn new(cell: Scalars, kind: u32, at: i64) -> Self {
        let packed = if cell.packed { Writes::Bits } else { Writes::Bytes };
        Self { kind, packed: packed as u32, swapped: cell.swapped.into(), bit: (at & 7) as u32 }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    source: u64,
    target: u64,
    value: u64,
    imaginary: i64,
    from: Cell,
    to: Cell,
    numbers: Numbers,
    walk: Walk,
}

impl Cast {
    pub fn new(
        ends: Ends,
        items: &Plan,
        cells: [Scalars; 2],
        writes: Writes,
        imaginary: i64,
        numbers: Numbers,
    ) -> Self {
        let [source, target] = at(ends, items);
        let from = Cell::new(cells[0], numbers.source, items.source);
        let to = Cell::new(cells[1], numbers.target, items.target);
        let to = Cell { packed: writes as u32, ..to };
        Self { source, target, value: 0, imaginary, from, to, numbers, walk: Walk::new(items, 1) }
    }

    /// The same, every scalar of the source being `value`.
    pub fn of_value(self, value: u64) -> Self {
        Self { source: 0, value, ..self }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Equal {
    source: u64,
    target: u64,
    differs: u64,
    limit: u64,
    rule: u32,
    swap: u32,
    turn: u32,
    size: u32,
    walk: Walk,
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

impl Equal {
    /// Words of `size` bytes. `orders` are bytes of the units that are reversed: of the source, then of both sides.
    pub fn new(
        ends: Ends,
        items: &Plan,
        differs: u64,
        (rule, limit): (Rule, u64),
        orders: [i64; 2],
        size: i64,
    ) -> Self {
        let [source, target] = at(ends, items);
        let [swap, turn, size] = [orders[0], orders[1], size].map(|bytes| bytes as u32);
        Self {
            source,
            target,
            differs,
            limit,
            rule: rule as u32,
            swap,
            turn,
            size,
            walk: Walk::new(items, 8),
        }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EqualNumbers {
    source: u64,
    target: u64,
    differs: u64,
    floats: u32,
    spare: u32,
    from: Cell,
    to: Cell,
    walk: Walk,
}

impl EqualNumbers {
    pub fn new(
        ends: Ends,
        items: &Plan,
        differs: u64,
        types: [Type; 2],
        cells: [Scalars; 2],
        floats: bool,
    ) -> Self {
        let [source, target] = at(ends, items);
        let from = Cell::new(cells[0], types[0].0, items.source);
        let to = Cell::new(cells[1], types[1].0, items.target);
        let target = if ends[1] == 0 { 0 } else { target };
        Self { source, target, differs, floats: floats.into(), spare: 0, from, to, walk: Walk::new(items, 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_divisor_divides_every_number_below_two_to_the_31() {
        let mut seed = 1u64;
        let mut divisors: Vec<u32> = (1..300).chain([1000, 65_535, 65_536, 65_537, (1 << 30) + 1]).collect();
        divisors.extend([i32::MAX as u32 - 1, i32::MAX as u32, 1 << 30, 1 << 31]);
        for by in divisors {
            let divisor = Divisor::new(by);
            let check = |n: u32| {
                let high = ((u64::from(n) * u64::from(divisor.multiplier)) >> 32) as u32;
                assert_eq!((high + n) >> divisor.shift, n / by, "{n} / {by}");
            };
            for k in 0..1000 {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                check((seed >> 33) as u32);
                let edge = u64::from(by) * k;
                [edge.saturating_sub(1), edge, edge + 1]
                    .into_iter()
                    .filter(|n| n >> 31 == 0)
                    .for_each(|n| check(n as u32));
            }
            check(i32::MAX as u32);
        }
    }
}
