//! `cargo xtask sanitize`: the tests again under what watches memory and threads. Each watcher first has to catch
//! mistakes made on purpose (`tests/canary.rs`, `cpp_tests/canaries`), so that none is off without anybody noticing.

use std::{path::Path, process::Command, time::Instant};

use crate::{
    cmake,
    count::Count,
    fakecuda, nightly,
    step::{Progress, Result, Stop, Verdict, capture},
    test, tools,
    venv::BASE,
};

/// A watcher of Rust code.
struct Watcher {
    name: &'static str,
    /// cargo's words before those that choose tests.
    cargo: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
    /// The mistakes that it must catch, and the words with which it does.
    canaries: &'static [(&'static str, &'static str)],
    /// Which tests it watches.
    tests: &'static [&'static [&'static str]],
}

/// What the address sanitizer has to see of the standard library is generic, and so compiled here, or a call of malloc.
const WATCHED: &[&str] = &["test", "--target", nightly::TARGET];
/// The standard library is built with the sanitizer too, or the thread sanitizer would not see its locks.
const WATCHED_WITH_STD: &[&str] = &["test", "-Zbuild-std", "--target", nightly::TARGET];

const WATCHERS: &[Watcher] = &[
    Watcher {
        name: "address",
        cargo: WATCHED,
        environment: &[
            ("RUSTFLAGS", "-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer"),
            ("ASAN_OPTIONS", "detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1"),
            ("NDFERRY_TEST_SECONDS", "2"),
        ],
        canaries: &[
            ("a_byte_behind_a_block_is_read", "heap-buffer-overflow"),
            ("a_block_is_forgotten", "detected memory leaks"),
        ],
        tests: &[&["--lib"], &["--test", "storm"]],
    },
    Watcher {
        name: "thread",
        cargo: WATCHED_WITH_STD,
        environment: &[
            ("RUSTFLAGS", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer"),
            ("TSAN_OPTIONS", "halt_on_error=0"),
            ("NDFERRY_TEST_SECONDS", "2"),
        ],
        canaries: &[("two_threads_write_one_number", "data race")],
        tests: &[&["--test", "storm"], &["--lib", "--", "threads", "storage::", "device::"]],
    },
    Watcher {
        name: "miri",
        cargo: &["miri", "test"],
        environment: &[("MIRIFLAGS", "-Zmiri-permissive-provenance -Zmiri-env-set=NDFERRY_TEST_SECONDS=1")],
        canaries: &[
            ("a_byte_behind_a_block_is_read", "Undefined Behavior"),
            ("a_block_is_forgotten", "memory leaked"),
            ("two_threads_write_one_number", "Data race detected"),
        ],
        tests: &[
            &["--test", "storm"],
            // `layout` and `dtype` have no unsafe code, and the engine's loops are instructions that Miri does not know.
            &[
                "--lib",
                "--",
                "storage::",
                "device::system",
                "tensor::",
                "engine::plan",
                "engine::loops",
                "protocol::",
                "--skip=every_small_float", // some thousand texts
            ],
        ],
    },
];

/// What watches programs in C and C++.
const C: &str = "c";

/// Runs the watchers that are named, or all.
pub fn run(progress: &Progress, wanted: &[String]) -> Verdict {
    let names: Vec<&str> = WATCHERS.iter().map(|watcher| watcher.name).chain([C]).collect();
    if let Some(unknown) = wanted.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(Stop::Usage(format!("`{unknown}` is none of {}", names.join(", "))));
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    tools::check()?;
    let mut total = Count::default();
    // Not watched itself, like a real one.
    let driver = fakecuda::build(progress)?;
    for watcher in WATCHERS.iter().filter(|watcher| is_wanted(watcher.name)) {
        nightly::ensure(progress)?;
        total += timed(progress, watcher.name, || watcher.run(progress, &driver))?;
    }
    if is_wanted(C) {
        total += timed(progress, C, || c_programs(progress, &driver))?;
    }
    test::conclude(total)
}

fn timed(progress: &Progress, name: &str, stage: impl FnOnce() -> Result<Count>) -> Result<Count> {
    let began = Instant::now();
    let count = stage()?;
    progress.say(&format!("{name}: {count} ({:.0} s)", began.elapsed().as_secs_f64()));
    Ok(count)
}

impl Watcher {
    fn run(&self, progress: &Progress, driver: &Path) -> Result<Count> {
        let mut total = Count::default();
        for (canary, words) in self.canaries {
            total += self.catch(progress, canary, words)?;
        }
        for tests in self.tests {
            let name = format!("run the tests {} with {}", tests.join(" "), self.name);
            let finished = progress.run(&name, self.command(tests).env("NDFERRY_CUDA_DRIVER", driver))?;
            total += test::report(progress, Count::of_cargo(&finished));
        }
        Ok(total)
    }

    /// A mistake that ends the program, with the watcher's words for it.
    fn catch(&self, progress: &Progress, canary: &str, words: &str) -> Result<Count> {
        let mut command = self.command(&["--test", "canary"]);
        command.args(["--", "--ignored", "--exact", canary]);
        let finished = capture(&mut command, false)?;
        let caught = !finished.ok && finished.text.contains(words);
        let verdict = if caught { "catches" } else { "DOES NOT CATCH" };
        progress.say(&format!("{} {verdict}: {canary}", self.name));
        if !caught {
            println!("{}", finished.text);
        }
        Ok(Count::one(caught))
    }

    fn command(&self, tests: &[&str]) -> Command {
        let mut command = nightly::cargo(self.cargo);
        command.args(tests).envs(self.environment.iter().copied());
        command.env("CARGO_TARGET_DIR", tools::root().join("target/sanitize").join(self.name));
        // What is built is used once, and of debuggers' knowledge only the lines are told.
        command.env("CARGO_INCREMENTAL", "0").env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
        command
    }
}

/// The C and C++ tests and examples, compiled with the compiler's own sanitizers. The canaries are tests among them.
fn c_programs(progress: &Progress, driver: &Path) -> Result<Count> {
    BASE.set_up(progress)?;
    let fake = format!("-DNDFERRY_FAKE_CUDA={}", driver.display());
    let built = cmake::build(progress, &["-DNDFERRY_SANITIZE=ON", &fake], "all")?;
    if !built.ok {
        return Ok(test::report(progress, Count::one(false)));
    }
    let file = test::junit_file("sanitize.xml");
    let mut command = BASE.command("ctest");
    command.arg("--test-dir").arg(cmake::folder()).args(["--no-tests=error", "--output-on-failure"]);
    command
        .args(["--parallel", &test::parallelism(), "--label-exclude", "install", "--output-junit"])
        .arg(&file);
    let finished =
        progress.run("run the C and C++ tests with the address and undefined sanitizers", &mut command)?;
    Ok(test::report(progress, Count::of_junit(&file, &finished)))
}
