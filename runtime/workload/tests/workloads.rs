//! Every workload in virtual time: rates, bounds, termination, determinism.

mod virtual_time;

use std::collections::BTreeSet;

use clockwork_wire::{Span, Status, UserId};
use clockwork_workload::generator::{ClosedLoop, FixedRate};
use clockwork_workload::{Context, Engine, Input, Output, Plan, UsageError, registry};
use virtual_time::{START, Setting, Trace, plan, run};

#[test]
fn a_poisson_stream_has_its_mean_rate_exponential_gaps_and_uniform_models() {
    let trace = run(plan("poisson-open-loop", &["40", "2000"]), 1, Setting::PROMPT, seconds(50));
    let gaps = gaps(&trace);
    let mean = gaps.iter().sum::<f64>() / count(gaps.len());
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count(gaps.len());
    // 100,000 arrivals: four standard errors are 1.3 % of the mean.
    assert!((mean - 0.0005).abs() < 0.0005 * 0.013, "mean gap {mean} s");
    assert!((variance.sqrt() / mean - 1.0).abs() < 0.02, "gaps are not exponential");
    for model in 0..40 {
        let share = trace.submits.iter().filter(|s| s.model.get() == model).count();
        // 2,500 expected: five standard deviations are 250.
        assert!((2_250..2_750).contains(&share), "model {model} got {share}");
    }
    assert!(trace.submits.iter().all(|s| s.user.get() == s.model.get()));
}

#[test]
fn the_counts_of_a_poisson_stream_have_their_mean_and_it_for_their_variance() {
    let trace = run(plan("poisson-open-loop", &["40", "2000"]), 2, Setting::PROMPT, seconds(100));
    // All of them in 10 ms, and one model in 400 ms: 20 are expected of either.
    for (model, window) in [(None, 10), (Some(7), 400)] {
        let windows = 100_000 / window;
        let mut counts = vec![0.0; usize::try_from(windows).unwrap()];
        for submit in trace.submits.iter().filter(|s| model.is_none_or(|m| s.model.get() == m)) {
            let at = (submit.intended - START).get() / (window * 1_000_000);
            if let Some(count) = counts.get_mut(usize::try_from(at).unwrap()) {
                *count += 1.0;
            }
        }
        let n = count(counts.len());
        let mean = counts.iter().sum::<f64>() / n;
        let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / n;
        // Four standard errors.
        assert!((mean - 20.0).abs() < 4.0 * (20.0 / n).sqrt(), "{mean} in {window} ms");
        assert!((variance / mean - 1.0).abs() < 4.0 * (2.05 / n).sqrt(), "{variance} of {mean}");
    }
}

#[test]
fn a_course_of_rates_has_each_rate_for_its_time_and_ends() {
    let course = ["10", "1000:20,3000:10,500:20", "zipf:1", "alexnet"];
    let trace = run(plan("open-loop", &course), 1, Setting::PROMPT, HOUR);
    assert_eq!(trace.loads, [("alexnet".into(), 10)]);
    // Expected are 20,000, 30,000 and 10,000; four standard deviations are 566, 693 and 400.
    for (from, to, expected) in
        [(0, 20, 19_434..20_566), (20, 30, 29_307..30_693), (30, 50, 9_600..10_400)]
    {
        let (from, to) = (START + seconds(from), START + seconds(to));
        let arrivals = trace.submits.iter().filter(|s| s.intended >= from && s.intended < to);
        let arrivals = arrivals.count();
        assert!(expected.contains(&arrivals), "{arrivals} from {from:?} to {to:?}");
    }
    assert!(trace.submits.iter().all(|s| s.intended < START + seconds(50)));
    assert!(trace.done.is_some(), "the workload ends with its last step");
    let of_model = |model| trace.submits.iter().filter(|s| s.model.get() == model).count();
    assert!(of_model(0) > 8 * of_model(9), "the first is asked for ten times as often as the last");
}

#[test]
fn the_parts_of_a_stream_are_together_what_the_whole_was() {
    let parts = plan("open-loop", &["40", "2000"]).split(4);
    let seeded = (0..).zip(parts);
    let traces: Vec<_> =
        seeded.map(|(seed, part)| run(part, seed, Setting::PROMPT, seconds(20))).collect();
    for trace in &traces {
        // 10,000 expected: four standard deviations are 400.
        assert!((9_600..10_400).contains(&trace.submits.len()), "{}", trace.submits.len());
        assert_eq!(trace.loads, [("resnet50_v2".into(), 40)]);
    }
    assert_ne!(traces[0].submits, traces[1].submits);
}

#[test]
fn loops_are_divided_by_going_to_one_part_each() {
    let parts = plan("simple-parametric", &["5", "3", "7", "100"]).split(2);
    let sent = |part| run(part, 1, Setting::PROMPT, HOUR).submits.len();
    assert_eq!(parts.into_iter().map(sent).collect::<Vec<_>>(), [200, 100]);
}

#[test]
fn the_open_comparison_runs_at_its_default_rate() {
    let trace = run(plan("comparison_experiment", &[]), 3, Setting::PROMPT, seconds(20));
    assert_eq!(trace.loads, [("resnet50_v2".into(), 15)]);
    // 20,000 expected: four standard deviations are 566.
    assert!((19_434..20_566).contains(&trace.submits.len()), "{}", trace.submits.len());
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another_one() {
    for workload in &registry::WORKLOADS {
        let arguments: &[&str] = match workload.name {
            "simple-parametric" => &["5", "2", "3", "50"],
            "poisson-open-loop" => &["40", "2000"],
            "open-loop" => &["40", "2000:0.01,500:0.01", "zipf:1"],
            "scalability-exp-1" => &["4", "1000", "2000", "1.5", "mul", "0.01"],
            "slo-exp-1" => &["m", "4", "poisson", "2000", "1", "9", "1", "add", "0.01"],
            "slo-exp-2" => {
                &["m", "4", "fixed-rate", "2000", "1", "9", "1", "add", "0.01", "2", "3", "5"]
            }
            "replay-rates" => &["rates,rates"],
            "replay-log" => &["log"],
            "azure_scalability_exp" => &["10.0", "20", "2", "0.01"],
            _ => &[],
        };
        let trace = |seed| {
            run(plan(workload.name, arguments), seed, Setting::PROMPT, Span::from_millis(20))
        };
        assert_eq!(trace(7), trace(7), "{}", workload.name);
    }
    let poisson =
        |seed| run(plan("poisson-open-loop", &["4", "9"]), seed, Setting::PROMPT, seconds(9));
    assert_ne!(poisson(1).submits, poisson(2).submits);
}

#[test]
fn a_driver_that_comes_late_gets_the_same_arrivals_with_the_times_they_were_meant() {
    let late = Setting { tick: Span::from_millis(700), ..Setting::PROMPT };
    let prompt = run(plan("poisson-open-loop", &["40", "2000"]), 5, Setting::PROMPT, seconds(7));
    let burst = run(plan("poisson-open-loop", &["40", "2000"]), 5, late, seconds(7));
    assert_eq!(prompt.submits, burst.submits);
}

#[test]
fn a_fixed_rate_does_not_drift() {
    let mut fixed = Plan::of("m", 2);
    fixed.add(FixedRate::new(fixed.targets(), 3.0));
    let trace = run(fixed, 1, Setting::PROMPT, seconds(10_000));
    assert_eq!(trace.submits.len(), 30_000);
    assert_eq!(trace.submits[0].intended, START + Span::new(333_333_333));
    assert_eq!(trace.submits[29_999].intended, START + seconds(10_000));
}

#[test]
fn a_closed_loop_keeps_exactly_its_concurrency_under_way() {
    let simple = run(plan("simple", &[]), 1, Setting::PROMPT, seconds(3));
    assert_eq!((simple.unanswered_max, simple.submits.len()), (2, 2_002));
    assert!(simple.submits.iter().all(|s| s.user == UserId::new(0)));
    let spam = run(plan("spam", &["alexnet"]), 1, Setting::PROMPT, Span::from_millis(10));
    assert_eq!(spam.loads, [("alexnet".into(), 100)]);
    assert_eq!((spam.unanswered_max, spam.submits.len()), (10_000, 40_000));
    let single = run(plan("single-spam", &[]), 1, Setting::PROMPT, Span::from_millis(1));
    assert_eq!(single.unanswered_max, 100_000);
    let closed = run(plan("comparison_experiment2", &[]), 1, Setting::PROMPT, seconds(1));
    assert_eq!(closed.unanswered_max, 15 * 16);
}

#[test]
fn a_limited_loop_sends_exactly_its_requests_over_all_its_models_and_ends_once() {
    let trace = run(plan("simple-parametric", &["5", "2", "7", "100"]), 1, Setting::PROMPT, HOUR);
    for (user, models) in [(0, vec![0, 1, 2]), (1, vec![3, 4])] {
        let of_user = || trace.submits.iter().filter(|s| s.user == UserId::new(user));
        assert_eq!(of_user().count(), 100);
        let asked: BTreeSet<_> = of_user().map(|s| s.model.get()).collect();
        assert_eq!(asked.into_iter().collect::<Vec<_>>(), models);
    }
    assert_eq!(trace.unanswered_max, 14);
    // 100 requests, 7 at a time, are 15 rounds of 3 ms.
    assert_eq!(trace.done, Some(START + Span::from_millis(45)));
}

#[test]
fn a_loop_with_fewer_requests_than_concurrency_ends_too() {
    let trace = run(plan("simple-parametric", &["1", "1", "50", "3"]), 1, Setting::PROMPT, HOUR);
    assert_eq!(trace.submits.len(), 3);
    assert!(trace.done.is_some());
}

#[test]
fn errors_complete_a_loops_request_but_are_not_answered_by_a_storm() {
    let refusing = Setting { latency: Span::ZERO, status: Status::TIMEOUT, ..Setting::PROMPT };
    let endless = run(plan("simple", &[]), 1, refusing, seconds(1));
    assert_eq!(endless.submits.len(), 2 * 1_001);
    let beyond = Setting { status: Status::OVERLOADED, ..refusing };
    let endless = run(plan("simple", &[]), 1, beyond, seconds(1));
    assert_eq!(endless.submits.len(), 2 * 11);
    let limited = run(plan("simple-parametric", &["2", "2", "4", "100"]), 1, refusing, HOUR);
    assert_eq!(limited.submits.len(), 200);
    assert!(limited.done.is_some());
    let late = Setting { status: Status::LATE, ..Setting::PROMPT };
    assert_eq!(run(plan("simple", &[]), 1, late, seconds(3)).submits.len(), 2_002);
}

#[test]
fn a_delayed_loop_begins_after_its_delay() {
    let mut delayed = Plan::of("m", 1);
    delayed.add(ClosedLoop::new(delayed.targets(), 2).delayed(seconds(10)).limited(4));
    let trace = run(delayed, 1, Setting::PROMPT, HOUR);
    assert_eq!(trace.submits[0].intended, START + seconds(10));
    assert_eq!(trace.submits.len(), 4);
}

#[test]
fn models_are_loaded_one_after_the_other_and_listed_at_the_end() {
    let mut two = Plan::of("a", 2);
    two.load("b", 1);
    let mut engine = Engine::new(two, 1);
    for (name, first, copies) in [("a", 0, 2), ("b", 2, 1)] {
        assert!(matches!(engine.poll(START), Some(Output::Load(load)) if load.name == name));
        assert_eq!(engine.poll(START), None);
        let first = clockwork_wire::ModelId::new(first);
        engine.handle(START, Input::Loaded { first, copies });
    }
    assert_eq!(engine.poll(START), Some(Output::List));
    assert_eq!(engine.poll(START), None);
}

#[test]
fn a_stopped_engine_waits_for_its_answers_and_no_longer() {
    let mut engine = Engine::new(plan("simple", &[]), 1);
    while let Some(output) = engine.poll(START) {
        match output {
            Output::Load(load) => {
                let first = clockwork_wire::ModelId::new(0);
                engine.handle(START, Input::Loaded { first, copies: load.copies });
            }
            Output::List => engine.handle(START, Input::Listed { gpus: 1 }),
            Output::Submit(submit) => {
                // One of the two is out, the other never leaves.
                engine.handle(START, Input::Stop);
                assert_eq!((engine.poll(START), engine.unanswered()), (None, 1));
                engine.handle(START, Input::Answered { tag: submit.tag, status: Status::OK });
            }
            Output::Print(text) => panic!("the workload did not end by itself: {text}"),
            Output::Done => return,
        }
    }
    panic!("never done");
}

#[test]
fn an_engine_that_is_stopped_while_loading_is_done_at_once() {
    let mut engine = Engine::new(plan("simple", &[]), 1);
    engine.poll(START);
    engine.handle(START, Input::Stop);
    engine.handle(START, Input::Loaded { first: clockwork_wire::ModelId::new(0), copies: 2 });
    assert_eq!(engine.poll(START), Some(Output::Done));
    assert_eq!(engine.poll(START), None);
}

#[test]
fn an_unknown_workload_names_the_valid_ones() {
    let error = registry::find("azur").unwrap_err().to_string();
    assert!(error.contains("`azur`") && error.contains("spam, single-spam, simple"), "{error}");
}

#[test]
fn a_bad_argument_names_parameter_value_and_what_is_allowed() {
    let plan = |name, arguments: &[&str]| {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        registry::find(name).unwrap().plan(&arguments, &Context::default()).map(|_| ()).unwrap_err()
    };
    let missing = plan("poisson-open-loop", &["40"]).to_string();
    assert!(missing.contains("`rate`"), "{missing}");
    for rate in ["-1", "0", "NaN", "inf", "1e9", "fast"] {
        let error = plan("poisson-open-loop", &["40", rate]).to_string();
        assert!(error.contains(rate) && error.contains("per second"), "{error}");
    }
    for models in ["0", "65537", "-1", "1.5"] {
        let error = plan("comparison_experiment", &[models]).to_string();
        assert!(error.contains(models) && error.contains("from 1 to 65536"), "{error}");
    }
    for rate in ["1000:", "1000:0", "0:5", "1000:5,", "5:1e9"] {
        let error = plan("open-loop", &["40", rate]).to_string();
        assert!(error.contains("`rate`"), "{error}");
    }
    for popularity in ["zipf", "zipf:-1", "zipf:NaN", "even"] {
        let error = plan("open-loop", &["40", "9", popularity]).to_string();
        assert!(error.contains(popularity) && error.contains("zipf:EXPONENT"), "{error}");
    }
    assert!(matches!(plan("simple", &["7"]), UsageError::TooMany { parameters: 0, .. }));
}

#[test]
fn empty_arguments_at_the_end_count_as_left_out() {
    let with_empty =
        run(plan("comparison_experiment2", &["3", "", ""]), 1, Setting::PROMPT, HALF_MS);
    assert_eq!(with_empty.submits.len(), 3 * 16);
}

fn seconds(s: u64) -> Span {
    Span::from_secs(s)
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).expect("tests count below 2^32"))
}

fn gaps(trace: &Trace) -> Vec<f64> {
    trace.submits.windows(2).map(|w| (w[1].intended - w[0].intended).as_secs_f64()).collect()
}

const HOUR: Span = Span::from_secs(3_600);
const HALF_MS: Span = Span::from_micros(500);
