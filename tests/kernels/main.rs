//! The CUDA kernels, compiled for the host, against one element at a time: bit for bit, over every value of types of up to 16 bits,
//! and over layouts at the edges of tiles, lots and blocks.
#![cfg(all(unix, target_endian = "little", target_pointer_width = "64"))]

mod casts;
mod equality;
mod gpu;
mod numbers;
mod params;
mod sheets;
mod types;
mod words;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E3779B97F4A7C15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58476D1CE4E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D049BB133111EB);
        x ^ (x >> 31)
    }

    fn below(&mut self, n: i64) -> i64 {
        (self.next() % n as u64) as i64
    }

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
