//! What the accesses of a launch would cost on a GPU: lanes of a warp that execute an instruction together make one request,
//! which takes as many turns as it touches sectors of memory, or as its lanes meet in a bank of shared memory.
//!
//! Threads run one after another here. So each notes what it touches, and what the lanes of a warp did at the same instruction
//! for the same time is put together afterwards.

use std::collections::{BTreeMap, BTreeSet};

/// One access of one thread.
#[derive(Clone, Copy)]
pub(super) struct Touch {
    /// The instruction.
    pub at: u32,
    pub thread: u32,
    pub shared: bool,
    pub address: usize,
    pub bytes: u8,
}

/// What requests took, and what they would take at best.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Traffic {
    /// Sectors of 32 bytes of the device's memory, counted anew for each request.
    pub sectors: u64,
    /// As many as the bytes fill that were asked for.
    pub best_sectors: u64,
    /// Turns of shared memory, which serves one word of 4 bytes from each of its 32 banks in each.
    pub turns: u64,
    /// As many as the bytes take that were asked for.
    pub best_turns: u64,
}

impl Traffic {
    /// Adds what a block did.
    pub(super) fn add(&mut self, touches: &[Touch]) {
        let mut times = BTreeMap::<(u32, u32), u32>::new();
        let mut requests = BTreeMap::<(u32, u32, u32), Vec<Touch>>::new();
        for touch in touches {
            let time = times.entry((touch.at, touch.thread)).or_default();
            requests.entry((touch.at, touch.thread / 32, *time)).or_default().push(*touch);
            *time += 1;
        }
        for lanes in requests.values_mut() {
            lanes.sort_by_key(|lane| lane.thread);
            if lanes[0].shared { self.add_shared(lanes) } else { self.add_global(lanes) }
        }
    }

    fn add_global(&mut self, lanes: &[Touch]) {
        let units = |unit: usize| {
            let of = |lane: &Touch| lane.address / unit..=(lane.address + lane.bytes as usize - 1) / unit;
            lanes.iter().flat_map(of).collect::<BTreeSet<usize>>().len() as u64
        };
        self.sectors += units(32);
        self.best_sectors += units(1).div_ceil(32);
    }

    /// Wide accesses are served in groups of as many lanes as 128 bytes suffice for.
    fn add_shared(&mut self, lanes: &[Touch]) {
        let group = (128 / (lanes[0].bytes as usize).max(4)) as u32;
        for lanes in lanes.chunk_by(|a, b| a.thread / group == b.thread / group) {
            let mut banks = BTreeMap::<usize, BTreeSet<usize>>::new();
            for lane in lanes {
                for word in lane.address / 4..(lane.address + lane.bytes as usize).div_ceil(4) {
                    banks.entry(word % 32).or_default().insert(word);
                }
            }
            self.turns += banks.values().map(BTreeSet::len).max().unwrap_or(0) as u64;
            self.best_turns += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a warp's request takes whose lanes touch these addresses.
    fn request(shared: bool, bytes: u8, address: fn(usize) -> usize) -> Traffic {
        let touches: Vec<Touch> = (0..32)
            .map(|lane| Touch { at: 0, thread: lane, shared, address: address(lane as usize), bytes })
            .collect();
        let mut traffic = Traffic::default();
        traffic.add(&touches);
        traffic
    }

    #[test]
    fn sectors_are_those_that_lanes_touch() {
        let sectors = |bytes, address| request(false, bytes, address).sectors;
        assert_eq!(sectors(4, |lane| 4 * lane), 4);
        assert_eq!(sectors(16, |lane| 16 * lane), 16);
        assert_eq!(sectors(4, |lane| 4 * lane + 16), 5);
        assert_eq!(sectors(4, |lane| 1024 * lane), 32);
        assert_eq!(sectors(1, |_| 7), 1);
        let spread = request(false, 4, |lane| 1024 * lane);
        assert_eq!((spread.best_sectors, spread.turns), (4, 0));
    }

    #[test]
    fn lanes_that_want_other_words_of_a_bank_wait_for_each_other() {
        let turns = |bytes, address| request(true, bytes, address).turns;
        assert_eq!(turns(4, |lane| 4 * lane), 1);
        assert_eq!(turns(4, |lane| 4 * 33 * lane), 1);
        assert_eq!(turns(4, |lane| 128 * lane), 32);
        assert_eq!(turns(4, |_| 0), 1);
        assert_eq!(turns(1, |lane| lane), 1);
        assert_eq!(turns(2, |lane| 64 * 2 * lane), 32);
        assert_eq!(turns(8, |lane| 8 * lane), 2);
        assert_eq!(turns(16, |lane| 16 * lane), 4);
        assert_eq!(turns(16, |lane| 256 * lane), 32);
    }

    #[test]
    fn turns_of_a_loop_are_requests_of_their_own() {
        let touch = |thread, address| Touch { at: 3, thread, shared: false, address, bytes: 4 };
        let mut traffic = Traffic::default();
        traffic.add(&[touch(0, 0), touch(0, 64), touch(1, 4), touch(1, 68), touch(40, 8)]);
        assert_eq!((traffic.sectors, traffic.best_sectors), (3, 3));
    }
}
