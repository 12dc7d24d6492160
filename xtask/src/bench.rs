//! `cargo xtask bench [exchange | engine | cuda] [--smoke] [--peers] [-- …]`: measurements, in C and in Python.

use std::{path::PathBuf, process::Command};

use crate::{
    cmake, gpu,
    step::{Progress, Result, Stop, Verdict, error},
    tools,
    venv::{BASE, BENCH, INTEROP},
};

pub fn run(progress: &Progress, names: &[String], smoke: bool, peers: bool) -> Verdict {
    let (names, rest) = match names.iter().position(|name| name == "--") {
        Some(at) => (&names[..at], &names[at + 1..]),
        None => (names, &[][..]),
    };
    match names {
        [] => exchange(progress, smoke, peers),
        [one] if one == "exchange" => exchange(progress, smoke, peers),
        [one] if one == "engine" => engine(progress, smoke, peers, rest),
        [one] if one == "cuda" => gpu::bench(progress, smoke),
        [one, extra, ..] if matches!(one.as_str(), "exchange" | "engine" | "cuda") => Err(Stop::Usage(
            format!("unexpected argument `{extra}`; options of the benchmark stand behind --"),
        )),
        [other, ..] => Err(Stop::Usage(format!("there is no benchmark `{other}`"))),
    }
}

/// Copies and conversions against everybody else's: `benches/engine/run.py`, which gets `rest`.
fn engine(progress: &Progress, smoke: bool, peers: bool, rest: &[String]) -> Verdict {
    tools::check()?;
    let environment = if peers { BENCH } else { BASE };
    BASE.set_up(progress)?; // which builds the clock in C
    environment.set_up(progress)?;
    tools::build_library(progress)?;
    if !cmake::build(progress, &["-DNDFERRY_BUILD_BENCHES=ON"], "bench_engine")?.ok {
        return error("could not build benches/: the output is above");
    }
    let mut python = environment.python();
    if peers {
        python.env("NDFERRY_RUST_PEERS", rust_peers(progress)?);
    }
    python
        .args(["benches/engine/run.py", "--timing"])
        .arg(cmake::folder().join("benches/libbench_timing.so"));
    progress.show("measure copies and conversions", python.args(smoke.then_some("--smoke")).args(rest))
}

/// The crates that Rust programs use instead: a workspace of its own, whose crates never reach the library.
fn rust_peers(progress: &Progress) -> Result<PathBuf> {
    let target = tools::root().join("target/rust-peers");
    let mut build = tools::cargo(&["build", "--release", "--locked"]);
    build.current_dir(tools::root().join("benches/engine/rust-peers")).env("CARGO_TARGET_DIR", &target);
    progress.must("build the Rust peers", &mut build)?;
    Ok(target.join("release/librust_peers.so"))
}

/// The cost of handing small tensors around: the program `bench_exchange` of `benches/CMakeLists.txt`, then its twin in Python.
fn exchange(progress: &Progress, smoke: bool, peers: bool) -> Verdict {
    let root = tools::root();
    for needed in ["benches/CMakeLists.txt", "benches/exchange.py"] {
        if !root.join(needed).is_file() {
            return Err(Stop::NotBuilt(needed.into()));
        }
    }
    tools::check()?;
    let environment = if peers { INTEROP } else { BASE };
    BASE.set_up(progress)?; // which builds the C program
    environment.set_up(progress)?;
    tools::build_library(progress)?;
    if !cmake::build(progress, &["-DNDFERRY_BUILD_BENCHES=ON"], "bench_exchange")?.ok {
        return error("could not build benches/: the output is above");
    }
    let flag = smoke.then_some("--smoke");
    let mut program = Command::new(cmake::folder().join("benches/bench_exchange"));
    progress.show("measure from C", program.args(flag).current_dir(&root))?;
    progress.show("measure from Python", environment.python().arg("benches/exchange.py").args(flag))
}
