//! Views that pick elements: part of an axis, one index of it, its reverse, a diagonal, windows.
//!
//! The views that indexing is made of also come in place: a chain of them then costs one copy of the layout,
//! and a tensor can copy its layout to where the view will live and change it there. That is about twice as
//! fast as moving a finished view, because a wide load from what narrow stores have just written stalls the
//! processor.

use super::axis::AxisSet;
use super::{Layout, MAX_NDIM, count_elements, normalize_axis};
use crate::error::{Result, bail};

impl Layout {
    /// Part of `axis`, as Python's `start:stop:step`: negative bounds count from the end, bounds beyond the
    /// axis are clamped, `None` means from or to the very end, and a negative `step` goes backwards.
    ///
    /// Errors: `Range` when there is no such axis, `InvalidArgument` when `step` is 0.
    #[inline]
    pub fn slice(&self, axis: i32, start: Option<i64>, stop: Option<i64>, step: i64) -> Result<Self> {
        let mut view = self.clone();
        view.slice_in_place(axis, start, stop, step)?;
        Ok(view)
    }

    /// [`Layout::slice`] in place; an error changes nothing.
    #[inline]
    pub fn slice_in_place(
        &mut self,
        axis: i32,
        start: Option<i64>,
        stop: Option<i64>,
        step: i64,
    ) -> Result<()> {
        let axis = normalize_axis("axis", axis, self.ndim())?;
        if step == 0 {
            bail!(InvalidArgument, "`step` is 0, a slice goes forwards or backwards");
        }
        let (first, count) = resolve_slice(self.shape[axis], start, stop, step);
        if count > 0 {
            self.offset = self.offset_at(axis, first);
        }
        self.shape[axis] = count;
        // Where two elements remain, the step between them lies within the span; elsewhere no element depends
        // on the stride.
        let stride = self.strides[axis];
        self.strides[axis] = stride.checked_mul(step).unwrap_or(stride);
        Ok(())
    }

    /// The elements at `index` of `axis`, without that axis; a negative index counts from the end.
    ///
    /// Errors: `Range` when there is no such axis or index.
    #[inline]
    pub fn select(&self, axis: i32, index: i64) -> Result<Self> {
        let mut view = self.clone();
        view.select_in_place(axis, index)?;
        Ok(view)
    }

    /// [`Layout::select`] in place; an error changes nothing.
    #[inline]
    pub fn select_in_place(&mut self, axis: i32, index: i64) -> Result<()> {
        let axis = normalize_axis("axis", axis, self.ndim())?;
        let extent = self.shape[axis];
        let wanted = if index < 0 { index + extent } else { index };
        if wanted < 0 || wanted >= extent {
            bail!(Range, "`index` is {index}, axis {axis} has extent {extent}");
        }
        self.offset = self.offset_at(axis, wanted);
        self.shape.remove(axis);
        self.strides.remove(axis);
        Ok(())
    }

    /// The named axes backwards (`numpy.flip` with axes; an empty list turns none).
    ///
    /// Errors: `Range` when there is no such axis, `InvalidArgument` when one is named twice.
    #[inline]
    pub fn flip(&self, axes: &[i32]) -> Result<Self> {
        let mut view = self.clone();
        view.flip_in_place(axes)?;
        Ok(view)
    }

    /// [`Layout::flip`] in place; an error changes nothing.
    #[inline]
    pub fn flip_in_place(&mut self, axes: &[i32]) -> Result<()> {
        let turned = AxisSet::from_axes(axes, self.ndim())?;
        self.flip_where(|axis| turned.contains(axis));
        Ok(())
    }

    /// Every axis backwards (`numpy.flip` without axes).
    #[inline]
    pub fn flip_all(&self) -> Self {
        let mut view = self.clone();
        view.flip_where(|_| true);
        view
    }

    #[inline]
    fn flip_where(&mut self, turned: impl Fn(usize) -> bool) {
        for axis in (0..self.ndim()).filter(|&axis| turned(axis)) {
            self.offset = self.offset_at(axis, self.shape[axis] - 1);
            // Only a stride that no element depends on can wrap.
            self.strides[axis] = self.strides[axis].wrapping_neg();
        }
    }

    /// The elements `[…, i, …, i + offset, …]` of two axes, which give way to one new last axis
    /// (`numpy.diagonal`). A negative `offset` lies below the main diagonal; one beyond the axes gives an
    /// empty view.
    ///
    /// Errors: `Range` when there is no such axis, `InvalidArgument` when the two are the same.
    #[inline]
    pub fn diagonal(&self, offset: i64, axis1: i32, axis2: i32) -> Result<Self> {
        let first = normalize_axis("axis1", axis1, self.ndim())?;
        let second = normalize_axis("axis2", axis2, self.ndim())?;
        if first == second {
            bail!(InvalidArgument, "`axis1` and `axis2` both are axis {first}, a diagonal needs two");
        }
        let skipped = if offset < 0 { first } else { second };
        let skip = i64::try_from(offset.unsigned_abs()).unwrap_or(i64::MAX);
        let mut trimmed = self.clone();
        trimmed.shape[skipped] = (self.shape[skipped] - skip).max(0);
        if !trimmed.is_empty() {
            trimmed.offset = self.offset_at(skipped, skip);
        }
        let extent = trimmed.shape[first].min(trimmed.shape[second]);
        // Where the diagonal has two elements, both strides lie within the span, and so does their sum.
        let stride = self.strides[first].saturating_add(self.strides[second]);
        let (low, high) = (first.min(second), first.max(second));
        let last = self.ndim() - 2;
        Ok(Self {
            shape: trimmed.shape.without(high).without(low).with(last, extent),
            strides: trimmed.strides.without(high).without(low).with(last, stride),
            offset: trimmed.offset,
        })
    }

    /// All stretches of `window` elements along `axis`, `step` apart: the axis counts the windows, a new last
    /// axis counts within one (`torch.Tensor.unfold`; `numpy.lib.stride_tricks.sliding_window_view` with step
    /// 1). Windows share elements where `step < window`.
    ///
    /// Errors: `Range` when there is no such axis, when `window` is negative or longer than the axis, or when
    /// `step` is below 1; `Shape` above the greatest rank; `Overflow` when the windows have more elements
    /// than fit `i64`.
    #[inline]
    pub fn sliding_window(&self, axis: i32, window: i64, step: i64) -> Result<Self> {
        let axis = normalize_axis("axis", axis, self.ndim())?;
        let extent = self.shape[axis];
        if window < 0 || window > extent {
            bail!(Range, "`window` is {window}, axis {axis} has extent {extent}");
        }
        if step < 1 {
            bail!(Range, "`step` is {step}, windows lie at least 1 apart");
        }
        let ndim = self.ndim();
        if ndim == MAX_NDIM {
            bail!(Shape, "the tensor has rank {ndim} already, the most there is");
        }
        let Some(windows) = ((extent - window) / step).checked_add(1) else {
            bail!(Overflow, "`window` is {window}, axis {axis} has {extent} + 1 of these");
        };
        let mut shape = self.shape.with(ndim, window);
        shape[axis] = windows;
        count_elements(&shape)?;
        let stride = self.strides[axis];
        let mut strides = self.strides.with(ndim, stride);
        strides[axis] = stride.checked_mul(step).unwrap_or(stride);
        Ok(Self { shape, strides, offset: self.offset })
    }
}

/// The first index and the number of elements of Python's `range(extent)[start:stop:step]`.
#[inline]
fn resolve_slice(extent: i64, start: Option<i64>, stop: Option<i64>, step: i64) -> (i64, i64) {
    let (lowest, highest) = if step < 0 { (-1, extent - 1) } else { (0, extent) };
    let resolve = |bound: i64| {
        if bound < 0 { (bound + extent).max(lowest) } else { bound.min(highest) }
    };
    let (first, end) = if step < 0 { (highest, lowest) } else { (lowest, highest) };
    let (first, end) = (start.map_or(first, resolve), stop.map_or(end, resolve));
    // Both bounds lie in −1..=extent, so their difference fits; a step of `i64::MIN` has no negative.
    let distance = if step < 0 { first - end } else { end - first };
    let count = match step.unsigned_abs() {
        _ if distance <= 0 => 0,
        1 => distance as u64, // spares the usual slice a division
        step => (distance - 1) as u64 / step + 1,
    };
    (first, count as i64)
}
