//! Where a model's time goes, step by step of its plan.

use clockwork_runtime::clock;
use clockwork_wire::{BatchSize, Span};
use serde::Serialize;

use super::machine::Machine;
use super::measure::WARM_UPS;
use super::subject::Subject;
use crate::Failure;

/// A step of a plan, and how long it takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct StepTime {
    /// The node of the model.
    pub(super) node: String,
    /// The kernel that computes it.
    pub(super) kernel: String,
    /// The median, in microseconds; reading the clock is in it.
    pub(super) p50_us: f64,
}

/// The steps of a batch size, each measured in so many runs of them all.
pub(super) fn steps(
    subject: &mut Subject,
    batch: BatchSize,
    runs: usize,
) -> Result<Vec<StepTime>, Failure> {
    let Machine::Processor(alone) = &mut subject.machine else { return Err(OneGraph.into()) };
    let plan = alone.plan(batch).ok_or(Opaque)?;
    let mut steps: Vec<StepTime> = plan
        .file()
        .steps
        .iter()
        .map(|step| {
            let kernel = serde_json::to_value(&step.run).ok();
            let kernel = kernel.and_then(|kernel| Some(kernel.get("kernel")?.as_str()?.to_owned()));
            StepTime { node: step.node.clone(), kernel: kernel.unwrap_or_default(), p50_us: 0.0 }
        })
        .collect();
    let mut spans = vec![Vec::with_capacity(runs); steps.len()];
    for run in 0..WARM_UPS + runs {
        let mut before = clock::now();
        // A step that is repeated counts with all its repetitions.
        let mut spent = vec![Span::ZERO; steps.len()];
        alone.observe(batch, |step| {
            let now = clock::now();
            spent[step] += now - before;
            before = now;
        })?;
        if run >= WARM_UPS {
            spans.iter_mut().zip(spent).for_each(|(spans, spent)| spans.push(spent));
        }
    }
    for (step, spans) in steps.iter_mut().zip(&mut spans) {
        spans.sort_unstable();
        let median = spans.get(spans.len() / 2).copied().unwrap_or(Span::ZERO);
        step.p50_us = median.as_millis_f64() * 1e3;
    }
    Ok(steps)
}

/// The model is a library.
#[derive(Debug, thiserror::Error)]
#[error("the model is a library, whose steps cannot be seen")]
struct Opaque;

/// The model is on a GPU.
#[derive(Debug, thiserror::Error)]
#[error(
    "--steps: a GPU runs all steps as one graph, inside which nothing is measured; --device cpu shows the processor's steps"
)]
struct OneGraph;

impl StepTime {
    pub(super) fn line(&self) -> String {
        format!("    {:>10.1} us  {:20} {}", self.p50_us, self.kernel, self.node)
    }
}
