//! The CUDA kernels, compiled for the host, against one element at a time: bit for bit, over every value of types of up to 16 bits,
//! and over layouts at the edges of tiles, lots and blocks.
#![cfg(all(unix, target_endian = "little", target_pointer_width = "64"))]

mod casts;
mod equality;
mod gpu;
mod numbers;
#[path = "../../src/engine/cuda/params.rs"]
mod params;
mod ptx;
#[path = "../../src/engine/tests/random.rs"]
mod random;
mod sheets;
mod types;
mod words;

use params::{Divisor, LOOPS, Walk};
use random::Random;

impl Random {
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as i64) as usize]
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.next() as u8);
    }
}

/// A loop of a walk: how often, and how far each turn moves.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Turn {
    extent: i64,
    source: i64,
    target: i64,
    step: i64,
}

/// Such loops as kernels are told them, and nonsense behind the last.
fn walk(loops: &[Turn]) -> Walk {
    let none = params::Loop { extent: Divisor::new(1), step: 0x5555, source: 0x5555, target: 0x5555 };
    let count = loops.iter().map(|l| l.extent).product::<i64>() as u32;
    let mut walk = Walk { count, loops: loops.len() as u32, each: [none; LOOPS] };
    for (to, l) in walk.each.iter_mut().zip(loops) {
        let extent = Divisor::new(l.extent as u32);
        *to = params::Loop { extent, step: l.step as i32, source: l.source, target: l.target };
    }
    walk
}

/// Source, target and factor of every item of loops, innermost first.
fn items(loops: &[Turn]) -> Vec<[i64; 3]> {
    let mut all = vec![[0; 3]];
    for l in loops.iter().rev() {
        let turn = |at: &[i64; 3], n: i64| [at[0] + n * l.source, at[1] + n * l.target, at[2] + n * l.step];
        all = all.iter().flat_map(|at| (0..l.extent).map(move |n| turn(at, n))).collect();
    }
    all
}

/// Loops of such extents: the source has them in any order, with gaps, backwards or again and again, the target in order, with gaps
/// or backwards. Distances are multiples of `unit`; adjacent items of the target are one unit apart. Also the first place and the
/// room of both sides.
fn random_loops(random: &mut Random, extents: &[i64], unit: i64) -> (Vec<Turn>, [i64; 2], [i64; 2]) {
    let mut loops: Vec<Turn> = extents
        .iter()
        .map(|&extent| Turn { extent, source: 0, target: 0, step: random.below(3) - 1 })
        .collect();
    let (mut first, mut room) = ([0; 2], [unit; 2]);
    let mut order: Vec<usize> = (0..loops.len()).collect();
    if random.below(2) == 0 {
        (1..order.len()).for_each(|i| order.swap(i, random.below(i as i64 + 1) as usize));
    }
    for side in [0, 1] {
        for i in 0..loops.len() {
            let l = &mut loops[if side == 0 { order[i] } else { i }];
            let gap = [0, 0, 0, 1, 2][random.below(5) as usize] * unit;
            let mut stride = room[side] + gap;
            if side == 0 && random.below(6) == 0 {
                stride = 0;
            }
            let far = (l.extent - 1) * stride;
            if random.below(4) == 0 {
                (stride, first[side]) = (-stride, first[side] + far);
            }
            room[side] += far;
            if side == 0 { l.source = stride } else { l.target = stride }
        }
    }
    (loops, first, room)
}
