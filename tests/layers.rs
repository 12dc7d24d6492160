//! The layer picture of `docs/architecture.md`, held to: no module names one above it or beside it.

use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up; modules of one line do not know each other.
const LAYERS: &[&[&str]] = &[
    &["error", "log", "spec", "sync"],
    &["layout", "dtype"],
    &["device"],
    &["storage"],
    &["tensor"],
    &["engine"],
    &["protocol"],
    &["ffi"],
];

fn level(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the source folder is readable") {
        let path = entry.expect("its entries are").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a source names as `crate::module`, comments left out.
fn named(source: &str) -> Vec<(usize, &str)> {
    let mut modules = Vec::new();
    for (number, line) in source.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        assert!(
            !code.contains("crate::{"),
            "line {}: one `use` a module, or arrows go unseen: {line}",
            number + 1
        );
        for tail in code.split("crate::").skip(1) {
            let end = tail.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(tail.len());
            modules.push((number + 1, &tail[..end]));
        }
    }
    modules
}

#[test]
fn no_module_names_one_above_it_or_beside_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut arrows = 0;
    let mut upward = Vec::new();
    for file in &files {
        let inside = file.strip_prefix(&root).expect("it was found there");
        let module = inside.iter().next().and_then(|part| part.to_str()).expect("names are text");
        let module = module.trim_end_matches(".rs");
        let Some(own) = level(module) else {
            assert_eq!(module, "lib", "`{module}` has no place in the layers");
            continue;
        };
        let source = fs::read_to_string(file).expect("sources are text");
        for (line, target) in named(&source) {
            let Some(other) = level(target).filter(|_| target != module) else { continue };
            arrows += 1;
            if other >= own {
                upward.push(format!("{}:{line}: `{module}` names `{target}`", inside.display()));
            }
        }
    }
    assert!(arrows > 20, "only {arrows} arrows were seen: the test no longer reads the sources");
    assert!(upward.is_empty(), "upward arrows:\n{}", upward.join("\n"));
}

#[test]
fn every_module_has_a_place_in_the_layers() {
    let root =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).expect("lib.rs is text");
    let modules: Vec<&str> = root
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "))
        .map(|name| name.trim_end_matches(';'))
        .collect();
    assert!(modules.len() >= 8, "{modules:?}");
    for module in modules {
        assert!(level(module).is_some(), "`{module}` has no place in the layers");
    }
}
