//! The library as loaders see it: its name, its functions by version, and copies of it that lack some.

#[macro_use]
mod common;

use std::{
    env,
    ffi::{CStr, CString, c_void},
    path::{Path, PathBuf},
    process::Command,
};

use common::*;

/// Where `cargo` has put it: beside this program's folder.
fn library() -> PathBuf {
    let program = env::current_exe().expect("this program");
    let profile = program.ancestors().nth(2).expect("target/<profile>/deps/<program>");
    profile.join("fakecuda/libcuda.so.1")
}

fn open(name: &CStr) -> *mut c_void {
    // SAFETY: a library whose initialisers are those of Rust's standard library.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!handle.is_null(), "{name:?} cannot be loaded");
    handle
}

fn find(handle: *mut c_void, name: &CStr) -> *mut c_void {
    // SAFETY: a handle that `open` gave.
    unsafe { libc::dlsym(handle, name.as_ptr()) }
}

fn c_path(path: &Path) -> CString {
    CString::new(path.to_str().expect("plain text")).expect("no NUL")
}

#[test]
fn once_loaded_it_is_what_others_find_as_the_driver() {
    let handle = open(&c_path(&library()));
    assert_eq!(open(c"libcuda.so.1"), handle);
    assert!(!find(handle, c"cuInit").is_null());
}

#[test]
fn structures_have_the_sizes_of_the_drivers() {
    assert_eq!(size_of::<fakecuda::Copy2D>(), 128);
    assert_eq!(size_of::<fakecuda::Copy3D>(), 200);
    assert_eq!(size_of::<fakecuda::LaunchConfig>(), 56);
    assert_eq!(size_of::<fakecuda::InstantiateParameters>(), 32);
    assert_eq!(size_of::<fakecuda::PoolProperties>(), 88);
    assert_eq!(size_of::<fakecuda::Access>(), 12);
    assert_eq!(size_of::<fakecuda::Handle>(), 64);
}

#[test]
fn a_variable_that_makes_no_sense_ends_the_process() {
    for (variable, value, good) in [
        ("FAKECUDA_DEVICES", "2", true),
        ("FAKECUDA_DEVICES", "two", false),
        ("FAKECUDA_DEVICE", "2", false),
        ("FAKECUDA_TRACE", "/nowhere/trace", false),
    ] {
        let mut command = Command::new(env::current_exe().expect("this program"));
        let test = ["--nocapture", "--exact", "functions_are_found_by_name_and_version"];
        let output = command.args(test).env(variable, value).output().expect("it starts");
        assert_eq!(output.status.success(), good, "{variable}={value}");
        assert!(good || String::from_utf8_lossy(&output.stderr).contains(variable), "{variable}={value}");
    }
}

/// `cuDriverGetVersion` of a library.
fn version(handle: *mut c_void) -> i32 {
    let function = find(handle, c"cuDriverGetVersion");
    // SAFETY: that function's type.
    let function: unsafe extern "C" fn(*mut i32) -> i32 = unsafe { std::mem::transmute(function) };
    let mut version = 0;
    // SAFETY: room for an int.
    assert_eq!(unsafe { function(&mut version) }, 0);
    version
}

#[test]
fn copies_without_some_functions_work_otherwise() {
    let whole = open(&c_path(&library()));
    // SAFETY: that function's type.
    let write: extern "C" fn(*const libc::c_char, *const libc::c_char) -> i32 =
        unsafe { std::mem::transmute(find(whole, c"fakecuda_write_without")) };
    let folder = env::temp_dir().join(format!("fakecuda-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let copy = c_path(&folder.join("libcuda.so.1"));
    assert_eq!(write(copy.as_ptr(), c"cuCtxRecordEvent,cuMemPoolCreate".as_ptr()), 0);
    let lacking = open(&copy);
    assert_ne!(lacking, whole);
    assert!(find(lacking, c"cuCtxRecordEvent").is_null() && find(lacking, c"cuMemPoolCreate").is_null());
    assert!(!find(lacking, c"cuMemPoolDestroy").is_null() && !find(whole, c"cuCtxRecordEvent").is_null());
    assert!(version(lacking) > 0);
    let old = c_path(&folder.join("old.so"));
    assert_eq!(write(old.as_ptr(), c"driver=11000".as_ptr()), 0);
    let old = open(&old);
    for (name, there) in [(c"cuMemAllocAsync", false), (c"cuStreamGetId", false), (c"cuMemAlloc_v2", true)] {
        assert_eq!(!find(old, name).is_null(), there, "{name:?}");
    }
    assert_eq!(write(copy.as_ptr(), c"cuNothing".as_ptr()), -1);
    std::fs::remove_dir_all(&folder).expect("the test's own folder");
}

#[test]
fn functions_are_found_by_name_and_version() {
    let _fake = fake("driver=12000;hide=cuStreamCreate");
    let ask = |name: &CStr, version| {
        let (mut function, mut status) = (1, 9);
        let code =
            cu!(cuGetProcAddress_v2(name.into(), (&mut function).into(), version, 0, (&mut status).into()));
        (code, function, status)
    };
    let known = |address: *const ()| (0, address as usize, 0);
    assert_eq!(ask(c"cuMemAlloc", 12000), known(fakecuda::cuMemAlloc_v2 as *const ()));
    assert_eq!(ask(c"cuInit", 12000), known(fakecuda::cuInit as *const ()));
    assert_eq!(ask(c"cuIpcOpenMemHandle", 10000), known(fakecuda::cuIpcOpenMemHandle as *const ()));
    assert_eq!(ask(c"cuIpcOpenMemHandle", 12000), known(fakecuda::cuIpcOpenMemHandle_v2 as *const ()));
    assert_eq!(ask(c"cuCtxRecordEvent", 13000), (500, 0, 2), "newer than the driver");
    assert_eq!(ask(c"cuMemAllocAsync", 11000), (500, 0, 2), "newer than was asked for");
    assert_eq!(ask(c"cuStreamCreate", 12000), (500, 0, 1), "hidden");
    assert_eq!(ask(c"cuNothing", 12000), (500, 0, 1));
}
