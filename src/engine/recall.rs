//! Small copies, remembered: whoever copies a few elements mostly does so again and again, and to plan takes longer than
//! to copy them. Each thread keeps the last few plans.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;

use super::host::run::Job;
use super::loops::INLINE;
use super::pass::{Form, Pass};
use super::plan::Plan;
use super::{Transform, passes};
use crate::dtype::{Casting, DType, Overflow};
use crate::layout::Layout;

/// Plans that a thread keeps.
const SLOTS: usize = 8;

/// The most axes of what is remembered: their loops, and one of the parts of complex numbers, are kept inline.
const AXES: usize = INLINE - 1;

/// The most elements.
const ELEMENTS: i64 = 1 << 15;

/// What decides how one tensor is copied into another, but for where they lie.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// Elements that are read.
    pub source: Form<'a>,
    /// Elements that are written.
    pub target: Form<'a>,
    /// Which casts are allowed, and what becomes of what does not fit.
    pub rules: (Casting, Overflow),
}

impl Question<'_> {
    /// Where the answer is kept, and the rest of a hash.
    #[inline]
    fn slot(&self) -> (usize, u32) {
        let [a, b] =
            [self.source.0, self.target.0].map(|dtype| u64::from(dtype.code) << 8 | u64::from(dtype.bits));
        let axes = self.source.1.strides().iter().zip(self.target.1.strides()).zip(self.target.1.shape());
        let mixed = axes.fold(a ^ b << 16, |mixed, ((x, y), extent)| {
            mixed.rotate_left(9) ^ x.cast_unsigned() ^ y.cast_unsigned() << 3 ^ extent.cast_unsigned() << 6
        });
        let hash = mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((hash >> 61) as usize % SLOTS, (hash >> 24) as u32)
    }

    /// Whether the answer is worth remembering: so few elements that planning takes longer than copying, each of whole
    /// bytes of its own.
    fn is_small(&self) -> bool {
        let is_plain = |dtype: DType| dtype.kind == 0 && dtype.lanes == 1 && !dtype.is_packed();
        let shape = self.target.1.shape();
        let count = shape.iter().fold(1i64, |count, extent| count.saturating_mul(*extent));
        let few = self.source.1.ndim().max(shape.len()) <= AXES && (1..=ELEMENTS).contains(&count);
        few && is_plain(self.source.0) && is_plain(self.target.0)
    }
}

/// A question without its layouts.
struct Asked {
    types: [DType; 2],
    rules: (Casting, Overflow),
    axes: [Axes; 2],
}

/// Extents and strides.
struct Axes(usize, [[i64; 2]; AXES]);

impl Axes {
    fn of(layout: &Layout) -> Self {
        let mut axes = [[0; 2]; AXES];
        let pairs = layout.shape().iter().zip(layout.strides());
        axes.iter_mut().zip(pairs).for_each(|(axis, (extent, stride))| *axis = [*extent, *stride]);
        Self(layout.ndim(), axes)
    }

    #[inline]
    fn are(&self, layout: &Layout) -> bool {
        let n = self.0.min(AXES);
        if layout.ndim() != n {
            return false;
        }
        let (shape, strides) = (&layout.shape()[..n], &layout.strides()[..n]);
        (0..n).fold(0, |differ, i| differ | (self.1[i][0] ^ shape[i]) | (self.1[i][1] ^ strides[i])) == 0
    }
}

impl Asked {
    fn new(question: &Question) -> Self {
        let Question { source, target, rules } = *question;
        Self { types: [source.0, target.0], rules, axes: [Axes::of(source.1), Axes::of(target.1)] }
    }

    #[inline]
    fn is(&self, question: &Question) -> bool {
        let Question { source, target, rules } = *question;
        let [from, to] = &self.axes;
        from.are(source.1) && to.are(target.1) && self.types == [source.0, target.0] && self.rules == rules
    }
}

/// A plan from both first elements, and what is done with it.
struct Answer {
    asked: Asked,
    plan: Plan,
    job: Job<'static>,
}

thread_local! {
    // What was asked last, by its hash.
    static SEEN: [Cell<u32>; SLOTS] = const { [const { Cell::new(0) }; SLOTS] };
    // Nothing in it needs a destructor: plans of so few axes have no memory of their own.
    static ANSWERS: RefCell<[Option<ManuallyDrop<Answer>>; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
}

/// Copies as it was done when the same was asked before; false when it was not, or is no longer known.
///
/// # Safety
/// `source` and `target` are the starts of the storages of the two, whose elements are readable and writable. The two
/// storages do not meet.
#[inline]
pub unsafe fn copy(question: &Question, source: *const u8, target: *mut u8) -> bool {
    ANSWERS.with_borrow(|answers| match &answers[question.slot().0] {
        Some(answer) if answer.asked.is(question) => {
            let at = |(dtype, layout): Form| layout.offset() as isize * isize::from(dtype.bits.div_ceil(8));
            let (from, to) =
                (source.wrapping_offset(at(question.source)), target.wrapping_offset(at(question.target)));
            // SAFETY: the plan visits the elements of the layouts in question, counted from the first ones; the caller
            // promises what memory may be used for.
            unsafe { answer.job.run(&answer.plan, from, to) };
            true
        }
        _ => false,
    })
}

/// Remembers how to do what has been done, when the same is asked a second time: what comes once only is not worth a
/// second plan. Does nothing where it takes more than one pass.
#[cold]
pub fn remember(question: &Question) {
    let (slot, hash) = question.slot();
    if !question.is_small() || SEEN.with(|seen| seen[slot].replace(hash) != hash) {
        return;
    }
    let Question { source, target, rules } = *question;
    let transform = Transform { overflow: rules.1, ..Transform::default() };
    let Ok(layout) = source.1.broadcast_to(target.1.shape()) else { return };
    let source = (source.0, &layout);
    let mut found = None;
    let mut count = 0;
    let planned = passes(source, target, &transform, &mut |pass: &Pass| {
        count += 1;
        found = pass.job().kept().map(|job| (pass.plan.clone(), job));
        Ok(())
    });
    if let (Ok(()), 1, Some((mut plan, job))) = (planned, count, found) {
        plan.source -= source.1.offset() * source.0.element_bits() as i64;
        plan.target -= target.1.offset() * target.0.element_bits() as i64;
        let answer = ManuallyDrop::new(Answer { asked: Asked::new(question), plan, job });
        ANSWERS.with_borrow_mut(|answers| answers[slot] = Some(answer));
    }
}
