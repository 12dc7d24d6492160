//! What library this is.

use std::ffi::{CString, c_char};
use std::sync::OnceLock;

use crate::engine::host::isa::Isa;

/// Number of the binary interface that this header describes; part of the library's soname. It changes only when
/// programs must be compiled again.
pub const NDF_ABI_VERSION: u32 = 0;

/// The library's version, such as "0.1.0". Static, never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ndf_version_string() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The library's version as one number: major · 10000 + minor · 100 + patch.
#[unsafe(no_mangle)]
pub extern "C" fn ndf_version_number() -> u32 {
    const fn number(text: &str) -> u32 {
        let (text, mut value, mut i) = (text.as_bytes(), 0, 0);
        while i < text.len() {
            value = value * 10 + (text[i] - b'0') as u32;
            i += 1;
        }
        value
    }
    const NUMBER: u32 = number(env!("CARGO_PKG_VERSION_MAJOR")) * 10000
        + number(env!("CARGO_PKG_VERSION_MINOR")) * 100
        + number(env!("CARGO_PKG_VERSION_PATCH"));
    NUMBER
}

/// The library's NDF_ABI_VERSION. A program may use the library when it equals the header's.
#[unsafe(no_mangle)]
pub extern "C" fn ndf_abi_version() -> u32 {
    NDF_ABI_VERSION
}

/// How the library was built, and which instructions its loops use here: version, target, profile and the name of the
/// instruction set on one line, with the value of `NDFERRY_ISA` where that could not be followed. Static, never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ndf_build_info() -> *const c_char {
    const BUILT: &str = concat!(
        "ndferry ",
        env!("CARGO_PKG_VERSION"),
        " ",
        env!("NDFERRY_TARGET"),
        " ",
        env!("NDFERRY_PROFILE"),
        ", DLPack 1.3, instructions "
    );
    static INFO: OnceLock<CString> = OnceLock::new();
    // Escaped text has no byte of 0.
    let info = || CString::new(format!("{BUILT}{}", Isa::description())).unwrap_or_default();
    INFO.get_or_init(info).as_ptr()
}
