//! The instruction sets that loops are compiled for. Each loop is written once; a shell per instruction set compiles
//! it, and the one that the processor has is picked when a call is prepared.

use std::sync::OnceLock;

/// An instruction set. The later ones include the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// What every processor of the architecture has: SSE2 on x86-64, NEON on 64-bit ARM.
    Baseline,
    /// x86-64 with AVX2, F16C and BMI2.
    Avx2,
    /// x86-64 with the parts F, BW, DQ and VL of AVX-512.
    Avx512,
}

impl Isa {
    /// All of them, the smallest first.
    pub const ALL: [Self; 3] = [Self::Baseline, Self::Avx2, Self::Avx512];

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

    /// How people and `NDFERRY_ISA` call it. The smallest is "baseline" too, on every architecture.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline if cfg!(target_arch = "aarch64") => "neon",
            Self::Baseline => "baseline",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// The largest one that the processor has, or a smaller one that the environment variable `NDFERRY_ISA` names.
    pub fn chosen() -> Self {
        static CHOSEN: OnceLock<Isa> = OnceLock::new();
        *CHOSEN.get_or_init(|| Self::choose(wanted().as_deref()))
    }

    /// The name of the chosen one, and what was asked for instead if the processor has no such thing.
    pub fn description() -> String {
        let chosen = Self::chosen();
        match wanted() {
            Some(other) if !chosen.is_called(&other) => {
                format!("{}, not NDFERRY_ISA={other:?}", chosen.name())
            }
            _ => chosen.name().into(),
        }
    }

    fn is_called(self, name: &str) -> bool {
        name == self.name() || name == "baseline" && self == Self::Baseline
    }

    /// A name that nothing here has asks for nothing.
    fn choose(wanted: Option<&str>) -> Self {
        let most = Self::ALL.into_iter().find(|isa| wanted.is_some_and(|name| isa.is_called(name)));
        let fits = |isa: &Self| *isa <= most.unwrap_or(Self::Avx512) && isa.is_available();
        Self::ALL.into_iter().rev().find(fits).unwrap_or(Self::Baseline)
    }
}

/// What the environment asks for; an empty variable asks for nothing.
fn wanted() -> Option<String> {
    let value = std::env::var_os("NDFERRY_ISA")?;
    Some(value.to_string_lossy().into_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_instruction_set_is_there_and_the_one_that_the_environment_names() {
        assert!(Isa::chosen().is_available());
        let named = Isa::ALL.into_iter().filter(|isa| wanted().is_some_and(|name| isa.is_called(&name)));
        assert!(named.into_iter().all(|isa| isa == Isa::chosen() || !isa.is_available()));
    }

    #[test]
    fn a_name_asks_for_its_instruction_set_and_an_unknown_one_for_nothing() {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            assert_eq!(Isa::choose(Some(isa.name())), isa);
        }
        assert_eq!(Isa::choose(Some("baseline")), Isa::Baseline);
        assert_eq!(Isa::choose(Some("AVX-1024")), Isa::choose(None));
    }
}
