//! A short list of integers, kept inline up to rank 8 so that a tensor is one allocation.

use std::ops::{Deref, DerefMut};

/// Ranks up to this one need no allocation of their own.
pub const INLINE_NDIM: usize = 8;

/// One integer an axis.
#[derive(Clone)]
pub struct Dims(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, items: [i64; INLINE_NDIM] },
    Heap(Box<[i64]>),
}

impl Dims {
    /// `len` times `value`.
    pub fn filled(value: i64, len: usize) -> Self {
        if len <= INLINE_NDIM {
            Self(Repr::Inline { len: len as u8, items: [value; INLINE_NDIM] })
        } else {
            Self(Repr::Heap(vec![value; len].into()))
        }
    }

    /// The integers of `items`.
    pub fn from_fn(len: usize, mut item: impl FnMut(usize) -> i64) -> Self {
        let mut dims = Self::filled(0, len);
        for (i, slot) in dims.iter_mut().enumerate() {
            *slot = item(i);
        }
        dims
    }
}

impl From<&[i64]> for Dims {
    fn from(items: &[i64]) -> Self {
        Self::from_fn(items.len(), |i| items[i])
    }
}

impl FromIterator<i64> for Dims {
    fn from_iter<I: IntoIterator<Item = i64>>(items: I) -> Self {
        let mut inline = [0; INLINE_NDIM];
        let mut len = 0;
        let mut items = items.into_iter();
        while let Some(item) = items.next() {
            if len == INLINE_NDIM {
                let mut all = inline.to_vec();
                all.push(item);
                all.extend(items);
                return Self(Repr::Heap(all.into()));
            }
            inline[len] = item;
            len += 1;
        }
        Self(Repr::Inline { len: len as u8, items: inline })
    }
}

impl Deref for Dims {
    type Target = [i64];
    #[inline]
    fn deref(&self) -> &[i64] {
        match &self.0 {
            Repr::Inline { len, items } => &items[..usize::from(*len).min(INLINE_NDIM)],
            Repr::Heap(items) => items,
        }
    }
}

impl DerefMut for Dims {
    #[inline]
    fn deref_mut(&mut self) -> &mut [i64] {
        match &mut self.0 {
            Repr::Inline { len, items } => &mut items[..usize::from(*len).min(INLINE_NDIM)],
            Repr::Heap(items) => items,
        }
    }
}

impl std::fmt::Debug for Dims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

impl PartialEq for Dims {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Dims {}
