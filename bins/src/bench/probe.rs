//! One load on one fresh system, as a record of a report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::report::{Better, Row};
use super::system::{ByRole, Carried, Load, Remains, Shape, System, Window};
use crate::Failure;

/// What became of one load. Rates are per second, over the measured part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Probe {
    /// Which configuration; empty if there is only one.
    pub(super) label: String,
    /// Requests per second that were to be offered; 0 in a closed loop.
    pub(super) rate: f64,
    /// Requests per second that were.
    pub(super) offered_rps: f64,
    /// Answered within their deadline.
    pub(super) goodput_rps: f64,
    /// The part of the requests that was, 0 to 1.
    pub(super) in_slo: f64,
    /// Whether it was carried.
    pub(super) passed: bool,
    /// Whether it repeats one that was not, but nearly.
    pub(super) again: bool,
    /// Requests, each in one of the next three.
    pub(super) requests: u64,
    /// Answered within their deadline.
    pub(super) in_time: u64,
    /// Answered otherwise, or never sent.
    pub(super) failed: u64,
    /// Not answered.
    pub(super) unanswered: u64,
    /// Of the failed, those that were never sent: the controller's credits were used up.
    pub(super) refused_locally: u64,
    /// Why they failed.
    pub(super) errors: BTreeMap<String, u64>,
    /// Median latency at the client.
    pub(super) p50_ms: f64,
    /// 99th percentile.
    pub(super) p99_ms: f64,
    /// 99th percentile of the time from arrival to refusal at the controller.
    pub(super) refusal_p99_ms: f64,
    /// CPU microseconds per request of each role.
    pub(super) cpu: Option<PerRequest>,
    /// How often a thread of each role slept, per request.
    #[serde(default)]
    pub(super) sleeps: Option<PerRequest>,
    /// How busy the devices were, 0 to 1.
    pub(super) device_utilisation: Option<f64>,
    /// LOADs per second; a system with many is not warm.
    pub(super) loads_per_s: Option<f64>,
    /// The most memory of the controller.
    pub(super) controller_mib: f64,
}

/// CPU microseconds, or something else, per request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct PerRequest {
    /// Of the controller.
    pub(super) controller: f64,
    /// Of the clients.
    pub(super) client: f64,
    /// Of the workers.
    pub(super) worker: f64,
}

impl Probe {
    /// Puts a load on a fresh system.
    ///
    /// # Errors
    /// If a process fails.
    pub(super) fn run(shape: &Shape, load: &Load) -> Result<Self, Failure> {
        Self::examine(shape, load, &[]).map(|(probe, ..)| probe)
    }

    /// The same with further `settings` of the controller; gives also what the system has left
    /// behind, and when the load counted.
    ///
    /// # Errors
    /// If a process fails.
    pub(super) fn examine(
        shape: &Shape,
        load: &Load,
        settings: &[(&str, &str)],
    ) -> Result<(Self, Remains, Window), Failure> {
        let mut system = System::start(shape, settings)?;
        let carried = system.carry(load)?;
        let remains = system.finish()?;
        Ok((Self::of(shape, load, &carried), remains, carried.window))
    }

    /// What was carried, in figures.
    fn of(shape: &Shape, load: &Load, carried: &Carried) -> Self {
        let Carried { seen, used, devices, controller_mib, .. } = carried;
        let per_request = |used: ByRole, unit: f64| PerRequest {
            controller: used.controller / unit / seen.offered_rps,
            client: used.clients / unit / seen.offered_rps,
            worker: used.workers / unit / seen.offered_rps,
        };
        Self {
            label: String::new(),
            rate: load.traffic.rate(),
            offered_rps: seen.offered_rps,
            goodput_rps: seen.goodput_rps,
            in_slo: seen.in_slo(),
            passed: is_carried(load.traffic.rate(), seen.offered_rps, seen.in_slo()),
            again: false,
            requests: seen.requests,
            in_time: seen.in_time,
            failed: seen.failed(),
            unanswered: seen.unanswered,
            refused_locally: seen.refused_locally,
            errors: seen.errors.clone(),
            p50_ms: seen.p50_ms,
            p99_ms: seen.p99_ms,
            refusal_p99_ms: seen.refusal_p99_ms,
            cpu: used.map(|used| per_request(used.cpu, 1e-6)),
            sleeps: used.map(|used| per_request(used.sleeps, 1.0)),
            device_utilisation: devices.map(|devices| devices.busy / f64::from(shape.gpus())),
            loads_per_s: devices.map(|devices| devices.loads_per_s),
            controller_mib: *controller_mib,
        }
    }

    /// Whether another try might pass.
    pub(super) fn is_close(&self) -> bool {
        !self.passed && self.in_slo >= CLOSE
    }

    /// One line for people.
    pub(super) fn text(&self) -> String {
        let Self { label, rate, offered_rps, in_slo, p99_ms, .. } = self;
        let verdict = if self.passed { "carried" } else { "not carried" };
        let PerRequest { controller, client, worker } = self.cpu.unwrap_or_default();
        format!(
            "{label} {rate:.0}/s: {offered_rps:.0}/s offered, {:.3} % in SLO, p99 {p99_ms:.1} ms, CPU us per request \
             {controller:.2} + {client:.2} + {worker:.2}, devices {:.0} %: {verdict}",
            100.0 * in_slo,
            100.0 * self.device_utilisation.unwrap_or_default()
        )
        .trim_start()
        .to_owned()
    }
}

/// Adds what probes of the same kind have in common to a row.
pub(super) fn describe(row: &mut Row, probes: &[&Probe]) {
    use Better::{Higher, Lower, Neither};
    let all = |of: &dyn Fn(&Probe) -> Option<f64>| -> Vec<f64> {
        probes.iter().filter_map(|probe| of(probe)).collect()
    };
    let cpu = |of: fn(PerRequest) -> f64| all(&|probe| probe.cpu.map(of));
    row.add("controller_cpu_us_per_request", "us", Lower, &cpu(|cpu| cpu.controller));
    row.add("client_cpu_us_per_request", "us", Lower, &cpu(|cpu| cpu.client));
    row.add("worker_cpu_us_per_request", "us", Lower, &cpu(|cpu| cpu.worker));
    let sleeps = |of: fn(PerRequest) -> f64| all(&|probe| probe.sleeps.map(of));
    row.add("controller_sleeps_per_request", "", Lower, &sleeps(|sleeps| sleeps.controller));
    row.add("client_sleeps_per_request", "", Lower, &sleeps(|sleeps| sleeps.client));
    row.add("worker_sleeps_per_request", "", Lower, &sleeps(|sleeps| sleeps.worker));
    row.add("in_slo_percent", "%", Higher, &all(&|probe| Some(100.0 * probe.in_slo)));
    row.add("p50_ms", "ms", Lower, &all(&|probe| Some(probe.p50_ms)));
    row.add("p99_ms", "ms", Lower, &all(&|probe| Some(probe.p99_ms)));
    row.add("device_utilisation", "", Neither, &all(&|probe| probe.device_utilisation));
    row.add("loads_per_s", "1/s", Neither, &all(&|probe| probe.loads_per_s));
    row.add("controller_mib", "MiB", Lower, &all(&|probe| Some(probe.controller_mib)));
}

/// Whether a rate was offered in full and 99.9 % of it were answered within the SLO. A client that
/// is too slow offers less than it should; so does chance, by four standard deviations at most.
fn is_carried(rate: f64, offered: f64, in_slo: f64) -> bool {
    in_slo >= GOAL && offered >= 0.98 * rate - 4.0 * rate.sqrt()
}

/// The part of all requests that is to be in the SLO.
const GOAL: f64 = 0.999;
/// From here on a failure may be chance.
const CLOSE: f64 = 0.99;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_carried_if_it_was_offered_and_answered_in_time() {
        assert!(is_carried(10_000.0, 9_900.0, 0.999));
        assert!(!is_carried(10_000.0, 9_900.0, 0.998_9));
        assert!(!is_carried(100_000.0, 90_000.0, 1.0));
        assert!(is_carried(16.0, 1.0, 1.0), "chance is large where numbers are small");
    }

    #[test]
    fn only_a_near_miss_is_close() {
        let probe = |passed, in_slo| Probe { in_slo, passed, ..Probe::default() };
        assert!(probe(false, 0.995).is_close());
        assert!(!probe(true, 0.999_5).is_close());
        assert!(!probe(false, 0.9).is_close());
    }
}
