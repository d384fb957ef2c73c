//! Drives an engine in virtual time against a controller that answers after a fixed time.

use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use clockwork_wire::{ModelId, Nanos, Span, Status};
use clockwork_workload::trace::{self, FileError, Files};
use clockwork_workload::{Context, Engine, Input, Output, Plan, Submit, Tag, registry};

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
    /// What was told, and when.
    pub(crate) prints: Vec<(Nanos, String)>,
    pub(crate) unanswered_max: u64,
    /// When the engine said that it is done.
    pub(crate) done: Option<Nanos>,
}

/// Devices that the pretended controller reports.
const GPUS: u32 = 12;

pub(crate) const START: Nanos = Nanos::new(1_000_000_000_000);

/// The plan of a workload of the registry, with three models and a trace of four functions.
pub(crate) fn plan(name: &str, arguments: &[&str]) -> Plan {
    plan_in(&small(), name, arguments)
}

/// The plan of a workload of the registry.
pub(crate) fn plan_in(context: &Context, name: &str, arguments: &[&str]) -> Plan {
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    let workload = registry::find(name).expect("a workload of the registry");
    workload.plan(&arguments, context).expect("arguments that fit")
}

/// Three models, and a trace of four functions in three minutes.
pub(crate) fn small() -> Context {
    let models = ["alexnet", "resnet50_v2", "vgg16"].map(String::from).into();
    Context { models, files: Arc::new(OneTrace(SMALL)), ..Context::default() }
}

/// In order of falling calls: b, d, a, c.
const SMALL: &str = "f,1,2,3\na,60,0,0\nb,600,1200,0\nc,0,0,6\nd,300,0,60\n";

/// Requests to models 9, 4, 9 and 30, 1.5 s, 0.5 s and 0 s one after the other.
const LOG: &str = "t\tuser_id\tmodel_id\tslo_factor\tlatency\n\
    2000000100\t1\t4\t2\t500000100\n\
    10000000\t0\t9\t0\t10000000\n\
    2000000000\t0\t9\t0\t0\n\
    2000000001\t7\t30\t0\t1\n";

/// The same trace every day, and a few other files.
#[derive(Debug)]
pub(crate) struct OneTrace(pub(crate) &'static str);

impl Files for OneTrace {
    fn day(&self, day: u32) -> Result<(String, Arc<trace::Trace>), FileError> {
        let name = format!("d{day:02}.csv");
        let trace = trace::Trace::read(&name, self.0.as_bytes())?;
        Ok((name, Arc::new(trace)))
    }

    fn open(&self, path: &Path) -> std::io::Result<Box<dyn Read>> {
        let files = [
            ("rates", "# requests per second\n100\n\n0\n50.5\n"),
            ("bad-rates", "100\nfast\n"),
            ("silence", "0\n"),
            ("log", LOG),
        ];
        let found = files.into_iter().find(|(name, _)| path == Path::new(name));
        let (_, text) = found.ok_or_else(|| std::io::Error::other("no such file"))?;
        trace::plain(text.as_bytes())
    }
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
            Output::List => self.engine.handle(now, Input::Listed { gpus: GPUS }),
            Output::Submit(submit) => {
                assert!(submit.intended <= now, "sent before it was meant");
                self.answers.push_back((now + latency, submit.tag));
                self.trace.submits.push(submit);
                let unanswered = self.engine.unanswered();
                self.trace.unanswered_max = self.trace.unanswered_max.max(unanswered);
            }
            Output::Print(text) => self.trace.prints.push((now, text)),
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
