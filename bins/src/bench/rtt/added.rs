//! What Clockwork adds to a request: client latency less execution less the time for which the device
//! was busy with earlier work.

use std::collections::HashMap;

use crate::Failure;
use crate::bench::system::{Remains, Window};
use crate::bench::tables;

/// Where the time of requests went, in nanoseconds, one entry per request.
#[derive(Debug, Default)]
pub(super) struct Added {
    /// All that is neither execution nor waiting for a busy device.
    pub(super) whole: Vec<u64>,
    /// From the time the request was meant to be sent to its arrival at the controller.
    pub(super) to_controller: Vec<u64>,
    /// From there to the start on the device, without the time for which that was busy.
    pub(super) to_device: Vec<u64>,
    /// From the end on the device to the controller's answer.
    pub(super) from_device: Vec<u64>,
    /// From there to the client.
    pub(super) to_client: Vec<u64>,
    /// The ways of requests that found their device idle.
    pub(super) ways: Ways,
    /// Answered requests whose action was not found.
    pub(super) unmatched: u64,
}

/// What lies between a request and its answer, way by way: each begins where another thread must learn of
/// something. In nanoseconds, one entry per request.
#[derive(Debug, Default)]
pub(super) struct Ways([Vec<u64>; WAYS.len()]);

/// From when to when each way leads.
const WAYS: [&str; 8] = [
    "1_client_to_controller",
    "2_until_the_action_is_sent",
    "3_controller_to_worker",
    "4_until_the_execution_begins",
    "5_its_end_until_the_result_is_sent",
    "6_worker_to_controller",
    "7_until_the_answer_is_sent",
    "8_controller_to_client",
];

impl Ways {
    /// Of each way: its name, and its value below which so many per mille lie.
    pub(super) fn percentiles(
        &mut self,
        per_mille: usize,
    ) -> impl Iterator<Item = (&'static str, u64)> {
        WAYS.into_iter()
            .zip(&mut self.0)
            .map(move |(name, all)| (name, tables::percentile(all, per_mille).unwrap_or_default()))
    }

    /// Of how many requests they are.
    pub(super) fn count(&self) -> usize {
        self.0[0].len()
    }

    fn push(&mut self, instants: [u64; WAYS.len() + 2], execution: usize) {
        let ways = instants.windows(2).enumerate().filter(|(at, _)| *at != execution);
        for (way, (_, ends)) in self.0.iter_mut().zip(ways) {
            way.push(ends[1].saturating_sub(ends[0]));
        }
    }
}

/// An INFER on a device, in Unix nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Execution {
    device: (u64, u64),
    /// When the action was sent, and when the worker had it.
    sent: u64,
    received: u64,
    begin: u64,
    end: u64,
    /// When its result was sent, and when the controller had it.
    replied: u64,
    back: u64,
}

/// All INFERs of a run.
#[derive(Debug, Default)]
struct Executions {
    /// By model and the instant at which the result was handled, which is when the requests of the
    /// batch were answered. `None` where that is ambiguous.
    answered: HashMap<(u64, u64), Option<Execution>>,
    /// By device, in order.
    devices: HashMap<(u64, u64), Vec<Execution>>,
}

impl Added {
    /// Joins the clients' records of answered requests with the controller's log of actions.
    ///
    /// # Errors
    /// If a log cannot be read.
    pub(super) fn read(remains: &Remains, window: Window) -> Result<Self, Failure> {
        let mut executions = Executions::default();
        tables::read(&remains.action_log(), ACTION, |row| executions.take(row))?;
        executions.devices.values_mut().for_each(|all| all.sort_by_key(|one| one.begin));
        let mut added = Self::default();
        for records in remains.records() {
            tables::read(&records, RECORD, |row| {
                if is_output(row[1]) && window.holds_ns(row[2]) {
                    added.take(row, &executions);
                }
            })?;
        }
        Ok(added)
    }

    fn take(&mut self, row: [u64; 6], executions: &Executions) {
        let [model, _, intended, arrival, departure, received] = row;
        let Some(Some(own)) = executions.answered.get(&(model, departure)) else {
            self.unmatched += 1;
            return;
        };
        let busy = executions.busy(own, intended);
        let waited = executions.busy(own, arrival);
        let latency = received.saturating_sub(intended);
        self.whole.push(latency.saturating_sub(own.end - own.begin).saturating_sub(busy));
        self.to_controller.push(arrival.saturating_sub(intended));
        self.to_device.push(own.begin.saturating_sub(arrival).saturating_sub(waited));
        self.from_device.push(departure.saturating_sub(own.end));
        self.to_client.push(received.saturating_sub(departure));
        if busy == 0 {
            let Execution { sent, received: there, begin, end, replied, back, .. } = *own;
            let instants =
                [intended, arrival, sent, there, begin, end, replied, back, departure, received];
            self.ways.push(instants, EXECUTION);
        }
    }
}

impl Executions {
    fn take(&mut self, row: [u64; 12]) {
        let [
            t,
            kind,
            status,
            worker,
            gpu,
            model,
            duration,
            complete,
            received,
            replied,
            back,
            handled,
        ] = row;
        if kind != INFER || status != 0 {
            return;
        }
        let sent = t.saturating_sub(back);
        let end = sent + complete;
        let own = Execution {
            device: (worker, gpu),
            sent,
            received: sent + received,
            begin: end.saturating_sub(duration),
            end,
            replied: sent + replied,
            back: t,
        };
        self.devices.entry(own.device).or_default().push(own);
        self.answered
            .entry((model, sent + handled))
            .and_modify(|known| *known = None)
            .or_insert(Some(own));
    }

    /// How long the device of an execution was busy with others between `from` and its start.
    fn busy(&self, own: &Execution, from: u64) -> u64 {
        let all = self.devices.get(&own.device).map_or(&[][..], Vec::as_slice);
        let first = all.partition_point(|one| one.end <= from);
        let earlier = all[first..].iter().take_while(|one| one.begin < own.begin);
        earlier.map(|one| one.end.min(own.begin).saturating_sub(one.begin.max(from))).sum()
    }
}

fn is_output(status: u64) -> bool {
    [0, 9].contains(&status)
}

const INFER: u64 = 2;
/// Of the stretches between the instants of a request, the one that is no way.
const EXECUTION: usize = 4;
const ACTION: [&str; 12] = [
    "t",
    "action_type",
    "status",
    "worker_id",
    "gpu_id",
    "model_id",
    "worker_exec_duration",
    "worker_exec_complete",
    "worker_action_received",
    "worker_result_sent",
    "controller_result_enqueue",
    "controller_action_duration",
];
const RECORD: [&str; 6] = ["model_id", "status", "intended", "arrival", "departure", "received"];

#[cfg(test)]
mod tests {
    use super::*;

    /// The row of an INFER of model 7 on a device, sent at 1,000 and handled at `handled`.
    fn row(gpu: u64, begin: u64, end: u64, handled: u64) -> [u64; 12] {
        let sent = 1_000;
        let (complete, back) = (end - sent, handled - 5 - sent);
        let (received, replied) = (begin - 10 - sent, end + 20 - sent);
        let duration = end - begin;
        let handled = handled - sent;
        [sent + back, INFER, 0, 0, gpu, 7, duration, complete, received, replied, back, handled]
    }

    fn executions(rows: &[[u64; 12]]) -> Executions {
        let mut all = Executions::default();
        for &row in rows {
            all.take(row);
        }
        all
    }

    #[test]
    fn what_is_added_is_neither_execution_nor_waiting_for_a_busy_device() {
        let rows =
            [row(0, 1_100, 1_400, 1_450), row(0, 1_420, 1_720, 1_760), row(1, 1_100, 2_000, 2_050)];
        let all = executions(&rows);
        let mut added = Added::default();
        // Intended at 1,200, arrived at 1,250, answered with the second execution, back at 1,800.
        added.take([7, 0, 1_200, 1_250, 1_760, 1_800], &all);
        // Of 600, 300 were its own execution and 200 the end of the first one.
        assert_eq!((added.whole, added.to_controller), (vec![100], vec![50]));
        assert_eq!((added.to_device, added.from_device), (vec![20], vec![40]));
        assert_eq!((added.to_client, added.unmatched), (vec![40], 0));
        assert!(added.ways.percentiles(500).all(|(_, value)| value == 0), "its device was busy");
    }

    #[test]
    fn the_ways_of_a_request_are_all_that_is_not_its_execution() {
        let all = executions(&[row(0, 1_100, 1_400, 1_450)]);
        let mut added = Added::default();
        added.take([7, 0, 950, 980, 1_450, 1_500], &all);
        let ways: Vec<u64> = added.ways.percentiles(500).map(|(_, value)| value).collect();
        assert_eq!(ways, [30, 20, 90, 10, 20, 25, 5, 50]);
        assert_eq!(ways.iter().sum::<u64>(), 1_500 - 950 - 300);
        assert_eq!(added.whole, [ways.iter().sum::<u64>()]);
    }

    #[test]
    fn an_answer_that_fits_no_action_or_two_is_left_out() {
        let all = executions(&[row(0, 1_100, 1_400, 1_450), row(1, 1_100, 1_400, 1_450)]);
        let mut added = Added::default();
        added.take([7, 0, 1_000, 1_010, 1_450, 1_500], &all);
        added.take([8, 0, 1_000, 1_010, 1_450, 1_500], &all);
        assert_eq!((added.unmatched, added.whole.len()), (2, 0));
    }
}
