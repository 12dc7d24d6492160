//! `cargo xtask bench [exchange] [--smoke] [--peers]`: measurements, in C and in Python.

use std::process::Command;

use crate::{
    cmake,
    step::{Progress, Stop, Verdict, error},
    tools,
    venv::{BASE, INTEROP},
};

pub fn run(progress: &Progress, names: &[String], smoke: bool, peers: bool) -> Verdict {
    if let Some(other) = names.iter().find(|name| *name != "exchange") {
        return Err(Stop::Usage(format!("there is no benchmark `{other}`")));
    }
    exchange(progress, smoke, peers)
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
