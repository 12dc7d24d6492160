//! Copies and fills.

use crate::gpu::{blocks, launch};
use crate::params::{Copy, Fill, Walk};
use crate::{Random, Turn, items, random_loops};

/// Words between bytes that must stay as they are, aligned to 16 bytes and so many more.
pub struct Memory {
    all: Vec<u128>,
    pub bytes: usize,
    shift: usize,
}

impl Memory {
    pub fn new(random: &mut Random, bytes: usize, shift: usize) -> Self {
        let mut memory = Self { all: vec![0; (bytes + shift) / 16 + 3], bytes, shift };
        random.fill(memory.everything());
        memory
    }

    pub fn copy(&self) -> Self {
        Self { all: self.all.clone(), ..*self }
    }

    pub fn everything(&mut self) -> &mut [u8] {
        let count = self.all.len() * 16;
        // SAFETY: plain numbers, as bytes.
        unsafe { std::slice::from_raw_parts_mut(self.all.as_mut_ptr().cast(), count) }
    }

    /// Those that words lie in.
    pub fn words(&mut self) -> &mut [u8] {
        let (start, count) = (16 + self.shift, self.bytes);
        &mut self.everything()[start..start + count]
    }

    /// The address of one of them.
    pub fn at(&mut self, byte: i64) -> u64 {
        self.words().as_mut_ptr() as u64 + byte as u64
    }
}

pub const EDGES: [i64; 18] = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 257];

/// Up to eight extents whose product is no more than a few thousand.
fn extents(random: &mut Random, rank: i64) -> Vec<i64> {
    let mut left = 6000;
    (0..rank)
        .map(|_| {
            let extent = random.pick(&EDGES).min(left);
            left /= extent;
            extent
        })
        .collect()
}

fn reversed(word: &[u8], unit: usize) -> Vec<u8> {
    word.chunks(unit).flat_map(|unit| unit.iter().rev().copied()).collect()
}

#[test]
fn words_of_any_size_in_any_loops_and_byte_order_are_copied() {
    let mut random = Random(1);
    for round in 0..400 {
        let size = [1, 2, 4, 8, 16][round % 5];
        let rank = random.below(9);
        let extents = extents(&mut random, rank);
        let (loops, first, room) = random_loops(&mut random, &extents, size);
        let swap = 1 << random.below(i64::from(size.ilog2()) + 1);
        let mut source = Memory::new(&mut random, room[0] as usize, 0);
        let mut target = Memory::new(&mut random, room[1] as usize, 0);
        let mut expected = target.copy();
        for [from, to, _] in items(&loops) {
            let [from, to] = [from + first[0], to + first[1]].map(|at| at as usize);
            let word = reversed(&source.words()[from..from + size as usize], swap as usize);
            expected.words()[to..to + size as usize].copy_from_slice(&word);
        }
        let walk = Walk::new(&loops);
        let params =
            Copy { source: source.at(first[0]), target: target.at(first[1]), step: 0, swap, spare: 0, walk };
        launch(&format!("copy_{size}"), &params, blocks(walk.count.into(), 1024));
        assert!(target.everything() == expected.everything(), "copy_{size} by {swap}: {loops:?}");
    }
}

#[test]
fn elements_that_lie_apart_are_gathered() {
    let mut random = Random(2);
    for round in 0..300 {
        let size = [1i64, 2, 4, 8][round % 4];
        let (lot, swap) = (16 / size, 1 << random.below(i64::from(size.ilog2()) + 1));
        let step = size * [0, -1, 1, 2, -3, 7][random.below(6) as usize];
        let (count, rows) = (random.pick(&[1, 2, 31, 255, 256, 257, 600]), 1 + random.below(4));
        let row = (count * lot - 1) * step.abs() + size;
        let inner = Turn { extent: count, source: step * lot, target: 16, step: 0 };
        let outer = Turn { extent: rows, source: row + size, target: count * 16 + 32, step: 0 };
        let first = if step < 0 { row - size } else { 0 };
        let shift = if random.below(2) == 0 { 0 } else { size };
        let mut source = Memory::new(&mut random, ((row + size) * rows) as usize, shift as usize);
        let mut target = Memory::new(&mut random, (rows * outer.target) as usize, 0);
        let mut expected = target.copy();
        for [from, to, _] in items(&[inner, outer]) {
            for i in 0..lot {
                let (from, to) = ((from + first + i * step) as usize, (to + i * size) as usize);
                let word = reversed(&source.words()[from..from + size as usize], swap as usize);
                expected.words()[to..to + size as usize].copy_from_slice(&word);
            }
        }
        let walk = Walk::new(&[inner, outer]);
        let params = Copy { source: source.at(first), target: target.at(0), step, swap, spare: 0, walk };
        launch(&format!("gather_{size}"), &params, blocks(walk.count.into(), 512));
        assert!(
            target.everything() == expected.everything(),
            "gather_{size} by {step}, order {swap}, {count} x {rows}"
        );
    }
}

#[test]
fn one_word_is_written_everywhere() {
    let mut random = Random(3);
    for round in 0..100 {
        let size = [1usize, 2, 4, 8, 16][round % 5];
        let rank = random.below(9);
        let extents = extents(&mut random, rank);
        let (loops, first, room) = random_loops(&mut random, &extents, size as i64);
        let mut word = [0u8; 16];
        random.fill(&mut word[..size]);
        let value: Vec<u8> = word[..size].iter().copied().cycle().take(16).collect();
        let half = |i: usize| u64::from_le_bytes(value[8 * i..8 * i + 8].try_into().expect("eight bytes"));
        let mut target = Memory::new(&mut random, room[1] as usize, 0);
        let mut expected = target.copy();
        for [_, to, _] in items(&loops) {
            let to = (to + first[1]) as usize;
            expected.words()[to..to + size].copy_from_slice(&word[..size]);
        }
        let walk = Walk::new(&loops);
        let params = Fill { target: target.at(first[1]), value: [half(0), half(1)], spare: 0, walk };
        launch(&format!("fill_{size}"), &params, blocks(walk.count.into(), 1024));
        assert!(target.everything() == expected.everything(), "fill_{size}: {loops:?}");
    }
}
