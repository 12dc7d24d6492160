//! Runs of numbers straight from one type to another: one loop, compiled for each pair of types and each instruction
//! set. Rarer types, scaled numbers and saturated ones go through [`super::block`].

use std::marker::PhantomData;

#[cfg(target_arch = "x86_64")]
use super::half;
use super::isa::Isa;
use super::number::{Number, Visitor, visit};
use crate::dtype::Scalar;

/// A loop over adjacent numbers in native bytes.
#[derive(Clone, Copy)]
pub struct Run(unsafe fn(*const u8, *mut u8, usize));

impl Run {
    /// The loop from `source` to `target`; `None` where there is none.
    pub fn new(source: Scalar, target: Scalar, isa: Isa) -> Option<Self> {
        match (source, target) {
            #[cfg(target_arch = "x86_64")]
            (Scalar::Float32, Scalar::Float16) if has_f16c(isa) => Some(Self(half::encode_run)),
            #[cfg(target_arch = "x86_64")]
            (Scalar::Float16, Scalar::Float32) if has_f16c(isa) => Some(Self(half::decode_run)),
            // By way of float32 in blocks, which the processor's own instructions convert.
            (Scalar::Float16, _) | (_, Scalar::Float16) => None,
            _ => visit(source, From { target, isa })?,
        }
    }

    /// Converts `count` numbers at `from` and writes them to `to`; neither need be aligned.
    ///
    /// # Safety
    /// So many numbers of the two types are readable and writable there, and they do not overlap.
    #[inline]
    pub unsafe fn run(self, from: *const u8, to: *mut u8, count: usize) {
        // SAFETY: as the caller promises; the processor has the instructions, or `shell` had not given them.
        unsafe { (self.0)(from, to, count) }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_f16c(isa: Isa) -> bool {
    isa >= Isa::Avx2 && isa.is_available()
}

struct From {
    target: Scalar,
    isa: Isa,
}

impl Visitor for From {
    type Output = Option<Run>;

    fn visit<S: Number>(self) -> Option<Run> {
        visit(self.target, To::<S>(self.isa, PhantomData))
    }
}

struct To<S>(Isa, PhantomData<S>);

impl<S: Number> Visitor for To<S> {
    type Output = Run;

    fn visit<T: Number>(self) -> Run {
        Run(match self.0 {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 if self.0.is_available() => avx512::<S, T>,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 if self.0.is_available() => avx2::<S, T>,
            _ => baseline::<S, T>,
        })
    }
}

/// # Safety
/// As for [`Run::run`].
unsafe fn baseline<S: Number, T: Number>(from: *const u8, to: *mut u8, count: usize) {
    // SAFETY: as the caller promises.
    unsafe { run::<S, T>(from, to, count) }
}

/// # Safety
/// As for [`Run::run`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c,bmi2")]
unsafe fn avx2<S: Number, T: Number>(from: *const u8, to: *mut u8, count: usize) {
    // SAFETY: as the caller promises.
    unsafe { run::<S, T>(from, to, count) }
}

/// # Safety
/// As for [`Run::run`], on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512<S: Number, T: Number>(from: *const u8, to: *mut u8, count: usize) {
    // SAFETY: as the caller promises.
    unsafe { run::<S, T>(from, to, count) }
}

/// The loop.
///
/// # Safety
/// As for [`Run::run`].
#[inline(always)]
unsafe fn run<S: Number, T: Number>(from: *const u8, to: *mut u8, count: usize) {
    let (from, to) = (from.cast::<S::Word>(), to.cast::<T::Word>());
    for i in 0..count {
        // SAFETY: number `i`; nothing is assumed of its alignment.
        unsafe { to.add(i).write_unaligned(T::of::<S>(from.add(i).read_unaligned())) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Overflow;
    use crate::dtype::scalar;
    use crate::dtype::{DType, code};
    use crate::engine::Numeric;

    fn scalars() -> Vec<Scalar> {
        let mut types = vec![DType::new(code::BOOL, 8), DType::new(code::BFLOAT, 16)];
        types.extend([8, 16, 32, 64].map(|bits| DType::new(code::INT, bits)));
        types.extend([8, 16, 32, 64].map(|bits| DType::new(code::UINT, bits)));
        types.extend([16, 32, 64].map(|bits| DType::new(code::FLOAT, bits)));
        types.extend([code::FLOAT8_E4M3FN, code::FLOAT8_E5M2].map(|code| DType::new(code, 8)));
        types.into_iter().filter_map(Numeric::of).map(|numeric| numeric.scalar).collect()
    }

    /// Bits of every kind: random ones, and those near the edges of other types.
    fn samples(bits: u32) -> Vec<u64> {
        if bits <= 16 {
            return (0..1 << bits).collect();
        }
        let mut state = 1u64;
        let mut next = move || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            state ^ (state >> 29)
        };
        let edges =
            [0.0, 0.5, 1.0, 127.5, 255.5, 448.0, 464.0, 465.0, 65504.0, 65520.0, 2147483647.5, 1e19, 3.4e38];
        let mut found: Vec<u64> = (0..60_000).map(|i| next() >> (i % 8 * 7)).collect();
        for edge in edges.into_iter().chain([f64::INFINITY, f64::NAN, 2f64.powi(-24), 2f64.powi(-149)]) {
            for near in -3..=3i64 {
                let raw = if bits == 32 { u64::from((edge as f32).to_bits()) } else { f64::to_bits(edge) };
                let raw = raw.wrapping_add_signed(near);
                found.extend([raw, raw | 1 << (bits - 1)]);
            }
        }
        found
    }

    #[test]
    fn every_pair_converts_as_the_scalar_rule_on_every_instruction_set() {
        for source in scalars() {
            let (size, samples) = (source.bits().div_ceil(8) as usize, samples(source.bits()));
            let bytes: Vec<u8> = samples.iter().flat_map(|raw| raw.to_le_bytes()[..size].to_vec()).collect();
            for target in scalars().into_iter().filter(|target| *target != source) {
                let width = target.bits().div_ceil(8) as usize;
                for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
                    let mut out = vec![0xAA; samples.len() * width + 1];
                    let Some(run) = Run::new(source, target, isa) else {
                        assert!(
                            [source, target].contains(&Scalar::Float16),
                            "{source:?} to {target:?}, {isa:?}"
                        );
                        continue;
                    };
                    // SAFETY: the vectors hold so many numbers.
                    unsafe { run.run(bytes.as_ptr(), out[1..].as_mut_ptr(), samples.len()) };
                    for (raw, got) in samples.iter().zip(out[1..].chunks(width)) {
                        let mask = u64::MAX >> (64 - 8 * size);
                        let wanted = scalar::convert(source, raw & mask, target, Overflow::Wrap);
                        assert_eq!(
                            got,
                            &wanted.to_le_bytes()[..width],
                            "{source:?} {raw:#x} to {target:?}, {isa:?}"
                        );
                    }
                }
            }
        }
    }
}
