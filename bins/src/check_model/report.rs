//! What is said about a model: lines in the original's shape, or one JSON object.

use serde::Serialize;

use super::agreement::Agreement;
use super::batched::{Batched, Compared};
use super::measure::{Durations, Latency};
use super::steps::StepTime;

/// Everything that was found out.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The model's folder.
    pub(super) model: String,
    /// Where it runs: the GPU as its maker calls it, or `processor`.
    pub(super) device: String,
    /// The numbers that it computes with.
    pub(super) precision: &'static str,
    /// What durations hold for, on a GPU: the GPU, and the versions of its driver and libraries.
    pub(super) versions: Option<String>,
    /// Why it is not a GPU, if one would have been taken.
    pub(super) no_gpu: Option<String>,
    /// Bytes of a request's input.
    pub(super) input_size: usize,
    /// Bytes of a request's output.
    pub(super) output_size: usize,
    /// Bytes of workspace of batch size 1.
    pub(super) workspace: usize,
    /// Bytes of weights.
    pub(super) weights_size: usize,
    /// Bytes of the pages that hold them.
    pub(super) weights_paged: u64,
    /// How many pages.
    pub(super) pages: u64,
    /// Milliseconds to copy the weights to their pages.
    pub(super) transfer_ms: f64,
    /// Durations, for each batch size.
    pub(super) batches: Vec<Latency>,
    /// Where the time of the first batch size goes.
    pub(super) steps: Vec<StepTime>,
    /// Whether a request's output depends on its batch.
    #[serde(flatten)]
    pub(super) batched: Batched,
    /// The largest error that is allowed.
    pub(super) tolerance: f32,
    /// The five largest elements of the output: index and value.
    pub(super) top5: Vec<(usize, f32)>,
    /// Comparison with the golden file, for each output.
    pub(super) golden: Vec<Agreement>,
    /// Comparison with the processor, for each batch size.
    pub(super) against_cpu: Vec<Compared>,
}

impl Report {
    /// Whether all that was checked is as it should be.
    pub(super) fn passed(&self) -> bool {
        self.batched.differs.is_none()
            && self.golden.iter().all(|tensor| tensor.within)
            && self.against_cpu.iter().all(Compared::within)
    }

    /// Lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("Checking {} {}", self.model, self.place()),
            format!("  input_size:  {}", self.input_size),
            format!("  output_size: {}", self.output_size),
            format!("  workspace:   {}", self.workspace),
            format!(
                "  weights size paged (non-paged) [num_pages]: {} ({}) [{}]",
                self.weights_paged, self.weights_size, self.pages
            ),
            format!("  weights transfer latency: {:.2} ms", self.transfer_ms),
            "  execution latency:".to_owned(),
        ];
        lines.extend(self.batches.iter().flat_map(Latency::lines));
        lines.extend(self.steps.iter().map(StepTime::line));
        lines.push(self.batched.line());
        lines.extend(self.golden.iter().map(|tensor| tensor.line("golden")));
        lines.extend(self.against_cpu.iter().flat_map(Compared::lines));
        lines.extend(self.top5.iter().map(|(index, value)| format!("  {index} = {value}")));
        lines
    }

    fn place(&self) -> String {
        match (&self.versions, &self.no_gpu) {
            (Some(versions), _) => format!("in {} on {versions}", self.precision),
            (None, None) => "on the processor".to_owned(),
            (None, Some(why)) => format!("on the processor (no GPU: {why})"),
        }
    }
}

impl Latency {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("    b{}: {}", self.batch, self.execution.line())];
        lines.extend(self.with_copies.map(|all| format!("      with copies: {}", all.line())));
        lines
    }
}

impl Durations {
    fn line(&self) -> String {
        let Self { mean_ms, p50_ms, p99_ms, p999_ms, max_ms } = self;
        format!(
            "{mean_ms:.3} ms  p50={p50_ms:.3} p99={p99_ms:.3} p99.9={p999_ms:.3} max={max_ms:.3}"
        )
    }
}

impl Batched {
    fn line(&self) -> String {
        match (self.differs, self.error) {
            (None, None) => "  batched = single: yes, bit for bit".to_owned(),
            (Some(batch), None) => format!("  batched = single: NO, b{batch} differs"),
            (None, Some(error)) => {
                format!("  batched = single: yes, within {error:.1e} of max|single|")
            }
            (Some(batch), Some(error)) => {
                format!("  batched = single: NO, {error:.1e} of max|single|, first b{batch}")
            }
        }
    }
}

impl Compared {
    fn lines(&self) -> Vec<String> {
        let what = format!("b{} against the processor,", self.batch);
        self.tensors.iter().map(|tensor| tensor.line(&what)).collect()
    }
}

impl Agreement {
    fn line(&self, what: &str) -> String {
        let Self { name, requests, error, .. } = self;
        let verdict = if self.within { "ok" } else { "FAILED" };
        format!("  {what} {name}: {error:.1e} of max|reference| in {requests} requests: {verdict}")
    }
}

/// The five largest elements with their indices; the first of equal ones comes first.
pub(crate) fn top5(values: &[f32]) -> Vec<(usize, f32)> {
    let mut ranked: Vec<_> = values.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked.truncate(5);
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_largest_come_in_order() {
        let values = [0.5, 9.0, -1.0, 9.0, 3.0, 4.0];
        assert_eq!(top5(&values), [(1, 9.0), (3, 9.0), (5, 4.0), (4, 3.0), (0, 0.5)]);
        assert_eq!(top5(&[2.0]), [(0, 2.0)]);
    }
}
