//! Measures how long a model takes on this machine.

use std::io;

use clockwork_wire::{BatchProfile, ModelProfile, Span};

use super::device_core::Host;
use super::matrix::Kernels;
use super::memory::{Region, WeightsCache};
use super::program::{Model, Program};
use super::run::Memory;

/// What the model is on this machine; in words why it cannot be measured.
///
/// It is measured in memory of its own, so that nothing that is loaded has to leave.
pub(super) fn measure(
    host: &Host,
    kernels: &Kernels,
    model: &Model,
) -> Result<ModelProfile, String> {
    let weights = model.weights();
    let mut cache = WeightsCache::new(weights.pages()).map_err(|error| no_memory(&error))?;
    let begin = host.now();
    let loaded = cache.load((0..weights.pages().get()).collect(), weights)?;
    let load = host.now() - begin;
    let floats = loaded.floats().ok_or("weights that were loaded are not all there")?;
    let batches = model.batches().into_iter().map(|batch| {
        let program = model.program(batch).expect("a model has what it says it has");
        Ok(BatchProfile { batch, exec: time(host, kernels, &program, floats)? })
    });
    let batches = batches.collect::<Result<_, String>>()?;
    let (input_size, output_size) = model.io_bytes();
    Ok(ModelProfile {
        name: model.name().to_owned(),
        input_size,
        output_size,
        weights_size: u64::try_from(weights.len()).expect("a length fits 64 bits"),
        pages: weights.pages(),
        load,
        batches,
    })
}

/// How long a batch takes: the second longest of the runs, because an estimate must not be
/// optimistic, but one interruption by somebody else's work is no property of the model.
fn time(
    host: &Host,
    kernels: &Kernels,
    program: &Program,
    weights: &[f32],
) -> Result<Span, String> {
    let sizes = program.sizes();
    let region = |elements: usize| {
        Region::new(elements * size_of::<f32>()).map_err(|error| no_memory(&error))
    };
    let input = region(sizes.input)?;
    let (mut output, mut workspace) = (region(sizes.output)?, region(sizes.workspace)?);
    let mut once = || {
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
