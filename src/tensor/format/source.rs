//! Where the bytes of elements are read: memory that the host reaches, or device memory, of which it makes copies.

use crate::device::cuda::{Entered, Stream};
use crate::error::{Result, bail};
use crate::tensor::{Tensor, byte_span};

/// Bytes that may be copied at once although fewer are shown.
const CHEAP: usize = 1 << 16;

pub enum Source<'a> {
    Host(&'a Tensor),
    /// All bytes of a tensor of a device, and how far they are from the start of its storage.
    Copied {
        bytes: Vec<u8>,
        from: usize,
    },
    Device {
        tensor: &'a Tensor,
        entered: Entered,
        stream: Stream,
    },
}

impl<'a> Source<'a> {
    /// The memory of `tensor`, of which about `shown` bytes will be read, once what is known to work on it is done.
    ///
    /// Errors: `Unsupported` for memory that neither the host nor CUDA reaches.
    pub fn of(tensor: &'a Tensor, shown: usize) -> Result<Self> {
        let storage = tensor.storage();
        if tensor.device().device_type != 2 {
            tensor.require_host("printing")?;
            storage.synchronize()?;
            return Ok(Self::Host(tensor));
        }
        let entered = storage.context()?.enter()?;
        let stream = entered.usable(Stream::LEGACY)?;
        storage.wait(&entered, stream)?;
        let device = Self::Device { tensor, entered, stream };
        let (from, end) = byte_span(tensor.dtype(), tensor.layout())?;
        let (Ok(from), Ok(bytes)) = (usize::try_from(from), usize::try_from(end - from)) else {
            bail!(Internal, "a tensor reaches from {from} to {end} of its storage");
        };
        if bytes > shown.saturating_mul(4).max(CHEAP) {
            return Ok(device);
        }
        let mut copy = vec![0; bytes];
        device.read(from, &mut copy)?;
        Ok(Self::Copied { bytes: copy, from })
    }

    /// The bytes from `byte` on, counted from the start of the storage: all of them belong to elements of the tensor.
    pub fn read(&self, byte: usize, target: &mut [u8]) -> Result<()> {
        match self {
            Self::Host(tensor) => {
                let source = tensor.storage().start().wrapping_add(byte);
                // SAFETY: the host reaches the storage, which lives as long as the borrowed tensor, and the bytes are of
                // elements, which lie inside it. The target is of our own. Who writes to the elements meanwhile has
                // broken the rule that writers order themselves. Bytes need no alignment.
                unsafe { source.copy_to_nonoverlapping(target.as_mut_ptr(), target.len()) };
            }
            Self::Copied { bytes, from } => target.copy_from_slice(&bytes[byte - from..][..target.len()]),
            Self::Device { tensor, entered, stream } => {
                let source = (tensor.storage().start().addr() + byte) as u64;
                // SAFETY: the target is of our own, and stays until the stream has been waited for.
                unsafe { entered.copy_to_host(target.as_mut_ptr(), source, target.len(), *stream) }?;
                entered.synchronize(*stream)?;
            }
        }
        Ok(())
    }
}
