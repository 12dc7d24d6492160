//! New tensors: on memory of our own, or on memory that somebody else made.

use super::{Tensor, packed_bytes};
use crate::device::Device;
use crate::dtype::DType;
use crate::error::{Error, Kind, Result, bail};
use crate::layout::{Layout, Order};
use crate::storage::{Owner, Storage};

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
    /// A tensor on new host memory, its elements not initialised.
    pub fn empty(dtype: DType, shape: &[i64], order: Order, device: Device) -> Result<Self> {
        Self::on_new_storage(dtype, Layout::contiguous(shape, order)?, device)
    }

    /// A tensor of zeros: every byte 0.
    pub fn zeros(dtype: DType, shape: &[i64], order: Order, device: Device) -> Result<Self> {
        let tensor = Self::empty(dtype, shape, order, device)?;
        let storage = tensor.storage();
        if storage.byte_count() > 0 {
            // SAFETY: the storage was made just now, for the host, and nobody else knows of it.
            unsafe { storage.start().write_bytes(0, storage.byte_count()) };
        }
        Ok(tensor)
    }

    /// A tensor with the shape of `self` and gap-free strides in `order`, its elements not initialised.
    pub fn empty_like(&self, dtype: DType, order: MemoryOrder, device: Device) -> Result<Self> {
        let layout = match order {
            MemoryOrder::C => Layout::contiguous(self.layout().shape(), Order::C)?,
            MemoryOrder::F => Layout::contiguous(self.layout().shape(), Order::F)?,
            MemoryOrder::Keep => self.layout().dense_like()?,
        };
        Self::on_new_storage(dtype, layout, device)
    }

    fn on_new_storage(dtype: DType, layout: Layout, device: Device) -> Result<Self> {
        dtype.validate()?;
        if device != Device::CPU {
            bail!(DeviceUnavailable, "`device` is {device}; memory can be made on cpu only");
        }
        let Some(byte_count) = packed_bytes(dtype, layout.element_count()) else {
            bail!(Overflow, "{} elements of {} bits overflow the address space", layout.element_count(), dtype.element_bits());
        };
        Ok(Self::over(Storage::allocate(byte_count)?, dtype, layout, false))
    }

    /// A tensor on memory that `owner` frees after the last use.
    ///
    /// The description is checked for sense: ranks, signs, overflow, and that the addresses it reaches exist. On
    /// failure `owner` comes back with the error, and nothing has been freed.
    ///
    /// # Safety
    /// Until `owner` is ended, the elements described may be read, and written unless `read_only`.
    #[inline]
    pub unsafe fn adopt(foreign: &Adopted<'_>, owner: Owner) -> std::result::Result<Self, (Error, Owner)> {
        match foreign.place() {
            Ok((layout, start, byte_count)) => {
                let storage = Storage::adopt(start, byte_count, foreign.device, owner);
                Ok(Self::over(storage, foreign.dtype, layout, foreign.read_only))
            }
            Err(error) => Err((error, owner)),
        }
    }
}

impl Adopted<'_> {
    /// The layout, and the address range that it reaches.
    ///
    /// Strides may be negative, so the range may begin before `data`: the storage starts at the lowest element,
    /// and the layout's offset leads from there to element `[0, …, 0]`.
    #[inline]
    fn place(&self) -> Result<(Layout, *mut u8, usize)> {
        self.dtype.validate()?;
        let bits = self.dtype.element_bits();
        let layout = match self.strides {
            Some(strides) => Layout::new(self.shape, strides, 0)?,
            None => Layout::contiguous(self.shape, Order::C)?,
        };
        let Some((low, high)) = layout.span() else {
            return Ok((layout, self.data, 0));
        };
        if self.data.is_null() {
            bail!(InvalidArgument, "`data` is NULL, the tensor has {} elements", layout.element_count());
        }
        if self.device.has_addresses() {
            self.place_at_address(layout, low, high, bits)
        } else {
            self.place_in_buffer(layout, low, high, bits)
        }
    }

    #[inline]
    fn place_at_address(&self, layout: Layout, low: i64, high: i64, bits: u64) -> Result<(Layout, *mut u8, usize)> {
        // Packed elements: begin at a whole byte, at most seven elements early.
        let low = if bits % 8 == 0 { low } else { low.checked_sub(low.rem_euclid(8)).ok_or_else(|| self.outside())? };
        let below = bytes_of(low, bits, i64::div_euclid).ok_or_else(|| self.outside())?;
        let above = bytes_of(high.checked_add(1).ok_or_else(|| self.outside())?, bits, ceil_div)
            .ok_or_else(|| self.outside())?;
        let byte_count = above.checked_sub(below).ok_or_else(|| self.outside())?;
        let first = usize::try_from(self.byte_offset)
            .ok()
            .and_then(|offset| self.data.addr().checked_add(offset))
            .and_then(|address| address.checked_add_signed(below as isize))
            .ok_or_else(|| self.outside())?;
        if first == 0 || first.checked_add(byte_count as usize).is_none() {
            return Err(self.outside());
        }
        let start = self.data.wrapping_add(self.byte_offset as usize).wrapping_offset(below as isize);
        Ok((layout.with_offset(low.checked_neg().ok_or_else(|| self.outside())?)?, start, byte_count as usize))
    }

    #[cold]
    fn place_in_buffer(&self, layout: Layout, low: i64, high: i64, bits: u64) -> Result<(Layout, *mut u8, usize)> {
        let offset_bits = i128::from(self.byte_offset) * 8;
        if bits == 0 || offset_bits % i128::from(bits) != 0 {
            bail!(Layout, "`byte_offset` is {}, not a multiple of the {bits}-bit element", self.byte_offset);
        }
        let offset = i64::try_from(offset_bits / i128::from(bits)).map_err(|_| self.outside())?;
        let first = offset.checked_add(low).ok_or_else(|| self.outside())?;
        let end = offset.checked_add(high).and_then(|last| last.checked_add(1)).ok_or_else(|| self.outside())?;
        if first < 0 {
            bail!(Layout, "`strides` reach {} elements before the start of the buffer", -first);
        }
        let byte_count = bytes_of(end, bits, ceil_div).ok_or_else(|| self.outside())?;
        Ok((layout.with_offset(offset)?, self.data, byte_count as usize))
    }

    #[cold]
    fn outside(&self) -> Error {
        Error::new(Kind::Overflow, "`shape` and `strides` reach outside the address space")
    }
}

fn ceil_div(bits: i64, by: i64) -> i64 {
    -(-bits).div_euclid(by)
}

#[inline]
fn bytes_of(elements: i64, bits: u64, divide: fn(i64, i64) -> i64) -> Option<i64> {
    let bits = elements.checked_mul(i64::try_from(bits).ok()?)?;
    (bits != i64::MIN).then(|| divide(bits, 8))
}
