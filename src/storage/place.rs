//! Where new memory is to be.

use crate::device::Device;
use crate::device::cuda::Stream;

/// A device, and the stream that new memory there is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where.
    pub device: Device,
    /// On which stream memory of CUDA devices may be used at once. Others wait for it.
    pub stream: Stream,
}

/// For the legacy default stream.
impl From<Device> for Place {
    #[inline]
    fn from(device: Device) -> Self {
        Self { device, stream: Stream::LEGACY }
    }
}
