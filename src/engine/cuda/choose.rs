//! Which kernels a pass takes: chosen from its loops, its types and the alignment of both sides, not from what lies
//! there.
#![forbid(unsafe_code)]

use super::direct;
use super::kernel::{Kernel, Sheet, Step, Type, Writes};
use super::nest::{self, Ends, allows, cut, trace, with};
use super::sheet::{self, find};
use crate::engine::host::memory::Cell;
use crate::engine::pass::{Act, Change, Pass};
use crate::engine::plan::{Loop, Plan};
use crate::error::{Result, bail};

/// The longest loop that kernels take. It is a multiple of the items that they take at once.
pub(super) const LONGEST: i64 = 1 << 30;

/// A run of fewer bytes is not worth a launch of its own for what is left over at its end.
const LONG: i64 = 1024;

/// What a pass takes, one after the other. `ends` is where its sides begin.
pub fn choose(pass: &Pass, ends: Ends) -> Result<Vec<Step>> {
    if let Act::Copy = pass.act
        && let [step] = &copy(pass.plan, pass.cells, ends)?[..]
        && let Kernel::Run { .. } = step.kernel
    {
        return Ok(vec![step.clone()]);
    }
    let mut steps = Vec::new();
    nest::pieces(pass.plan, LONGEST, &mut |plan| {
        steps.extend(match pass.act {
            Act::Copy => copy(plan, pass.cells, ends)?,
            Act::Convert(change) => convert(plan, pass.cells, change, ends)?,
        });
        Ok(())
    })?;
    Ok(steps)
}

/// Scalars that differ in packing and byte order at most.
fn copy(plan: &Plan, cells: [Cell; 2], ends: Ends) -> Result<Vec<Step>> {
    let [from, to] = cells;
    if from.packed || to.packed {
        return copy_packed(plan, cells, ends);
    }
    let bytes = from.bytes() as i64;
    let part = if from.swapped == to.swapped { 1 } else { from.part as i64 };
    copy_bytes(&runs(plan, bytes)?, part, ends)
}

/// The loops over runs of bytes that follow each other on both sides, scalars having so many, and the bytes of a run.
pub fn runs(plan: &Plan, bytes: i64) -> Result<(Plan, i64)> {
    let is_run = |l: &&Loop| (l.source, l.target) == (bytes * 8, bytes * 8);
    let run = plan.loops.first().filter(is_run);
    let rest = plan.loops[usize::from(run.is_some())..].iter().copied();
    Ok((with(plan, rest)?, run.map_or(bytes, |l| l.extent * bytes)))
}

/// Runs of bytes, in which units of `part` bytes are reversed.
fn copy_bytes((rest, run): &(Plan, i64), part: i64, ends: Ends) -> Result<Vec<Step>> {
    if rest.loops.is_empty() && part == 1 {
        return Ok(vec![Step { kernel: Kernel::Run { bytes: *run }, items: rest.clone() }]);
    }
    let [source, target] = trace(rest, &rest.loops, ends);
    let widest = 1 << ((source | target) >> 3 | 16).trailing_zeros();
    if run % widest != 0 && *run >= LONG && widest >= part {
        let main = run - run % widest;
        let over = nest::moved(rest, &Loop { extent: 1, source: 8, target: 8, step: 0 }, main);
        let mut steps = copy_bytes(&(rest.clone(), main), part, ends)?;
        steps.extend(copy_bytes(&(over, run - main), part, ends)?);
        return Ok(steps);
    }
    let (items, size, swap) = words(&(rest.clone(), *run), part, ends)?;
    copy_words(items, size, swap, ends)
}

/// The words that have to be the same on both sides for scalars to be, and bytes of the units of one side that are
/// reversed before.
pub fn same_words(plan: &Plan, [from, to]: [Cell; 2], ends: Ends) -> Result<(Plan, i64, i64)> {
    if from.packed || to.packed {
        let whole = whole_bytes(plan, [from, to])?;
        let Some(runs) = whole else {
            bail!(
                Unsupported,
                "elements of {} bits that begin within bytes are not compared by a GPU",
                from.bits
            );
        };
        return words(&runs, 1, ends);
    }
    let part = if from.swapped == to.swapped { 1 } else { from.part as i64 };
    words(&runs(plan, from.bytes() as i64)?, part, ends)
}

/// Runs of bytes as words as large as may be, their size, and bytes of the units that are reversed in them.
fn words((rest, run): &(Plan, i64), part: i64, ends: Ends) -> Result<(Plan, i64, i64)> {
    let [source, target] = trace(rest, &rest.loops, ends);
    let widest = 1 << ((source | target) >> 3 | 16).trailing_zeros();
    if widest < part || part & (part - 1) != 0 {
        return Ok((bytes_turned(rest, *run, part)?, 1, 1));
    }
    let size = 1 << (widest | run).trailing_zeros();
    let row = Loop { extent: run / size, source: size * 8, target: size * 8, step: 0 };
    Ok((with(rest, rest.loops.iter().copied().chain([row]))?, size, part))
}

/// Units whose bytes are neither aligned nor a power of two, byte by byte.
fn bytes_turned(rest: &Plan, run: i64, part: i64) -> Result<Plan> {
    let byte = Loop { extent: part, source: -8, target: 8, step: 0 };
    let unit = Loop { extent: run / part, source: part * 8, target: part * 8, step: 0 };
    let items = with(rest, rest.loops.iter().copied().chain([byte, unit]))?;
    Ok(Plan { source: items.source + (part - 1) * 8, ..items })
}

/// Words of a power of two of bytes, at most 16, aligned on both sides.
fn copy_words(items: Plan, size: i64, swap: i64, ends: Ends) -> Result<Vec<Step>> {
    let (size, swap) = (size as u8, swap as u8);
    if let Some(step) = sheet::transpose(&items, size, swap, ends)? {
        return Ok(vec![step]);
    }
    let words = |items| Step { kernel: Kernel::Words { size, swap }, items };
    let Some((vectors, over)) = gather(&items, size, ends)? else { return Ok(vec![words(items)]) };
    let step = items.loops[0].source / 8;
    let mut steps = vec![Step { kernel: Kernel::Gather { size, swap, step }, items: vectors }];
    steps.extend(over.map(words));
    Ok(steps)
}

/// Rows of the target whose words lie apart in the source, by 16 bytes of the target, and what is left over.
fn gather(items: &Plan, size: u8, ends: Ends) -> Result<Option<(Plan, Option<Plan>)>> {
    let size = i64::from(size);
    let Some(row) = items.loops.first().filter(|_| size < 16) else { return Ok(None) };
    let at_once = 16 / size;
    let [_, target] = trace(items, &items.loops[1..], ends);
    let main = row.extent - row.extent % at_once;
    let over = row.extent - main;
    let is_apart = row.target == size * 8 && row.source != row.target;
    if !is_apart || !allows(target, 16) || main < 4 * at_once || over > 0 && row.extent * size < LONG {
        return Ok(None);
    }
    let [main, over] = cut(items, main)?;
    Ok(Some((in_groups(&main, at_once)?, Some(over).filter(|_| row.extent % at_once > 0))))
}

/// The innermost loop by so many turns at once.
fn in_groups(items: &Plan, at_once: i64) -> Result<Plan> {
    let row = items.loops[0];
    let group = Loop {
        extent: row.extent / at_once,
        source: row.source * at_once,
        target: row.target * at_once,
        step: row.step * at_once,
    };
    with(items, items.loops[1..].iter().copied().chain([group]))
}

/// Scalars of which one side at least is packed.
fn copy_packed(plan: &Plan, cells: [Cell; 2], ends: Ends) -> Result<Vec<Step>> {
    if let Some(runs) = whole_bytes(plan, cells)? {
        return copy_bytes(&runs, 1, ends);
    }
    // All of one long run but its last bits.
    let bits = cells[0].bits as i64;
    let whole = 8 >> bits.trailing_zeros().min(3);
    if let [row] = *plan.loops
        && row.extent > whole
    {
        let [main, over] = cut(plan, row.extent - row.extent % whole)?;
        if let Some(runs) = whole_bytes(&main, cells)? {
            let mut steps = copy_bytes(&runs, 1, ends)?;
            steps.extend(copy_bits(&over, cells)?);
            return Ok(steps);
        }
    }
    copy_bits(plan, cells)
}

/// Runs of packed scalars that are whole bytes on both sides.
fn whole_bytes(plan: &Plan, [from, to]: [Cell; 2]) -> Result<Option<(Plan, i64)>> {
    let bits = from.bits as i64;
    if !from.packed || !to.packed {
        return Ok(None);
    }
    let run = plan.loops.first().filter(|l| (l.source, l.target) == (bits, bits));
    let rest = with(plan, plan.loops[usize::from(run.is_some())..].iter().copied())?;
    let bits = run.map_or(1, |l| l.extent) * bits;
    let aligned = trace(&rest, &rest.loops, [0; 2]).into_iter().all(|trace| allows(trace, 1));
    Ok((aligned && bits % 8 == 0).then_some((rest, bits / 8)))
}

/// Scalars that begin within bytes.
fn copy_bits(plan: &Plan, [from, to]: [Cell; 2]) -> Result<Vec<Step>> {
    let bits = from.bits as i64;
    if let Some(word) = Type::word(from.bits)
        && !from.swapped
        && !to.swapped
    {
        return Ok(vec![cast(plan, to, [word; 2], 0)]);
    }
    if bits % 2 != 0 || !from.packed || !to.packed {
        bail!(Unsupported, "elements of {bits} bits are not moved by a GPU, but in runs of whole bytes");
    }
    let pairs = Loop { extent: bits / 2, source: 2, target: 2, step: 0 };
    let items = with(plan, plan.loops.iter().copied().chain([pairs]))?;
    Ok(vec![cast(&items, Cell { bits: 2, ..to }, [Type::PAIR; 2], 0)])
}

fn cast(plan: &Plan, to: Cell, types: [Type; 2], imaginary: i64) -> Step {
    let writes = match to.packed {
        false => Writes::Bytes,
        true if nest::is_target_run(plan, to.bits as i64) => Writes::Run,
        true => Writes::Bits,
    };
    Step { kernel: Kernel::Cast { writes, types, imaginary }, items: plan.clone() }
}

/// Numbers that become those of another type.
fn convert(plan: &Plan, cells: [Cell; 2], change: Change, ends: Ends) -> Result<Vec<Step>> {
    let types = change.numbers.map(|numeric| Type::of(numeric.scalar));
    let sizes = change.numbers.map(|numeric| i64::from(numeric.scalar.bits().div_ceil(8)));
    let [source, target] = trace(plan, &plan.loops, ends);
    let is_plain = cells.iter().all(|cell| !cell.packed && !cell.swapped)
        && types.iter().all(|of| of.bits() >= 8)
        && allows(source, sizes[0])
        && allows(target, sizes[1]);
    let mut steps = if change.is_complex_truth() {
        vec![cast(plan, cells[1], types, sizes[0] * 8)]
    } else if is_plain {
        convert_bytes(plan, types, sizes, direct::does(&change), ends)?
    } else {
        vec![cast(plan, cells[1], types, 0)]
    };
    if change.numbers[1].complex {
        steps.push(zero_imaginary(plan, sizes[1], ends)?);
    }
    Ok(steps)
}

/// Numbers of whole bytes, aligned to their size.
fn convert_bytes(
    plan: &Plan,
    types: [Type; 2],
    sizes: [i64; 2],
    directly: bool,
    ends: Ends,
) -> Result<Vec<Step>> {
    let numbers =
        |adjacent: i64, items| Step { kernel: Kernel::Numbers { adjacent: adjacent as u8, types }, items };
    let widths = sizes.map(|size| size * 8);
    let Some(row) = plan.loops.first() else { return Ok(vec![numbers(1, plan.clone())]) };
    if [row.source, row.target] == widths && row.step == 0 {
        let at_once = if sizes[0].max(sizes[1]) > 4 { 2 } else { 4 };
        let by_type = (Kernel::Direct { types }, direct::at_once(types));
        let by_lot = (Kernel::Numbers { adjacent: at_once as u8, types }, at_once);
        let is_direct = directly && plan.loops.len() == 1 && direct::numbers(types).is_some();
        let [source, target] = trace(plan, &plan.loops[1..], ends);
        for (kernel, at_once) in is_direct.then_some(by_type).into_iter().chain([by_lot]) {
            let main = row.extent - row.extent % at_once;
            if main > 0
                && allows(source, at_once * sizes[0])
                && allows(target, at_once * sizes[1])
                && (main == row.extent || row.extent * sizes[1] >= LONG)
            {
                let [vectors, over] = cut(plan, main)?;
                let mut steps = vec![Step { kernel, items: in_groups(&vectors, at_once)? }];
                steps.extend((main < row.extent).then(|| numbers(1, over)));
                return Ok(steps);
            }
        }
    }
    if let Some((sheet, sheets)) = find(plan, widths)?
        && let Some(kernel) = turn(&sheet, &sheets, types, sizes, directly, ends)
    {
        return Ok(vec![Step { kernel, items: sheets }]);
    }
    Ok(vec![numbers(1, plan.clone())])
}

/// The kernel for sheets of numbers, if they are large enough for one.
fn turn(
    sheet: &Sheet,
    sheets: &Plan,
    types: [Type; 2],
    sizes: [i64; 2],
    directly: bool,
    ends: Ends,
) -> Option<Kernel> {
    if types.iter().all(|of| of.is_of_pixels())
        && let Some(kernel) = sheet::pixels(sheet, sheets, types, sizes, ends, directly)
    {
        return Some(kernel);
    }
    sheet.is_square().then_some(Kernel::Turn { types, sheet: *sheet })
}

/// Makes the second parts of complex numbers 0, which have so many bytes.
fn zero_imaginary(plan: &Plan, bytes: i64, ends: Ends) -> Result<Step> {
    let still = plan.loops.iter().map(|l| Loop { source: 0, step: 0, ..*l });
    let parts = Plan { source: 0, target: plan.target + bytes * 8, first: 0, loops: plan.loops.clone() };
    let [_, target] = trace(&parts, &parts.loops, ends);
    let size = 1 << ((target >> 3) | bytes).trailing_zeros();
    let words = Loop { extent: bytes / size, source: 0, target: size * 8, step: 0 };
    let items = with(&parts, still.chain([words]))?;
    Ok(Step { kernel: Kernel::Fill { size: size as u8, value: [0; 16] }, items })
}
