//! Views that split and merge axes, and views that read the same bits as elements of another width.

use std::fmt;

use super::{Dims, Layout, Order, check_reach, contiguous_strides, count_elements};
use crate::error::{Result, bail};

impl Layout {
    /// The same elements in C order under another shape, in which one extent may be −1 for "whatever is left"
    /// (`numpy.reshape`). Always possible for a C-contiguous layout.
    ///
    /// Errors: `Shape` when the element counts differ, `Layout` when no strides can say it and only a copy
    /// would do: the message then says which axes stand in the way.
    #[inline]
    pub fn reshape(&self, shape: &[i64]) -> Result<Self> {
        let shape = resolve_shape(shape, self)?;
        let strides = if self.is_contiguous(Order::C) {
            contiguous_strides(&shape, Order::C)
        } else {
            self.reshaped_strides(&shape)?
        };
        Ok(Self { shape, strides, offset: self.offset })
    }

    /// The strides under a shape of as many elements, for a layout that is not empty.
    ///
    /// Axes merge where the outer one steps exactly over the inner ones. Each such run of old axes, taken
    /// from the last, must be used up by whole new axes.
    fn reshaped_strides(&self, shape: &[i64]) -> Result<Dims> {
        let mut strides = Dims::filled(1, shape.len());
        let mut new = shape.len();
        let mut old = (0..self.ndim()).rev().filter(|&axis| self.shape[axis] != 1).peekable();
        while let Some(mut inner) = old.next() {
            let innermost = self.strides[inner];
            let mut run = self.shape[inner];
            while let Some(outer) =
                old.next_if(|&outer| run.checked_mul(innermost) == Some(self.strides[outer]))
            {
                run *= self.shape[outer];
                inner = outer;
            }
            let mut used = 1;
            while new > 0 && (used < run || shape[new - 1] == 1) {
                new -= 1;
                // Only the stride of an extent of 1, on which no element depends, can saturate.
                strides[new] = innermost.saturating_mul(used);
                used *= shape[new];
            }
            // Equal counts leave the outermost run nothing to overshoot into.
            if let Some(&outer) = old.peek().filter(|_| used != run) {
                let (extent, stride) = (self.shape[outer], self.strides[outer]);
                bail!(
                    Layout,
                    "`shape` merges axes {outer} and {inner}, but axis {outer} (extent {extent}) has stride \
                     {stride}, not {run} × {innermost}: this needs a copy"
                );
            }
        }
        Ok(strides)
    }

    /// The layout of the same bits read as elements of `new_bits` instead of `old_bits` bits, by NumPy's rule
    /// for `ndarray.view(dtype)`: unless the widths agree, the last axis must be contiguous and takes up the
    /// difference; a narrower element must divide the one it replaces.
    ///
    /// Errors: `Dtype` when one width is 0 or the new one is narrower and does not divide the old, `Layout`
    /// when there is no last axis, when it is not contiguous, or when it, another stride or the offset is not
    /// a whole number of new elements; `Overflow` when an extent, a stride or an offset does not fit `i64`.
    #[inline]
    pub fn reinterpret(&self, old_bits: u64, new_bits: u64) -> Result<Self> {
        if old_bits == new_bits { Ok(self.clone()) } else { self.rescale(old_bits, new_bits) }
    }

    fn rescale(&self, old_bits: u64, new_bits: u64) -> Result<Self> {
        if old_bits == 0 || new_bits == 0 || (new_bits < old_bits && !old_bits.is_multiple_of(new_bits)) {
            bail!(
                Dtype,
                "`dtype` has {new_bits} bits an element, which do not divide the tensor's {old_bits}"
            );
        }
        let Some(last) = self.ndim().checked_sub(1) else {
            bail!(
                Layout,
                "`dtype` has {new_bits} bits an element, a tensor without axes keeps its {old_bits}"
            );
        };
        let matters = |axis: usize| self.shape[axis] != 1 && !self.is_empty();
        if matters(last) && self.strides[last] != 1 {
            let stride = self.strides[last];
            bail!(Layout, "`dtype` changes the element size, but the last axis has stride {stride}, not 1");
        }
        let scale = |what: fmt::Arguments<'_>, count: i64, exact: bool| {
            let bits = i128::from(count) * i128::from(old_bits);
            let (scaled, rest) = (bits / i128::from(new_bits), bits % i128::from(new_bits));
            if exact && rest != 0 {
                bail!(
                    Layout,
                    "{what} is {count} × {old_bits} bits, no multiple of the {new_bits} bits of `dtype`"
                );
            }
            i64::try_from(scaled)
                .or_else(|_| bail!(Overflow, "{what} does not fit 64 bits in elements of {new_bits} bits"))
        };
        let mut view = self.clone();
        view.shape[last] = scale(format_args!("the last axis"), self.shape[last], true)?;
        view.strides[last] = 1;
        // Where nothing is reached, rounding towards the start keeps the offset in the storage.
        view.offset = scale(format_args!("the offset"), self.offset, !self.is_empty())?;
        for axis in (0..last).filter(|&axis| matters(axis)) {
            view.strides[axis] = scale(format_args!("the stride of axis {axis}"), self.strides[axis], true)?;
        }
        if count_elements(&view.shape)? != 0 {
            check_reach(&view.shape, &view.strides, view.offset)?;
        }
        Ok(view.normalized())
    }
}

/// `shape` with its −1 replaced, once it is sure to have as many elements as `layout`.
#[inline]
fn resolve_shape(shape: &[i64], layout: &Layout) -> Result<Dims> {
    let count = layout.element_count();
    let mut resolved = Dims::from(shape);
    if let Some(open) = shape.iter().position(|&extent| extent == -1) {
        if shape[open + 1..].contains(&-1) {
            bail!(Shape, "`shape` has -1 more than once, only one extent can follow from the rest");
        }
        resolved[open] = 1;
        let others = count_elements(&resolved)?;
        if others == 0 || count % others != 0 {
            bail!(Shape, "`shape` {shape:?} leaves no extent for -1, the tensor has {count} elements");
        }
        resolved[open] = count / others;
    }
    let wanted = count_elements(&resolved)?;
    if wanted != count {
        bail!(Shape, "`shape` {shape:?} has {wanted} elements, the tensor has {count}");
    }
    Ok(resolved)
}
