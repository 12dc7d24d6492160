//! One value for all elements: it travels among the parameters, where nothing has to be brought to the device.
#![forbid(unsafe_code)]

use super::kernel::{Kernel, Step};
use super::nest::{self, Ends, trace, with};
use crate::engine::host::memory::Cell;
use crate::engine::plan::{Loop, Plan};
use crate::error::Result;

/// More launches than this take longer than bringing the value to the device.
const LAUNCHES: usize = 16;

/// What writes `value`, the bytes of one scalar, to all scalars of the target; nothing where that takes too many steps or
/// scalars begin within bytes.
pub fn steps(plan: &Plan, cell: Cell, value: &[u8], ends: Ends) -> Result<Option<Vec<Step>>> {
    let bytes = value.len() as i64;
    if cell.packed || bytes == 0 {
        return Ok(None);
    }
    let is_run = |l: &&Loop| l.target == bytes * 8;
    let row = plan.loops.first().filter(is_run);
    let run = row.map_or(bytes, |l| l.extent * bytes);
    let rest = with(plan, plan.loops[usize::from(row.is_some())..].iter().copied())?;
    let [_, target] = trace(&rest, &rest.loops, ends);
    let widest = 1i64 << ((target >> 3) | run | 16).trailing_zeros();
    if bytes & (bytes - 1) == 0 && bytes <= widest {
        let words = Loop { extent: run / widest, source: 0, target: widest * 8, step: 0 };
        let items = with(&rest, rest.loops.iter().copied().chain([words]))?;
        let mut full = [0; 16];
        full.iter_mut().zip(value.iter().cycle()).for_each(|(to, byte)| *to = *byte);
        return Ok(Some(vec![Step { kernel: Kernel::Fill { size: widest as u8, value: full }, items }]));
    }
    // Piece by piece, each with its stride.
    let [_, target] = trace(plan, &plan.loops, ends);
    let piece = 1usize << ((target >> 3) | bytes | 16).trailing_zeros();
    if value.len() / piece > LAUNCHES {
        return Ok(None);
    }
    let pieces = value.chunks(piece).enumerate().map(|(i, some)| {
        let mut full = [0; 16];
        full[..piece].copy_from_slice(some);
        let items = Plan { target: plan.target + (i * piece * 8) as i64, ..plan.clone() };
        Step { kernel: Kernel::Fill { size: piece as u8, value: full }, items }
    });
    let mut steps = Vec::new();
    for Step { kernel, items } in pieces {
        nest::pieces(&items, super::choose::LONGEST, &mut |items| {
            steps.push(Step { kernel, items: items.clone() });
            Ok(())
        })?;
    }
    Ok(Some(steps))
}
