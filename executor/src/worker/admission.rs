//! Whether an action makes sense: everything that can be said before it is due.

use clockwork_wire::{Action, ActionKind, BatchSize, Encoding, ModelProfile, Nanos, Pages, Status};

use super::task::{Task, unknown_model};
use crate::Inputs;

/// What a worker accepts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether inputs may be absent.
    pub(crate) allow_zero_size_inputs: bool,
}

/// A task for an action that makes sense, or the status that says what is wrong with it.
pub(crate) fn admit(
    rules: Rules,
    action: Action,
    inputs: Inputs,
    received: Nanos,
    profile: Option<&ModelProfile>,
) -> Result<Task, Status> {
    if action.window.earliest > action.window.latest {
        return Err(Status::INVALID_ACTION);
    }
    let Some(profile) = profile else { return Err(unknown_model(action.kind)) };
    if !is_possible(&action, profile.pages) {
        return Err(Status::INVALID_ACTION);
    }
    let mut task = Task { action, received, inputs, pages: profile.pages, io_bytes: 0 };
    match action.kind {
        ActionKind::Load | ActionKind::Evict => {}
        ActionKind::Infer { batch } => {
            // The profile has the batch sizes that were prepared, and the controller was told.
            if profile.exec(batch).is_none() {
                return Err(Status::BAD_BATCH_SIZE);
            }
            check_inputs(rules, &task.inputs, batch, profile.input_size)?;
            task.io_bytes = io_bytes(profile, batch).ok_or(Status::IO_POOL)?;
        }
    }
    Ok(task)
}

/// Whether an action can be about these pages of a model: any of them can be loaded; those at its end
/// can be evicted; all of them are needed to execute.
fn is_possible(action: &Action, total: Pages) -> bool {
    let Some(pages) = action.pages.of(total) else { return false };
    match action.kind {
        ActionKind::Load => true,
        ActionKind::Evict => pages.end == total.get(),
        ActionKind::Infer { .. } => action.pages.is_whole(),
    }
}

/// Whether the inputs are what the model takes.
fn check_inputs(
    rules: Rules,
    inputs: &Inputs,
    batch: BatchSize,
    input_size: u32,
) -> Result<(), Status> {
    let absent = inputs.sizes.iter().all(|&size| size == 0);
    if absent {
        let allowed = rules.allow_zero_size_inputs && inputs.body.is_empty();
        return if allowed { Ok(()) } else { Err(Status::BAD_INPUT_SIZE) };
    }
    let fits = inputs.sizes.len() == batch.count();
    let sum: u64 = inputs.sizes.iter().map(|&size| u64::from(size)).sum();
    let sums_up = u64::try_from(inputs.body.len()) == Ok(sum);
    match inputs.encoding {
        Encoding::Raw => {
            let exact = inputs.sizes.iter().all(|&size| size == input_size);
            if fits && exact && sums_up { Ok(()) } else { Err(Status::BAD_INPUT_SIZE) }
        }
        Encoding::Lz4 => {
            let none_empty = inputs.sizes.iter().all(|&size| size > 0);
            let consistent = fits && none_empty && sums_up;
            if consistent { Ok(()) } else { Err(Status::BAD_COMPRESSED_SIZES) }
        }
    }
}

/// Bytes on the device for the inputs and outputs of a batch; `None` if the outputs of one batch
/// could not even be reported.
fn io_bytes(profile: &ModelProfile, batch: BatchSize) -> Option<u64> {
    let outputs = profile.output_size.checked_mul(u32::from(batch.get()))?;
    let inputs = u64::from(profile.input_size) * u64::from(batch.get());
    Some(inputs + u64::from(outputs))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { allow_zero_size_inputs: true };

    fn check(sizes: &[u32], body: usize, encoding: Encoding) -> Result<(), Status> {
        let inputs = Inputs { body: vec![0; body].into(), sizes: sizes.to_vec(), encoding };
        check_inputs(RULES, &inputs, BatchSize::new(2).unwrap(), 8)
    }

    #[test]
    fn raw_inputs_have_exactly_the_models_size() {
        assert_eq!(check(&[8, 8], 16, Encoding::Raw), Ok(()));
        assert_eq!(check(&[8, 7], 15, Encoding::Raw), Err(Status::BAD_INPUT_SIZE));
        assert_eq!(check(&[8], 8, Encoding::Raw), Err(Status::BAD_INPUT_SIZE));
        assert_eq!(check(&[8, 8], 17, Encoding::Raw), Err(Status::BAD_INPUT_SIZE));
        assert_eq!(check(&[8, 0], 8, Encoding::Raw), Err(Status::BAD_INPUT_SIZE));
    }

    #[test]
    fn compressed_sizes_sum_to_the_body() {
        assert_eq!(check(&[3, 5], 8, Encoding::Lz4), Ok(()));
        assert_eq!(check(&[3, 5], 9, Encoding::Lz4), Err(Status::BAD_COMPRESSED_SIZES));
        assert_eq!(check(&[8], 8, Encoding::Lz4), Err(Status::BAD_COMPRESSED_SIZES));
        assert_eq!(check(&[u32::MAX, 1], 8, Encoding::Lz4), Err(Status::BAD_COMPRESSED_SIZES));
    }

    #[test]
    fn inputs_may_be_absent_only_where_that_is_allowed() {
        assert_eq!(check(&[0, 0], 0, Encoding::Raw), Ok(()));
        assert_eq!(check(&[0, 0], 1, Encoding::Raw), Err(Status::BAD_INPUT_SIZE));
        let strict = Rules { allow_zero_size_inputs: false };
        let none = check_inputs(strict, &Inputs::default(), BatchSize::ONE, 8);
        assert_eq!(none, Err(Status::BAD_INPUT_SIZE));
    }
}
