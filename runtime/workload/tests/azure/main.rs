//! The azure workloads in virtual time: minutes, models, scales.

mod sample;
#[path = "../virtual_time/mod.rs"]
mod virtual_time;

use std::sync::Arc;

use clockwork_wire::{Span, UserId};
use clockwork_workload::{Context, Submit, UsageError, registry};
use virtual_time::{OneTrace, START, Setting, Trace, plan, plan_in, run, small};

#[test]
fn every_minute_has_the_calls_of_the_trace_times_the_scale() {
    // Load factor 80 of 2 workers is 20 times the trace.
    let trace = run(plan("azure", &["2", "1", "80"]), 1, Setting::PROMPT, seconds(360));
    assert_eq!(trace.loads, ["alexnet", "resnet50_v2", "vgg16"].map(|m| (m.into(), 66)));
    // By falling calls: b, d, a, c; two rounds of three minutes.
    for (minute, calls) in
        (0..6).zip([[600, 300, 60, 0], [1_200, 0, 0, 0], [0, 60, 0, 6]].repeat(2))
    {
        for (row, calls) in (0..).zip(calls) {
            let within = of_row(&trace, row).filter(|s| minute_of(s) == minute).count();
            assert_near(within, calls * 20);
        }
    }
    // Row i asks for model floor(198 i / 4).
    for (row, model) in [(0, 0), (1, 49), (2, 99), (3, 148)] {
        assert!(of_row(&trace, row).all(|s| s.model.get() == model), "row {row}");
        assert!(of_row(&trace, row).count() > 0);
    }
}

/// A stream whose rate changes is Poisson if time, counted in the arrivals that are expected, has
/// exponential gaps: a minute with another rate than the trace's, or an arrival before or after its
/// minute, would bend them.
#[test]
fn counted_in_expected_calls_the_gaps_of_every_function_are_exponential() {
    let trace = run(plan("azure", &["2", "1", "80"]), 1, Setting::PROMPT, seconds(1_800));
    for (row, calls) in [(0, [600, 1_200, 0]), (1, [300, 0, 60]), (2, [60, 0, 0]), (3, [0, 0, 6])] {
        let calls = calls.map(|calls| f64::from(calls) * 20.0);
        let counted =
            of_row(&trace, row).map(|s| expected_calls(calls, (s.intended - START).as_secs_f64()));
        let counted: Vec<f64> = std::iter::once(0.0).chain(counted).collect();
        let gaps: Vec<f64> = counted.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let n = f64::from(u32::try_from(gaps.len()).unwrap());
        let mean = gaps.iter().sum::<f64>() / n;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / n;
        // Four standard errors.
        assert!((mean - 1.0).abs() < 4.0 * n.recip().sqrt(), "row {row}: mean {mean} of {n}");
        assert!((variance - 1.0).abs() < 4.0 * (8.0 / n).sqrt(), "row {row}: {variance} of {n}");
    }
}

/// Calls that are expected in so many seconds, with so many in each of three minutes that repeat.
fn expected_calls(minutes: [f64; 3], passed: f64) -> f64 {
    let rounds = (passed / 180.0).floor();
    let within = passed - rounds * 180.0;
    let part =
        |(minute, calls): (u8, f64)| calls * (within / 60.0 - f64::from(minute)).clamp(0.0, 1.0);
    rounds * minutes.iter().sum::<f64>() + (0..).zip(minutes).map(part).sum::<f64>()
}

#[test]
fn the_counts_of_seconds_vary_as_poisson_has_it() {
    let trace = run(plan("azure", &["1", "1", "8"]), 3, Setting::PROMPT, seconds(3 * 3_600));
    let mut counts = vec![0.0; 3_600 * 3];
    for submit in &trace.submits {
        counts[usize::try_from((submit.intended - START).get() / 1_000_000_000).unwrap()] += 1.0;
    }
    // The first minute of every three has 960 calls, 16 a second.
    let counts: Vec<f64> = (0..3_600 * 3).filter(|s| s % 180 < 60).map(|s| counts[s]).collect();
    let n = 3_600.0;
    let mean = counts.iter().sum::<f64>() / n;
    let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / n;
    // Four standard errors: 4 (16 / 3600)^0.5 of the mean, 4 (2 / 3600)^0.5 of the ratio.
    assert!((mean - 16.0).abs() < 0.27, "{mean}");
    assert!((variance / mean - 1.0).abs() < 0.095, "{variance} of {mean}");
}

#[test]
fn an_interval_changes_how_long_a_rate_holds_and_not_the_rate() {
    let trace = run(plan("azure", &["1", "0", "8", "1", "10"]), 1, Setting::PROMPT, seconds(30));
    assert_eq!(trace.loads, [("resnet50_v2".into(), 200)]);
    for (tenth, calls) in [(0, 960), (1, 1_200), (2, 66)] {
        let at = |s: &&Submit| (s.intended - START).get() / 10_000_000_000 == tenth;
        assert_near(trace.submits.iter().filter(at).count(), calls / 6);
    }
}

#[test]
fn a_random_start_is_random_for_every_function_and_the_same_for_all_parts() {
    let context = |seed| Context { seed, ..small() };
    let minutes = |seed| {
        let azure = ["1", "1", "8", "1", "60", "1", "1"];
        let trace = run(plan_in(&context(seed), "azure", &azure), 1, Setting::PROMPT, seconds(180));
        (0..4).map(|row| of_row(&trace, row).next().map(minute_of)).collect::<Vec<_>>()
    };
    assert_eq!(minutes(1), minutes(1));
    let seen: std::collections::BTreeSet<_> = (1..20).map(minutes).collect();
    assert!(seen.len() > 2, "{seen:?}");
    // Over whole rounds nothing is lost.
    let azure = ["1", "1", "80", "1", "60", "1", "1"];
    let trace = run(plan_in(&context(5), "azure", &azure), 1, Setting::PROMPT, seconds(360));
    for (row, calls) in (0..).zip([1_800, 360, 60, 6]) {
        assert_near(of_row(&trace, row).count(), calls * 20);
    }
}

#[test]
fn models_are_spread_evenly_and_the_most_called_come_first_unless_shuffled() {
    let half = run(plan("azure_half", &[]), 1, Setting::PROMPT, seconds(1));
    assert_eq!(half.loads.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [1_034, 1_033, 1_033]);
    let small_trace = run(plan("azure_small", &[]), 1, Setting::PROMPT, seconds(180));
    assert_eq!(small_trace.loads, ["alexnet", "resnet50_v2", "vgg16"].map(|m| (m.into(), 3)));
    assert!(small_trace.submits.iter().all(|s| s.model.get() == s.user.get()));
    let context = Context { shuffle: true, seed: 3, ..small() };
    let shuffled = run(plan_in(&context, "azure_small", &[]), 1, Setting::PROMPT, seconds(180));
    assert!(shuffled.submits.iter().any(|s| s.model.get() != s.user.get()));
    for row in 0..4 {
        let mut models: Vec<_> = of_row(&shuffled, row).map(|s| s.model.get()).collect();
        models.dedup();
        assert_eq!(models.len(), 1, "a function has one model");
    }
}

#[test]
fn a_single_function_is_the_most_called_one_a_minute_a_second() {
    let trace = run(plan("azure_single", &[]), 1, Setting::PROMPT, seconds(300));
    assert_eq!(trace.loads, [("resnet50_v2".into(), 1)]);
    assert!(trace.submits.iter().all(|s| s.user == UserId::new(0) && s.model.get() == 0));
    let second = |s: &Submit| (s.intended - START).get() / 1_000_000_000;
    let of = |place| trace.submits.iter().filter(|s| second(s) % 3 == place).count();
    assert_near(of(0), 1_000);
    assert_near(of(1), 2_000);
    assert_eq!(of(2), 0);
}

#[test]
fn a_scalability_experiment_multiplies_its_load_and_ends() {
    let trace =
        run(plan("azure_scalability_exp", &["40", "1", "5", "2", "180"]), 1, Setting::PROMPT, HOUR);
    // 5 times the trace at load factor 1 of 40 workers; rounds of 180 s have 2,226 calls.
    for (round, scale) in [(0, 5), (1, 10), (2, 20)] {
        let within = trace.submits.iter().filter(|s| minute_of(s) / 3 == round).count();
        assert_near(within, 2_226 * scale);
    }
    let told: Vec<_> = trace.prints.iter().map(|(_, text)| text.as_str()).collect();
    let told = &told[told.len() - 3..];
    let updates = [">>>> Updating scale_factor to 10", ">>>> Updating scale_factor to 20"];
    assert_eq!((&told[..2], told[2]), (&updates[..], "Terminating engine"));
    assert!(trace.done.is_some_and(|at| at <= START + seconds(541)));
}

#[test]
fn without_a_number_of_workers_it_is_the_controllers_devices() {
    // The pretended controller reports 12.
    let short =
        run(plan("azure_scalability_exp", &["0.1", "4", "1.5", "60"]), 7, Setting::PROMPT, HOUR);
    let long = ["12", "0.1", "4", "1.5", "60", "4"];
    let long = run(plan("azure_scalability_exp", &long), 7, Setting::PROMPT, HOUR);
    assert_eq!(short.submits, long.submits);
    let begin = |trace: &Trace| trace.submits.first().map(|s| s.intended);
    assert!(begin(&short).is_some());
    let fewer = ["0.1", "4", "1.5", "60", "1"];
    let fewer = run(plan("azure_scalability_exp", &fewer), 7, Setting::PROMPT, seconds(1));
    assert_eq!(fewer.loads[0], ("alexnet".into(), 3));
    // The scale is told without the factor of the trace.
    let scaled = Context { scale_rate: Some(50.0), ..small() };
    let scaled = plan_in(&scaled, "azure_scalability_exp", &["1.0", "4", "2", "1"]);
    let scaled = run(scaled, 1, Setting::PROMPT, HOUR);
    let told = ">>>> Updating scale_factor to 3";
    assert!(scaled.prints.iter().any(|(_, text)| text == told), "{:?}", scaled.prints);
    let error = usage(&small(), "azure_scalability_exp", &["1", "4", "1.5", "60"]).to_string();
    assert!(error.contains("`period_s`"), "{error}");
}

#[test]
fn a_sample_is_resampled_and_scaled_and_says_so() {
    let sample = "f,minute_1,minute_2,minute_3\na,60,0,0\nb,600,1200,0\n";
    let context = Context { files: Arc::new(OneTrace(sample)), ..small() };
    let azure = plan_in(&context, "azure", &["1", "1", "8"]);
    assert_eq!(
        azure.notes(),
        ["Trace d01.csv: 2 functions x 3 minutes, resampled to 17000 with time rotation \
          (--scale-rows), rates x 0.109731 (--scale-rate): 9638 requests/s at scale 1"]
    );
    let trace = run(azure, 1, Setting::PROMPT, seconds(18));
    assert_eq!(trace.prints[0].1, plan_in(&context, "azure", &["1", "1", "8"]).notes()[0]);
    assert!(trace.prints.iter().any(|(_, text)| text == "Loading vgg16 x66"));
    let as_it_is = Context { scale_rows: Some(0), scale_rate: Some(2.0), ..context };
    let azure = plan_in(&as_it_is, "azure", &["1", "1", "8"]);
    assert!(azure.notes()[0].contains("not resampled (--scale-rows), rates x 2 "));
    assert_near(run(azure, 1, Setting::PROMPT, seconds(180)).submits.len(), 2 * 1_860);
    assert!(plan("azure", &[]).notes()[0].contains("not resampled (--scale-rows), rates x 1 "));
}

#[test]
fn the_parts_of_a_replay_are_together_what_the_whole_was() {
    let parts = plan("azure_scalability_exp", &["40", "1", "5", "2", "180"]).split(3);
    let seeded = (0..).zip(parts);
    let traces: Vec<_> =
        seeded.map(|(seed, part)| run(part, seed, Setting::PROMPT, HOUR)).collect();
    for trace in &traces {
        assert_near(trace.submits.len(), 2_226 * 35 / 3);
        assert!(trace.prints.iter().any(|(_, text)| text.ends_with("scale_factor to 20")));
    }
}

#[test]
fn what_a_workload_needs_and_does_not_find_is_said() {
    let nothing = Context::default();
    let error = usage(&nothing, "azure_small", &[]);
    assert_eq!(error, UsageError::NoModels { workload: "azure_small" });
    let no_trace = Context { models: vec!["m".into()], ..Context::default() };
    let error = usage(&no_trace, "azure_single", &[]).to_string();
    assert_eq!(error, "workload `azure_single`: there is no trace of day 1 here");
    let broken = Context { files: Arc::new(OneTrace("f,1,2\nx,1\n")), ..small() };
    let error = usage(&broken, "azure", &[]).to_string();
    assert_eq!(error, "workload `azure`: `d01.csv`: line 2: it has 2 columns, the header has 3");
    for (arguments, wrong) in [
        (&["0"][..], "`num_workers`"),
        (&["1", "2"], "`use_all_models`"),
        (&["1", "1", "-1"], "`load_factor`"),
        (&["1", "1", "1", "5"], "`memory_load_factor`"),
        (&["1", "1", "1", "4", "0"], "`interval`"),
        (&["1", "1", "1", "4", "60", "15"], "`trace`"),
        (&["1", "1", "1", "4", "60", "1", "yes"], "`randomise`"),
    ] {
        let error = usage(&small(), "azure", arguments).to_string();
        assert!(error.contains(wrong), "{error}");
    }
    for (arguments, wrong) in [
        (&["4", "1", "2", "1", "mul", "10"][..], "`factor`"),
        (&["4", "1", "2", "0", "add", "10"], "`factor`"),
        (&["4", "1", "2", "2", "sub", "10"], "one of add, mul"),
        (&["4", "1", "2", "2", "mul", "0"], "`period_s`"),
        (&["4", "1", "1e7", "2", "mul", "1"], "`rate-max`"),
    ] {
        let error = usage(&small(), "scalability-exp-1", arguments).to_string();
        assert!(error.contains(wrong), "{error}");
    }
}

fn usage(context: &Context, name: &str, arguments: &[&str]) -> UsageError {
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    let workload = registry::find(name).expect("a workload of the registry");
    workload.plan(&arguments, context).map(|_| ()).expect_err("it cannot be")
}

fn of_row(trace: &Trace, row: u32) -> impl Iterator<Item = &Submit> {
    trace.submits.iter().filter(move |s| s.user == UserId::new(row))
}

fn minute_of(submit: &Submit) -> u64 {
    (submit.intended - START).get() / 60_000_000_000
}

/// Within five standard deviations of a Poisson count.
fn assert_near(count: usize, expected: usize) {
    let off = count.abs_diff(expected);
    assert!(off * off <= 25 * expected, "{count} instead of {expected}");
}

fn seconds(s: u64) -> Span {
    Span::from_secs(s)
}

const HOUR: Span = Span::from_secs(3_600);
