//! Loops over the bytes of numbers: their order, and the two parts of complex ones.

use std::marker::PhantomData;

use super::isa::Isa;
use super::kernel::{Kernel, Loop, Operands, compiled, each};

/// A word of 2, 4 or 8 bytes.
trait Word: Copy {
    const ZERO: Self;

    fn reversed(self) -> Self;

    /// Whether it has another bit than the sign.
    fn is_true(self) -> bool;
}

macro_rules! word {
    ($($type:ty)*) => {
        $(impl Word for $type {
            const ZERO: Self = 0;

            #[inline(always)]
            fn reversed(self) -> Self {
                self.swap_bytes()
            }

            #[inline(always)]
            fn is_true(self) -> bool {
                self & (<$type>::MAX >> 1) != 0
            }
        })*
    };
}
word!(u16 u32 u64);

/// What is done with words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Their bytes are reversed.
    Reverse,
    /// Each becomes the first of two, the other being zero.
    Pair,
    /// Of each two the first is taken.
    First,
    /// Of each two it is asked whether they are other floats than zeros.
    Truth,
}

/// The loop that does `task` with words of `size` bytes: 2, 4 or 8.
pub fn words(task: Task, size: usize, isa: Isa) -> Loop {
    match size {
        2 => of_words::<u16>(task, isa),
        4 => of_words::<u32>(task, isa),
        _ => of_words::<u64>(task, isa),
    }
}

fn of_words<W: Word>(task: Task, isa: Isa) -> Loop {
    match task {
        Task::Reverse => compiled::<Reverse<W>>(isa),
        Task::Pair => compiled::<Pair<W>>(isa),
        Task::First => compiled::<First<W>>(isa),
        Task::Truth => compiled::<Truth<W>>(isa),
    }
}

struct Reverse<W>(PhantomData<W>);
struct Pair<W>(PhantomData<W>);
struct First<W>(PhantomData<W>);
struct Truth<W>(PhantomData<W>);

impl<W: Word> Kernel for Reverse<W> {
    #[inline(always)]
    unsafe fn run(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
        // SAFETY: as the caller promises.
        unsafe { each(from, to, count, |word: W| word.reversed()) }
    }
}

impl<W: Word> Kernel for Pair<W> {
    #[inline(always)]
    unsafe fn run(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
        // SAFETY: as the caller promises.
        unsafe { each(from, to, count, |word: W| [word, W::ZERO]) }
    }
}

impl<W: Word> Kernel for First<W> {
    #[inline(always)]
    unsafe fn run(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
        // SAFETY: as the caller promises.
        unsafe { each(from, to, count, |[word, _]: [W; 2]| word) }
    }
}

impl<W: Word> Kernel for Truth<W> {
    #[inline(always)]
    unsafe fn run(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
        // SAFETY: as the caller promises.
        unsafe { each(from, to, count, |[a, b]: [W; 2]| u8::from(a.is_true() | b.is_true())) }
    }
}
