//! Jobs, remembered: whoever copies a few elements mostly does so again and again, and to find out how takes longer than to
//! do it. Each thread keeps what it did last.

use std::cell::UnsafeCell;
use std::mem::{ManuallyDrop, MaybeUninit, needs_drop};

use super::Ends;
use super::host::ready::{Ready, Shuffle};
use super::host::run::Job;
use super::loops::INLINE;
use super::pass::{Form, Part, Pass};
use super::plan::Plan;
use super::spread::threads_of;
use crate::dtype::{Casting, DType, Overflow};
use crate::layout::Order;

/// The most axes of what is remembered: their loops, and one of the parts of complex numbers, are kept inline.
const AXES: usize = INLINE - 1;

/// The most elements of what one call does.
const ELEMENTS: i64 = 1 << 15;

/// The most bytes of either side of anything else: of more nobody notices how long planning takes, and the way would depend on
/// how many threads share it.
const BYTES: i64 = 8 << 20;

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

impl<'a> Question<'a> {
    /// Spread over 64 bits; the upper ones depend on all that layouts mostly differ in.
    #[inline(always)]
    fn hash(&self, [(_, one), (shape, other)]: [Loops<'a>; 2]) -> u64 {
        let [a, b] = [self.source.0, self.target.0].map(|dtype| dtype.words()[0]);
        let mut mixed = a.rotate_left(32) ^ b;
        // Not a fold, which would be called.
        for ((x, y), extent) in one.iter().zip(other).zip(shape) {
            mixed = mixed.rotate_left(9)
                ^ x.cast_unsigned()
                ^ y.cast_unsigned() << 3
                ^ extent.cast_unsigned() << 6;
        }
        mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    /// The loops of both layouts, looked up once: where they are depends on how many there are.
    #[inline(always)]
    fn loops(&self) -> [Loops<'a>; 2] {
        [self.source.1, self.target.1].map(|layout| (layout.shape(), layout.strides()))
    }

    /// How many elements there are, if each has whole bytes of its own, and there are few axes.
    fn elements(&self) -> Option<i64> {
        let is_plain = |dtype: DType| dtype.kind == 0 && dtype.lanes == 1 && !dtype.is_packed();
        let shape = self.target.1.shape();
        let few = self.source.1.ndim().max(shape.len()) <= AXES;
        (few && is_plain(self.source.0) && is_plain(self.target.0))
            .then(|| shape.iter().fold(1i64, |count, extent| count.saturating_mul(*extent)))
    }

    /// Whether there are so few elements that planning takes longer than moving them.
    fn is_small(&self) -> bool {
        self.elements().is_some_and(|count| (1..=ELEMENTS).contains(&count))
    }

    /// Whether the answer is worth remembering.
    fn is_worth(&self) -> bool {
        let size = self.source.0.item_size().max(self.target.0.item_size()) as i64;
        self.elements().is_some_and(|count| (1..=BYTES).contains(&count.saturating_mul(size)))
    }
}

/// Extents and strides.
type Loops<'a> = (&'a [i64], &'a [i64]);

/// A question, but for the offsets of its layouts.
struct Asked {
    types: [[u64; 2]; 2],
    rules: (Casting, Overflow),
    axes: [Axes; 2],
}

/// Extents and strides, so many.
struct Axes {
    count: usize,
    shape: [i64; AXES],
    strides: [i64; AXES],
}

impl Axes {
    const NONE: Self = Self { count: 0, shape: [0; AXES], strides: [0; AXES] };

    #[inline(always)]
    fn set(&mut self, (shape, strides): Loops) {
        self.count = shape.len();
        self.shape.iter_mut().zip(shape).for_each(|(kept, extent)| *kept = *extent);
        self.strides.iter_mut().zip(strides).for_each(|(kept, stride)| *kept = *stride);
    }

    // One after the other: there are few, and to call a function takes longer.
    #[inline(always)]
    fn are(&self, (shape, strides): Loops) -> bool {
        shape.len() == self.count
            && shape.iter().zip(&self.shape).all(|(a, b)| a == b)
            && strides.iter().zip(&self.strides).all(|(a, b)| a == b)
    }
}

impl Asked {
    const NOTHING: Self =
        Self { types: [[0; 2]; 2], rules: (Casting::No, Overflow::Wrap), axes: [Axes::NONE; 2] };

    #[inline(always)]
    fn set(&mut self, question: &Question) {
        let Question { source, target, rules } = *question;
        self.types = [source.0, target.0].map(DType::words);
        self.rules = rules;
        let [from, to] = question.loops();
        self.axes[0].set(from);
        self.axes[1].set(to);
    }

    #[inline(always)]
    fn is(&self, question: &Question, [one, other]: [Loops; 2]) -> bool {
        let Question { source, target, rules } = *question;
        let [from, to] = &self.axes;
        let [a, b] = [source.0, target.0].map(DType::words);
        self.types[0] == a && self.types[1] == b && from.are(one) && to.are(other) && self.rules == rules
    }
}

/// So many sets of two places each, found by the hash of a question.
const SETS: usize = 256;

/// Answers of one kind, the last `N`.
struct Answers<T, const N: usize> {
    /// Where the last answers with some hash are, counted from 1; 0 for none.
    places: [[u8; 2]; SETS],
    /// Which one is replaced next.
    next: usize,
    kept: [(Asked, MaybeUninit<T>); N],
}

impl<T, const N: usize> Answers<T, N> {
    const NONE: Self = Self {
        places: [[0; 2]; SETS],
        next: 0,
        kept: [const { (Asked::NOTHING, MaybeUninit::uninit()) }; N],
    };

    /// The answer to a question with this hash, if it is known.
    #[inline(always)]
    fn find(&mut self, question: &Question, loops: [Loops; 2], hash: u64) -> Option<&mut T> {
        let [last, other] = self.places[(hash >> 56) as usize % SETS];
        let place = if self.holds(last, question, loops) {
            last
        } else if self.holds_rarely(other, question, loops) {
            other
        } else {
            return None;
        };
        let (_, answer) = &mut self.kept[usize::from(place) - 1];
        // SAFETY: what is asked there has been answered.
        Some(unsafe { answer.assume_init_mut() })
    }

    #[inline(always)]
    fn holds(&self, place: u8, question: &Question, loops: [Loops; 2]) -> bool {
        place > 0 && self.kept.get(usize::from(place) - 1).is_some_and(|(asked, _)| asked.is(question, loops))
    }

    /// [`holds`](Self::holds), not inlined.
    #[inline(never)]
    fn holds_rarely(&self, place: u8, question: &Question, loops: [Loops; 2]) -> bool {
        self.holds(place, question, loops)
    }

    /// Keeps an answer in place of the one that was kept first.
    fn keep(&mut self, question: &Question, hash: u64, answer: T) {
        const { assert!(N < u8::MAX as usize && !needs_drop::<T>()) };
        let at = self.next;
        let (asked, kept) = &mut self.kept[at];
        asked.set(question);
        kept.write(answer);
        self.next = (at + 1) % N;
        let [last, other] = &mut self.places[(hash >> 56) as usize % SETS];
        let place = at as u8 + 1;
        (*last, *other) = (place, if *last == place { *other } else { *last });
    }
}

/// What a thread has done last.
struct Known {
    /// Jobs of one call.
    ready: Answers<Ready, 32>,
    /// Shuffles.
    shuffles: Answers<Shuffle, 8>,
    /// Other ones, with their plans.
    planned: Answers<(ManuallyDrop<Plan>, Job<'static>), 8>,
}

thread_local! {
    // Nothing in it needs a destructor: plans of so few axes have no memory of their own. It is borrowed by the functions
    // below only, each of which gets it for itself, and by none while it does what may come back here: loops do not, but
    // threads of the host program may.
    static KNOWN: UnsafeCell<Known> =
        const { UnsafeCell::new(Known { ready: Answers::NONE, shuffles: Answers::NONE, planned: Answers::NONE }) };
}

/// Copies as it was done when the same was asked before; false when it was not, or is no longer known.
///
/// # Safety
/// `source` and `target` are the starts of the storages of the two, whose elements are readable and writable. The two
/// storages do not meet.
#[inline(always)]
pub unsafe fn copy(question: &Question, source: *const u8, target: *mut u8) -> bool {
    let loops = question.loops();
    let hash = question.hash(loops);
    // A closure with more in it would be called, and the question put together in memory for that.
    let known = KNOWN.with(UnsafeCell::get);
    // SAFETY: this thread's, and nobody looks at it meanwhile.
    let known = unsafe { &mut *known };
    let [from, to] = firsts(question);
    let (source, target) = (source.wrapping_offset(from), target.wrapping_offset(to));
    // SAFETY: the loops visit the elements of the layouts in question, counted from the first ones; the caller promises
    // what memory may be used for.
    unsafe {
        match known.ready.find(question, loops, hash) {
            Some(ready) => {
                ready.run(source, target);
                true
            }
            None => copy_otherwise(question, hash, source, target),
        }
    }
}

/// [`copy`], not inlined.
///
/// # Safety
/// As there.
#[inline(never)]
pub unsafe fn copy_called(question: &Question, source: *const u8, target: *mut u8) -> bool {
    // SAFETY: as the caller promises.
    unsafe { copy(question, source, target) }
}

/// [`copy`] by shuffles, or where it takes more than a call; from the first elements. False where threads failed, too:
/// done again, in the way that is found for it, it fails again and says why.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn copy_otherwise(question: &Question, hash: u64, source: *const u8, target: *mut u8) -> bool {
    let loops = question.loops();
    // SAFETY: this thread's, and nobody looks at it meanwhile; what other threads share is copied out before.
    let known = unsafe { &mut *KNOWN.with(UnsafeCell::get) };
    // SAFETY: as the caller promises; both visit the elements of the layouts, counted from the first ones.
    unsafe {
        if let Some(shuffle) = known.shuffles.find(question, loops, hash) {
            shuffle.run(source, target);
            return true;
        }
        let Some((plan, job)) = known.planned.find(question, loops, hash) else { return false };
        if threads_of(plan, [job.source, job.target]) == 1 {
            job.run(plan, source, target);
            return true;
        }
        let (plan, job) = (ManuallyDrop::clone(plan), *job);
        Ends { source, target }.run(&plan, &job, None).is_ok()
    }
}

/// Bytes from the starts of both storages to the first elements.
#[inline(always)]
fn firsts(question: &Question) -> [isize; 2] {
    [question.source, question.target]
        .map(|(dtype, layout)| layout.offset() as isize * isize::from(dtype.bits.div_ceil(8)))
}

/// Copies what takes one call that is soon found, and remembers it: runs, and words in few loops. False where it is neither.
///
/// # Safety
/// As for [`copy`]; the cast is allowed.
pub unsafe fn copy_at_once(question: &Question, source: *const u8, target: *mut u8) -> bool {
    let Question { source: (from, one), target: (to, other), rules } = *question;
    if !question.is_small() || !one.shape().iter().eq(other.shape()) {
        return false;
    }
    let ready = if [one, other].iter().all(|layout| layout.is_contiguous(Order::C)) {
        Ready::of_run([from, to], other.element_count() as usize, rules.1)
    } else if from == to {
        Ready::of_words(other.shape(), [one.strides(), other.strides()], from.item_size())
    } else {
        None
    };
    let Some(ready) = ready else { return false };
    let first = firsts(question);
    // SAFETY: as the caller promises, the elements of the two layouts.
    unsafe { ready.run(source.wrapping_offset(first[0]), target.wrapping_offset(first[1])) };
    // SAFETY: this thread's, and nobody looks at it meanwhile.
    unsafe { &mut *KNOWN.with(UnsafeCell::get) }.ready.keep(question, question.hash(question.loops()), ready);
    true
}

/// Remembers how what has been asked was done, if it was in this pass alone.
pub fn keep(question: &Question, pass: &Pass, job: &Job) {
    let is_all = match pass.part {
        Part::Whole | Part::Both => true,
        Part::Real => !question.source.0.is_complex(),
        Part::Imaginary => false,
    };
    if !is_all || !question.is_worth() {
        return;
    }
    let is_small = question.is_small();
    let first = firsts(question);
    let hash = question.hash(question.loops());
    // SAFETY: this thread's, and nobody looks at it meanwhile.
    let known = unsafe { &mut *KNOWN.with(UnsafeCell::get) };
    if is_small && let Some(shuffle) = Shuffle::of(pass.plan, job) {
        known.shuffles.keep(question, hash, shuffle.moved(first.map(|bytes| -bytes)));
    } else if is_small && let Some(ready) = Ready::of(pass.plan, job) {
        known.ready.keep(question, hash, ready.moved(first.map(|bytes| -bytes)));
    } else if let Some(job) = job.kept() {
        let mut plan = ManuallyDrop::new(pass.plan.clone());
        let [from, to] = first.map(|bytes| bytes as i64 * 8);
        (plan.source, plan.target) = (plan.source - from, plan.target - to);
        known.planned.keep(question, hash, (plan, job));
    }
}
