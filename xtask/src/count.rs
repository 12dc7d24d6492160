//! Counting tests from what the runners say, so that no failure can look like a success.

use std::{fmt, fs, ops::AddAssign, path::Path};

use crate::step::Finished;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Count {
    pub fn one(ok: bool) -> Self {
        Self { passed: ok.into(), failed: (!ok).into(), skipped: 0 }
    }

    /// A runner that fails without a failed test crashed, and one that ran nothing tested nothing:
    /// each is a failure.
    pub fn judged(mut self, ok: bool) -> Self {
        if self.failed == 0 && (!ok || self.passed == 0) {
            self.failed = 1;
        }
        self
    }

    /// What `cargo test` counted. A test program that ended without its result line counts as a failure.
    pub fn of_cargo(finished: &Finished) -> Self {
        let mut count = Self::default();
        let (mut started, mut ended) = (0_u64, 0_u64);
        for line in finished.text.lines().map(str::trim) {
            if line.starts_with("Running ") || line.starts_with("Doc-tests ") {
                started += 1;
            } else if let Some(result) = line.strip_prefix("test result: ") {
                ended += 1;
                count += Self {
                    passed: number_before(result, " passed"),
                    failed: number_before(result, " failed"),
                    skipped: number_before(result, " ignored"),
                };
            }
        }
        count.failed += started.saturating_sub(ended);
        count.judged(finished.ok)
    }

    /// What a runner says in its last line, "3 passed, 1 failed, 2 skipped". Without such a line it crashed.
    pub fn of_summary(finished: &Finished) -> Self {
        let last = finished.text.lines().last().unwrap_or_default().replace(',', "");
        let count = |word| number_before(&last, word);
        Self { passed: count(" passed"), failed: count(" failed"), skipped: count(" skipped") }
            .judged(finished.ok)
    }

    /// What a runner wrote to a JUnit file; a missing or unreadable file counts as a failure.
    pub fn of_junit(file: &Path, finished: &Finished) -> Self {
        let text = fs::read_to_string(file).unwrap_or_default();
        let mut count = Self::default();
        for suite in text.split("<testsuite ").skip(1) {
            let tag = suite.split('>').next().unwrap_or_default();
            let failed = attribute(tag, "failures") + attribute(tag, "errors");
            let skipped = attribute(tag, "skipped") + attribute(tag, "disabled");
            let passed = attribute(tag, "tests").saturating_sub(failed + skipped);
            count += Self { passed, failed, skipped };
        }
        count.judged(finished.ok)
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(out, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

/// The number that stands right before `word`, or 0.
fn number_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().filter(|before| before.len() < text.len()).unwrap_or_default();
    before.rsplit(' ').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The number in `name="…"` of an XML tag, or 0.
fn attribute(tag: &str, name: &str) -> u64 {
    let key = format!("{name}=\"");
    let start = tag.split_whitespace().find_map(|word| word.strip_prefix(key.as_str()));
    start.and_then(|rest| rest.split('"').next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(ok: bool, text: &str) -> Finished {
        Finished { ok, text: text.into(), status: String::new() }
    }

    fn count(passed: u64, failed: u64, skipped: u64) -> Count {
        Count { passed, failed, skipped }
    }

    const GREEN: &str = "     Running unittests src/lib.rs (target/debug/deps/a)\n\
        test result: ok. 12 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
        \x20  Doc-tests ndferry\n\
        test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";

    #[test]
    fn the_results_of_every_test_program_are_summed() {
        assert_eq!(Count::of_cargo(&finished(true, GREEN)), count(13, 0, 2));
    }

    #[test]
    fn a_test_program_that_ends_without_a_result_is_a_failure() {
        let text = format!("{GREEN}     Running tests/crash.rs (target/debug/deps/b)\nrunning 3 tests\n");
        assert_eq!(Count::of_cargo(&finished(true, &text)), count(13, 1, 2));
        assert_eq!(Count::of_cargo(&finished(false, &text)), count(13, 1, 2));
    }

    #[test]
    fn a_compile_error_is_a_failure() {
        assert_eq!(Count::of_cargo(&finished(false, "error: could not compile")), count(0, 1, 0));
    }

    #[test]
    fn a_summary_is_read_from_the_last_line() {
        let text = "1 passed, 9 failed\n31 passed, 1 failed, 2 skipped";
        assert_eq!(Count::of_summary(&finished(false, text)), count(31, 1, 2));
        assert_eq!(Count::of_summary(&finished(false, "Traceback")), count(0, 1, 0));
    }

    #[test]
    fn a_runner_that_runs_nothing_fails() {
        assert_eq!(Count::default().judged(true), count(0, 1, 0));
        assert_eq!(count(0, 0, 5).judged(true), count(0, 1, 5));
    }

    #[test]
    fn junit_files_of_ctest_and_pytest_are_understood() {
        let folder = std::env::temp_dir().join(format!("xtask-junit-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("junit.xml");
        fs::write(
            &file,
            "<testsuite name=\"x\"\n\ttests=\"10\"\n\tfailures=\"1\"\n\tdisabled=\"2\"\n\tskipped=\"3\"\n>",
        )
        .unwrap();
        assert_eq!(Count::of_junit(&file, &finished(false, "")), count(4, 1, 5));
        fs::write(
            &file,
            "<testsuites><testsuite name=\"pytest\" errors=\"1\" failures=\"1\" skipped=\"0\" tests=\"4\">",
        )
        .unwrap();
        assert_eq!(Count::of_junit(&file, &finished(false, "")), count(2, 2, 0));
        assert_eq!(Count::of_junit(&folder.join("absent.xml"), &finished(true, "")), count(0, 1, 0));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn skipped_tests_are_named_only_when_there_are_some() {
        assert_eq!(count(3, 0, 0).to_string(), "3 passed, 0 failed");
        assert_eq!(count(3, 1, 2).to_string(), "3 passed, 1 failed, 2 skipped");
    }
}
