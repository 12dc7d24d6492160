//! Where kernels run: the library that the host's C++ compiler makes of their sources.

use std::ffi::{CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

type Launch = unsafe extern "C" fn(*const c_char, *const c_void, u64, u32, u32) -> c_int;

/// All kernels have as many threads a block.
const THREADS: u32 = 256;

/// Runs kernel `name` with such parameters.
pub fn launch<P>(name: &str, params: &P, blocks: i64) {
    static LAUNCH: OnceLock<Launch> = OnceLock::new();
    let launch = LAUNCH.get_or_init(load);
    let text = CString::new(name).expect("names have no NUL");
    let blocks = u32::try_from(blocks).expect("few blocks");
    // SAFETY: the parameters are those of the kernel, as far as their size tells, and point to what tests own.
    let status = unsafe {
        launch(text.as_ptr(), std::ptr::from_ref(params).cast(), size_of::<P>() as u64, blocks, THREADS)
    };
    assert_eq!(status, 0, "{name} takes other parameters than {} bytes, or there is none", size_of::<P>());
}

/// So many items, `each` of them a block.
pub fn blocks(items: i64, each: i64) -> i64 {
    (items + each - 1) / each
}

fn load() -> Launch {
    let library = CString::new(build().to_str().expect("paths are text")).expect("paths have no NUL");
    // SAFETY: a library of this project, which stays loaded; the symbol has this type.
    unsafe {
        let handle = libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        assert!(!handle.is_null(), "{library:?} does not load");
        let symbol = libc::dlsym(handle, c"host_launch".as_ptr());
        assert!(!symbol.is_null());
        std::mem::transmute::<*mut c_void, Launch>(symbol)
    }
}

fn build() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine/cuda/kernels");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libkernels.so");
    let entries = std::fs::read_dir(&folder).expect("the kernels are there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let kernels: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "cu")).collect();
    assert!(!kernels.is_empty());
    let target = env!("NDFERRY_TARGET");
    let compiler = cc::Build::new()
        .cpp(true)
        .target(target)
        .host(target)
        .opt_level(0)
        .cargo_metadata(false)
        .get_compiler();
    let mut command: Command = compiler.to_command();
    command.args([
        "-std=c++17",
        "-O1",
        "-shared",
        "-fPIC",
        "-ffp-contract=off",
        "-Wall",
        "-Wextra",
        "-Werror",
    ]);
    command.args(["-Wno-unknown-pragmas", "-x", "c++"]).args(kernels).arg(folder.join("host.cpp"));
    let made = command.arg("-o").arg(&library).output().expect("the compiler runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    library
}
