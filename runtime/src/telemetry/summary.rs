//! The interval summary on the controller's console.

use std::fmt::{self, Display, Formatter};

use clockwork_wire::{Nanos, Span};

use super::statistics::{Clients, Device};
use super::{ActionRow, Carried, RequestRecord, TrafficText};

/// Gathers records and, once per interval, turns them into the original's lines. An interval begins
/// with its first record: without traffic there are no lines.
#[derive(Debug)]
pub struct Summary {
    interval: Span,
    begin: Option<Nanos>,
    clients: Clients,
    /// By worker, then by device.
    devices: Vec<Vec<Device>>,
    /// What the link had carried at the beginning of the interval.
    traffic: Carried,
}

impl Summary {
    /// A summary per `interval`; none if it is zero.
    pub fn new(interval: Span) -> Self {
        Self {
            interval,
            begin: None,
            clients: Clients::default(),
            devices: Vec::new(),
            traffic: Carried::default(),
        }
    }

    /// Takes in an answered request.
    pub fn request(&mut self, record: &RequestRecord) {
        self.begin.get_or_insert(record.departure);
        self.clients.add(record);
    }

    /// Takes in an action that is over. Only what succeeded counts; an EVICT takes no time.
    pub fn action(&mut self, row: &ActionRow) {
        self.begin.get_or_insert(row.enqueued);
        if row.status.is_ok() {
            self.device(row.worker.index(), row.gpu.index()).add(row);
        }
    }

    /// The lines of the interval that is over at `now`, each with its newline, and begins the next;
    /// `None` while it lasts. `traffic` is everything counted so far on the link to the workers.
    pub fn report(&mut self, now: Nanos, traffic: Carried) -> Option<String> {
        let Some(begin) = self.begin else {
            self.traffic = traffic;
            return None;
        };
        let interval = now - begin;
        if interval < self.interval || self.interval.is_zero() {
            return None;
        }
        let lines = Lines { summary: self, carried: traffic - self.traffic, interval }.to_string();
        self.restart(traffic);
        Some(lines)
    }

    fn device(&mut self, worker: usize, gpu: usize) -> &mut Device {
        if self.devices.len() <= worker {
            self.devices.resize_with(worker + 1, Vec::new);
        }
        let devices = &mut self.devices[worker];
        if devices.len() <= gpu {
            devices.resize_with(gpu + 1, Device::default);
        }
        &mut devices[gpu]
    }

    /// Keeps the tables, so that a steady state allocates nothing per record.
    fn restart(&mut self, traffic: Carried) {
        self.begin = None;
        self.clients = Clients::default();
        self.devices.iter_mut().flatten().for_each(|device| *device = Device::default());
        self.traffic = traffic;
    }
}

/// The lines of one interval.
struct Lines<'a> {
    summary: &'a Summary,
    carried: Carried,
    interval: Span,
}

impl Display for Lines<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (carried, interval) = (self.carried, self.interval);
        for (worker, devices) in self.summary.devices.iter().enumerate() {
            for (gpu, device) in devices.iter().enumerate() {
                device.lines(f, format_args!("W{worker}-GPU{gpu}"), interval)?;
            }
        }
        self.summary.clients.line(f, interval)?;
        writeln!(f, "{}", TrafficText { link: "Network->Workers", carried, interval })
    }
}

#[cfg(test)]
mod tests {
    use clockwork_wire::{ActionKind, GpuId, Interval, ModelId, Status, WorkerId};

    use super::*;
    use crate::net::Traffic;
    use crate::telemetry::Asked;
    use crate::telemetry::action_log::tests::inferred;

    #[test]
    fn an_interval_prints_the_documented_lines() {
        let mut summary = Summary::new(Span::from_secs(10));
        summary.action(&load(ms(8.372), ms(17.8)));
        summary.action(&infer(0, ms(3.322), ms(7.25)));
        (1..2_006).for_each(|_| summary.action(&infer(0, ms(3.322), ms(4.47))));
        summary.request(&answer(Status::OK, ms(3.6)));
        summary.request(&answer(Status::OK, ms(21.8)));
        (2..4_008).for_each(|_| summary.request(&answer(Status::OK, ms(4.7))));
        let carried = Carried {
            sent: Traffic { bytes: 364_904_448, messages: 4_020 },
            received: Traffic { bytes: 16_777_216, messages: 4_020 },
        };
        assert_eq!(
            summary.report(START + Span::from_secs(10), carried).unwrap(),
            "\
W0-GPU0 LoadW min=8.37 max=8.37 mean=8.37 e2emean=17.80 e2emax=17.80 throughput=0.1 utilization=0.00 clock=[0-0] norm_max=0.00 norm_mean=0.00
W0-GPU0 Infer min=3.32 max=3.32 mean=3.32 e2emean=4.47 e2emax=7.25 throughput=200.6 utilization=0.67 clock=[1380-1380] norm_max=3.32 norm_mean=3.32
Client throughput=400.8 success=100.00% min=3.6 max=21.8 mean=4.7
Network->Workers: 34.8MB/s (402 msgs) snd, 1.6MB/s (402 msgs) rcv, 
"
        );
    }

    #[test]
    fn an_interval_begins_with_its_first_record_and_ends_once() {
        let mut summary = Summary::new(Span::from_secs(10));
        let sent = Traffic { bytes: 990, messages: 99 };
        let idle = Carried { sent, ..Carried::default() };
        assert_eq!(summary.report(START - Span::from_secs(1), idle), None);
        summary.request(&answer(Status::OK, ms(4.0)));
        assert_eq!(summary.report(START + Span::new(9_999_999_999), idle), None);
        let lines = summary.report(START + Span::from_secs(10), idle).unwrap();
        assert!(lines.contains("(0 msgs) snd"), "traffic before the interval counts: {lines}");
        assert_eq!(summary.report(START + Span::from_secs(20), idle), None);
    }

    #[test]
    fn an_interval_of_zero_never_ends() {
        let mut summary = Summary::new(Span::ZERO);
        summary.request(&answer(Status::OK, ms(4.0)));
        assert_eq!(summary.report(START + Span::from_secs(60), Carried::default()), None);
    }

    #[test]
    fn a_response_without_output_is_a_violation_and_a_late_one_is_not() {
        let mut summary = Summary::new(Span::from_secs(1));
        summary.request(&answer(Status::LATE, ms(200.0)));
        summary.request(&answer(Status::OK, ms(4.0)));
        summary.request(&answer(Status::OK, ms(6.0)));
        summary.request(&answer(Status::TIMEOUT, ms(95.0)));
        assert_eq!(
            client_line(&mut summary),
            "Client throughput=3.0 success=75.00% (1/4 violations) min=4.0 max=200.0 mean=70.0"
        );
    }

    #[test]
    fn without_success_only_violations_are_printed() {
        let mut summary = Summary::new(Span::from_secs(1));
        summary.request(&answer(Status::REFUSED, ms(0.1)));
        summary.request(&answer(Status::TIMEOUT, ms(95.0)));
        assert_eq!(client_line(&mut summary), "Client throughput=0 success=0% (2/2 violations)");
    }

    #[test]
    fn without_responses_the_client_line_is_short() {
        let mut summary = Summary::new(Span::from_secs(1));
        summary.action(&infer(0, ms(3.0), ms(4.0)));
        assert_eq!(client_line(&mut summary), "Client throughput=0");
    }

    #[test]
    fn devices_print_in_order_and_only_if_they_did_something() {
        let mut summary = Summary::new(Span::from_secs(1));
        let mut failed = infer(2, ms(3.0), ms(4.0));
        failed.status = Status::EXEC_LATE;
        let mut other = infer(1, ms(3.0), ms(4.0));
        other.worker = WorkerId::new(1);
        for row in [other, failed, infer(3, ms(3.0), ms(4.0)), infer(1, ms(3.0), ms(4.0))] {
            summary.action(&row);
        }
        let lines = summary.report(START + Span::from_secs(1), Carried::default()).unwrap();
        let names: Vec<_> = lines.lines().filter_map(|line| line.split(" min").next()).collect();
        assert_eq!(names[..3], ["W0-GPU1 Infer", "W0-GPU3 Infer", "W1-GPU1 Infer"]);
        assert_eq!(names.len(), 5);
    }

    #[test]
    fn durations_are_normalised_to_the_default_clock() {
        let mut summary = Summary::new(Span::from_secs(1));
        for clock in [690, 1_380] {
            let mut row = infer(0, ms(2.0), ms(3.0));
            row.clock_after = clock;
            summary.action(&row);
        }
        let lines = summary.report(START + Span::from_secs(1), Carried::default()).unwrap();
        assert!(lines.contains("clock=[690-1380] norm_max=2.00 norm_mean=1.50\n"), "{lines}");
    }

    const START: Nanos = Nanos::new(1_000_000_000_000);

    fn ms(ms: f64) -> Span {
        Span::from_f64(ms * 1e6)
    }

    fn client_line(summary: &mut Summary) -> String {
        let lines = summary.report(START + Span::from_secs(1), Carried::default()).unwrap();
        lines.lines().find(|line| line.starts_with("Client")).unwrap().to_owned()
    }

    fn answer(status: Status, latency: Span) -> RequestRecord {
        RequestRecord {
            asked: Asked::default(),
            model: ModelId::new(0),
            status,
            arrival: START - latency,
            departure: START,
            slo: Span::from_millis(100),
            copies_at_arrival: 1,
            copies_at_departure: 1,
        }
    }

    fn infer(gpu: u32, duration: Span, round_trip: Span) -> ActionRow {
        let mut record = inferred();
        record.worker = WorkerId::new(0);
        record.action.gpu = GpuId::new(gpu);
        record.sent = START - round_trip;
        record.received = START;
        record.result.exec = Interval { duration, ..Interval::default() };
        record.result.clock_after = 1_380;
        record.into()
    }

    fn load(duration: Span, round_trip: Span) -> ActionRow {
        let mut row = infer(0, duration, round_trip);
        row.kind = ActionKind::Load;
        row.clock_after = 0;
        row
    }
}
