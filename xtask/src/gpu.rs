//! `cargo xtask gpu`: everything that wants a GPU, packed so that it runs where there is one and nothing to compile with,
//! and run here if a driver is here, or with `--fake` on the one that pretends.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    cmake,
    count::Count,
    fakecuda,
    step::{Progress, Result, Stop, Verdict, error},
    test, tools,
    venv::{BASE, Environment},
};

/// Programs that use a device, of those that are built; each says so where there is none.
const PROGRAMS: [&str; 3] = ["c_examples/cuda_round_trip", "c_examples/own_kernel", "cpp_tests/test_cuda"];

pub fn run(progress: &Progress, fake: bool) -> Verdict {
    tools::check()?;
    BASE.set_up(progress)?;
    tools::build_library(progress)?;
    let bundle = pack(progress)?;
    if fake {
        let mut command = fake_command(progress, &BASE)?;
        return progress
            .show("check on the fake driver", command.arg("--report").arg(tools::root().join("target/gpu")));
    }
    // The machine's own Python, which has the machine's own libraries.
    let mut command = Command::new(tools::find_python(tools::OLDEST_PYTHON)?.program);
    command.arg(bundle.join("gpu/run.py")).arg("--bundle").arg(&bundle);
    command.arg("--report").arg(tools::root().join("docs/measurements")).current_dir(tools::root());
    progress.show("check and measure on the GPU", &mut command)
}

/// The checks with the libraries of an environment, on the driver that pretends.
pub fn checks_on_fake(progress: &Progress, environment: &Environment) -> Result<Count> {
    pack(progress)?;
    let finished =
        progress.run("run the GPU checks on the fake driver", &mut fake_command(progress, environment)?)?;
    Ok(test::report(progress, Count::of_summary(&finished)))
}

fn fake_command(progress: &Progress, environment: &Environment) -> Result<Command> {
    let driver = fakecuda::build(progress)?;
    let mut command = environment.command("python");
    command.arg(folder().join("gpu/run.py")).arg("--fake").arg("--bundle").arg(folder());
    command.env("NDFERRY_CUDA_DRIVER", &driver).env("PYTHONDONTWRITEBYTECODE", "1");
    // Other libraries look for the driver by its name.
    command.env("LD_LIBRARY_PATH", driver.parent().unwrap_or(&driver));
    Ok(command)
}

/// `cargo xtask bench cuda`.
pub fn bench(progress: &Progress, smoke: bool) -> Verdict {
    tools::check()?;
    BASE.set_up(progress)?;
    tools::build_library(progress)?;
    let script = tools::root().join("python/gpu/bench.py");
    let mut command = BASE.python();
    command.arg(script);
    if smoke {
        let driver = fakecuda::build(progress)?;
        command.args(["--smoke", "--fake"]).env("NDFERRY_CUDA_DRIVER", driver);
    }
    progress.show("measure copies and conversions on the GPU", &mut command)
}

fn folder() -> PathBuf {
    tools::root().join("target/gpu")
}

/// Puts what is needed on a machine with a GPU into one folder.
fn pack(progress: &Progress) -> Result<PathBuf> {
    if !cmake::build(progress, &["-DNDFERRY_BUILD_TESTS=ON", "-DNDFERRY_BUILD_EXAMPLES=ON"], "all")?.ok {
        return Err(Stop::Failed);
    }
    let bundle = folder();
    // If it was not there, there is nothing to remove.
    let _ = fs::remove_dir_all(&bundle);
    let root = tools::root();
    copy(&tools::library(), &bundle.join("lib/libndferry.so.0"))?;
    for program in PROGRAMS {
        let from = cmake::folder().join(program);
        let name = from.file_name().unwrap_or_default().to_owned();
        copy(&from, &bundle.join("programs").join(name))?;
    }
    copy_folder(&root.join("python/ndferry"), &bundle.join("python/ndferry"))?;
    copy_folder(&root.join("python/gpu"), &bundle.join("gpu"))?;
    progress.say(&format!("packed what a machine with a GPU needs: {}", bundle.display()));
    Ok(bundle)
}

fn copy_folder(from: &Path, to: &Path) -> Verdict {
    let entries =
        fs::read_dir(from).or_else(|why| error(format!("cannot read {}: {why}", from.display())))?;
    for entry in entries.flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true if entry.file_name() == "__pycache__" => {}
            true => copy_folder(&path, &target)?,
            false => copy(&path, &target)?,
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Verdict {
    let made = fs::create_dir_all(to.parent().unwrap_or(to)).and_then(|()| fs::copy(from, to));
    made.map(drop).or_else(|why| error(format!("cannot copy {} to {}: {why}", from.display(), to.display())))
}
