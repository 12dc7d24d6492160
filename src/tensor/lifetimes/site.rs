//! Where and when something happened.

use std::ffi::{CStr, c_void};
use std::fmt::Write;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::time::Instant;

/// More frames than this are not looked at: enough to get out of an interpreter's.
const DEPTH: usize = 20;

/// A place in the program, a time, and a thread.
#[derive(Clone)]
pub(super) struct Site {
    /// Return addresses, the innermost first, then NULL.
    frames: [*mut c_void; DEPTH],
    /// The place in words of the host program's language.
    pub name: Option<Box<str>>,
    when: Instant,
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
        Self { frames, name: None, when: Instant::now(), thread: thread() }
    }

    /// The place in a few words.
    pub fn short(&self) -> String {
        match &self.name {
            Some(name) => name.to_string(),
            None => frame(self.frames()[0]),
        }
    }

    /// The time and the thread, then one line a frame.
    pub fn lines(&self) -> String {
        let age = self.when.elapsed().as_millis();
        let mut lines = format!(" {}.{:03} s ago by thread {}", age / 1000, age % 1000, self.thread);
        let name = self.name.as_deref().map(str::to_owned);
        let frames = self.frames().iter().take_while(|frame| !frame.is_null());
        for place in name.into_iter().chain(frames.map(|&address| frame(address))) {
            let _ = write!(lines, "\n    at {place}");
        }
        lines
    }

    /// The frames outside this library, one at least; all when it is part of the program itself.
    fn frames(&self) -> &[*mut c_void] {
        let own = file(walk as *mut c_void).dli_fbase;
        let outside = self.frames.iter().position(|&frame| file(frame).dli_fbase != own);
        &self.frames[outside.filter(|&at| !self.frames[at].is_null()).unwrap_or(0)..]
    }
}

/// What the loader knows of an address; all zero for nothing.
#[cfg(unix)]
fn file(address: *mut c_void) -> libc::Dl_info {
    let mut found = MaybeUninit::zeroed();
    // SAFETY: any address may be asked for; all zero is a value of the struct.
    unsafe {
        libc::dladdr(address, found.as_mut_ptr());
        found.assume_init()
    }
}

/// A return address as `addr2line -e FILE` and debuggers read it.
fn frame(address: *mut c_void) -> String {
    let found = file(address);
    if found.dli_fbase.is_null() {
        return format!("{address:p}");
    }
    // SAFETY: NULL, or a name that lives as long as its file is loaded.
    let text = |name: *const libc::c_char| match name.is_null() {
        true => Default::default(),
        false => unsafe { CStr::from_ptr(name) }.to_string_lossy(),
    };
    let (function, path) = (text(found.dli_sname), text(found.dli_fname));
    let offset = address.addr() - found.dli_fbase.addr();
    let space = if function.is_empty() { "" } else { " " };
    format!("{function}{space}({}+{offset:#x})", path.rsplit('/').next().unwrap_or_default())
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
