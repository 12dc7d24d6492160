//! `cargo xtask interop`: every protocol against the real libraries, in their current releases and beside NumPy 1.26.

use crate::{
    count::Count,
    gpu,
    step::{Progress, Verdict},
    test, tools,
    venv::{BASE, INTEROP, NUMPY1},
};

/// The tests that need the libraries, and the package's own, of which some wait for a library to be there.
const FOLDERS: [&str; 2] = ["python/interop", "python/tests"];

pub fn run(progress: &Progress) -> Verdict {
    tools::check()?;
    tools::build_library(progress)?;
    let mut total = Count::default();
    for environment in [INTEROP, NUMPY1] {
        environment.set_up(progress)?;
        for folder in FOLDERS {
            total += test::python_tests(progress, &environment, folder)?;
        }
    }
    BASE.set_up(progress)?; // which builds the C programs
    total += gpu::checks_on_fake(progress, &INTEROP)?;
    test::conclude(total)
}
