//! Copies of this library that lack some functions, as an older driver's would.

use std::{collections::HashSet, ffi::CStr, fs, path::Path};

use crate::driver;

/// Writes a copy of this library in which `dlsym` does not find the functions `names`: separated by commas, or
/// `driver=12000` for all that are newer.
pub fn write(target: &Path, names: &str) -> Result<(), String> {
    let mut lacking = HashSet::new();
    for name in names.split(',').map(str::trim) {
        match name.strip_prefix("driver=") {
            Some(version) => {
                let version: i32 = version.parse().map_err(|_| format!("`{version}` is no version"))?;
                let newer = driver::all().iter().filter(|entry| entry.since > version);
                lacking.extend(newer.map(|entry| entry.name.as_bytes()));
            }
            None if driver::exists(name) => _ = lacking.insert(name.as_bytes()),
            None => return Err(format!("{name} is no function of this driver")),
        }
    }
    let mut bytes = fs::read(own_path()?).map_err(|why| format!("this library cannot be read: {why}"))?;
    // The names of symbols stand between NULs. The hash tables still lead to them, and no comparison meets them.
    for name in bytes.split_mut(|byte| *byte == 0) {
        if lacking.contains(&*name) {
            name[0] = b'?';
        }
    }
    fs::write(target, bytes).map_err(|why| format!("{} cannot be written: {why}", target.display()))
}

/// The file that this code was loaded from.
fn own_path() -> Result<String, String> {
    // SAFETY: `Dl_info` is plain data; `dladdr` fills it for the address of a function of this library.
    let path = unsafe {
        let mut found: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(own_path as *const _, &mut found) == 0 {
            return Err("this library does not know where it is".into());
        }
        CStr::from_ptr(found.dli_fname)
    };
    Ok(path.to_string_lossy().into_owned())
}
