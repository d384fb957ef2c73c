//! The manifest: what an artifact says of its model.

use std::collections::BTreeMap;

use clockwork_wire::{BatchSize, PAGE_BYTES};
use serde::{Deserialize, Serialize};

use super::{ArtifactError, Target};

/// The format that this version writes and reads.
pub const FORMAT: u32 = 5;

/// The manifest's file name.
pub const MANIFEST: &str = "manifest.json";

/// What an artifact says of its model. Nothing in it depends on the machine that compiled it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// What the model calls itself; clients ask for it by the folder's name.
    pub name: String,
    /// The inputs. A request's bytes are theirs, one after the other without gaps.
    pub inputs: Vec<Tensor>,
    /// The outputs. An answer's bytes are theirs, one after the other without gaps.
    pub outputs: Vec<Tensor>,
    /// Bytes of a weights page.
    pub page_bytes: u64,
    /// Supported batch sizes in rising order; the first is 1.
    pub batches: Vec<u16>,
    /// The compiled forms.
    pub variants: BTreeMap<Target, VariantEntry>,
}

/// One input or output tensor, as one request has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tensor {
    /// Its name in the model.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// What its elements are.
    #[serde(default, skip_serializing_if = "Scalar::is_float")]
    pub scalar: Scalar,
    /// Its bytes.
    pub bytes: u32,
}

/// What an element is, little-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scalar {
    /// A 32-bit float.
    #[default]
    Float32,
    /// A 32-bit integer: an index, a mask. Computed with as a float, exactly up to 2^24.
    Int32,
    /// A 64-bit integer; likewise.
    Int64,
}

impl Scalar {
    /// Bytes of one.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Float32 | Self::Int32 => 4,
            Self::Int64 => 8,
        }
    }

    /// Whether it is a float.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    fn is_float(&self) -> bool {
        *self == Self::Float32
    }
}

/// One compiled form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantEntry {
    /// Bytes of `weights.bin`.
    pub weights_bytes: u64,
    /// SHA-256 of `weights.bin`, in hexadecimal.
    pub weights_sha256: String,
    /// That of each batch size's plan, in the order of the batch sizes: see [`super::PlanFile::sha256`].
    pub plans_sha256: Vec<String>,
}

impl Tensor {
    /// A tensor; `None` beyond 4 GiB.
    pub fn new(name: &str, shape: &[usize], scalar: Scalar) -> Option<Self> {
        let elements = shape.iter().try_fold(1_usize, |n, &dim| n.checked_mul(dim))?;
        let bytes = u32::try_from(elements.checked_mul(scalar.bytes())?).ok()?;
        Some(Self { name: name.to_owned(), shape: shape.to_vec(), scalar, bytes })
    }

    /// Words of 4 bytes that it takes: a float is one.
    ///
    /// # Panics
    /// If `bytes` exceeds the address space, which only a 16-bit machine has too little of.
    pub fn words(&self) -> usize {
        usize::try_from(self.bytes).expect("a tensor fits the address space") / size_of::<f32>()
    }
}

impl Manifest {
    /// The manifest in these bytes, with every field checked.
    ///
    /// # Errors
    /// Names the field that cannot be trusted.
    pub fn parse(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| ArtifactError::invalid(MANIFEST, "content", error.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The first of these targets that the model was compiled for.
    ///
    /// # Errors
    /// If it was compiled for none of them.
    pub fn first_of(&self, wanted: &[Target]) -> Result<Target, ArtifactError> {
        let known = wanted.iter().copied().find(|target| self.variants.contains_key(target));
        known.ok_or_else(|| {
            let names = |targets: &mut dyn Iterator<Item = &Target>| -> Vec<&'static str> {
                targets.map(|target| target.name()).collect()
            };
            let there = names(&mut self.variants.keys()).join(", ");
            let wanted = names(&mut wanted.iter()).join(" or ");
            let reason = format!("{there}; wanted {wanted}: compile the model again");
            ArtifactError::invalid(MANIFEST, "variants", reason)
        })
    }

    /// Bytes of a request: all inputs.
    pub fn input_bytes(&self) -> u32 {
        total(&self.inputs).unwrap_or(u32::MAX)
    }

    /// Bytes of an answer: all outputs.
    pub fn output_bytes(&self) -> u32 {
        total(&self.outputs).unwrap_or(u32::MAX)
    }

    /// Words of 4 bytes of a request and of an answer.
    pub fn words(&self) -> (usize, usize) {
        let words = |tensors: &[Tensor]| tensors.iter().map(Tensor::words).sum();
        (words(&self.inputs), words(&self.outputs))
    }

    fn check(&self) -> Result<(), ArtifactError> {
        let invalid =
            |field: &str, reason: String| Err(ArtifactError::invalid(MANIFEST, field, reason));
        if self.format != FORMAT {
            return invalid("format", format!("{}; this version reads {FORMAT}", self.format));
        }
        if self.page_bytes != PAGE_BYTES {
            return invalid("page_bytes", format!("{}; it must be {PAGE_BYTES}", self.page_bytes));
        }
        for (field, tensors) in [("inputs", &self.inputs), ("outputs", &self.outputs)] {
            if total(tensors).is_none_or(|bytes| bytes == 0) {
                let reason = format!("{} tensors; supported: 4 B to 4 GiB in all", tensors.len());
                return invalid(field, reason);
            }
            for (index, tensor) in tensors.iter().enumerate() {
                let Tensor { name, shape, scalar, .. } = tensor;
                if tensor.bytes == 0 || Tensor::new(name, shape, *scalar).as_ref() != Some(tensor) {
                    let reason =
                        format!("{}; shape {shape:?} of {scalar:?} has others", tensor.bytes);
                    return invalid(&format!("{field}[{index}].bytes"), reason);
                }
            }
        }
        let rising = self.batches.is_sorted_by(|a, b| a < b);
        let known = self.batches.iter().all(|&batch| BatchSize::new(batch).is_some());
        if self.batches.first() != Some(&1) || !rising || !known {
            let limit = BatchSize::LIMIT;
            let reason = format!("{:?}; they must rise from 1 to at most {limit}", self.batches);
            return invalid("batches", reason);
        }
        for (target, entry) in &self.variants {
            let (found, wanted) = (entry.plans_sha256.len(), self.batches.len());
            if found != wanted {
                let field = format!("variants.{target}.plans_sha256");
                return invalid(&field, format!("{found}; there are {wanted} batch sizes"));
            }
        }
        Ok(())
    }
}

/// Bytes of all; none beyond 4 GiB.
fn total(tensors: &[Tensor]) -> Option<u32> {
    tensors.iter().try_fold(0_u32, |sum, tensor| sum.checked_add(tensor.bytes))
}
