//! What a handle is: an `ndf_tensor*` that is not NULL *is* one counted reference of a [`Tensor`].
//!
//! All handles go in and out here, under the eyes of the lifetime debugger if that is on.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;

use super::args::null;
use super::guard::fail;
use super::tensor::ndf_tensor;
use crate::error::Result;
use crate::tensor::{Block, Tensor, lifetimes};

/// A tensor lent by C for one call: used, not counted.
pub(super) struct Borrowed<'a>(ManuallyDrop<Tensor>, PhantomData<&'a ndf_tensor>);

impl Deref for Borrowed<'_> {
    type Target = Tensor;
    #[inline]
    fn deref(&self) -> &Tensor {
        &self.0
    }
}

impl ndf_tensor {
    /// Gives C one reference.
    #[inline]
    pub(super) fn give(tensor: Tensor) -> *mut Self {
        lifetimes::given(&tensor);
        tensor.into_raw().cast()
    }

    /// Takes one reference from C; `None` for NULL, and for what is no handle: then there is a message on this thread.
    ///
    /// # Safety
    /// `raw` is NULL or a live handle, one reference of which the caller gives up. While the lifetime debugger is on it may
    /// be anything.
    #[inline]
    pub(super) unsafe fn take(raw: *mut Self) -> Option<Tensor> {
        if lifetimes::is_suspect(raw) && !is_known(raw, true) {
            return None;
        }
        // SAFETY: a live handle came from `give`.
        Some(unsafe { Tensor::from_raw(raw.cast::<Block>()) })
    }

    /// Lends what C lent us and calls `name`; an error for NULL.
    ///
    /// # Safety
    /// `raw` is NULL, or a live handle for as long as the result is used. While the lifetime debugger is on it may be
    /// anything: what is no such handle is an error.
    #[inline]
    pub(super) unsafe fn borrow<'a>(raw: *const Self, name: &str) -> Result<Borrowed<'a>> {
        if lifetimes::is_suspect(raw) {
            require(raw, name)?;
        }
        // SAFETY: a live handle.
        Ok(unsafe { Borrowed::of(raw) })
    }

    /// Lends what C lent us; `None` for NULL, and for what is no handle: then there is a message on this thread.
    ///
    /// # Safety
    /// As [`ndf_tensor::borrow`].
    #[inline]
    pub(super) unsafe fn lend<'a>(raw: *const Self) -> Option<Borrowed<'a>> {
        if lifetimes::is_suspect(raw) && !is_known(raw, false) {
            return None;
        }
        // SAFETY: a live handle.
        Some(unsafe { Borrowed::of(raw) })
    }
}

impl Borrowed<'_> {
    /// # Safety
    /// `raw` is a live handle for as long as the result is used.
    #[inline]
    unsafe fn of(raw: *const ndf_tensor) -> Self {
        // SAFETY: a live handle came from `give`; `ManuallyDrop` keeps its count as it is.
        let tensor = unsafe { Tensor::from_raw(raw.cast_mut().cast::<Block>()) };
        Self(ManuallyDrop::new(tensor), PhantomData)
    }
}

/// Fails for NULL, and for what the lifetime debugger knows to be no handle.
#[cold]
#[inline(never)]
fn require(raw: *const ndf_tensor, name: &str) -> Result<()> {
    if lifetimes::admitted(raw.cast(), name)? { Ok(()) } else { Err(null(name)) }
}

/// Whether the debugger knows no better than that `raw` is a handle; not NULL. A failure becomes a message on this thread. Nothing unwinds out of here.
#[cold]
#[inline(never)]
extern "C" fn is_known(raw: *const ndf_tensor, is_given_up: bool) -> bool {
    let ask = if is_given_up { lifetimes::taken } else { lifetimes::admitted };
    ask(raw.cast(), "tensor").unwrap_or_else(|error| {
        fail(error);
        false
    })
}
