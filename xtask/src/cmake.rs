//! The C and C++ side, built by the CMake and Ninja of `.venv/` in `target/cmake`.

use std::path::PathBuf;

use crate::{
    step::{Finished, Progress, Result},
    tools,
    venv::BASE,
};

pub fn folder() -> PathBuf {
    tools::root().join("target/cmake")
}

/// Configures with the given cache entries and builds one target.
pub fn build(progress: &Progress, entries: &[&str], target: &str) -> Result<Finished> {
    let mut configure = BASE.command("cmake");
    // Fresh, so that no compiler or option of an earlier run is remembered.
    configure.args(["--fresh", "-G", "Ninja", "-S", ".", "-B"]).arg(folder());
    configure.args(["-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_COMPILE_WARNING_AS_ERROR=ON"]);
    configure.arg(format!("-DNDFERRY_PYTHON={}", BASE.program("python3").display())).args(entries);
    let configured = progress.run("configure the C and C++ programs", &mut configure)?;
    if !configured.ok {
        return Ok(configured);
    }
    let mut build = BASE.command("cmake");
    build.arg("--build").arg(folder()).args(["--target", target]);
    progress.run("build the C and C++ programs", &mut build)
}
