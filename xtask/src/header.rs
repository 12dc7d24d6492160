//! `include/ndferry.h` is written by `build.rs` whenever the library is built; here a build is watched doing it.

use std::{fs, process::Command};

use crate::{
    step::{Finished, Progress, Result, Stop, Verdict},
    tools,
};

const HEADER: &str = "include/ndferry.h";
/// Writes the declarations of `python/ndferry` from the header; with `--check` it fails if they would change.
const DECLARATIONS: &str = "python/declarations.py";

pub fn run(progress: &Progress, check: bool) -> Verdict {
    tools::check()?;
    let before = read();
    let built = progress.must("read the header out of the source", &mut tools::cargo(&["check", "--lib"]))?;
    if check {
        return if is_fresh(progress, &before, &built)? { Ok(()) } else { Err(Stop::Failed) };
    }
    if let Some(why) = not_generated(&built) {
        return Err(Stop::Error(why));
    }
    progress.say(&format!("{HEADER} {}", if before == read() { "was fresh" } else { "regenerated" }));
    if declarations(progress, false)? { Ok(()) } else { Err(Stop::Failed) }
}

/// The header's text, or nothing if there is none.
pub fn read() -> Option<Vec<u8>> {
    fs::read(tools::root().join(HEADER)).ok()
}

/// Whether a build left the header as it was `before`, and the Python declarations agree with it. If not, says so.
pub fn is_fresh(progress: &Progress, before: &Option<Vec<u8>>, built: &Finished) -> Result<bool> {
    let stale = || format!("{HEADER} was stale and is regenerated now: commit it");
    if let Some(line) = not_generated(built).or_else(|| (*before != read()).then(stale)) {
        progress.say(&format!("FAILED: {line}"));
        return Ok(false);
    }
    progress.say(&format!("{HEADER} is fresh"));
    declarations(progress, true)
}

fn not_generated(built: &Finished) -> Option<String> {
    let line = built.text.lines().find(|line| line.contains("include/ndferry.h not generated: "));
    let missing = || read().is_none().then(|| format!("{HEADER} does not exist after a build"));
    line.map(str::to_owned).or_else(missing)
}

fn declarations(progress: &Progress, check: bool) -> Result<bool> {
    if !tools::root().join(DECLARATIONS).is_file() {
        return Ok(true);
    }
    let mut command = Command::new(tools::find_python(tools::OLDEST_PYTHON)?.program);
    command.arg(DECLARATIONS).args(check.then_some("--check")).current_dir(tools::root());
    let what = if check { "compare the header with" } else { "derive from the header" };
    Ok(progress.run(&format!("{what} the Python declarations"), &mut command)?.ok)
}
