//! A worker's state. Models with consecutive ids and equal profiles travel as one run.

use std::collections::HashMap;
use std::sync::Arc;

use flatbuffers::{FlatBufferBuilder, WIPOffset};

use super::generated as fb;
use super::profile::{profile, put_profile};
use super::word::{action_id, copies, put_action_id};
use super::{DecodeError, NAME_MAX, RUN_MAX, check, word};
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
    let shown = put_shown(&state.models);
    let shown = (!shown.is_empty()).then(|| builder.create_vector(&shown));
    fb::WorkerState::create(
        builder,
        &fb::WorkerStateArgs {
            query: Some(&put_action_id(query)),
            page_bytes: state.page_bytes,
            host_io_pool: state.host_io_pool,
            devices,
            profiles,
            models,
            shown,
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
    let mut models = models(raw, limit, expanded)?;
    show(&mut models, raw)?;
    let (page_bytes, host_io_pool) = (raw.page_bytes(), raw.host_io_pool());
    let state = WorkerState { page_bytes, host_io_pool, devices, models };
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
            shown: ModelId::new(first.get() + copy),
            profile: Arc::clone(profile),
        }));
    }
    Ok(models)
}

/// The runs of models that clients know by other ids than their own.
fn put_shown(models: &[LoadedModel]) -> Vec<fb::ShownModels> {
    let next = |id: ModelId| id.get().checked_add(1);
    let follows = |a: &&LoadedModel, b: &&LoadedModel| {
        (next(a.model), next(a.shown)) == (Some(b.model.get()), Some(b.shown.get()))
    };
    let other: Vec<_> = models.iter().filter(|loaded| loaded.shown != loaded.model).collect();
    let runs = other.chunk_by(follows).flat_map(|run| run.chunks(RUN_MAX));
    let run = |run: &[&LoadedModel]| {
        let copies = u32::try_from(run.len()).expect("ids are 32 bits");
        fb::ShownModels::new(run[0].model.get(), copies, run[0].shown.get())
    };
    runs.map(run).collect()
}

/// Notes by which ids clients know the models, which must be among those of the state.
fn show(models: &mut [LoadedModel], raw: fb::WorkerState<'_>) -> Result<(), DecodeError> {
    let mut bound = 0_u64;
    for run in raw.shown().into_iter().flatten() {
        let (first, shown) = (ModelId::new(run.model()), ModelId::new(run.shown()));
        check::not_before("shown_models.model", first.get(), bound)?;
        let copies = copies("shown_models.copies", first, run.copies(), 1)?;
        word::copies("shown_models.copies from shown", shown, copies, 1)?;
        bound = u64::from(first.get()) + u64::from(copies);
        let begin = models.partition_point(|loaded| loaded.model < first);
        let end = models.partition_point(|loaded| u64::from(loaded.model.get()) < bound);
        check::equal("shown_models: models that are there", check::wide(end - begin), copies)?;
        for (loaded, copy) in models[begin..end].iter_mut().zip(0..) {
            loaded.shown = ModelId::new(shown.get() + copy);
        }
    }
    Ok(())
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
