//! The instruction sets that loops are compiled for. Each loop is written once; a shell per instruction set compiles
//! it, and the one that the processor has is picked when a call is prepared.

use std::sync::OnceLock;

/// An instruction set. The later ones include the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// What every processor of the architecture has.
    Baseline,
    /// x86-64 with AVX2, F16C and BMI2.
    Avx2,
    /// x86-64 with the parts F, BW, DQ and VL of AVX-512.
    Avx512,
}

impl Isa {
    /// All of them, the smallest first.
    pub const ALL: [Self; 3] = [Self::Baseline, Self::Avx2, Self::Avx512];

    /// What `NDFERRY_ISA` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Baseline => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                std::arch::is_x86_feature_detected!("avx2")
                    && std::arch::is_x86_feature_detected!("f16c")
                    && std::arch::is_x86_feature_detected!("bmi2")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx512bw")
                    && std::arch::is_x86_feature_detected!("avx512dq")
                    && std::arch::is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The largest one that the processor has, or a smaller one that the environment variable `NDFERRY_ISA` names:
    /// "baseline", "avx2" or "avx512".
    pub fn chosen() -> Self {
        static CHOSEN: OnceLock<Isa> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let wanted = match std::env::var("NDFERRY_ISA").as_deref() {
                Ok("baseline") => Self::Baseline,
                Ok("avx2") => Self::Avx2,
                _ => Self::Avx512,
            };
            let fits = |isa: &Self| *isa <= wanted && isa.is_available();
            Self::ALL.into_iter().rev().find(fits).unwrap_or(Self::Baseline)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_instruction_set_is_there() {
        assert!(Isa::chosen().is_available());
    }
}
