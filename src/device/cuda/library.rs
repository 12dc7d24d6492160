//! The driver's file: opened once, never closed, because what it started outlives every use of it.

use std::ffi::{CStr, CString, c_void};
use std::ptr::NonNull;

use crate::error::{Error, Kind, Result};

/// The one name that the driver itself has. `libcuda.so` is what a toolkit calls its stub.
const NAME: &CStr = c"libcuda.so.1";
/// A path to be opened instead: a driver that the system does not know of, or the one that tests have.
const VARIABLE: &str = "NDFERRY_CUDA_DRIVER";

/// An open driver.
pub struct Library(NonNull<c_void>);

// SAFETY: the handle is only looked up in, which any thread may do.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Opens the driver; says where it was looked for when there is none.
    pub fn open() -> Result<Self> {
        let name = given().unwrap_or_else(|| NAME.to_owned());
        open(&name).map(Self).ok_or_else(|| {
            let name = name.to_string_lossy();
            Error::new(Kind::DeviceUnavailable, format!("there is no CUDA driver: {name} cannot be opened"))
        })
    }

    /// The address of a function.
    pub fn find(&self, name: &CStr) -> Option<NonNull<c_void>> {
        find(self.0, name)
    }
}

/// The path in [`VARIABLE`]. A program that runs with more rights than its caller does not open the caller's files.
fn given() -> Option<CString> {
    #[cfg(target_os = "linux")]
    // SAFETY: any number may be asked for.
    if unsafe { libc::getauxval(libc::AT_SECURE) } != 0 {
        return None;
    }
    let path = std::env::var_os(VARIABLE).filter(|path| !path.is_empty())?;
    CString::new(path.into_encoded_bytes()).ok()
}

#[cfg(unix)]
fn open(name: &CStr) -> Option<NonNull<c_void>> {
    // SAFETY: the name ends with NUL; a driver's initialisers are as safe as the driver.
    NonNull::new(unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) })
}

#[cfg(unix)]
fn find(library: NonNull<c_void>, name: &CStr) -> Option<NonNull<c_void>> {
    // SAFETY: the library is open, and the name ends with NUL.
    NonNull::new(unsafe { libc::dlsym(library.as_ptr(), name.as_ptr()) })
}

/// Drivers are only looked for where they are shared objects.
#[cfg(not(unix))]
fn open(_: &CStr) -> Option<NonNull<c_void>> {
    None
}

#[cfg(not(unix))]
fn find(_: NonNull<c_void>, _: &CStr) -> Option<NonNull<c_void>> {
    None
}
