//! The threads of a block, and where they meet.

use super::{
    code::{Code, NOISE},
    run::{Machine, Own, Stop},
    shared::Who,
    step::{Combine, Exchange, Shuffle, Slot, Vote, Wait},
};

const WARP: usize = 32;

/// The shape of a launch.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub grid: [u32; 3],
    pub block: [u32; 3],
}

#[derive(Clone, Copy)]
struct Thread {
    /// The instruction to go on with.
    at: usize,
    meeting: u32,
    stop: Option<Stop>,
}

/// Why a thread failed.
pub(super) struct Failure {
    pub thread: usize,
    pub line: u32,
    pub what: String,
}

/// The threads of the block that runs. Where no thread waits for another they share one set of slots.
pub(super) struct Block<'a> {
    code: &'a Code,
    shape: Shape,
    threads: Vec<Thread>,
    slots: Vec<u64>,
    local: Vec<u8>,
}

impl<'a> Block<'a> {
    pub(super) fn new(code: &'a Code, shape: Shape) -> Self {
        let threads = shape.block.iter().product::<u32>() as usize;
        let kept = if code.waits { threads } else { 1 };
        Self {
            code,
            shape,
            threads: vec![Thread { at: 0, meeting: 0, stop: None }; threads],
            slots: code.initial.repeat(kept),
            local: vec![0; code.local_bytes * kept],
        }
    }

    /// Runs the block `index`. The order of the threads turns round from one barrier to the next.
    pub(super) fn run(
        &mut self,
        machine: &mut Machine,
        index: [u32; 3],
        mut backwards: bool,
    ) -> Result<(), Failure> {
        machine.shared.renew();
        self.threads.fill(Thread { at: 0, meeting: 0, stop: None });
        let count = self.threads.len();
        if !self.code.waits {
            for turn in 0..count {
                let thread = if backwards { count - 1 - turn } else { turn };
                self.begin(thread, index);
                self.advance(machine, thread)?;
            }
            return Ok(());
        }
        (0..count).for_each(|thread| self.begin(thread, index));
        loop {
            for turn in 0..count {
                let thread = if backwards { count - 1 - turn } else { turn };
                if self.threads[thread].stop.is_none() {
                    self.advance(machine, thread)?;
                }
            }
            backwards = !backwards;
            if self.warps_meet()? {
                continue;
            }
            if self.threads.iter().all(|thread| matches!(thread.stop, Some(Stop::Exit))) {
                return Ok(());
            }
            self.block_meets()?;
            machine.shared.barrier();
        }
    }

    fn own(&self, thread: usize) -> usize {
        if self.code.waits { thread } else { 0 }
    }

    /// Puts a thread's slots as they are when it begins.
    fn begin(&mut self, thread: usize, index: [u32; 3]) {
        let own = self.own(thread);
        let (slots, local) = (self.code.initial.len(), self.code.local_bytes);
        let slots = &mut self.slots[own * slots..][..slots];
        slots.copy_from_slice(&self.code.initial);
        self.local[own * local..][..local].fill(NOISE as u8);
        let [x, y, z] = coordinates(thread, self.shape.block);
        let (lane, warp) = (thread % WARP, thread / WARP);
        let ([nx, ny, nz], [bx, by, bz], [gx, gy, gz]) = (self.shape.block, index, self.shape.grid);
        let told = [x, y, z, lane as u32, warp as u32, nx, ny, nz, bx, by, bz, gx, gy, gz];
        for (slot, value) in slots[1..].iter_mut().zip(told) {
            *slot = value.into();
        }
    }

    fn advance(&mut self, machine: &mut Machine, thread: usize) -> Result<(), Failure> {
        let own = self.own(thread);
        let (slots, local) = (self.code.initial.len(), self.code.local_bytes);
        let state = &mut self.threads[thread];
        let mut own = Own {
            slots: &mut self.slots[own * slots..][..slots],
            local: &mut self.local[own * local..][..local],
            who: Who { thread: thread as u32, meeting: state.meeting },
            at: state.at,
        };
        let stop = machine.run(&mut own, &mut state.at);
        match stop {
            Ok(stop) => state.stop = Some(stop),
            Err(what) => return Err(self.failure(thread, what)),
        }
        Ok(())
    }

    /// A failure at the instruction that a thread ran last.
    fn failure(&self, thread: usize, what: String) -> Failure {
        Failure { thread, line: self.line(thread), what }
    }

    fn line(&self, thread: usize) -> u32 {
        self.code.lines[self.threads[thread].at - 1]
    }

    fn get(&self, thread: usize, slot: Slot) -> u64 {
        self.slots[thread * self.code.initial.len() + slot as usize]
    }

    fn set(&mut self, thread: usize, slot: Slot, value: u64) {
        self.slots[thread * self.code.initial.len() + slot as usize] = value;
    }

    /// Lets all threads pass the barrier at which they wait.
    fn block_meets(&mut self) -> Result<(), Failure> {
        let waiting = |thread: &Thread| matches!(thread.stop, Some(Stop::Wait(Wait::Block { .. })));
        let Some(first) = self.threads.iter().position(waiting) else {
            let stuck = self.threads.iter().position(|thread| matches!(thread.stop, Some(Stop::Wait(_))));
            return Err(
                self.failure(stuck.unwrap_or(0), "waits for threads of its warp that do not come".into())
            );
        };
        let at = self.threads[first].at;
        if let Some(other) = self.threads.iter().position(|thread| !waiting(thread) || thread.at != at) {
            let does = match self.threads[other].stop {
                Some(Stop::Exit) => "has left the kernel",
                _ => "waits",
            };
            let coordinates = coordinates(other, self.shape.block);
            let line = self.line(other);
            let what = format!("waits at a barrier, but thread {coordinates:?} {does} at PTX line {line}");
            return Err(self.failure(first, what));
        }
        let Some(Stop::Wait(Wait::Block { combine, to, from, negate })) = self.threads[first].stop else {
            return Ok(());
        };
        let truth = |thread| (self.get(thread, from) & 1 == 1) != negate;
        let count = self.threads.len();
        let value = match combine {
            Combine::Nothing => None,
            Combine::All => Some(u64::from((0..count).all(truth))),
            Combine::Any => Some(u64::from((0..count).any(truth))),
            Combine::Count => Some((0..count).filter(|thread| truth(*thread)).count() as u64),
        };
        for thread in 0..count {
            self.threads[thread].stop = None;
            if let Some(value) = value {
                self.set(thread, to, value);
            }
        }
        Ok(())
    }

    /// Lets threads pass that wait for others of their warp which have come too. Says whether there were any.
    fn warps_meet(&mut self) -> Result<bool, Failure> {
        let mut any = false;
        for thread in 0..self.threads.len() {
            let Some(Stop::Wait(Wait::Warp { mask, exchange })) = self.threads[thread].stop else { continue };
            let at = self.threads[thread].at;
            let named = self.get(thread, mask) as u32;
            let warp = thread / WARP * WARP;
            if named >> (thread - warp) & 1 == 0 {
                return Err(self.failure(thread, format!("is not in the mask {named:#x} that it waits with")));
            }
            let members: Vec<usize> =
                (0..WARP).filter(|lane| named >> lane & 1 == 1).map(|lane| warp + lane).collect();
            let here = |member: &usize| {
                self.threads.get(*member).is_some_and(|other| {
                    let same = matches!(other.stop, Some(Stop::Wait(Wait::Warp { .. }))) && other.at == at;
                    same && self.get(*member, mask) as u32 == named
                })
            };
            if !members.iter().all(here) {
                continue;
            }
            self.exchange(&members, exchange);
            for member in members {
                self.threads[member].stop = None;
                self.threads[member].meeting += 1;
            }
            any = true;
        }
        Ok(any)
    }

    fn exchange(&mut self, members: &[usize], exchange: Exchange) {
        let results: Vec<(Slot, u64)> = match exchange {
            Exchange::Nothing => return,
            Exchange::Vote { vote, to, from, negate } => {
                let value = self.vote(members, vote, from, negate);
                members.iter().map(|_| (to, value)).collect()
            }
            Exchange::Reduce { function, to, from } => {
                let values = members.iter().map(|member| self.get(*member, from));
                let value = values.reduce(|a, b| function(a, b, 0, 0)).unwrap_or_default();
                members.iter().map(|_| (to, value)).collect()
            }
            Exchange::Shuffle { mode, to, inside, from, lane, clamp } => {
                let shuffled: Vec<(u64, u64)> = members
                    .iter()
                    .map(|member| {
                        let (lane, clamp) = (self.get(*member, lane), self.get(*member, clamp));
                        let (source, valid) =
                            source_lane(mode, *member % WARP, lane as usize, clamp as usize);
                        let source = member / WARP * WARP + source;
                        let value = if members.contains(&source) { self.get(source, from) } else { NOISE };
                        (value & 0xffff_ffff, u64::from(valid))
                    })
                    .collect();
                for (member, (_, valid)) in members.iter().zip(&shuffled) {
                    self.set(*member, inside, *valid);
                }
                shuffled.iter().map(|(value, _)| (to, *value)).collect()
            }
        };
        for (member, (slot, value)) in members.iter().zip(results) {
            self.set(*member, slot, value);
        }
    }

    fn vote(&self, members: &[usize], vote: Vote, from: Slot, negate: bool) -> u64 {
        let truth = |member: &&usize| (self.get(**member, from) & 1 == 1) != negate;
        let count = members.iter().filter(truth).count();
        match vote {
            Vote::All => u64::from(count == members.len()),
            Vote::Any => u64::from(count > 0),
            Vote::Uniform => u64::from(count == 0 || count == members.len()),
            Vote::Ballot => members.iter().filter(truth).fold(0, |all, member| all | 1 << (member % WARP)),
        }
    }
}

/// The lane that a shuffle reads from, and whether it is inside the segment; if not, it is the thread's own.
fn source_lane(mode: Shuffle, own: usize, by: usize, clamp: usize) -> (usize, bool) {
    let (by, clamp, segment) = (by & 31, clamp & 31, clamp >> 8 & 31);
    let last = own & segment | clamp & !segment;
    let (lane, valid) = match mode {
        Shuffle::Up => (own.wrapping_sub(by), own as isize - by as isize >= last as isize),
        Shuffle::Down => (own + by, own + by <= last),
        Shuffle::Butterfly => (own ^ by, own ^ by <= last),
        Shuffle::Index => {
            let lane = own & segment | by & !segment;
            (lane, lane <= last)
        }
    };
    (if valid { lane } else { own }, valid)
}

/// A thread's place in its block.
pub(super) fn coordinates(thread: usize, block: [u32; 3]) -> [u32; 3] {
    let thread = thread as u32;
    [thread % block[0], thread / block[0] % block[1], thread / block[0] / block[1]]
}
