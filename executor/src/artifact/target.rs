//! What a compiled form is for: which kind of device, and which numbers it computes with.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The device and the numbers of one compiled form ([`Variant`](super::Variant)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Target {
    /// A processor, in f32.
    Cpu,
    /// An NVIDIA GPU.
    Cuda(Precision),
}

/// The numbers that a GPU computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// f32 throughout: outputs within 1e-4 of the largest one.
    Fp32,
    /// Tensors in f32, whose last 13 bits are ignored where they are multiplied: within 5e-3.
    Tf32,
    /// Tensors in f16, sums in f32: within 2e-2. Numbers beyond 65,504 overflow.
    Fp16,
}

/// How a number is stored in workspace and weights. Inputs and outputs are always f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Element {
    /// Four bytes.
    #[default]
    F32,
    /// Two bytes.
    F16,
}

impl Target {
    /// Every target, the fastest numbers last.
    pub const ALL: [Self; 4] = [
        Self::Cpu,
        Self::Cuda(Precision::Fp32),
        Self::Cuda(Precision::Tf32),
        Self::Cuda(Precision::Fp16),
    ];

    /// Its name in an artifact.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu-fp32",
            Self::Cuda(Precision::Fp32) => "cuda-fp32",
            Self::Cuda(Precision::Tf32) => "cuda-tf32",
            Self::Cuda(Precision::Fp16) => "cuda-fp16",
        }
    }

    /// How its tensors are stored.
    pub const fn element(self) -> Element {
        match self {
            Self::Cpu | Self::Cuda(Precision::Fp32 | Precision::Tf32) => Element::F32,
            Self::Cuda(Precision::Fp16) => Element::F16,
        }
    }

    /// Where its weights lie in an artifact.
    pub(crate) fn weights_path(self) -> String {
        format!("variants/{self}/weights.bin")
    }

    /// Where its plan for a batch size lies in an artifact.
    pub(crate) fn plan_path(self, batch: u16) -> String {
        format!("variants/{self}/plan.{batch}.json")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|target| target.name() == name);
        known.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|target| target.name()).collect();
            format!("`{name}` is no target; there are {}", names.join(", "))
        })
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.name().to_owned()
    }
}

impl Element {
    /// Bytes of one.
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }
}
