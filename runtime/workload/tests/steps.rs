//! Workloads that change while they run: rates, promises, bursts, models.

mod virtual_time;

use std::collections::BTreeMap;

use clockwork_wire::{Nanos, Span, Status, UserId};
use clockwork_workload::generator::{BurstyClosedLoop, BurstyOpenLoop, FixedRate};
use clockwork_workload::{Plan, Submit, Target};
use virtual_time::{START, Setting, Trace, plan, run};

#[test]
fn an_slo_sweep_has_exactly_its_factors_for_exactly_their_time() {
    let sweep = ["m", "12", "poisson", "600", "2.9", "200", "1.5", "mul", "30"];
    for split in [1, 3] {
        for part in plan("slo-exp-1", &sweep).split(split) {
            let trace = run(part, 1, Setting::PROMPT, HOUR);
            // 2.9 x 1.5^10 is 167; the next would be 251.
            let mut told = Vec::new();
            for step in 0_u32..11 {
                let factor = 2.9 * 1.5_f64.powf(f64::from(step));
                let from = START + seconds(30 * u64::from(step));
                let within = during(&trace, from, from + seconds(30));
                assert!(within.iter().all(|s| close(s.slo_factor, factor)), "step {step}");
                // 18,000 expected of all parts: four standard deviations of a third are 310.
                let expected = 18_000 / usize::try_from(split).unwrap();
                assert!(within.len().abs_diff(expected) < 540, "{}", within.len());
                told.push(format!("Updating slo_factor to {}", six_digits(factor)));
            }
            told.remove(0);
            told.push("Terminating engine".into());
            assert_eq!(trace.prints.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>(), told);
            assert_eq!(trace.prints[9].0, START + seconds(300));
            assert_eq!(trace.prints[10].0, START + seconds(330));
            assert!(trace.done.is_some_and(|at| at <= START + seconds(331)));
            assert!(trace.submits.iter().all(|s| s.user.get() == s.model.get()));
        }
    }
}

#[test]
fn a_fixed_rate_is_split_evenly_and_its_models_are_asked_for_in_step() {
    let sweep = ["m", "6", "fixed-rate", "60", "1", "2", "1", "add", "10"];
    let trace = run(plan("slo-exp-1", &sweep), 1, Setting::PROMPT, HOUR);
    // 10 a second each, the first after a tenth; what is due as the engine ends is not sent.
    for (number, submit) in (0..).zip(&trace.submits) {
        let at = START + Span::from_millis(100 * (number / 6 + 1));
        let factor = if at < START + seconds(10) { 1.0 } else { 2.0 };
        assert_eq!((u64::from(submit.model.get()), submit.intended), (number % 6, at));
        assert!(close(submit.slo_factor, factor) || at == START + seconds(10));
    }
    assert!((6 * 199..=6 * 200).contains(&trace.submits.len()), "{}", trace.submits.len());
}

#[test]
fn the_background_begins_after_ten_seconds_and_ends_with_the_sweep() {
    let sweep = ["m", "6", "poisson", "200", "1", "4", "1", "add", "5", "12", "16", "7.5"];
    let trace = run(plan("slo-exp-2", &sweep), 1, Setting::PROMPT, HOUR);
    assert_eq!(trace.loads, [("m".into(), 6), ("m".into(), 12)]);
    let (foreground, background): (Vec<&Submit>, Vec<&Submit>) =
        trace.submits.iter().partition(|s| s.user.get() < 6);
    assert!(background.iter().all(|s| s.intended >= START + seconds(10)));
    assert!(background.iter().all(|s| close(s.slo_factor, 7.5) && s.model.get() >= 6));
    // Of five seconds each, exactly.
    for submit in &foreground {
        let step = (submit.intended - START).get() / 5_000_000_000;
        assert!(close(submit.slo_factor, [1.0, 2.0, 3.0, 4.0][usize::try_from(step).unwrap()]));
    }
    // Each of 12 x 16 loops asks every 3 ms for ten seconds.
    assert!(background.len().abs_diff(12 * 16 * 3_334) <= 12 * 16, "{}", background.len());
    // 4,000 expected: four standard deviations are 253.
    assert!(foreground.len().abs_diff(4_000) < 253, "{}", foreground.len());
    assert!(trace.submits.iter().all(|s| s.intended <= START + seconds(20)));
    let alone = ["m", "6", "poisson", "200", "1", "1", "1", "add", "5"];
    assert_eq!(run(plan("slo-exp-2", &alone), 1, Setting::PROMPT, HOUR).loads.len(), 1);
}

#[test]
fn every_part_of_a_divided_sweep_ends_although_loops_are_not_divided() {
    let sweep = ["m", "6", "fixed-rate", "60", "1", "4", "1", "add", "5", "3", "1"];
    let parts = plan("slo-exp-2", &sweep).split(4);
    let traces: Vec<_> =
        parts.into_iter().map(|part| run(part, 1, Setting::PROMPT, HOUR)).collect();
    assert!(traces.iter().all(|trace| trace.done.is_some()));
    let of = |model: u32| traces.iter().flat_map(move |t| of_model(t, model)).count();
    assert!((0..6).all(|model| (199..=200).contains(&of(model))), "{}", of(0));
    assert!((6..9).all(|model| of(model).abs_diff(3_334) <= 1), "{}", of(6));
}

#[test]
fn a_rate_that_grows_has_each_rate_for_its_time() {
    let steps = ["8", "100", "350", "1.5", "mul", "20"];
    let trace = run(plan("scalability-exp-1", &steps), 1, Setting::PROMPT, HOUR);
    for (step, rate) in (0..).zip([100, 150, 225]) {
        let from = START + seconds(20 * step);
        // Expected are 20 x 8 x rate, at least 16,000: four standard deviations are below 4 %.
        let (expected, count) = (160 * rate, during(&trace, from, from + seconds(20)).len());
        assert!(count.abs_diff(expected) < expected / 25, "{count} of {expected}");
    }
    let told = ["Updating rate to 150", "Updating rate to 225", "Updating rate to 337.5"];
    assert_eq!(trace.prints.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>()[..3], told);
    assert!(trace.submits.iter().all(|s| s.intended < START + seconds(80)));
}

#[test]
fn promises_change_every_ten_seconds() {
    // No answer comes at the very time of a step.
    let setting = Setting { latency: Span::from_millis(7), ..Setting::PROMPT };
    let trace = run(plan("simple-slo-factor", &[]), 1, setting, seconds(120));
    for (model, factors) in
        [(0, [4.0, 5.0, 6.25, 7.8125]), (1, [4.0, 5.0, 6.0, 7.0]), (2, [10.0, 9.0, 8.0, 7.0])]
    {
        for submit in of_model(&trace, model).filter(|s| s.intended < START + seconds(40)) {
            let step = usize::try_from((submit.intended - START).get() / 10_000_000_000).unwrap();
            assert!(close(submit.slo_factor, factors[step]), "{submit:?}");
        }
    }
    assert!(
        of_model(&trace, 2)
            .skip_while(|s| s.intended < START + seconds(90))
            .all(|s| close(s.slo_factor, 1.0))
    );
}

#[test]
fn a_steady_rate_spreads_over_one_model_more_every_second_and_begins_again() {
    let trace = run(plan("bursty_experiment", &["250", "40"]), 1, Setting::PROMPT, seconds(700));
    assert_eq!(
        trace.loads.iter().map(|(_, copies)| *copies).collect::<Vec<_>>(),
        [100, 100, 50, 1]
    );
    assert_eq!(trace.prints.len(), 11);
    let minor = of_model(&trace, 250).count();
    assert!(minor.abs_diff(140_000) < 1_500, "{minor}");
    for cycle in [0, 290, 580] {
        let silence = START + seconds(cycle);
        let quiet = during(&trace, silence, silence + seconds(40));
        assert!(quiet.iter().all(|s| s.model.get() == 250));
    }
    for cycle in [0, 290] {
        let begin = START + seconds(cycle + 40);
        for second in 0..250 {
            let from = begin + seconds(second);
            let within = during(&trace, from, from + seconds(1));
            let major: Vec<_> = within.iter().filter(|s| s.model.get() < 250).collect();
            assert!(major.iter().all(|s| u64::from(s.model.get()) <= second), "second {second}");
            // 1,000 expected: six standard deviations are 190.
            assert!(major.len().abs_diff(1_000) < 190, "{}", major.len());
        }
        let last = during(&trace, begin + seconds(249), begin + seconds(250));
        assert!(last.iter().any(|s| s.model.get() == 249), "the last model is asked for");
    }
}

#[test]
fn memory_is_filled_by_few_hot_models_and_many_cold_ones() {
    let trace = run(plan("fill_memory", &[]), 1, Setting::PROMPT, seconds(100));
    let counts = counts(&trace);
    assert_eq!(counts.len(), 411);
    // Five standard deviations of 100,000, 1,000 and 100 are 1,582, 159 and 50.
    assert!(counts[&0].abs_diff(100_000) < 1_582);
    assert!((1..11).all(|model| counts[&model].abs_diff(1_000) < 159));
    assert!((11..411).all(|model| counts[&model].abs_diff(100) < 50));
}

#[test]
fn the_example_has_five_users_for_each_model() {
    let trace = run(plan("example", &[]), 1, Setting::PROMPT, seconds(300));
    assert_eq!(trace.loads.len(), 3);
    let of = |user| trace.submits.iter().filter(move |s| s.user == UserId::new(user));
    for model in 0..3 {
        assert!((0..5).all(|part| of(model * 5 + part).all(|s| s.model.get() == model)));
        assert_eq!(of(model * 5).count(), 1_500);
        // 3,000 expected: five standard deviations are 274.
        assert!(of(model * 5 + 1).count().abs_diff(3_000) < 274);
        assert_eq!(of(model * 5 + 3).count(), 100_001);
    }
}

#[test]
fn bursts_last_and_pause_as_long_as_they_should() {
    let mut bursty = Plan::of("m", 2);
    let target = |model| Target::new(UserId::new(model), model);
    bursty.add(BurstyOpenLoop::new(target(0), 100.0, seconds(1), seconds(3)));
    bursty.add(BurstyClosedLoop::new(target(1), 4, seconds(1), seconds(3)));
    let setting = Setting { latency: Span::from_millis(10), ..Setting::PROMPT };
    let trace = run(bursty, 1, setting, seconds(40_000));
    // A quarter of the time is a burst. 10,000 bursts and pauses: their fraction has a relative
    // standard error of about 1 %.
    let open = of_model(&trace, 0).count();
    assert!(open.abs_diff(1_000_000) < 45_000, "{open}");
    // Each of four loops asks every 10 ms, and a burst cuts the last round short by half of one.
    let closed = of_model(&trace, 1).count();
    assert!(closed.abs_diff(4_000_000) < 200_000, "{closed}");
    let gaps = |model| {
        let at: Vec<Nanos> = of_model(&trace, model).map(|s| s.intended).collect();
        at.windows(2).filter(|pair| pair[1] - pair[0] > Span::from_millis(300)).count()
    };
    // Pauses longer than 0.3 s are e^-0.1 of 10,000: 9,048.
    assert!(gaps(0).abs_diff(9_048) < 400 && gaps(1).abs_diff(9_048) < 400, "{}", gaps(1));
}

#[test]
fn a_closed_burst_survives_errors_and_never_exceeds_its_concurrency() {
    let mut bursty = Plan::of("m", 1);
    let target = Target::new(UserId::new(0), 0);
    bursty.add(BurstyClosedLoop::new(target, 4, Span::from_millis(50), Span::from_millis(5)));
    let refusing = Setting { status: Status::TIMEOUT, ..Setting::PROMPT };
    let trace = run(bursty, 1, refusing, seconds(60));
    assert!(trace.unanswered_max <= 4, "{}", trace.unanswered_max);
    // Loops of 3 ms and 1 ms of pause, ten elevenths of the time.
    assert!(trace.submits.len().abs_diff(4 * 15_000 * 10 / 11) < 5_000, "{}", trace.submits.len());
}

#[test]
fn the_parts_of_a_fixed_rate_are_exactly_the_whole() {
    let fixed = || {
        let mut fixed = Plan::of("m", 5);
        fixed.add(FixedRate::new(fixed.targets(), 7.0));
        fixed
    };
    let whole = run(fixed(), 1, Setting::PROMPT, seconds(60));
    let arrivals = |trace: &Trace| -> Vec<(Nanos, u32)> {
        trace.submits.iter().map(|s| (s.intended, s.model.get())).collect()
    };
    let parts = fixed().split(3).into_iter();
    let mut parts: Vec<_> =
        parts.flat_map(|part| arrivals(&run(part, 1, Setting::PROMPT, seconds(60)))).collect();
    parts.sort_unstable();
    assert_eq!(parts, arrivals(&whole));
}

fn during(trace: &Trace, from: Nanos, to: Nanos) -> Vec<&Submit> {
    trace.submits.iter().filter(|s| s.intended >= from && s.intended < to).collect()
}

fn of_model(trace: &Trace, model: u32) -> impl Iterator<Item = &Submit> {
    trace.submits.iter().filter(move |s| s.model.get() == model)
}

fn counts(trace: &Trace) -> BTreeMap<u32, u32> {
    let mut counts = BTreeMap::new();
    trace.submits.iter().for_each(|s| *counts.entry(s.model.get()).or_default() += 1);
    counts
}

/// As exactly as 32 bits can say.
fn close(factor: f32, expected: f64) -> bool {
    (f64::from(factor) / expected - 1.0).abs() < 1e-6
}

fn six_digits(value: f64) -> String {
    let decimals = if value >= 100.0 {
        3
    } else if value >= 10.0 {
        4
    } else {
        5
    };
    format!("{value:.decimals$}").trim_end_matches('0').trim_end_matches('.').into()
}

fn seconds(s: u64) -> Span {
    Span::from_secs(s)
}

const HOUR: Span = Span::from_secs(3_600);
