//! `cargo xtask abi`: the binary interface, written down in `abi/` and held to.

use std::process::Command;

use crate::{
    step::{Progress, Stop, Verdict},
    tools,
};

pub fn run(progress: &Progress, check: bool) -> Verdict {
    gate(progress, "compare the header with abi/ndferry.json", check.then_some("--check"))?;
    tools::build_library(progress)?;
    let library = tools::library();
    gate(progress, "look for every function in the library", ["--library", &library.to_string_lossy()])
}

fn gate<'a>(progress: &Progress, name: &str, options: impl IntoIterator<Item = &'a str>) -> Verdict {
    let mut command = Command::new(tools::find_python(tools::OLDEST_PYTHON)?.program);
    command.arg("abi/gate.py").args(options).current_dir(tools::root()).env("PYTHONDONTWRITEBYTECODE", "1");
    if progress.run(name, &mut command)?.ok { Ok(()) } else { Err(Stop::Failed) }
}
