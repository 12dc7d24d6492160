//! DLPack, legacy and versioned, both ways.

use std::ffi::c_void;
use std::ptr::NonNull;

use crate::device::Device;
use crate::dtype::{self, DType};
use crate::engine::route::{Convert, CopyMode, convert};
use crate::error::{Result, bail};
use crate::layout::MAX_NDIM;
use crate::spec::dlpack::*;
use crate::storage::{Owner, ReleaseFn};
use crate::tensor::{Adopted, MemoryOrder, Tensor};

/// What the two structs have in common.
trait Managed: Sized {
    /// The struct, filled; `context` is for [`Managed::release`].
    fn new(dl_tensor: DLTensor, flags: u64, context: *mut c_void) -> Self;
}

impl Managed for DLManagedTensor {
    fn new(dl_tensor: DLTensor, _: u64, manager_ctx: *mut c_void) -> Self {
        Self { dl_tensor, manager_ctx, deleter: Some(end_export::<Self>) }
    }
}

impl Managed for DLManagedTensorVersioned {
    fn new(dl_tensor: DLTensor, flags: u64, manager_ctx: *mut c_void) -> Self {
        let version = DLPackVersion { major: MAJOR_VERSION, minor: MINOR_VERSION };
        Self { version, manager_ctx, deleter: Some(end_export::<Self>), flags, dl_tensor }
    }
}

/// One block: the foreign struct first, so that its address is the block's, then what it keeps alive. Shape and
/// strides follow behind it, so that a consumer that scribbles in them harms nobody else.
#[repr(C)]
struct Export<M> {
    managed: M,
    tensor: Tensor,
}

impl<M> Export<M> {
    /// A block from `malloc`, nothing written, with room for `2 * room` integers behind the head.
    #[inline]
    fn allocate(room: usize) -> Result<NonNull<Self>> {
        const { assert!(align_of::<Self>() <= align_of::<libc::max_align_t>()) };
        let size = size_of::<Self>() + 2 * room * size_of::<i64>();
        // SAFETY: any size may be asked for.
        match NonNull::new(unsafe { libc::malloc(size) }) {
            Some(block) => Ok(block.cast()),
            None => bail!(OutOfMemory, "{size} bytes for an exported struct cannot be had"),
        }
    }
}

/// The deleter of every export.
///
/// # Safety
/// `managed` is what [`export`] gave, and is not used again.
unsafe extern "C" fn end_export<M>(managed: *mut M) {
    let export = managed.cast::<Export<M>>();
    // SAFETY: `managed` is the first field of the block that `export` made; the tensor is dropped once and then the
    // block freed. No panic can leave: dropping a tensor frees memory or runs a deleter that does not unwind.
    unsafe {
        std::ptr::drop_in_place(&raw mut (*export).tensor);
        libc::free(export.cast());
    }
}

/// Makes the struct for `tensor`, which it holds until its deleter lets go.
#[inline(always)]
fn export<M: Managed>(tensor: &Tensor, words: Words, flags: u64) -> Result<NonNull<M>> {
    let (from_shape, from_strides) = (tensor.layout().shape(), tensor.layout().strides());
    let storage = tensor.storage();
    let ndim = from_shape.len();
    // Room for one axis at least, so that the pointers are never dangling.
    let room = ndim.max(1);
    let export = Export::<M>::allocate(room)?;
    // SAFETY: the block has room for the head and 2 · room integers behind it, and is aligned for both.
    unsafe {
        // Counted before the rest is written: an atomic operation waits until all stores before it are done.
        (&raw mut (*export.as_ptr()).tensor).write(tensor.clone());
        let shape = export.as_ptr().add(1).cast::<i64>();
        let strides = shape.add(room);
        let is_empty = copy_dims(from_shape, from_strides, shape, strides);
        let (start, offset) = (storage.start(), words.byte_offset);
        let (data, byte_offset) = match storage.device().has_addresses() {
            _ if is_empty => (std::ptr::null_mut(), 0),
            true => (start.wrapping_add(offset), 0),
            false => (start, offset as u64),
        };
        let Device { device_type, device_id } = storage.device();
        let dl_tensor = DLTensor {
            data: data.cast(),
            device: DLDevice { device_type, device_id },
            ndim: ndim as i32,
            dtype: words.dtype,
            shape,
            strides,
            byte_offset,
        };
        (&raw mut (*export.as_ptr()).managed).write(M::new(dl_tensor, flags, export.as_ptr().cast()));
    }
    Ok(export.cast())
}

/// Copies shape and strides; an axis of extent 1 or less gets the stride it would have in C order, because some
/// consumers test contiguity without excepting it. Says whether there are no elements.
///
/// # Safety
/// Both destinations have room for one integer an axis.
#[inline(always)]
unsafe fn copy_dims(shape: &[i64], strides: &[i64], to_shape: *mut i64, to_strides: *mut i64) -> bool {
    for (axis, (&extent, &stride)) in shape.iter().zip(strides).enumerate() {
        // SAFETY: `axis` is below the rank; the caller's promise.
        unsafe {
            if extent <= 1 {
                return copy_odd_dims(shape, strides, to_shape, to_strides);
            }
            to_shape.add(axis).write(extent);
            to_strides.add(axis).write(stride);
        }
    }
    false
}

/// [`copy_dims`] where some extent is 0 or 1.
///
/// # Safety
/// As [`copy_dims`].
#[inline(never)]
unsafe fn copy_odd_dims(shape: &[i64], strides: &[i64], to_shape: *mut i64, to_strides: *mut i64) -> bool {
    let (mut dense, mut is_empty) = (1i64, false);
    for (axis, (&extent, &stride)) in shape.iter().zip(strides).enumerate().rev() {
        let stride = if extent == 1 { dense } else { stride };
        // SAFETY: `axis` is below the rank; the caller's promise.
        unsafe {
            to_shape.add(axis).write(extent);
            to_strides.add(axis).write(stride);
        }
        dense = stride.wrapping_mul(extent);
        is_empty |= extent == 0;
    }
    is_empty
}

/// What DLPack says of the elements: their type, and where the first one is, in bytes from the start of the storage.
struct Words {
    dtype: DLDataType,
    byte_offset: usize,
}

/// DLPack's words for the elements, or why there are none.
#[inline(always)]
fn words(tensor: &Tensor) -> Result<Words> {
    let dtype = tensor.dtype();
    if dtype.kind != 0 {
        bail!(Unsupported, "DLPack has no type for {}", dtype.name());
    }
    if dtype.is_swapped() {
        bail!(
            Unsupported,
            "DLPack carries native byte order only, the tensor is {}; convert it first",
            dtype.name()
        );
    }
    let (byte_offset, bit_offset) = tensor.start_offset();
    if bit_offset != 0 {
        bail!(Layout, "DLPack cannot begin at bit {bit_offset} of a byte; make a contiguous copy first");
    }
    let dtype = DLDataType { code: dtype.code, bits: dtype.bits, lanes: dtype.lanes };
    Ok(Words { dtype, byte_offset })
}

/// Exports as the struct of DLPack 1.x, sharing or copying as `mode` says. The struct is the caller's, who ends it
/// with its own deleter.
#[inline(always)]
pub fn to_versioned(tensor: &Tensor, mode: CopyMode) -> Result<NonNull<DLManagedTensorVersioned>> {
    match mode {
        CopyMode::Never => share_versioned(tensor, false),
        _ => share_or_copy(tensor, mode, share_versioned),
    }
}

/// Exports as the struct before DLPack 1.0, as [`to_versioned`].
#[inline]
pub fn to_legacy(tensor: &Tensor, mode: CopyMode) -> Result<NonNull<DLManagedTensor>> {
    share_or_copy(tensor, mode, |tensor, _| share_legacy(tensor))
}

/// Exports what may be a copy. `share` makes the struct; its flag says that the tensor is one.
#[cold]
fn share_or_copy<M>(
    tensor: &Tensor,
    mode: CopyMode,
    share: impl Fn(&Tensor, bool) -> Result<NonNull<M>>,
) -> Result<NonNull<M>> {
    match mode {
        CopyMode::Never => share(tensor, false),
        CopyMode::IfNeeded => share(tensor, false).or_else(|_| share(&native_copy(tensor)?, true)),
        CopyMode::Always => share(&native_copy(tensor)?, true),
    }
}

/// A copy that DLPack can describe if it can describe the dtype at all: native byte order, whole bytes, writable.
fn native_copy(tensor: &Tensor) -> Result<Tensor> {
    let how = Convert { copy: CopyMode::Always, order: MemoryOrder::Keep, ..Convert::default() };
    convert(tensor, tensor.dtype().native(), &how)
}

/// Exports as the struct of DLPack 1.x without copying. `copied` says that nobody else refers to the memory.
#[inline(always)]
pub fn share_versioned(tensor: &Tensor, copied: bool) -> Result<NonNull<DLManagedTensorVersioned>> {
    let words = words(tensor)?;
    let mut flags = 0;
    if tensor.is_read_only() {
        flags |= FLAG_READ_ONLY;
    }
    if copied {
        flags |= FLAG_IS_COPIED;
    }
    if tensor.dtype().flags & dtype::PADDED != 0 {
        flags |= FLAG_SUBBYTE_PADDED;
    }
    export(tensor, words, flags)
}

/// Exports as the struct before DLPack 1.0 without copying. It has no way to say read-only or padded, so such tensors
/// are refused.
#[inline(always)]
pub fn share_legacy(tensor: &Tensor) -> Result<NonNull<DLManagedTensor>> {
    let words = words(tensor)?;
    if tensor.is_read_only() {
        bail!(
            ReadOnly,
            "legacy DLPack cannot say that a tensor is read-only; export it versioned, or a copy"
        );
    }
    if tensor.dtype().flags & dtype::PADDED != 0 {
        bail!(Unsupported, "legacy DLPack cannot say that {} elements are padded", tensor.dtype().name());
    }
    export(tensor, words, 0)
}

/// Imports a struct of DLPack 1.x: on success its deleter runs when the last tensor on the memory is gone.
///
/// # Safety
/// `managed` points at a struct whose fields up to `flags` are as DLPack says, and the rest too if its major version
/// is 1; shape and strides are readable, the described elements are readable (and writable unless flagged) until the
/// deleter runs, which may happen on any thread.
#[inline]
pub unsafe fn from_versioned(managed: NonNull<DLManagedTensorVersioned>) -> Result<Tensor> {
    // SAFETY: the caller's promise.
    unsafe {
        let (foreign, flags) = read_versioned(managed)?;
        adopt(foreign, flags, release_foreign::<DLManagedTensorVersioned>, managed.as_ptr().cast())
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
        adopt(foreign, 0, release_foreign::<DLManagedTensor>, managed.as_ptr().cast())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Order;

    /// Shape and strides as a consumer sees them, and whether there are data.
    fn exported(tensor: &Tensor) -> (Vec<i64>, Vec<i64>, bool) {
        let managed = share_versioned(tensor, false).unwrap();
        // SAFETY: the struct was made just now, and is ended once.
        unsafe {
            let dl = &managed.as_ref().dl_tensor;
            let dims = |dims: *mut i64| std::slice::from_raw_parts(dims, dl.ndim as usize).to_vec();
            let seen = (dims(dl.shape), dims(dl.strides), !dl.data.is_null());
            managed.as_ref().deleter.unwrap()(managed.as_ptr());
            seen
        }
    }

    #[test]
    fn an_export_shows_shape_and_strides_and_those_of_c_order_where_they_mean_nothing() {
        let tensor = |shape: &[i64]| Tensor::empty(DType::FLOAT32, shape, Order::C, Device::CPU).unwrap();
        let plain = tensor(&[4, 3]);
        assert_eq!(exported(&plain), (vec![4, 3], vec![3, 1], true));
        assert_eq!(exported(&plain.transpose()), (vec![3, 4], vec![1, 3], true));
        let row = plain.slice(0, Some(1), Some(2), 3).unwrap();
        assert_eq!(exported(&row), (vec![1, 3], vec![3, 1], true));
        let column = plain.slice(1, Some(1), Some(2), 1).unwrap();
        assert_eq!(exported(&column), (vec![4, 1], vec![3, 1], true));
        assert_eq!(exported(&tensor(&[])), (vec![], vec![], true));
        assert_eq!(exported(&tensor(&[2, 0, 3])), (vec![2, 0, 3], vec![3, 3, 1], false));
        let deep = tensor(&[2; 10]);
        assert_eq!(exported(&deep), (vec![2; 10], deep.layout().strides().to_vec(), true));
    }

    #[test]
    fn an_export_holds_a_reference_until_its_deleter_runs() {
        let tensor = Tensor::empty(DType::FLOAT32, &[2], Order::C, Device::CPU).unwrap();
        let managed = share_versioned(&tensor, false).unwrap();
        assert_eq!(tensor.reference_count(), 2);
        // SAFETY: the struct is ended by the tensor that it becomes.
        let back = unsafe { from_versioned(managed) }.unwrap();
        assert_eq!((back.data(), tensor.reference_count()), (tensor.data(), 2));
        drop(back);
        assert_eq!(tensor.reference_count(), 1);
    }
}
