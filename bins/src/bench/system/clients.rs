//! What the clients of a run have seen, together.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::Window;
use crate::Failure;

/// What `client --json` writes, as far as it is of use here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::bench) struct Seen {
    /// From when on it was measured, in Unix nanoseconds.
    measured_from: u64,
    /// How long it was measured.
    seconds: f64,
    /// Requests submitted after the warm-up.
    pub(in crate::bench) requests: u64,
    /// Of these, without an answer.
    pub(in crate::bench) unanswered: u64,
    /// Of these, never sent: the controller's credits were used up.
    pub(in crate::bench) refused_locally: u64,
    /// Of these, answered within their deadline.
    pub(in crate::bench) in_time: u64,
    /// Requests submitted per second.
    pub(in crate::bench) offered_rps: f64,
    /// Answered within their deadline, per second.
    pub(in crate::bench) goodput_rps: f64,
    /// Median latency.
    pub(in crate::bench) p50_ms: f64,
    /// 99th percentile of latency.
    pub(in crate::bench) p99_ms: f64,
    /// 99th percentile of the time at the controller of answers without an output.
    pub(in crate::bench) refusal_p99_ms: f64,
    /// Answers that were not in time, by status.
    pub(in crate::bench) errors: BTreeMap<String, u64>,
}

impl Seen {
    /// Reads what a client wrote.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
    }

    /// Takes in what another client saw at the same time. Of percentiles the larger one remains: an
    /// upper bound for both together.
    pub(super) fn merge(self, other: Self) -> Self {
        let mut errors = self.errors;
        for (status, count) in other.errors {
            *errors.entry(status).or_default() += count;
        }
        Self {
            measured_from: self.measured_from.max(other.measured_from),
            seconds: self.seconds.min(other.seconds),
            requests: self.requests + other.requests,
            unanswered: self.unanswered + other.unanswered,
            refused_locally: self.refused_locally + other.refused_locally,
            in_time: self.in_time + other.in_time,
            offered_rps: self.offered_rps + other.offered_rps,
            goodput_rps: self.goodput_rps + other.goodput_rps,
            p50_ms: self.p50_ms.max(other.p50_ms),
            p99_ms: self.p99_ms.max(other.p99_ms),
            refusal_p99_ms: self.refusal_p99_ms.max(other.refusal_p99_ms),
            errors,
        }
    }

    /// When it was measured.
    pub(super) fn window(&self) -> Window {
        let from = std::time::Duration::from_nanos(self.measured_from).as_secs_f64();
        Window { from, to: from + self.seconds }
    }

    /// Answered within their deadline, of all, 0 to 1.
    pub(in crate::bench) fn in_slo(&self) -> f64 {
        self.goodput_rps / self.offered_rps.max(f64::MIN_POSITIVE)
    }

    /// Answers that were not in time.
    pub(in crate::bench) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_clients_add_up() {
        let seen = |goodput: f64| Seen {
            offered_rps: 100.0,
            goodput_rps: goodput,
            p99_ms: goodput,
            errors: BTreeMap::from([("4 (timeout)".to_owned(), 2)]),
            ..Seen::default()
        };
        let both = seen(90.0).merge(seen(50.0));
        assert!((both.in_slo() - 0.7).abs() < 1e-9, "{}", both.in_slo());
        assert!((both.p99_ms - 90.0).abs() < 1e-9);
        assert_eq!(both.failed(), 4);
    }
}
