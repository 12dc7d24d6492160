//! The layout algebra against naive enumeration: every element of a view is looked up one by one.

mod hostile;
mod overlaps;
mod reshapes;
mod views;

use super::{Layout, MAX_NDIM, Order};

/// Marsaglia's xorshift: the same numbers on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// An integer in `low..=high`.
    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    /// True once in `n` times.
    fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.next() as usize % choices.len()]
    }

    fn many(&mut self, len: usize, low: i64, high: i64) -> Vec<i64> {
        (0..len).map(|_| self.between(low, high)).collect()
    }

    /// The axes `0..ndim` in some order, some of them counted from the end.
    fn axes(&mut self, ndim: usize) -> Vec<i32> {
        let mut axes: Vec<i32> = (0..ndim as i32).collect();
        for i in (1..ndim).rev() {
            axes.swap(i, self.next() as usize % (i + 1));
        }
        axes.iter().map(|&axis| if self.one_in(2) { axis } else { axis - ndim as i32 }).collect()
    }

    /// A layout of rank 0 to 5: half with arbitrary small strides (negative, zero, odd), half cut and turned
    /// from a contiguous one, as real tensors are.
    fn layout(&mut self) -> Layout {
        let ndim = self.between(0, 5) as usize;
        let least = if self.one_in(8) { 0 } else { 1 };
        let shape = self.many(ndim, least, 4);
        if self.one_in(2) {
            let strides = self.many(ndim, -9, 9);
            return Layout::new(&shape, &strides, self.between(-50, 50)).unwrap();
        }
        let order = self.one_of(&[Order::C, Order::F]);
        let mut layout = Layout::contiguous(&shape, order).unwrap();
        if self.one_in(2) {
            layout = layout.permute(&self.axes(ndim)).unwrap();
        }
        if ndim > 0 && self.one_in(2) {
            let (axis, step) = (self.between(0, ndim as i64 - 1) as i32, self.one_of(&[1, 2, -1, -2]));
            layout = layout.slice(axis, None, None, step).unwrap();
        }
        layout
    }
}

/// Calls `visit` with every index of `shape`, in C order.
fn for_each_index(shape: &[i64], mut visit: impl FnMut(&[i64])) {
    let count: i64 = shape.iter().product();
    for number in 0..count {
        let (mut index, mut rest) = (vec![0; shape.len()], number);
        for axis in (0..shape.len()).rev() {
            index[axis] = rest % shape[axis];
            rest /= shape[axis];
        }
        visit(&index);
    }
}

fn offset_of(layout: &Layout, index: &[i64]) -> i64 {
    layout.offset() + index.iter().zip(layout.strides()).map(|(i, stride)| i * stride).sum::<i64>()
}

/// The offsets of all elements in C order.
fn offsets(layout: &Layout) -> Vec<i64> {
    let mut all = Vec::new();
    for_each_index(layout.shape(), |index| all.push(offset_of(layout, index)));
    all
}

/// Asserts that `view` has `shape`, and at each index the element of `source` at `map(index)`.
#[track_caller]
fn assert_view(view: &Layout, shape: &[i64], source: &Layout, map: impl Fn(&[i64]) -> Vec<i64>) {
    assert_eq!(view.shape(), shape, "view of {source:?}");
    assert!(is_sound(view.shape(), view.strides(), view.offset()), "{view:?} of {source:?}");
    if view.is_empty() {
        assert_eq!(view.offset(), source.offset(), "an empty view keeps its offset");
    }
    for_each_index(shape, |index| {
        let original = map(index);
        assert!(original.iter().zip(source.shape()).all(|(i, extent)| (0..*extent).contains(i)));
        assert_eq!(
            offset_of(view, index),
            offset_of(source, &original),
            "{index:?} of {view:?} of {source:?}"
        );
    });
}

/// The invariants of [`Layout`], restated in wider integers.
fn is_sound(shape: &[i64], strides: &[i64], offset: i64) -> bool {
    let fits = |value: i128| i64::try_from(value).is_ok();
    if shape.len() != strides.len() || shape.len() > MAX_NDIM || shape.iter().any(|&extent| extent < 0) {
        return false;
    }
    let mut nonzero = 1i128;
    for &extent in shape.iter().filter(|&&extent| extent > 0) {
        nonzero *= i128::from(extent);
        if !fits(nonzero) {
            return false;
        }
    }
    if shape.contains(&0) {
        return true;
    }
    let (mut low, mut high) = (0i128, 0i128);
    for (&extent, &stride) in shape.iter().zip(strides) {
        let reach = i128::from(extent - 1) * i128::from(stride);
        low += reach.min(0);
        high += reach.max(0);
    }
    fits(low + i128::from(offset)) && fits(high + i128::from(offset)) && fits(high - low)
}
