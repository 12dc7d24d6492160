//! Where elements lie: shape, strides and offset. Pure algebra on integers; no memory, nothing unsafe.
//!
//! One file an idea: [`Dims`] holds the integers, `axis` resolves axis numbers, `order` knows contiguity,
//! `axes` rearranges axes, `view` picks elements, `broadcast` repeats them, `reshape` splits and merges axes,
//! [`overlap`] tells whether two tensors touch the same memory.
#![forbid(unsafe_code)]

mod axes;
mod axis;
mod broadcast;
mod dims;
mod order;
pub mod overlap;
mod reshape;
#[cfg(test)]
mod tests;
mod view;

use crate::error::{Result, bail};

pub use axis::normalize_axis;
pub use broadcast::broadcast_shapes;
pub use dims::{Dims, INLINE_NDIM};
pub use order::{Order, contiguous_strides, sort_by_key};

/// The most axes a tensor may have, as in NumPy and the buffer protocol.
pub const MAX_NDIM: usize = 64;

/// Shape, strides and offset, all in elements.
///
/// Invariants, proved by every constructor and kept by every view:
/// - `shape` and `strides` have the same length, at most [`MAX_NDIM`]; extents are not negative.
/// - The product of the extents that are not 0 fits `i64`, as NumPy asks: so it does even when another is 0.
/// - Unless some extent is 0, the offset of every element, and the distance from the lowest to the highest,
///   fit `i64`. Hence any sum over part of the axes fits too, and any stride of an axis longer than 1 can be
///   negated.
///
/// When some extent is 0 the layout is empty and reaches nothing; its strides mean nothing, and its views
/// keep its offset, so that a data pointer never leaves the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    shape: Dims,
    strides: Dims,
    offset: i64,
}

impl Layout {
    /// The layout of these extents, strides and offset (all in elements; the offset is that of element
    /// `[0, …, 0]`).
    ///
    /// Errors: `Shape` for ranks that differ or exceed [`MAX_NDIM`] and for negative extents, `Overflow` when
    /// the element count or an element's offset does not fit `i64`.
    #[inline]
    pub fn new(shape: &[i64], strides: &[i64], offset: i64) -> Result<Self> {
        if shape.len() != strides.len() {
            bail!(Shape, "`strides` has {} entries, `shape` has {}", strides.len(), shape.len());
        }
        if count_elements(shape)? != 0 {
            check_reach(shape, strides, offset)?;
        }
        Ok(Self { shape: shape.into(), strides: strides.into(), offset })
    }

    /// Makes this the layout of these extents and strides (`None`: C order without gaps) with element `[0, …, 0]` at
    /// offset 0, and gives its span: one pass, for importers. After an error the layout is any valid one.
    ///
    /// Errors: those of [`Layout::new`].
    #[inline(always)]
    pub fn assign(&mut self, shape: &[i64], strides: Option<&[i64]>) -> Result<Option<(i64, i64)>> {
        match self.write_from_origin(shape, strides) {
            Some(span) => Ok(Some(span)),
            None => self.assign_slowly(shape, strides),
        }
    }

    /// Writes and measures in one loop. `None` when that does not go: there are no elements, or many axes, or
    /// something is wrong. What was written then means nothing.
    #[inline(always)]
    fn write_from_origin(&mut self, shape: &[i64], strides: Option<&[i64]>) -> Option<(i64, i64)> {
        let ndim = shape.len();
        if ndim > INLINE_NDIM {
            return None;
        }
        // Cut to a length that the compiler knows, so that it need not check indices.
        let strides = match strides {
            Some(strides) if strides.len() != ndim => return None,
            Some(strides) => Some(&strides[..ndim]),
            None => None,
        };
        self.offset = 0;
        let (to_shape, to_strides) = (self.shape.begin(ndim), self.strides.begin(ndim));
        let (mut count, mut low, mut high) = (1i64, 0i64, 0i64);
        for axis in (0..ndim).rev() {
            let extent = shape[axis];
            if extent <= 0 {
                return None;
            }
            let stride = strides.map_or(count, |strides| strides[axis]);
            (to_shape[axis], to_strides[axis]) = (extent, stride);
            let last = (extent - 1).checked_mul(stride)?;
            low = low.checked_add(last.min(0))?;
            high = high.checked_add(last.max(0))?;
            count = count.checked_mul(extent)?;
        }
        high.checked_sub(low)?;
        Some((low, high))
    }

    /// Makes this a copy of `other`, in place.
    #[inline]
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.shape.copy_from(&other.shape);
        self.strides.copy_from(&other.strides);
        self.offset = other.offset;
    }

    /// The way of large ranks and empty layouts, and of errors, which are found out here.
    #[cold]
    #[inline(never)]
    fn assign_slowly(&mut self, shape: &[i64], strides: Option<&[i64]>) -> Result<Option<(i64, i64)>> {
        *self = Self::scalar();
        *self = match strides {
            Some(strides) => Self::new(shape, strides, 0)?,
            None => Self::contiguous(shape, Order::C)?,
        };
        Ok(self.span())
    }

    /// Moves a layout of offset 0 so that `low`, which is at most its least offset, becomes offset 0. `None` when the
    /// greatest offset no longer fits.
    #[inline]
    pub fn rebase(&mut self, low: i64, high: i64) -> Option<()> {
        high.checked_sub(low)?;
        self.offset = low.checked_neg()?;
        Some(())
    }

    /// The layout of a new tensor: gap-free in `order`, offset 0. Strides as NumPy computes them, where an
    /// extent of 0 counts as 1.
    ///
    /// Errors: `Shape` for a rank above [`MAX_NDIM`] and for negative extents, `Overflow` when the element
    /// count does not fit `i64`.
    #[inline]
    pub fn contiguous(shape: &[i64], order: Order) -> Result<Self> {
        count_elements(shape)?;
        Ok(Self { shape: shape.into(), strides: contiguous_strides(shape, order), offset: 0 })
    }

    /// The layout of one element without axes, at offset 0.
    #[inline]
    pub const fn scalar() -> Self {
        Self { shape: Dims::NONE, strides: Dims::NONE, offset: 0 }
    }

    /// The layout of these extents and strides over a storage of `storage_elements` elements, after the proof
    /// that it reaches none outside. The offset of an empty layout must lie in the storage or at its end.
    ///
    /// Errors: those of [`Layout::new`], and `Range` when an element lies outside the storage.
    pub fn as_strided(shape: &[i64], strides: &[i64], offset: i64, storage_elements: i64) -> Result<Self> {
        let layout = Self::new(shape, strides, offset)?;
        layout.check_bounds(storage_elements)?;
        Ok(layout)
    }

    /// Proves that every element lies in a storage of `storage_elements` elements, and that the offset lies
    /// in it or at its end when there are none.
    ///
    /// Errors: `Range`.
    #[inline]
    pub fn check_bounds(&self, storage_elements: i64) -> Result<()> {
        match self.span() {
            Some((min, max)) if min < 0 || max >= storage_elements => {
                bail!(
                    Range,
                    "the storage has {storage_elements} elements, `strides` reach offsets {min} to {max}"
                )
            }
            None if self.offset < 0 || self.offset > storage_elements => {
                bail!(Range, "the storage has {storage_elements} elements, `offset` is {}", self.offset)
            }
            _ => Ok(()),
        }
    }

    /// The same shape and strides from another offset. An importer that holds a pointer to element `[0, …,
    /// 0]` makes the layout with offset 0 and moves it by minus the least offset of its [`Layout::span`].
    ///
    /// Errors: `Overflow` when an element's offset no longer fits `i64`.
    #[inline]
    pub fn set_offset(&mut self, offset: i64) -> Result<()> {
        if let Some((low, high)) = self.span() {
            let moves = |bound: i64| (bound - self.offset).checked_add(offset).is_some();
            if !moves(low) || !moves(high) {
                bail!(Overflow, "`strides` reach beyond 64 bits from offset {offset}");
            }
        }
        self.offset = offset;
        Ok(())
    }

    /// The extents.
    #[inline]
    pub fn shape(&self) -> &[i64] {
        &self.shape
    }

    /// The distance from one element to the next along each axis.
    #[inline]
    pub fn strides(&self) -> &[i64] {
        &self.strides
    }

    /// Where element `[0, …, 0]` lies, counted from the start of the storage.
    #[inline]
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// The number of axes.
    #[inline]
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements: 1 without axes, 0 when some extent is 0.
    #[inline]
    pub fn element_count(&self) -> i64 {
        self.shape.iter().product()
    }

    /// Whether some extent is 0.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// The least and the greatest offset of an element, both inclusive; `None` when there are no elements.
    #[inline]
    pub fn span(&self) -> Option<(i64, i64)> {
        if self.is_empty() {
            return None;
        }
        // The constructors proved that this reach fits.
        let (low, high) = reach(&self.shape, &self.strides)?;
        Some((self.offset + low, self.offset + high))
    }

    /// A layout of which nothing is proved.
    #[cfg(test)]
    pub(crate) fn raw(shape: &[i64], strides: &[i64], offset: i64) -> Self {
        Self { shape: shape.into(), strides: strides.into(), offset }
    }

    /// The offset at `index` along `axis`. An index within the extent cannot overflow; an empty layout stays.
    #[inline]
    fn offset_at(&self, axis: usize, index: i64) -> i64 {
        if self.is_empty() { self.offset } else { self.offset + index * self.strides[axis] }
    }
}

/// The number of elements of `shape`, after the checks that every shape must pass.
#[inline]
fn count_elements(shape: &[i64]) -> Result<i64> {
    if shape.len() > MAX_NDIM {
        bail!(Shape, "`shape` has {} axes, a tensor has at most {MAX_NDIM}", shape.len());
    }
    let mut nonzero = 1i64;
    let mut empty = false;
    for (axis, &extent) in shape.iter().enumerate() {
        if extent < 0 {
            bail!(Shape, "`shape` has extent {extent} on axis {axis}, an extent is at least 0");
        }
        empty |= extent == 0;
        let Some(product) = nonzero.checked_mul(extent.max(1)) else {
            bail!(Overflow, "a tensor of shape {shape:?} has more elements than 64 bits can count");
        };
        nonzero = product;
    }
    Ok(if empty { 0 } else { nonzero })
}

/// Refuses strides that lead an element of a shape without zeros to an offset beyond 64 bits.
#[inline]
fn check_reach(shape: &[i64], strides: &[i64], offset: i64) -> Result<()> {
    let fits = |(low, high)| offset.checked_add(low).is_some() && offset.checked_add(high).is_some();
    if !reach(shape, strides).is_some_and(fits) {
        bail!(
            Overflow,
            "`strides` {strides:?} over `shape` {shape:?} from offset {offset} reach beyond 64 bits"
        );
    }
    Ok(())
}

/// How far the elements of a shape without zeros lie before and behind element `[0, …, 0]`; `None` when one
/// of the two, or their difference, does not fit `i64`.
#[inline]
fn reach(shape: &[i64], strides: &[i64]) -> Option<(i64, i64)> {
    let (mut low, mut high) = (0i64, 0i64);
    for (&extent, &stride) in shape.iter().zip(strides) {
        let last = (extent - 1).checked_mul(stride)?;
        if last < 0 {
            low = low.checked_add(last)?;
        } else {
            high = high.checked_add(last)?;
        }
    }
    high.checked_sub(low)?;
    Some((low, high))
}
