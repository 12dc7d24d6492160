//! The structures that kernels are given, held against the PTX that is committed: how large they are, and each place that is read.

use std::collections::{BTreeMap, HashMap};
use std::mem::offset_of;
use std::path::Path;

use crate::params::*;

/// Where the numbers of a structure lie, and how many bytes each has.
type Places = BTreeMap<usize, usize>;

/// What consists of numbers.
trait Made: Sized {
    fn put(at: usize, places: &mut Places);

    fn places() -> Places {
        let mut places = Places::new();
        Self::put(0, &mut places);
        assert_eq!(places.values().sum::<usize>(), size_of::<Self>(), "all of a structure is named");
        places
    }
}

fn put_field<S, T: Made>(_: fn(&S) -> &T, at: usize, places: &mut Places) {
    T::put(at, places);
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Made for $number {
            fn put(at: usize, places: &mut Places) {
                places.insert(at, size_of::<Self>());
            }
        })*
    };
}
numbers! { u32 i32 u64 i64 f64 }

impl<T: Made, const N: usize> Made for [T; N] {
    fn put(at: usize, places: &mut Places) {
        (0..N).for_each(|i| T::put(at + i * size_of::<T>(), places));
    }
}

macro_rules! structures {
    ($($name:ident { $($field:ident)* })*) => {
        $(impl Made for $name {
            fn put(at: usize, places: &mut Places) {
                $(put_field(|all: &Self| &all.$field, at + offset_of!(Self, $field), places);)*
            }
        })*
    };
}
structures! {
    Divisor { by multiplier shift }
    Loop { extent step source target }
    Walk { count loops each }
    Copy { source target step swap spare walk }
    Fill { target value spare walk }
    Transpose { source target source_pitch target_pitch rows columns across down wide high swap spare walk }
    Numbers { source target saturate scaled low high first pairs own }
    Convert { sheet steps shape spare numbers }
    Cell { kind packed swapped bit }
    Cast { source target value imaginary from to numbers walk }
    Equal { source target differs limit rule swap turn size walk }
    EqualNumbers { source target differs floats spare from to walk }
}

/// What a kernel takes.
fn taken(kernel: &str) -> Places {
    match kernel.split('_').next().unwrap_or_default() {
        "copy" | "gather" => Copy::places(),
        "fill" => Fill::places(),
        "trans" | "transv" | "tile" => Transpose::places(),
        "to" | "direct" | "pixels" | "rgb" => Convert::places(),
        "cast" => Cast::places(),
        "equal" if kernel == "equal_words" => Equal::places(),
        "equal" if kernel == "equal_numbers" => EqualNumbers::places(),
        _ => panic!("nothing is known of {kernel}"),
    }
}

/// How far registers point into the parameter, or what they add to such an address: nothing for the index of an array, and of
/// two structures of a kind the first.
#[derive(Default)]
struct Registers<'a>(HashMap<&'a str, usize>);

impl<'a> Registers<'a> {
    /// Where `base+offset` is.
    fn place(&self, address: &str) -> Option<usize> {
        let (base, offset) = address.split_once('+').unwrap_or((address, "0"));
        let base = if base == "p0" { 0 } else { *self.0.get(base)? };
        Some(base + offset.parse::<usize>().ok()?)
    }

    /// Follows an instruction that makes an address of another.
    fn follow(&mut self, instruction: &str, operands: &[&'a str]) {
        let found = match (instruction, operands) {
            ("mov.b64" | "mov.u64", [_, from]) => self.place(from),
            ("selp.b64", [_, one, ..]) => one.parse().ok(),
            // A loop that goes on to the next element of an array.
            ("add.s64", [to, from, _]) if to == from => return,
            ("add.s64", [_, from, by]) => {
                match (self.place(from), by.parse().ok().or_else(|| self.place(by))) {
                    (Some(from), by) => Some(from + by.unwrap_or(0)),
                    (None, _) => self.place(by),
                }
            }
            _ => return,
        };
        match found {
            Some(place) => self.0.insert(operands[0], place),
            None => self.0.remove(operands[0]),
        };
    }
}

/// The loads of a kernel from its parameter: where, bytes of a number, and how many.
fn loads(body: &str) -> Vec<(usize, usize, usize)> {
    let (mut registers, mut loads) = (Registers::default(), Vec::new());
    for line in body.lines() {
        let Some((instruction, operands)) = line.trim_end_matches(';').split_once(' ') else { continue };
        let Some(kind) = instruction.strip_prefix("ld.param.") else {
            registers.follow(instruction, &operands.split(',').collect::<Vec<_>>());
            continue;
        };
        let (count, number) = match kind.split_once('.') {
            Some((vector, number)) => (vector[1..].parse().expect("v2 or v4"), number),
            None => (1, kind),
        };
        let bits: usize = number[1..].parse().expect("a number's bits");
        let address = operands.split_once('[').and_then(|(_, at)| at.split_once(']')).expect("an address").0;
        let place = registers.place(address).unwrap_or_else(|| panic!("nobody knows where {line} reads"));
        loads.push((place, bits / 8, count));
    }
    loads
}

#[test]
fn structures_are_as_large_as_kernels_take_them_and_every_number_that_is_read_is_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine/cuda/kernels/ptx");
    let (mut kernels, mut count) = (0, 0);
    for entry in std::fs::read_dir(folder).expect("PTX is committed") {
        let text = std::fs::read_to_string(entry.expect("it can be listed").path()).expect("text");
        for kernel in text.split(".visible .entry ").skip(1) {
            let (name, rest) = kernel.split_once('(').expect("a name");
            let places = taken(name);
            let bytes: usize = places.values().sum();
            let parameter = rest.split(')').next().expect("parameters").trim();
            assert_eq!(parameter, format!(".param .align 8 .b8 p0[{bytes}]"), "{name}");
            for (place, bytes, numbers) in loads(rest) {
                for at in (0..numbers).map(|i| place + i * bytes) {
                    // The low part of a number is enough for some.
                    let is_one = places.get(&at).is_some_and(|&whole| bytes <= whole);
                    assert!(is_one, "{name} reads {bytes} bytes at {at}, where no such number begins");
                }
                count += numbers;
            }
            kernels += 1;
        }
    }
    assert!(kernels > 50 && count > 500, "{count} numbers of {kernels} kernels");
}
