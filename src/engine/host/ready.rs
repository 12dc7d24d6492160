//! Small jobs with nothing left to find out: what is done again and again takes one call of its loop.

use super::factors::Coefficients;
use super::fill::{self, Fill};
use super::isa::Isa;
use super::kernel::{Loop as Convert, Operands};
use super::memory::Mover;
use super::path::{Run, Wish};
use super::rows::{self, Rows};
use super::run::{Act, Job, Place};
use super::sheet::{Move, Sheet};
use super::walk::Block;
use super::way::Way;
use crate::dtype::{DType, Overflow};
use crate::engine::Numeric;
use crate::engine::plan::{Loop, Plan};

/// A call of a loop, and how far its first scalars lie from the places that a job is done for.
#[derive(Clone, Copy)]
pub struct Ready {
    at: [isize; 2],
    call: Call,
}

/// What is called, and with what; distances in bytes.
#[derive(Clone, Copy)]
enum Call {
    /// Adjacent bytes are copied.
    Bytes(usize),
    /// Rows of so many bytes are copied in three loops, the first one innermost.
    Rows { copy: Rows, bytes: usize, source: [isize; 3], target: [isize; 3], counts: [usize; 3] },
    /// Adjacent numbers are converted.
    Numbers { run: Convert, count: usize, with: Operands },
    /// The rows of a sheet become columns.
    Sheet { run: Move, sheet: Sheet },
    /// Rows are filled with one word each.
    Fill { run: Fill, rows: fill::Job },
}

impl Ready {
    /// The call that does `job` for `plan`; nothing where it takes several, or the caller's coefficients.
    pub fn of(plan: &Plan, job: &Job) -> Option<Self> {
        let call = match &job.act {
            Act::Move(mover) => copy(plan, job, *mover),
            Act::Convert(run, Coefficients { scale: [], bias: [] }) => numbers(plan, job, run),
            Act::Convert(..) => None,
        }?;
        let at = match &call {
            Call::Sheet { sheet, .. } => [sheet.from.addr(), sheet.to.addr()].map(|at| at as isize),
            _ => [plan.source, plan.target].map(bytes),
        };
        Some(Self { at, call })
    }

    /// The call that brings `count` adjacent elements of one type, each a scalar in whole bytes, to adjacent ones of
    /// another, from the first to the first; nothing where it takes several, or is more than a copy or a conversion.
    pub fn of_run([source, target]: [DType; 2], count: usize, overflow: Overflow) -> Option<Self> {
        if source == target {
            return Some(Self { at: [0; 2], call: Call::Bytes(count * source.item_size()) });
        }
        let (from, to) = (Numeric::of(source)?, Numeric::of(target)?);
        if from.complex || to.complex || source.is_swapped() || target.is_swapped() {
            return None;
        }
        let run = Run::new(from, to, Wish { overflow, ..Wish::default() }, Isa::chosen());
        let (run, times, with) = run.one_loop(count)?;
        Some(Self { at: [0; 2], call: Call::Numbers { run, count: count * times, with } })
    }

    /// Does it.
    ///
    /// # Safety
    /// As for [`Job::run`], with the plan that this was made for.
    #[inline]
    pub unsafe fn run(&self, source: *const u8, target: *mut u8) {
        let (from, to) = (source.wrapping_offset(self.at[0]), target.wrapping_offset(self.at[1]));
        // SAFETY: as the caller promises: the scalars of the plan, in the loops that were picked for them.
        unsafe {
            match &self.call {
                Call::Bytes(count) => to.copy_from_nonoverlapping(from, *count),
                Call::Numbers { run, count, with } => run(from, to, *count, with),
                Call::Sheet { run, sheet } => run.run(&Sheet { from, to, ..*sheet }),
                Call::Fill { run, rows } => run(&fill::Job { from, to, ..*rows }),
                Call::Rows {
                    copy,
                    bytes,
                    source: [s, t, far],
                    target: [u, v, away],
                    counts: [n, m, times],
                } => {
                    for k in 0..*times as isize {
                        let (from, to) = (from.offset(k * far), to.offset(k * away));
                        copy(from, [*s, *t], to, [*u, *v], *bytes, [*n, *m]);
                    }
                }
            }
        }
    }
}

fn bytes(bits: i64) -> isize {
    (bits >> 3) as isize
}

/// A copy in one call.
fn copy(plan: &Plan, job: &Job, mover: Mover) -> Option<Call> {
    let size = job.source.bytes();
    let is_word = matches!(mover, Mover::Word(_));
    match job.way {
        _ if plan.loops.is_empty() && is_word => Some(Call::Bytes(size)),
        Way::Rows { streams: false } => {
            let row = plan.loops[0].extent as usize * size;
            if plan.loops.len() == 1 { Some(Call::Bytes(row)) } else { rows(&plan.loops[1..], row) }
        }
        Way::Words { streams: false } => rows(&plan.loops, size),
        Way::Blocks { .. } if is_word && plan.count() < FEW => rows(&plan.loops, size),
        Way::Sheets(turn) if plan.loops.len() == 2 => {
            let target = Place { base: std::ptr::null_mut(), cell: job.target };
            let sheet = turn.sheet(&Block::plane(plan), std::ptr::null(), target)?;
            turn.in_one_call().ok().map(|run| Call::Sheet { run, sheet })
        }
        Way::Fill { streams: false } if plan.loops.len() <= 2 => {
            let run = fill::pick(mover, Isa::chosen())?;
            Some(Call::Fill { run, rows: fill::Job::of(plan, job.target.bytes()) })
        }
        _ => None,
    }
}

/// Fewer words are moved one by one.
const FEW: usize = 32;

/// Rows of so many bytes in up to three loops, a long one innermost.
fn rows(loops: &[Loop], bytes: usize) -> Option<Call> {
    let mut three = [Loop::ONCE; 3];
    three.get_mut(..loops.len())?.copy_from_slice(loops);
    three.sort_by_key(|l| std::cmp::Reverse(l.extent.min(ENOUGH)));
    let side = |distance: fn(&Loop) -> i64| three.each_ref().map(|l| self::bytes(distance(l)));
    Some(Call::Rows {
        copy: rows::pick(bytes, Isa::chosen()),
        bytes,
        source: side(|l| l.source),
        target: side(|l| l.target),
        counts: three.map(|l| l.extent as usize),
    })
}

/// So many rows are worth a loop.
const ENOUGH: i64 = 16;

/// A conversion in one call.
fn numbers(plan: &Plan, job: &Job, run: &Run) -> Option<Call> {
    let is_run = |l: &Loop| (l.source, l.target) == (job.source.stride(), job.target.stride());
    let count = match &*plan.loops {
        [] => 1,
        [l] if is_run(l) => l.extent as usize,
        _ => return None,
    };
    if job.source.packed || job.target.packed {
        return None;
    }
    let (run, times, with) = run.one_loop(count)?;
    Some(Call::Numbers { run, count: count * times, with })
}
