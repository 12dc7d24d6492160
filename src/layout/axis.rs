//! Axis numbers as callers write them: negative ones count from the end.

use super::MAX_NDIM;
use crate::error::{Result, bail};

/// The axis that `axis` means in a tensor of rank `ndim`; −1 is the last. `name` is the argument's name for
/// the message.
///
/// Errors: `Range` when there is no such axis.
#[inline]
pub fn normalize_axis(name: &'static str, axis: i32, ndim: usize) -> Result<usize> {
    let rank = ndim as i64;
    let index = i64::from(axis) + if axis < 0 { rank } else { 0 };
    if index < 0 || index >= rank {
        bail!(Range, "`{name}` is {axis}, the tensor has rank {ndim}");
    }
    Ok(index as usize)
}

/// A set of axes, one bit each.
#[derive(Clone, Copy)]
pub(super) struct AxisSet(u64);

const _: () = assert!(MAX_NDIM <= u64::BITS as usize);

impl AxisSet {
    /// No axis.
    #[inline]
    pub fn new() -> Self {
        Self(0)
    }

    /// The axes that `axes` means.
    ///
    /// Errors: `Range` when there is no such axis, `InvalidArgument` when one is named twice.
    #[inline]
    pub fn from_axes(axes: &[i32], ndim: usize) -> Result<Self> {
        let mut set = Self::new();
        for &axis in axes {
            set.insert(axis, ndim)?;
        }
        Ok(set)
    }

    /// Adds the axis that `axis` means, and returns its number. Errors as [`AxisSet::from_axes`].
    #[inline]
    pub fn insert(&mut self, axis: i32, ndim: usize) -> Result<usize> {
        let index = normalize_axis("axes", axis, ndim)?;
        if self.contains(index) {
            bail!(InvalidArgument, "`axes` names axis {index} twice");
        }
        self.0 |= 1 << index;
        Ok(index)
    }

    /// Whether `axis` is in the set.
    #[inline]
    pub fn contains(self, axis: usize) -> bool {
        self.0 >> axis & 1 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn negative_axes_count_from_the_end() {
        assert_eq!(normalize_axis("axis", 1, 3), Ok(1));
        assert_eq!(normalize_axis("axis", -1, 3), Ok(2));
        assert_eq!(normalize_axis("axis", -3, 3), Ok(0));
    }

    #[test]
    fn an_axis_beyond_the_rank_is_refused_by_name() {
        for axis in [3, -4, i32::MIN, i32::MAX] {
            assert_eq!(normalize_axis("axis", axis, 3).unwrap_err().kind(), Kind::Range);
        }
        let error = normalize_axis("axis2", 3, 2).unwrap_err();
        assert_eq!(error.message(), "`axis2` is 3, the tensor has rank 2");
        assert!(normalize_axis("axis", 0, 0).is_err());
    }

    #[test]
    fn an_axis_named_twice_is_refused_in_either_spelling() {
        let error = AxisSet::from_axes(&[1, -2], 3).err().unwrap();
        assert_eq!(error.message(), "`axes` names axis 1 twice");
        assert!(AxisSet::from_axes(&[63, -64], 64).is_ok());
    }
}
