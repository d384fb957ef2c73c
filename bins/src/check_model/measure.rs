//! How long a model takes.

use clockwork_runtime::clock;
use clockwork_wire::{BatchSize, Span};
use serde::Serialize;

use super::subject::Subject;
use crate::Failure;

/// Durations of one batch size, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Latency {
    /// The batch size.
    pub(super) batch: u16,
    /// Bytes of workspace.
    pub(super) workspace: usize,
    pub(super) mean_ms: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    pub(super) max_ms: f64,
}

/// Milliseconds that it takes to copy the weights to their pages, on average.
pub(super) fn transfer(subject: &mut Subject) -> Result<f64, Failure> {
    let spans = spans(TRANSFERS, || Ok(subject.alone.load()?))?;
    Ok(mean(&spans).as_millis_f64())
}

/// Warms up, and measures so many runs of a batch one after the other.
pub(super) fn latency(
    subject: &mut Subject,
    batch: BatchSize,
    runs: usize,
) -> Result<Latency, Failure> {
    let mut once = || Ok(subject.alone.run(batch).map(|_| ())?);
    spans(WARM_UPS, &mut once)?;
    let mut spans = spans(runs, once)?;
    let workspace = subject.alone.sizes(batch)?.workspace * size_of::<f32>();
    let mean_ms = mean(&spans).as_millis_f64();
    spans.sort_unstable();
    let [p50_ms, p99_ms, p999_ms, max_ms] =
        [500, 990, 999, 1000].map(|rank| quantile(&spans, rank).as_millis_f64());
    Ok(Latency { batch: batch.get(), workspace, mean_ms, p50_ms, p99_ms, p999_ms, max_ms })
}

fn spans(
    count: usize,
    mut work: impl FnMut() -> Result<(), Failure>,
) -> Result<Vec<Span>, Failure> {
    let mut spans = Vec::with_capacity(count);
    for _ in 0..count {
        let begin = clock::now();
        work()?;
        spans.push(clock::now() - begin);
    }
    Ok(spans)
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
