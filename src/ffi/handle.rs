//! What a handle is: an `ndf_tensor*` that is not NULL *is* one counted reference of a [`Tensor`].

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;

use super::tensor::ndf_tensor;
use crate::tensor::{Block, Tensor};

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
        tensor.into_raw().cast()
    }

    /// Takes one reference from C; `None` for NULL.
    ///
    /// # Safety
    /// `raw` is NULL or a live handle, one reference of which the caller gives up.
    #[inline]
    pub(super) unsafe fn take(raw: *mut Self) -> Option<Tensor> {
        // SAFETY: a live handle came from `give`.
        (!raw.is_null()).then(|| unsafe { Tensor::from_raw(raw.cast::<Block>()) })
    }

    /// Lends what C lent us; `None` for NULL.
    ///
    /// # Safety
    /// `raw` is NULL, or a live handle for as long as the result is used.
    #[inline]
    pub(super) unsafe fn lend<'a>(raw: *const Self) -> Option<Borrowed<'a>> {
        // SAFETY: a live handle came from `give`; `ManuallyDrop` keeps its count as it is.
        let tensor = (!raw.is_null()).then(|| unsafe { Tensor::from_raw(raw.cast_mut().cast::<Block>()) });
        tensor.map(|tensor| Borrowed(ManuallyDrop::new(tensor), PhantomData))
    }
}
