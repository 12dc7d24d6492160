//! The fake driver, for all tests of this process.

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::device::cuda::{self, Context, Entered, Stream};

/// The context of a device of the fake driver.
pub fn context(ordinal: i32) -> &'static Context {
    static READY: OnceLock<()> = OnceLock::new();
    READY.get_or_init(|| {
        if std::env::var_os("NDFERRY_CUDA_DRIVER").is_none() {
            // SAFETY: tests read and change the environment by the standard library only, which has a lock for it.
            unsafe { std::env::set_var("NDFERRY_CUDA_DRIVER", library()) };
        }
    });
    cuda::context(ordinal).expect("the fake driver has such a device")
}

/// Cargo builds it, because tests depend on it.
fn library() -> PathBuf {
    let own = std::env::current_exe().expect("tests know where they are");
    let profile = own.ancestors().nth(2).expect("tests are in <profile>/deps");
    let driver = profile.join("fakecuda/libcuda.so.1");
    assert!(driver.exists(), "{} is not built", driver.display());
    driver
}

/// A function of the fake's own.
fn control(name: &CStr) -> *mut c_void {
    let path = std::env::var("NDFERRY_CUDA_DRIVER").expect("set by the first test");
    let path = CString::new(path).expect("a path");
    // SAFETY: the library is loaded already, and stays.
    let function = unsafe {
        let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_NOLOAD);
        libc::dlsym(library, name.as_ptr())
    };
    assert!(!function.is_null(), "the driver is not the fake one");
    function
}

/// What the last kernel that failed did wrong.
pub fn last_fault() -> String {
    type Read = unsafe extern "C" fn(*mut c_char, usize) -> usize;
    let mut text = vec![0u8; 4096];
    // SAFETY: a function of this type, which writes no more bytes than it is told.
    let length = unsafe {
        let read = std::mem::transmute::<*mut c_void, Read>(control(c"fakecuda_last_fault"));
        read(text.as_mut_ptr().cast(), text.len())
    };
    text.truncate(length);
    String::from_utf8_lossy(&text).into_owned()
}

/// Memory of one kind, its bytes given, read and given back by the test.
pub struct Memory<'a> {
    entered: &'a Entered,
    kind: Kind,
    start: u64,
    bytes: usize,
}

/// Where memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Device,
    Managed,
    Pinned,
    Pageable,
}

impl<'a> Memory<'a> {
    /// Memory that holds `content`; it is there when this returns.
    pub fn new(entered: &'a Entered, kind: Kind, content: &[u8]) -> Self {
        let bytes = content.len();
        // As storages do it: elements within bytes are written by words of four bytes.
        let room = bytes.next_multiple_of(4);
        let start = match kind {
            _ if bytes == 0 => 0,
            Kind::Device => entered.allocate(room, Stream::LEGACY).expect("memory").0,
            Kind::Managed => entered.allocate_managed(room).expect("memory"),
            Kind::Pinned => entered.allocate_pinned(room).expect("memory"),
            Kind::Pageable => {
                Box::into_raw(content.to_vec().into_boxed_slice()).cast::<u8>().expose_provenance() as u64
            }
        };
        let memory = Self { entered, kind, start, bytes };
        // SAFETY: as many bytes on both sides; the stream is waited for.
        unsafe { memory.entered.copy(start, content.as_ptr().addr() as u64, bytes, Stream::LEGACY) }
            .expect("a copy");
        entered.synchronize(Stream::LEGACY).expect("no fault");
        memory
    }

    pub fn start(&self) -> *mut u8 {
        std::ptr::with_exposed_provenance_mut(self.start as usize)
    }

    /// What it holds when `stream` has come so far.
    pub fn read(&self, stream: Stream) -> Vec<u8> {
        let mut content = vec![0; self.bytes];
        // SAFETY: as many bytes on both sides; the stream is waited for.
        unsafe { self.entered.copy(content.as_mut_ptr().addr() as u64, self.start, self.bytes, stream) }
            .expect("a copy");
        if let Err(error) = self.entered.synchronize(stream) {
            panic!("{error}: {}", last_fault());
        }
        content
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        if self.bytes == 0 || std::thread::panicking() {
            return;
        }
        // SAFETY: made by `new`, and whoever used it has been waited for.
        unsafe {
            match self.kind {
                Kind::Device => self.entered.free(self.start, Stream::LEGACY).expect("memory of the pool"),
                Kind::Pageable => {
                    drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.start(), self.bytes)))
                }
                // Few and small: the fake frees them when the process ends.
                Kind::Managed | Kind::Pinned => {}
            }
        }
    }
}
