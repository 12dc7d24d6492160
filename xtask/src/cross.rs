//! `cargo xtask cross`: the library and its Rust tests for 64-bit ARM, run by an emulator.

use std::process::Command;

use crate::{
    count::Count,
    step::{Progress, Result, Verdict, capture, error},
    test, tools,
};

const TARGET: &str = "aarch64-unknown-linux-gnu";
const LINKER: &str = "aarch64-linux-gnu-gcc";

/// The emulator, and where Debian keeps the C library of the target.
const EMULATOR: [&str; 3] = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"];

/// How long tests of random cases may take, each: emulated code is some twenty times as slow.
const SECONDS: &str = "10";

pub fn run(progress: &Progress) -> Verdict {
    for program in [LINKER, EMULATOR[0]] {
        if !capture(Command::new(program).arg("--version"), false).is_ok_and(|finished| finished.ok) {
            return error(format!(
                "`{program}` does not run; install it (Debian, Ubuntu: `apt install qemu-user gcc-aarch64-linux-gnu \
                 libc6-dev-arm64-cross`)"
            ));
        }
    }
    progress.must("add the target to Rust", Command::new("rustup").args(["target", "add", TARGET]))?;
    let mut total = Count::default();
    let built = progress.run("build the library", &mut cargo(&["build", "--release", "--lib"]))?;
    total += Count::one(built.ok);
    total += tests(progress)?;
    test::conclude(total)
}

fn tests(progress: &Progress) -> Result<Count> {
    let mut command = cargo(&["test", "--release", "--lib"]);
    command.env("NDFERRY_TEST_SECONDS", SECONDS);
    let finished = progress.run("run the Rust tests of the library", &mut command)?;
    Ok(test::report(progress, Count::of_cargo(&finished)))
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = tools::cargo(arguments);
    command.args(["--target", TARGET]);
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER);
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", EMULATOR.join(" "));
    command
}
