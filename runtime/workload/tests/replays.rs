//! Recorded rates and requests in virtual time.

mod virtual_time;

use clockwork_wire::{Nanos, Span, UserId};
use clockwork_workload::registry;
use virtual_time::{START, Setting, Trace, plan, run, small};

#[test]
fn recorded_rates_hold_for_their_seconds_and_the_last_ends_it() {
    let rates = plan("replay-rates", &["rates,rates", "3", "alexnet", "20", "2"]);
    assert_eq!(rates.notes()[0], "rates: 3 rates x 2, 100.333 requests/s");
    let trace = run(rates, 1, Setting::PROMPT, HOUR);
    assert_eq!(trace.loads, [("alexnet".into(), 3), ("alexnet".into(), 3)]);
    for user in [0, 1] {
        let of = |step: u64| {
            let from = START + Span::from_secs(20 * step);
            let within = |at: Nanos| at >= from && at < from + Span::from_secs(20);
            let own = trace.submits.iter().filter(|s| s.user == UserId::new(user));
            own.filter(|s| within(s.intended)).count()
        };
        // 200 and 101 a second for 20 s each: five standard deviations are 316 and 225.
        assert!(of(0).abs_diff(4_000) < 316 && of(2).abs_diff(2_020) < 225, "{} {}", of(0), of(2));
        assert_eq!(of(1), 0);
    }
    let models = |user| {
        let own = trace.submits.iter().filter(move |s| s.user == UserId::new(user));
        own.map(|s| s.model.get()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!((models(0), models(1)), ([0, 1, 2].into(), [3, 4, 5].into()));
    assert!(trace.done.is_some_and(|at| at <= START + Span::from_secs(61)));
}

#[test]
fn several_models_are_each_a_files_own_or_shared_by_every_file() {
    let loads = |files, times, models| {
        run(plan("replay-rates", &[files, times, models]), 1, Setting::PROMPT, HOUR).loads
    };
    let named = |models: &[(&str, u32)]| -> Vec<(String, u32)> {
        models.iter().map(|&(name, copies)| (name.to_owned(), copies)).collect()
    };
    assert_eq!(loads("rates,rates", "2", "b:3,a"), named(&[("b", 6), ("a", 2)]));
    assert_eq!(loads("rates", "1", "b:3,a"), named(&[("b", 3), ("a", 1)]));
    let shared = run(plan("replay-rates", &["rates", "1", "b:3,a"]), 1, Setting::PROMPT, HOUR);
    let asked: std::collections::BTreeSet<_> =
        shared.submits.iter().map(|s| s.model.get()).collect();
    assert_eq!(asked, [0, 1, 2, 3].into());
}

#[test]
fn a_trace_is_replayed_over_models_of_ones_choice() {
    let trace =
        run(plan("replay-trace", &["b:2,a", "2"]), 1, Setting::PROMPT, Span::from_secs(180));
    assert_eq!(trace.loads, [("b".to_owned(), 2), ("a".to_owned(), 1)]);
    // In order of falling calls 1,800, 360, 60 and 6, twice: the first two are the first model's.
    let of = |model| trace.submits.iter().filter(|s| s.model.get() == model).count();
    assert!(of(0).abs_diff(4_320) < 330 && of(1).abs_diff(120) < 55, "{} {}", of(0), of(1));
    let all = run(plan("replay-trace", &["all:7"]), 1, Setting::PROMPT, Span::from_secs(1)).loads;
    assert_eq!(all.iter().map(|(_, copies)| *copies).collect::<Vec<_>>(), [7; 3]);
}

#[test]
fn models_without_a_name_or_with_too_many_copies_are_refused() {
    for models in ["", ",", "a,,b", "a:0", "a:x", "a:65536,b", "a:b:1"] {
        let workload = registry::find("replay-rates").unwrap();
        let arguments = ["rates", "1", models, "1"].map(String::from);
        let error = workload.plan(&arguments, &small()).map(|_| ()).expect_err(models);
        assert!(error.to_string().contains("NAME:COPIES"), "{error}");
    }
}

#[test]
fn recorded_requests_come_exactly_when_they_came() {
    let trace = run(plan("replay-log", &["log", "a,b"]), 1, Setting::PROMPT, HOUR);
    // The ids 4, 9 and 30 take turns: 4 and 30 are the copies of a, 9 is that of b.
    assert_eq!(trace.loads, [("a".into(), 2), ("b".into(), 1)]);
    assert_eq!(seen(&trace), [(0, 2, 0), (1_500, 0, 1), (2_000, 2, 0), (2_000, 1, 7)]);
    assert_eq!(trace.submits.iter().filter(|s| s.slo_factor > 1.9).count(), 1);
    assert!(trace.done.is_some());
    let faster = run(plan("replay-log", &["log", "a,b", "4"]), 1, Setting::PROMPT, HOUR);
    assert_eq!(faster.submits.last().map(|s| s.intended), Some(START + Span::from_millis(500)));
}

#[test]
fn the_parts_of_a_recording_are_exactly_the_whole() {
    let parts = plan("replay-log", &["log"]).split(3).into_iter();
    let mut parts: Vec<_> =
        parts.flat_map(|part| seen(&run(part, 1, Setting::PROMPT, HOUR))).collect();
    let mut whole = seen(&run(plan("replay-log", &["log"]), 1, Setting::PROMPT, HOUR));
    parts.sort_unstable();
    whole.sort_unstable();
    assert_eq!(parts, whole);
}

#[test]
fn a_file_that_is_missing_or_wrong_is_named_with_the_line() {
    for (name, file, wrong) in [
        ("replay-rates", "none", "`none`: no such file"),
        ("replay-rates", "rates,bad-rates", "`bad-rates`: line 2: `fast` is no number of requests"),
        ("replay-rates", "silence", "`silence`: no line has a rate above 0"),
        ("replay-log", "none", "`none`: no such file"),
        ("replay-log", "rates", "`rates`: line 1: column `t` is missing"),
    ] {
        let workload = registry::find(name).expect("a workload of the registry");
        let error = workload.plan(&[file.into()], &small()).map(|_| ()).expect_err(wrong);
        assert!(error.to_string().contains(wrong), "{error}");
    }
}

/// Milliseconds after the start, model and user of every request.
fn seen(trace: &Trace) -> Vec<(u64, u32, u32)> {
    let after = |at: Nanos| (at - START).get() / 1_000_000;
    trace.submits.iter().map(|s| (after(s.intended), s.model.get(), s.user.get())).collect()
}

const HOUR: Span = Span::from_secs(3_600);
