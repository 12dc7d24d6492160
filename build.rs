//! Keeps `include/ndferry.h` in step with the source, gives the shared library its ABI name, and packs the PTX of the CUDA kernels.
//!
//! The header is written only in our own checkout and only when its text changes; anything that goes
//! wrong here is a warning, so that a build from a packaged or read-only source never fails on it.

use std::{env, error::Error, fs, io::Write, path::Path};

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
    if let Err(why) = pack_ptx(&root.join("src/engine/cuda/kernels/ptx")) {
        panic!("the PTX of the CUDA kernels is not packed: {why}");
    }
    if !root.join("xtask").is_dir() {
        println!("cargo::rerun-if-changed=build.rs");
        println!("cargo::rerun-if-changed=src/engine/cuda/kernels/ptx");
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

/// Leaves each file of PTX in OUT_DIR as `src/engine/cuda/ptx.rs` reads it: its size, and a bare LZMA stream.
fn pack_ptx(folder: &Path) -> Result<(), Box<dyn Error>> {
    let out = env::var("OUT_DIR")?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let (Some(stem), true) = (path.file_stem(), path.extension().is_some_and(|end| end == "ptx")) else {
            continue;
        };
        let packed = Path::new(&out).join(stem).with_extension("lzma");
        // Packing takes a second; this program runs after each change of the source.
        let newest = fs::metadata(&path)?.modified()?.max(fs::metadata(env::current_exe()?)?.modified()?);
        if fs::metadata(&packed).and_then(|data| data.modified()).is_ok_and(|made| made > newest) {
            continue;
        }
        let text = fs::read(&path)?;
        let mut options = lzma_rust2::LzmaOptions::with_preset(9);
        (options.lc, options.lp, options.pb) = (3, 0, 0);
        options.dict_size = u32::try_from(text.len())?.max(1 << 16);
        options.nice_len = lzma_rust2::LzmaOptions::NICE_LEN_MAX;
        let size = u32::try_from(text.len())?.to_le_bytes().to_vec();
        let mut writer = lzma_rust2::LzmaWriter::new_no_header(size, &options, false)?;
        writer.write_all(&text)?;
        fs::write(packed, writer.finish()?)?;
    }
    Ok(())
}
