//! Telemetry as a process uses it: cores that record on threads of their own, one writer, and the
//! files that are left behind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its functions included")]

use std::fs;
use std::io;
use std::path::Path;
use std::thread;

use clockwork_config::LogConfig;
use clockwork_runtime::telemetry::{
    ActionRow, Asked, LogDir, LogFiles, Options, Recorder, RequestRecord, Telemetry, Totals,
};
use clockwork_scheduler::{ActionRecord, Response};
use clockwork_wire::{
    Action, ActionId, ActionKind, ActionResult, GpuId, ModelId, Nanos, PageRange, RequestId, Span,
    Status, UserId, Window, WorkerId,
};

#[test]
fn the_logs_hold_every_record_of_every_core_when_finished() {
    let dir = tempfile::tempdir().unwrap();
    let (telemetry, recorders) = start(dir.path(), 2);
    let cores: Vec<_> = recorders
        .into_iter()
        .zip([0, 1])
        .map(|(recorder, core)| thread::spawn(move || record(recorder, core)))
        .collect();
    for core in cores {
        core.join().unwrap();
    }
    let totals = telemetry.finish();
    assert_eq!(totals, Totals { requests: 2 * RECORDS, actions: 2 * RECORDS, dropped: 0 });

    for (log, columns, id_column, core_column) in
        [("clockwork_request_log.tsv", 12, 1, 3), ("clockwork_action_log.tsv", 23, 1, 4)]
    {
        let rows = rows(&dir.path().join(log), columns);
        for core in [0, 1] {
            let ids = rows.iter().filter(|row| row[core_column] == core).map(|row| row[id_column]);
            assert!(ids.eq(0..RECORDS), "{log}: rows of core {core} are not all there in order");
        }
    }
}

#[test]
fn dropping_telemetry_completes_the_logs_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let (telemetry, mut recorders) = start(dir.path(), 1);
    recorders[0].request(answered(0, 7));
    drop(telemetry);
    assert_eq!(rows(&dir.path().join("clockwork_request_log.tsv"), 12).len(), 1);
}

#[test]
fn recording_after_the_end_neither_blocks_nor_panics() {
    let dir = tempfile::tempdir().unwrap();
    let (telemetry, mut recorders) = start(dir.path(), 1);
    telemetry.finish();
    (0..2 * CAPACITY).for_each(|id| recorders[0].request(answered(0, u64::try_from(id).unwrap())));
}

fn start(dir: &Path, cores: usize) -> (Telemetry, Vec<Recorder>) {
    let config = LogConfig { dir: dir.display().to_string(), ..LogConfig::default() };
    let logs = LogFiles::create(&LogDir::choose(&config).unwrap(), &config).unwrap();
    let options = Options {
        logs,
        cores,
        capacity: CAPACITY,
        interval: Span::from_secs(10),
        clock: || Nanos::new(1),
        console: Box::new(io::sink()),
    };
    Telemetry::start(options).unwrap()
}

/// Fewer than the ring holds, so that none may be dropped however slow the writer is.
const RECORDS: u64 = 1_000;
const CAPACITY: usize = 1_024;

fn record(mut recorder: Recorder, core: u32) {
    for id in 0..RECORDS {
        recorder.request(answered(core, id));
        recorder.action(done(core, id));
    }
}

fn answered(core: u32, id: u64) -> RequestRecord {
    let asked = Asked { id: RequestId::new(id), user: UserId::new(core), slo_factor: 0.0 };
    let response = Response {
        request: RequestId::new(id),
        status: Status::OK,
        output: None,
        model: ModelId::new(0),
        arrival: Nanos::new(id),
        departure: Nanos::new(id + 1),
        slo: Span::from_millis(100),
        copies_at_arrival: 1,
        copies_at_departure: 1,
    };
    RequestRecord::new(asked, &response)
}

fn done(core: u32, counter: u64) -> ActionRow {
    let action = Action {
        id: ActionId { epoch: 0, shard: 0, counter },
        kind: ActionKind::Load,
        model: ModelId::new(0),
        gpu: GpuId::new(0),
        window: Window::ALWAYS,
        expected: Span::new(1),
        pages: PageRange::WHOLE,
    };
    let record = ActionRecord {
        worker: WorkerId::new(core),
        action,
        result: ActionResult::refused(&action, Status::LOAD_LATE, Nanos::new(2)),
        sent: Nanos::new(1),
        expected_complete: Nanos::new(3),
        expected_clock: 1_380,
        received: Nanos::new(4),
        goodput: Span::ZERO,
        requests_queued: 0,
        copies_loaded: 0,
    };
    record.into()
}

/// The rows below the header, as integers.
fn rows(path: &Path, columns: usize) -> Vec<Vec<u64>> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'), "the last row is complete");
    let mut lines = text.lines();
    assert_eq!(lines.next().unwrap().split('\t').count(), columns);
    let row = |line: &str| -> Vec<u64> { line.split('\t').map(|c| c.parse().unwrap()).collect() };
    let rows: Vec<_> = lines.map(row).collect();
    assert!(rows.iter().all(|row| row.len() == columns));
    rows
}
