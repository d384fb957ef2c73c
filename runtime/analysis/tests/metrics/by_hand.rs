//! Each metric, as its definition gives it.

use std::collections::BTreeMap;

use clockwork_analysis::{
    Accumulator, ActionRow, ActionType, Analysis, Group, Options, RequestRow, Window,
};
use clockwork_wire::{GpuId, Span, UserId, WorkerId};

use crate::rows::{at, cold, infer, late, load, refused, request, timeout};

/// Twenty seconds in buckets of ten.
fn options() -> Options {
    Options::new(Window { from: at(0), until: at(20_000) })
}

fn analysed(options: Options, requests: &[RequestRow], actions: &[ActionRow]) -> Analysis {
    let mut run = Accumulator::new(options).expect("the options are valid");
    for row in requests {
        run.request(row);
    }
    for row in actions {
        run.action(row);
    }
    run.finish()
}

#[track_caller]
fn near(got: f64, wanted: f64) {
    assert!((got - wanted).abs() <= wanted.abs() * 1e-3 + 1e-9, "{got} is not {wanted}");
}

#[test]
fn goodput_offered_and_satisfaction_count_rows() {
    // 6 in time, 2 late, 2 timed out, in 20 s.
    let mut rows: Vec<_> = (1..=6).map(request).collect();
    rows.extend([late(7), late(8), timeout(9), timeout(10)]);
    let requests = analysed(options(), &rows, &[]).summary.requests;
    near(requests.goodput, 6.0 / 20.0);
    near(requests.throughput, 8.0 / 20.0);
    near(requests.offered, 10.0 / 20.0);
    near(requests.satisfaction, 0.6);
    assert_eq!(requests.statuses, BTreeMap::from([(0, 8), (4, 2)]));
}

#[test]
fn padded_goodput_takes_late_successes_as_far_as_its_part_allows() {
    // 190 in time and 30 late: 190 / 0.99 = 191.9, 190 / 0.95 = 200, 190 / 0.9 = 211.1.
    let in_time = (0..190).map(|i| request(i * 10));
    let rows: Vec<_> = in_time.chain((0..30).map(|i| late(2_000 + i))).collect();
    let requests = analysed(options(), &rows, &[]).summary.requests;
    near(requests.goodput_p99, 191.919 / 20.0);
    near(requests.goodput_p95, 200.0 / 20.0);
    near(requests.goodput_p90, 211.111 / 20.0);
    // With 5 late there are not enough to pad.
    let few = analysed(options(), &rows[..195], &[]).summary.requests;
    near(few.goodput_p90, 195.0 / 20.0);
}

#[test]
fn latency_is_of_all_requests_and_of_successes_apart() {
    // 4, 4, 150 and, timed out, 95 ms.
    let rows = [request(1), request(2), late(3), timeout(4)];
    let requests = analysed(options(), &rows, &[]).summary.requests;
    near(requests.latency_ms.p50, f64::midpoint(4.0, 95.0));
    near(requests.latency_ms.mean, (4.0 + 4.0 + 150.0 + 95.0) / 4.0);
    near(requests.latency_ms.max, 150.0);
    assert_eq!((requests.latency_ms.count, requests.success_latency_ms.count), (4, 3));
    near(requests.success_latency_ms.p50, 4.0);
}

#[test]
fn cold_starts_are_successes_and_cold_models_are_told_apart() {
    let failed = RequestRow { is_coldstart: true, ..timeout(5) };
    let rows = [cold(1, 7), cold(2, 7), cold(3, 8), cold(12_000, 7), request(4), failed];
    let Analysis { summary, series, .. } = analysed(options(), &rows, &[]);
    near(summary.requests.cold_starts, 4.0 / 20.0);
    assert_eq!((summary.requests.counts.cold_starts, summary.requests.cold_models), (4, 2));
    assert_eq!(series.requests.iter().map(|b| b.cold_models).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn buckets_split_the_window_by_departure() {
    let rows = [request(0), timeout(9_999), request(10_000), late(19_999), request(20_000)];
    let Analysis { summary, series, .. } = analysed(options(), &rows, &[]);
    let [first, second] = series.requests[..] else { panic!("{series:?}") };
    assert_eq!((first.counts.all, first.counts.in_time), (2, 1));
    assert_eq!((second.counts.all, second.counts.in_time), (2, 1));
    near(first.offered(), 0.2);
    near(second.goodput(), 0.1);
    near(first.latency_ms.max, 95.0);
    assert_eq!(summary.window.rows_outside, 1);
}

#[test]
fn slo_factors_and_deadlines_are_told_where_there_are_any() {
    let steep = RequestRow { slo_factor: 2.5, deadline: Span::from_millis(9), ..request(11_000) };
    let free = RequestRow { deadline: Span::MAX, ..request(1) };
    let Analysis { summary, series, .. } =
        analysed(options(), &[free, steep, request(11_001)], &[]);
    near(series.requests[0].slo_factor, 0.0);
    near(series.requests[1].slo_factor, 2.5);
    near(summary.requests.deadline_ms.p50, f64::midpoint(9.0, 100.0));
}

#[test]
fn the_peak_is_the_best_whole_bucket() {
    // The last bucket, 5 s long, has more per second but is not whole.
    let options = Options::new(Window { from: at(0), until: at(25_000) });
    let rows = [request(1), request(11_000), timeout(12_000), request(13_000)];
    let rows: Vec<_> = rows.into_iter().chain((0..5).map(|i| request(21_000 + i))).collect();
    let peak = analysed(options, &rows, &[]).summary.peak;
    near(peak.at, 10.0);
    near(peak.goodput, 0.2);
    near(peak.offered, 0.3);
}

#[test]
fn a_group_is_measured_by_itself() {
    let of = |user, row| RequestRow { user_id: UserId::new(user), ..row };
    let rows = [of(0, request(1)), of(5, timeout(2)), of(6, request(3)), of(9, request(4))];
    let group = |name: &str, users| Group { name: name.into(), users: Some(users), models: None };
    let groups = vec![group("foreground", [0, 6]), group("background", [6, 100])];
    let analysis = analysed(Options { groups, ..options() }, &rows, &[]);
    let [front, back] = &analysis.summary.groups[..] else { panic!() };
    assert_eq!((front.name.as_str(), front.requests.counts.all), ("foreground", 2));
    near(front.requests.satisfaction, 0.5);
    near(back.requests.satisfaction, 1.0);
    assert_eq!(analysis.series.groups[1].requests[0].counts.all, 2);
}

#[test]
fn utilisation_is_time_on_the_device_of_all_devices() {
    // 2 devices, 20 s: 40 s of device time. Three INFERs of 3 s, half of one of them on time.
    let second = Span::from_secs;
    let long = |ms| ActionRow { worker_exec_duration: second(3), goodput: second(3), ..infer(ms) };
    let half = ActionRow { goodput: Span::from_millis(1_500), ..long(3) };
    let other = ActionRow { worker_id: WorkerId::new(1), gpu_id: GpuId::new(2), ..long(15_000) };
    let loading = ActionRow { worker_exec_duration: second(2), ..load(4) };
    let rows = [long(1), half, other, loading];
    let Analysis { summary, series, .. } = analysed(options(), &[], &rows);
    let actions = summary.actions;
    assert_eq!(actions.gpus, 2);
    near(actions.work.gpu_utilisation, 9.0 / 40.0);
    near(actions.work.gpu_goodput, 7.5 / 40.0);
    near(actions.work.pci_utilisation, 2.0 / 40.0);
    near(series.actions[0].work.gpu_utilisation, 6.0 / 20.0);
    near(series.actions[1].work.gpu_utilisation, 3.0 / 20.0);
    let devices: Vec<_> = actions.devices.iter().map(|d| (d.worker, d.gpu)).collect();
    assert_eq!(devices, [(0, 0), (1, 2)]);
    near(actions.devices[0].work.gpu_utilisation, 6.0 / 20.0);
    near(actions.devices[0].work.pci_utilisation, 2.0 / 20.0);
    near(actions.devices[1].work.gpu_utilisation, 3.0 / 20.0);
}

#[test]
fn devices_that_never_worked_count_if_they_are_told_of() {
    let row = ActionRow { worker_exec_duration: Span::from_secs(2), ..infer(1) };
    let analysis = analysed(Options { gpus: Some(10), ..options() }, &[], &[row]);
    near(analysis.summary.actions.work.gpu_utilisation, 2.0 / 200.0);
}

#[test]
fn the_batch_size_is_what_the_average_request_sees() {
    // Batches of 1, 1 and 8: (1 + 1 + 64) / 10.
    let rows = [infer(1), infer(2), ActionRow { batch_size: 8, ..infer(3) }, load(4)];
    let Analysis { summary, series, .. } = analysed(options(), &[], &rows);
    near(summary.actions.work.batch_size, 6.6);
    near(series.actions[0].work.batch_size, 6.6);
    near(series.actions[1].work.batch_size, 0.0);
}

#[test]
fn errors_of_prediction_and_completion_are_kept_apart_by_sign() {
    let us = Span::from_micros;
    let ran = |took, ended| ActionRow {
        worker_exec_duration: us(took),
        worker_exec_complete: us(ended),
        ..infer(1)
    };
    // Predicted are 3 ms and completion after 5 ms.
    let rows = [ran(3_100, 5_300), ran(2_950, 4_800), infer(2), refused(infer(3))];
    let infer = analysed(options(), &[], &rows).summary.actions.infer;
    let (prediction, completion) = (infer.prediction_error_ms, infer.completion_error_ms);
    assert_eq!((prediction.over.count, prediction.under.count, prediction.either.count), (2, 2, 3));
    near(prediction.over.max, 0.1);
    near(prediction.under.max, 0.05);
    near(prediction.over.p50, 0.05);
    near(completion.over.max, 0.3);
    near(completion.under.max, 0.2);
    near(completion.either.mean, 0.5 / 3.0);
    assert_eq!(infer.statuses, BTreeMap::from([(0, 3), (81, 1)]));
}

#[test]
fn loads_and_infers_are_judged_apart() {
    let row = ActionRow { worker_exec_duration: Span::from_millis(9), ..load(1) };
    let actions = analysed(options(), &[], &[row, infer(2)]).summary.actions;
    near(actions.load.prediction_error_ms.over.max, 1.0);
    near(actions.infer.prediction_error_ms.over.max, 0.0);
    near(actions.load.duration_ms.p50, 9.0);
}

#[test]
fn an_actions_time_is_broken_down_without_a_rest() {
    let actions = analysed(options(), &[], &[infer(1), load(2)]).summary.actions;
    let of = |b: clockwork_analysis::summary::Breakdown| {
        [b.network_out, b.before_exec, b.exec, b.output, b.handing_over, b.network_back]
            .map(|part| part.mean)
    };
    for (got, wanted) in
        of(actions.infer.breakdown_ms).into_iter().zip([1.0, 1.0, 3.0, 1.0, 1.0, 2.0])
    {
        near(got, wanted);
    }
    near(actions.infer.breakdown_ms.controller.mean, 1.0);
    for (got, wanted) in
        of(actions.load.breakdown_ms).into_iter().zip([1.0, 1.0, 8.0, 0.0, 1.0, 1.0])
    {
        near(got, wanted);
    }
}

#[test]
fn evictions_are_counted_and_their_durations_ignored() {
    let garbage = Span::new(u64::MAX / 3);
    let evict = ActionRow {
        action_type: ActionType::Evict,
        worker_exec_duration: garbage,
        goodput: garbage,
        ..load(1)
    };
    let actions = analysed(options(), &[], &[evict, infer(2)]).summary.actions;
    assert_eq!((actions.work.evictions, actions.work.infers, actions.work.loads), (1, 1, 0));
    assert!(actions.work.gpu_utilisation < 1.0 && actions.work.pci_utilisation < 1e-9);
}

#[test]
fn warm_up_and_cool_down_are_left_out() {
    let options = Options::new(Window { from: at(5_000), until: at(15_000) });
    let rows = [request(4_999), request(5_000), request(14_999), request(15_000)];
    let actions = [infer(4_999), infer(5_000)];
    let summary = analysed(options, &rows, &actions).summary;
    assert_eq!((summary.requests.counts.all, summary.actions.work.infers), (2, 1));
    assert_eq!(summary.window.rows_outside, 3);
    near(summary.requests.goodput, 0.2);
}

#[test]
fn rows_that_come_long_after_their_turn_count_but_not_in_quantiles() {
    let options = Options::new(Window::starting(at(0)));
    let rows = [request(1), request(500_000), late(2), request(500_001)];
    let Analysis { summary, series, .. } = analysed(options, &rows, &[]);
    assert_eq!((summary.requests.late_rows, summary.requests.counts.all), (1, 4));
    assert_eq!(series.requests[0].counts.all, 2);
    near(series.requests[0].latency_ms.max, 4.0);
    near(summary.requests.latency_ms.max, 150.0);
    assert_eq!(series.requests.len(), 51);
}

#[test]
fn nothing_at_all_is_zero_and_no_error() {
    let Analysis { summary, series, tails } = analysed(options(), &[], &[]);
    near(summary.requests.goodput, 0.0);
    near(summary.requests.satisfaction, 0.0);
    near(summary.actions.work.gpu_utilisation, 0.0);
    assert_eq!((series.requests.len(), series.actions.len()), (2, 2));
    assert!(tails.requests.latency.is_empty());
}

#[test]
fn an_analysis_comes_back_from_json() {
    let rows = [request(1), late(2), timeout(3), cold(4, 1)];
    let analysis = analysed(options(), &rows, &[infer(1), load(2), refused(load(3))]);
    let json = serde_json::to_string(&analysis).unwrap();
    let back: Analysis = serde_json::from_str(&json).unwrap();
    assert_eq!(back.summary.requests.counts, analysis.summary.requests.counts);
    assert_eq!(back.summary.requests.statuses, analysis.summary.requests.statuses);
    near(back.summary.actions.work.gpu_utilisation, analysis.summary.actions.work.gpu_utilisation);
    near(back.series.requests[0].goodput(), analysis.series.requests[0].goodput());
    assert_eq!(back.tails.requests.latency.len(), 1_000);
}

#[test]
fn what_devices_did_is_flat_in_json() {
    let analysis = analysed(options(), &[], &[infer(1), load(2)]);
    let json = serde_json::to_value(&analysis).unwrap();
    let actions = &json["summary"]["actions"];
    for work in [actions, &actions["devices"][0], &json["series"]["actions"][0]] {
        assert_eq!((&work["infers"], &work["loads"]), (&1.into(), &1.into()), "{work}");
        near(work["batch_size"].as_f64().unwrap(), 1.0);
        assert!(work.get("work").is_none());
    }
    assert_eq!(serde_json::from_value::<Analysis>(json).unwrap(), analysis);
}

#[test]
fn an_old_summary_that_lacks_fields_is_still_read() {
    let back: Analysis =
        serde_json::from_str(r#"{"summary": {"requests": {"goodput": 7}}}"#).unwrap();
    near(back.summary.requests.goodput, 7.0);
    assert_eq!(back.series, Analysis::default().series);
}
