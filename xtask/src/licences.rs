//! `cargo xtask licences`: whose work the library contains, and under which licences.

use std::process::Command;

use crate::{
    step::{Progress, Stop, Verdict},
    tools,
};

/// Writes `LICENSE-THIRD-PARTY`, unless a crate's licence is not allowed; with `--check` it fails if it would change.
const LIST: &str = "xtask/src/licences.py";

pub fn run(progress: &Progress, check: bool) -> Verdict {
    let mut command = Command::new(tools::find_python(tools::OLDEST_PYTHON)?.program);
    command.arg(LIST).args(check.then_some("--check")).current_dir(tools::root());
    let finished = progress.run("list whose work the library contains", &mut command)?;
    if !finished.ok {
        return Err(Stop::Failed);
    }
    progress.say(finished.text.trim());
    Ok(())
}
