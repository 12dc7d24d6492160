//! Keeps `include/ndferry.h` in step with the source, and gives the shared library its ABI name.
//!
//! The header is written only in our own checkout and only when its text changes; anything that goes
//! wrong here is a warning, so that a build from a packaged or read-only source never fails on it.

use std::{env, error::Error, fs, path::Path};

/// The number after `libndferry.so.`; it changes when programs built against the old header would break.
const ABI: u32 = 0;

fn main() {
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libndferry.so.{ABI}");
        // Helper threads, deleters and capsules' destructors are code of the library: it is never unloaded.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    for name in ["TARGET", "PROFILE"] {
        println!("cargo::rustc-env=NDFERRY_{name}={}", env::var(name).unwrap_or_default());
    }

    // A packaged crate has no `xtask/`: its header is final.
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let root = Path::new(&root);
    if !root.join("xtask").is_dir() {
        println!("cargo::rerun-if-changed=build.rs");
        return;
    }
    for input in ["build.rs", "cbindgen.toml", "src", "include/ndferry.h"] {
        println!("cargo::rerun-if-changed={input}");
    }
    if let Err(why) = link_soname() {
        println!("cargo::warning=libndferry.so.{ABI} not made: {why}");
    }
    if let Err(why) = write_header(root) {
        println!("cargo::warning=include/ndferry.h not generated: {why}");
    }
}

/// Puts `libndferry.so.<ABI>`, the name that programs ask the loader for, beside the library that cargo builds.
#[cfg(unix)]
fn link_soname() -> Result<(), Box<dyn Error>> {
    // OUT_DIR is <profile>/build/<package>/out.
    let out = env::var("OUT_DIR")?;
    let profile = Path::new(&out).ancestors().nth(3).ok_or("OUT_DIR is not where cargo puts it")?;
    let link = profile.join(format!("libndferry.so.{ABI}"));
    if fs::symlink_metadata(&link).is_err() {
        std::os::unix::fs::symlink("libndferry.so", link)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn link_soname() -> Result<(), Box<dyn Error>> {
    Ok(())
}

fn write_header(root: &Path) -> Result<(), Box<dyn Error>> {
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let mut text = Vec::new();
    cbindgen::generate_with_config(root, config)?.write(&mut text);
    let path = root.join("include/ndferry.h");
    // An equal header is left alone, so that nothing that includes it is rebuilt.
    if fs::read(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::create_dir_all(root.join("include"))?;
    Ok(fs::write(&path, text)?)
}
