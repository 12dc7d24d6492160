//! Gives the library the driver's SONAME, and a path under which loaders look for it.

use std::{env, fs, io, os::unix, path::Path};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libcuda.so.1");
    // Its functions call each other even where another driver is loaded before it, or some of them cannot be found.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-Bsymbolic");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    // OUT_DIR is <target>/<profile>/build/<package>/out.
    let profile =
        Path::new(&out).ancestors().nth(3).ok_or(io::Error::other("OUT_DIR is not where cargo puts it"))?;
    let folder = profile.join("fakecuda");
    fs::create_dir_all(&folder)?;
    let link = folder.join("libcuda.so.1");
    // In `deps` the library is there as somebody's dependency, too. The link may hang until it is built.
    match unix::fs::symlink("../deps/libfakecuda.so", &link) {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => Err(why),
        _ => Ok(()),
    }
}
