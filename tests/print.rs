//! `Tensor::format` against what NumPy printed: `data/make_print_table.py` wrote `data/numpy_print.txt`.

use ndferry::device::Device;
use ndferry::dtype::DType;
use ndferry::storage::Owner;
use ndferry::tensor::{Adopted, FormatOptions, Tensor};

fn numbers(field: &str) -> Vec<i64> {
    field.split_whitespace().map(|word| word.parse().expect("a number")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).expect("a hexadecimal digit") as u8;
    hex.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// What the library prints for the case that `fields` describe, its memory at an odd address.
fn printed(fields: &[&str]) -> String {
    let [dtype, shape, strides, offset, options, memory, _] = fields else { panic!("{fields:?}") };
    let dtype = DType::parse(dtype).unwrap_or_else(|error| panic!("{dtype}: {error}"));
    let [precision, threshold, edge_items, line_width] = numbers(options)[..] else { panic!("{options}") };
    let options = FormatOptions::new(precision as u32, threshold, edge_items, line_width as u32).unwrap();
    let mut memory = [vec![0], bytes(memory)].concat();
    let data = memory[1..].as_mut_ptr().wrapping_add(offset.parse::<usize>().unwrap() * dtype.item_size());
    let foreign = Adopted {
        data,
        byte_offset: 0,
        device: Device::CPU,
        dtype,
        shape: &numbers(shape),
        strides: Some(&numbers(strides)),
        read_only: true,
    };
    // SAFETY: NumPy's views stay inside the memory of their case, which outlives the tensor.
    let tensor = unsafe { Tensor::adopt(&foreign, Owner::NOBODY) }.unwrap();
    tensor.format(&options).unwrap()
}

#[test]
fn every_array_prints_as_numpy_prints_it() {
    let table = include_str!("data/numpy_print.txt");
    let mut wrong = Vec::new();
    for line in table.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let ours = printed(&fields).replace('\\', "\\\\").replace('\n', "\\n");
        if ours != fields[6] {
            let case = fields[..5].join(" | ");
            wrong.push(format!("{case}\n  ours  {ours}\n  NumPy {}", fields[6]));
        }
    }
    let count = table.lines().count();
    assert!(count > 500, "the table has {count} cases only");
    assert!(wrong.is_empty(), "{} of {count} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}
