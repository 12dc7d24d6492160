//! What the tests of the fake share: one at a time, each with a driver of its own, and the usual steps.

#![allow(dead_code, unused_macros)]

use std::{
    ffi::CString,
    sync::{Mutex, MutexGuard},
};

use fakecuda::*;

pub const SUCCESS: i32 = 0;
pub const INVALID_VALUE: i32 = 1;
pub const OUT_OF_MEMORY: i32 = 2;
pub const NOT_INITIALIZED: i32 = 3;
pub const INVALID_CONTEXT: i32 = 201;
pub const INVALID_HANDLE: i32 = 400;
pub const NOT_READY: i32 = 600;
pub const ILLEGAL_ADDRESS: i32 = 700;

/// Calls a function of the driver.
macro_rules! cu {
    // SAFETY: the tests pass what the driver's documentation asks for, or what the fake is to refuse unread.
    ($name:ident($($argument:expr),* $(,)?)) => { unsafe { fakecuda::$name($($argument),*) } };
}

/// Likewise, and it must succeed.
macro_rules! ok {
    ($($call:tt)*) => { assert_eq!(cu!($($call)*), 0, stringify!($($call)*)) };
}

static ALONE: Mutex<()> = Mutex::new(());

/// The fake, initialised, with device 0's primary context current on this thread.
pub struct Fake {
    pub context: usize,
    _alone: MutexGuard<'static, ()>,
}

/// A fresh driver with the defaults and these changes.
pub fn fake(changes: &str) -> Fake {
    let alone = ALONE.lock().unwrap_or_else(|poison| poison.into_inner());
    let changes = CString::new(changes).expect("no NUL");
    assert_eq!(fakecuda_restart(changes.as_c_str().into()), 0);
    assert_eq!(faults(""), 0);
    ok!(cuInit(0));
    let context = primary(0);
    ok!(cuCtxPushCurrent_v2(context));
    Fake { context, _alone: alone }
}

pub fn primary(device: i32) -> usize {
    let mut context = 0;
    ok!(cuDevicePrimaryCtxRetain((&mut context).into(), device));
    context
}

pub fn faults(text: &str) -> i32 {
    let text = CString::new(text).expect("no NUL");
    fakecuda_set_faults(text.as_c_str().into())
}

pub fn live(kind: &str) -> i64 {
    let kind = CString::new(kind).expect("no NUL");
    fakecuda_live(kind.as_c_str().into())
}

pub fn calls(name: &str) -> u64 {
    let name = CString::new(name).expect("no NUL");
    fakecuda_calls(name.as_c_str().into())
}

/// A stream that is not ordered with the legacy one.
pub fn stream() -> usize {
    stream_with(1)
}

pub fn stream_with(flags: u32) -> usize {
    let mut stream = 0;
    ok!(cuStreamCreate((&mut stream).into(), flags));
    stream
}

pub fn event() -> usize {
    let mut event = 0;
    ok!(cuEventCreate((&mut event).into(), 2));
    event
}

/// `to` waits for what `from` has been given so far.
pub fn join(to: usize, from: usize) {
    let event = event();
    ok!(cuEventRecord(event, from));
    ok!(cuStreamWaitEvent(to, event, 0));
    ok!(cuEventDestroy_v2(event));
}

pub fn device_memory(bytes: usize) -> usize {
    let mut address = 0;
    ok!(cuMemAlloc_v2((&mut address).into(), bytes));
    address
}

pub fn pool_memory(bytes: usize, stream: usize) -> usize {
    let mut address = 0;
    ok!(cuMemAllocAsync((&mut address).into(), bytes, stream));
    address
}

pub fn pinned(bytes: usize) -> &'static mut [u8] {
    let mut address = 0;
    ok!(cuMemHostAlloc((&mut address).into(), bytes, 0));
    // SAFETY: memory that the fake made for this call, and that lives until it is restarted.
    unsafe { std::slice::from_raw_parts_mut(address as *mut u8, bytes) }
}

pub fn address(bytes: &[u8]) -> usize {
    bytes.as_ptr() as usize
}

/// What is in device memory, read in a stream's order.
pub fn read(address: usize, bytes: usize, stream: usize) -> Vec<u8> {
    let target = vec![0; bytes];
    ok!(cuMemcpyDtoHAsync_v2(target.as_ptr() as usize, address, bytes, stream));
    target
}

/// Puts bytes into device memory, in a stream's order.
pub fn write(address: usize, bytes: &[u8], stream: usize) {
    ok!(cuMemcpyHtoDAsync_v2(address, bytes.as_ptr() as usize, bytes.len(), stream));
}

/// Runs `child` in a forked process: how it ended, as `waitpid` says it.
pub fn forked(child: impl FnOnce() -> i32) -> i32 {
    let mut status = 0;
    // SAFETY: the child calls nothing but the fake and leaves without running anything else of this process.
    unsafe {
        match libc::fork() {
            -1 => panic!("no fork"),
            0 => libc::_exit(child()),
            process => assert_eq!(libc::waitpid(process, &mut status, 0), process),
        }
    }
    status
}
