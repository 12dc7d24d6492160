//! The kernels that ship: all are understood, and the important ones take no more instructions for an element than they
//! may. A number that grows is a kernel that got slower, which no test without a GPU would show otherwise.
//!
//! An H200 runs about 6 instructions of a thread in the time in which its memory moves one byte (132 multiprocessors of 128
//! lanes at 1.7 GHz, 4.8 TB/s). A kernel that is to be as fast as the memory has to stay well below, since what is counted
//! here is PTX, of which the machine's own instructions are often more.

use std::path::PathBuf;

use super::super::{
    convert::{self, Conversion},
    float::Round,
    types::{Float, Type},
};
use super::{Counts, Kernel, Traffic};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../src/engine/cuda/kernels/ptx")
}

fn module(name: &str) -> String {
    let path = folder().join(format!("{name}.ptx"));
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

#[test]
fn every_kernel_is_understood() {
    let mut kernels = 0;
    for entry in std::fs::read_dir(folder()).expect("the kernels are committed") {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for rest in text.split(".entry ").skip(1) {
            let name = rest.split('(').next().unwrap();
            let kernel = Kernel::parse(&text, name).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!((kernel.params.len(), kernel.max_threads), (1, 256), "{name}");
            kernels += 1;
        }
    }
    assert!(kernels > 20, "{kernels} kernels");
}

/// A structure of `params.h`, field by field.
#[derive(Clone, Default)]
struct Params(Vec<u8>);

impl Params {
    fn words(mut self, words: &[u32]) -> Self {
        words.iter().for_each(|word| self.0.extend_from_slice(&word.to_le_bytes()));
        self
    }

    fn longs(mut self, longs: &[i64]) -> Self {
        longs.iter().for_each(|long| self.0.extend_from_slice(&long.to_le_bytes()));
        self
    }

    fn divisor(self, by: u32) -> Self {
        let shift = by.next_power_of_two().trailing_zeros();
        let multiplier = ((1u64 << 32) * ((1u64 << shift) - u64::from(by)) / u64::from(by) + 1) as u32;
        self.words(&[by, multiplier, shift])
    }

    /// Loops: how often, and how far in the source and in the target.
    fn walk(self, loops: &[(u32, i64, i64)]) -> Self {
        let count = loops.iter().map(|(extent, ..)| extent).product();
        let all = self.words(&[count, loops.len() as u32]);
        let unused = [(1, 0, 0); 8];
        loops.iter().chain(&unused).take(8).fold(all, |all, (extent, source, target)| {
            all.divisor(*extent).words(&[0]).longs(&[*source, *target])
        })
    }

    /// `Transpose` of one sheet, in tiles of so many rows and columns.
    fn sheet(self, rows: u32, columns: u32, size: i64, tile: (u32, u32)) -> Self {
        let pitches = [i64::from(columns) * size, i64::from(rows) * size];
        let tiles = self.longs(&pitches).words(&[rows, columns]);
        let tiles = tiles.divisor(columns.div_ceil(tile.1)).divisor(rows.div_ceil(tile.0));
        tiles.divisor(tile.1).divisor(tile.0).words(&[1, 0]).walk(&[])
    }

    /// `Numbers`: types, `saturate` and `scaled`, one pair of scale and bias for all.
    fn numbers(self, types: [u32; 2], saturate: u32, scaled: u32, pair: [f64; 2]) -> Self {
        let target = self.words(&types).words(&[saturate, scaled]);
        let bits = |value: f64| value.to_bits() as i64;
        let pairs: Vec<i64> = pair.iter().cycle().take(32).map(|value| bits(*value)).collect();
        target.longs(&[bits(f64::MIN), bits(f64::MAX), 0, 0]).longs(&pairs)
    }
}

/// What `Type` of `params.h` says of a number.
const fn number(kind: u32, bits: u32, exponent: u32, mantissa: u32, bias: u32, special: u32) -> u32 {
    bits | kind << 8 | exponent << 12 | mantissa << 16 | special << 20 | bias << 24
}
const BOOL: u32 = number(1, 8, 0, 0, 0, 0);
const UINT8: u32 = number(2, 8, 0, 0, 0, 0);
const INT32: u32 = number(3, 32, 0, 0, 0, 0);
const INT64: u32 = number(3, 64, 0, 0, 0, 0);
const FLOAT16: u32 = number(5, 16, 5, 10, 15, 0);
const BFLOAT16: u32 = number(4, 16, 8, 7, 127, 0);
const E4M3FN: u32 = number(4, 8, 4, 3, 7, 1);
const E5M2: u32 = number(4, 8, 5, 2, 15, 0);
const FLOAT32: u32 = number(6, 32, 0, 0, 0, 0);
const FLOAT64: u32 = number(7, 64, 0, 0, 0, 0);

/// How the items of a `Convert` lie.
const PAIRS: u32 = 2;
const LOTS: u32 = 3;
const SPLIT: u32 = 4;
const MERGE: u32 = 5;

/// A launch over so many elements of a source and a target, whose sizes in bytes are given.
struct Launch {
    kernel: &'static str,
    blocks: u32,
    elements: u32,
    sizes: [usize; 2],
    /// What stands behind the two addresses.
    rest: Params,
}

/// Of the addresses of allocations.
const ALIGN: usize = 256;

/// What a launch did: its source and its target afterwards.
struct Done {
    source: Vec<u8>,
    target: Vec<u8>,
    counts: Counts,
    traffic: Traffic,
}

impl Launch {
    /// Runs it in the module `name`, on a source that counts up.
    fn run(&self, name: &str) -> Done {
        let kernel = Kernel::parse(&module(name), self.kernel).unwrap_or_else(|why| panic!("{why}"));
        // More, to begin at an address that is aligned as those of allocations are.
        let bytes = self.sizes.map(|size| self.elements as usize * size);
        let mut memory = bytes.map(|bytes| vec![0x77u8; bytes + ALIGN]);
        let starts = [0, 1]
            .map(|side: usize| memory[side].as_mut_ptr() as usize)
            .map(|start| start.next_multiple_of(ALIGN));
        let shifts = [0, 1].map(|side: usize| starts[side] - memory[side].as_ptr() as usize);
        for (at, byte) in memory[0][shifts[0]..].iter_mut().enumerate() {
            *byte = (at % 251) as u8 & 0x3f;
        }
        let addresses = starts.map(|start| start as i64);
        let mut params = Params::default().longs(&addresses).0;
        params.extend_from_slice(&self.rest.0);
        let mut check = |address: usize, length: usize, write: bool| {
            let side = usize::from(write);
            address >= starts[side] && address + length <= starts[side] + bytes[side]
        };
        // SAFETY: the check keeps to two buffers that nobody else uses meanwhile.
        let counts = unsafe { kernel.launch_watched(&params, [self.blocks, 1, 1], [256, 1, 1], &mut check) };
        let (counts, traffic) = counts.unwrap_or_else(|fault| panic!("{}", fault.what));
        let [source, target] = [0, 1].map(|side: usize| memory[side][shifts[side]..][..bytes[side]].to_vec());
        Done { source, target, counts, traffic }
    }
}

fn sheet(kernel: &'static str, rows: u32, columns: u32, size: usize, tile: (u32, u32)) -> Launch {
    let blocks = rows.div_ceil(tile.0) * columns.div_ceil(tile.1);
    let rest = Params::default().sheet(rows, columns, size as i64, tile);
    Launch { kernel, blocks, elements: rows * columns, sizes: [size, size], rest }
}

fn transposed(source: &[u8], rows: usize, columns: usize, size: usize) -> Vec<u8> {
    let at = |row, column| &source[(row * columns + column) * size..][..size];
    (0..columns).flat_map(|column| (0..rows).flat_map(move |row| at(row, column).to_vec())).collect()
}

#[test]
fn transpositions_take_few_instructions() {
    for (module, kernel, rows, columns, size, tile, limit, sectors) in [
        ("transpose_75", "transv_1", 1024, 1024, 1, (128, 128), 3.8, 1.0),
        ("transpose_75", "transv_2", 1024, 1024, 2, (128, 128), 5.4, 1.0),
        ("transpose_75", "transv_4", 512, 512, 4, (64, 64), 12.5, 1.0),
        ("transpose_75", "transv_8", 256, 256, 8, (32, 32), 36.0, 1.0),
        ("transpose_75", "trans_1", 1023, 1023, 1, (64, 64), 19.0, 2.0),
        ("transpose_75", "trans_4", 511, 511, 4, (64, 64), 21.5, 1.25),
        ("transpose_75", "trans_16", 255, 255, 16, (32, 32), 42.5, 1.04),
        ("tile_75", "tile_1", 100_000, 3, 1, (682, 3), 62.0, 2.0),
        ("tile_75", "tile_4", 3, 100_000, 4, (3, 682), 66.0, 1.2),
    ] {
        let launch = sheet(kernel, rows, columns, size, tile);
        let done = launch.run(module);
        assert!(done.target == transposed(&done.source, rows as usize, columns as usize, size), "{kernel}");
        launch.holds(&done, limit, sectors);
    }
}

impl Launch {
    /// Holds what was done to a limit of instructions for an element; and of sectors, compared with as few as suffice.
    /// Threads must never wait for each other at a bank of shared memory.
    fn holds(&self, done: &Done, instructions: f64, sectors: f64) {
        let (kernel, counts, traffic) = (self.kernel, done.counts, done.traffic);
        let each = counts.instructions as f64 / f64::from(self.elements);
        let spread = traffic.sectors as f64 / traffic.best_sectors as f64;
        println!(
            "{kernel}: {each:.2} instructions for an element of {:?} bytes, {:.2} for a byte; sectors {spread:.2}",
            self.sizes,
            each / self.sizes.iter().sum::<usize>() as f64,
        );
        assert!(
            each <= instructions,
            "{kernel}: {each:.2} instructions for an element, at most {instructions}"
        );
        assert!(
            spread <= sectors,
            "{kernel}: {spread:.2} times as many sectors as suffice, at most {sectors}"
        );
        let turns = traffic.turns as f64 / traffic.best_turns.max(1) as f64;
        assert!(turns < 1.05, "{kernel}: {turns:.2} times as many turns of shared memory as suffice");
        assert_eq!(counts.local, 0, "{kernel}: local memory");
    }
}

#[test]
fn copies_and_fills_take_few_instructions() {
    let words = 1 << 17;
    let copy = |kernel, size: usize, loops: &[(u32, i64, i64)]| Launch {
        kernel,
        blocks: words / 1024,
        elements: words,
        sizes: [size, size],
        rest: Params::default().longs(&[0]).words(&[1, 0]).walk(loops),
    };
    let flat = copy("copy_16", 16, &[(words, 16, 16)]);
    let done = flat.run("copy_75");
    assert!(done.source == done.target);
    flat.holds(&done, 54.0, 1.0);
    let strided = copy("copy_4", 4, &[(512, 4, 1024), (256, 2048, 4)]);
    let done = strided.run("copy_75");
    assert!(done.target == transposed(&done.source, 256, 512, 4));
    // Each element of a column lies in a sector of its own.
    strided.holds(&done, 54.0, 4.5);
}

/// The value that a number's bits have, by the conversions that the interpreter itself does.
fn value(bits: u64, kind: Type) -> f64 {
    let is_double = kind == Type::Float(Float::F64);
    let round = (!matches!(kind, Type::Float(_))).then_some(Round::Nearest);
    let to = Type::Float(Float::F64);
    let plain =
        Conversion { to, from: kind, round, whole: None, saturate: false, finite: false, clip: false };
    f64::from_bits(if is_double { bits } else { plain.convert(bits, 0) })
}

/// The bits of a value in another type: the nearest float, or the integer towards zero.
fn bits(value: f64, kind: Type) -> u64 {
    let is_float = matches!(kind, Type::Float(_));
    let (round, whole) = (is_float.then_some(Round::Nearest), (!is_float).then_some(Round::Zero));
    let from = Type::Float(Float::F64);
    let nearest = Conversion { to: kind, from, round, whole, saturate: false, finite: false, clip: false };
    nearest.convert(value.to_bits(), 0)
}

#[test]
fn pixels_of_three_channels_take_few_instructions() {
    let (pixels, channels) = (1u32 << 16, 3);
    for (kernel, size, limit, sectors) in [
        ("rgb_split_1", 1, 5.0, 2.01),
        ("rgb_split_2", 2, 7.4, 2.01),
        ("rgb_split_4", 4, 4.0, 1.51),
        ("rgb_merge_1", 1, 5.0, 2.01),
        ("rgb_merge_2", 2, 7.4, 2.01),
        ("rgb_merge_4", 4, 4.0, 1.51),
    ] {
        let splits = kernel.contains("split");
        let [rows, columns] = if splits { [pixels, channels] } else { [channels, pixels] };
        let tiles = [columns, rows].map(|n| n.div_ceil(1024));
        let pitches = [columns, rows].map(|n| i64::from(n) * size as i64);
        let sheet = Params::default().longs(&pitches).words(&[rows, columns]);
        let sheet = sheet.divisor(tiles[0]).divisor(tiles[1]).divisor(1).divisor(1).words(&[1, 0]).walk(&[]);
        let word = 8 * size as u32;
        let shape = if splits { SPLIT } else { MERGE };
        let rest = sheet.longs(&[0, 0]).words(&[shape, 0]).numbers([word; 2], 0, 0, [1.0, -0.0]);
        let elements = pixels * channels;
        let launch = Launch { kernel, blocks: pixels / 1024, elements, sizes: [size; 2], rest };
        let done = launch.run("rgb_75");
        assert!(done.target == transposed(&done.source, rows as usize, columns as usize, size), "{kernel}");
        launch.holds(&done, limit, sectors);
    }
}

#[test]
fn pixels_that_change_take_few_instructions() {
    for (kernel, to, size, code, limit) in [
        ("pixels", Float::F16, 2, FLOAT16, 79.5),
        ("rgb_split_u8_f16", Float::F16, 2, FLOAT16, 16.1),
        ("rgb_split_u8_bf16", Float::Bf16, 2, BFLOAT16, 20.2),
        ("rgb_split_u8_f32", Float::F32, 4, FLOAT32, 12.5),
    ] {
        pixels_take(kernel, (to, size, code), limit);
    }
}

/// Scaled bytes of three channels.
fn pixels_take(kernel: &'static str, (float, size, code): (Float, usize, u32), limit: f64) {
    let (pixels, channels) = (1u32 << 16, 3);
    let tiles = Params::default()
        .longs(&[i64::from(channels), size as i64 * i64::from(pixels)])
        .words(&[pixels, channels]);
    let tiles = tiles.divisor(1).divisor(pixels / 1024).divisor(1).divisor(1).words(&[1, 0]).walk(&[]);
    let rest = tiles.longs(&[0, 0]).words(&[SPLIT, 0]).numbers([UINT8, code], 0, 32, [0.5, 1.0]);
    let elements = pixels * channels;
    let launch = Launch { kernel, blocks: pixels / 1024, elements, sizes: [1, size], rest };
    let done = launch.run(if kernel == "pixels" { "pixels_75" } else { "rgb_75" });
    let planes = transposed(&done.source, pixels as usize, channels as usize, 1);
    for (from, to) in planes.iter().zip(done.target.chunks(size)) {
        let expected = bits(f64::from(*from) * 0.5 + 1.0, Type::Float(float));
        assert_eq!(word(to), expected, "{from}");
    }
    launch.holds(&done, limit, 1.7);
}

#[test]
fn conversions_take_few_instructions() {
    for (kernel, codes, limit) in [
        ("to_float", [UINT8, FLOAT32], 53.5),
        ("to_float", [FLOAT32, FLOAT16], 47.5),
        ("to_float", [FLOAT32, BFLOAT16], 51.0),
        ("to_float", [FLOAT32, E4M3FN], 102.0),
        ("to_float", [FLOAT16, FLOAT32], 47.5),
        ("to_float", [BFLOAT16, FLOAT32], 42.0),
        ("to_float", [E4M3FN, FLOAT32], 68.5),
        ("to_integer", [FLOAT32, UINT8], 59.0),
        ("to_integer", [UINT8, INT32], 49.0),
        ("to_wide", [FLOAT32, FLOAT64], 93.0),
        ("direct_f32_f16", [FLOAT32, FLOAT16], 16.0),
        ("direct_f32_bf16", [FLOAT32, BFLOAT16], 19.0),
        ("direct_f32_e4m3fn", [FLOAT32, E4M3FN], 31.0),
        ("direct_f32_e5m2", [FLOAT32, E5M2], 29.5),
        ("direct_f16_f32", [FLOAT16, FLOAT32], 13.6),
        ("direct_bf16_f32", [BFLOAT16, FLOAT32], 8.0),
        ("direct_e4m3fn_f32", [E4M3FN, FLOAT32], 17.4),
        ("direct_e5m2_f32", [E5M2, FLOAT32], 19.5),
        ("direct_f32_f64", [FLOAT32, FLOAT64], 24.2),
        ("direct_i32_i64", [INT32, INT64], 18.0),
        ("direct_i64_i32", [INT64, INT32], 14.0),
        ("direct_u8_f32", [UINT8, FLOAT32], 11.2),
        ("direct_bool_f32", [BOOL, FLOAT32], 8.5),
    ] {
        conversion_takes(kernel, codes, (0, [1.0, -0.0]), limit);
    }
    for (kernel, codes, limit) in [
        ("to_float", [UINT8, FLOAT16], 86.0),
        ("direct_u8_f16", [UINT8, FLOAT16], 11.8),
        ("direct_u8_bf16", [UINT8, BFLOAT16], 15.9),
    ] {
        conversion_takes(kernel, codes, (32, [0.5, 1.0]), limit);
    }
}

/// The type of a number.
fn type_of(code: u32) -> Type {
    match code {
        BOOL | UINT8 => Type::Unsigned(1),
        INT32 => Type::Signed(4),
        INT64 => Type::Signed(8),
        FLOAT16 => Type::Float(Float::F16),
        BFLOAT16 => Type::Float(Float::Bf16),
        E4M3FN => Type::Float(Float::E4m3),
        E5M2 => Type::Float(Float::E5m2),
        FLOAT32 => Type::Float(Float::F32),
        FLOAT64 => Type::Float(Float::F64),
        _ => panic!("no type has the code {code:#x}"),
    }
}

/// Numbers side by side, scaled in a float of `width` bits if that is not 0.
fn conversion_takes(kernel: &'static str, codes: [u32; 2], (width, pair): (u32, [f64; 2]), limit: f64) {
    let types = codes.map(type_of);
    let count = 1 << 17;
    let sizes = types.map(|kind| usize::from(kind.bytes()));
    let is_direct = kernel.starts_with("direct");
    let lot = match sizes[0].max(sizes[1]) {
        8 => 2,
        widest if is_direct => 16 / widest as u32,
        _ => 4,
    };
    let walk = [(count / lot, (lot as usize * sizes[0]) as i64, (lot as usize * sizes[1]) as i64)];
    let sheet = Params::default().longs(&[0, 0]).words(&[1, 1]);
    let sheet = sheet.divisor(1).divisor(1).divisor(1).divisor(1).words(&[1, 0]).walk(&walk);
    let sheet = sheet.longs(&[0, 0]).words(&[if lot == 4 { LOTS } else { PAIRS }, 0]);
    let rest = sheet.numbers(codes, u32::from(codes[1] == UINT8), width, pair);
    let launch = Launch { kernel, blocks: count / lot / 1024, elements: count, sizes, rest };
    let done = launch.run(&format!("{}_75", if is_direct { "direct" } else { kernel }));
    for (from, to) in done.source.chunks(sizes[0]).zip(done.target.chunks(sizes[1])) {
        let expected = match codes {
            [INT64, INT32] => word(&from[..4]),
            [BOOL, _] => bits(f64::from(u8::from(from[0] != 0)), types[1]),
            _ => bits(value(word(from), types[0]) * pair[0] + pair[1], types[1]),
        };
        let expected = convert::extend(expected, Type::Unsigned(sizes[1] as u8));
        assert_eq!(word(to), expected, "{types:?} {from:x?}");
    }
    launch.holds(&done, limit, 1.0);
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}
