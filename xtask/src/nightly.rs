//! The nightly toolchain, which sanitizers, Miri and the fuzzer need.

use std::process::Command;

use crate::{
    step::{Progress, Stop, Verdict, capture},
    tools,
};

/// What is built with it; naming it keeps what runs while building free of sanitizers.
pub const TARGET: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };

const PARTS: [&str; 2] = ["rust-src", "miri"];

/// Installs it where rustup is, unless it is there.
pub fn ensure(progress: &Progress) -> Verdict {
    let installed =
        capture(&mut rustup(&["component", "list", "--toolchain", "nightly", "--installed"]), false);
    if installed.is_ok_and(|it| it.ok && PARTS.iter().all(|part| it.text.contains(part))) {
        return Ok(());
    }
    let missing = || {
        let parts = PARTS.join(",");
        Stop::NotBuilt(format!("this without `rustup toolchain install nightly --component {parts}`"))
    };
    let install = &mut rustup(&["toolchain", "install", "nightly", "--profile", "minimal"]);
    install.args(["--component", &PARTS.join(",")]);
    match progress.run("install a nightly toolchain", install) {
        Ok(finished) if finished.ok => Ok(()),
        _ => Err(missing()),
    }
}

/// Its cargo, in the repository.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = rustup(&["run", "nightly", "cargo"]);
    command.args(arguments).current_dir(tools::root()).env("CARGO_TERM_COLOR", "never");
    // Not the cargo that runs this program, nor what that one says of its own toolchain.
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command
}

fn rustup(arguments: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(arguments);
    command
}
