//! `cargo xtask wheel`: one wheel for every Python 3, built, type-checked, and tried where nothing else is installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    step::{Progress, Result, Stop, Verdict, error},
    tools,
    venv::WHEEL,
};

pub fn run(progress: &Progress) -> Verdict {
    tools::check()?;
    WHEEL.set_up(progress)?;
    let folder = tools::root().join("target/wheel");
    // If it was not there, there is nothing to remove.
    let _ = fs::remove_dir_all(&folder);
    let wheel = build(progress, &folder)?;
    check_types(progress)?;
    for python in tools::all_pythons(tools::OLDEST_PYTHON) {
        try_out(progress, &python, &wheel, &folder)?;
    }
    progress.say(&format!("{} is whole", wheel.display()));
    Ok(())
}

/// Builds the wheel and gives it the name of the oldest system that it runs on.
fn build(progress: &Progress, folder: &Path) -> Result<PathBuf> {
    let raw = folder.join("raw");
    let mut pip = WHEEL.command("python");
    pip.args(["-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]);
    pip.arg("--wheel-dir").arg(&raw);
    progress.must("build the wheel", &mut pip)?;
    let mut repair = WHEEL.command("auditwheel");
    repair.args(["repair", "--plat", "auto", "--wheel-dir"]).arg(folder).arg(only_wheel(&raw)?);
    progress.must("find out which systems it runs on", &mut repair)?;
    only_wheel(folder)
}

fn only_wheel(folder: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut wheels = entries.filter(|path| path.extension().is_some_and(|extension| extension == "whl"));
    match (wheels.next(), wheels.next()) {
        (Some(wheel), None) => Ok(wheel),
        _ => error(format!("there is not one wheel in {}", folder.display())),
    }
}

/// The package as a user's type checker sees it, and a user's program.
fn check_types(progress: &Progress) -> Verdict {
    let mut mypy = WHEEL.command("mypy");
    mypy.args(["--strict", "--cache-dir", "target/mypy", "python/ndferry", "python/typed.py"]);
    let mut pyright = WHEEL.command("pyright");
    pyright.args(["--pythonpath"]).arg(WHEEL.program("python")).args(["python/ndferry", "python/typed.py"]);
    for (name, command) in [("mypy", &mut mypy), ("pyright", &mut pyright)] {
        if !progress.run(&format!("check the package's types with {name}"), command)?.ok {
            return Err(Stop::Failed);
        }
    }
    Ok(())
}

/// Installs the wheel in an environment of its own, and uses it there.
fn try_out(progress: &Progress, python: &tools::Python, wheel: &Path, folder: &Path) -> Verdict {
    let environment = folder.join(format!("python-{}", python.version));
    let program = environment.join("bin/python");
    let mut make = Command::new(&python.program);
    make.args(["-m", "venv"]).arg(&environment);
    progress.must(&format!("make an environment with Python {}", python.version), &mut make)?;
    let mut install = Command::new(&program);
    install.args(["-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check"]).arg(wheel);
    progress.must("install the wheel", &mut install)?;
    let mut check = Command::new(&program);
    // Isolated, or what lies beside the script would be found before what is installed.
    check
        .arg("-I")
        .arg(tools::root().join("python/installed.py"))
        .arg(tools::root().join("c_examples/hello.c"));
    check.current_dir(folder).env_remove("NDFERRY_LIBRARY");
    progress.must("use it", &mut check).map(|finished| progress.say(finished.text.trim()))
}
