//! What the documentation shows is what there is.

const README: &str = include_str!("../README.md");
const HELLO: &str = include_str!("../c_examples/hello.c");
const ERRORS: &str = include_str!("../docs/errors.md");
const CHANGELOG: &str = include_str!("../CHANGELOG.md");
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
    assert_eq!(seen, 16);
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
