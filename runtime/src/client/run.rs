//! Drives one workload against a controller.

use clockwork_wire::{InferRequest, LoadResponse, ModelId, Nanos, Span, Status, UserId};
use clockwork_workload::{Engine, Input, LoadModels, Output, Submit, Tag};

use super::inputs::InputPool;
use super::records::{Record, Records};
use super::session::Answered;
use super::slab::Slab;
use super::statistics::{Fate, Outcome, Statistics};
use super::{ClientError, Options, Progress, Session};
use crate::clock;
use crate::rt;
use crate::telemetry::Carried;

/// A request that was sent.
#[derive(Debug)]
struct Unanswered {
    tag: Tag,
    model: ModelId,
    /// When it was meant to be sent, and when it was.
    intended: Nanos,
    sent: Nanos,
}

/// Copies of a model that the controller has made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loaded {
    first: ModelId,
    copies: u32,
    /// Bytes of one input.
    input_size: u32,
}

/// What was there when the controller began to serve.
#[derive(Debug)]
pub(super) struct Prepared {
    models: Vec<Loaded>,
    /// Devices that the controller reports.
    gpus: u32,
}

/// What a run, or one part of it, has to say at its end.
#[derive(Debug)]
pub(super) struct Outcomes {
    pub(super) statistics: Statistics,
    /// Requests were submitted until then.
    pub(super) end: Nanos,
    pub(super) records: Records,
}

/// A workload under way.
pub(super) struct Run<'a> {
    session: Session,
    engine: Engine,
    inputs: InputPool,
    unanswered: Slab<Unanswered>,
    statistics: Statistics,
    records: Records,
    carried: Carried,
    /// Devices that the controller reported.
    gpus: u32,
    options: &'a Options,
    tell: &'a mut dyn FnMut(Progress),
}

impl<'a> Run<'a> {
    /// A run over an open session.
    pub(super) fn new(
        session: Session,
        engine: Engine,
        options: &'a Options,
        tell: &'a mut dyn FnMut(Progress),
    ) -> Self {
        let client = &options.client;
        Self {
            carried: session.carried(),
            session,
            engine,
            inputs: InputPool::new(options.input_mode(), client.samples, client.seed)
                .with_samples_of(&client.inputs),
            unanswered: Slab::new(),
            statistics: Statistics::new(clock::now(), client.warmup),
            records: Records::new(options.requests.is_some()),
            gpus: 0,
            options,
            tell,
        }
    }

    /// Loads the models one after the other and waits until the controller serves; gives what there
    /// is then.
    pub(super) async fn prepare(&mut self) -> Result<Prepared, ClientError> {
        let mut models = Vec::new();
        while let Some(output) = self.engine.poll(clock::now()) {
            match output {
                Output::Load(load) => models.push(self.load(load).await?),
                Output::List => self.gpus = self.await_listing().await?,
                Output::Print(text) => (self.tell)(Progress::Line(text)),
                Output::Submit(_) | Output::Done => unreachable!("the workload has not begun"),
            }
        }
        Ok(Prepared { models, gpus: self.gpus })
    }

    /// Takes over what another core has prepared for the same workload.
    pub(super) fn adopt(&mut self, prepared: &Prepared) -> Result<(), ClientError> {
        self.gpus = prepared.gpus;
        let mut models = prepared.models.iter();
        while let Some(output) = self.engine.poll(clock::now()) {
            match output {
                Output::Load(_) => {
                    let model = models.next().expect("all parts of a workload load the same");
                    self.loaded(*model)?;
                }
                Output::List => {}
                Output::Print(text) => (self.tell)(Progress::Line(text)),
                Output::Submit(_) | Output::Done => unreachable!("the workload has not begun"),
            }
        }
        Ok(())
    }

    /// Submits until the workload, its time or the process ends, then waits for the answers.
    pub(super) async fn serve(&mut self) -> Result<Outcomes, ClientError> {
        let begin = clock::now();
        self.statistics = Statistics::new(begin, self.options.client.warmup);
        self.engine.handle(begin, Input::Listed { gpus: self.gpus });
        let end = self.options.length.map(|length| begin + length);
        let mut agenda = Agenda { end, ..Agenda::new(begin, self.options.client.report_interval) };
        loop {
            let now = clock::now();
            while let Some(answered) = self.session.answer()? {
                self.answered(now, &answered);
            }
            self.stop_if_due(now, &mut agenda);
            let done = self.act(now);
            self.session.flush();
            self.report_if_due(now, &mut agenda);
            if done || agenda.given_up.is_some_and(|at| now >= at) {
                return Ok(self.outcomes(agenda.stopped.unwrap_or(now)));
            }
            let something = self.session.wait(agenda.next(self.engine.next_wakeup()));
            if agenda.stopped.is_some() {
                something.await;
            } else {
                futures_lite::future::or(something, self.options.shutdown.wait()).await;
            }
        }
    }

    /// Ends the connection.
    pub(super) async fn close(self) {
        self.session.close().await;
    }

    async fn load(&mut self, load: LoadModels) -> Result<Loaded, ClientError> {
        let LoadModels { name, copies } = load;
        let response = self.session.load(&name, copies, UserId::new(0)).await?;
        let LoadResponse { model: first, input_size, .. } = response;
        let loaded = Loaded { first, copies, input_size };
        self.loaded(loaded)?;
        Ok(loaded)
    }

    fn loaded(&mut self, loaded: Loaded) -> Result<(), ClientError> {
        let Loaded { first, copies, input_size } = loaded;
        self.inputs.prepare(first, copies, input_size)?;
        self.engine.handle(clock::now(), Input::Loaded { first, copies });
        Ok(())
    }

    /// Waits until the controller serves; gives how many devices it reports.
    async fn await_listing(&mut self) -> Result<u32, ClientError> {
        loop {
            let listing = self.session.list().await?;
            match listing.status {
                Status::OK => return Ok(listing.gpus),
                Status::INITIALIZING => {
                    let text = "Clockwork initializing, retrying Controller initializing";
                    (self.tell)(Progress::Line(text.into()));
                    rt::sleep(self.options.client.list_retry).await;
                }
                status => return Err(ClientError::List(status)),
            }
        }
    }

    /// Does all that is due; says whether the workload is over.
    fn act(&mut self, now: Nanos) -> bool {
        while let Some(output) = self.engine.poll(now) {
            match output {
                Output::Submit(submit) => self.submit(now, &submit),
                Output::Print(text) => (self.tell)(Progress::Line(text)),
                Output::Done => return true,
                Output::Load(_) | Output::List => unreachable!("the workload has begun"),
            }
        }
        false
    }

    fn submit(&mut self, now: Nanos, submit: &Submit) {
        let Submit { tag, user, model, slo_factor, intended } = *submit;
        self.statistics.submitted(intended);
        let (input, bytes) = self.inputs.pick(model);
        let id = self.unanswered.insert(Unanswered { tag, model, intended, sent: now });
        let slo = self.options.client.slo;
        let request = InferRequest { id, user, model, slo_factor, slo, input };
        if let Err(status) = self.session.submit(request, bytes) {
            self.unanswered.remove(id);
            self.conclude(
                now,
                tag,
                Outcome { intended, status, latency: now.since(intended), fate: Fate::Unsent },
            );
        }
    }

    fn answered(&mut self, now: Nanos, answered: &Answered) {
        let Answered { response, received, .. } = answered;
        let request = self.unanswered.remove(response.id);
        let Unanswered { tag, model, intended, sent } =
            request.expect("a session answers only what was submitted");
        let fate = if response.status == Status::DISCONNECTED {
            Fate::Lost
        } else {
            Fate::Served(response.departure.since(response.arrival))
        };
        self.records.push(|| Record { model, intended, sent, ..Record::of(answered) });
        let latency = received.since(intended);
        self.conclude(now, tag, Outcome { intended, status: response.status, latency, fate });
    }

    fn conclude(&mut self, now: Nanos, tag: Tag, outcome: Outcome) {
        self.statistics.answered(&outcome);
        self.engine.handle(now, Input::Answered { tag, status: outcome.status });
    }

    /// Takes out what the run has come to.
    fn outcomes(&mut self, end: Nanos) -> Outcomes {
        let nothing = Statistics::new(end, Span::ZERO);
        let statistics = std::mem::replace(&mut self.statistics, nothing);
        Outcomes { statistics, end, records: std::mem::take(&mut self.records) }
    }

    fn stop_if_due(&mut self, now: Nanos, agenda: &mut Agenda) {
        let over = agenda.end.is_some_and(|end| now >= end);
        if agenda.stopped.is_none() && (over || self.options.shutdown.is_wanted()) {
            agenda.stopped = Some(now);
            agenda.given_up = Some(now + self.options.client.drain);
            self.engine.handle(now, Input::Stop);
        }
    }

    fn report_if_due(&mut self, now: Nanos, agenda: &mut Agenda) {
        if agenda.stopped.is_some() || agenda.report.is_none_or(|at| now < at) {
            return;
        }
        agenda.report = Some(now + self.options.client.report_interval);
        let carried = self.session.carried();
        let interval = self.statistics.take_interval(now);
        (self.tell)(Progress::Interval { interval, carried: carried - self.carried });
        self.carried = carried;
    }
}

/// What is due when, beside the workload.
struct Agenda {
    /// Stop submitting.
    end: Option<Nanos>,
    /// Tell how it goes.
    report: Option<Nanos>,
    /// When submitting stopped.
    stopped: Option<Nanos>,
    /// Wait no longer for answers.
    given_up: Option<Nanos>,
}

impl Agenda {
    fn new(begin: Nanos, report_interval: Span) -> Self {
        let report = Some(begin + report_interval).filter(|_| !report_interval.is_zero());
        Self { end: None, report, stopped: None, given_up: None }
    }

    /// When to come back at the latest; `workload` is when it has something to submit.
    fn next(&self, workload: Option<Nanos>) -> Option<Nanos> {
        let own =
            if self.stopped.is_some() { [self.given_up, None] } else { [self.end, self.report] };
        own.into_iter().chain([workload]).flatten().min()
    }
}
