//! A worker's state. Models with consecutive ids and equal profiles travel as one run.

use std::collections::HashMap;
use std::sync::Arc;

use flatbuffers::{FlatBufferBuilder, WIPOffset};

use super::generated as fb;
use super::profile::{profile, put_profile};
use super::word::{action_id, copies, put_action_id};
use super::{DecodeError, NAME_MAX, RUN_MAX, check};
use crate::{
    ActionId, DeviceState, GpuId, LoadedModel, ModelId, ModelProfile, PAGE_BYTES, Pages,
    WorkerState,
};

/// # Panics
/// If a name is longer than [`NAME_MAX`].
pub(super) fn put_state(
    builder: &mut FlatBufferBuilder<'static>,
    query: ActionId,
    state: &WorkerState,
) -> WIPOffset<fb::WorkerState<'static>> {
    let devices: Vec<_> = state.devices.iter().map(|d| put_device(builder, d)).collect();
    let devices = Some(builder.create_vector(&devices));
    let (profiles, runs) = put_models(builder, &state.models);
    let profiles = Some(builder.create_vector(&profiles));
    let models = Some(builder.create_vector(&runs));
    fb::WorkerState::create(
        builder,
        &fb::WorkerStateArgs {
            query: Some(&put_action_id(query)),
            page_bytes: state.page_bytes,
            host_io_pool: state.host_io_pool,
            devices,
            profiles,
            models,
        },
    )
}

/// The state and the question that it answers. Runs may expand to `limit` bytes in all states of
/// a frame together, which `expanded` counts.
pub(super) fn state(
    raw: fb::WorkerState<'_>,
    limit: u32,
    expanded: &mut u64,
) -> Result<(ActionId, WorkerState), DecodeError> {
    check::equal("worker_state.page_bytes", raw.page_bytes(), PAGE_BYTES)?;
    let devices = raw.devices().into_iter().flatten().map(device);
    let devices: Vec<_> = devices.collect::<Result<_, _>>()?;
    check::rising("worker_state.devices: gpu", devices.iter().map(|d| d.gpu.get()))?;
    let state = WorkerState {
        page_bytes: raw.page_bytes(),
        host_io_pool: raw.host_io_pool(),
        devices,
        models: models(raw, limit, expanded)?,
    };
    Ok((action_id(raw.query()), state))
}

fn put_device(
    builder: &mut FlatBufferBuilder<'static>,
    device: &DeviceState,
) -> WIPOffset<fb::DeviceState<'static>> {
    assert!(device.class.len() <= NAME_MAX, "a device class has at most {NAME_MAX} bytes");
    let class = Some(builder.create_string(&device.class));
    let loaded = device.loaded.iter().map(|model| model.get());
    let loaded = Some(builder.create_vector_from_iter(loaded));
    fb::DeviceState::create(
        builder,
        &fb::DeviceStateArgs {
            gpu: device.gpu.get(),
            device_class: class,
            pages: device.pages.get(),
            io_pool: device.io_pool,
            workspace_pool: device.workspace_pool,
            loaded,
        },
    )
}

fn device(raw: fb::DeviceState<'_>) -> Result<DeviceState, DecodeError> {
    let loaded = raw.loaded();
    check::rising("device_state.loaded", loaded.into_iter().flatten())?;
    Ok(DeviceState {
        gpu: GpuId::new(raw.gpu()),
        class: check::name("device_state.device_class length", raw.device_class())?,
        pages: Pages::new(raw.pages()),
        io_pool: raw.io_pool(),
        workspace_pool: raw.workspace_pool(),
        loaded: loaded.into_iter().flatten().map(ModelId::new).collect(),
    })
}

fn follows(a: &LoadedModel, b: &LoadedModel) -> bool {
    a.model.get().checked_add(1) == Some(b.model.get()) && a.profile == b.profile
}

/// The different profiles, each written once, and the runs of models that have them.
fn put_models(
    builder: &mut FlatBufferBuilder<'static>,
    models: &[LoadedModel],
) -> (Vec<WIPOffset<fb::ModelProfile<'static>>>, Vec<fb::LoadedModels>) {
    let (mut profiles, mut numbers) = (Vec::new(), HashMap::new());
    let runs = models.chunk_by(follows).flat_map(|run| run.chunks(RUN_MAX));
    let runs = runs.map(|run| {
        let profile = &run[0].profile;
        let number = *numbers.entry(profile).or_insert_with(|| {
            profiles.push(put_profile(builder, profile));
            u32::try_from(profiles.len() - 1).expect("there are fewer profiles than ids")
        });
        let copies = u32::try_from(run.len()).expect("ids are 32 bits");
        fb::LoadedModels::new(run[0].model.get(), copies, number)
    });
    let runs = runs.collect();
    (profiles, runs)
}

fn models(
    raw: fb::WorkerState<'_>,
    limit: u32,
    expanded: &mut u64,
) -> Result<Vec<LoadedModel>, DecodeError> {
    let profiles = raw.profiles().into_iter().flatten().map(|raw| Ok(Arc::new(profile(raw)?)));
    let profiles: Vec<_> = profiles.collect::<Result<_, DecodeError>>()?;
    let mut models = Vec::new();
    let mut bound = 0_u64;
    for run in raw.models().into_iter().flatten() {
        let first = ModelId::new(run.model());
        check::not_before("loaded_models.model", first.get(), bound)?;
        let copies = copies("loaded_models.copies", first, run.copies(), 1)?;
        bound = u64::from(first.get()) + u64::from(copies);
        let profile = numbered(&profiles, run.profile())?;
        *expanded += u64::from(copies) * check::wide(size_of::<LoadedModel>());
        check::length("worker_state.models: expanded size", *expanded, limit)?;
        models.extend((0..copies).map(|copy| LoadedModel {
            model: ModelId::new(first.get() + copy),
            profile: Arc::clone(profile),
        }));
    }
    Ok(models)
}

fn numbered(
    profiles: &[Arc<ModelProfile>],
    number: u32,
) -> Result<&Arc<ModelProfile>, DecodeError> {
    let profile = usize::try_from(number).ok().and_then(|number| profiles.get(number));
    profile.ok_or_else(|| DecodeError::OutOfRange {
        field: "loaded_models.profile",
        value: number.into(),
        min: 0,
        max: check::wide(profiles.len()).saturating_sub(1),
    })
}
