//! Logs as files: whole, damaged, and from the original.

use std::fs;
use std::path::{Path, PathBuf};

use clockwork_analysis::tsv::{self, ReadError, Row};
use clockwork_analysis::{ActionRow, ActionType, Cut, Logs, RequestRow, View};
use clockwork_wire::{GpuId, ModelId, Nanos, Span, Status, UserId, WorkerId};
use proptest::prelude::*;

/// The original's header, and rows as it writes them: `slo_factor` and `goodput` are floats there.
const REQUESTS: &str = "t\trequest_id\tresult\tuser_id\tmodel_id\tslo_factor\tlatency\tdeadline\tdeadline_met\tarrival_count\tdeparture_count\tis_coldstart
1600000000000000000\t1\t0\t0\t3\t0\t4000000\t100000000\t1\t1\t1\t0
1600000001000000000\t2\t0\t0\t4\t2.9\t20000000\t-1\t1\t0\t1\t1
1600000002000000000\t3\t4\t1\t3\t0\t95000000\t95000000\t0\t1\t1\t0
";
const ACTIONS: &str = "t\taction_id\taction_type\tstatus\tworker_id\tgpu_id\tmodel_id\tbatch_size\texpected_exec_duration\tworker_exec_duration\texpected_exec_complete\tworker_exec_complete\texpected_gpu_clock\tworker_gpu_clock_before\tworker_gpu_clock\tworker_copy_output_complete\tworker_action_received\tworker_result_sent\tcontroller_result_enqueue\tcontroller_action_duration\tgoodput\trequests_queued\tcopies_loaded
1600000001000000000\t1\t1\t0\t0\t1\t4\t1\t8000000\t8310000\t9000000\t9500000\t1380\t1380\t1380\t0\t100000\t9600000\t9800000\t9900000\t8310000\t1\t0
1600000002000000000\t2\t2\t0\t0\t1\t4\t2\t4000000\t4050000\t5000000\t5100000\t1380\t1380\t1380\t5200000\t100000\t5300000\t5400000\t5500000\t2.025e+06\t2\t1
";

fn read<T: Row>(text: &[u8]) -> (Vec<T>, Result<u64, ReadError>) {
    let mut rows = Vec::new();
    let read = tsv::read(text, Path::new("x.tsv"), |row| rows.push(row));
    (rows, read)
}

fn refusal<T: Row>(text: &[u8]) -> (usize, String) {
    let (rows, read) = read::<T>(text);
    (rows.len(), read.expect_err("the log is broken").to_string())
}

#[test]
fn the_originals_rows_are_read() {
    let (requests, read_requests) = read::<RequestRow>(REQUESTS.as_bytes());
    assert_eq!((requests.len(), read_requests.unwrap()), (3, 3));
    assert_eq!((requests[1].slo_factor, requests[1].deadline), (2.9, Span::MAX));
    assert_eq!(requests[2].result, Status::new(4));
    let (actions, read_actions) = read::<ActionRow>(ACTIONS.as_bytes());
    assert_eq!(read_actions.unwrap(), 2);
    assert_eq!(actions[0].action_type, ActionType::Load);
    assert_eq!((actions[1].goodput, actions[1].batch_size), (Span::new(2_025_000), 2));
}

#[test]
fn columns_are_found_by_name_and_others_ignored() {
    let swapped = |line: &str| {
        let mut cells: Vec<&str> = line.split('\t').collect();
        cells.reverse();
        cells.insert(2, "extra");
        cells.join("\t") + "\r\n"
    };
    let text: String = REQUESTS.lines().map(swapped).collect();
    assert_eq!(read::<RequestRow>(text.as_bytes()).0, read::<RequestRow>(REQUESTS.as_bytes()).0);
}

#[test]
fn an_empty_file_and_a_foreign_header_are_refused_by_name() {
    assert_eq!(refusal::<RequestRow>(b"").1, "x.tsv: is empty: a log has a header line at least");
    let (_, text) = refusal::<RequestRow>(b"t\tlatency\n1\t2\n");
    assert!(
        text.starts_with("x.tsv:1: the header lacks the columns request_id, result, "),
        "{text}"
    );
    assert!(text.ends_with("; it has t, latency"), "{text}");
    let (_, text) = refusal::<ActionRow>(REQUESTS.as_bytes());
    assert!(text.contains("lacks the columns action_id, action_type"), "{text}");
}

#[test]
fn a_broken_row_is_named_and_the_rows_before_are_kept() {
    let with = |row: &[u8]| [REQUESTS.as_bytes(), row, REQUESTS.as_bytes()].concat();
    let cases: [(&[u8], &str); 7] = [
        (b"1\t2\t3\n", "x.tsv:5: the row has 3 columns, the header 12"),
        (b"\n", "x.tsv:5: the row has 1 columns, the header 12"),
        (
            b"1\t1\t0\t0\t3\t0\t-4\t1\t1\t1\t1\t0\n",
            "x.tsv:5: column `latency` is `-4`: expected a whole number from 0 on",
        ),
        (
            b"1\t1\t0\t0\t3\t0\t4\t1\tyes\t1\t1\t0\n",
            "x.tsv:5: column `deadline_met` is `yes`: expected 0 or 1",
        ),
        (
            b"1\t1\t70000\t0\t3\t0\t4\t1\t1\t1\t1\t0\n",
            "x.tsv:5: column `result` is `70000`: expected a small whole number from 0 on",
        ),
        (
            b"1\t1\t0\t0\t3\tNaN\t4\t1\t1\t1\t1\t0\n",
            "x.tsv:5: column `slo_factor` is `NaN`: expected a number",
        ),
        (
            b"1\t1\t0\t0\t\xff\xfe\t0\t4\t1\t1\t1\t1\t0\n",
            "x.tsv:5: column `model_id` is `\u{fffd}\u{fffd}`: expected a small whole number from 0 on",
        ),
    ];
    for (row, text) in cases {
        assert_eq!(refusal::<RequestRow>(&with(row)), (3, text.to_owned()));
    }
}

#[test]
fn wherever_a_log_is_cut_the_rows_before_are_complete() {
    let header = REQUESTS.find('\n').unwrap() + 1;
    for length in 1..REQUESTS.len() {
        let (rows, read) = read::<RequestRow>(&REQUESTS.as_bytes()[..length]);
        let lines = REQUESTS[..length].matches('\n').count();
        assert_eq!(rows.len(), lines.saturating_sub(1));
        match read {
            Ok(count) => assert!(length >= header && count + 1 == u64::try_from(lines).unwrap()),
            Err(error) => assert!(error.is_cut() && !REQUESTS[..length].ends_with('\n'), "{error}"),
        }
    }
}

#[test]
fn a_file_without_lines_is_no_log() {
    let (rows, text) = refusal::<RequestRow>(&vec![b'x'; 1 << 20]);
    assert_eq!(
        (rows, text.as_str()),
        (0, "x.tsv:1: the line is longer than 65536 bytes: this is no log")
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = tsv::read_file::<RequestRow>(Path::new("/nowhere/x.tsv"), |_| {}).unwrap_err();
    assert!(error.to_string().starts_with("/nowhere/x.tsv: cannot be read"), "{error}");
}

fn written(dir: &Path, name: &str, text: &str) -> Vec<PathBuf> {
    let path = dir.join(name);
    fs::write(&path, text).expect("a temporary file can be written");
    vec![path]
}

#[test]
fn a_run_is_measured_from_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let requests = written(dir.path(), "requests.tsv", REQUESTS);
    let logs = Logs { requests, actions: written(dir.path(), "actions.tsv", ACTIONS) };
    let (analysis, errors) = logs.analyse(&View::default()).unwrap();
    assert!(errors.is_empty(), "{errors:?}");
    let summary = analysis.summary;
    assert_eq!(summary.requests.counts.all, 3);
    assert!((summary.window.seconds - 2.0).abs() < 1e-6);
    // One goodput row of 2 s: 3 requests, 2 in time, over 2 s.
    assert!((summary.requests.goodput - 1.0).abs() < 1e-6);
    assert_eq!(
        (summary.actions.work.infers, summary.actions.work.loads, summary.actions.gpus),
        (1, 1, 1)
    );
    let cut = Cut { warm_up: Span::from_millis(500), cool_down: Span::from_millis(500) };
    let (analysis, _) = logs.analyse(&View { cut, ..View::default() }).unwrap();
    assert_eq!(analysis.summary.requests.counts.all, 1);
    let cut = Cut { warm_up: Span::from_secs(3), cool_down: Span::ZERO };
    logs.analyse(&View { cut, ..View::default() }).unwrap_err();
}

#[test]
fn a_broken_log_is_measured_as_far_as_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let requests = written(dir.path(), "requests.tsv", &REQUESTS[..REQUESTS.len() - 3]);
    let actions = written(dir.path(), "actions.tsv", &format!("{ACTIONS}nonsense\n"));
    let (analysis, errors) = Logs { requests, actions }.analyse(&View::default()).unwrap();
    assert_eq!(analysis.summary.requests.counts.all, 2);
    assert_eq!(errors.len(), 2);
    assert!(errors[0].is_cut() && !errors[1].is_cut(), "{errors:?}");
}

#[test]
fn the_ends_of_a_long_log_are_found_without_reading_it_all() {
    let dir = tempfile::tempdir().unwrap();
    let row = |t: u64| format!("{t}\t1\t0\t0\t3\t0\t4000000\t100000000\t1\t1\t1\t0\n");
    let mut text = tsv::header::<RequestRow>();
    text.extend((0..5_000).map(|i| row(1_000 + i)));
    // Rows are in order but for a few.
    text += &(row(9_000) + &row(8_999) + "12345678\t1");
    let path = written(dir.path(), "requests.tsv", &text).remove(0);
    assert_eq!(tsv::ends(&path).unwrap(), Some((Nanos::new(1_000), Nanos::new(9_000))));
    let path = written(dir.path(), "none.tsv", &tsv::header::<RequestRow>()).remove(0);
    assert_eq!(tsv::ends(&path).unwrap(), None);
}

fn requests() -> impl Strategy<Value = RequestRow> {
    let ids = (any::<u64>(), any::<u64>(), any::<u16>(), any::<u32>(), any::<u32>());
    let rest = (-1e9_f32..1e9, any::<u64>(), any::<u64>(), any::<[bool; 2]>(), any::<[u32; 2]>());
    (ids, rest).prop_map(|((t, request_id, result, user, model), rest)| {
        let (slo_factor, latency, deadline, flags, counts) = rest;
        RequestRow {
            t: Nanos::new(t),
            request_id,
            result: Status::new(result),
            user_id: UserId::new(user),
            model_id: ModelId::new(model),
            slo_factor,
            latency: Span::new(latency),
            deadline: Span::new(deadline),
            deadline_met: flags[0],
            arrival_count: counts[0],
            departure_count: counts[1],
            is_coldstart: flags[1],
        }
    })
}

fn actions() -> impl Strategy<Value = ActionRow> {
    let ids = (any::<u64>(), any::<u64>(), 1_u64..=3, any::<u16>(), any::<[u32; 9]>());
    (ids, any::<[u64; 10]>()).prop_map(|((t, action_id, kind, status, n), s)| ActionRow {
        t: Nanos::new(t),
        action_id,
        action_type: ActionType::from_number(kind).expect("1 to 3 are types"),
        status: Status::new(status),
        worker_id: WorkerId::new(n[0]),
        gpu_id: GpuId::new(n[1]),
        model_id: ModelId::new(n[2]),
        batch_size: n[3],
        expected_exec_duration: Span::new(s[0]),
        worker_exec_duration: Span::new(s[1]),
        expected_exec_complete: Span::new(s[2]),
        worker_exec_complete: Span::new(s[3]),
        expected_gpu_clock: n[4],
        worker_gpu_clock_before: n[5],
        worker_gpu_clock: n[6],
        worker_copy_output_complete: Span::new(s[4]),
        worker_action_received: Span::new(s[5]),
        worker_result_sent: Span::new(s[6]),
        controller_result_enqueue: Span::new(s[7]),
        controller_action_duration: Span::new(s[8]),
        goodput: Span::new(s[9]),
        requests_queued: n[7],
        copies_loaded: n[8],
    })
}

fn text<T: Row>(rows: &[T]) -> String {
    let mut text = tsv::header::<T>();
    for row in rows {
        tsv::line(row, &mut text);
    }
    text
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        requests in prop::collection::vec(requests(), 0..20),
        actions in prop::collection::vec(actions(), 0..20),
    ) {
        prop_assert_eq!(read::<RequestRow>(text(&requests).as_bytes()).0, requests);
        prop_assert_eq!(read::<ActionRow>(text(&actions).as_bytes()).0, actions);
    }

    #[test]
    fn hostile_bytes_are_an_error_or_rows(
        mut bytes in prop::collection::vec(any::<u8>(), 0..400),
        header in any::<bool>(),
    ) {
        if header {
            bytes.splice(0..0, tsv::header::<RequestRow>().into_bytes());
        }
        let (rows, read) = read::<RequestRow>(&bytes);
        if let Ok(count) = read {
            prop_assert_eq!(u64::try_from(rows.len()).unwrap_or_default(), count);
        }
    }
}
