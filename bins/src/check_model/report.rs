//! What is said about a model: lines in the original's shape, or one JSON object.

use serde::Serialize;

use super::golden::Agreement;
use super::measure::Latency;
use super::steps::StepTime;

/// Everything that was found out.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The model's folder.
    pub(super) model: String,
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
    /// The first batch size whose outputs are not bit for bit those of single requests.
    pub(super) batched_differs: Option<u16>,
    /// The five largest elements of the output: index and value.
    pub(super) top5: Vec<(usize, f32)>,
    /// Comparison with the golden file, for each output.
    pub(super) golden: Vec<Agreement>,
}

impl Report {
    /// Whether all that was checked is as it should be.
    pub(super) fn passed(&self) -> bool {
        self.batched_differs.is_none() && self.golden.iter().all(|tensor| tensor.within)
    }

    /// Lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("Checking {}", self.model),
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
        lines.extend(self.batches.iter().map(Latency::line));
        lines.extend(self.steps.iter().map(StepTime::line));
        lines.push(match self.batched_differs {
            None => "  batched = single: yes, bit for bit".to_owned(),
            Some(batch) => format!("  batched = single: NO, b{batch} differs"),
        });
        lines.extend(self.golden.iter().map(Agreement::line));
        lines.extend(self.top5.iter().map(|(index, value)| format!("  {index} = {value}")));
        lines
    }
}

impl Latency {
    fn line(&self) -> String {
        let Self { batch, mean_ms, p50_ms, p99_ms, p999_ms, max_ms, .. } = self;
        format!(
            "    b{batch}: {mean_ms:.2} ms  p50={p50_ms:.2} p99={p99_ms:.2} p99.9={p999_ms:.2} \
             max={max_ms:.2}"
        )
    }
}

impl Agreement {
    fn line(&self) -> String {
        let Self { name, requests, error, .. } = self;
        let verdict = if self.within { "ok" } else { "FAILED" };
        format!("  golden {name}: {error:.1e} of max|reference| in {requests} requests: {verdict}")
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
