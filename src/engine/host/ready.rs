//! Small jobs with nothing left to find out: what is done again and again takes one call of its loop.

use std::ptr;

use super::braid::{self, Braid};
use super::factors::Coefficients;
use super::fill::{self, Fill};
use super::isa::Isa;
use super::kernel::{Loop as Convert, Operands};
use super::memory::Mover;
use super::path::{Run, Wish};
use super::rows::{self, Rows};
use super::run::{Act, Job, Place};
use super::sheet::{Move, Sheet, Turn};
use super::transpose::Transposer;
use super::walk::Block;
use super::way::Way;
use crate::dtype::{DType, Overflow};
use crate::engine::Numeric;
use crate::engine::plan::{Loop, Plan, Side};
use crate::layout::sort_by_key;

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
            Act::Move(mover) => match &job.way {
                Way::Sheets(turn) if plan.loops.len() == 2 => return transposition(plan, job, turn),
                _ => copy(plan, job, *mover),
            },
            Act::Convert(run, Coefficients { scale: [], bias: [] }) => numbers(plan, job, run),
            Act::Convert(..) => None,
        }?;
        Some(Self { at: [plan.source, plan.target].map(bytes), call })
    }

    /// The call that brings `count` adjacent elements of one type, each a scalar in whole bytes, to adjacent ones of
    /// another, from the first to the first; nothing where it takes several, or is more than a copy or a conversion.
    pub fn of_run([source, target]: [DType; 2], count: usize, overflow: Overflow) -> Option<Self> {
        if source == target {
            return Some(Self { at: [0; 2], call: run(count * source.item_size()) });
        }
        let (from, to) = (Numeric::of(source)?, Numeric::of(target)?);
        if from.complex || to.complex || source.is_swapped() || target.is_swapped() {
            return None;
        }
        let run = Run::new(from, to, Wish { overflow, ..Wish::default() }, Isa::chosen());
        let (run, times, with) = run.one_loop(count)?;
        Some(Self { at: [0; 2], call: Call::Numbers { run, count: count * times, with } })
    }

    /// The call that moves words of `size` bytes from these strides to those; nothing where that takes several, or
    /// another way may be faster.
    pub fn of_words(shape: &[i64], [source, target]: [&[i64]; 2], size: usize) -> Option<Self> {
        let lane = size as i64 * 8;
        let side = |strides| Side { strides, offset: 0, element: lane, lane, part: 0 };
        let mut plan = Plan::ONE;
        if !plan.become_new(shape, &side(source), &side(target), 1, None).ok()? {
            return None;
        }
        let call = match &*plan.loops {
            [] => Call::Bytes(size),
            [row, outer @ ..] if (row.source, row.target) == (lane, lane) => match row.extent as usize * size
            {
                bytes if outer.is_empty() => run(bytes),
                bytes @ LONG.. => rows(outer, bytes)?,
                _ => return None,
            },
            [inner, outer] if size >= 4 && inner.extent.min(outer.extent) > 4 => {
                let plane = Block::plane(&plan);
                let (from, to) = (plane.source(ptr::null()), plane.target(ptr::null_mut()));
                let sheet = Sheet::between(from, to, plane.counts, [size; 2])?;
                let tiles = Transposer::new(size, Isa::chosen())?;
                return Some(Self::of_sheet(Move::Tiles(tiles), sheet));
            }
            _ => return None,
        };
        Some(Self { at: [plan.source, plan.target].map(bytes), call })
    }

    /// The same so many bytes further on both sides.
    pub fn moved(self, bytes: [isize; 2]) -> Self {
        Self { at: [self.at[0].wrapping_add(bytes[0]), self.at[1].wrapping_add(bytes[1])], ..self }
    }

    /// The call that moves the words of a sheet.
    fn of_sheet(run: Move, sheet: Sheet) -> Self {
        Self {
            at: [sheet.from.addr(), sheet.to.addr()].map(|at| at as isize),
            call: Call::Sheet { run, sheet },
        }
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

/// Adjacent bytes.
fn run(bytes: usize) -> Call {
    if bytes < rows::LONG {
        return Call::Bytes(bytes);
    }
    let copy = rows::pick(bytes, Isa::chosen());
    Call::Rows { copy, bytes, source: [0; 3], target: [0; 3], counts: [1; 3] }
}

/// Rows of fewer bytes may be shuffled faster than they are moved one by one.
const LONG: usize = 16;

/// A copy in one call.
fn copy(plan: &Plan, job: &Job, mover: Mover) -> Option<Call> {
    let size = job.source.bytes();
    let is_word = matches!(mover, Mover::Word(_));
    match job.way {
        _ if plan.loops.is_empty() && is_word => Some(Call::Bytes(size)),
        Way::Rows { streams: false } => {
            let row = plan.loops[0].extent as usize * size;
            if plan.loops.len() == 1 { Some(run(row)) } else { rows(&plan.loops[1..], row) }
        }
        Way::Words { streams: false } => rows(&plan.loops, size),
        Way::Fill { streams: false } if plan.loops.len() <= 2 => {
            let rows = fill::Job::of(plan, mover)?;
            Some(Call::Fill { run: fill::pick(rows.size, Isa::chosen()), rows })
        }
        _ if is_word && plan.count() <= FEW => rows(&plan.loops, size),
        _ => None,
    }
}

/// A sheet in one call.
fn transposition(plan: &Plan, job: &Job, turn: &Turn) -> Option<Ready> {
    let target = Place { base: ptr::null_mut(), cell: job.target };
    let sheet = turn.sheet(&Block::plane(plan), ptr::null(), target)?;
    let run = turn.in_one_call().ok()?;
    Some(Ready::of_sheet(run, sheet))
}

/// So few words are moved one by one before a call is looked for that moves groups of them.
const FEW: usize = 64;

/// Rows of so many bytes in up to three loops, a long one innermost.
fn rows(loops: &[Loop], bytes: usize) -> Option<Call> {
    let mut order = [0, 1, 2];
    order.get(..loops.len())?;
    let get = |i: usize| loops.get(i).unwrap_or(&Loop::ONCE);
    sort_by_key(&mut order, |i| std::cmp::Reverse(get(*i).extent.min(ENOUGH)));
    Some(Call::Rows {
        copy: rows::pick(bytes, Isa::chosen()),
        bytes,
        source: order.map(|i| self::bytes(get(i).source)),
        target: order.map(|i| self::bytes(get(i).target)),
        counts: order.map(|i| get(i).extent as usize),
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

/// Small groups of words with nothing left to find out. A table of shuffles takes much more room than a [`Ready`] call.
#[derive(Clone, Copy)]
pub struct Shuffle {
    at: [isize; 2],
    braid: Braid,
    job: braid::Job,
}

impl Shuffle {
    /// The shuffles that do `job` for `plan`; nothing where they take several calls, or it is none.
    pub fn of(plan: &Plan, job: &Job) -> Option<Self> {
        let Act::Move(mover) = job.act else { return None };
        let (Way::Groups { streams: false } | Way::Blocks { .. }) = job.way else { return None };
        let (braid, job) = mover.groups_at_once(&plan.loops)?;
        let first = [job.from.addr(), job.to.addr()].map(|at| at as isize);
        Some(Self { at: [bytes(plan.source) + first[0], bytes(plan.target) + first[1]], braid, job })
    }

    /// The same so many bytes further on both sides.
    pub fn moved(self, bytes: [isize; 2]) -> Self {
        Self { at: [self.at[0].wrapping_add(bytes[0]), self.at[1].wrapping_add(bytes[1])], ..self }
    }

    /// Does it.
    ///
    /// # Safety
    /// As for [`Job::run`], with the plan that this was made for.
    pub unsafe fn run(&mut self, source: *const u8, target: *mut u8) {
        self.job.from = source.wrapping_offset(self.at[0]);
        self.job.to = target.wrapping_offset(self.at[1]);
        // SAFETY: as the caller promises: the words of the plan.
        unsafe { self.braid.run_job(&self.job) }
    }
}
