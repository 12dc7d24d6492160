//! The fake driver as a test sees it, and the process that a test has to itself.

use std::ffi::{CStr, CString, c_int, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;

use ndferry::device::Device;
use ndferry::dtype::DType;
use ndferry::storage::Owner;
use ndferry::tensor::{Adopted, Tensor};

/// Set in the process of one test.
const ALONE: &str = "NDFERRY_TEST_ALONE";
/// Where the library looks for the driver.
const DRIVER: &str = "NDFERRY_CUDA_DRIVER";

pub const CUDA: Device = Device { device_type: 2, device_id: 0 };
pub const SECOND: Device = Device { device_type: 2, device_id: 1 };
pub const PINNED: Device = Device { device_type: 3, device_id: 0 };
pub const MANAGED: Device = Device { device_type: 13, device_id: 0 };

/// A test that runs `body` in a process of its own, with variables of the environment.
macro_rules! alone {
    ($name:ident, [$($variable:expr),*], $body:expr) => {
        #[test]
        fn $name() {
            let name = concat!(module_path!(), "::", stringify!($name));
            $crate::fake::run_alone(name, &[$($variable),*].map(|(name, value): (&str, &str)| (name, value)), $body);
        }
    };
    ($name:ident, $body:expr) => {
        alone!($name, [], $body);
    };
}
pub(crate) use alone;

/// The fake driver's file, which cargo builds because the tests depend on it.
pub fn path() -> PathBuf {
    let test = std::env::current_exe().expect("a test is a file");
    let profile = test.ancestors().nth(2).expect("tests are in <profile>/deps");
    let driver = profile.join("fakecuda/libcuda.so.1");
    assert!(driver.exists(), "{} is not built", driver.display());
    driver
}

/// Runs a test again in a process of its own, where it runs `body`. What that prints.
pub fn run_alone(name: &str, variables: &[(&str, &str)], body: impl FnOnce()) -> String {
    if std::env::var_os(ALONE).is_some() {
        body();
        return String::new();
    }
    let test = name.split_once("::").map_or(name, |(_, test)| test);
    let mut command = Command::new(std::env::current_exe().expect("a test is a file"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(ALONE, "1").env(DRIVER, path());
    command.envs(variables.iter().copied());
    let output = command.output().expect("a test can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{test}: {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text.into_owned()
}

/// The fake, opened beside the library: the same one, because it is the same file.
pub struct Fake(*mut c_void);

impl Fake {
    /// The driver that the library uses.
    pub fn open() -> Self {
        let driver = std::env::var_os(DRIVER).expect("the test is alone");
        Self::at(Path::new(&driver))
    }

    pub fn at(driver: &Path) -> Self {
        let name = CString::new(driver.as_os_str().as_encoded_bytes()).expect("paths have no NUL");
        // SAFETY: the name ends with NUL; the fake's initialisers do nothing.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null(), "{} cannot be opened", driver.display());
        Self(handle)
    }

    /// Calls a function of integers and addresses.
    ///
    /// # Safety
    /// The arguments are those of the function.
    unsafe fn raw<const N: usize>(&self, name: &str, arguments: [usize; N]) -> usize {
        let name = CString::new(name).expect("names have no NUL");
        // SAFETY: the library is open, the name ends with NUL.
        let function = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!function.is_null(), "no {name:?}");
        let mut a = [0; 6];
        a[..N].copy_from_slice(&arguments);
        // SAFETY: in C calls, more integers than are taken do no harm; the caller answers for those that are.
        unsafe {
            let function: unsafe extern "C" fn(usize, usize, usize, usize, usize, usize) -> usize =
                std::mem::transmute(function);
            function(a[0], a[1], a[2], a[3], a[4], a[5])
        }
    }

    /// What a function of the driver answers to somebody who uses it beside the library.
    pub fn code<const N: usize>(&self, name: &str, arguments: [usize; N]) -> c_int {
        // SAFETY: tests call them as the driver's manual says.
        unsafe { self.raw(name, arguments) as c_int }
    }

    /// Likewise where it is to succeed.
    pub fn cu<const N: usize>(&self, name: &str, arguments: [usize; N]) {
        assert_eq!(self.code(name, arguments), 0, "{name}");
    }

    fn say(&self, name: &str, text: &str) {
        let text = CString::new(text).expect("no NUL");
        assert_eq!(self.code(name, [text.as_ptr().addr()]), 0, "{name}({text:?})");
    }

    pub fn faults(&self, faults: &str) {
        self.say("fakecuda_set_faults", faults);
    }

    fn count(&self, name: &str, of: &CStr) -> i64 {
        // SAFETY: text in, a number out.
        unsafe { self.raw(name, [of.as_ptr().addr()]) as i64 }
    }

    pub fn live(&self, kind: &CStr) -> i64 {
        self.count("fakecuda_live", kind)
    }

    pub fn calls(&self, function: &CStr) -> i64 {
        self.count("fakecuda_calls", function)
    }

    /// All calls since the faults were set.
    pub fn all_calls(&self) -> i64 {
        // SAFETY: NULL stands for all.
        unsafe { self.raw("fakecuda_calls", [0]) as i64 }
    }

    pub fn fired(&self) -> i64 {
        // SAFETY: no arguments.
        unsafe { self.raw("fakecuda_fired", []) as i64 }
    }

    /// Starts to note all calls.
    pub fn trace_start(&self) {
        // SAFETY: no arguments.
        unsafe { self.raw("fakecuda_trace_start", []) };
    }

    /// The calls noted, a line each, with what they answered.
    pub fn trace(&self) -> String {
        // SAFETY: with no room only the length is told; then there is room for it and its end.
        unsafe {
            let length = self.raw("fakecuda_trace_stop", [0, 0]);
            let mut text = vec![0u8; length + 1];
            self.raw("fakecuda_trace_stop", [text.as_mut_ptr().addr(), text.len()]);
            text.truncate(length);
            String::from_utf8(text).expect("traces are text")
        }
    }

    /// Writes a driver that lacks functions.
    pub fn write_without(&self, path: &Path, names: &str) {
        let path = CString::new(path.as_os_str().as_encoded_bytes()).expect("paths have no NUL");
        let names = CString::new(names).expect("no NUL");
        self.cu("fakecuda_write_without", [path.as_ptr().addr(), names.as_ptr().addr()]);
    }

    /// A stream of somebody's, which waits for no other. A context is current.
    pub fn new_stream(&self) -> i64 {
        let mut stream = 0usize;
        self.cu("cuStreamCreate", [(&raw mut stream).addr(), 1]);
        stream as i64
    }

    /// Makes the primary context of a device current, as a program beside the library does.
    pub fn make_current(&self, ordinal: i32) {
        let (mut device, mut context) = (0i32, 0usize);
        self.cu("cuInit", [0]);
        self.cu("cuDeviceGet", [(&raw mut device).addr(), ordinal as usize]);
        self.cu("cuDevicePrimaryCtxRetain", [(&raw mut context).addr(), device as usize]);
        self.cu("cuCtxSetCurrent", [context]);
    }

    /// The context that is current.
    pub fn current(&self) -> usize {
        let mut context = 0usize;
        self.cu("cuCtxGetCurrent", [(&raw mut context).addr()]);
        context
    }

    /// Sets bytes in the order of a stream, as a kernel of somebody's would.
    pub fn set(&self, address: usize, byte: u8, count: usize, stream: i64) {
        self.cu("cuMemsetD8Async", [address, byte.into(), count, stream as usize]);
    }

    /// The bytes at an address as they are once `stream` has come so far.
    pub fn read(&self, address: usize, count: usize, stream: i64) -> Vec<u8> {
        let mut bytes = vec![0u8; count];
        self.cu("cuMemcpyDtoHAsync_v2", [bytes.as_mut_ptr().addr(), address, count, stream as usize]);
        self.cu("cuStreamSynchronize", [stream as usize]);
        bytes
    }
}

/// A tensor of so many bytes of device memory that is somebody else's.
///
/// # Safety
/// The memory is there until `owner` gives it back.
pub unsafe fn adopt(address: usize, bytes: usize, owner: Owner) -> Tensor {
    let foreign = Adopted {
        data: std::ptr::with_exposed_provenance_mut(address),
        byte_offset: 0,
        device: CUDA,
        dtype: DType::UINT8,
        shape: &[bytes as i64],
        strides: None,
        read_only: false,
    };
    // SAFETY: as the caller promises.
    unsafe { Tensor::adopt(&foreign, owner) }.expect("a tensor")
}
