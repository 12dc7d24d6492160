//! `cargo xtask long`: what `cargo xtask test` sees the beginning of, seen through.

use std::process::Command;

use crate::{
    cmake,
    step::{Progress, Verdict, error},
    tools,
    venv::BASE,
};

/// The programs in `cpp_tests/long_life`.
const PROGRAMS: [&str; 2] = ["test_long_life", "test_reload"];

pub fn run(progress: &Progress) -> Verdict {
    tools::check()?;
    BASE.set_up(progress)?;
    for program in PROGRAMS {
        if !cmake::build(progress, &["-DNDFERRY_BUILD_TESTS=ON"], program)?.ok {
            return error("could not build cpp_tests/long_life: the output is above");
        }
        let mut command = Command::new(cmake::folder().join("cpp_tests/long_life").join(program));
        progress.show(&format!("run {program}"), command.env("NDFERRY_LONG_LIFE", "1"))?;
    }
    Ok(())
}
