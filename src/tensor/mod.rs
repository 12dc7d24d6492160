//! Tensors: storage + dtype + layout, immutable as a description, shared by counting references.

mod create;
mod format;
pub mod lifetimes;
mod statistics;
mod view;

pub use create::{Adopted, MemoryOrder};
pub use format::FormatOptions;
pub use statistics::{Statistics, statistics};

use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use crate::device::Device;
use crate::device::cuda::Stream;
use crate::dtype::DType;
use crate::error::{Error, Result, bail};
use crate::layout::overlap::{Footprint, overlap};
use crate::layout::{Layout, Order};
use crate::storage::{Count, Storage};

/// A counted reference to one tensor. Cloning adds a reference, dropping gives one up, both without locks.
///
/// The description never changes; the elements are plain memory, and whoever writes them orders the accesses.
///
/// ```
/// use ndferry::device::Device;
/// use ndferry::dtype::DType;
/// use ndferry::layout::Order;
/// use ndferry::tensor::{FormatOptions, Tensor};
///
/// let table = Tensor::zeros(DType::INT32, &[2, 3], Order::C, Device::CPU)?;
/// let turned = table.transpose()?;
/// assert!(turned.shares_memory(&table) && turned.is_contiguous(Order::F));
/// assert_eq!(table.reference_count(), 2); // the view keeps what it is a view of
///
/// drop(table);
/// assert_eq!(turned.format(&FormatOptions::default())?, "[[0, 0],\n [0, 0],\n [0, 0]]");
/// # Ok::<(), ndferry::error::Error>(())
/// ```
#[repr(transparent)]
pub struct Tensor(NonNull<Block>);

/// What a reference points at: one heap allocation, dims included up to rank 8.
#[derive(Debug)]
pub struct Block {
    count: Count,
    read_only: bool,
    dtype: DType,
    layout: Layout,
    memory: Memory,
}

/// The tensor that was made first holds the storage; views hold that tensor.
#[derive(Debug)]
enum Memory {
    Own(Storage),
    Of(Tensor),
}

// SAFETY: the count is atomic, the description immutable, the storage `Send + Sync`. Element access is unsafe at
// the places that do it.
unsafe impl Send for Tensor {}
// SAFETY: as above.
unsafe impl Sync for Tensor {}

impl Clone for Tensor {
    #[inline]
    fn clone(&self) -> Self {
        self.block().count.retain();
        Self(self.0)
    }
}

impl Drop for Tensor {
    #[inline(always)]
    fn drop(&mut self) {
        if self.block().count.release() {
            // SAFETY: that was the last reference.
            unsafe { Block::end(self.0) };
        }
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.block().fmt(f)
    }
}

impl Block {
    /// Frees a block and what it holds.
    ///
    /// # Safety
    /// `block` came from [`Draft::finish`], and the last reference to it is gone.
    #[inline(never)]
    unsafe fn end(block: NonNull<Self>) {
        // SAFETY: the caller's promise; nobody else looks at the block any more, and `Draft` took it from `malloc`.
        unsafe {
            statistics::count(-1, -block.as_ref().memory.counted_bytes());
            std::ptr::drop_in_place(block.as_ptr());
            if lifetimes::is_on() {
                return lifetimes::bury(block.as_ptr());
            }
            libc::free(block.as_ptr().cast());
        }
    }
}

impl Memory {
    #[inline]
    fn counted_bytes(&self) -> i64 {
        match self {
            Memory::Own(storage) => storage.byte_count() as i64,
            Memory::Of(_) => 0,
        }
    }
}

/// A block on the heap of which only the layout is written.
///
/// Layouts are made where they stay, because moving two hundred bytes costs more than everything else that making a
/// tensor does.
///
/// Blocks come from `malloc` itself: on this path the few instructions of the global allocator before it can be felt.
struct Draft(NonNull<Block>);

impl Draft {
    #[inline(always)]
    fn allocate() -> Result<NonNull<Block>> {
        const { assert!(align_of::<Block>() <= align_of::<libc::max_align_t>()) };
        // SAFETY: any size may be asked for.
        let block = unsafe { libc::malloc(size_of::<Block>()) };
        NonNull::new(block.cast()).ok_or(Error::NO_MEMORY)
    }

    /// A block with the layout of one element, to be changed.
    #[inline]
    fn blank() -> Result<Self> {
        let block = Self::allocate()?;
        // SAFETY: the field lies in the block.
        unsafe { (&raw mut (*block.as_ptr()).layout).write(Layout::scalar()) };
        Ok(Self(block))
    }

    /// A block with `layout`.
    #[inline]
    fn new(layout: Layout) -> Result<Self> {
        let block = Self::allocate()?;
        // SAFETY: the field lies in the block.
        unsafe { (&raw mut (*block.as_ptr()).layout).write(layout) };
        Ok(Self(block))
    }

    #[inline]
    fn layout(&mut self) -> &mut Layout {
        // SAFETY: `new` wrote it.
        unsafe { &mut (*self.0.as_ptr()).layout }
    }

    /// The tensor, once the rest is known.
    #[inline]
    fn finish(self, dtype: DType, read_only: bool, memory: Memory) -> Tensor {
        let tensor = Tensor(ManuallyDrop::new(self).0);
        // SAFETY: the fields lie in the block, and with these all are written.
        unsafe {
            let block = tensor.0.as_ptr();
            (&raw mut (*block).count).write(Count::one());
            (&raw mut (*block).dtype).write(dtype);
            (&raw mut (*block).read_only).write(read_only);
            (&raw mut (*block).memory).write(memory);
        }
        statistics::count(1, tensor.block().memory.counted_bytes());
        tensor
    }
}

impl Drop for Draft {
    #[cold]
    fn drop(&mut self) {
        // SAFETY: the layout is all that was written; it is dropped once, and the block came from `malloc`.
        unsafe {
            std::ptr::drop_in_place(self.layout());
            libc::free(self.0.as_ptr().cast());
        }
    }
}

impl Tensor {
    #[inline]
    fn block(&self) -> &Block {
        // SAFETY: this reference keeps the block alive, and nobody changes it.
        unsafe { self.0.as_ref() }
    }

    /// A reference to the tensor that holds the storage.
    #[inline]
    fn first(&self) -> Self {
        match &self.block().memory {
            Memory::Own(_) => self.clone(),
            Memory::Of(first) => first.clone(),
        }
    }

    /// Gives the reference away as an address; [`Tensor::from_raw`] takes it back.
    #[inline]
    pub fn into_raw(self) -> *mut Block {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// The address without the reference.
    #[inline]
    pub fn as_raw(&self) -> *const Block {
        self.0.as_ptr()
    }

    /// Takes a reference back.
    ///
    /// # Safety
    /// `raw` came from [`Tensor::into_raw`], and that reference is used for nothing else.
    #[inline]
    pub unsafe fn from_raw(raw: *mut Block) -> Self {
        // SAFETY: `into_raw` never gives NULL.
        Self(unsafe { NonNull::new_unchecked(raw) })
    }

    /// The memory that this tensor is on.
    #[inline]
    pub fn storage(&self) -> &Storage {
        match &self.block().memory {
            Memory::Own(storage) => storage,
            Memory::Of(first) => match &first.block().memory {
                Memory::Own(storage) => storage,
                Memory::Of(_) => unreachable!("views hold the tensor that was made first"),
            },
        }
    }

    /// The type of the elements.
    #[inline]
    pub fn dtype(&self) -> DType {
        self.block().dtype
    }

    /// Shape, strides and offset, in elements; the offset counts from the start of the storage.
    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.block().layout
    }

    /// Where the elements lie.
    #[inline]
    pub fn device(&self) -> Device {
        self.storage().device()
    }

    /// Whether the elements must not be written through this tensor.
    #[inline]
    pub fn is_read_only(&self) -> bool {
        self.block().read_only
    }

    /// The number of references at this moment.
    pub fn reference_count(&self) -> usize {
        self.block().count.get()
    }

    /// The number of elements.
    #[inline]
    pub fn element_count(&self) -> i64 {
        self.layout().element_count()
    }

    /// Bytes that the elements need without gaps; packed types share bytes, and the last byte counts whole.
    pub fn byte_size(&self) -> usize {
        packed_bytes(self.dtype(), self.element_count()).unwrap_or(usize::MAX)
    }

    /// Bytes from the start of the storage to element `[0, …, 0]`; for packed types, to the byte that holds it.
    #[inline]
    pub fn byte_offset(&self) -> usize {
        self.start_offset().0
    }

    /// The bits of that byte before element `[0, …, 0]`; 0 but for packed types.
    #[inline]
    pub fn bit_offset(&self) -> u32 {
        self.start_offset().1
    }

    /// [`Tensor::byte_offset`] and [`Tensor::bit_offset`].
    #[inline]
    pub fn start_offset(&self) -> (usize, u32) {
        let bits = (self.layout().offset() as u64).wrapping_mul(self.dtype().element_bits());
        ((bits / 8) as usize, (bits % 8) as u32)
    }

    /// The address of element `[0, …, 0]`; NULL for a tensor without elements. On devices without addresses, the
    /// handle.
    #[inline]
    pub fn data(&self) -> *mut u8 {
        if self.element_count() == 0 {
            return std::ptr::null_mut();
        }
        let storage = self.storage();
        if storage.device().has_addresses() {
            storage.start().wrapping_add(self.byte_offset())
        } else {
            storage.start()
        }
    }

    /// Whether the elements lie in `order` without gaps.
    #[inline]
    pub fn is_contiguous(&self, order: Order) -> bool {
        self.layout().is_contiguous(order)
    }

    /// What is enqueued on `stream` from now on begins after all work that is known to use the memory.
    pub fn wait(&self, stream: Stream) -> Result<()> {
        match self.storage().has_uses() {
            true => self.storage().wait(&self.storage().context()?.enter()?, stream),
            false => Ok(()),
        }
    }

    /// What has been enqueued on `stream` so far uses the memory.
    pub fn record(&self, stream: Stream) -> Result<()> {
        self.storage().record(&self.storage().context()?.enter()?, stream)
    }

    /// Waits for what the end of this reference would wait for: work on memory that ends with it. `around` does the waiting,
    /// and is not called where there is none.
    #[inline]
    pub fn await_end(&self, around: impl FnOnce(&dyn Fn())) {
        let storage = self.storage();
        // Whoever is last waits for nobody to ask.
        if self.is_last() && storage.end_waits() {
            around(&|| storage.await_end());
        }
    }

    /// Whether this is the only reference to the memory at this moment.
    fn is_last(&self) -> bool {
        let first = match &self.block().memory {
            Memory::Own(_) => self,
            Memory::Of(first) => first,
        };
        self.reference_count() == 1 && first.reference_count() == 1
    }

    /// Fails unless the host can read the elements.
    pub fn require_host(&self, what: &str) -> Result<()> {
        if !self.device().is_host_accessible() {
            bail!(
                Unsupported,
                "{what} needs memory that the host can reach, the tensor is on {}",
                self.device()
            );
        }
        Ok(())
    }
}

/// Bytes of `element_count` elements without gaps, or `None` when that does not fit.
pub fn packed_bytes(dtype: DType, element_count: i64) -> Option<usize> {
    let bits = u64::try_from(element_count).ok()?.checked_mul(dtype.element_bits())?;
    let bytes = bits.div_ceil(8);
    isize::try_from(bytes).ok().map(|bytes| bytes as usize)
}

/// The bytes that `layout` reaches, as offsets from its storage's start: the first, and one past the last. Packed
/// elements take the whole bytes that hold them. Equal when there are no elements.
pub fn byte_span(dtype: DType, layout: &Layout) -> Result<(i64, i64)> {
    dtype.validate()?;
    let Some((low, high)) = layout.span() else { return Ok((0, 0)) };
    let bits = i128::from(dtype.element_bits());
    let low = (i128::from(low) * bits).div_euclid(8);
    let high = ((i128::from(high) + 1) * bits + 7).div_euclid(8);
    match (i64::try_from(low), i64::try_from(high)) {
        (Ok(low), Ok(high)) => Ok((low, high)),
        _ => bail!(Overflow, "`shape` and `strides` reach outside the address space"),
    }
}

impl Tensor {
    /// Whether an element of the one overlaps an element of the other; true also when finding out takes too long.
    pub fn shares_memory(&self, other: &Self) -> bool {
        let (a, b) = (self.device(), other.device());
        if a != b && !(a.is_host_accessible() && b.is_host_accessible()) {
            return false;
        }
        // Handles are names: two that differ are two buffers, however near the numbers are.
        if !a.has_addresses() && self.storage().start() != other.storage().start() {
            return false;
        }
        !self.storage().is_apart(other.storage())
            && overlap(&self.footprint(), &other.footprint()).is_possible()
    }

    /// Where the elements lie, in bits.
    fn footprint(&self) -> Footprint<'_> {
        let start = self.storage().start().addr() as i128 * 8;
        self.layout().footprint(start, i64::try_from(self.dtype().element_bits()).unwrap_or(i64::MAX))
    }
}
