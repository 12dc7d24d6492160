//! New tensors: on memory of our own, or on memory that somebody else made.

use super::{Draft, Memory, Tensor, packed_bytes};
use crate::device::Device;
use crate::device::cpu::Content;
use crate::dtype::DType;
use crate::error::{Error, Kind, Result, bail};
use crate::layout::{Layout, Order};
use crate::storage::{Owner, Place, Storage};

/// The order in which a new tensor lays out its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryOrder {
    /// Row-major.
    C,
    /// Column-major.
    F,
    /// As close to the source's order as can be, without gaps (NumPy's `K`).
    Keep,
}

/// Memory of somebody else, described the way every protocol describes it.
#[derive(Clone, Copy, Debug)]
pub struct Adopted<'a> {
    /// Address of element `[0, …, 0]`, or a handle on devices without addresses.
    pub data: *mut u8,
    /// Bytes from `data` to element `[0, …, 0]`.
    pub byte_offset: u64,
    /// Where the memory lies.
    pub device: Device,
    /// The type of the elements.
    pub dtype: DType,
    /// The extents.
    pub shape: &'a [i64],
    /// The strides in elements; `None` for C order without gaps.
    pub strides: Option<&'a [i64]>,
    /// Whether the elements must not be written.
    pub read_only: bool,
}

impl Tensor {
    /// A tensor on new memory, its elements not initialised.
    pub fn empty(dtype: DType, shape: &[i64], order: Order, place: impl Into<Place>) -> Result<Self> {
        let mut draft = Draft::blank()?;
        match order {
            Order::C => {
                draft.layout().assign(shape, None)?;
            }
            Order::F => *draft.layout() = Layout::contiguous(shape, Order::F)?,
        }
        Self::on_new_storage(dtype, draft, place.into(), Content::Unknown)
    }

    /// A tensor of zeros: every byte 0.
    pub fn zeros(dtype: DType, shape: &[i64], order: Order, place: impl Into<Place>) -> Result<Self> {
        let draft = Draft::new(Layout::contiguous(shape, order)?)?;
        Self::on_new_storage(dtype, draft, place.into(), Content::Zeros)
    }

    /// A tensor with the shape of `self` and gap-free strides in `order`, its elements not initialised.
    pub fn empty_like(&self, dtype: DType, order: MemoryOrder, place: impl Into<Place>) -> Result<Self> {
        let shape = self.layout().shape();
        match order {
            MemoryOrder::C => Self::empty(dtype, shape, Order::C, place),
            MemoryOrder::F => Self::empty(dtype, shape, Order::F, place),
            MemoryOrder::Keep => {
                let draft = Draft::new(self.layout().dense_like())?;
                Self::on_new_storage(dtype, draft, place.into(), Content::Unknown)
            }
        }
    }

    /// The layout and the bytes of [`empty_like`](Self::empty_like); fails as that does, but for want of memory.
    pub fn layout_like(&self, dtype: DType, order: MemoryOrder, device: Device) -> Result<(Layout, usize)> {
        let layout = self.layout_in(order)?;
        let bytes = new_bytes(dtype, &layout, device)?;
        Ok((layout, bytes))
    }

    fn layout_in(&self, order: MemoryOrder) -> Result<Layout> {
        match order {
            MemoryOrder::C => Layout::contiguous(self.layout().shape(), Order::C),
            MemoryOrder::F => Layout::contiguous(self.layout().shape(), Order::F),
            MemoryOrder::Keep => Ok(self.layout().dense_like()),
        }
    }

    #[inline]
    fn on_new_storage(dtype: DType, mut draft: Draft, place: Place, content: Content) -> Result<Self> {
        let byte_count = new_bytes(dtype, draft.layout(), place.device)?;
        // Of packed types, writing one element reads its neighbours in the same byte, and the bits behind the last
        // element leave with every copy of the bytes.
        let content = if dtype.is_packed() { Content::Zeros } else { content };
        if place.device != Device::CPU {
            return Self::on_cuda(dtype, draft, byte_count, place, content);
        }
        let storage = Storage::allocate(byte_count, content)?;
        Ok(draft.finish(dtype, false, Memory::Own(storage)))
    }

    /// Apart, so that tensors on the host do not pay for it.
    #[cold]
    #[inline(never)]
    fn on_cuda(
        dtype: DType,
        draft: Draft,
        byte_count: usize,
        place: Place,
        content: Content,
    ) -> Result<Self> {
        let storage = Storage::allocate_on_cuda(byte_count, content, place)?;
        Ok(draft.finish(dtype, false, Memory::Own(storage)))
    }

    /// A tensor on memory that `owner` frees after the last use.
    ///
    /// The description is checked for sense: ranks, signs, overflow, and that the addresses it reaches exist. On
    /// failure `owner` is dropped without being ended: nothing has been freed.
    ///
    /// Every door gets its own copy of this, with all that it calls: then the description never has to be put together
    /// in memory, which costs more than what is done with it.
    ///
    /// # Safety
    /// Until `owner` is ended, the elements described may be read, and written unless `read_only`.
    #[inline(always)]
    pub unsafe fn adopt(foreign: &Adopted<'_>, owner: Owner) -> Result<Self> {
        foreign.dtype.validate()?;
        let mut draft = Draft::blank()?;
        let span = draft.layout().assign(foreign.shape, foreign.strides)?;
        let (start, byte_count) = foreign.place(draft.layout(), span)?;
        let storage = Storage::adopt(start, byte_count, foreign.device, owner);
        Ok(draft.finish(foreign.dtype, foreign.read_only, Memory::Own(storage)))
    }
}

/// The bytes of new elements; refuses what cannot be made.
#[inline]
fn new_bytes(dtype: DType, layout: &Layout, device: Device) -> Result<usize> {
    dtype.validate()?;
    if device != Device::CPU {
        device.require()?;
    }
    let count = layout.element_count();
    let Some(bytes) = packed_bytes(dtype, count) else {
        let bits = dtype.element_bits();
        bail!(Overflow, "{count} elements of {bits} bits overflow the address space");
    };
    Ok(bytes)
}

impl Tensor {
    /// A view on the storage of `self` of what `described` describes; `None` when that does not lie inside, element by
    /// element.
    ///
    /// This is how a tensor that comes back through a protocol is the same memory again, rather than memory of somebody
    /// who happens to be ourselves: it is counted once, and coming and going any number of times makes no chain.
    pub fn reunited(&self, described: &Adopted<'_>) -> Result<Option<Self>> {
        described.dtype.validate()?;
        let mut draft = Draft::blank()?;
        let span = draft.layout().assign(described.shape, described.strides)?;
        let bits = described.dtype.element_bits();
        let Some(offset) = self.elements_to(described, bits) else { return Ok(None) };
        let room = i128::from(self.storage().byte_count() as u64) * 8;
        let fits = |(low, high): (i64, i64)| {
            let (first, end) =
                (i128::from(offset) + i128::from(low), i128::from(offset) + i128::from(high) + 1);
            first >= 0 && end * i128::from(bits) <= room
        };
        if !span.is_none_or(fits) {
            return Ok(None);
        }
        draft.layout().set_offset(offset)?;
        let read_only = described.read_only || self.is_read_only();
        Ok(Some(draft.finish(described.dtype, read_only, Memory::Of(self.first()))))
    }

    /// Elements of `bits` bits from the start of the storage to the first one described, if they are whole ones of this
    /// storage.
    fn elements_to(&self, described: &Adopted<'_>, bits: u64) -> Option<i64> {
        let storage = self.storage();
        if described.device != storage.device() || !described.device.has_addresses() || bits == 0 {
            return None;
        }
        if described.shape.contains(&0) {
            return Some(0);
        }
        let address = described.data.addr().checked_add(usize::try_from(described.byte_offset).ok()?)?;
        let distance = address.checked_sub(storage.start().addr())? as u64;
        let distance_bits = distance.checked_mul(8)?;
        distance_bits.is_multiple_of(bits).then(|| i64::try_from(distance_bits / bits).ok())?
    }
}

/// The address space is smaller than what `shape` and `strides` describe.
#[cold]
fn outside() -> Error {
    Error::new(Kind::Overflow, "`shape` and `strides` reach outside the address space")
}

impl Adopted<'_> {
    /// Finds the address range that `layout`, of offset 0, reaches from element `[0, …, 0]`: its start and length.
    ///
    /// Strides may be negative, so the range may begin before `data`: the storage starts at the lowest element, and
    /// the layout's offset is made to lead from there to element `[0, …, 0]`.
    #[inline(always)]
    fn place(&self, layout: &mut Layout, span: Option<(i64, i64)>) -> Result<(*mut u8, usize)> {
        let Some((low, high)) = span else { return Ok((self.data, 0)) };
        if self.data.is_null() {
            bail!(InvalidArgument, "`data` is NULL, the tensor has {} elements", layout.element_count());
        }
        if self.device.has_addresses() {
            self.place_at_address(layout, low, high).ok_or_else(outside)
        } else {
            let bits = self.dtype.element_bits();
            Ok((self.data, place_in_buffer(layout, low, high, self.byte_offset, bits)?))
        }
    }

    #[inline(always)]
    fn place_at_address(&self, layout: &mut Layout, low: i64, high: i64) -> Option<(*mut u8, usize)> {
        let bits = i64::try_from(self.dtype.element_bits()).ok()?;
        // The storage begins at a whole byte and a whole element: for packed types maybe a few elements early.
        let low = low.checked_sub(low.rem_euclid(8 >> bits.trailing_zeros().min(3)))?;
        layout.rebase(low, high)?;
        let bit_count = (high - low).checked_add(1)?.checked_mul(bits)?;
        let byte_count = usize::try_from(bit_count.cast_unsigned().div_ceil(8)).ok()?;
        let below = low.checked_mul(bits)? >> 3; // exact
        let first = self.data.addr().checked_add(usize::try_from(self.byte_offset).ok()?)?;
        let first = first.checked_add_signed(isize::try_from(below).ok()?)?;
        first.checked_add(byte_count)?;
        if first == 0 {
            return None;
        }
        Some((self.data.with_addr(first), byte_count))
    }
}

/// On devices without addresses: moves `layout`, which reaches from `low` to `high`, to `byte_offset` in its buffer, and
/// gives the bytes that the buffer must have.
#[cold]
fn place_in_buffer(layout: &mut Layout, low: i64, high: i64, byte_offset: u64, bits: u64) -> Result<usize> {
    let (offset_bits, bits) = (i128::from(byte_offset) * 8, i128::from(bits));
    if offset_bits.checked_rem(bits) != Some(0) {
        bail!(Layout, "`byte_offset` is {byte_offset}, no multiple of the {bits}-bit element");
    }
    let offset = i64::try_from(offset_bits / bits).map_err(|_| outside())?;
    layout.set_offset(offset).map_err(|_| outside())?;
    if offset + low < 0 {
        bail!(Layout, "`strides` reach {} elements before the start of the buffer", -(offset + low));
    }
    let byte_count = ((i128::from(offset + high) + 1) * bits + 7) / 8;
    isize::try_from(byte_count).map(|bytes| bytes as usize).map_err(|_| outside())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tensor on memory that is nowhere, and so is never touched.
    fn adopt(
        dtype: DType,
        address: usize,
        byte_offset: u64,
        shape: &[i64],
        strides: &[i64],
    ) -> Result<Tensor> {
        let data = std::ptr::without_provenance_mut(address);
        let (device, strides) = (Device::CPU, Some(strides));
        let foreign = Adopted { data, byte_offset, device, dtype, shape, strides, read_only: false };
        // SAFETY: nothing reads or writes the elements.
        unsafe { Tensor::adopt(&foreign, Owner::NOBODY) }
    }

    /// Start and length of the storage, and the address of element `[0, …, 0]`.
    fn range(tensor: &Tensor) -> (usize, usize, usize) {
        let storage = tensor.storage();
        (storage.start().addr(), storage.byte_count(), tensor.data().addr())
    }

    #[test]
    fn a_storage_is_the_range_that_the_strides_reach() {
        let f32 = DType::FLOAT32;
        let of = |byte_offset, shape: &[i64], strides: &[i64]| {
            range(&adopt(f32, 4096, byte_offset, shape, strides).unwrap())
        };
        assert_eq!(of(0, &[4, 4], &[4, 1]), (4096, 64, 4096));
        assert_eq!(of(8, &[4, 4], &[4, 1]), (4104, 64, 4104));
        assert_eq!(of(0, &[4, 4], &[-4, 1]), (4096 - 48, 64, 4096));
        assert_eq!(of(0, &[3, 2], &[10, -1]), (4092, 88, 4096));
        assert_eq!(of(0, &[3], &[0]), (4096, 4, 4096));
        assert_eq!(of(0, &[], &[]), (4096, 4, 4096));
        assert_eq!(of(0, &[3, 0], &[1, 1]), (4096, 0, 0));
    }

    #[test]
    fn a_storage_of_packed_elements_is_whole_bytes() {
        let of = |shape: &[i64], strides: &[i64]| {
            let tensor = adopt(DType::INT4, 4096, 0, shape, strides).unwrap();
            (range(&tensor), tensor.bit_offset())
        };
        assert_eq!(of(&[3], &[1]), ((4096, 2, 4096), 0));
        assert_eq!(of(&[16], &[-1]), ((4096 - 8, 9, 4096), 0));
        assert_eq!(of(&[2], &[-3]), ((4096 - 2, 3, 4096), 0));
    }

    #[test]
    fn a_range_outside_the_address_space_is_refused() {
        let top = usize::MAX - 63;
        let kind = |address, offset, shape: &[i64], strides: &[i64]| {
            adopt(DType::FLOAT32, address, offset, shape, strides).err().map(|error| error.kind())
        };
        assert_eq!(kind(top, 0, &[15], &[1]), None);
        for (address, offset, shape, strides) in [
            (top, 0, [17], [1]),
            (top, 64, [1], [1]),
            (top, u64::MAX, [1], [1]),
            (4096, 0, [1026], [-1]),
            (4096, 0, [1025], [-1]),
            (4096, 0, [2], [i64::MIN + 2]),
            (4096, 0, [2], [i64::MAX - 1]),
            (4096, 0, [1 << 61], [1]),
            (4096, 0, [i64::MAX], [1]),
        ] {
            assert_eq!(
                kind(address, offset, &shape, &strides),
                Some(Kind::Overflow),
                "{shape:?} {strides:?}"
            );
        }
        assert_eq!(kind(0, 0, &[1], &[1]), Some(Kind::InvalidArgument));
        assert_eq!(kind(0, 0, &[0], &[1]), None);
    }

    #[test]
    fn a_buffer_without_addresses_keeps_its_handle_and_takes_the_offset_in_elements() {
        let device = Device { device_type: 4, device_id: 0 };
        let data = std::ptr::without_provenance_mut(7);
        let kind = |byte_offset, strides: &[i64]| {
            let (dtype, strides) = (DType::FLOAT32, Some(strides));
            let foreign =
                Adopted { data, byte_offset, device, dtype, shape: &[3], strides, read_only: false };
            // SAFETY: nothing reads or writes the elements.
            unsafe { Tensor::adopt(&foreign, Owner::NOBODY) }
                .map(|tensor| (range(&tensor), tensor.layout().offset()))
                .map_err(|error| error.kind())
        };
        assert_eq!(kind(8, &[1]), Ok(((7, 20, 7), 2)));
        assert_eq!(kind(8, &[-1]), Ok(((7, 12, 7), 2)));
        assert_eq!(kind(4, &[-1]), Err(Kind::Layout));
        assert_eq!(kind(3, &[1]), Err(Kind::Layout));
    }

    #[test]
    fn new_memory_of_a_packed_type_begins_as_zeros() {
        for _ in 0..20 {
            // Memory that was used before, as far as the allocator gives the same block again.
            let used = Tensor::empty(DType::UINT8, &[8], Order::C, Device::CPU).unwrap();
            // SAFETY: its own eight bytes.
            unsafe { used.data().write_bytes(0xff, 8) };
            drop(used);
            let packed =
                Tensor::empty(DType::new(crate::dtype::code::INT, 4), &[15], Order::C, Device::CPU).unwrap();
            // SAFETY: fifteen elements of four bits are eight bytes.
            assert_eq!(unsafe { std::slice::from_raw_parts(packed.data(), 8) }, [0; 8]);
        }
    }
    /// A tensor that nobody reads, on whatever is at `data`.
    fn adopted(dtype: DType, device_type: i32, data: usize, shape: &[i64], strides: &[i64]) -> Tensor {
        let foreign = Adopted {
            data: std::ptr::without_provenance_mut(data),
            byte_offset: 0,
            device: Device { device_type, device_id: 0 },
            dtype,
            shape,
            strides: Some(strides),
            read_only: false,
        };
        // SAFETY: nothing reads or writes the elements.
        unsafe { Tensor::adopt(&foreign, Owner::NOBODY) }.unwrap()
    }

    #[test]
    fn packed_memory_that_is_walked_backwards_begins_with_its_lowest_byte() {
        // Elements 0, -1, -2 and so on of `bits` bits, element 0 at bit 0 of the byte at 0x1000.
        for (bits, extent, first, byte_count) in
            [(4, 4, 0xffe, 3), (4, 3, 0xfff, 2), (2, 4, 0xfff, 2), (2, 6, 0xffe, 3), (6, 5, 0xffd, 4)]
        {
            let dtype = DType::new(crate::dtype::code::FLOAT, bits);
            let tensor = adopted(dtype, 1, 0x1000, &[extent], &[-1]);
            let storage = tensor.storage();
            assert_eq!((storage.start().addr(), storage.byte_count()), (first, byte_count), "{bits} bits");
            assert_eq!((storage.start().addr() + tensor.byte_offset(), tensor.bit_offset()), (0x1000, 0));
        }
    }

    #[test]
    fn buffers_behind_different_handles_share_nothing_however_near_the_handles() {
        let buffer = |handle| adopted(DType::FLOAT32, 8, handle, &[100], &[1]);
        assert!(!buffer(0x1000).shares_memory(&buffer(0x1010)));
        assert!(buffer(0x1000).shares_memory(&buffer(0x1000).slice(0, Some(3), None, 1).unwrap()));
    }
}
