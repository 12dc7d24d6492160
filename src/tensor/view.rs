//! Views: other tensors on the same storage. The algebra is [`Layout`]'s; here it meets dtype and permission.

use super::{Draft, Memory, Tensor};
use crate::dtype::DType;
use crate::error::{Result, bail};
use crate::layout::Layout;

impl Tensor {
    /// Another tensor on the same storage with the layout that `change` makes of this one's.
    #[inline]
    fn view(&self, change: impl FnOnce(&mut Layout) -> Result<()>) -> Result<Self> {
        let mut draft = Draft::blank()?;
        draft.layout().copy_from(self.layout());
        change(draft.layout())?;
        Ok(draft.finish(self.dtype(), self.is_read_only(), Memory::Of(self.first())))
    }

    /// Another tensor on the same storage with `layout`, which is known to stay inside.
    fn with(&self, dtype: DType, layout: Layout, read_only: bool) -> Result<Self> {
        Ok(Draft::new(layout)?.finish(dtype, read_only, Memory::Of(self.first())))
    }

    /// The same elements with their axes in the order `axes`.
    #[inline]
    pub fn permute(&self, axes: &[i32]) -> Result<Self> {
        self.view(|layout| layout.permute_from(self.layout(), axes))
    }

    /// The same elements with their axes reversed.
    pub fn transpose(&self) -> Result<Self> {
        self.with(self.dtype(), self.layout().transpose(), self.is_read_only())
    }

    /// Exchanges two axes.
    pub fn swap_axes(&self, axis1: i32, axis2: i32) -> Result<Self> {
        self.with(self.dtype(), self.layout().swap_axes(axis1, axis2)?, self.is_read_only())
    }

    /// The elements `start`, `start + step`, … before `stop` along `axis`, as Python slices.
    #[inline]
    pub fn slice(&self, axis: i32, start: Option<i64>, stop: Option<i64>, step: i64) -> Result<Self> {
        self.view(|layout| layout.slice_in_place(axis, start, stop, step))
    }

    /// Element `index` along `axis`, which disappears.
    pub fn select(&self, axis: i32, index: i64) -> Result<Self> {
        self.view(|layout| layout.select_in_place(axis, index))
    }

    /// The elements in reverse along `axes`; `None` for all.
    pub fn flip(&self, axes: Option<&[i32]>) -> Result<Self> {
        match axes {
            Some(axes) => self.view(|layout| layout.flip_in_place(axes)),
            None => self.with(self.dtype(), self.layout().flip_all(), self.is_read_only()),
        }
    }

    /// Without the axes `axes`, whose extents must be 1; `None` drops every axis of extent 1.
    pub fn squeeze(&self, axes: Option<&[i32]>) -> Result<Self> {
        let layout = match axes {
            Some(axes) => self.layout().squeeze(axes)?,
            None => self.layout().squeeze_all(),
        };
        self.with(self.dtype(), layout, self.is_read_only())
    }

    /// With a new axis of extent 1 before `axis`.
    pub fn unsqueeze(&self, axis: i32) -> Result<Self> {
        self.with(self.dtype(), self.layout().unsqueeze(axis)?, self.is_read_only())
    }

    /// The same elements, in C order, under another shape; an error when strides cannot say it.
    pub fn reshape(&self, shape: &[i64]) -> Result<Self> {
        self.with(self.dtype(), self.layout().reshape(shape)?, self.is_read_only())
    }

    /// Repeated to `shape` by NumPy's rules, without copying. Where an element stands for several, the view is
    /// read-only, as in NumPy.
    pub fn broadcast(&self, shape: &[i64]) -> Result<Self> {
        let layout = self.layout().broadcast_to(shape)?;
        let repeats = layout.element_count() != self.element_count();
        self.with(self.dtype(), layout, self.is_read_only() || repeats)
    }

    /// The diagonal `offset` of the planes spanned by two axes, as a last axis.
    pub fn diagonal(&self, offset: i64, axis1: i32, axis2: i32) -> Result<Self> {
        self.with(self.dtype(), self.layout().diagonal(offset, axis1, axis2)?, self.is_read_only())
    }

    /// Every window of `window` elements along `axis`, `step` apart, as a new last axis. Windows that share
    /// elements are read-only, as NumPy's are.
    pub fn sliding_window(&self, axis: i32, window: i64, step: i64) -> Result<Self> {
        let layout = self.layout().sliding_window(axis, window, step)?;
        self.with(self.dtype(), layout, self.is_read_only() || window > step)
    }

    /// Any shape and strides over the same storage, `offset` elements from its start; bounds are proved.
    pub fn as_strided(&self, shape: &[i64], strides: &[i64], offset: i64) -> Result<Self> {
        let bits = self.dtype().element_bits();
        let room = (self.storage().byte_count() as u64).saturating_mul(8).checked_div(bits).unwrap_or(0);
        let room = i64::try_from(room).unwrap_or(i64::MAX);
        self.with(self.dtype(), Layout::as_strided(shape, strides, offset, room)?, self.is_read_only())
    }

    /// The same bytes as elements of `dtype`; when sizes differ the last axis, which must be contiguous, takes
    /// the difference, as NumPy's `view`.
    pub fn reinterpret(&self, dtype: DType) -> Result<Self> {
        dtype.validate()?;
        let (old, new) = (self.dtype().element_bits(), dtype.element_bits());
        if new == 0 && old != 0 {
            bail!(Dtype, "`dtype` has elements of no size, the tensor's have {old} bits");
        }
        let layout = self.layout().reinterpret(old, new)?;
        self.with(dtype, layout, self.is_read_only())
    }

    /// A view through which nothing may be written.
    pub fn as_read_only(&self) -> Result<Self> {
        self.with(self.dtype(), self.layout().clone(), true)
    }
}
