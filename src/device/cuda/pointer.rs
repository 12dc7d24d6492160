//! What the driver knows of an address.

use std::ffi::c_void;

use cudarc::driver::sys::{CUcontext, CUpointer_attribute};

use super::context::{self, Context};
use super::driver::{driver, is_lost};
use crate::device::Device;
use crate::error::Result;

/// `CU_MEMORYTYPE_HOST` and `CU_MEMORYTYPE_DEVICE`.
const HOST: u32 = 1;
const DEVICE: u32 = 2;

/// Memory that CUDA knows.
#[derive(Clone, Copy, Debug)]
pub struct PointerInfo {
    /// Device memory, pinned or managed memory.
    pub device: Device,
    /// The number of the device that it is on, or that pinned and managed memory was made for.
    pub ordinal: i32,
    context: CUcontext,
}

impl PointerInfo {
    /// The context that work on the memory needs.
    pub fn context(&self) -> Result<&'static Context> {
        // SAFETY: the driver says that the memory is of this context, which exists as long as the memory.
        unsafe { context::from_handle(self.context, self.ordinal) }
    }
}

/// What is at `address`; `None` for memory that CUDA knows nothing of, which all is where CUDA does not start.
pub fn pointer(address: u64) -> Result<Option<PointerInfo>> {
    use CUpointer_attribute::*;
    let driver = match driver() {
        Err(_) if !is_lost() => return Ok(None),
        driver => driver?,
    };
    let (mut kind, mut managed, mut ordinal) = (0u32, 0u32, -2i32);
    let mut context: CUcontext = std::ptr::null_mut();
    let mut attributes = [
        CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
        CU_POINTER_ATTRIBUTE_IS_MANAGED,
        CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
        CU_POINTER_ATTRIBUTE_CONTEXT,
    ];
    let mut values: [*mut c_void; 4] = [
        (&raw mut kind).cast(),
        (&raw mut managed).cast(),
        (&raw mut ordinal).cast(),
        (&raw mut context).cast(),
    ];
    // SAFETY: as many attributes as places for them, each of its attribute's type.
    unsafe { driver.cuPointerGetAttributes(4, attributes.as_mut_ptr(), values.as_mut_ptr(), address) }?;
    let device = match (kind, managed & 0xff) {
        (HOST | DEVICE, 1..) => Device { device_type: 13, device_id: 0 },
        (HOST, 0) => Device { device_type: 3, device_id: 0 },
        (DEVICE, 0) => Device { device_type: 2, device_id: ordinal },
        _ => return Ok(None),
    };
    Ok(Some(PointerInfo { device, ordinal: ordinal.max(0), context }))
}
