//! Whether a request's output depends on the batch that it is in.
//!
//! On the processor it must not, not in a single bit. A GPU has kernels of its own for each batch size, which
//! add up in other orders: there it must not by more than the tolerance.

use clockwork_wire::BatchSize;
use serde::Serialize;

use super::agreement::{Agreement, agreements};
use super::place::Place;
use super::subject::Subject;
use crate::Failure;

/// How batches compare with single requests.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Batched {
    /// The first batch size whose outputs are not those of single requests, bit for bit or within the
    /// tolerance.
    #[serde(rename = "batched_differs")]
    pub(super) differs: Option<u16>,
    /// Where bits may differ, the largest error of any batch size.
    #[serde(rename = "batched_error")]
    pub(super) error: Option<f32>,
}

/// How far a batch is from a reference.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    /// The batch size.
    pub(super) batch: u16,
    /// Each output tensor.
    pub(super) tensors: Vec<Agreement>,
}

/// Compares batches with single requests on the same device.
pub(super) fn with_single(
    subject: &mut Subject,
    batches: &[BatchSize],
    tolerance: f32,
) -> Result<Batched, Failure> {
    let requests = subject.requests(most(batches));
    let singles = subject.singly(&requests)?;
    if let Place::Processor { .. } = subject.place {
        let differs = differing(subject, batches, (&requests, &singles))?;
        return Ok(Batched { differs, error: None });
    }
    let singles = subject.tensors(&singles);
    let compared = compared(subject, batches, (&requests, &singles), tolerance)?;
    let tensors = || compared.iter().flat_map(|compared| &compared.tensors);
    let beyond = compared.iter().find(|compared| !compared.within());
    // A NaN must not disappear in a maximum.
    let largest = |most: f32, error: f32| if error.is_nan() { error } else { most.max(error) };
    Ok(Batched {
        differs: beyond.map(|compared| compared.batch),
        error: Some(tensors().map(|tensor| tensor.error).fold(0.0, largest)),
    })
}

/// Compares batches with what the processor gives for the same requests.
pub(super) fn with_processor(
    subject: &mut Subject,
    processor: &mut Subject,
    batches: &[BatchSize],
    tolerance: f32,
) -> Result<Vec<Compared>, Failure> {
    let requests = processor.requests(most(batches));
    let reference = processor.singly(&requests)?;
    let reference = processor.tensors(&reference);
    compared(subject, batches, (&requests, &reference), tolerance)
}

impl Compared {
    /// Whether all tensors are within the tolerance.
    pub(super) fn within(&self) -> bool {
        self.tensors.iter().all(|tensor| tensor.within)
    }
}

fn most(batches: &[BatchSize]) -> usize {
    batches.iter().map(|batch| batch.count()).max().unwrap_or(0)
}

/// The first batch size with another bit than single requests have.
fn differing(
    subject: &mut Subject,
    batches: &[BatchSize],
    (requests, singles): (&[Vec<f32>], &[f32]),
) -> Result<Option<u16>, Failure> {
    for &batch in batches {
        let outputs = subject.run(&first(requests, batch))?;
        if !outputs.iter().zip(singles).all(|(a, b)| a.to_bits() == b.to_bits()) {
            return Ok(Some(batch.get()));
        }
    }
    Ok(None)
}

/// Each batch of these requests, and how far it is from their outputs, tensor by tensor.
fn compared(
    subject: &mut Subject,
    batches: &[BatchSize],
    (requests, reference): (&[Vec<f32>], &[Vec<f32>]),
    tolerance: f32,
) -> Result<Vec<Compared>, Failure> {
    let mut compare = |&batch: &BatchSize| {
        let outputs = subject.run(&first(requests, batch))?.to_vec();
        let tensors = agreements(subject, (&outputs, reference), batch.count(), tolerance);
        Ok(Compared { batch: batch.get(), tensors })
    };
    batches.iter().map(&mut compare).collect()
}

fn first(requests: &[Vec<f32>], batch: BatchSize) -> Vec<&[f32]> {
    requests[..batch.count()].iter().map(Vec::as_slice).collect()
}
