//! Streams, numbered as DLPack numbers them.

use cudarc::driver::sys::CUstream;

use crate::error::{Result, bail};

/// A stream of somebody's, or one of the two that every context has. What those two mean depends on the context that is
/// entered, and of the second on the thread too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stream(usize);

/// cbindgen:ignore
impl Stream {
    /// The legacy default stream: what is on it waits for all other streams that do not opt out, and they for it.
    pub const LEGACY: Self = Self(1);
    /// The default stream of the calling thread.
    pub const PER_THREAD: Self = Self(2);

    /// DLPack's numbers: 1 the legacy default stream, 2 the one per thread, -1 for no synchronisation (`None`), else a
    /// `cudaStream_t`. 0 may be either default stream and is refused.
    pub fn from_number(number: i64) -> Result<Option<Self>> {
        match number {
            -1 => Ok(None),
            0 => bail!(
                InvalidArgument,
                "`stream` is 0, which may be either default stream: 1 is the legacy one, 2 the per-thread one"
            ),
            1.. => match usize::try_from(number) {
                Ok(handle) => Ok(Some(Self(handle))),
                Err(_) => bail!(InvalidArgument, "`stream` is {number}, no address"),
            },
            _ => bail!(InvalidArgument, "`stream` is {number}, no CUDA stream"),
        }
    }

    /// The number that DLPack gives it.
    pub fn number(self) -> i64 {
        self.0 as i64
    }

    /// A stream of the driver's.
    pub(super) fn from_handle(handle: CUstream) -> Self {
        Self(handle.addr())
    }

    /// The stream as the driver takes it.
    #[inline]
    pub(super) fn handle(self) -> CUstream {
        std::ptr::with_exposed_provenance_mut(self.0)
    }
}
