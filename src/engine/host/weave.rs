//! Rows of words that lie 2 to 4 apart or backwards: pixels into planes, planes into pixels, steps and reversals.
//!
//! Distances are constants here, which is all that the compiler needs to shuffle whole registers.

use super::isa::Isa;

/// A loop over `count` groups of words at `from`, and where they go. The distance in bytes is that of the planes.
pub type Weave = unsafe fn(from: *const u8, to: *mut u8, planes: isize, count: usize);

/// What a loop does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Adjacent pixels of so many words become planes.
    Split(usize),
    /// So many planes become adjacent pixels.
    Merge(usize),
    /// Every so-maniest word becomes a run.
    Step(usize),
    /// Words that follow each other backwards become a run; `from` is the first of them, the last in memory.
    Reverse,
}

/// The loop for words of `size` bytes; `None` where there is none.
pub fn pick(pattern: Pattern, size: usize, isa: Isa) -> Option<Weave> {
    match size {
        1 => of_words::<u8>(pattern, isa),
        2 => of_words::<u16>(pattern, isa),
        4 => of_words::<u32>(pattern, isa),
        8 => of_words::<u64>(pattern, isa),
        _ => None,
    }
}

fn of_words<T: Copy>(pattern: Pattern, isa: Isa) -> Option<Weave> {
    Some(match pattern {
        Pattern::Split(2) => shell::<T, Split<2>>(isa),
        Pattern::Split(3) => shell::<T, Split<3>>(isa),
        Pattern::Split(4) => shell::<T, Split<4>>(isa),
        Pattern::Merge(2) => shell::<T, Merge<2>>(isa),
        Pattern::Merge(3) => shell::<T, Merge<3>>(isa),
        Pattern::Merge(4) => shell::<T, Merge<4>>(isa),
        Pattern::Step(2) => shell::<T, Step<2>>(isa),
        Pattern::Step(3) => shell::<T, Step<3>>(isa),
        Pattern::Step(4) => shell::<T, Step<4>>(isa),
        Pattern::Reverse => shell::<T, Reverse>(isa),
        _ => return None,
    })
}

fn shell<T: Copy, L: Loop>(isa: Isa) -> Weave {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 if isa.is_available() => avx2::<T, L>,
        _ => L::run::<T>,
    }
}

/// # Safety
/// As for [`Loop::run`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi2")]
unsafe fn avx2<T: Copy, L: Loop>(from: *const u8, to: *mut u8, planes: isize, count: usize) {
    // SAFETY: as the caller promises.
    unsafe { L::run::<T>(from, to, planes, count) }
}

trait Loop {
    /// # Safety
    /// The words that the pattern names are readable, as many writable, and no byte belongs to both.
    unsafe fn run<T: Copy>(from: *const u8, to: *mut u8, planes: isize, count: usize);
}

struct Split<const C: usize>;
struct Merge<const C: usize>;
struct Step<const C: usize>;
struct Reverse;

impl<const C: usize> Loop for Split<C> {
    #[inline(always)]
    unsafe fn run<T: Copy>(from: *const u8, to: *mut u8, planes: isize, count: usize) {
        for i in 0..count {
            // SAFETY: pixel `i`, and word `i` of each plane; nothing is assumed of their alignment.
            unsafe {
                let pixel = from.cast::<[T; C]>().add(i).read_unaligned();
                for (c, word) in pixel.into_iter().enumerate() {
                    to.offset(c as isize * planes).cast::<T>().add(i).write_unaligned(word);
                }
            }
        }
    }
}

impl<const C: usize> Loop for Merge<C> {
    #[inline(always)]
    unsafe fn run<T: Copy>(from: *const u8, to: *mut u8, planes: isize, count: usize) {
        for i in 0..count {
            for c in 0..C {
                // SAFETY: word `i` of each plane, and pixel `i`; nothing is assumed of their alignment.
                unsafe {
                    let word = from.offset(c as isize * planes).cast::<T>().add(i).read_unaligned();
                    to.cast::<T>().add(i * C + c).write_unaligned(word);
                }
            }
        }
    }
}

impl<const C: usize> Loop for Step<C> {
    #[inline(always)]
    unsafe fn run<T: Copy>(from: *const u8, to: *mut u8, _: isize, count: usize) {
        for i in 0..count {
            // SAFETY: word `i` of both; nothing is assumed of their alignment.
            unsafe { to.cast::<T>().add(i).write_unaligned(from.cast::<T>().add(i * C).read_unaligned()) };
        }
    }
}

impl Loop for Reverse {
    #[inline(always)]
    unsafe fn run<T: Copy>(from: *const u8, to: *mut u8, _: isize, count: usize) {
        for i in 0..count {
            // SAFETY: word `i` of both; nothing is assumed of their alignment.
            unsafe { to.cast::<T>().add(i).write_unaligned(from.cast::<T>().sub(i).read_unaligned()) };
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::engine::host::fenced::Fenced;

    /// The index of the source word that becomes word `i` of `count`, with rows of `count` adjacent words.
    fn origin(pattern: Pattern, count: usize, i: usize) -> usize {
        match pattern {
            Pattern::Split(n) => i % count * n + i / count,
            Pattern::Merge(n) => i % n * count + i / n,
            Pattern::Step(n) => i * n,
            Pattern::Reverse => count - 1 - i,
        }
    }

    #[test]
    fn every_loop_moves_each_word_and_touches_no_other_byte() {
        let groups = [2, 3, 4].map(|n| [Pattern::Split(n), Pattern::Merge(n), Pattern::Step(n)]);
        let mut memory = [Fenced::new(1), Fenced::new(1)];
        for (size, isa) in [1, 2, 4, 8].into_iter().flat_map(|size| Isa::ALL.map(|isa| (size, isa))) {
            for &pattern in groups.as_flattened().iter().chain([&Pattern::Reverse]) {
                let run = pick(pattern, size, isa).expect("words of these sizes");
                for (count, at_end) in (1..200).flat_map(|n| [(n, false), (n, true)]) {
                    let (read, written) = match pattern {
                        Pattern::Split(n) | Pattern::Merge(n) => (n * count, n * count),
                        Pattern::Step(n) => ((count - 1) * n + 1, count),
                        Pattern::Reverse => (count, count),
                    };
                    let [source, target] = &mut memory;
                    let source = source.bytes(read * size, at_end);
                    source.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 89 + (i >> 8)) as u8);
                    let target = target.bytes(written * size, at_end);
                    let planes = (count * size) as isize;
                    let planes = if let Pattern::Split(_) | Pattern::Merge(_) = pattern { planes } else { 0 };
                    let first = if pattern == Pattern::Reverse { (count - 1) * size } else { 0 };
                    // SAFETY: the words that the pattern names are those of the slices.
                    unsafe { run(source.as_ptr().add(first), target.as_mut_ptr(), planes, count) };
                    for (i, word) in target.chunks(size).enumerate() {
                        let at = origin(pattern, count, i) * size;
                        assert_eq!(
                            word,
                            &source[at..][..size],
                            "{pattern:?} {size} bytes {isa:?}, {i} of {count}"
                        );
                    }
                }
            }
        }
    }
}
