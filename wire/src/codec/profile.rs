//! Model profiles, as results and states contain them.

use flatbuffers::{FlatBufferBuilder, WIPOffset};

use super::generated as fb;
use super::word::batch;
use super::{DecodeError, NAME_MAX, check};
use crate::{BatchProfile, ModelProfile, Pages, Span};

/// # Panics
/// If the name is longer than [`NAME_MAX`].
pub(super) fn put_profile(
    builder: &mut FlatBufferBuilder<'static>,
    profile: &ModelProfile,
) -> WIPOffset<fb::ModelProfile<'static>> {
    assert!(profile.name.len() <= NAME_MAX, "a name has at most {NAME_MAX} bytes");
    let name = Some(builder.create_string(&profile.name));
    let batches =
        profile.batches.iter().map(|b| fb::BatchProfile::new(b.exec.get(), b.batch.get()));
    let batches = Some(builder.create_vector_from_iter(batches));
    fb::ModelProfile::create(
        builder,
        &fb::ModelProfileArgs {
            name,
            input_size: profile.input_size,
            output_size: profile.output_size,
            weights_size: profile.weights_size,
            pages: profile.pages.get(),
            load: profile.load.get(),
            batches,
        },
    )
}

pub(super) fn profile(raw: fb::ModelProfile<'_>) -> Result<ModelProfile, DecodeError> {
    Ok(ModelProfile {
        name: check::name("model_profile.name length", raw.name())?,
        input_size: raw.input_size(),
        output_size: raw.output_size(),
        weights_size: raw.weights_size(),
        pages: Pages::new(raw.pages()),
        load: Span::new(raw.load()),
        batches: batches(raw)?,
    })
}

/// Batch sizes rise from 1.
fn batches(raw: fb::ModelProfile<'_>) -> Result<Vec<BatchProfile>, DecodeError> {
    let raw = raw.batches();
    let first = raw.iter().next().map_or(0, fb::BatchProfile::batch);
    check::equal("model_profile.batches: the first", first, 1_u16)?;
    check::rising("model_profile.batches", raw.iter().map(|b| b.batch().into()))?;
    let batches = raw.iter().map(|b| {
        let exec = Span::new(b.exec());
        Ok(BatchProfile { batch: batch("model_profile.batches", b.batch())?, exec })
    });
    batches.collect()
}
