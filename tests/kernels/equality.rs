//! Whether both sides are the same.

use ndferry::dtype::{Scalar, Value};

use crate::casts::{Form, room};
use crate::gpu::{blocks, launch};
use crate::params::{Equal, EqualNumbers, FLOAT, LOGIC, NEVER, SAME, Walk};
use crate::types::{self, patterns};
use crate::words::Memory;
use crate::{Random, items, random_loops};

/// The rule for words of a type, and its limit; nothing for those that do not fill their bytes.
fn rule(scalar: Scalar) -> (u32, u64) {
    match scalar {
        Scalar::Bool => (LOGIC, 0),
        Scalar::Int(_) | Scalar::Uint(_) => (SAME, 0),
        Scalar::Float16 => (FLOAT, 0x7c00),
        Scalar::Float32 => (FLOAT, 0x7f80_0000),
        Scalar::Float64 => (FLOAT, 0x7ff0_0000_0000_0000),
        Scalar::Small(_) => {
            let is_nan = |raw: &u64| matches!(scalar.decode(*raw), Value::F32(x) if x.is_nan());
            let codes: Vec<u64> = (0..1 << scalar.bits()).filter(is_nan).collect();
            match codes[..] {
                [only] => (NEVER, only),
                _ => (FLOAT, codes[0] - 1),
            }
        }
    }
}

fn same(scalar: Scalar, a: u64, b: u64) -> bool {
    match (scalar.decode(a), scalar.decode(b)) {
        (Value::F32(a), Value::F32(b)) => a == b,
        (Value::F64(a), Value::F64(b)) => a == b,
        (a, b) => a == b,
    }
}

#[test]
fn words_of_one_type_are_compared_by_its_rule() {
    let mut random = Random(13);
    for scalar in types::of_whole_bytes() {
        let size = types::bytes(scalar);
        let (rule, limit) = rule(scalar);
        for round in 0..120 {
            let rank = random.below(3);
            let extents: Vec<i64> = (0..rank).map(|_| random.pick(&[2, 3, 17, 40])).collect();
            let (loops, first, room) = random_loops(&mut random, &extents, size);
            let (swap, turn) = ([1, size][round % 2] as u32, [1, size][round / 2 % 2] as u32);
            let mut sides = [0, 1].map(|side| Memory::new(&mut random, room[side] as usize, 0));
            let values = patterns(scalar, 64, &mut random);
            // One odd number among many that are equal.
            let (plain, odd) = (random.pick(&values[..values.len() / 2]), random.pick(&values));
            let places = items(&loops);
            let at_odd = places[random.below(places.len() as i64) as usize];
            let mut write = |side: usize, at: i64, raw: u64, reversed: bool| {
                let word = &mut sides[side].words()[(at + first[side]) as usize..][..size as usize];
                word.copy_from_slice(&raw.to_le_bytes()[..size as usize]);
                if reversed {
                    word.reverse();
                }
            };
            let mut all_same = true;
            for [from, to, _] in &places {
                let other = if [*from, *to] == at_odd[..2] && round % 3 > 0 { odd } else { plain };
                write(0, *from, plain, (swap > 1) != (turn > 1));
                write(1, *to, other, turn > 1);
                all_same &= same(scalar, plain, other);
            }
            let mut differs = 0u32;
            let params = Equal {
                source: sides[0].at(first[0]),
                target: sides[1].at(first[1]),
                differs: std::ptr::from_mut(&mut differs) as u64,
                limit,
                rule,
                swap,
                turn,
                size: size as u32,
                walk: Walk::new(&loops),
            };
            launch("equal_words", &params, blocks(params.walk.count.into(), 512));
            assert_eq!(differs == 0, all_same, "{scalar:?}: {plain:x} and {odd:x}, {loops:?}");
        }
    }
}

#[test]
fn sixteen_bytes_are_equal_when_all_are() {
    let mut random = Random(14);
    for odd in [None, Some(0), Some(15), Some(16 * 1500 + 7)] {
        let mut one = Memory::new(&mut random, 16 * 1501, 0);
        let mut other = one.copy();
        if let Some(odd) = odd {
            other.words()[odd] ^= 1;
        }
        let mut differs = 0u32;
        let walk = Walk::new(&[crate::Turn { extent: 1501, source: 16, target: 16, step: 0 }]);
        let differs_at = std::ptr::from_mut(&mut differs) as u64;
        let (source, target) = (one.at(0), other.at(0));
        let params = Equal {
            source,
            target,
            differs: differs_at,
            limit: 0,
            rule: SAME,
            swap: 1,
            turn: 1,
            size: 16,
            walk,
        };
        launch("equal_words", &params, 3);
        assert_eq!(differs == 1, odd.is_some());
    }
}

/// As the engine says: integers exactly, all else as float64.
fn equal(a: Scalar, x: u64, b: Scalar, y: u64) -> bool {
    let (x, y) = (a.decode(x), b.decode(y));
    if a.is_float() || b.is_float() {
        return x.to_f64() == y.to_f64();
    }
    let wide = |value| match value {
        Value::Int(x) => i128::from(x),
        Value::Uint(x) => i128::from(x),
        _ => unreachable!("neither is a float"),
    };
    wide(x) == wide(y)
}

#[test]
fn numbers_of_any_two_types_are_compared() {
    let mut random = Random(15);
    let mut equals = 0;
    for round in 0..6000 {
        let [from, to] = [Form::random(&mut random), Form::random(&mut random)];
        let wish = f64::from(random.below(5) as i32 - 1);
        let number =
            |scalar| ndferry::dtype::scalar::convert(types::F64, wish.to_bits(), scalar, Default::default());
        let (x, y) = match round % 4 {
            0 => (random.next(), random.next()),
            1 => (u64::MAX, u64::MAX),
            _ => (number(from.scalar), number(to.scalar)),
        };
        let [x, y] = [(x, from), (y, to)].map(|(raw, form)| raw & (u64::MAX >> (64 - form.scalar.bits())));
        let count = 1 + random.below(20);
        let mut sides =
            [from, to].map(|form| Memory::new(&mut random, room(form.bit + count * form.unit()), 1));
        for i in 0..count {
            from.put(sides[0].words(), from.bit + i * from.unit(), x);
            to.put(sides[1].words(), to.bit + i * to.unit(), y);
        }
        let mut differs = 0u32;
        let turn = crate::Turn { extent: count, source: from.unit(), target: to.unit(), step: 0 };
        let params = EqualNumbers {
            source: sides[0].at(0),
            target: sides[1].at(0),
            differs: std::ptr::from_mut(&mut differs) as u64,
            floats: (from.scalar.is_float() || to.scalar.is_float()).into(),
            spare: 0,
            from: from.cell(),
            to: to.cell(),
            walk: Walk::new(&[turn]),
        };
        launch("equal_numbers", &params, 1);
        let expected = equal(from.scalar, x, to.scalar, y);
        equals += u32::from(expected);
        assert_eq!(differs == 0, expected, "{from:?} {x:x} and {to:?} {y:x}");
    }
    assert!(equals > 500, "{equals} pairs were equal");
}
