//! The events of Chrome's trace format.

use std::collections::BTreeMap;

use clockwork_analysis::{ActionRow, ActionType};
use clockwork_wire::Nanos;
use serde::Serialize;

use super::lanes::lanes;
use super::slices::{Device, Kind, Slice, device, moment, slices};

/// An event.
#[derive(Debug, Serialize)]
pub(super) struct Event {
    name: String,
    cat: &'static str,
    /// X: a slice; i: a mark; M: a name.
    ph: &'static str,
    /// Microseconds from the first instant of the trace.
    ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    /// The device.
    pid: u32,
    /// The track.
    tid: u32,
    /// A mark belongs to its track.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    args: Arguments,
}

/// What a click on an event shows.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Arguments {
    Name { name: String },
    Order { sort_index: u32 },
    Action(Box<Action>),
}

#[derive(Debug, Serialize)]
struct Action {
    id: u64,
    model: u32,
    batch: u32,
    status: u16,
    meaning: &'static str,
    requests_queued: u32,
    copies_loaded: u32,
    expected_duration_us: f64,
    duration_us: f64,
    /// Actual minus expected completion.
    late_us: f64,
    /// Part of the batch that was in time.
    in_time: f64,
}

/// All events of these actions: the tracks' names first, then each device's.
pub(super) fn events(rows: &[ActionRow]) -> Vec<Event> {
    let mut devices: BTreeMap<Device, Vec<&ActionRow>> = BTreeMap::new();
    for row in rows {
        devices.entry(device(row)).or_default().push(row);
    }
    let begins =
        rows.iter().flat_map(|row| slices(row).map(|slice| slice.begin).chain([moment(row)]));
    let origin = begins.min().unwrap_or(Nanos::ZERO);
    let mut events = Vec::new();
    for (number, (id, rows)) in (1..).zip(devices) {
        let track = Track { pid: number, origin };
        events.push(track.name("process_name", 0, format!("W{}-GPU{}", id.0, id.1)));
        events.push(track.event(
            "process_sort_index",
            "M",
            0,
            Arguments::Order { sort_index: number },
        ));
        for kind in Kind::ALL {
            track.slices(kind, &rows, &mut events);
        }
        track.marks(&rows, &mut events);
    }
    events
}

/// A device of the trace.
#[derive(Clone, Copy)]
struct Track {
    pid: u32,
    origin: Nanos,
}

impl Track {
    fn slices(self, kind: Kind, rows: &[&ActionRow], events: &mut Vec<Event>) {
        let of_kind = rows.iter().flat_map(|row| slices(row)).filter(|slice| slice.kind == kind);
        let mut found: Vec<Slice<'_>> = of_kind.collect();
        found.sort_by_key(|slice| (slice.begin, slice.end, slice.row.action_id));
        let lanes = lanes(&found);
        let first = tid(kind);
        for lane in 0..lanes.iter().max().map_or(0, |lane| lane + 1) {
            let more = if lane == 0 { String::new() } else { format!(" ({})", lane + 1) };
            events.push(self.name("thread_name", first + lane, format!("{}{more}", kind.name())));
            let order = Arguments::Order { sort_index: first + lane };
            events.push(self.event("thread_sort_index", "M", first + lane, order));
        }
        for (slice, lane) in found.iter().zip(lanes) {
            events.push(self.slice(slice, first + lane));
        }
    }

    fn slice(self, slice: &Slice<'_>, tid: u32) -> Event {
        let row = slice.row;
        let batch = match row.action_type {
            ActionType::Infer => format!(" x{}", row.batch_size),
            ActionType::Load | ActionType::Evict => String::new(),
        };
        let event = self.event(&format!("model {}{batch}", row.model_id), "X", tid, action(row));
        Event {
            ts: self.us(slice.begin),
            dur: Some((slice.end - slice.begin).as_f64() / 1e3),
            cat: slice.kind.name(),
            ..event
        }
    }

    /// Evictions and refusals, each on a track of its own.
    fn marks(self, rows: &[&ActionRow], events: &mut Vec<Event>) {
        for (tid, name) in [(EVICT, "EVICT"), (REFUSED, "refused")] {
            let fits = |row: &&&ActionRow| {
                if row.is_done() {
                    tid == EVICT && row.action_type == ActionType::Evict
                } else {
                    tid == REFUSED
                }
            };
            let mut found: Vec<&&ActionRow> = rows.iter().filter(fits).collect();
            found.sort_by_key(|row| (moment(row), row.action_id));
            if found.is_empty() {
                continue;
            }
            events.push(self.name("thread_name", tid, name.into()));
            let order = Arguments::Order { sort_index: tid };
            events.push(self.event("thread_sort_index", "M", tid, order));
            for row in found {
                let what = if row.is_done() { "" } else { row.status.text() };
                let event =
                    self.event(&format!("model {} {what}", row.model_id), "i", tid, action(row));
                events.push(Event { ts: self.us(moment(row)), s: Some("t"), cat: name, ..event });
            }
        }
    }

    fn name(self, what: &str, tid: u32, name: String) -> Event {
        self.event(what, "M", tid, Arguments::Name { name })
    }

    fn event(self, name: &str, ph: &'static str, tid: u32, args: Arguments) -> Event {
        let name = name.trim_end().to_owned();
        Event { name, cat: "", ph, ts: 0.0, dur: None, pid: self.pid, tid, s: None, args }
    }

    fn us(self, at: Nanos) -> f64 {
        (at - self.origin).as_f64() / 1e3
    }
}

fn action(row: &ActionRow) -> Arguments {
    let us = |span: clockwork_wire::Span| span.as_f64() / 1e3;
    let duration = us(row.worker_exec_duration);
    let done = row.is_done() && row.action_type != ActionType::Evict;
    let late = us(row.worker_exec_complete) - us(row.expected_exec_complete);
    Arguments::Action(Box::new(Action {
        id: row.action_id,
        model: row.model_id.get(),
        batch: row.batch_size,
        status: row.status.get(),
        meaning: row.status.text(),
        requests_queued: row.requests_queued,
        copies_loaded: row.copies_loaded,
        expected_duration_us: us(row.expected_exec_duration),
        duration_us: if done { duration } else { 0.0 },
        late_us: if done { late } else { 0.0 },
        in_time: if done && duration > 0.0 { us(row.goodput) / duration } else { 0.0 },
    }))
}

/// The first track of a kind; further lanes follow it.
const fn tid(kind: Kind) -> u32 {
    match kind {
        Kind::InferPlanned => 100_000,
        Kind::Infer => 200_000,
        Kind::LoadPlanned => 300_000,
        Kind::Load => 400_000,
    }
}

const EVICT: u32 = 500_000;
const REFUSED: u32 = 500_001;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::trace::slices::tests::rows;

    fn parsed() -> Vec<Value> {
        events(&rows()).iter().map(|event| serde_json::to_value(event).unwrap()).collect()
    }

    fn of<'a>(events: &'a [Value], ph: &str) -> Vec<&'a Value> {
        events.iter().filter(|event| event["ph"] == ph).collect()
    }

    #[test]
    fn each_device_is_a_process_with_a_name() {
        let events = parsed();
        let names = events.iter().filter(|event| event["name"] == "process_name");
        let names: Vec<_> = names.map(|event| event["args"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["W0-GPU1", "W2-GPU1"]);
        let tracks =
            events.iter().filter(|event| event["name"] == "thread_name" && event["pid"] == 1);
        let tracks: Vec<_> = tracks.map(|event| event["args"]["name"].as_str().unwrap()).collect();
        let wanted = [
            "INFER planned",
            "INFER planned (2)",
            "INFER planned (3)",
            "INFER",
            "INFER (2)",
            "LOAD planned",
            "LOAD",
            "EVICT",
            "refused",
        ];
        assert_eq!(tracks, wanted);
    }

    #[test]
    fn slices_have_a_begin_and_a_length_in_microseconds() {
        let events = parsed();
        let slices = of(&events, "X");
        // Three plans and two INFERs here, a LOAD planned and done, one INFER planned and done there.
        assert_eq!(slices.len(), 3 + 2 + 2 + 2);
        let ran = slices.iter().find(|slice| slice["cat"] == "INFER").unwrap();
        assert_eq!((ran["ts"].as_f64(), ran["dur"].as_f64()), (Some(1_000.0), Some(4_000.0)));
        assert_eq!(ran["name"], "model 3 x4");
        assert_eq!(ran["args"]["late_us"].as_f64(), Some(2_000.0));
        assert!(slices.iter().all(|slice| slice["ts"].as_f64().unwrap() >= 0.0));
    }

    #[test]
    fn evictions_and_refusals_are_marks() {
        let events = parsed();
        let marks = of(&events, "i");
        assert_eq!(marks.len(), 2);
        assert!(marks.iter().all(|mark| mark["s"] == "t" && mark["dur"].is_null()));
        assert_eq!(marks[1]["args"]["status"], 81);
    }
}
