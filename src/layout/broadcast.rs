//! NumPy's broadcasting: shapes align at their last axis, and an extent of 1 stretches to any other.

use super::{Dims, Layout, MAX_NDIM, count_elements};
use crate::error::{Result, bail};

impl Layout {
    /// Stretched to `shape` (`numpy.broadcast_to`): new axes in front and stretched axes have stride 0, so
    /// that elements are seen more than once.
    ///
    /// Errors: `Shape` when the shapes do not fit, `Overflow` when the view's element count does not fit
    /// `i64`.
    #[inline]
    pub fn broadcast_to(&self, shape: &[i64]) -> Result<Self> {
        count_elements(shape)?;
        let Some(added) = shape.len().checked_sub(self.ndim()) else {
            bail!(Shape, "`shape` has {} axes, the tensor has rank {}", shape.len(), self.ndim());
        };
        let mut strides = Dims::filled(0, shape.len());
        for (axis, stride) in strides[added..].iter_mut().enumerate() {
            let (extent, wanted) = (self.shape[axis], shape[added + axis]);
            if extent == wanted {
                *stride = self.strides[axis];
            } else if extent != 1 {
                let aligned = added + axis;
                bail!(Shape, "`shape` has extent {wanted} on axis {aligned}, the tensor has {extent} there");
            }
        }
        Ok(Self { shape: shape.into(), strides, offset: self.offset })
    }
}

/// The shape to which all of `shapes` broadcast (`numpy.broadcast_shapes`); of none, the shape without axes.
///
/// Errors: `Shape` when two do not fit each other, when one has a negative extent or more than [`MAX_NDIM`]
/// axes; `Overflow` when the common element count does not fit `i64`.
pub fn broadcast_shapes(shapes: &[&[i64]]) -> Result<Dims> {
    let ndim = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    if ndim > MAX_NDIM {
        bail!(Shape, "`shapes` holds one of {ndim} axes, a tensor has at most {MAX_NDIM}");
    }
    let mut common = Dims::filled(1, ndim);
    for (which, shape) in shapes.iter().enumerate() {
        if let Some(axis) = shape.iter().position(|&extent| extent < 0) {
            bail!(
                Shape,
                "`shapes[{which}]` has extent {} on axis {axis}, an extent is at least 0",
                shape[axis]
            );
        }
        let added = ndim - shape.len();
        for (axis, (wanted, &extent)) in common[added..].iter_mut().zip(*shape).enumerate() {
            if *wanted == 1 {
                *wanted = extent;
            } else if extent != 1 && extent != *wanted {
                let aligned = added + axis;
                bail!(Shape, "`shapes[{which}]` has extent {extent} on axis {aligned}, another has {wanted}");
            }
        }
    }
    count_elements(&common)?;
    Ok(common)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn shapes_align_at_their_last_axis_and_ones_stretch() {
        let of = |shapes: &[&[i64]]| broadcast_shapes(shapes).map(|dims| dims.to_vec());
        assert_eq!(of(&[]), Ok(vec![]));
        assert_eq!(of(&[&[8, 1, 6, 1], &[7, 1, 5]]), Ok(vec![8, 7, 6, 5]));
        assert_eq!(of(&[&[], &[3], &[2, 1]]), Ok(vec![2, 3]));
        assert_eq!(of(&[&[1], &[0]]), Ok(vec![0]));
        let error = of(&[&[2, 3], &[4]]).unwrap_err();
        assert_eq!(error.message(), "`shapes[1]` has extent 4 on axis 1, another has 3");
        assert_eq!(of(&[&[0], &[2]]).unwrap_err().kind(), Kind::Shape);
        assert_eq!(of(&[&[-1], &[1]]).unwrap_err().kind(), Kind::Shape);
        assert_eq!(of(&[&[1; 65]]).unwrap_err().kind(), Kind::Shape);
        assert_eq!(of(&[&[1 << 32, 1], &[1 << 32]]).unwrap_err().kind(), Kind::Overflow);
    }

    #[test]
    fn a_shape_that_does_not_fit_is_refused_with_both_extents() {
        let layout = Layout::new(&[3, 1], &[1, 5], 2).unwrap();
        let error = layout.broadcast_to(&[2, 4, 7]).unwrap_err();
        assert_eq!(error.message(), "`shape` has extent 4 on axis 1, the tensor has 3 there");
        assert_eq!(layout.broadcast_to(&[3]).unwrap_err().kind(), Kind::Shape);
        assert_eq!(layout.broadcast_to(&[3, -1]).unwrap_err().kind(), Kind::Shape);
        assert_eq!(layout.broadcast_to(&[1 << 62, 3, 1]).unwrap_err().kind(), Kind::Overflow);
        assert_eq!(layout.broadcast_to(&[4, 3, 0]).unwrap().strides(), [0, 1, 0]);
    }
}
