//! What kernels are given, made from plans and types.
#![forbid(unsafe_code)]

use super::kernel::{Kernel, Sheet, Tiling, Type};
use super::nest::Ends;
use super::params::*;
use crate::engine::host::memory::Cell as Scalars;
use crate::engine::plan::Plan;

/// A structure that a kernel takes by value.
pub trait Params: std::marker::Copy {}

impl Params for Copy {}
impl Params for Fill {}
impl Params for Transpose {}
impl Params for Convert {}
impl Params for Cast {}
impl Params for Equal {}
impl Params for EqualNumbers {}

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

impl Copy {
    pub fn new(ends: Ends, items: &Plan, swap: u8, step: i64) -> Self {
        let [source, target] = at(ends, items);
        Self { source, target, step, swap: swap.into(), spare: 0, walk: Walk::new(items, 8) }
    }
}

impl Fill {
    /// `value` is 16 bytes full of what is written.
    pub fn new(ends: Ends, items: &Plan, value: [u8; 16]) -> Self {
        let value = u128::from_ne_bytes(value);
        let value = [value as u64, (value >> 64) as u64];
        Self { target: at(ends, items)[1], value, spare: 0, walk: Walk::new(items, 8) }
    }
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

impl Cell {
    fn new(cell: Scalars, kind: u32, at: i64) -> Self {
        let packed = if cell.packed { Writes::Bits } else { Writes::Bytes };
        Self { kind, packed: packed as u32, swapped: cell.swapped.into(), bit: (at & 7) as u32 }
    }
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
