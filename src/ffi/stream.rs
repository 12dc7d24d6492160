//! The order of work on the memory of a tensor.

use super::args::{borrow, stream};
use super::guard::guard;
use super::status::ndf_status;
use super::tensor::ndf_tensor;
use crate::device::cuda::Stream;
use crate::error::Result;

/// What is enqueued on `stream` from now on begins after all work that ndferry knows to use the memory of `tensor`: its
/// own, and what ndf_tensor_record told of. The host waits for nothing.
///
/// Call this before work of your own on another stream than the last one. Nothing is waited for on a stream that is being
/// captured into a graph.
///
/// @param tensor  [borrowed]
/// @param stream  as DLPack numbers them; 0 means 1, the legacy default stream, and -1 does nothing
/// @returns NDF_OK; NDF_ERROR_DEVICE_UNAVAILABLE: there is no CUDA; NDF_ERROR_DEVICE_FAILURE; NDF_ERROR_INVALID_ARGUMENT:
///          a NULL, or no stream
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_wait(tensor: *const ndf_tensor, stream: i64) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let tensor = unsafe { borrow(tensor, "tensor")? };
        match order(stream)? {
            Some(stream) => tensor.wait(stream),
            None => Ok(()),
        }
    })
}

/// What was enqueued on `stream` so far uses the memory of `tensor`: work of ndferry on other streams waits for it, and
/// the memory is not given back before.
///
/// Call this after work of your own. Of work that is being captured into a graph nothing is known: whoever launches the
/// graph keeps the tensor.
///
/// @param tensor  [borrowed]
/// @param stream  as DLPack numbers them; 0 means 1, the legacy default stream, and -1 does nothing
/// @returns as ndf_tensor_wait
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_record(tensor: *const ndf_tensor, stream: i64) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let tensor = unsafe { borrow(tensor, "tensor")? };
        match order(stream)? {
            Some(stream) => tensor.record(stream),
            None => Ok(()),
        }
    })
}

/// A stream to put in order; `None` where there is nothing to be done.
fn order(number: i64) -> Result<Option<Stream>> {
    if number == -1 { Ok(None) } else { stream(number).map(Some) }
}
