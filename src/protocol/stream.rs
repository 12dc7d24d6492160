//! Streams across protocols: what a consumer's stream waits for, and what is remembered of a producer's.

use std::ffi::c_void;

use crate::device::Device;
use crate::device::cuda::{self, Stream};
use crate::error::{Result, bail};
use crate::tensor::Tensor;

/// Whether CUDA streams work on memory of this kind: device, pinned and managed memory.
pub fn has_streams(device: Device) -> bool {
    matches!(device.device_type, 2 | 3 | 13)
}

/// Whether work may be pending on memory of this kind: without a driver there is none.
pub fn are_here(device: Device) -> bool {
    has_streams(device) && cuda::driver().is_ok()
}

/// What the producer has enqueued on `stream` so far is remembered: work of ours on other streams waits for it.
pub fn remember(tensor: &Tensor, stream: Stream) -> Result<()> {
    match are_here(tensor.device()) {
        true => {
            let storage = tensor.storage();
            storage.record_owner(&storage.context()?.enter()?, stream)
        }
        false => Ok(()),
    }
}

/// A stream as C passes it, where NULL is the legacy default one.
pub fn from_pointer(stream: *mut c_void) -> Result<Stream> {
    match i64::try_from(stream.addr()).map(|number| Stream::from_number(number.max(1))) {
        Ok(Ok(Some(stream))) => Ok(stream),
        _ => bail!(InvalidArgument, "{stream:p} is no stream"),
    }
}

/// Where work of ours goes unless somebody names a stream, for those who ask for a device's current stream: the legacy
/// default one, which is NULL, as on the CPU, which has none.
pub fn current(device: Device) -> Result<*mut c_void> {
    if device != Device::CPU && !has_streams(device) {
        bail!(
            Unsupported,
            "{device} has no stream here: tensors of ndferry are worked with on the CPU and by CUDA"
        );
    }
    Ok(std::ptr::null_mut())
}
