//! Where elements lie: shape, strides and offset. Pure algebra on integers; no memory, nothing unsafe.
#![forbid(unsafe_code)]

mod dims;

pub use dims::{Dims, INLINE_NDIM};

/// The most axes a tensor may have, as in NumPy and the buffer protocol.
pub const MAX_NDIM: usize = 64;

/// Memory order of a contiguous layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The last axis is adjacent in memory (row-major).
    C,
    /// The first axis is adjacent in memory (column-major).
    F,
}

/// Shape, strides and offset, all in elements.
///
/// Invariants, proved by every constructor: `shape` and `strides` have the same length, at most [`MAX_NDIM`];
/// extents are not negative; the product of the extents, and every offset that an index reaches, fit `i64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    shape: Dims,
    strides: Dims,
    offset: i64,
}

impl Layout {
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

    /// The same shape in C order without gaps, from offset 0.
    pub(crate) fn compact(&self) -> Self {
        let mut strides = self.shape.clone();
        let mut stride = 1;
        for (slot, extent) in strides.iter_mut().zip(self.shape.iter()).rev() {
            *slot = stride;
            stride *= (*extent).max(1);
        }
        Self { shape: self.shape.clone(), strides, offset: 0 }
    }

    /// A layout of which nothing is proved.
    #[cfg(test)]
    pub(crate) fn raw(shape: &[i64], strides: &[i64], offset: i64) -> Self {
        Self { shape: shape.into(), strides: strides.into(), offset }
    }
}
