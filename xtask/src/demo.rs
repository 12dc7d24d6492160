//! `cargo xtask demo`: the main job on a real photograph, from Python and from C.

use std::{fs, process::Command};

use crate::{
    cmake,
    step::{Progress, Stop, Verdict, error},
    tools,
    venv::{BASE, WITH_TORCH},
};

/// What both languages write: the photograph as float16 and as float32.
const RESULTS: [&str; 2] = ["float16", "float32"];

pub fn run(progress: &Progress, torch: bool) -> Verdict {
    tools::check()?;
    let root = tools::root();
    for needed in ["python/demo/photo.py", "c_examples/photo.c"] {
        if !root.join(needed).is_file() {
            return Err(Stop::NotBuilt(needed.into()));
        }
    }
    let environment = if torch { WITH_TORCH } else { BASE };
    environment.set_up(progress)?;
    tools::build_library(progress)?;
    if !cmake::build(progress, &["-DNDFERRY_BUILD_EXAMPLES=ON"], "example_photo")?.ok {
        return error("could not build c_examples/photo.c: the output is above");
    }
    let demo = root.join("demo");
    fs::create_dir_all(&demo).or_else(|why| error(format!("cannot make {}: {why}", demo.display())))?;
    for result in RESULTS.iter().flat_map(|kind| [format!("python-{kind}.bin"), format!("c-{kind}.bin")]) {
        // A result of an earlier run must not be compared; if there is none, all is well.
        let _ = fs::remove_file(demo.join(result));
    }

    let mut python = environment.python();
    python.args(["python/demo/photo.py", "--output", "demo"]).args(torch.then_some("--torch"));
    progress.show("carry the photograph in Python", &mut python)?;
    let mut c = Command::new(cmake::folder().join("c_examples/photo"));
    c.args(["demo/photo.ppm", "demo/c"]).current_dir(&root);
    progress.show("carry the same photograph in C", &mut c)?;
    RESULTS.iter().try_for_each(|kind| compare(progress, kind))
}

fn compare(progress: &Progress, kind: &str) -> Verdict {
    let [python, c] = ["python", "c"].map(|language| format!("demo/{language}-{kind}.bin"));
    let read = |name: &str| match fs::read(tools::root().join(name)) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => error(format!("the demo wrote no {name}")),
    };
    let (left, right) = (read(&python)?, read(&c)?);
    if left != right {
        return error(format!("{python} ({} bytes) and {c} ({} bytes) differ", left.len(), right.len()));
    }
    progress.say(&format!("{python} and {c} are the same {} bytes", left.len()));
    Ok(())
}
