//! What the documentation shows is what there is.

use ndferry::device::Device;
use ndferry::dtype::DType;
use ndferry::protocol::consumer::{CONSUMERS, Consumer};

const README: &str = include_str!("../README.md");
const HELLO: &str = include_str!("../c_examples/hello.c");
const ERRORS: &str = include_str!("../docs/errors.md");
const CHANGELOG: &str = include_str!("../CHANGELOG.md");
const HANDOVER: &str = include_str!("../docs/handover.md");
const HEADER: &str = include_str!("../include/ndferry.h");

#[test]
fn the_readmes_program_is_the_example_that_the_tests_run() {
    let shown = README.split("```c\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a C program");
    let (_comment, program) = HELLO.split_once("*/\n").expect("a comment first");
    assert_eq!(shown, program);
}

#[test]
fn every_status_is_in_the_table_of_errors_with_its_number() {
    let statuses =
        HEADER.lines().filter_map(|line| line.trim().strip_prefix("NDF_ERROR_")?.split_once(" = "));
    let mut seen = 0;
    for (name, number) in statuses {
        let row = format!("| {} | `NDF_ERROR_{name}` |", number.trim_end_matches(','));
        assert!(ERRORS.contains(&row), "no row `{row}`");
        seen += 1;
    }
    assert_eq!(seen, 17);
}

#[test]
fn every_function_is_in_the_changelog() {
    let functions: Vec<&str> = HEADER
        .split("ndf_")
        .skip(1)
        .filter_map(|rest| rest.split_once('(').map(|(name, _)| name))
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .collect();
    assert!(functions.len() > 80, "{}", functions.len());
    for name in functions {
        // The list abbreviates what follows a full name: `ndf_tensor_empty`, `_empty_like`.
        let short = name.split_once('_').map_or(name, |(_, verb)| verb);
        let named =
            CHANGELOG.contains(&format!("`ndf_{name}`")) || CHANGELOG.contains(&format!("`_{short}`"));
        assert!(
            named || CHANGELOG.contains("the getters") && is_getter(name),
            "ndf_{name} is not in the changelog"
        );
    }
}

fn is_getter(name: &str) -> bool {
    const GETTERS: [&str; 14] = [
        "dtype",
        "device",
        "ndim",
        "shape",
        "strides",
        "element_count",
        "byte_size",
        "data",
        "const_data",
        "bit_offset",
        "is_contiguous",
        "is_read_only",
        "reference_count",
        "shares_memory",
    ];
    name.strip_prefix("tensor_").is_some_and(|getter| GETTERS.contains(&getter))
}

/// The types that every consumer takes.
fn taken_by_all() -> Vec<DType> {
    let first = CONSUMERS[0].dtypes.expect("NumPy does not take all types");
    first
        .iter()
        .copied()
        .filter(|&dtype| CONSUMERS.iter().all(|consumer| consumer.takes_dtype(dtype)))
        .collect()
}

/// A row of the table of consumers.
fn row(consumer: &Consumer) -> String {
    let all = taken_by_all();
    let dtypes = consumer.dtypes.map(|dtypes| {
        let more = dtypes.iter().filter(|dtype| !all.contains(dtype));
        more.map(|dtype| dtype.name()).collect::<Vec<_>>().join(", ")
    });
    let devices = consumer.devices.map(|devices| {
        let names = devices.iter().map(|&device_type| Device { device_type, device_id: 0 }.type_name());
        names.collect::<Vec<_>>().join(", ")
    });
    let (evidence, _) = consumer.evidence.words();
    let read_only = match (consumer.keeps_read_only, consumer.shares) {
        (_, false) => "copies all",
        (true, true) => "kept",
        (false, true) => "lost",
    };
    format!(
        "| `{}` | {} | {} | {} | {} | {} | {} | {read_only} | {evidence} |",
        consumer.name(),
        consumer.structs.word(),
        consumer.strides.word(),
        consumer.alignment,
        dtypes.as_deref().unwrap_or("all"),
        devices.as_deref().unwrap_or("all"),
        consumer.max_ndim,
    )
}

#[test]
fn the_table_of_consumers_is_the_one_in_the_code() {
    let head = "| name | struct | strides | alignment | other types | devices | axes | read-only | known from |\n\
                |---|---|---|---|---|---|---|---|---|\n";
    let rows: Vec<String> = CONSUMERS.iter().map(row).collect();
    let table = format!("{head}{}\n", rows.join("\n"));
    assert!(HANDOVER.contains(&table), "docs/handover.md needs this table:\n{table}");
    let names: Vec<String> = taken_by_all().iter().map(|dtype| dtype.name()).collect();
    let common = "uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32";
    assert_eq!(names.join(" "), common, "and its text names the types that all take");
}
