//! A run is a pure function of scenario, seed and options.

use clockwork_config::SchedulerKind;
use clockwork_simulator::{Options, SCENARIOS, record, scenario, scheduler, simulate};
use clockwork_wire::{Nanos, Span};

/// The schedulers that report demand.
const JUDGED: [SchedulerKind; 2] = [SchedulerKind::Infer5, SchedulerKind::Clockwork];

#[test]
fn the_same_seed_gives_the_same_report_byte_for_byte() {
    for scenario in &SCENARIOS {
        let run = || {
            let report = simulate(scenario, 7, &Options::default());
            serde_json::to_string(&report).unwrap()
        };
        assert_eq!(run(), run(), "scenario {}", scenario.name);
    }
}

/// What is around a single shard changes nothing: not a decision, not its order, not its time.
#[test]
fn one_shard_decides_exactly_as_the_unsharded_scheduler() {
    let shifting = scenario::find("zipf-shift").unwrap();
    let scenarios = SCENARIOS.iter().chain([shifting]);
    for (scenario, kind) in scenarios.flat_map(|s| JUDGED.map(|kind| (s, kind))) {
        let seeds = if scenario.name == "random" { 40 } else { 2 };
        for seed in 0..seeds {
            let turns = |shards| {
                let options = Options {
                    shards: Some(shards),
                    kind: Some(kind),
                    devices: Some(20),
                    duration: Some(Span::from_millis(300)),
                    ..Options::default()
                };
                format!("{:?}", record(scenario, seed, &options).1)
            };
            assert!(turns(1) == turns(0), "scenario {}, {kind}, seed {seed}", scenario.name);
        }
    }
}

#[test]
fn another_seed_gives_another_run() {
    let random = scenario::find("random").unwrap();
    let run = |seed| simulate(random, seed, &Options::default()).offered;
    assert_ne!(run(1), run(2));
}

#[test]
fn a_recorded_scheduler_decides_the_same_when_replayed() {
    for name in ["faults", "cold", "random"] {
        let scenario = scenario::find(name).unwrap();
        let options = Options { duration: Some(Span::from_millis(800)), ..Options::default() };
        let (report, recording) = record(scenario, 3, &options);
        assert!(report.violations.is_empty(), "{report}");
        assert!(recording.turns.len() > 100, "scenario {name}");
        recording.replay(&mut *scheduler(scenario, 3, &options)).unwrap();
    }
}

#[test]
fn a_replay_that_goes_another_way_says_where() {
    let simple = scenario::find("simple").unwrap();
    let options = Options { duration: Some(Span::from_millis(50)), ..Options::default() };
    let (_, mut recording) = record(simple, 1, &options);
    let changed = recording.turns.len() / 2;
    recording.turns[changed].now = Nanos::new(recording.turns[changed].now.get() + 1);
    let divergence = recording.replay(&mut *scheduler(simple, 1, &options)).unwrap_err();
    assert!(divergence.turn >= changed, "{divergence}");
}
