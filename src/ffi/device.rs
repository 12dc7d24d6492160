//! Devices.

use std::ffi::{c_char, c_void};

use super::args::{Out, TextOut, null, stream};
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

/// The number of devices of a type that this library can make memory on. Starts the CUDA driver, if there is one, when it
/// is asked for CUDA; a process that is forked off afterwards has no CUDA.
///
/// @param device_type  NDF_DEVICE_*
/// @returns 1 for NDF_DEVICE_CPU; the devices that the driver knows for NDF_DEVICE_CUDA; 1 for NDF_DEVICE_CUDA_HOST and
///          NDF_DEVICE_CUDA_MANAGED where there is one of those; 0 for every other type, and where there is no driver
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

/// What the maker of a CUDA device calls it, such as "NVIDIA H200".
///
/// @param device      a CUDA device
/// @param capacity    bytes in `out_text`, the terminating NUL included
/// @param out_text    the name  [borrowed; NULL with `capacity` 0 asks for the length only]
/// @param out_length  bytes of the name without the NUL  [borrowed; may be NULL when `out_text` is not]
/// @returns NDF_OK; NDF_ERROR_BUFFER_TOO_SMALL; NDF_ERROR_UNSUPPORTED: no CUDA device; NDF_ERROR_DEVICE_UNAVAILABLE: not
///          there; NDF_ERROR_INVALID_ARGUMENT: a NULL
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_device_description(
    device: Device,
    capacity: usize,
    out_text: *mut c_char,
    out_length: *mut usize,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let out = unsafe { TextOut::new(out_text, capacity, out_length)? };
        out.set(&device.description()?)
    })
}

/// How much memory a CUDA device has.
///
/// @param device     a CUDA device
/// @param out_free   bytes that nobody has
/// @param out_total  all bytes
/// @returns NDF_OK; NDF_ERROR_UNSUPPORTED: no CUDA device; NDF_ERROR_DEVICE_UNAVAILABLE: not there;
///          NDF_ERROR_DEVICE_FAILURE; NDF_ERROR_INVALID_ARGUMENT: a NULL
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_device_memory_info(
    device: Device,
    out_free: *mut usize,
    out_total: *mut usize,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (out_free, out_total) =
            unsafe { (Out::new(out_free, "out_free")?, Out::new(out_total, "out_total")?) };
        let (free, total) = device.memory_info()?;
        out_free.set(free)?;
        out_total.set(total)
    })
}

/// Whether a CUDA device can read and write the memory of another one.
#[unsafe(no_mangle)]
pub extern "C" fn ndf_device_can_access_peer(device: Device, peer: Device) -> bool {
    guard_or(false, || device.can_access(peer))
}

/// Where memory lies: on a CUDA device, in pinned or managed memory, else NDF_DEVICE_CPU, which is all that the CUDA driver
/// does not know.
///
/// @param pointer     any address  [borrowed; not read]
/// @param out_device  the device
/// @returns NDF_OK; NDF_ERROR_DEVICE_UNAVAILABLE: in a process that was forked off one that used CUDA;
///          NDF_ERROR_DEVICE_FAILURE; NDF_ERROR_INVALID_ARGUMENT: a NULL
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_device_of_pointer(
    pointer: *const c_void,
    out_device: *mut Device,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let out = unsafe { Out::new(out_device, "out_device")? };
        if pointer.is_null() {
            return Err(null("pointer"));
        }
        out.set(Device::of_address(pointer.addr())?)
    })
}

/// Waits until all work that was enqueued on a CUDA device so far has been done. Must not be called while a stream of it is
/// captured into a graph.
///
/// @param device  a CUDA device; any other has nothing to wait for
/// @returns NDF_OK; NDF_ERROR_DEVICE_UNAVAILABLE: not there; NDF_ERROR_DEVICE_FAILURE: it, or the work
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn ndf_device_synchronize(device: Device) -> ndf_status {
    guard(|| device.synchronize())
}

/// Waits until all work that was enqueued on a stream so far has been done.
///
/// @param device  the CUDA device that the stream is of
/// @param stream  as DLPack numbers them; 0 means 1, the legacy default stream
/// @returns NDF_OK; NDF_ERROR_UNSUPPORTED: no CUDA device; NDF_ERROR_DEVICE_UNAVAILABLE: not there;
///          NDF_ERROR_DEVICE_FAILURE: it, or the work; NDF_ERROR_INVALID_ARGUMENT: no stream
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_stream_synchronize(device: Device, stream: i64) -> ndf_status {
    guard(|| device.synchronize_stream(self::stream(stream)?))
}
