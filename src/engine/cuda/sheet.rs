//! Sheets in plans: where the source runs along another loop than the target.
#![forbid(unsafe_code)]

use super::direct;
use super::kernel::{Kernel, Sheet, Step, Tiling, Type};
use super::nest::{Ends, allows, moved, trace, with};
use crate::engine::plan::Plan;
use crate::error::Result;

/// Smaller sheets are moved word by word: most threads of a tile would have none.
const SMALL: i64 = 256;

/// Shorter sides are no square.
const SQUARE: i64 = 16;

/// Pixels of a sheet that are worth a block.
const PIXELS: i64 = 128;

/// Places of a tile of strips.
const PLACES: i64 = 2048;

/// The sheet that the innermost loop of the target makes with the one that runs along the source, elements having such
/// widths in bits, and the loops over sheets.
pub fn find(items: &Plan, widths: [i64; 2]) -> Result<Option<(Sheet, Plan)>> {
    let Some(row) = items.loops.first() else { return Ok(None) };
    if row.target != widths[1] || row.source.abs() == widths[0] {
        return Ok(None);
    }
    let Some(at) = items.loops.iter().position(|l| l.source.abs() == widths[0]) else { return Ok(None) };
    let column = items.loops[at];
    let others = items.loops.iter().enumerate().filter(|(i, _)| *i != 0 && *i != at).map(|(_, l)| *l);
    let mut sheets = with(items, others)?;
    let sign = column.source.signum();
    if sign < 0 {
        sheets = moved(&sheets, &column, column.extent - 1);
    }
    let sheet = Sheet {
        rows: row.extent,
        columns: column.extent,
        source_pitch: row.source,
        target_pitch: sign * column.target,
        steps: [row.step, sign * column.step],
    };
    Ok(Some((sheet, sheets)))
}

/// Sheets of words, if the items are such and large enough.
pub fn transpose(items: &Plan, size: u8, swap: u8, ends: Ends) -> Result<Option<Step>> {
    let bytes = i64::from(size);
    let Some((sheet, sheets)) = find(items, [bytes * 8; 2])? else { return Ok(None) };
    if sheet.rows * sheet.columns < SMALL {
        return Ok(None);
    }
    if swap == 1
        && size <= 4
        && let Some(word) = Type::word(bytes as u64 * 8)
        && let Some(kernel) = pixels(&sheet, &sheets, [word; 2], [bytes; 2], ends, true)
    {
        return Ok(Some(Step { kernel, items: sheets }));
    }
    let tiling = tiling(&sheet, &sheets, bytes, ends);
    Ok(Some(Step { kernel: Kernel::Transpose { tiling, size, swap, sheet }, items: sheets }))
}

fn tiling(sheet: &Sheet, sheets: &Plan, size: i64, ends: Ends) -> Tiling {
    let edge = if size <= 4 { 64 } else { 32 };
    if 2 * sheet.rows.min(sheet.columns) <= edge {
        return sheet.strips();
    }
    let [source, target] = trace(sheets, &sheets.loops, ends);
    let (vector, block) = match size {
        1 => (8, 8),
        16 => return Tiling::Squares,
        _ => (16, 16 / size),
    };
    let aligned = allows(source | sheet.source_pitch, vector) && allows(target | sheet.target_pitch, vector);
    match aligned && sheet.rows % block == 0 && sheet.columns % block == 0 {
        true => Tiling::Vectors,
        false => Tiling::Squares,
    }
}

/// The kernel for sheets of few columns or few rows that adjoin each other, `sizes` being the bytes of an element.
/// `directly`: a kernel for these very types does what is asked for, if there is one.
pub fn pixels(
    sheet: &Sheet,
    sheets: &Plan,
    types: [Type; 2],
    sizes: [i64; 2],
    ends: Ends,
    directly: bool,
) -> Option<Kernel> {
    let [source, target] = trace(sheets, &sheets.loops, ends);
    let fits = |source, target| allows(source, 4 * sizes[0]) && allows(target, 4 * sizes[1]);
    let is_few = |n: i64| (2..=4).contains(&n);
    let is_long = |n: i64| n >= PIXELS && n % 4 == 0;
    let splits = is_few(sheet.columns)
        && sheet.source_pitch == sheet.columns * sizes[0] * 8
        && is_long(sheet.rows)
        && fits(source, target | sheet.target_pitch);
    let merges = is_few(sheet.rows)
        && sheet.target_pitch == sheet.rows * sizes[1] * 8
        && is_long(sheet.columns)
        && fits(source | sheet.source_pitch, target);
    let (channels, step) =
        if splits { (sheet.columns, sheet.steps[0]) } else { (sheet.rows, sheet.steps[1]) };
    let fixed = directly && channels == 3 && step == 0 && direct::pixels(types, splits).is_some();
    (splits || merges).then_some(Kernel::Pixels { splits, fixed, types, sheet: *sheet })
}

impl Sheet {
    /// Whether neither side is short.
    pub fn is_square(&self) -> bool {
        self.rows.min(self.columns) >= SQUARE
    }

    /// Tiles that are as long as the shorter side.
    fn strips(&self) -> Tiling {
        // Rows lie an odd number of places apart.
        let odd = |n: i64| n | 1;
        let whole = |n: i64| if n > 32 { n & !31 } else { n.max(1) };
        if self.columns <= self.rows {
            let high = whole(PLACES / odd(self.columns)).min(self.rows);
            return Tiling::Strips { wide: self.columns, high };
        }
        let wide = whole(PLACES / self.rows - 1).min(self.columns);
        Tiling::Strips { wide, high: self.rows }
    }
}
