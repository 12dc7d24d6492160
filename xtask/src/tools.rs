//! What must be on the machine already, and one clear line when it is not.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::step::{Progress, Result, Verdict, capture, error};

/// The oldest Python that ndferry supports.
pub const OLDEST_PYTHON: (u32, u32) = (3, 10);

/// The newest that is looked for by name.
const NEWEST_PYTHON: u32 = 14;

/// The repository's root folder.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// The shared library that `build_library` leaves.
pub fn library() -> PathBuf {
    root().join("target/release/libndferry.so")
}

/// cargo, in the repository, always with the repository's own `target/`.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command.env("CARGO_TARGET_DIR", root().join("target")).env("CARGO_TERM_COLOR", "never");
    command
}

/// Builds the shared and the static library. Not the one for Rust programs beside them: its public functions would stay in
/// the other two, a twentieth of their size.
pub fn library_command() -> Command {
    cargo(&["rustc", "--release", "--lib", "--crate-type", "cdylib,staticlib"])
}

pub fn build_library(progress: &Progress) -> Verdict {
    progress.must("build the library", &mut library_command()).map(drop)
}

/// Checks cargo and the C and C++ compilers.
pub fn check() -> Verdict {
    check_cargo()?;
    check_compiler("CC", "cc", "C")?;
    check_compiler("CXX", "c++", "C++")
}

fn check_cargo() -> Verdict {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap_or_default();
    let needed = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    let needed = needed.unwrap_or_default().trim_matches('"');
    let found = capture(&mut cargo(&["--version"]), false)?.text;
    let found = found.split_whitespace().nth(1).unwrap_or_default();
    match (major_minor(found), major_minor(needed)) {
        (Some(found_pair), Some(needed_pair)) if found_pair < needed_pair => error(format!(
            "cargo {found} is too old, ndferry needs {needed} or newer: run `rustup update stable`"
        )),
        _ => Ok(()),
    }
}

fn check_compiler(variable: &str, default: &str, language: &str) -> Verdict {
    let chosen = env::var(variable).ok().filter(|value| !value.trim().is_empty());
    // As for make and CMake, the variable may hold arguments too.
    let program = chosen.as_deref().and_then(|value| value.split_whitespace().next()).unwrap_or(default);
    match capture(Command::new(program).arg("--version"), false) {
        Ok(finished) if finished.ok => Ok(()),
        _ if chosen.is_some() => error(format!("{variable}={program} is no {language} compiler that runs")),
        _ => error(format!(
            "no {language} compiler: `{program}` does not run; install one (Debian, Ubuntu: `apt install g++`) \
             or set {variable}"
        )),
    }
}

/// A Python that can make virtual environments.
pub struct Python {
    pub program: PathBuf,
    pub version: String,
}

/// Every Python of this machine that is new enough, by minor version: one for each.
pub fn all_pythons(oldest: (u32, u32)) -> Vec<Python> {
    let names =
        (oldest.1..=NEWEST_PYTHON).flat_map(|minor| ["", "t"].map(|kind| format!("python3.{minor}{kind}")));
    let found = names.filter_map(|name| usable(name.clone().into(), probe(Path::new(&name))?, oldest).ok());
    let mut all: Vec<Python> = found.collect();
    if all.is_empty() {
        all.extend(find_python(oldest).ok());
    }
    all
}

/// `PYTHON` if set, else `python3`, else the newest `python3.x` that is new enough.
pub fn find_python(oldest: (u32, u32)) -> Result<Python> {
    if let Some(chosen) = env::var_os("PYTHON").filter(|value| !value.is_empty()) {
        let program = PathBuf::from(chosen);
        return match probe(&program) {
            Some(probed) => usable(program, probed, oldest),
            None => error(format!("PYTHON={} is no Python that runs", program.display())),
        };
    }
    let first = probe(Path::new("python3"));
    if let Some(probed) = first.clone().filter(|probed| major_minor(&probed.0) >= Some(oldest)) {
        return usable("python3".into(), probed, oldest);
    }
    for minor in (oldest.1..=NEWEST_PYTHON).rev() {
        let program = PathBuf::from(format!("python3.{minor}"));
        if let Some(probed) = probe(&program) {
            return usable(program, probed, oldest);
        }
    }
    match first {
        Some(probed) => usable("python3".into(), probed, oldest),
        None => error(format!(
            "no Python: `python3` does not run; install Python {}.{} or newer (Debian, Ubuntu: \
             `apt install python3 python3-venv`) or set PYTHON",
            oldest.0, oldest.1
        )),
    }
}

fn usable(program: PathBuf, (version, has_venv): (String, bool), oldest: (u32, u32)) -> Result<Python> {
    let name = program.display();
    let Some((major, minor)) = major_minor(&version).filter(|found| *found >= oldest) else {
        return error(format!(
            "Python {version} ({name}) is too old, {}.{} or newer is needed: install one, or set PYTHON to one",
            oldest.0, oldest.1
        ));
    };
    if !has_venv {
        return error(format!(
            "Python {version} ({name}) has no venv and ensurepip modules: run `apt install python{major}.{minor}-venv` \
             (Debian, Ubuntu), or set PYTHON to another Python, or make .venv/ yourself with `virtualenv .venv`"
        ));
    }
    Ok(Python { program, version })
}

/// The version of a Python, and whether it can make virtual environments with pip in them; `None` if it does not run.
pub fn probe(program: &Path) -> Option<(String, bool)> {
    const SCRIPT: &str = "import sys
try:
    import venv, ensurepip
    can = 'yes'
except ImportError:
    can = 'no'
print('python %d.%d.%d %s' % (tuple(sys.version_info[:3]) + (can,)))";
    let finished = capture(Command::new(program).args(["-c", SCRIPT]), false).ok().filter(|it| it.ok)?;
    let line = finished.text.lines().find_map(|line| line.strip_prefix("python "))?.to_owned();
    let (version, can) = line.split_once(' ')?;
    Some((version.to_owned(), can == "yes"))
}

/// The first two numbers of a version.
pub fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(major_minor("3.9.18") < Some((3, 10)));
        assert!(major_minor("3.10.0") >= Some((3, 10)));
        assert_eq!(major_minor("1.95"), Some((1, 95)));
        assert_eq!(major_minor("three"), None);
    }

    #[test]
    fn an_old_python_is_named_with_the_version_that_is_needed() {
        let Err(crate::step::Stop::Error(line)) = usable("old".into(), ("3.9.18".into(), true), (3, 10))
        else {
            panic!("3.9 was accepted");
        };
        assert!(line.contains("3.9.18") && line.contains("3.10") && line.contains("PYTHON"), "{line}");
    }
}
