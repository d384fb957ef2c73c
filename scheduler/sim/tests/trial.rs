//! A trial runs what it is told to, tells its observer everything, and can be broken off.

use std::collections::BTreeMap;

use clockwork_config::SchedulerConfig;
use clockwork_executor::emulated::Deviation;
use clockwork_executor::zoo;
use clockwork_scheduler::ActionRecord;
use clockwork_simulator::trial::START;
use clockwork_simulator::{Answered, Calibration, Machine, Observer, Report, Trial};
use clockwork_wire::{ActionKind, Nanos, Pages, Span};
use clockwork_workload::registry;

#[test]
fn an_observer_is_told_of_every_request_and_every_action() {
    let mut seen = Seen::default();
    let report = trial(true).run(&mut seen);
    assert_eq!(report.violations, Vec::<String>::new());
    assert_eq!(seen.requests, report.work.requests);
    assert_eq!(seen.ok, report.goodput, "the whole run is measured");
    assert_eq!((seen.infers, seen.loads), (report.actions.infers, report.actions.loads));
    assert_eq!(seen.users.len(), 15, "each loop asks as a user of its own");
    assert!(seen.last > START + SECOND, "{seen:?}");
}

#[test]
fn a_run_that_nobody_checks_goes_the_same_way() {
    assert_eq!(trial(false).run(&mut ()), trial(true).run(&mut ()));
}

#[test]
fn an_observer_can_break_a_run_off_and_the_report_counts_what_was() {
    let whole = trial(false).run(&mut ());
    let mut seen = Seen { until: Some(START + Span::from_millis(300)), ..Seen::default() };
    let report = trial(false).run(&mut seen);
    assert!(report.goodput > 0 && report.goodput < whole.goodput / 2, "{report}");
    assert!(seen.last < START + Span::from_millis(400));
}

#[test]
fn reports_of_trials_carry_their_name() {
    let Report { scenario, seed, .. } = trial(false).run(&mut ());
    assert_eq!((scenario.as_str(), seed), ("loops", 1));
}

fn trial(checked: bool) -> Trial {
    let loops = registry::find("comparison_experiment2")
        .expect("it is registered")
        .plan(&[], &clockwork_workload::Context::default())
        .expect("it has defaults");
    let profile = zoo::profile("resnet50_v2").expect("it is in the zoo");
    Trial {
        name: "loops".into(),
        machines: vec![Machine {
            devices: 1,
            pages: Pages::new(1_376),
            deviation: Deviation::default(),
        }],
        models: BTreeMap::from([(profile.name.clone(), profile)]),
        scheduler: SchedulerConfig::default(),
        shards: 0,
        calibration: Calibration::NETWORK,
        plan: loops,
        seed: 1,
        arrivals: 7,
        warmup: Span::ZERO,
        duration: SECOND,
        checked,
    }
}

const SECOND: Span = Span::from_secs(1);

#[derive(Debug, Default)]
struct Seen {
    requests: u64,
    ok: u64,
    infers: u64,
    loads: u64,
    users: BTreeMap<u32, u64>,
    last: Nanos,
    until: Option<Nanos>,
}

impl Observer for Seen {
    fn answered(&mut self, answered: &Answered) {
        self.requests += 1;
        self.ok += u64::from(answered.response.status.is_ok());
        *self.users.entry(answered.user.get()).or_default() += 1;
        self.last = self.last.max(answered.response.departure);
    }

    fn closed(&mut self, record: &ActionRecord) {
        let counts = record.result.exec.begin < START + SECOND;
        let done = record.result.status.is_ok() && counts;
        match record.action.kind {
            ActionKind::Infer { .. } => self.infers += u64::from(done),
            ActionKind::Load => self.loads += u64::from(done),
            ActionKind::Evict => {}
        }
    }

    fn goes_on(&mut self, now: Nanos) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
