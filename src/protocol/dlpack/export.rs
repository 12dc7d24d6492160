//! Tensors as DLPack structs.

use std::ffi::c_void;
use std::ptr::NonNull;

use crate::device::Device;
use crate::dtype;
use crate::engine::route::{Convert, CopyMode, convert};
use crate::error::{Error, Result, bail};
use crate::log::log;
use crate::spec::dlpack::*;
use crate::storage::Storage;
use crate::tensor::lifetimes::{Exported, Protocol};
use crate::tensor::{MemoryOrder, Tensor};

/// The struct before DLPack 1.0, in messages.
const LEGACY: &str = "legacy DLPack";

/// What the two structs have in common.
pub(super) trait Managed: Sized {
    /// The struct, filled, with a deleter that ends `context`.
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

impl From<Device> for DLDevice {
    fn from(Device { device_type, device_id }: Device) -> Self {
        Self { device_type, device_id }
    }
}

/// One block: the foreign struct first, so that its address is the block's, then what it keeps alive. Shape and
/// strides follow behind it, so that a consumer that scribbles in them harms nobody else.
#[repr(C)]
struct Export<M> {
    managed: M,
    tensor: Exported<{ Protocol::DLPack as u8 }>,
}

impl<M> Export<M> {
    /// A block from `malloc`, nothing written, with room for `2 * room` integers behind the head.
    #[inline]
    fn allocate(room: usize) -> Result<NonNull<Self>> {
        const { assert!(align_of::<Self>() <= align_of::<libc::max_align_t>()) };
        let size = size_of::<Self>() + 2 * room * size_of::<i64>();
        // SAFETY: any size may be asked for.
        NonNull::new(unsafe { libc::malloc(size) }.cast()).ok_or(Error::NO_MEMORY)
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

/// The tensor in a struct whose deleter is this library's own: one that comes back to where it was made.
///
/// # Safety
/// `managed` is a live struct; `deleter` is its deleter.
#[inline]
pub(super) unsafe fn exported<'a, M: Managed>(
    managed: NonNull<M>,
    deleter: Option<unsafe extern "C" fn(*mut M)>,
) -> Option<&'a Tensor> {
    let own: unsafe extern "C" fn(*mut M) = end_export::<M>;
    let ours = deleter.is_some_and(|deleter| std::ptr::fn_addr_eq(deleter, own));
    // SAFETY: a struct that ends this way is the first field of an export, which holds its tensor as long as it lives.
    ours.then(|| unsafe { &*(*managed.cast::<Export<M>>().as_ptr()).tensor })
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
        (&raw mut (*export.as_ptr()).tensor).write(Exported::new(tensor));
        let shape = export.as_ptr().add(1).cast::<i64>();
        let strides = shape.add(room);
        let is_empty = copy_dims(from_shape, from_strides, shape, strides);
        let dl_tensor = description(storage, words, is_empty, ndim, shape, strides);
        (&raw mut (*export.as_ptr()).managed).write(M::new(dl_tensor, flags, export.as_ptr().cast()));
    }
    Ok(export.cast())
}

/// Everything that DLPack says of a tensor.
#[inline(always)]
fn description(
    storage: &Storage,
    words: Words,
    is_empty: bool,
    ndim: usize,
    shape: *mut i64,
    strides: *mut i64,
) -> DLTensor {
    let (start, offset) = (storage.start(), words.byte_offset);
    let (data, byte_offset) = match storage.device().has_addresses() {
        _ if is_empty => (std::ptr::null_mut(), 0),
        true => (start.wrapping_add(offset), 0),
        false => (start, offset as u64),
    };
    let device = storage.device().into();
    DLTensor { data: data.cast(), device, ndim: ndim as i32, dtype: words.dtype, shape, strides, byte_offset }
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
        CopyMode::IfNeeded => share(tensor, false).or_else(|why| {
            log!(Info, "DLPack: {} bytes are copied: {why}", tensor.byte_size());
            share(&native_copy(tensor)?, true)
        }),
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
    export(tensor, words_without_flags(tensor, LEGACY)?, 0)
}

/// What a struct says where it is not what the tensor says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Guise {
    /// Another name for where the memory lies.
    pub device: Device,
    /// Whether the consumer must not write; the legacy struct has no word for it.
    pub read_only: bool,
    /// Whether nobody else refers to the memory; as above.
    pub copied: bool,
}

/// [`share_versioned`] in a guise.
pub fn share_versioned_as(tensor: &Tensor, guise: Guise) -> Result<NonNull<DLManagedTensorVersioned>> {
    let managed = share_versioned(tensor, guise.copied)?;
    // SAFETY: the struct was made just now and is nobody else's.
    unsafe {
        (*managed.as_ptr()).dl_tensor.device = guise.device.into();
        if !guise.read_only {
            (*managed.as_ptr()).flags &= !FLAG_READ_ONLY;
        }
    }
    Ok(managed)
}

/// [`share_legacy`] in a guise, of read-only tensors too: the caller knows that nobody will write.
pub fn share_legacy_as(tensor: &Tensor, guise: Guise) -> Result<NonNull<DLManagedTensor>> {
    require_packed(tensor, LEGACY)?;
    let managed = export::<DLManagedTensor>(tensor, words(tensor)?, 0)?;
    // SAFETY: the struct was made just now and is nobody else's.
    unsafe { (*managed.as_ptr()).dl_tensor.device = guise.device.into() };
    Ok(managed)
}

/// Describes a tensor without keeping it: shape and strides are the tensor's own, good as long as it lives, and not to
/// be written. The struct has no flags, so what needs one is refused.
#[inline]
pub fn lend(tensor: &Tensor) -> Result<DLTensor> {
    let words = words_without_flags(tensor, "a DLTensor")?;
    let (shape, strides) = (tensor.layout().shape(), tensor.layout().strides());
    let is_empty = shape.contains(&0);
    let (to_shape, to_strides) = (shape.as_ptr().cast_mut(), strides.as_ptr().cast_mut());
    Ok(description(tensor.storage(), words, is_empty, shape.len(), to_shape, to_strides))
}

/// [`words`] for `what`, a struct that has no flags.
#[inline(always)]
fn words_without_flags(tensor: &Tensor, what: &'static str) -> Result<Words> {
    let words = words(tensor)?;
    if tensor.is_read_only() {
        bail!(ReadOnly, "{what} cannot say that a tensor is read-only; export it versioned, or a copy");
    }
    require_packed(tensor, what)?;
    Ok(words)
}

/// Fails when elements have bytes of their own that they need not, which `what` cannot say.
#[inline(always)]
fn require_packed(tensor: &Tensor, what: &'static str) -> Result<()> {
    if tensor.dtype().flags & dtype::PADDED != 0 {
        bail!(Unsupported, "{what} cannot say that {} elements are padded", tensor.dtype().name());
    }
    Ok(())
}
