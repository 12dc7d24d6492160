//! Contexts: retained once, entered for a call, the caller's put back.

use std::collections::HashMap;
use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr::null_mut;
use std::sync::{Mutex, PoisonError};

use cudarc::driver::sys::{CUcontext, CUdevice, CUdevice_attribute, CUmemoryPool};
use once_cell::sync::OnceCell;

use super::driver::{Driver, driver};
use super::module::Module;
use super::release::Released;
use super::stream::Stream;
use crate::error::{Result, bail};

/// `CU_STREAM_CAPTURE_MODE_RELAXED`.
const RELAXED: c_int = 2;

/// What work on a device needs: its primary context, which frameworks use too, or somebody else's.
pub struct Context {
    pub(super) driver: &'static Driver,
    handle: usize,
    device: CUdevice,
    ordinal: i32,
    /// The driver's name of the context, which no later one has.
    id: u64,
    pub(super) pool: OnceCell<Option<Pool>>,
    /// A stream of ours, which waits for nothing but what it is told to.
    own_stream: OnceCell<Stream>,
    /// Events that are not in use.
    pub(super) events: Mutex<Vec<usize>>,
    /// Streams that were being captured when they were last seen.
    pub(super) captured: Mutex<Vec<Stream>>,
    /// What is to be freed.
    pub(super) released: Mutex<Vec<Released>>,
    pub(super) modules: Mutex<HashMap<&'static str, Module>>,
}

/// A memory pool's handle.
#[derive(Clone, Copy)]
pub(super) struct Pool(pub CUmemoryPool);

// SAFETY: the driver takes its handles on any thread.
unsafe impl Send for Pool {}
// SAFETY: as above.
unsafe impl Sync for Pool {}

/// One place a device.
static PRIMARY: OnceCell<Box<[OnceCell<Context>]>> = OnceCell::new();
/// Contexts that others made, each once.
static FOREIGN: Mutex<Vec<&'static Context>> = Mutex::new(Vec::new());

/// How many devices there are. Fails where there is no driver, or none that works.
pub fn count() -> Result<i32> {
    Ok(devices(driver()?)?.len() as i32)
}

fn devices(driver: &'static Driver) -> Result<&'static [OnceCell<Context>]> {
    let devices = PRIMARY.get_or_try_init(|| {
        let mut count = 0;
        // SAFETY: a place for the answer.
        unsafe { driver.cuDeviceGetCount(&mut count) }?;
        Result::Ok((0..count).map(|_| OnceCell::new()).collect())
    });
    devices.map(|devices| &**devices)
}

/// The primary context of a device, which is retained on first use, for good.
pub fn context(ordinal: i32) -> Result<&'static Context> {
    let driver = driver()?;
    let devices = devices(driver)?;
    let Some(place) = usize::try_from(ordinal).ok().and_then(|index| devices.get(index)) else {
        bail!(DeviceUnavailable, "there is no device cuda:{ordinal}, the driver knows {}", devices.len());
    };
    place.get_or_try_init(|| {
        let (mut device, mut handle) = (0, null_mut());
        // SAFETY: places for the answers; the ordinal is one of the driver's.
        unsafe {
            driver.cuDeviceGet(&mut device, ordinal)?;
            driver.cuDevicePrimaryCtxRetain(&mut handle, device)?;
        }
        Ok(Context::new(driver, handle, device, ordinal))
    })
}

/// The primary context of the device that the calling thread works with, of the first one if it has none.
pub fn current() -> Result<&'static Context> {
    let driver = driver()?;
    let (mut handle, mut device) = (null_mut(), 0);
    // SAFETY: places for the answers; the device is asked for where there is a context.
    unsafe {
        driver.cuCtxGetCurrent(&mut handle)?;
        if !handle.is_null() {
            driver.cuCtxGetDevice(&mut device)?;
        }
    }
    context(device)
}

/// The context behind a driver's handle: a device's primary one, or one that somebody else made on that device.
///
/// # Safety
/// `handle` is a context of device `ordinal` that exists.
pub(super) unsafe fn from_handle(handle: CUcontext, ordinal: i32) -> Result<&'static Context> {
    let primary = context(ordinal)?;
    if handle.is_null() || handle.addr() == primary.handle {
        return Ok(primary);
    }
    let mut foreign = FOREIGN.lock().unwrap_or_else(PoisonError::into_inner);
    let fresh = Context::new(primary.driver, handle, primary.device, ordinal);
    if let Some(known) = foreign.iter().find(|known| known.handle == fresh.handle && known.id == fresh.id) {
        return Ok(known);
    }
    foreign.push(Box::leak(Box::new(fresh)));
    Ok(foreign[foreign.len() - 1])
}

impl Context {
    fn new(driver: &'static Driver, handle: CUcontext, device: CUdevice, ordinal: i32) -> Self {
        let mut id = 0;
        // SAFETY: a context that exists. Where the driver has no such function, the handle has to do.
        let _ = unsafe { driver.cuCtxGetId(handle, &mut id) };
        Self {
            driver,
            handle: handle.expose_provenance(),
            device,
            ordinal,
            id,
            pool: OnceCell::new(),
            own_stream: OnceCell::new(),
            events: Mutex::default(),
            captured: Mutex::default(),
            released: Mutex::default(),
            modules: Mutex::default(),
        }
    }

    /// The number of the device.
    pub fn ordinal(&self) -> i32 {
        self.ordinal
    }

    /// The device as the driver takes it.
    pub(super) fn device(&self) -> CUdevice {
        self.device
    }

    /// The context as the driver takes it.
    pub(super) fn handle(&self) -> CUcontext {
        std::ptr::with_exposed_provenance_mut(self.handle)
    }

    /// A number that the device has.
    pub fn attribute(&self, attribute: CUdevice_attribute) -> Result<i32> {
        let mut value = 0;
        // SAFETY: a place for the answer, a device of the driver's.
        unsafe { self.driver.cuDeviceGetAttribute(&mut value, attribute, self.device) }?;
        Ok(value)
    }

    /// What the maker calls the device.
    pub fn description(&self) -> Result<String> {
        let mut text = [0u8; 256];
        let room = text.len() as c_int;
        // SAFETY: as many bytes as are said, a device of the driver's.
        unsafe { self.driver.cuDeviceGetName(text.as_mut_ptr().cast(), room, self.device) }?;
        let name = text.split(|&byte| byte == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(name).into_owned())
    }

    /// Whether the device reaches the memory of that of `peer`.
    pub fn can_access(&self, peer: &Self) -> Result<bool> {
        peer.is_reached_by(self.device)
    }

    /// Whether another device reaches the memory of this one.
    pub(super) fn is_reached_by(&self, peer: CUdevice) -> Result<bool> {
        let mut can = 0;
        // SAFETY: a place for the answer, devices of the driver's.
        unsafe { self.driver.cuDeviceCanAccessPeer(&mut can, peer, self.device) }?;
        Ok(can != 0)
    }

    /// Another device, whose context is not needed.
    pub(super) fn peer(&self, ordinal: i32) -> Result<CUdevice> {
        let mut device = 0;
        // SAFETY: a place for the answer.
        unsafe { self.driver.cuDeviceGet(&mut device, ordinal) }?;
        Ok(device)
    }

    /// The compute capability: 90 for 9.0.
    pub fn capability(&self) -> Result<i32> {
        use CUdevice_attribute::*;
        let major = self.attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        Ok(major * 10 + self.attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?)
    }

    /// Makes the context the thread's current one until the result is dropped, which puts the caller's back.
    pub fn enter(&'static self) -> Result<Entered> {
        if self.driver.is_lost() {
            driver()?;
        }
        // SAFETY: a context that was retained, or that exists as long as the memory that it was asked for.
        unsafe { self.driver.cuCtxPushCurrent_v2(self.handle()) }?;
        // What a capture of somebody else's forbids is making and freeing things, which ours do outside of it.
        let mut mode = RELAXED;
        // SAFETY: an integer as large as the driver's enum, one of whose values it has.
        let exchanged = unsafe { self.driver.cuThreadExchangeStreamCaptureMode((&raw mut mode).cast()) };
        Ok(Entered { context: self, mode: exchanged.ok().map(|()| mode), thread: PhantomData })
    }
}

/// A context that is current on this thread. What needs one is a method of this.
pub struct Entered {
    pub(super) context: &'static Context,
    mode: Option<c_int>,
    thread: PhantomData<*const ()>,
}

impl Entered {
    /// The context.
    pub fn context(&self) -> &'static Context {
        self.context
    }

    pub(super) fn driver(&self) -> &'static Driver {
        self.context.driver
    }

    /// The stream of ours in this context.
    pub(super) fn own_stream(&self) -> Result<Stream> {
        self.context.own_stream.get_or_try_init(|| self.new_stream()).copied()
    }

    /// Free and all bytes of the device.
    pub fn memory_info(&self) -> Result<(usize, usize)> {
        let (mut free, mut total) = (0, 0);
        // SAFETY: places for the answers.
        unsafe { self.driver().cuMemGetInfo_v2(&mut free, &mut total) }?;
        Ok((free, total))
    }

    /// Waits for all work of the context. Fails while a stream is captured, and ends the capture.
    pub fn synchronize_all(&self) -> Result<()> {
        // SAFETY: a context is current.
        unsafe { self.driver().cuCtxSynchronize() }?;
        // It would have failed if any were still being captured.
        self.context.captured.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // What fails here has failed before; nobody can be told.
        // SAFETY: the mode that was found on entry, and the context that was pushed then.
        unsafe {
            if let Some(mut mode) = self.mode {
                let _ = self.driver().cuThreadExchangeStreamCaptureMode((&raw mut mode).cast());
            }
            let _ = self.driver().cuCtxPopCurrent_v2(&mut null_mut());
        }
    }
}
