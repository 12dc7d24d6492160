//! Rows become columns.

use crate::gpu::{blocks, launch};
use crate::params::{Divisor, Transpose, Walk};
use crate::words::Memory;
use crate::{Random, Turn, items};

/// Sheets of `size` bytes an element: so many, how far apart, and the pitches.
pub struct Sheets {
    pub shape: [i64; 2],
    pub pitches: [i64; 2],
    pub batch: Turn,
    pub room: [i64; 2],
}

impl Sheets {
    /// `shape` is rows and columns; elements of both sides have such sizes, pitches such multiples.
    pub fn new(random: &mut Random, shape: [i64; 2], sizes: [i64; 2], units: [i64; 2], gaps: bool) -> Self {
        let [rows, columns] = shape;
        let mut gap = |unit: i64| if gaps { random.below(3) * unit } else { 0 };
        let up = |bytes: i64, unit: i64| (bytes + unit - 1) / unit * unit;
        let pitches =
            [up(columns * sizes[0], units[0]) + gap(units[0]), up(rows * sizes[1], units[1]) + gap(units[1])];
        let apart = [pitches[0] * rows + gap(units[0]), pitches[1] * columns + gap(units[1])];
        let extent = 1 + random.below(3);
        let batch = Turn { extent, source: apart[0], target: apart[1], step: random.below(3) - 1 };
        Self { shape, pitches, batch, room: apart.map(|bytes| bytes * extent) }
    }

    /// Source, target, and row, column and sheet of every element.
    pub fn elements(&self, sizes: [i64; 2]) -> Vec<([usize; 2], [i64; 3])> {
        let mut all = Vec::new();
        for [from, to, sheet] in items(&[Turn { step: 1, ..self.batch }]) {
            for row in 0..self.shape[0] {
                for column in 0..self.shape[1] {
                    let source = from + row * self.pitches[0] + column * sizes[0];
                    let target = to + column * self.pitches[1] + row * sizes[1];
                    all.push(([source as usize, target as usize], [row, column, sheet]));
                }
            }
        }
        all
    }

    /// What kernels are told, and the blocks of tiles of so many columns and rows.
    pub fn params(&self, ends: [u64; 2], [wide, high]: [i64; 2]) -> (Transpose, i64) {
        let [rows, columns] = self.shape;
        let tiles = [blocks(columns, wide), blocks(rows, high)];
        let [across, down] = tiles.map(Divisor::new);
        let [wide, high] = [wide, high].map(Divisor::new);
        let params = Transpose {
            source: ends[0],
            target: ends[1],
            source_pitch: self.pitches[0],
            target_pitch: self.pitches[1],
            rows: rows as u32,
            columns: columns as u32,
            across,
            down,
            wide,
            high,
            swap: 1,
            spare: 0,
            walk: Walk::new(&[self.batch]),
        };
        (params, tiles[0] * tiles[1] * self.batch.extent)
    }
}

fn check(random: &mut Random, name: &str, sheets: &Sheets, size: i64, tile: [i64; 2], swap: u32) {
    let mut source = Memory::new(random, sheets.room[0] as usize, 0);
    let mut target = Memory::new(random, sheets.room[1] as usize, 0);
    let mut expected = target.copy();
    for ([from, to], _) in sheets.elements([size; 2]) {
        let word = &source.words()[from..from + size as usize];
        let word: Vec<u8> = word.chunks(swap as usize).flat_map(|unit| unit.iter().rev().copied()).collect();
        expected.words()[to..to + size as usize].copy_from_slice(&word);
    }
    let (params, blocks) = sheets.params([source.at(0), target.at(0)], tile);
    launch(name, &Transpose { swap, ..params }, blocks);
    assert!(target.everything() == expected.everything(), "{name}: {:?} in tiles of {tile:?}", sheets.shape);
}

fn swap(random: &mut Random, size: i64) -> u32 {
    1 << random.below(i64::from(size.ilog2()) + 1)
}

const EDGES: [i64; 16] = [1, 2, 3, 5, 16, 31, 32, 33, 63, 64, 65, 127, 128, 129, 130, 200];

#[test]
fn sheets_of_any_extents_are_transposed() {
    let mut random = Random(4);
    for (size, edge) in [(1, 64), (2, 64), (4, 64), (8, 32), (16, 32)] {
        for _ in 0..40 {
            let shape = [random.pick(&EDGES), random.pick(&EDGES)];
            let sheets = Sheets::new(&mut random, shape, [size; 2], [size; 2], true);
            let swap = swap(&mut random, size);
            check(&mut random, &format!("trans_{size}"), &sheets, size, [edge; 2], swap);
        }
    }
}

#[test]
fn aligned_sheets_are_transposed_by_vectors() {
    let mut random = Random(5);
    for (size, edge, lot, unit) in [(1, 128, 8, 8), (2, 128, 8, 16), (4, 64, 4, 16), (8, 32, 2, 16)] {
        for _ in 0..40 {
            let shape = [0; 2].map(|_| lot * random.pick(&[1, 2, 3, 15, 16, 17, 31, 32, 33]));
            let sheets = Sheets::new(&mut random, shape, [size; 2], [unit; 2], true);
            let swap = swap(&mut random, size);
            check(&mut random, &format!("transv_{size}"), &sheets, size, [edge; 2], swap);
        }
    }
}

#[test]
fn narrow_sheets_are_transposed_in_tiles_of_any_shape() {
    let mut random = Random(6);
    for size in [1, 2, 4, 8, 16] {
        for round in 0..40 {
            let mut shape = [1 + random.below(40), random.pick(&EDGES) * 7];
            let most = 2048;
            let mut tile = [1 + random.below(shape[0]), 1];
            tile[1] = random.pick(&[1, 2, 31, 32, 64, most / (tile[0] | 1)]).clamp(1, most / (tile[0] | 1));
            // `tile` is the narrow side and the long one; either may be that of the columns.
            if round % 2 == 0 {
                shape.swap(0, 1);
            } else {
                let high = tile[0];
                tile = [(most / high - 1).min(tile[1]).max(1), high];
            }
            let sheets = Sheets::new(&mut random, shape, [size; 2], [size; 2], round % 3 != 0);
            let swap = swap(&mut random, size);
            check(&mut random, &format!("tile_{size}"), &sheets, size, tile, swap);
        }
    }
}
