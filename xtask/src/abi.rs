//! `cargo xtask abi`: the binary interface, written down in `abi/` and held to, and to what was released.

use std::process::Command;

use crate::{
    step::{Progress, Stop, Verdict, capture},
    tools,
};

const RECORD: &str = "abi/gate.py";
const VERSIONS: &str = "abi/versions.py";

pub fn run(progress: &Progress, check: bool) -> Verdict {
    script(progress, "compare the header with abi/ndferry.json", RECORD, check.then_some("--check"))?;
    script(progress, "compare the header with those that were released", VERSIONS, [])?;
    with_libabigail(progress)?;
    tools::build_library(progress)?;
    let library = tools::library();
    script(
        progress,
        "look for every function in the library",
        RECORD,
        ["--library", &library.to_string_lossy()],
    )
}

/// Keeps the headers of this version, and what libabigail extracts from them.
pub fn keep(progress: &Progress) -> Verdict {
    script(progress, "keep the headers of this version in abi/", VERSIONS, ["--keep"])
}

fn with_libabigail(progress: &Progress) -> Verdict {
    let name = "compare by libabigail what released headers and this one say";
    if !cfg!(target_arch = "x86_64") || capture(Command::new("abidiff").arg("--version"), false).is_err() {
        progress.say(&format!("skipped: {name}: needs abidiff (Debian: abigail-tools) on x86-64"));
        return Ok(());
    }
    script(progress, name, VERSIONS, ["--abigail"])
}

fn script<'a>(
    progress: &Progress,
    name: &str,
    script: &str,
    options: impl IntoIterator<Item = &'a str>,
) -> Verdict {
    let mut command = Command::new(tools::find_python(tools::OLDEST_PYTHON)?.program);
    command.arg(script).args(options).current_dir(tools::root()).env("PYTHONDONTWRITEBYTECODE", "1");
    if progress.run(name, &mut command)?.ok { Ok(()) } else { Err(Stop::Failed) }
}
