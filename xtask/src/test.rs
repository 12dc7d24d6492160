//! `cargo xtask test`: every runner, one summary; and how a runner is run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    cmake,
    count::Count,
    fakecuda, gpu, header,
    step::{Progress, Result, Stop, Verdict},
    tools,
    venv::{BASE, Environment},
};

pub fn run(progress: &Progress) -> Verdict {
    tools::check()?;
    BASE.set_up(progress)?;
    conclude(run_all(progress)?)
}

/// The summary line, and the verdict.
pub fn conclude(count: Count) -> Verdict {
    println!("{count}");
    if count.failed == 0 { Ok(()) } else { Err(Stop::Failed) }
}

fn run_all(progress: &Progress) -> Result<Count> {
    let mut total = Count::default();
    let before = header::read();
    let built = progress.run("build the library", &mut tools::library_command())?;
    if !built.ok {
        return Ok(Count::one(false));
    }
    total += Count::one(header::is_fresh(progress, &before, &built)?);
    let driver = fakecuda::build(progress)?;
    total += rust_tests(progress)?;
    total += engine_tests(progress)?;
    total += c_tests(progress, &driver)?;
    total += python_tests(progress, &BASE, "python/tests")?;
    total += gpu::checks_on_fake(progress, &BASE)?;
    Ok(total)
}

fn rust_tests(progress: &Progress) -> Result<Count> {
    let mut command = tools::cargo(&["test", "--workspace", "--no-fail-fast"]);
    let finished = progress.run("run the Rust tests", &mut command)?;
    Ok(report(progress, Count::of_cargo(&finished)))
}

/// The engine's tests with loops as they are released, under each instruction set that this processor has.
fn engine_tests(progress: &Progress) -> Result<Count> {
    #[cfg(target_arch = "x86_64")]
    let (most, smaller) = match (is_x86_feature_detected!("avx512bw"), is_x86_feature_detected!("avx2")) {
        (true, _) => ("avx512", &["avx2", "baseline"][..]),
        (_, true) => ("avx2", &["baseline"][..]),
        _ => ("baseline", &[][..]),
    };
    #[cfg(not(target_arch = "x86_64"))]
    let (most, smaller) = ("baseline", &[][..]);
    let mut total = Count::default();
    for isa in [most].iter().chain(smaller) {
        let mut command = tools::cargo(&["test", "--release", "--lib", "engine::"]);
        command.env("NDFERRY_ISA", isa);
        let finished = progress.run(&format!("run the engine's tests with {isa}"), &mut command)?;
        total += report(progress, Count::of_cargo(&finished));
    }
    Ok(total)
}

fn c_tests(progress: &Progress, driver: &Path) -> Result<Count> {
    let fake = format!("-DNDFERRY_FAKE_CUDA={}", driver.display());
    let built =
        cmake::build(progress, &["-DNDFERRY_BUILD_TESTS=ON", "-DNDFERRY_BUILD_EXAMPLES=ON", &fake], "all")?;
    if !built.ok {
        return Ok(report(progress, Count::one(false)));
    }
    let file = junit_file("ctest.xml");
    let mut command = BASE.command("ctest");
    command.arg("--test-dir").arg(cmake::folder()).args(["--no-tests=error", "--output-on-failure"]);
    command.args(["--parallel", &parallelism(), "--output-junit"]).arg(&file);
    let finished = progress.run("run the C and C++ tests and examples", &mut command)?;
    let count = Count::of_junit(&file, &finished);
    let text = fs::read_to_string(&file).unwrap_or_default();
    let reasons = text.lines().filter_map(|line| line.find("skipped: ").map(|at| &line[at..]));
    say_once(progress, reasons.map(|line| line.split('<').next().unwrap_or(line)));
    Ok(report(progress, count))
}

/// Runs a folder of tests in an environment.
pub fn python_tests(progress: &Progress, environment: &Environment, folder: &str) -> Result<Count> {
    let file = junit_file("pytest.xml");
    let mut command = environment.python();
    command.args(["-m", "pytest", folder, "-q", "-rs", "-p", "no:cacheprovider"]);
    command.arg(format!("--junitxml={}", file.display()));
    let finished = progress.run(&format!("run the Python tests in {folder}/"), &mut command)?;
    say_once(progress, finished.text.lines().filter(|line| line.starts_with("SKIPPED [")));
    Ok(report(progress, Count::of_junit(&file, &finished)))
}

/// Where a runner writes its results; a file of an earlier run is removed, so that it cannot be counted again.
pub fn junit_file(name: &str) -> PathBuf {
    let file = tools::root().join("target").join(name);
    // If it was not there, there is nothing to remove.
    let _ = fs::remove_file(&file);
    file
}

pub fn parallelism() -> String {
    std::thread::available_parallelism().map_or(1, usize::from).to_string()
}

fn say_once<'a>(progress: &Progress, lines: impl Iterator<Item = &'a str>) {
    let mut said: Vec<&str> = Vec::new();
    for line in lines {
        if !said.contains(&line) {
            progress.say(&format!("  {line}"));
            said.push(line);
        }
    }
}

pub fn report(progress: &Progress, count: Count) -> Count {
    progress.say(&format!("  {count}"));
    count
}
