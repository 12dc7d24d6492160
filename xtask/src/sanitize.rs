//! `cargo xtask sanitize`: the tests again under what watches memory and threads. Each watcher first has to catch a
//! mistake made on purpose (`tests/canary.rs`), so that none is off without anybody noticing.

use std::process::Command;

use crate::{
    cmake,
    count::Count,
    step::{Finished, Progress, Result, Verdict, capture, error},
    test, tools,
    venv::BASE,
};

pub const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What is missing where there is no such toolchain.
pub const NO_NIGHTLY: &str = "this needs a nightly toolchain with its library's source, and Miri: \
    `rustup toolchain install nightly --component rust-src,miri`";

/// How long tests of random cases may take, each: watched code is slow.
const SECONDS: &str = "2";

/// A watcher of Rust code.
struct Watcher {
    name: &'static str,
    /// What rustc calls it.
    sanitizer: &'static str,
    /// Its options, as an environment variable.
    options: (&'static str, &'static str),
    /// The mistakes that it must catch, and the words with which it does.
    canaries: &'static [(&'static str, &'static str)],
    /// Which tests it watches.
    tests: &'static [&'static [&'static str]],
}

const WATCHERS: &[Watcher] = &[
    Watcher {
        name: "address",
        sanitizer: "address",
        options: (
            "ASAN_OPTIONS",
            "detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1",
        ),
        canaries: &[
            ("a_byte_behind_a_block_is_read", "heap-buffer-overflow"),
            ("a_block_is_forgotten", "detected memory leaks"),
        ],
        tests: &[&["--lib"], &["--test", "storm"]],
    },
    Watcher {
        name: "thread",
        sanitizer: "thread",
        options: ("TSAN_OPTIONS", "halt_on_error=0"),
        canaries: &[("two_threads_write_one_number", "data race")],
        tests: &[
            &["--test", "storm"],
            &["--lib", "threads"],
            &["--lib", "storage::"],
            &["--lib", "device::"],
        ],
    },
];

pub fn run(progress: &Progress) -> Verdict {
    tools::check()?;
    if !has_nightly() {
        return error(NO_NIGHTLY);
    }
    let mut total = Count::default();
    for watcher in WATCHERS {
        total += watcher.run(progress)?;
    }
    total += miri(progress)?;
    total += c_programs(progress)?;
    test::conclude(total)
}

pub fn has_nightly() -> bool {
    let found = capture(
        Command::new("rustup").args(["component", "list", "--toolchain", "nightly", "--installed"]),
        false,
    );
    found.is_ok_and(|it| it.ok && it.text.contains("rust-src") && it.text.contains("miri"))
}

impl Watcher {
    fn run(&self, progress: &Progress) -> Result<Count> {
        let mut total = Count::default();
        for (canary, words) in self.canaries {
            let mut command = self.cargo(&["--test", "canary"]);
            command.args(["--", "--ignored", "--exact", canary]);
            let finished =
                self.capture(progress, &format!("see the {} sanitizer catch: {canary}", self.name), command)?;
            let caught = !finished.ok && finished.text.contains(words);
            progress.say(&format!("  {}", if caught { "caught" } else { "NOT CAUGHT" }));
            total += Count::one(caught);
        }
        for tests in self.tests {
            let mut command = self.cargo(tests);
            let name = format!("run the tests {} with the {} sanitizer", tests.join(" "), self.name);
            let finished = progress.run(&name, &mut command)?;
            total += test::report(progress, Count::of_cargo(&finished));
        }
        Ok(total)
    }

    /// A command that is expected to fail.
    fn capture(&self, progress: &Progress, name: &str, mut command: Command) -> Result<Finished> {
        progress.say(name);
        capture(&mut command, false)
    }

    fn cargo(&self, tests: &[&str]) -> Command {
        // The standard library is built with the sanitizer too, or the thread sanitizer would not see its locks.
        let mut command = nightly(&["test", "-Zbuild-std", "--target", TARGET]);
        command.args(tests).env(
            "RUSTFLAGS",
            format!("-Zsanitizer={} -Cunsafe-allow-abi-mismatch=sanitizer", self.sanitizer),
        );
        command.env("CARGO_TARGET_DIR", tools::root().join("target/sanitize").join(self.name));
        command.env(self.options.0, self.options.1).env("NDFERRY_TEST_SECONDS", SECONDS);
        command
    }
}

pub fn nightly(arguments: &[&str]) -> Command {
    // Not the cargo that runs this program, nor what that one says of its own toolchain.
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]).args(arguments).current_dir(tools::root());
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command.env("CARGO_TERM_COLOR", "never");
    command
}

/// The layers without kernels, interpreted: undefined behaviour in any form is an error.
fn miri(progress: &Progress) -> Result<Count> {
    let mut total = Count::default();
    for layer in [
        "storage::",
        "layout::",
        "device::",
        "engine::plan",
        "engine::loops",
        "protocol::dlpack",
        "protocol::numpy",
    ] {
        let mut command = nightly(&["miri", "test", "--lib", layer]);
        command.env("MIRIFLAGS", "-Zmiri-permissive-provenance -Zmiri-ignore-leaks");
        command.env("CARGO_TARGET_DIR", tools::root().join("target/sanitize/miri"));
        command.env("NDFERRY_TEST_SECONDS", "1");
        let finished = progress.run(&format!("interpret the tests of {layer} with Miri"), &mut command)?;
        total += test::report(progress, Count::of_cargo(&finished));
    }
    Ok(total)
}

/// The C and C++ tests and examples, compiled with the compiler's own sanitizers.
fn c_programs(progress: &Progress) -> Result<Count> {
    BASE.set_up(progress)?;
    let built = cmake::build(progress, &["-DNDFERRY_SANITIZE=ON"], "all")?;
    if !built.ok {
        return Ok(test::report(progress, Count::one(false)));
    }
    let mut command = BASE.command("ctest");
    command.arg("--test-dir").arg(cmake::folder()).args([
        "--no-tests=error",
        "--output-on-failure",
        "--label-exclude",
        "install",
    ]);
    let file = test::junit_file("sanitize.xml");
    command.arg("--output-junit").arg(&file);
    let finished =
        progress.run("run the C and C++ tests with the address and undefined sanitizers", &mut command)?;
    Ok(test::report(progress, Count::of_junit(&file, &finished)))
}
