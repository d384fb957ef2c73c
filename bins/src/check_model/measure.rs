//! How long a model takes.

use clockwork_runtime::clock;
use clockwork_wire::{BatchSize, Span};
use serde::Serialize;

use super::subject::Subject;
use crate::Failure;

/// How long one batch size takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Latency {
    /// The batch size.
    pub(super) batch: u16,
    /// Bytes of workspace.
    pub(super) workspace: usize,
    /// The execution.
    #[serde(flatten)]
    pub(super) execution: Durations,
    /// On a GPU, the execution and the copies before and after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) with_copies: Option<Durations>,
}

/// Durations of many runs, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "they are names in JSON, where the unit belongs to them"
)]
pub(super) struct Durations {
    pub(super) mean_ms: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    pub(super) max_ms: f64,
}

/// Milliseconds that it takes to copy the weights to their pages, on average.
pub(super) fn transfer(subject: &mut Subject) -> Result<f64, Failure> {
    let mut spans = Vec::with_capacity(TRANSFERS);
    for _ in 0..TRANSFERS {
        let begin = clock::now();
        subject.machine.load()?;
        spans.push(clock::now() - begin);
    }
    Ok(mean(&spans).as_millis_f64())
}

/// Warms up, and measures so many runs of a batch one after the other.
pub(super) fn latency(
    subject: &mut Subject,
    batch: BatchSize,
    runs: usize,
) -> Result<Latency, Failure> {
    let machine = &mut subject.machine;
    for _ in 0..WARM_UPS {
        machine.run(batch)?;
    }
    let mut took = Vec::with_capacity(runs);
    for _ in 0..runs {
        took.push(machine.run(batch)?.1);
    }
    let with_copies: Option<_> = took.iter().map(|took| took.with_copies).collect();
    Ok(Latency {
        batch: batch.get(),
        workspace: machine.workspace_bytes(batch)?,
        execution: Durations::of(took.iter().map(|took| took.execution).collect()),
        with_copies: with_copies.map(Durations::of),
    })
}

impl Durations {
    fn of(mut spans: Vec<Span>) -> Self {
        spans.sort_unstable();
        let at = |thousandths| quantile(&spans, thousandths).as_millis_f64();
        Self {
            mean_ms: mean(&spans).as_millis_f64(),
            p50_ms: at(500),
            p99_ms: at(990),
            p999_ms: at(999),
            max_ms: at(1000),
        }
    }
}

fn mean(spans: &[Span]) -> Span {
    let total = spans.iter().fold(Span::ZERO, |total, &span| total + span);
    let count = u64::try_from(spans.len().max(1)).expect("a length fits 64 bits");
    Span::new(total.get() / count)
}

/// The smallest of sorted spans that at least so many thousandths do not exceed.
fn quantile(sorted: &[Span], thousandths: usize) -> Span {
    let rank = (sorted.len() * thousandths).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied().unwrap_or(Span::ZERO)
}

/// Runs before any that counts.
pub(super) const WARM_UPS: usize = 10;
const TRANSFERS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_measured_values() {
        let spans: Vec<Span> = (1..=100).map(Span::new).collect();
        let of = |thousandths| quantile(&spans, thousandths).get();
        assert_eq!([500, 990, 999, 1000].map(of), [50, 99, 100, 100]);
        assert_eq!(quantile(&spans[..1], 500).get(), 1);
        assert_eq!(mean(&spans).get(), 50);
    }
}
