//! Drives an engine in virtual time against a controller that answers after a fixed time.

use std::collections::VecDeque;

use clockwork_wire::{ModelId, Nanos, Span, Status};
use clockwork_workload::{Engine, Input, Output, Plan, Submit, Tag, registry};

/// How the pretended controller answers, and how often the driver looks.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) latency: Span,
    pub(crate) status: Status,
    /// Looks only at multiples of this; zero means at every wake-up.
    pub(crate) tick: Span,
}

impl Setting {
    pub(crate) const PROMPT: Self =
        Self { latency: Span::from_millis(3), status: Status::OK, tick: Span::ZERO };
}

/// What came out of a run.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Trace {
    pub(crate) loads: Vec<(String, u32)>,
    pub(crate) submits: Vec<Submit>,
    pub(crate) unanswered_max: u64,
    /// When the engine said that it is done.
    pub(crate) done: Option<Nanos>,
}

pub(crate) const START: Nanos = Nanos::new(1_000_000_000_000);

/// The plan of a workload of the registry.
pub(crate) fn plan(name: &str, arguments: &[&str]) -> Plan {
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    let workload = registry::find(name).expect("a workload of the registry");
    workload.plan(&arguments).expect("arguments that fit")
}

/// Runs a plan from `START` for `length`, or until it is done.
pub(crate) fn run(plan: Plan, seed: u64, setting: Setting, length: Span) -> Trace {
    let mut driver = Driver {
        engine: Engine::new(plan, seed),
        answers: VecDeque::new(),
        trace: Trace::default(),
        models: 0,
    };
    let mut now = START;
    while now <= START + length && driver.trace.done.is_none() {
        driver.turn(now, setting);
        now = driver.next(now, setting.tick);
    }
    driver.trace
}

struct Driver {
    engine: Engine,
    /// Due answers; in order, because the latency is fixed.
    answers: VecDeque<(Nanos, Tag)>,
    trace: Trace,
    models: u32,
}

impl Driver {
    fn turn(&mut self, now: Nanos, setting: Setting) {
        while let Some((_, tag)) = self.answers.pop_front_if(|(at, _)| *at <= now) {
            self.engine.handle(now, Input::Answered { tag, status: setting.status });
        }
        while let Some(output) = self.engine.poll(now) {
            self.act(now, output, setting.latency);
        }
    }

    fn act(&mut self, now: Nanos, output: Output, latency: Span) {
        match output {
            Output::Load(load) => {
                let first = ModelId::new(self.models);
                self.models += load.copies;
                self.engine.handle(now, Input::Loaded { first, copies: load.copies });
                self.trace.loads.push((load.name, load.copies));
            }
            Output::List => self.engine.handle(now, Input::Listed),
            Output::Submit(submit) => {
                assert!(submit.intended <= now, "sent before it was meant");
                self.answers.push_back((now + latency, submit.tag));
                self.trace.submits.push(submit);
                let unanswered = self.engine.unanswered();
                self.trace.unanswered_max = self.trace.unanswered_max.max(unanswered);
            }
            Output::Print(_) => {}
            Output::Done => {
                assert_eq!(self.trace.done.replace(now), None, "done twice");
                assert!(self.answers.is_empty(), "done before everything was answered");
            }
        }
    }

    /// The next event, or the next tick at which somebody looks.
    fn next(&self, now: Nanos, tick: Span) -> Nanos {
        if !tick.is_zero() {
            return now + tick;
        }
        let answer = self.answers.front().map(|(at, _)| *at);
        [answer, self.engine.next_wakeup()].into_iter().flatten().min().unwrap_or(Nanos::MAX)
    }
}
