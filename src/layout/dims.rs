//! A short list of integers, kept inline up to rank 8 so that a tensor is one allocation.

use std::ops::{Deref, DerefMut};

use super::MAX_NDIM;
use crate::error::{listed, room};

/// Ranks up to this one need no allocation of their own.
pub const INLINE_NDIM: usize = 8;

/// One integer an axis.
///
/// Not an enum of the two representations: copying one is then a few wide moves without a branch on the way,
/// and views are made of such copies.
pub struct Dims {
    inline: Inline,
    /// All the integers where they are too many for `inline`, whose fields then mean nothing.
    heap: Option<Box<[i64]>>,
}

#[derive(Clone, Copy)]
struct Inline {
    len: usize,
    /// What lies behind `len` is never read.
    items: [i64; INLINE_NDIM],
}

impl Dims {
    #[inline]
    const fn inline(items: [i64; INLINE_NDIM], len: usize) -> Self {
        Self { inline: Inline { len, items }, heap: None }
    }

    #[cold]
    #[inline(never)]
    fn heap(items: Vec<i64>) -> Self {
        Self { inline: Inline { len: 0, items: [0; INLINE_NDIM] }, heap: Some(items.into_boxed_slice()) }
    }

    /// No integers.
    pub const NONE: Self = Self::inline([0; INLINE_NDIM], 0);

    /// Makes the list `len` integers long, at most [`INLINE_NDIM`], for the caller to write.
    #[inline(always)]
    pub(super) fn begin(&mut self, len: usize) -> &mut [i64] {
        self.heap = None;
        self.inline.len = len;
        &mut self.inline.items[..len.min(INLINE_NDIM)]
    }

    /// Makes this a copy of `other`, in place.
    #[inline]
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.inline = other.inline;
        self.heap = other.heap.as_ref().map(|items| listed(items).into_boxed_slice());
    }

    /// `len` times `value`.
    #[inline]
    pub fn filled(value: i64, len: usize) -> Self {
        if len <= INLINE_NDIM {
            Self::inline([value; INLINE_NDIM], len)
        } else {
            let mut items = room(len);
            items.resize(len, value);
            Self::heap(items)
        }
    }

    /// The integers `item(0)`, …, `item(len - 1)`.
    #[inline]
    pub fn from_fn(len: usize, mut item: impl FnMut(usize) -> i64) -> Self {
        let mut dims = Self::filled(0, len);
        for (i, slot) in dims.iter_mut().enumerate() {
            *slot = item(i);
        }
        dims
    }

    /// The list without the integer at `index`, which must be below the length.
    #[inline]
    pub fn without(&self, index: usize) -> Self {
        Self::from_fn(self.len() - 1, |i| self[i + usize::from(i >= index)])
    }

    /// Takes out the integer at `index`, which must be below the length.
    #[inline]
    pub fn remove(&mut self, index: usize) {
        if self.heap.is_some() {
            *self = self.without(index);
        } else {
            self.inline.items.copy_within(index + 1.., index);
            self.inline.len -= 1;
        }
    }

    /// The list with `value` put before the integer at `index`, which is at most the length.
    #[inline]
    pub fn with(&self, index: usize, value: i64) -> Self {
        Self::from_fn(self.len() + 1, |i| match i.cmp(&index) {
            std::cmp::Ordering::Less => self[i],
            std::cmp::Ordering::Equal => value,
            std::cmp::Ordering::Greater => self[i - 1],
        })
    }
}

impl From<&[i64]> for Dims {
    #[inline]
    fn from(items: &[i64]) -> Self {
        let mut dims = Self::filled(0, items.len());
        dims.copy_from_slice(items);
        dims
    }
}

impl FromIterator<i64> for Dims {
    #[inline]
    fn from_iter<I: IntoIterator<Item = i64>>(items: I) -> Self {
        let mut inline = [0; INLINE_NDIM];
        let mut len = 0;
        let mut items = items.into_iter();
        while let Some(item) = items.next() {
            if len == INLINE_NDIM {
                let mut all = room(MAX_NDIM);
                all.extend(inline.into_iter().chain([item]).chain(items));
                return Self::heap(listed(&all));
            }
            inline[len] = item;
            len += 1;
        }
        Self::inline(inline, len)
    }
}

impl Clone for Dims {
    #[inline]
    fn clone(&self) -> Self {
        match &self.heap {
            None => Self { inline: self.inline, heap: None },
            Some(items) => Self::heap(listed(items)),
        }
    }
}

impl Deref for Dims {
    type Target = [i64];
    #[inline]
    fn deref(&self) -> &[i64] {
        match &self.heap {
            // The `min` tells the compiler what the constructors ensure, and so spares the panic.
            None => &self.inline.items[..self.inline.len.min(INLINE_NDIM)],
            Some(items) => items,
        }
    }
}

impl DerefMut for Dims {
    #[inline]
    fn deref_mut(&mut self) -> &mut [i64] {
        match &mut self.heap {
            None => &mut self.inline.items[..self.inline.len.min(INLINE_NDIM)],
            Some(items) => items,
        }
    }
}

impl std::fmt::Debug for Dims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

impl PartialEq for Dims {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Dims {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_make_a_list_gives_the_same_list_on_both_sides_of_the_inline_limit() {
        for len in [0, 1, 7, 8, 9, 64] {
            let plain: Vec<i64> = (0..len as i64).collect();
            let dims = Dims::from(&plain[..]);
            assert_eq!(&dims[..], &plain[..]);
            assert_eq!(dims, Dims::from_fn(len, |i| i as i64));
            assert_eq!(dims, plain.iter().copied().collect());
            assert_eq!(&Dims::filled(7, len)[..], vec![7; len]);
        }
    }

    #[test]
    fn what_lies_behind_an_inline_list_does_not_count() {
        assert_eq!(Dims::filled(3, 2), Dims::from(&[3, 3][..]));
    }

    #[test]
    fn what_with_puts_in_without_and_remove_take_out() {
        for len in [0, 3, 7, 8, 9] {
            let dims = Dims::from_fn(len, |i| i as i64);
            for index in 0..=len {
                let longer = dims.with(index, -1);
                assert_eq!((longer.len(), longer[index]), (len + 1, -1));
                assert_eq!(longer.without(index), dims);
                let mut shorter = longer;
                shorter.remove(index);
                assert_eq!(shorter, dims);
            }
        }
    }
}
