//! `cargo xtask fuzz SECONDS`: every target of `fuzz/` for so long, with libFuzzer and the address sanitizer, as many at a
//! time as there are processors. What it finds lies in `target/fuzz/`; what new runs start from is in `fuzz/corpus/`.

use std::{fs, path::PathBuf, process::Command, thread};

use crate::{
    count::Count,
    nightly,
    step::{Finished, Progress, Result, Stop, Verdict, capture, error},
    test, tools,
};

const TARGETS: [&str; 5] = ["types", "imports", "views", "convert", "calls"];

/// Counts of every branch and comparison, which libFuzzer follows, and the address sanitizer.
const FLAGS: &str = "-Zsanitizer=address -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

const LIMITS: [&str; 5] =
    ["-max_len=1024", "-rss_limit_mb=3000", "-malloc_limit_mb=1500", "-timeout=20", "-print_final_stats=1"];

/// More memory than a gigabyte is not to be had.
const ASAN: &str = "allocator_may_return_null=1:max_allocation_size_mb=1000:detect_stack_use_after_return=1";

/// Feeds the targets that are named, or all. `keep` makes what they start from anew, out of what has ever covered something.
pub fn run(progress: &Progress, arguments: &[String], keep: bool) -> Verdict {
    let Some((Ok(seconds), wanted)) =
        arguments.split_first().map(|(first, rest)| (first.parse::<u32>(), rest))
    else {
        return Err(Stop::Usage("fuzz needs a number of seconds".into()));
    };
    if let Some(unknown) = wanted.iter().find(|name| !TARGETS.contains(&name.as_str())) {
        return Err(Stop::Usage(format!("`{unknown}` is none of {}", TARGETS.join(", "))));
    }
    nightly::ensure(progress)?;
    let mut build = nightly::cargo(&["build", "--locked", "--release", "--target", nightly::TARGET]);
    build.args(["--manifest-path", "fuzz/Cargo.toml"]);
    build.env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", folder());
    progress.must("build the fuzz targets", &mut build)?;
    let is_wanted = |name: &&str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    let names: Vec<&str> = TARGETS.into_iter().filter(is_wanted).collect();
    let mut total = Count::default();
    for names in names.chunks(thread::available_parallelism().map_or(1, usize::from)) {
        total += feed(progress, names, seconds)?;
        if keep {
            names.iter().try_for_each(|name| thin_out(progress, name))?;
        }
    }
    test::conclude(total)
}

fn folder() -> PathBuf {
    tools::root().join("target/fuzz")
}

/// What has ever covered something on this machine, and what is committed.
fn corpora(name: &str) -> [PathBuf; 2] {
    [folder().join("corpus"), tools::root().join("fuzz/corpus")].map(|path| path.join(name))
}

fn command(name: &str) -> Command {
    let mut command = Command::new(folder().join(nightly::TARGET).join("release").join(name));
    command.args(LIMITS).arg(format!("-artifact_prefix={}/{name}-", folder().display()));
    command.current_dir(tools::root());
    command.env("ASAN_OPTIONS", ASAN);
    command
}

/// Several targets side by side.
fn feed(progress: &Progress, names: &[&str], seconds: u32) -> Result<Count> {
    progress.say(&format!("feed {} for {seconds} s", names.join(" and ")));
    let mut total = Count::default();
    for (name, finished) in names.iter().zip(all_fed(names, seconds)?) {
        let units = number_behind(&finished.text, "stat::number_of_executed_units:");
        let ok = finished.ok && units > 0;
        if !ok {
            println!("{}", finished.text);
        }
        let verdict = if ok { "" } else { "FAILED, " };
        let covered = last_number_behind(&finished.text, " cov: ");
        let inputs = last_number_behind(&finished.text, " corp: ");
        progress.say(&format!(
            "  {name}: {verdict}{units} inputs, {covered} branches covered by {inputs} of them"
        ));
        total += Count::one(ok);
    }
    Ok(total)
}

fn all_fed(names: &[&str], seconds: u32) -> Result<Vec<Finished>> {
    let fed = |name: &str| {
        let corpora = corpora(name);
        for path in &corpora {
            fs::create_dir_all(path)
                .or_else(|why| error(format!("cannot make {}: {why}", path.display())))?;
        }
        capture(command(name).args(corpora).arg(format!("-max_total_time={seconds}")), false)
    };
    thread::scope(|scope| {
        let running: Vec<_> = names.iter().map(|name| scope.spawn(move || fed(name))).collect();
        running.into_iter().map(|one| one.join().unwrap_or_else(|_| error("a thread panicked"))).collect()
    })
}

/// Replaces the committed corpus by the smallest one that covers what everything known covers.
fn thin_out(progress: &Progress, name: &str) -> Verdict {
    let thin = folder().join("thin").join(name);
    // If it was not there, there is nothing to remove.
    let _ = fs::remove_dir_all(&thin);
    let made = fs::create_dir_all(&thin);
    made.or_else(|why| error(format!("cannot make {}: {why}", thin.display())))?;
    let [known, committed] = corpora(name);
    let mut merge = command(name);
    merge.args(["-set_cover_merge=1", "-use_counters=0"]).args([&thin, &known, &committed]);
    progress.must(&format!("thin out the corpus of {name}"), &mut merge)?;
    fs::remove_dir_all(&committed)
        .and_then(|()| fs::rename(&thin, &committed))
        .or_else(|why| error(format!("cannot replace {}: {why}", committed.display())))
}

fn number_behind(text: &str, words: &str) -> u64 {
    let digits = text.split(words).nth(1).unwrap_or_default().trim_start();
    digits.split(|c: char| !c.is_ascii_digit()).next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn last_number_behind(text: &str, words: &str) -> u64 {
    text.lines().rev().map(|line| number_behind(line, words)).find(|number| *number > 0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_what_the_fuzzer_prints() {
        let text = "#1\tINITED cov: 5 ft: 6 corp: 1/1b\n\
            #65536\tpulse  cov: 812 ft: 3021 corp: 240/9Kb exec/s: 21845 rss: 60Mb\n\
            stat::number_of_executed_units: 4711\nstat::x: 1";
        assert_eq!(last_number_behind(text, " cov: "), 812);
        assert_eq!(last_number_behind(text, " corp: "), 240);
        assert_eq!(number_behind(text, "stat::number_of_executed_units:"), 4711);
        assert_eq!(last_number_behind("nothing", " cov: "), 0);
    }
}
