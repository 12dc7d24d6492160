//! `.venv/`: the pinned Python packages, installed once and again only when a lock file changes.

use std::{env, fs, path::PathBuf, process::Command};

use crate::{
    step::{Progress, Result, Verdict, error},
    tools,
};

/// What cmake, ninja, the tests and the demo need: about 100 MB to fetch.
pub const BASE: &[&str] = &["base", "photo"];
pub const TORCH: &str = "torch";

/// A program in the environment, such as `python` or `cmake`.
pub fn program(name: &str) -> PathBuf {
    folder().join("bin").join(name)
}

/// A command that runs a program of the environment, with the environment first in `PATH`.
pub fn command(name: &str) -> Command {
    let mut paths = vec![folder().join("bin")];
    paths.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let mut command = Command::new(program(name));
    command.current_dir(tools::root());
    if let Ok(joined) = env::join_paths(paths) {
        command.env("PATH", joined);
    }
    command
}

/// Python with the package of the checkout and the library that was just built.
pub fn python() -> Command {
    let mut command = command("python");
    command.env("PYTHONPATH", tools::root().join("python")).env("NDFERRY_LIBRARY", tools::library());
    command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONHOME");
    command
}

/// Makes the environment if there is none that works, and installs the locked sets that are not there yet.
pub fn set_up(progress: &Progress, sets: &[&str]) -> Verdict {
    if !is_usable()? {
        let python = tools::find_python()?;
        let mut create = Command::new(&python.program);
        create.args(["-m", "venv", "--clear"]).arg(folder()).current_dir(tools::root());
        progress.must(&format!("make .venv/ with Python {}", python.version), &mut create)?;
    }
    sets.iter().try_for_each(|set| install(progress, set))
}

fn folder() -> PathBuf {
    tools::root().join(".venv")
}

/// Whether `.venv/` holds a Python that runs and is the one that `PYTHON` asks for, if it asks.
fn is_usable() -> Result<bool> {
    let Some((here, _)) = tools::probe(&program("python")) else { return Ok(false) };
    if env::var_os("PYTHON").is_none_or(|value| value.is_empty()) {
        return Ok(tools::major_minor(&here) >= Some((3, 10)));
    }
    Ok(tools::find_python()?.version == here)
}

fn install(progress: &Progress, set: &str) -> Verdict {
    let lock = tools::root().join("python/requirements").join(format!("{set}.txt"));
    let Ok(wanted) = fs::read_to_string(&lock) else {
        return error(format!("cannot read {}", lock.display()));
    };
    // A copy of the lock file is left beside what it installed.
    let installed = folder().join(format!("{set}.installed"));
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    let size = if set == TORCH { " (PyTorch and its CUDA libraries: about 3 GB to fetch)" } else { "" };
    let mut pip = command("python");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    pip.args(["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r"]).arg(&lock);
    let finished = progress.run(&format!("install {set}.txt in .venv/{size}"), &mut pip)?;
    if !finished.ok {
        return error(explain(set, &finished.text));
    }
    fs::write(&installed, wanted).or_else(|why| error(format!("cannot write {}: {why}", installed.display())))
}

fn explain(set: &str, output: &str) -> String {
    const NETWORK: [&str; 6] = [
        "Failed to establish a new connection",
        "Temporary failure in name resolution",
        "Max retries exceeded",
        "Read timed out",
        "ProxyError",
        "SSLError",
    ];
    if output.contains("No module named pip") {
        ".venv/ has no pip: delete it and run this again, or `virtualenv .venv` to make one that has".into()
    } else if NETWORK.iter().any(|sign| output.contains(sign)) {
        "pip cannot reach the package index: check the network, or set PIP_INDEX_URL to a mirror, and run this again".into()
    } else if output.contains("(from versions: none)") {
        "the package index does not answer or has nothing for this machine: check the network, or set PIP_INDEX_URL".into()
    } else {
        format!("pip could not install python/requirements/{set}.txt: its reason is above")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_failure_is_told_from_a_bad_lock() {
        assert!(explain("base", "… Temporary failure in name resolution …").contains("network"));
        assert!(explain("base", "THESE PACKAGES DO NOT MATCH THE HASHES").contains("base.txt"));
    }
}
