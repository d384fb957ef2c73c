//! The instruction set that kernels are run with, chosen once.
#![expect(unsafe_code, reason = "an instruction set is switched on for code that may use it")]

use std::fmt;

use super::lanes::{Lanes, Quad};
#[cfg(target_arch = "x86_64")]
use super::lanes::{Ymm, Zmm};
use super::tile::{self, Set};

/// The kernels for the processor that we run on.
#[derive(Clone, Copy)]
pub struct Kernels {
    isa: Isa,
}

/// An instruction set; there is a value of one only where the processor has it.
#[derive(Clone, Copy, Debug)]
enum Isa {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Something that is done with vector registers.
pub(super) trait Work {
    /// Does it. To be inlined, so that it is compiled for the instruction set of `V`.
    fn run<V: Lanes>(self);
}

impl Kernels {
    /// The fastest kernels that this processor has instructions for.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let fused = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if fused && is_x86_feature_detected!("avx512f") {
                return Self { isa: Isa::Avx512 };
            }
            if fused {
                return Self { isa: Isa::Avx2 };
            }
        }
        Self::portable()
    }

    /// Kernels that any processor can run.
    pub fn portable() -> Self {
        Self { isa: Isa::Portable }
    }

    /// All kernels that this processor can run, the fastest last.
    pub fn all() -> impl Iterator<Item = Self> {
        let mut all = vec![Self::portable()];
        #[cfg(target_arch = "x86_64")]
        {
            let fused = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            all.extend(fused.then_some(Self { isa: Isa::Avx2 }));
            let wide = fused && is_x86_feature_detected!("avx512f");
            all.extend(wide.then_some(Self { isa: Isa::Avx512 }));
        }
        all.into_iter()
    }

    /// The microkernels of matrix products.
    pub(super) fn tiles(self) -> Set {
        match self.isa {
            Isa::Portable => tile::PORTABLE,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => tile::AVX2,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => tile::AVX512,
        }
    }

    /// Does some work, compiled for the instruction set.
    pub(super) fn work<W: Work>(self, work: W) {
        match self.isa {
            Isa::Portable => work.run::<Quad>(),
            // SAFETY: there is such a value only where the processor has the instructions.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { with_avx2(work) },
            // SAFETY: there is such a value only where the processor has the instructions.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { with_avx512(work) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<W: Work>(work: W) {
    work.run::<Ymm>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f")]
fn with_avx512<W: Work>(work: W) {
    work.run::<Zmm>();
}

/// Prints the instruction set only.
impl fmt::Debug for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kernels({:?})", self.isa)
    }
}
