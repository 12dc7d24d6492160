//! Scalars of any type, also within bytes.

use ndferry::dtype::{Overflow, Scalar};

use crate::gpu::{blocks, launch};
use crate::params::{BITS, BYTES, Cast, Cell, RUN, Walk};
use crate::types::{self, Factor, code, expected, numbers, patterns};
use crate::words::Memory;
use crate::{Random, items, random_loops};

/// A side: a type, and how it lies.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub scalar: Scalar,
    pub packed: bool,
    pub swapped: bool,
    /// Of the first byte, at which the first scalar begins.
    pub bit: i64,
}

impl Form {
    pub fn random(random: &mut Random) -> Self {
        let scalar = random.pick(&types::all());
        let packed = scalar.bits() < 8 && random.below(3) > 0;
        let swapped = scalar.bits() > 8 && random.below(3) == 0;
        let bit = if packed { random.below(4) * i64::from(scalar.bits()) % 8 } else { 0 };
        Self { scalar, packed, swapped, bit }
    }

    pub fn unit(self) -> i64 {
        if self.packed { self.scalar.bits().into() } else { 8 * types::bytes(self.scalar) }
    }

    pub fn cell(self) -> Cell {
        let packed = if self.packed { BITS } else { BYTES };
        Cell { kind: code(self.scalar), packed, swapped: self.swapped.into(), bit: self.bit as u32 }
    }

    pub fn put(self, bytes: &mut [u8], at: i64, raw: u64) {
        if self.packed {
            for i in 0..i64::from(self.scalar.bits()) {
                let (byte, bit) = ((at + i) as usize / 8, (at + i) % 8);
                bytes[byte] = bytes[byte] & !(1 << bit) | ((raw >> i & 1) as u8) << bit;
            }
            return;
        }
        let (start, count) = (at as usize / 8, types::bytes(self.scalar) as usize);
        let word = &mut bytes[start..start + count];
        word.copy_from_slice(&raw.to_le_bytes()[..count]);
        if self.swapped {
            word.reverse();
        }
    }
}

/// So many bytes hold the bits.
pub fn room(bits: i64) -> usize {
    (bits as usize).div_ceil(8)
}

#[test]
fn scalars_of_any_type_packing_and_byte_order_become_those_of_any_other() {
    let mut random = Random(11);
    for round in 0..8000 {
        let [mut from, mut to] = [Form::random(&mut random), Form::random(&mut random)];
        if round % 4 == 0 {
            (from.scalar, from.packed, from.swapped) =
                (to.scalar, to.packed && round % 8 == 0, to.swapped && round % 8 == 0);
            from.bit = if from.packed { from.bit } else { 0 };
            from.bit -= if from.packed {
                from.bit % i64::from(from.scalar.bits() & !(from.scalar.bits() - 1))
            } else {
                0
            };
        }
        if to.packed && round % 3 == 0 {
            to.bit = random.below(4) * i64::from(to.scalar.bits()) % 8;
        }
        let values = patterns(from.scalar, 64, &mut random);
        let extents: Vec<i64> = (0..random.below(4)).map(|_| random.pick(&[2, 3, 5, 8, 17])).collect();
        let (mut loops, first, span) = random_loops(&mut random, &extents, 1);
        loops.iter_mut().for_each(|l| (l.source, l.target) = (l.source * from.unit(), l.target * to.unit()));
        let (mut start, mut bits) = (first, span);
        let run = to.packed && round % 2 == 0;
        for side in [0, 1] {
            let form = [from, to][side];
            (start[side], bits[side]) = (first[side] * form.unit(), span[side] * form.unit());
        }
        if run {
            start[1] = 0;
            bits[1] = extents.iter().product::<i64>() * to.unit();
            let mut stride = to.unit();
            for l in &mut loops {
                (l.target, stride) = (stride, stride * l.extent);
            }
        }
        let overflow = if random.below(2) == 0 { Overflow::Wrap } else { Overflow::Saturate };
        let is_scaled = random.below(3) == 0;
        let factor =
            is_scaled.then(|| Factor { scale: Some(random.below(90) as f64 / 7.1), bias: Some(-1.5) });
        let mut numbers = numbers(from.scalar, to.scalar, overflow, is_scaled);
        numbers.own.fill(factor.map_or([1.0, -0.0], |f| [f.scale.unwrap_or(1.0), f.bias.unwrap_or(-0.0)]));
        loops.iter_mut().for_each(|l| l.step = 0);
        // Both sides may begin at any byte; a packed one ends in a word of four.
        let mut source = Memory::new(&mut random, room(bits[0] + from.bit), 3);
        let mut target = Memory::new(&mut random, room(bits[1] + to.bit), if round % 5 == 0 { 1 } else { 0 });
        let mut naive = target.copy();
        let constant = random.below(16) == 0;
        let value = random.pick(&values);
        for [at, to_at, _] in items(&loops) {
            let (at, to_at) = (at + start[0] + from.bit, to_at + start[1] + to.bit);
            let raw = if constant { value } else { values[(at.rem_euclid(values.len() as i64)) as usize] };
            if !constant {
                from.put(source.words(), at, raw);
            }
            to.put(naive.words(), to_at, expected(from.scalar, raw, to.scalar, overflow, factor));
        }
        // A packed first scalar may lie some bytes behind the pointer that loops count from.
        let place = |memory: &mut Memory, form: Form, start: i64| {
            (memory.at((start + form.bit) >> 3), (start + form.bit) & 7)
        };
        let (source_at, source_bit) = place(&mut source, from, start[0]);
        let (target_at, target_bit) = place(&mut target, to, start[1]);
        let walk = Walk::new(&loops);
        let packed = if run { RUN } else { to.cell().packed };
        let params = Cast {
            source: if constant { 0 } else { source_at },
            target: target_at,
            value,
            imaginary: 0,
            from: Cell { bit: source_bit as u32, ..from.cell() },
            to: Cell { bit: target_bit as u32, packed, ..to.cell() },
            numbers,
            walk,
        };
        launch("cast", &params, blocks(i64::from(walk.count) + if run { 3 } else { 0 }, 1024));
        assert!(
            target.everything() == naive.everything(),
            "round {round}: {from:?} to {to:?}, {overflow:?}, {factor:?}, run {run}: {loops:?}"
        );
    }
}

#[test]
fn either_part_of_a_complex_number_makes_a_bool_true() {
    let mut random = Random(12);
    for scalar in [types::F16, types::F32, types::F64] {
        let size = types::bytes(scalar);
        let mut source = Memory::new(&mut random, 2 * size as usize * 4, 0);
        source.words().fill(0);
        for (number, part) in [(1, 0), (2, 1), (3, 0), (3, 1)] {
            source.words()[((2 * number + part + 1) * size - 1) as usize] = 0x40;
        }
        let mut target = Memory::new(&mut random, 4, 0);
        let walk = Walk::new(&[crate::Turn { extent: 4, source: 16 * size, target: 8, step: 0 }]);
        let form = |scalar| Form { scalar, packed: false, swapped: false, bit: 0 };
        let params = Cast {
            source: source.at(0),
            target: target.at(0),
            value: 0,
            imaginary: 8 * size,
            from: form(scalar).cell(),
            to: form(types::BOOL).cell(),
            numbers: numbers(scalar, types::BOOL, Overflow::Wrap, false),
            walk,
        };
        launch("cast", &params, 1);
        assert_eq!(target.words(), [0, 1, 1, 1], "{scalar:?}");
    }
}
