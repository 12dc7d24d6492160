//! The project's chores: `cargo xtask <verb>`. Everything they need beyond cargo, a C and C++ compiler and
//! Python goes into `.venv/` and `target/`; the system is never touched.

mod abi;
mod bench;
mod cmake;
mod count;
mod cross;
mod demo;
mod docs;
mod fakecuda;
mod fuzz;
mod gpu;
mod header;
mod interop;
mod kernels;
mod licences;
mod long;
mod nightly;
mod sanitize;
mod step;
mod test;
mod tools;
mod venv;
mod wheel;

use std::process::ExitCode;

use step::{Stop, Verdict};

const HELP: &str = "\
usage: cargo xtask <verb> [--verbose]

  demo [--torch]     build everything and carry a photograph through ndferry, in Python and in C; --torch hands it to
                     PyTorch too, and installs that
  interop            install every library that ndferry is proved against (about 4 GB) and run the tests with them
  test               set up, build, run every test: Rust, C, C++, Python, examples
  cross              build for 64-bit ARM and run the Rust tests under qemu-user; needs rustup, qemu-user and Debian's
                     gcc-aarch64-linux-gnu
  sanitize [address | thread | miri | c]...
                     run the tests under the address and leak sanitizers, the thread sanitizer and Miri, and the C and C++
                     tests under the address and undefined sanitizers; needs rustup, which gets a nightly toolchain
  fuzz SECONDS [types | imports | views | convert | calls]...
                     feed names of types, foreign structs, chains of views, conversions and the C API with what nobody
                     would write, each for so long; needs rustup, too. --keep makes fuzz/corpus anew out of what was found
  wheel              build the Python wheel in target/wheel/, check its types, and try it in a fresh environment of every
                     Python that this machine has
  docs               build the documentation's site in target/docs/, and check its links and that all of the C API is in it
  header [--check]   regenerate include/ndferry.h and what is derived from it; --check fails when stale
  gpu [--fake]       check and measure everything on this machine's GPU, or check it on the fake driver; what is packed in
                     target/gpu runs on machines that cannot build
  kernels [--check]  compile the CUDA kernels to the PTX that is committed, and have it assembled for every generation of
                     GPUs; --check fails when a file is stale
  abi [--check | --keep]
                     write down the binary interface in abi/ndferry.json, unless that breaks programs; --check only compares;
                     --keep keeps the headers in abi/<version>/, for a release
  long               live long: a hundred million tensors, a million threads, forks, signals, loading and unloading without
                     growth (about a quarter of an hour)
  licences [--check] write LICENSE-THIRD-PARTY, whose work the library contains; --check fails when it is stale or a licence
                     is not allowed
  bench [exchange | engine | cuda]
                     measure what handing tensors around costs, or copies and conversions; --peers beside other
                     libraries (about 5 GB), --smoke only to show that it works, -- before options of the
                     benchmark, as --report FOLDER or --hunt SECONDS (benches/engine/README.md)
  help               this text

  --verbose          show the output of every step, not only of a failing one
environment: PYTHON, CC, CXX choose the interpreter and the compilers
";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let verbose = take_flag(&mut arguments, "--verbose");
    let outcome = dispatch(&mut arguments, verbose);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Failed) => ExitCode::FAILURE,
        Err(Stop::Error(line)) => {
            eprintln!("error: {line}");
            ExitCode::FAILURE
        }
        Err(Stop::NotBuilt(what)) => {
            eprintln!("not built yet: {what}");
            ExitCode::from(2)
        }
        Err(Stop::Usage(line)) => {
            eprintln!("error: {line}; `cargo xtask help` lists the verbs");
            ExitCode::from(2)
        }
    }
}

fn dispatch(arguments: &mut Vec<String>, verbose: bool) -> Verdict {
    if arguments.is_empty() || take_flag(arguments, "--help") {
        arguments.insert(0, "help".into());
    }
    let verb = arguments.remove(0);
    let progress = step::Progress::new(verbose);
    match verb.as_str() {
        "help" => {
            print!("{HELP}");
            Ok(())
        }
        "demo" => {
            let torch = take_flag(arguments, "--torch");
            nothing_left(arguments)?;
            demo::run(&progress, torch)
        }
        "test" => nothing_left(arguments).and_then(|()| test::run(&progress)),
        "docs" => nothing_left(arguments).and_then(|()| docs::run(&progress)),
        "wheel" => nothing_left(arguments).and_then(|()| wheel::run(&progress)),
        "interop" => nothing_left(arguments).and_then(|()| interop::run(&progress)),
        "long" => nothing_left(arguments).and_then(|()| long::run(&progress)),
        "cross" => nothing_left(arguments).and_then(|()| cross::run(&progress)),
        "header" => {
            let check = take_flag(arguments, "--check");
            nothing_left(arguments)?;
            header::run(&progress, check)
        }
        "kernels" => {
            let check = take_flag(arguments, "--check");
            nothing_left(arguments)?;
            kernels::run(&progress, check)
        }
        "licences" => {
            let check = take_flag(arguments, "--check");
            nothing_left(arguments)?;
            licences::run(&progress, check)
        }
        "abi" => {
            let check = take_flag(arguments, "--check");
            let keep = take_flag(arguments, "--keep");
            nothing_left(arguments)?;
            match (check, keep) {
                (true, true) => Err(Stop::Usage("--check and --keep are two things".into())),
                (_, true) => abi::keep(&progress),
                _ => abi::run(&progress, check),
            }
        }
        "bench" => {
            let smoke = take_flag(arguments, "--smoke");
            let peers = take_flag(arguments, "--peers");
            bench::run(&progress, arguments, smoke, peers)
        }
        "sanitize" => sanitize::run(&progress, arguments),
        "fuzz" => {
            let keep = take_flag(arguments, "--keep");
            fuzz::run(&progress, arguments, keep)
        }
        "gpu" => {
            let fake = take_flag(arguments, "--fake");
            nothing_left(arguments)?;
            gpu::run(&progress, fake)
        }
        other => Err(Stop::Usage(format!("there is no verb `{other}`"))),
    }
}

/// Removes `flag` from the arguments and says whether it was there.
fn take_flag(arguments: &mut Vec<String>, flag: &str) -> bool {
    let before = arguments.len();
    arguments.retain(|argument| argument != flag);
    arguments.len() < before
}

fn nothing_left(arguments: &[String]) -> Verdict {
    match arguments.first() {
        None => Ok(()),
        Some(extra) => Err(Stop::Usage(format!("unexpected argument `{extra}`"))),
    }
}
