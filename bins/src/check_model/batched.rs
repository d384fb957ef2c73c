//! Whether a request's output depends on the batch that it is in. It must not, not in a single bit.

use clockwork_wire::BatchSize;

use super::subject::Subject;
use crate::Failure;

/// The first batch size whose outputs are not those of single requests.
pub(super) fn differing(
    subject: &mut Subject,
    batches: &[BatchSize],
) -> Result<Option<BatchSize>, Failure> {
    let most = batches.iter().map(|batch| usize::from(batch.get())).max().unwrap_or(0);
    let requests = subject.requests(most);
    let mut singles = Vec::new();
    for request in &requests {
        singles.extend(subject.run(&[request])?.iter().map(|value| value.to_bits()));
    }
    for &batch in batches {
        let batched: Vec<&[f32]> =
            requests[..usize::from(batch.get())].iter().map(Vec::as_slice).collect();
        let outputs = subject.run(&batched)?;
        if !outputs
            .iter()
            .map(|value| value.to_bits())
            .eq(singles.iter().copied().take(outputs.len()))
        {
            return Ok(Some(batch));
        }
    }
    Ok(None)
}
