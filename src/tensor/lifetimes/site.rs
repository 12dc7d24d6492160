//! Where and when something happened.

use std::ffi::{CStr, c_void};
use std::fmt::Write;
use std::ptr::null_mut;

/// More frames than this are not looked at: enough to get out of an interpreter's.
const DEPTH: usize = 20;

/// A place in the program, a time, and a thread.
#[derive(Clone, Copy)]
pub(super) struct Site {
    /// Return addresses, the innermost first, then NULL.
    frames: [*mut c_void; DEPTH],
    seconds: i64,
    thread: i64,
}

// SAFETY: the addresses are numbers that are never followed.
unsafe impl Send for Site {}

impl Site {
    /// Here and now.
    #[inline(never)]
    pub fn here() -> Self {
        let mut frames = [null_mut(); DEPTH];
        walk(&mut frames);
        Self { frames, seconds: now(), thread: thread() }
    }

    /// Writes the time and the thread, then one line a frame.
    #[inline(never)]
    pub fn tell(&self, text: &mut String) {
        let _ = write!(text, " {} s ago by thread {}", now() - self.seconds, self.thread);
        self.name_frames(text, "\n    at ", DEPTH);
    }

    /// Writes the innermost places outside this library, each after `before`.
    #[inline(never)]
    pub fn name_frames(&self, text: &mut String, before: &str, most: usize) {
        let own = file(walk as *mut c_void).dli_fbase;
        let mut left = most;
        // A sanitizer's `backtrace` stands before this library.
        let mut is_reached = false;
        // Once more if there is no place outside: then this library is part of the program itself.
        let mut is_outside = false;
        while left == most && left > 0 {
            for &address in self.frames.iter().take_while(|frame| !frame.is_null()) {
                let found = file(address);
                let is_own = found.dli_fbase == own;
                is_reached |= is_own;
                is_outside |= is_reached && !is_own;
                if is_outside && left > 0 {
                    left -= 1;
                    text.push_str(before);
                    name_frame(text, address, &found);
                }
            }
            if is_outside {
                break;
            }
            is_outside = true;
        }
    }
}

/// What the loader knows of an address; all zero for nothing.
#[cfg(unix)]
#[inline(never)]
fn file(address: *mut c_void) -> libc::Dl_info {
    let nothing = libc::Dl_info {
        dli_fname: null_mut(),
        dli_fbase: null_mut(),
        dli_sname: null_mut(),
        dli_saddr: null_mut(),
    };
    let mut found = nothing;
    // SAFETY: any address may be asked for.
    if unsafe { libc::dladdr(address, &mut found) } == 0 { nothing } else { found }
}

/// Writes a return address as `addr2line -e FILE` and debuggers read it.
#[inline(never)]
fn name_frame(text: &mut String, address: *mut c_void, found: &libc::Dl_info) {
    for (name, after) in [(found.dli_sname, " in "), (found.dli_fname, "+")] {
        if !name.is_null() {
            // SAFETY: not NULL, and names live as long as their file is loaded.
            let name = unsafe { CStr::from_ptr(name) }.to_bytes();
            let folder = name.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
            text.push_str(str::from_utf8(&name[folder..]).unwrap_or_default());
            text.push_str(after);
        }
    }
    let _ = write!(text, "{:#x}", address.addr() - found.dli_fbase.addr());
}

/// Fills `frames` from the innermost on.
#[cfg(any(all(target_os = "linux", target_env = "gnu"), target_vendor = "apple"))]
fn walk(frames: &mut [*mut c_void; DEPTH]) {
    // SAFETY: as many places as are said.
    unsafe { libc::backtrace(frames.as_mut_ptr(), DEPTH as i32) };
}

/// Nobody says.
#[cfg(not(any(all(target_os = "linux", target_env = "gnu"), target_vendor = "apple")))]
fn walk(_: &mut [*mut c_void; DEPTH]) {}

/// Seconds of some clock.
fn now() -> i64 {
    // SAFETY: only the result is wanted.
    unsafe { libc::time(null_mut()) }
}

/// The number that the system and its debuggers have for this thread; 0 where that is unknown.
fn thread() -> i64 {
    #[cfg(target_os = "linux")]
    // SAFETY: asks for a number.
    unsafe {
        libc::syscall(libc::SYS_gettid)
    }
    #[cfg(not(target_os = "linux"))]
    0
}
