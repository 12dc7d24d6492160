//! Contiguity: which layouts are gap-free, and in which order.

use super::{Dims, Layout};

/// Memory order of a contiguous layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The last axis is adjacent in memory (row-major).
    C,
    /// The first axis is adjacent in memory (column-major).
    F,
}

/// Sorts axes, or what there is one of for each, by `key`; equal ones stay in their order. There are few: the standard
/// library's way, made for many, would be kilobytes for every type.
pub fn sort_by_key<T, K: Ord>(axes: &mut [T], key: impl Fn(&T) -> K) {
    for i in 1..axes.len() {
        let mut at = i;
        while at > 0 && key(&axes[at]) < key(&axes[at - 1]) {
            axes.swap(at, at - 1);
            at -= 1;
        }
    }
}

/// The strides of a gap-free tensor in `order`, in elements, where an extent of 0 counts as 1 as in NumPy.
/// The product of the extents that are not 0 must fit `i64`.
#[inline]
pub fn contiguous_strides(shape: &[i64], order: Order) -> Dims {
    let mut strides = Dims::filled(1, shape.len());
    let mut next = 1;
    let mut put = |(stride, &extent): (&mut i64, &i64)| {
        *stride = next;
        next *= extent.max(1);
    };
    match order {
        Order::C => strides.iter_mut().zip(shape).rev().for_each(&mut put),
        Order::F => strides.iter_mut().zip(shape).for_each(&mut put),
    }
    strides
}

impl Layout {
    /// Whether the elements lie in `order` without gaps. Axes of extent 1 do not count, and an empty layout
    /// is contiguous in both orders.
    #[inline]
    pub fn is_contiguous(&self, order: Order) -> bool {
        let mut next = 1;
        let mut contiguous = true;
        let mut check = |(&extent, &stride): (&i64, &i64)| {
            contiguous &= extent == 1 || stride == next;
            next *= extent.max(1);
        };
        let axes = self.shape.iter().zip(self.strides.iter());
        match order {
            Order::C => axes.rev().for_each(&mut check),
            Order::F => axes.for_each(&mut check),
        }
        contiguous || self.is_empty()
    }

    /// Whether the elements fill one block of memory, each place once, in any order of the axes and in either
    /// direction along each. An empty layout is dense.
    pub fn is_dense(&self) -> bool {
        self.first_gap().is_none()
    }

    /// The axis, from the innermost outwards, whose stride leaves a gap or steps onto elements again; none in a layout
    /// that [is dense](Layout::is_dense).
    pub fn first_gap(&self) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        // Take the axes from the innermost outwards: each must step over exactly the block within.
        let mut block = 1;
        let mut left: Vec<usize> = (0..self.ndim()).filter(|&axis| self.shape[axis] > 1).collect();
        sort_by_key(&mut left, |&axis| self.strides[axis].unsigned_abs());
        for axis in left {
            if self.strides[axis].unsigned_abs() != block {
                return Some(axis);
            }
            block *= self.shape[axis] as u64;
        }
        None
    }

    /// The strides as NumPy and PyTorch show them to picky consumers: an axis of extent 1, and every axis of
    /// an empty layout, gets the stride of C order. No element moves.
    #[inline]
    pub fn normalized_strides(&self) -> Dims {
        let mut strides = contiguous_strides(&self.shape, Order::C);
        if !self.is_empty() {
            for (axis, stride) in strides.iter_mut().enumerate() {
                if self.shape[axis] != 1 {
                    *stride = self.strides[axis];
                }
            }
        }
        strides
    }

    /// The layout of a new tensor of the same shape whose axes follow each other in memory as they do here, from
    /// the greatest stride to the smallest whatever their signs, without gaps (NumPy's order `K`).
    pub fn dense_like(&self) -> Self {
        let mut axes: Vec<usize> = (0..self.ndim()).collect();
        sort_by_key(&mut axes, |&axis| std::cmp::Reverse(self.strides[axis].unsigned_abs()));
        let mut strides = Dims::filled(1, self.ndim());
        let mut next = 1;
        for &axis in axes.iter().rev() {
            strides[axis] = next;
            next *= self.shape[axis].max(1);
        }
        Self { shape: self.shape.clone(), strides, offset: 0 }
    }

    /// The same layout with [`Layout::normalized_strides`].
    #[inline]
    pub fn normalized(&self) -> Self {
        Self { shape: self.shape.clone(), strides: self.normalized_strides(), offset: self.offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contiguous_strides_are_those_of_numpy() {
        assert_eq!(contiguous_strides(&[2, 3, 4], Order::C)[..], [12, 4, 1]);
        assert_eq!(contiguous_strides(&[2, 3, 4], Order::F)[..], [1, 2, 6]);
        assert_eq!(contiguous_strides(&[2, 0, 4], Order::C)[..], [4, 4, 1]);
        assert_eq!(contiguous_strides(&[2, 0, 4], Order::F)[..], [1, 2, 2]);
        assert_eq!(contiguous_strides(&[], Order::C)[..], []);
    }

    #[test]
    fn axes_of_extent_one_and_empty_layouts_do_not_spoil_contiguity() {
        let contiguous = |shape, strides, order| Layout::new(shape, strides, 0).unwrap().is_contiguous(order);
        assert!(contiguous(&[2, 1, 3], &[3, 99, 1], Order::C));
        assert!(contiguous(&[2, 1, 3], &[1, -7, 2], Order::F));
        assert!(contiguous(&[5, 0], &[-3, 17], Order::C) && contiguous(&[5, 0], &[-3, 17], Order::F));
        assert!(contiguous(&[], &[], Order::C) && contiguous(&[1, 1], &[8, 9], Order::F));
        assert!(!contiguous(&[2, 3], &[1, 2], Order::C) && !contiguous(&[2, 3], &[3, 1], Order::F));
        assert!(!contiguous(&[3], &[-1], Order::C) && !contiguous(&[3], &[2], Order::C));
        assert!(!contiguous(&[3], &[0], Order::C));
    }

    #[test]
    fn a_dense_copy_keeps_the_order_of_the_axes() {
        let dense = |shape, strides| Layout::new(shape, strides, 0).unwrap().dense_like();
        assert_eq!(dense(&[2, 3, 4], &[1, 2, 6]).strides(), [1, 2, 6]);
        assert_eq!(dense(&[2, 3, 4], &[100, -1, 10]).strides(), [12, 1, 3]);
        assert_eq!(dense(&[2, 3], &[0, 0]).strides(), [3, 1]);
        assert_eq!(dense(&[2, 0], &[5, 5]).strides(), [1, 1]);
        assert!(dense(&[], &[]).strides().is_empty());
    }

    #[test]
    fn size_one_axes_get_the_strides_of_c_order_and_no_element_moves() {
        let layout = Layout::new(&[1, 2, 1, 3, 1], &[77, 1, -5, 2, 0], 4).unwrap();
        let normal = layout.normalized();
        assert_eq!(normal.strides(), [6, 1, 3, 2, 1]);
        assert_eq!((normal.shape(), normal.offset()), (layout.shape(), 4));
        assert_eq!(normal.span(), layout.span());
        assert_eq!(Layout::new(&[2, 0, 3], &[i64::MIN, 5, 5], 9).unwrap().normalized().strides(), [3, 3, 1]);
    }
}
