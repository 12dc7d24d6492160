//! Conversions of many short loops whose target has no gaps: what becomes a run of the target is copied into a room of the
//! first-level cache, in whatever way suits a copy, and converted from there.

use std::mem::MaybeUninit;

use super::memory::Cell;
use super::panel::Put;
use super::patch::nest;
use super::run::Job;
use super::tour::places;
use crate::engine::plan::Plan;

/// Bytes of the room: half of a first-level cache.
const ROOM: usize = 16 << 10;

/// The innermost loops of a plan, as many as make a run of the target for which there is room.
pub struct Chunk {
    /// Those loops, the last one with as many turns as there is room for, from the source to the room.
    plan: Plan,
    /// Scalars of a chunk.
    scalars: usize,
    source: Cell,
}

impl Chunk {
    /// The chunk of a plan whose scalars are whole bytes and have the same coefficients; `None` where there is no run.
    pub fn of(plan: &Plan, source: Cell, target: Cell) -> Option<Self> {
        let source = Cell { swapped: false, ..source };
        if source.packed || target.packed || plan.loops.iter().any(|l| l.step != 0) {
            return None;
        }
        let most = (ROOM / source.bytes().max(target.bytes())) as i64;
        let (mut count, mut scalars) = (0, 1);
        let mut chunk = Plan { source: 0, target: 0, first: 0, ..plan.clone() };
        for l in chunk.loops.iter_mut() {
            let turns = (most / scalars).min(l.extent);
            if l.target != scalars * target.stride() || turns < l.extent.min(2) {
                break;
            }
            let is_cut = turns < l.extent;
            (l.extent, l.target) = (turns, scalars * source.stride());
            scalars *= turns;
            count += 1;
            if is_cut {
                break;
            }
        }
        chunk.loops.truncate(count);
        (count > 0).then_some(Self { plan: chunk, scalars: scalars as usize, source })
    }

    /// Scalars of a chunk.
    pub fn scalars(&self) -> usize {
        self.scalars
    }

    /// Brings all scalars of `plan`, for which the chunk was made, to `put`, in runs of the target.
    ///
    /// # Safety
    /// Every source scalar is readable, counted from `source`; `put` may do with the scalars and their places in the
    /// target what it does.
    pub unsafe fn each(mut self, plan: &Plan, source: *const u8, target: *mut u8, put: &mut Put) {
        let job = Job::to_copy(&self.plan, self.source, self.source);
        let mut room = Room(MaybeUninit::uninit());
        let room = room.0.as_mut_ptr().cast::<u8>();
        let last = self.plan.loops.len() - 1;
        let (whole, turns) = (plan.loops[last], self.plan.loops[last].extent);
        let inner = self.scalars / turns as usize;
        nest(&plan.loops[last + 1..], [plan.source, plan.target], &mut |at| {
            for i in (0..whole.extent).step_by(turns as usize) {
                let n = turns.min(whole.extent - i);
                self.plan.loops[last].extent = n;
                let (from, to) = places(source, target, [at[0] + i * whole.source, at[1] + i * whole.target]);
                // SAFETY: scalars of the plan; the room holds a chunk.
                unsafe { job.run(&self.plan, from, room) };
                put(room, to, inner * n as usize);
            }
        });
    }
}

/// Where scalars are between the source and the target.
#[repr(C, align(64))]
struct Room(MaybeUninit<[u8; ROOM]>);
