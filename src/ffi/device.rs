//! Devices.

use std::ffi::c_char;

use super::args::TextOut;
use super::guard::{guard, guard_or};
use super::status::ndf_status;
use crate::device::Device;

/// Device types, with DLPack's numbers. Any number is carried; only those named here mean something.
pub type ndf_device_type = i32;
/// Host memory.
pub const NDF_DEVICE_CPU: ndf_device_type = 1;
/// CUDA device memory.
pub const NDF_DEVICE_CUDA: ndf_device_type = 2;
/// Host memory pinned by CUDA.
pub const NDF_DEVICE_CUDA_HOST: ndf_device_type = 3;
/// ROCm device memory.
pub const NDF_DEVICE_ROCM: ndf_device_type = 10;
/// Host memory pinned by ROCm.
pub const NDF_DEVICE_ROCM_HOST: ndf_device_type = 11;
/// CUDA managed memory, reached by host and devices.
pub const NDF_DEVICE_CUDA_MANAGED: ndf_device_type = 13;

/// The number of devices of a type that this library can make memory on.
///
/// @param device_type  NDF_DEVICE_*
/// @returns 1 for NDF_DEVICE_CPU, 0 for every other type
#[unsafe(no_mangle)]
pub extern "C" fn ndf_device_count(device_type: ndf_device_type) -> i32 {
    guard_or(0, || Ok(crate::device::count(device_type)))
}

/// Whether this library can make and convert memory on `device` now.
#[unsafe(no_mangle)]
pub extern "C" fn ndf_device_is_available(device: Device) -> bool {
    guard_or(false, || Ok((0..crate::device::count(device.device_type)).contains(&device.device_id)))
}

/// The name of a device, such as "cpu" or "cuda:1".
///
/// @param device      any device
/// @param capacity    bytes in `out_text`, the terminating NUL included
/// @param out_text    the name  [borrowed; NULL with `capacity` 0 asks for the length only]
/// @param out_length  bytes of the name without the NUL  [borrowed; may be NULL when `out_text` is not]
/// @returns NDF_OK; NDF_ERROR_BUFFER_TOO_SMALL; NDF_ERROR_INVALID_ARGUMENT: a NULL
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_device_name(
    device: Device,
    capacity: usize,
    out_text: *mut c_char,
    out_length: *mut usize,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let out = unsafe { TextOut::new(out_text, capacity, out_length)? };
        out.set(&device.to_string())
    })
}
