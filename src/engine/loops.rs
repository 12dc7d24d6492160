//! A short list of loops, inline where there are few, so that small copies allocate nothing.
#![forbid(unsafe_code)]

use std::ops::{Deref, DerefMut};

use super::plan::Loop;
use crate::error::{Result, bail};

/// So many loops need no allocation.
pub(super) const INLINE: usize = 7;

/// Loops, innermost first.
#[derive(Clone, Debug)]
pub struct Loops {
    len: usize,
    inline: [Loop; INLINE],
    /// All the loops where they are too many for `inline`.
    heap: Vec<Loop>,
}

impl Loops {
    /// No loops.
    pub const NONE: Self = Self { len: 0, inline: [Loop::ONCE; INLINE], heap: Vec::new() };

    /// Puts a loop behind those that come before it: loops with a smaller target stride, and with a smaller source
    /// stride when the targets' are equal.
    ///
    /// Fails with `OutOfMemory`.
    pub fn insert(&mut self, new: Loop) -> Result<()> {
        self.make_room()?;
        let mut at = self.len;
        self.len += 1;
        let items = &mut **self;
        while at > 0 && items[at - 1].key() > new.key() {
            items[at] = items[at - 1];
            at -= 1;
        }
        items[at] = new;
        Ok(())
    }

    /// Joins neighbours: `join` takes a loop and the next one outside it, and tells whether it took that one in.
    pub fn join(&mut self, mut join: impl FnMut(&mut Loop, &Loop) -> bool) {
        let items = &mut **self;
        let mut last = 0;
        for next in 1..items.len() {
            let outer = items[next];
            if !join(&mut items[last], &outer) {
                last += 1;
                items[last] = outer;
            }
        }
        self.truncate(last + 1);
    }

    /// Leaves the first `len` loops.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.heap.truncate(self.len);
    }

    /// Makes the list one loop longer than `len` says.
    fn make_room(&mut self) -> Result<()> {
        if self.len < INLINE {
            return Ok(());
        }
        let missing = if self.heap.is_empty() { INLINE + 1 } else { 1 };
        if self.heap.try_reserve(missing).is_err() {
            bail!(OutOfMemory, "no memory for a plan of {} loops", self.len + 1);
        }
        if self.heap.is_empty() {
            self.heap.extend(self.inline);
        }
        self.heap.push(Loop::ONCE);
        Ok(())
    }
}

impl Deref for Loops {
    type Target = [Loop];
    #[inline]
    fn deref(&self) -> &[Loop] {
        if self.heap.is_empty() { &self.inline[..self.len.min(INLINE)] } else { &self.heap }
    }
}

impl DerefMut for Loops {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Loop] {
        if self.heap.is_empty() { &mut self.inline[..self.len.min(INLINE)] } else { &mut self.heap }
    }
}

impl PartialEq for Loops {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Loops {}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(target: i64, source: i64) -> Loop {
        Loop { extent: 2, source, target, step: 0 }
    }

    #[test]
    fn loops_are_kept_in_order_inline_and_beyond() {
        let mut loops = Loops::NONE;
        for i in 0..40 {
            loops.insert(of((i * 7) % 40, i)).unwrap();
            assert_eq!(loops.len(), i as usize + 1);
            assert!(loops.is_sorted_by_key(|l| l.target));
        }
        loops.insert(of(5, -1)).unwrap();
        loops.insert(of(5, 1000)).unwrap();
        let fives: Vec<i64> = loops.iter().filter(|l| l.target == 5).map(|l| l.source).collect();
        assert_eq!(fives, [-1, 35, 1000]);
    }

    #[test]
    fn joined_loops_leave_no_trace_inline_and_beyond() {
        for count in [0, 1, 2, 5, 6, 7, 20] {
            let mut loops = Loops::NONE;
            (0..count).for_each(|i| loops.insert(of(i, i)).unwrap());
            loops.join(|inner, outer| {
                let joins = outer.target % 2 == 1;
                inner.extent += if joins { outer.extent } else { 0 };
                joins
            });
            let expected: Vec<(i64, i64)> =
                (0..count).step_by(2).map(|i| (i, if i + 1 < count { 4 } else { 2 })).collect();
            assert_eq!(loops.iter().map(|l| (l.target, l.extent)).collect::<Vec<_>>(), expected);
        }
    }
}
