//! Views that rearrange axes: every element stays, only its index changes.

use super::axis::AxisSet;
use super::{Dims, Layout, MAX_NDIM, normalize_axis};
use crate::error::{Result, bail};

impl Layout {
    /// The axes in another order: axis `i` of the view is axis `axes[i]` (`numpy.transpose`). Negative axes
    /// count from the end.
    ///
    /// Errors: `Shape` when `axes` does not have one entry an axis, `Range` when there is no such axis,
    /// `InvalidArgument` when one is named twice.
    #[inline]
    pub fn permute(&self, axes: &[i32]) -> Result<Self> {
        let mut view = self.clone();
        view.permute_from(self, axes)?;
        Ok(view)
    }

    /// Makes this, a copy of `source`, its [`Layout::permute`]; an error leaves some valid layout.
    #[inline]
    pub fn permute_from(&mut self, source: &Self, axes: &[i32]) -> Result<()> {
        let ndim = source.ndim();
        if axes.len() != ndim {
            bail!(Shape, "`axes` has {} entries, the tensor has rank {ndim}", axes.len());
        }
        let mut seen = AxisSet::new();
        for &axis in axes {
            seen.insert(axis, ndim)?;
        }
        let from = (source.shape(), source.strides());
        let places = self.shape.iter_mut().zip(self.strides.iter_mut());
        for ((extent, stride), &axis) in places.zip(axes) {
            let axis = if axis < 0 { axis + ndim as i32 } else { axis } as usize;
            (*extent, *stride) = (from.0[axis], from.1[axis]);
        }
        Ok(())
    }

    /// The axes in reverse order (`ndarray.T`).
    #[inline]
    pub fn transpose(&self) -> Self {
        let mut view = self.clone();
        view.shape.reverse();
        view.strides.reverse();
        view
    }

    /// Two axes exchanged (`numpy.swapaxes`); they may be the same.
    ///
    /// Errors: `Range` when there is no such axis.
    #[inline]
    pub fn swap_axes(&self, axis1: i32, axis2: i32) -> Result<Self> {
        let first = normalize_axis("axis1", axis1, self.ndim())?;
        let second = normalize_axis("axis2", axis2, self.ndim())?;
        let mut view = self.clone();
        view.shape.swap(first, second);
        view.strides.swap(first, second);
        Ok(view)
    }

    /// Without the named axes, each of which must have extent 1 (`numpy.squeeze` with axes; an empty list
    /// removes nothing).
    ///
    /// Errors: `Range` when there is no such axis, `InvalidArgument` when one is named twice, `Shape` when
    /// its extent is not 1.
    #[inline]
    pub fn squeeze(&self, axes: &[i32]) -> Result<Self> {
        let gone = AxisSet::from_axes(axes, self.ndim())?;
        for (axis, &extent) in self.shape.iter().enumerate() {
            if gone.contains(axis) && extent != 1 {
                bail!(Shape, "`axes` names axis {axis}, whose extent is {extent}, not 1");
            }
        }
        Ok(self.keep_axes(|axis| !gone.contains(axis)))
    }

    /// Without any axis of extent 1 (`numpy.squeeze` without axes).
    #[inline]
    pub fn squeeze_all(&self) -> Self {
        self.keep_axes(|axis| self.shape[axis] != 1)
    }

    #[inline]
    fn keep_axes(&self, keep: impl Fn(usize) -> bool) -> Self {
        let pick = |dims: &Dims| (0..dims.len()).filter(|&axis| keep(axis)).map(|axis| dims[axis]).collect();
        Self { shape: pick(&self.shape), strides: pick(&self.strides), offset: self.offset }
    }

    /// With a new axis of extent 1 at `axis` of the view (`numpy.expand_dims`); −1 puts it last. Its stride
    /// is the one that keeps a C-contiguous layout looking like one.
    ///
    /// Errors: `Range` when the view has no such axis, `Shape` when it would have more than [`MAX_NDIM`].
    #[inline]
    pub fn unsqueeze(&self, axis: i32) -> Result<Self> {
        let ndim = self.ndim();
        if ndim == MAX_NDIM {
            bail!(Shape, "the tensor has rank {ndim} already, the most there is");
        }
        let Ok(axis) = normalize_axis("axis", axis, ndim + 1) else {
            bail!(Range, "`axis` is {axis}, the view has rank {}", ndim + 1);
        };
        // No element depends on this stride, so it may saturate.
        let stride = if axis < ndim { self.shape[axis].max(1).saturating_mul(self.strides[axis]) } else { 1 };
        let (shape, strides) = (self.shape.with(axis, 1), self.strides.with(axis, stride));
        Ok(Self { shape, strides, offset: self.offset })
    }
}
