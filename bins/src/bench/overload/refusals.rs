//! How soon requests that cannot be served are told so.

use crate::Failure;
use crate::bench::system::{Remains, Window};
use crate::bench::tables;
use clockwork_wire::Status;

/// How long requests waited to hear that they are not served, in nanoseconds, and how complete
/// the logs are.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// From arrival to refusal at the controller, of requests that it refused early.
    pub(super) refused: Vec<u64>,
    /// The same of all requests that were answered without an output.
    pub(super) unserved: Vec<u64>,
    /// From the time a request was meant to be sent to its refusal at the client.
    pub(super) at_client: Vec<u64>,
    /// Rows of the controller's log, the warm-up included.
    pub(super) logged: u64,
    /// Records of the clients, the warm-up included.
    pub(super) recorded: u64,
}

impl Refusals {
    /// Of what a system has left behind.
    ///
    /// # Errors
    /// If a log cannot be read.
    pub(super) fn read(remains: &Remains, window: Window) -> Result<Self, Failure> {
        let mut found = Self::default();
        tables::read(
            &remains.request_log(),
            ["t", "result", "latency"],
            |[t, result, latency]| {
                found.logged += 1;
                if result != 0 && window.holds_ns(t) {
                    found.unserved.push(latency);
                    if is_refusal(result) {
                        found.refused.push(latency);
                    }
                }
            },
        )?;
        for records in remains.records() {
            tables::read(&records, ["intended", "received", "status"], |[from, to, status]| {
                found.recorded += 1;
                if is_refusal(status) && window.holds_ns(from) {
                    found.at_client.push(to.saturating_sub(from));
                }
            })?;
        }
        Ok(found)
    }

    /// 99th percentiles in microseconds: refused at the controller, unserved there, refused at the
    /// client.
    pub(super) fn p99_us(&mut self) -> [Option<f64>; 3] {
        [&mut self.refused, &mut self.unserved, &mut self.at_client].map(|values| {
            Some(clockwork_wire::Span::new(tables::percentile(values, 990)?).as_f64() / 1e3)
        })
    }
}

fn is_refusal(status: u64) -> bool {
    [Status::REFUSED, Status::OVERLOADED].iter().any(|refusal| u64::from(refusal.get()) == status)
}
