//! Loops over adjacent numbers, each written once and compiled for each instruction set.

use super::isa::Isa;

/// What a loop needs besides its numbers; which of it, each says.
#[derive(Clone, Copy, Debug)]
pub struct Operands {
    /// Factors in the type that is computed in: one, or one for each of the numbers of a period.
    pub scale: *const u8,
    /// Summands, likewise.
    pub bias: *const u8,
    /// After how many numbers the first factor serves again.
    pub period: usize,
    /// What numbers are brought between: the bits of float64, or of integers of 64 bits.
    pub bounds: [u64; 2],
}

impl Default for Operands {
    fn default() -> Self {
        let none = std::ptr::null();
        Self { scale: none, bias: none, period: 0, bounds: [0; 2] }
    }
}

/// A loop over `count` numbers at `from`, whose results go to `to`.
pub type Loop = unsafe fn(from: *const u8, to: *mut u8, count: usize, with: &Operands);

/// A loop that is compiled for each instruction set.
pub trait Kernel {
    /// Runs it; inlined, so that it is compiled for the instructions of its caller.
    ///
    /// # Safety
    /// `count` numbers are readable at `from`, and at the operands that the loop reads, and writable at `to`, which
    /// none of the others overlaps. Nothing is assumed of their alignment.
    unsafe fn run(from: *const u8, to: *mut u8, count: usize, with: &Operands);

    /// [`run`](Self::run) where the processor has AVX-512, if there is something better to do.
    ///
    /// # Safety
    /// As there, on such a processor.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn run_avx512(from: *const u8, to: *mut u8, count: usize, with: &Operands) {
        // SAFETY: as the caller promises.
        unsafe { Self::run(from, to, count, with) }
    }
}

/// The loop for `isa`, or the most of it that the processor has.
pub fn compiled<K: Kernel>(isa: Isa) -> Loop {
    #[cfg(target_arch = "x86_64")]
    let loops = const { &[baseline::<K> as Loop, avx2::<K>, avx512::<K>] };
    #[cfg(not(target_arch = "x86_64"))]
    let loops = const { &[baseline::<K> as Loop] };
    pick(loops, isa)
}

/// The loop of `isa`, the first one where the processor has it not. A call, for there are many loops to pick from.
#[inline(never)]
fn pick(loops: &'static [Loop], isa: Isa) -> Loop {
    // The chosen one is there, and asking that takes less time than asking the processor.
    let is_there = isa <= Isa::chosen() || isa.is_available();
    loops[if is_there { isa as usize } else { 0 }]
}

/// # Safety
/// As for [`Kernel::run`].
unsafe fn baseline<K: Kernel>(from: *const u8, to: *mut u8, count: usize, with: &Operands) {
    // SAFETY: as the caller promises.
    unsafe { K::run(from, to, count, with) }
}

/// # Safety
/// As for [`Kernel::run`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c,bmi2")]
unsafe fn avx2<K: Kernel>(from: *const u8, to: *mut u8, count: usize, with: &Operands) {
    // SAFETY: as the caller promises.
    unsafe { K::run(from, to, count, with) }
}

/// # Safety
/// As for [`Kernel::run`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512<K: Kernel>(from: *const u8, to: *mut u8, count: usize, with: &Operands) {
    // SAFETY: as the caller promises.
    unsafe { K::run_avx512(from, to, count, with) }
}

/// The mask of the first `count` of 32.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "bmi2")]
pub fn first(count: usize) -> u32 {
    std::arch::x86_64::_bzhi_u32(u32::MAX, count as u32)
}

/// Writes `number` of every word.
///
/// # Safety
/// As for [`Kernel::run`], the words being those of the numbers.
#[inline(always)]
pub unsafe fn each<A: Copy, B>(from: *const u8, to: *mut u8, count: usize, number: impl Fn(A) -> B) {
    let (from, to) = (from.cast::<A>(), to.cast::<B>());
    for i in 0..count {
        // SAFETY: word `i`; nothing is assumed of its alignment.
        unsafe { to.add(i).write_unaligned(number(from.add(i).read_unaligned())) };
    }
}
