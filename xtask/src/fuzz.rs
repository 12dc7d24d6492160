//! `cargo xtask fuzz SECONDS`: every target of `fuzz/` for so long, with libFuzzer and the address sanitizer. What it finds
//! lies in `target/fuzz/`; what is worth keeping as a start is committed in `fuzz/corpus/`.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    count::Count,
    sanitize,
    step::{Progress, Result, Stop, Verdict, capture, error},
    test, tools,
};

const TARGETS: [&str; 5] = ["types", "imports", "views", "convert", "calls"];

/// Counts of every branch and comparison, which libFuzzer follows, and the address sanitizer.
const FLAGS: &str = "-Zsanitizer=address -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

pub fn run(progress: &Progress, arguments: Vec<String>) -> Verdict {
    let Some(seconds) = arguments.first().and_then(|text| text.parse::<u32>().ok()) else {
        return Err(Stop::Usage("fuzz needs a number of seconds".into()));
    };
    let wanted = &arguments[1..];
    if let Some(unknown) = wanted.iter().find(|name| !TARGETS.contains(&name.as_str())) {
        return Err(Stop::Usage(format!("`{unknown}` is none of {}", TARGETS.join(", "))));
    }
    if !sanitize::has_nightly() {
        return error(sanitize::NO_NIGHTLY);
    }
    let mut build = sanitize::nightly(&[
        "build",
        "--release",
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--target",
        sanitize::TARGET,
    ]);
    build.env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", folder());
    progress.must("build the fuzz targets", &mut build)?;
    let mut total = Count::default();
    for name in TARGETS.iter().filter(|name| wanted.is_empty() || wanted.iter().any(|one| one == *name)) {
        total += feed(progress, name, seconds)?;
    }
    test::conclude(total)
}

fn folder() -> PathBuf {
    tools::root().join("target/fuzz")
}

fn feed(progress: &Progress, name: &str, seconds: u32) -> Result<Count> {
    let corpus = folder().join("corpus").join(name);
    let committed = tools::root().join("fuzz/corpus").join(name);
    for path in [&corpus, &committed] {
        fs::create_dir_all(path).or_else(|why| error(format!("cannot make {}: {why}", path.display())))?;
    }
    let mut command = Command::new(folder().join(sanitize::TARGET).join("release").join(name));
    command.arg(&corpus).arg(&committed).current_dir(tools::root());
    command.args([
        format!("-max_total_time={seconds}"),
        format!("-artifact_prefix={}/{name}-", folder().display()),
    ]);
    command.args([
        "-max_len=2048",
        "-rss_limit_mb=3000",
        "-malloc_limit_mb=1500",
        "-timeout=20",
        "-print_final_stats=1",
    ]);
    command.env("ASAN_OPTIONS", "allocator_may_return_null=1");
    progress.say(&format!("feed {name} for {seconds} s"));
    let finished = capture(&mut command, false)?;
    let units = number_behind(&finished.text, "stat::number_of_executed_units:");
    let coverage = finished
        .text
        .lines()
        .rev()
        .find_map(|line| Some(number_behind(line, " cov: ")).filter(|cov| *cov > 0));
    if !finished.ok || units == 0 {
        println!("{}", finished.text);
    }
    progress.say(&format!("  {units} inputs, {} branches covered", coverage.unwrap_or(0)));
    Ok(Count::one(finished.ok && units > 0))
}

fn number_behind(text: &str, words: &str) -> u64 {
    let digits = text.split(words).nth(1).unwrap_or_default().trim_start();
    digits.split(|c: char| !c.is_ascii_digit()).next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_what_the_fuzzer_prints() {
        let line = "#65536\tpulse  cov: 812 ft: 3021 corp: 240/9Kb exec/s: 21845 rss: 60Mb";
        assert_eq!(number_behind(line, " cov: "), 812);
        assert_eq!(
            number_behind(
                "stat::number_of_executed_units: 4711\nstat::x: 1",
                "stat::number_of_executed_units:"
            ),
            4711
        );
        assert_eq!(number_behind("nothing", " cov: "), 0);
    }
}
