//! The Python environments: pinned packages, installed once and again only when a lock file changes.

use std::{env, fs, path::PathBuf, process::Command};

use crate::{
    step::{Progress, Result, Verdict, error},
    tools,
};

/// A folder at the repository's root, and the lock files in `python/requirements/` that fill it.
pub struct Environment {
    name: &'static str,
    sets: &'static [&'static str],
    oldest_python: (u32, u32),
}

/// What cmake, ninja, the tests and the demo need: about 100 MB to fetch.
pub const BASE: Environment =
    Environment { name: ".venv", sets: &["base", "photo"], oldest_python: tools::OLDEST_PYTHON };
/// The same with PyTorch.
pub const WITH_TORCH: Environment = Environment { sets: &["base", "photo", "torch"], ..BASE };
/// The same with what builds and checks a wheel.
pub const WHEEL: Environment = Environment { sets: &["base", "photo", "wheel"], ..BASE };
/// Every library that ndferry is proved against.
pub const INTEROP: Environment =
    Environment { name: ".venv-interop", sets: &["interop"], oldest_python: (3, 11) };
/// The same with what the engine is measured against: about 1 GB more.
pub const BENCH: Environment = Environment { sets: &["interop", "bench"], ..INTEROP };
/// The last NumPy before 2.0, with what still works beside it.
pub const NUMPY1: Environment =
    Environment { name: ".venv-numpy1", sets: &["numpy1"], oldest_python: (3, 11) };
/// What makes the documentation's site: about 15 MB to fetch.
pub const DOCS: Environment = Environment { name: ".venv-docs", sets: &["docs"], oldest_python: (3, 11) };
/// The compiler and the assembler of the CUDA kernels: about 60 MB to fetch.
pub const KERNELS: Environment =
    Environment { name: ".venv-kernels", sets: &["kernels"], oldest_python: tools::OLDEST_PYTHON };

impl Environment {
    /// A program in the environment, such as `python` or `cmake`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder().join("bin").join(name)
    }

    /// A command that runs a program of the environment, with the environment first in `PATH`.
    pub fn command(&self, name: &str) -> Command {
        let mut paths = vec![self.folder().join("bin")];
        paths.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let mut command = Command::new(self.program(name));
        command.current_dir(tools::root());
        if let Ok(joined) = env::join_paths(paths) {
            command.env("PATH", joined);
        }
        command
    }

    /// Python with the package of the checkout and the library that was just built.
    pub fn python(&self) -> Command {
        let mut command = self.command("python");
        command.env("PYTHONPATH", tools::root().join("python")).env("NDFERRY_LIBRARY", tools::library());
        command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONHOME");
        command
    }

    /// Makes the environment if there is none that works, and installs the locked sets that are not there yet.
    pub fn set_up(&self, progress: &Progress) -> Verdict {
        if !self.is_usable()? {
            let python = tools::find_python(self.oldest_python)?;
            let mut create = Command::new(&python.program);
            create.args(["-m", "venv", "--clear"]).arg(self.folder()).current_dir(tools::root());
            progress.must(&format!("make {}/ with Python {}", self.name, python.version), &mut create)?;
        }
        self.sets.iter().try_for_each(|set| self.install(progress, set))
    }

    /// A file that a package installed.
    pub fn installed(&self, path: &str) -> Result<PathBuf> {
        let versions = fs::read_dir(self.folder().join("lib")).into_iter().flatten().flatten();
        let mut found = versions.map(|version| version.path().join("site-packages").join(path));
        match found.find(|file| file.is_file()) {
            Some(file) => Ok(file),
            None => error(format!("{}/ has no {path}: delete it and run this again", self.name)),
        }
    }

    fn folder(&self) -> PathBuf {
        tools::root().join(self.name)
    }

    /// Whether the folder holds a Python that runs and is the one that `PYTHON` asks for, if it asks.
    fn is_usable(&self) -> Result<bool> {
        let Some((here, _)) = tools::probe(&self.program("python")) else { return Ok(false) };
        if env::var_os("PYTHON").is_none_or(|value| value.is_empty()) {
            return Ok(tools::major_minor(&here) >= Some(self.oldest_python));
        }
        Ok(tools::find_python(self.oldest_python)?.version == here)
    }

    fn install(&self, progress: &Progress, set: &str) -> Verdict {
        let lock = tools::root().join("python/requirements").join(format!("{set}.txt"));
        let Ok(wanted) = fs::read_to_string(&lock) else {
            return error(format!("cannot read {}", lock.display()));
        };
        // A copy of the lock file is left beside what it installed.
        let installed = self.folder().join(format!("{set}.installed"));
        if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
            return Ok(());
        }
        let (size, portions) = if wanted.contains("\ntorch==") {
            (" (PyTorch and its CUDA libraries: about 3 GB to fetch)", 8)
        } else {
            ("", 1)
        };
        let begun = format!("install {set}.txt in {}/{size}", self.name);
        for (index, text) in deal(&wanted, portions).iter().enumerate() {
            let portion = self.folder().join("portion.txt");
            fs::write(&portion, text)
                .or_else(|why| error(format!("cannot write {}: {why}", portion.display())))?;
            let mut pip = self.command("python");
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
            pip.args(["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r"]).arg(&portion);
            let name =
                if index == 0 { begun.clone() } else { format!("and part {} of {portions}", index + 1) };
            let finished = progress.run(&name, &mut pip)?;
            if !finished.ok {
                return error(self.explain(set, &finished.text));
            }
        }
        fs::write(&installed, wanted)
            .or_else(|why| error(format!("cannot write {}: {why}", installed.display())))
    }

    fn explain(&self, set: &str, output: &str) -> String {
        const NETWORK: [&str; 6] = [
            "Failed to establish a new connection",
            "Temporary failure in name resolution",
            "Max retries exceeded",
            "Read timed out",
            "ProxyError",
            "SSLError",
        ];
        if output.contains("No module named pip") {
            format!(
                "{0}/ has no pip: delete it and run this again, or `virtualenv {0}` to make one that has",
                self.name
            )
        } else if NETWORK.iter().any(|sign| output.contains(sign)) {
            "pip cannot reach the package index: check the network, or set PIP_INDEX_URL to a mirror, and run this again".into()
        } else if output.contains("No space left on device") {
            format!("the disk is full: {}/ and what is fetched for it take up to 10 GB", self.name)
        } else if output.contains("(from versions: none)") {
            "the package index does not answer or has nothing for this machine: check the network, or set PIP_INDEX_URL".into()
        } else {
            format!("pip could not install python/requirements/{set}.txt: its reason is above")
        }
    }
}

/// A lock file's packages dealt in turn to `portions` lock files: pip keeps everything that it fetches for a file on the
/// disk until it has installed all of it, and the large packages stand side by side.
fn deal(lock: &str, portions: usize) -> Vec<String> {
    let mut dealt = vec![String::new(); portions];
    let mut packages = 0;
    for line in lock.lines().filter(|line| !line.starts_with('#')) {
        packages += usize::from(!line.starts_with(' '));
        let portion = &mut dealt[packages.saturating_sub(1) % portions];
        portion.push_str(line);
        portion.push('\n');
    }
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_failure_is_told_from_a_bad_lock() {
        assert!(BASE.explain("base", "… Temporary failure in name resolution …").contains("network"));
        assert!(INTEROP.explain("interop", "[Errno 28] No space left on device").contains("10 GB"));
        assert!(BASE.explain("base", "THESE PACKAGES DO NOT MATCH THE HASHES").contains("base.txt"));
    }

    #[test]
    fn portions_of_a_lock_hold_every_package_once_with_its_hashes() {
        let lock = "# made by\na==1 \\\n    --hash=x\nb==2 \\\n    --hash=y \\\n    --hash=z\nc==3\n";
        let dealt = deal(lock, 2);
        assert_eq!(dealt, ["a==1 \\\n    --hash=x\nc==3\n", "b==2 \\\n    --hash=y \\\n    --hash=z\n"]);
    }
}
