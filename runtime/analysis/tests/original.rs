//! A log as the original writes it, and what its scripts derive of it: every figure here was worked out by
//! hand from their definitions.

use std::fs;

use clockwork_analysis::summary::{Breakdown, KindSummary};
use clockwork_analysis::{Analysis, Group, Logs, TAIL_POINTS, View};
use clockwork_wire::Span;

/// A success, a cold one without a limit, a timeout, a late success, a cold success, an error, a timeout
/// that found its model in the end, and a success that ends the run after 10 s.
const REQUESTS: &str = "t\trequest_id\tresult\tuser_id\tmodel_id\tslo_factor\tlatency\tdeadline\tdeadline_met\tarrival_count\tdeparture_count\tis_coldstart
1600000000000000000\t1\t0\t0\t3\t0\t4000000\t100000000\t1\t1\t1\t0
1600000001000000000\t2\t0\t0\t4\t2.9\t20000000\t-1\t1\t0\t1\t1
1600000002000000000\t3\t4\t1\t3\t0\t95000000\t95000000\t0\t1\t1\t0
1600000003000000000\t4\t0\t1\t3\t0\t150000000\t100000000\t0\t1\t1\t0
1600000006000000000\t5\t0\t0\t4\t0\t8000000\t100000000\t1\t0\t1\t1
1600000007000000000\t6\t10\t1\t9\t0\t0\t0\t0\t0\t0\t0
1600000008000000000\t7\t4\t0\t5\t0\t95000000\t95000000\t0\t0\t1\t1
1600000010000000000\t8\t0\t0\t3\t0\t6000000\t100000000\t1\t1\t1\t0
";

/// A LOAD, three INFERs of 2, 8 and 1 that were done, one of 1 that was not, and an EVICT, on two devices.
const ACTIONS: &str = "t\taction_id\taction_type\tstatus\tworker_id\tgpu_id\tmodel_id\tbatch_size\texpected_exec_duration\tworker_exec_duration\texpected_exec_complete\tworker_exec_complete\texpected_gpu_clock\tworker_gpu_clock_before\tworker_gpu_clock\tworker_copy_output_complete\tworker_action_received\tworker_result_sent\tcontroller_result_enqueue\tcontroller_action_duration\tgoodput\trequests_queued\tcopies_loaded
1600000001000000000\t1\t1\t0\t0\t0\t4\t1\t8000000\t8310000\t9000000\t9500000\t1380\t1380\t1380\t0\t100000\t9600000\t9800000\t9900000\t8.31e+06\t1\t0
1600000002000000000\t2\t2\t0\t0\t0\t4\t2\t4000000\t4050000\t5000000\t5100000\t1380\t1380\t1380\t5200000\t100000\t5300000\t5400000\t5500000\t2.025e+06\t2\t1
1600000003000000000\t3\t2\t0\t0\t1\t3\t8\t12000000\t11800000\t14000000\t13500000\t1380\t1380\t1380\t13600000\t200000\t13800000\t14000000\t14200000\t1.18e+07\t9\t1
1600000004000000000\t4\t2\t21\t0\t1\t3\t1\t3000000\t0\t4000000\t0\t1380\t1380\t1380\t0\t100000\t200000\t400000\t500000\t0\t1\t1
1600000005000000000\t5\t2\t0\t0\t1\t3\t1\t3000000\t3000000\t4000000\t4000000\t1380\t1380\t1380\t4100000\t100000\t4200000\t4300000\t4400000\t3e+06\t1\t1
1600000006000000000\t6\t3\t0\t0\t0\t4\t1\t0\t0\t0\t0\t1380\t1380\t1380\t0\t100000\t200000\t300000\t400000\t0\t0\t1
";

fn analysis() -> Analysis {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let [requests, actions] =
        [("requests.tsv", REQUESTS), ("actions.tsv", ACTIONS)].map(|(name, text)| {
            let path = dir.path().join(name);
            fs::write(&path, text).expect("a temporary file can be written");
            vec![path]
        });
    let group = |name: &str, user| Group {
        name: name.to_owned(),
        users: Some([user, user + 1]),
        models: None,
    };
    let groups = vec![group("major", 0), group("minor", 1)];
    let view = View { bucket: Span::from_secs(5), groups, ..View::default() };
    let (analysis, errors) = Logs { requests, actions }.analyse(&view).expect("the view is valid");
    assert!(errors.is_empty(), "{errors:?}");
    analysis
}

#[track_caller]
fn near(got: f64, wanted: f64) {
    assert!((got - wanted).abs() <= wanted.abs() * 1e-3 + 1e-9, "{got} is not {wanted}");
}

#[test]
fn requests_per_second_are_rows_by_the_time_of_their_bucket() {
    let Analysis { summary, series, .. } = analysis();
    // 4 in time, 5 with an output, 8 in all, in 10 s.
    near(summary.requests.goodput, 0.4);
    near(summary.requests.throughput, 0.5);
    near(summary.requests.offered, 0.8);
    let [first, second, last] = series.requests[..] else { panic!("{series:?}") };
    near(first.goodput(), 2.0 / 5.0);
    near(first.offered(), 4.0 / 5.0);
    near(second.goodput(), 1.0 / 5.0);
    near(second.offered(), 3.0 / 5.0);
    assert_eq!(last.counts.all, 1);
}

#[test]
fn satisfaction_is_the_mean_of_deadline_met_of_a_window_and_of_users() {
    let Analysis { summary, series, .. } = analysis();
    near(summary.requests.satisfaction, 0.5);
    near(series.requests[0].counts.satisfaction(), 0.5);
    near(series.requests[1].counts.satisfaction(), 1.0 / 3.0);
    near(summary.groups[0].requests.satisfaction, 0.8);
    near(summary.groups[1].requests.satisfaction, 0.0);
}

#[test]
fn latencies_are_of_all_rows_and_of_successes() {
    let Analysis { summary, tails, .. } = analysis();
    // 0 4 6 8 20 95 95 150, and 4 6 8 20 150.
    let (all, successes) = (summary.requests.latency_ms, summary.requests.success_latency_ms);
    near(all.p50, 14.0);
    near(all.p99, 95.0 + 0.93 * 55.0);
    near(all.max, 150.0);
    near(successes.p50, 8.0);
    near(successes.max, 150.0);
    let tail = tails.requests.success_latency;
    assert_eq!(u32::try_from(tail.len()), Ok(TAIL_POINTS));
    // Evenly spaced in the number of nines.
    let nines = |at: usize| -(1.0 - tail[at].quantile).log10();
    near(nines(500) / nines(999), 500.0 / 999.0);
    near(tail[0].ms, 4.0);
}

#[test]
fn goodput_is_padded_with_late_successes() {
    let requests = analysis().summary.requests;
    near(requests.goodput_p99, 4.0 / 0.99 / 10.0);
    near(requests.goodput_p95, 4.0 / 0.95 / 10.0);
    near(requests.goodput_p90, 4.0 / 0.9 / 10.0);
}

#[test]
fn cold_starts_are_successes_with_the_flag() {
    let Analysis { summary, series, .. } = analysis();
    near(summary.requests.cold_starts, 0.2);
    assert_eq!(summary.requests.cold_models, 1);
    assert_eq!(series.requests.iter().map(|b| b.cold_models).collect::<Vec<_>>(), [1, 1, 0]);
    // Two of five successes.
    near(series.requests[0].cold_part(), 1.0 / 3.0);
}

#[test]
fn utilisation_is_device_time_by_devices_and_time() {
    let Analysis { summary, series, .. } = analysis();
    let work = summary.actions.work;
    assert_eq!(summary.actions.gpus, 2);
    near(work.gpu_utilisation, 0.018_85 / 20.0);
    near(work.gpu_goodput, 0.016_825 / 20.0);
    near(work.pci_utilisation, 0.008_31 / 20.0);
    near(work.pci_goodput, 0.008_31 / 20.0);
    near(series.actions[0].work.gpu_utilisation, 0.015_85 / 10.0);
    near(series.actions[1].work.gpu_utilisation, 0.003 / 10.0);
    assert_eq!((work.infers, work.loads, work.evictions, work.failed), (4, 1, 1, 1));
}

#[test]
fn the_batch_size_is_weighted_by_requests() {
    // (4 + 64 + 1 + 1) / (2 + 8 + 1 + 1), and in the first bucket without the last.
    let Analysis { summary, series, .. } = analysis();
    near(summary.actions.work.batch_size, 70.0 / 12.0);
    near(series.actions[0].work.batch_size, 69.0 / 11.0);
}

#[test]
fn errors_of_prediction_and_completion_are_apart_by_sign_and_kind() {
    let actions = analysis().summary.actions;
    let KindSummary { prediction_error_ms: p, completion_error_ms: c, .. } = actions.infer;
    // 0.05, -0.2 and 0: none at all is on both sides.
    assert_eq!((p.over.count, p.under.count, p.either.count), (2, 2, 3));
    near(p.over.max, 0.05);
    near(p.over.p50, 0.025);
    near(p.under.max, 0.2);
    // 0.1, -0.5 and 0.
    near(c.over.max, 0.1);
    near(c.under.max, 0.5);
    near(actions.load.prediction_error_ms.over.max, 0.31);
    near(actions.load.completion_error_ms.over.max, 0.5);
    assert_eq!(actions.load.prediction_error_ms.under.count, 0);
}

#[test]
fn an_actions_time_is_broken_down() {
    let actions = analysis().summary.actions;
    let of = |b: Breakdown| {
        [b.network_out, b.before_exec, b.output, b.network_back, b.controller].map(|part| part.mean)
    };
    let infer = [0.4 / 3.0, (0.95 + 1.5 + 0.9) / 3.0, 0.1, 0.4 / 3.0, 0.4 / 3.0];
    of(actions.infer.breakdown_ms)
        .into_iter()
        .zip(infer)
        .for_each(|(got, wanted)| near(got, wanted));
    let load = [0.1, 1.09, 0.0, 0.2, 0.1];
    of(actions.load.breakdown_ms).into_iter().zip(load).for_each(|(got, wanted)| near(got, wanted));
}
