//! The loops of [`Braid`]s, one for each kind of register.

use super::braid::{Braid, Job};
use super::isa::Isa;

/// A loop for tables of so many registers.
#[derive(Clone, Copy)]
pub struct Kernel {
    run: unsafe fn(&Braid, &Job),
    /// Whether only bytes that are kept are written, in full rounds too.
    pub masks: bool,
}

impl Kernel {
    /// Moves the rows of `job`.
    ///
    /// # Safety
    /// All rounds of `job` may read the words of their groups and write those of the target, full ones whole registers,
    /// which are lines if it streams.
    pub unsafe fn run(self, braid: &Braid, job: &Job) {
        // SAFETY: as the caller promises; `pick` looked for the instructions.
        unsafe { (self.run)(braid, job) }
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{pick, width};

/// Bytes of the registers that tables are made for, if bytes can be shuffled.
#[cfg(not(target_arch = "x86_64"))]
pub fn width(_: Isa) -> Option<usize> {
    None
}

/// The kernel for tables of so many registers of both sides.
#[cfg(not(target_arch = "x86_64"))]
pub fn pick(_: [usize; 2], _: bool, _: usize) -> Option<Kernel> {
    None
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::super::braid::PIECES;
    use super::*;

    /// Bytes of the registers that tables are made for, if bytes can be shuffled.
    pub fn width(isa: Isa) -> Option<usize> {
        match isa {
            Isa::Baseline => None,
            Isa::Avx512 if isa.is_available() && std::arch::is_x86_feature_detected!("avx512vbmi") => {
                Some(64)
            }
            Isa::Avx512 | Isa::Avx2 => isa.is_available().then_some(16),
        }
    }

    /// The kernel for tables of so many registers of both sides, where no byte of the target is left out or some are.
    pub fn pick(pieces: [usize; 2], dense: bool, width: usize) -> Option<Kernel> {
        macro_rules! each {
            ($kernel:ident) => {
                each!($kernel; 1 1, 1 2, 1 3, 1 4, 2 1, 2 2, 3 1, 3 2, 3 3, 3 4, 4 1, 4 2, 4 3, 4 4)
            };
            ($kernel:ident; $($n:literal $m:literal),*) => {
                match pieces {
                    $([$n, $m] => $kernel::<$n, $m>,)*
                    _ => return None,
                }
            };
        }
        match (width, dense) {
            (64, _) => Some(Kernel { run: each!(permute), masks: true }),
            (_, true) => Some(Kernel { run: each!(shuffle), masks: false }),
            (_, false) => None,
        }
    }

    /// Registers of 64 bytes; rounds that are not full have masks.
    ///
    /// # Safety
    /// As for [`Kernel::run`], on a processor that has the instructions.
    #[target_feature(enable = "avx2,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
    pub unsafe fn permute<const N: usize, const M: usize>(braid: &Braid, job: &Job) {
        let table = &braid.table;
        // SAFETY: as the caller promises, all of it; a table has as many registers as the kernel.
        unsafe {
            let control: [__m512i; M] =
                std::array::from_fn(|m| _mm512_loadu_si512(table.origin[m].as_ptr().cast()));
            let upper = control.map(|c| _mm512_movepi8_mask(c));
            let whole = table.keep[..M].iter().all(|keep| *keep == u64::MAX);
            let weave = |z: [__m512i; N], m: usize| match N {
                1 => _mm512_permutexvar_epi8(control[m], z[0]),
                2 => _mm512_permutex2var_epi8(z[0], control[m], z[1]),
                3 => {
                    let low = _mm512_permutex2var_epi8(z[0], control[m], z[1]);
                    _mm512_mask_permutexvar_epi8(low, upper[m], control[m], z[N - 1])
                }
                _ => {
                    let low = _mm512_permutex2var_epi8(z[0], control[m], z[1]);
                    let high = _mm512_permutex2var_epi8(z[N - 2], control[m], z[N - 1]);
                    _mm512_mask_blend_epi8(upper[m], low, high)
                }
            };
            for row in 0..job.rows as isize {
                let mut from = job.from.wrapping_offset(row * job.pitches[0]);
                let mut to = job.to.wrapping_offset(row * job.pitches[1]);
                for _ in 0..job.full {
                    let z: [__m512i; N] = std::array::from_fn(|n| {
                        _mm512_loadu_si512(from.offset(n as isize * job.pieces[0]).cast())
                    });
                    for m in 0..M {
                        let to = to.offset(m as isize * job.pieces[1]).cast::<i8>();
                        // What a masked store wrote cannot be read before it has left for the cache.
                        if job.streams {
                            _mm512_stream_si512(to.cast(), weave(z, m));
                        } else if whole {
                            _mm512_storeu_si512(to.cast(), weave(z, m));
                        } else {
                            _mm512_mask_storeu_epi8(to, table.keep[m], weave(z, m));
                        }
                    }
                    from = from.wrapping_offset(job.steps[0]);
                    to = to.wrapping_offset(job.steps[1]);
                }
                for k in 1..=job.partial {
                    let [read, written] = &job.parts[usize::from(k < job.partial)];
                    let z: [__m512i; N] = std::array::from_fn(|n| {
                        let from = from.wrapping_offset(n as isize * job.pieces[0]).cast();
                        _mm512_maskz_loadu_epi8(read[n], from)
                    });
                    for (m, written) in written.iter().enumerate().take(M) {
                        let to = to.wrapping_offset(m as isize * job.pieces[1]).cast();
                        _mm512_mask_storeu_epi8(to, *written, weave(z, m));
                    }
                    from = from.wrapping_offset(job.steps[0]);
                    to = to.wrapping_offset(job.steps[1]);
                }
            }
        }
    }

    /// Registers of 16 bytes, two rounds at a time; rounds that are not full go through copies.
    ///
    /// # Safety
    /// As for [`Kernel::run`], on a processor that has the instructions.
    #[target_feature(enable = "avx2,bmi2")]
    pub unsafe fn shuffle<const N: usize, const M: usize>(braid: &Braid, job: &Job) {
        // SAFETY: as the caller promises, all of it; a table has as many registers as the kernel.
        unsafe {
            // Bytes that come from another register are those whose control has its upper bit set.
            let control: [[__m256i; N]; M] = std::array::from_fn(|m| {
                let origin = _mm_loadu_si128(braid.table.origin[m].as_ptr().cast());
                std::array::from_fn(|n| {
                    let at = _mm_sub_epi8(origin, _mm_set1_epi8(16 * n as i8));
                    _mm256_broadcastsi128_si256(_mm_adds_epu8(at, _mm_set1_epi8(0x70)))
                })
            });
            let [from_step, to_step] = job.steps;
            for row in 0..job.rows as isize {
                let mut from = job.from.wrapping_offset(row * job.pitches[0]);
                let mut to = job.to.wrapping_offset(row * job.pitches[1]);
                for _ in 0..job.full / 2 {
                    let z: [__m256i; N] = std::array::from_fn(|n| {
                        let from = from.offset(n as isize * job.pieces[0]);
                        _mm256_loadu2_m128i(from.offset(from_step).cast(), from.cast())
                    });
                    for (m, control) in control.iter().enumerate() {
                        let mut sum = _mm256_shuffle_epi8(z[0], control[0]);
                        for n in 1..N {
                            sum = _mm256_or_si256(sum, _mm256_shuffle_epi8(z[n], control[n]));
                        }
                        let to = to.offset(m as isize * job.pieces[1]);
                        if to_step == 16 {
                            _mm256_storeu_si256(to.cast(), sum);
                        } else {
                            _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(sum));
                            _mm_storeu_si128(to.offset(to_step).cast(), _mm256_extracti128_si256::<1>(sum));
                        }
                    }
                    from = from.wrapping_offset(2 * from_step);
                    to = to.wrapping_offset(2 * to_step);
                }
                if job.full % 2 == 1 {
                    once::<N, M>(&control, from, to, job.pieces);
                    from = from.wrapping_offset(from_step);
                    to = to.wrapping_offset(to_step);
                }
                for k in 1..=job.partial {
                    let [read, written] = &job.parts[usize::from(k < job.partial)];
                    let (mut copy, mut out) = ([0u8; PIECES * 16], [0u8; PIECES * 16]);
                    for n in 0..N {
                        let from = from.wrapping_offset(n as isize * job.pieces[0]);
                        put(from, copy[n * 16..].as_mut_ptr(), read[n]);
                    }
                    once::<N, M>(&control, copy.as_ptr(), out.as_mut_ptr(), [16; 2]);
                    for m in 0..M {
                        let to = to.wrapping_offset(m as isize * job.pieces[1]);
                        put(out[m * 16..].as_ptr(), to, written[m]);
                    }
                    from = from.wrapping_offset(from_step);
                    to = to.wrapping_offset(to_step);
                }
            }
        }
    }

    /// A round of registers of 16 bytes.
    ///
    /// # Safety
    /// The registers are readable and writable; the processor has AVX2.
    #[inline(always)]
    unsafe fn once<const N: usize, const M: usize>(
        control: &[[__m256i; N]; M],
        from: *const u8,
        to: *mut u8,
        pieces: [isize; 2],
    ) {
        // SAFETY: as the caller promises.
        unsafe {
            let z: [__m128i; N] =
                std::array::from_fn(|n| _mm_loadu_si128(from.offset(n as isize * pieces[0]).cast()));
            for (m, control) in control.iter().enumerate() {
                let mut sum = _mm_setzero_si128();
                for n in 0..N {
                    sum = _mm_or_si128(sum, _mm_shuffle_epi8(z[n], _mm256_castsi256_si128(control[n])));
                }
                _mm_storeu_si128(to.offset(m as isize * pieces[1]).cast(), sum);
            }
        }
    }

    /// Copies the bytes of a register that `part` names, which follow each other.
    ///
    /// # Safety
    /// Those bytes are readable at `from` and writable at `to`.
    #[inline(always)]
    unsafe fn put(from: *const u8, to: *mut u8, part: u64) {
        let (start, count) = (part.trailing_zeros() as usize & 15, part.count_ones() as usize);
        // SAFETY: as the caller promises.
        unsafe { to.wrapping_add(start).copy_from_nonoverlapping(from.wrapping_add(start), count) }
    }
}
