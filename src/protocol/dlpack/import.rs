//! DLPack structs as tensors.

use std::ffi::c_void;
use std::ptr::NonNull;

use super::export::exported;
use crate::device::Device;
use crate::dtype::DType;
use crate::error::{Result, bail};
use crate::layout::{MAX_NDIM, Order};
use crate::spec::dlpack::*;
use crate::storage::{Owner, ReleaseFn};
use crate::tensor::{Adopted, Tensor};

/// Imports a struct of DLPack 1.x: on success its deleter runs when the last tensor on the memory is gone.
///
/// # Safety
/// `managed` points at a struct whose fields up to `flags` are as DLPack says, and the rest too if its major version
/// is 1; shape and strides are readable, the described elements are readable (and writable unless flagged) until the
/// deleter runs, which may happen on any thread.
///
/// ```
/// use ndferry::device::Device;
/// use ndferry::dtype::DType;
/// use ndferry::engine::route::CopyMode;
/// use ndferry::layout::Order;
/// use ndferry::protocol::dlpack::{from_versioned, to_versioned};
/// use ndferry::tensor::Tensor;
///
/// let given = Tensor::zeros(DType::FLOAT32, &[2, 3], Order::C, Device::CPU)?;
/// let managed = to_versioned(&given, CopyMode::IfNeeded)?;
/// // SAFETY: the struct was made just now, and is given away here.
/// let taken = unsafe { from_versioned(managed) }?;
/// assert!(taken.shares_memory(&given));
/// # Ok::<(), ndferry::error::Error>(())
/// ```
#[inline]
pub unsafe fn from_versioned(managed: NonNull<DLManagedTensorVersioned>) -> Result<Tensor> {
    // SAFETY: the caller's promise.
    unsafe {
        let (foreign, flags) = read_versioned(managed)?;
        if let Some(tensor) = exported(managed, (*managed.as_ptr()).deleter) {
            return reunite(tensor, foreign, flags, managed);
        }
        adopt(foreign, flags, release_foreign::<DLManagedTensorVersioned>, managed.as_ptr().cast())
    }
}

/// The view that [`from_versioned`] makes of a struct that this library exported, the struct not being ended: both hold
/// the memory. `None` for every other struct.
///
/// # Safety
/// As [`from_versioned`].
pub unsafe fn reunite_versioned(managed: NonNull<DLManagedTensorVersioned>) -> Result<Option<Tensor>> {
    // SAFETY: the caller's promise.
    unsafe {
        let (foreign, flags) = read_versioned(managed)?;
        match exported(managed, (*managed.as_ptr()).deleter) {
            Some(tensor) => tensor.reunited(&describe(foreign, flags)?),
            None => Ok(None),
        }
    }
}

/// Fails when `managed` cannot be the address of such a struct.
#[inline]
fn require_aligned<M>(managed: NonNull<M>) -> Result<()> {
    if !managed.is_aligned() {
        bail!(InvalidArgument, "`managed` is {managed:p}, no address of a DLPack struct");
    }
    Ok(())
}

/// Description and flags of a struct whose version this library knows. Lent, not copied: a producer has often written
/// it a moment ago, field by field, and wide loads over narrow stores stall.
///
/// # Safety
/// As [`from_versioned`].
#[inline]
unsafe fn read_versioned<'a>(managed: NonNull<DLManagedTensorVersioned>) -> Result<(&'a DLTensor, u64)> {
    require_aligned(managed)?;
    // SAFETY: the caller's promise; nothing beyond `flags` is read before the version is known.
    unsafe {
        let version = (*managed.as_ptr()).version;
        if version.major != MAJOR_VERSION {
            bail!(
                Version,
                "the struct is DLPack {}.{}, this library reads 1.x",
                version.major,
                version.minor
            );
        }
        Ok((&(*managed.as_ptr()).dl_tensor, (*managed.as_ptr()).flags))
    }
}

/// Whether a struct says that its producer made the memory for one consumer alone. One that cannot be read says nothing.
///
/// # Safety
/// As [`from_versioned`], as far as `flags`.
pub unsafe fn is_copied(managed: NonNull<DLManagedTensorVersioned>) -> bool {
    // SAFETY: the caller's promise.
    unsafe { read_versioned(managed) }.is_ok_and(|(_, flags)| flags & FLAG_IS_COPIED != 0)
}

/// Imports a struct from before DLPack 1.0. It cannot say read-only; the tensor is writable.
///
/// # Safety
/// As [`from_versioned`], for the legacy struct.
#[inline]
pub unsafe fn from_legacy(managed: NonNull<DLManagedTensor>) -> Result<Tensor> {
    require_aligned(managed)?;
    // SAFETY: the caller's promise.
    unsafe {
        let foreign = &(*managed.as_ptr()).dl_tensor;
        if let Some(tensor) = exported(managed, (*managed.as_ptr()).deleter) {
            return reunite(tensor, foreign, 0, managed);
        }
        adopt(foreign, 0, release_foreign::<DLManagedTensor>, managed.as_ptr().cast())
    }
}

/// Imports a struct that this library exported for `tensor`: as a view on the same memory, the struct being ended at
/// once. Where somebody has changed the struct to describe other memory, it is adopted like any other.
///
/// # Safety
/// As [`from_versioned`]; `tensor` and `foreign` are those in `managed`: addresses, for what a function borrows must
/// not end before it returns.
#[cold]
unsafe fn reunite<M: Foreign>(
    tensor: *const Tensor,
    foreign: *const DLTensor,
    flags: u64,
    managed: NonNull<M>,
) -> Result<Tensor> {
    // SAFETY: the caller's promise. The view holds the memory before the struct lets go of it.
    unsafe {
        match (&*tensor).reunited(&describe(&*foreign, flags)?)? {
            Some(view) => {
                M::end(managed.as_ptr());
                Ok(view)
            }
            None => adopt(&*foreign, flags, release_foreign::<M>, managed.as_ptr().cast()),
        }
    }
}

/// Something with a deleter of its own.
trait Foreign {
    unsafe fn end(this: *mut Self);
}

impl Foreign for DLManagedTensor {
    #[inline]
    unsafe fn end(this: *mut Self) {
        // SAFETY: the struct is live until its deleter runs, once, here; NULL means nothing to do.
        unsafe { (*this).deleter.map(|deleter| deleter(this)) };
    }
}

impl Foreign for DLManagedTensorVersioned {
    #[inline]
    unsafe fn end(this: *mut Self) {
        // SAFETY: as above.
        unsafe { (*this).deleter.map(|deleter| deleter(this)) };
    }
}

/// The owner function of an import.
unsafe fn release_foreign<M: Foreign>(_: *mut u8, _: usize, managed: *mut c_void, _: *mut c_void) {
    // SAFETY: `adopt` stored a struct of this type, and owners are ended once.
    unsafe { M::end(managed.cast()) };
}

/// # Safety
/// As [`from_versioned`]; `release` ends `managed`.
#[inline(always)]
unsafe fn adopt(foreign: &DLTensor, flags: u64, release: ReleaseFn, managed: *mut c_void) -> Result<Tensor> {
    // SAFETY: the caller's promise.
    let described = unsafe { describe(foreign, flags)? };
    // SAFETY: the caller's promise: the struct's deleter may run on any thread after the last use.
    let owner = unsafe { Owner::new(release, managed, std::ptr::null_mut()) };
    // SAFETY: the caller's promise for the elements. An owner that comes back is dropped without being ended, so
    // the struct stays the caller's.
    unsafe { Tensor::adopt(&described, owner) }
}

/// Reads a foreign description; nothing in it is trusted beyond its pointers being readable.
/// Always inlined: the result is large, and returned through memory it would be copied by loads that wait for its stores.
///
/// # Safety
/// `shape` and `strides` are NULL or readable for `ndim` integers when `ndim` is 0 to 64.
#[inline(always)]
unsafe fn describe(foreign: &DLTensor, flags: u64) -> Result<Adopted<'_>> {
    let Ok(ndim @ 0..=MAX_NDIM) = usize::try_from(foreign.ndim) else {
        bail!(Shape, "`ndim` is {}, a tensor has 0 to {MAX_NDIM} axes", foreign.ndim);
    };
    // Without axes nobody reads them, and they may be anything.
    if ndim > 0 && (!foreign.shape.is_aligned() || !foreign.strides.is_aligned()) {
        bail!(
            InvalidArgument,
            "`shape` is at {:p}, `strides` at {:p}: no addresses of integers",
            foreign.shape,
            foreign.strides
        );
    }
    let shape: &[i64] = match (ndim, foreign.shape.is_null()) {
        (0, _) => &[],
        (_, true) => bail!(InvalidArgument, "`shape` is NULL, `ndim` is {ndim}"),
        // SAFETY: the caller's promise.
        (_, false) => unsafe { std::slice::from_raw_parts(foreign.shape, ndim) },
    };
    // NULL strides are forbidden from 1.2 on, but every producer of 1.0 may send them and every consumer reads them
    // as C order, so this one does too.
    let strides: Option<&[i64]> = match (ndim, foreign.strides.is_null()) {
        (0, _) => Some(&[]),
        (_, true) => None,
        // SAFETY: the caller's promise.
        (_, false) => Some(unsafe { std::slice::from_raw_parts(foreign.strides, ndim) }),
    };
    // Volatile, so that the compiler does not make one load of the two. Producers write them one by one, often just
    // before, and a processor cannot forward two stores to one load: it waits until both are in the cache.
    // SAFETY: both are fields of a reference.
    let device = unsafe {
        Device {
            device_type: (&raw const foreign.device.device_type).read_volatile(),
            device_id: (&raw const foreign.device.device_id).read_volatile(),
        }
    };
    Ok(Adopted {
        data: foreign.data.cast(),
        byte_offset: foreign.byte_offset,
        device,
        dtype: imported_dtype(foreign.dtype, flags),
        shape,
        strides,
        read_only: flags & FLAG_READ_ONLY != 0,
    })
}

/// A new tensor with the type, shape and device of a prototype, its elements not initialised.
///
/// # Safety
/// `shape` is NULL or readable for `ndim` integers when `ndim` is 0 to 64.
pub unsafe fn allocate_like(prototype: &DLTensor) -> Result<Tensor> {
    // Nothing else of a prototype may be looked at.
    let described = DLTensor { strides: std::ptr::null_mut(), ..*prototype };
    // SAFETY: the caller's promise.
    let Adopted { dtype, shape, device, .. } = unsafe { describe(&described, 0)? };
    Tensor::empty(dtype, shape, Order::C, device)
}

#[inline]
fn imported_dtype(foreign: DLDataType, flags: u64) -> DType {
    let dtype = DType::new(foreign.code, foreign.bits).with_lanes(foreign.lanes);
    if flags & FLAG_SUBBYTE_PADDED != 0 { dtype.padded() } else { dtype }
}

/// Says what is wrong with a struct of DLPack 1.x, without taking it.
///
/// # Safety
/// As [`from_versioned`]; nothing is kept.
pub unsafe fn check_versioned(managed: NonNull<DLManagedTensorVersioned>) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe {
        let (foreign, flags) = read_versioned(managed)?;
        check(foreign, flags)
    }
}

/// Says what is wrong with a struct from before DLPack 1.0, without taking it.
///
/// # Safety
/// As [`from_legacy`]; nothing is kept.
pub unsafe fn check_legacy(managed: NonNull<DLManagedTensor>) -> Result<()> {
    require_aligned(managed)?;
    // SAFETY: the caller's promise.
    unsafe { check(&(*managed.as_ptr()).dl_tensor, 0) }
}

/// # Safety
/// As the import of the same struct.
unsafe fn check(foreign: &DLTensor, flags: u64) -> Result<()> {
    // SAFETY: the caller's promise. Nobody frees the memory, and the tensor is gone before the call ends.
    unsafe {
        let described = describe(foreign, flags)?;
        Tensor::adopt(&described, Owner::NOBODY)?;
    }
    Ok(())
}
