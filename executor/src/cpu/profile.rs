//! How long a model takes on this machine.

use std::io;

use clockwork_wire::{BatchProfile, ModelProfile, Span};

use super::device_core::Host;
use super::isa::Kernels;
use super::memory::{Region, WeightsCache};
use super::program::{Model, Program};
use super::run::Memory;
use crate::durations::{Durations, Shelf};
use crate::{ModelSource, Prepare, Stop, Unprepared, Wanted};

/// What the model is on this class of devices, as it was measured before or is now; in words why it cannot be
/// measured.
pub(super) fn profile(
    host: &Host,
    kernels: Kernels,
    class: &str,
    model: &Model,
    stop: &Stop,
) -> Result<ModelProfile, String> {
    let shelf = model.artifact().and_then(|it| Shelf::of(it, class, &format!("{kernels:?}")));
    let kept = shelf.as_ref().and_then(|shelf| shelf.read(&model.batches()));
    let Durations { load, batches } = match kept {
        Some(kept) => kept,
        None => measure(host, kernels, model, stop)
            .inspect(|measured| shelf.iter().for_each(|shelf| shelf.keep(measured)))?,
    };
    let (input_size, output_size) = model.io_bytes();
    Ok(ModelProfile {
        name: model.name().to_owned(),
        input_size,
        output_size,
        weights_size: u64::try_from(model.weights().len()).expect("a length fits 64 bits"),
        pages: model.weights().pages(),
        load,
        batches,
    })
}

/// Measures models where nobody waits, which takes seconds for a large one.
#[derive(Debug)]
pub(super) struct Ahead {
    pub(super) host: Host,
    pub(super) class: String,
}

/// A compiled model that lies in a folder and was not measured before on this class of devices is
/// measured, so that the device finds how long it takes. Other models are left to the device.
impl Prepare for Ahead {
    fn prepare_ahead(
        &mut self,
        source: &ModelSource,
        _copies: u32,
        _wanted: Wanted,
        stop: &Stop,
    ) -> Result<(), Unprepared> {
        match Model::of(source) {
            Some(model) if model.artifact().is_some_and(|artifact| artifact.folder().is_some()) => {
                let measured = profile(&self.host, Kernels::detect(), &self.class, &model, stop);
                measured.map(drop).map_err(Unprepared::from)
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// It is measured in memory of its own, so that nothing that is loaded has to leave.
fn measure(host: &Host, kernels: Kernels, model: &Model, stop: &Stop) -> Result<Durations, String> {
    let weights = model.weights();
    let mut cache = WeightsCache::new(weights.pages()).map_err(|error| no_memory(&error))?;
    let begin = host.now();
    let loaded = cache.load((0..weights.pages().get()).collect(), weights)?;
    let load = host.now() - begin;
    let floats = loaded.floats().ok_or("weights that were loaded are not all there")?;
    let batches = model.batches().into_iter().map(|batch| {
        let program = model.program(batch).expect("a model has what it says it has");
        Ok(BatchProfile { batch, exec: time(host, kernels, &program, floats, stop)? })
    });
    Ok(Durations { load, batches: batches.collect::<Result<_, String>>()? })
}

/// How long a batch takes: the second longest of the runs, because an estimate must not be
/// optimistic, but one interruption by somebody else's work is no property of the model.
fn time(
    host: &Host,
    kernels: Kernels,
    program: &Program,
    weights: &[f32],
    stop: &Stop,
) -> Result<Span, String> {
    let sizes = program.sizes();
    let region = |elements: usize| {
        Region::new(elements * size_of::<f32>()).map_err(|error| no_memory(&error))
    };
    let input = region(sizes.input)?;
    let (mut output, mut workspace) = (region(sizes.output)?, region(sizes.workspace)?);
    let mut once = || {
        stop.check().map_err(|stopped| stopped.to_string())?;
        let begin = host.now();
        let memory = Memory {
            input: input.floats(),
            output: output.floats_mut(),
            workspace: workspace.floats_mut(),
            weights,
        };
        program.run(kernels, memory).map(|()| host.now() - begin)
    };
    for _ in 0..WARM_UPS {
        once()?;
    }
    let (mut longest, mut second, mut total) = (Span::ZERO, Span::ZERO, Span::ZERO);
    for _ in 0..RUNS {
        let span = once()?;
        (longest, second) = (longest.max(span), second.max(span.min(longest)));
        total += span;
        if total > BUDGET && !second.is_zero() {
            break;
        }
    }
    Ok(second)
}

fn no_memory(error: &io::Error) -> String {
    format!("memory for measuring: {error}")
}

const WARM_UPS: usize = 2;
const RUNS: usize = 20;

/// No batch size is measured for longer, except that two runs are needed.
const BUDGET: Span = Span::from_millis(200);
