//! Measures how long a model takes on this machine.

use std::io;
use std::sync::Arc;

use clockwork_wire::{BatchProfile, ModelProfile, Span};

use super::device_core::Host;
use super::matrix::Kernels;
use super::memory::{Region, WeightsCache};
use super::run::{Memory, run};
use crate::artifact::{Artifact, Plan};

/// What the model is on this machine; in words why it cannot be measured.
///
/// It is measured in memory of its own, so that nothing that is loaded has to leave.
pub(super) fn measure(
    host: &Host,
    kernels: &Kernels,
    artifact: &Artifact,
) -> Result<ModelProfile, String> {
    let manifest = artifact.manifest();
    let weights = &artifact.cpu().weights;
    let failed = |error: io::Error| format!("memory for measuring {}: {error}", manifest.name);
    let mut cache = WeightsCache::new(weights.pages()).map_err(failed)?;
    let begin = host.now();
    let loaded = cache.load((0..weights.pages().get()).collect(), weights.bytes())?;
    let load = host.now() - begin;
    let floats = loaded.floats().ok_or("weights that were loaded are not all there")?;
    let batches = artifact
        .cpu()
        .plans
        .iter()
        .map(|plan| {
            Ok(BatchProfile { batch: plan.batch(), exec: time(host, kernels, plan, floats)? })
        })
        .collect::<io::Result<_>>()
        .map_err(failed)?;
    Ok(ModelProfile {
        name: manifest.name.clone(),
        input_size: manifest.input.bytes,
        output_size: manifest.output.bytes,
        weights_size: u64::try_from(weights.bytes().len()).expect("a length fits 64 bits"),
        pages: weights.pages(),
        load,
        batches,
    })
}

/// How long a batch takes: the second longest of the runs, because an estimate must not be
/// optimistic, but one interruption by somebody else's work is no property of the model.
fn time(host: &Host, kernels: &Kernels, plan: &Arc<Plan>, weights: &[f32]) -> io::Result<Span> {
    let sizes = plan.sizes();
    let region = |elements: usize| Region::new(elements * size_of::<f32>());
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
        run(kernels, plan, memory);
        host.now() - begin
    };
    for _ in 0..WARM_UPS {
        once();
    }
    let (mut longest, mut second, mut total) = (Span::ZERO, Span::ZERO, Span::ZERO);
    for _ in 0..RUNS {
        let span = once();
        (longest, second) = (longest.max(span), second.max(span.min(longest)));
        total += span;
        if total > BUDGET && !second.is_zero() {
            break;
        }
    }
    Ok(second)
}

const WARM_UPS: usize = 2;
const RUNS: usize = 20;

/// No batch size is measured for longer, except that two runs are needed.
const BUDGET: Span = Span::from_millis(200);
