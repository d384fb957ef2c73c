//! Drives one workload against a controller.

use std::collections::HashMap;

use clockwork_wire::{InferRequest, LoadResponse, Nanos, RequestId, Span, Status, UserId};
use clockwork_workload::{Engine, Input, LoadModels, Output, Submit, Tag};

use super::inputs::InputPool;
use super::session::Answered;
use super::statistics::Statistics;
use super::{ClientError, Options, Progress, Report, Session};
use crate::clock;
use crate::rt;
use crate::telemetry::Carried;

/// A workload under way.
pub(super) struct Run<'a> {
    session: Session,
    engine: Engine,
    inputs: InputPool,
    /// Bytes of one input, by model.
    input_sizes: Vec<u32>,
    /// When each unanswered request was meant to be sent.
    intended: HashMap<RequestId, Nanos>,
    statistics: Statistics,
    carried: Carried,
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
            inputs: InputPool::new(options.input_mode(), client.samples, client.seed),
            input_sizes: Vec::new(),
            intended: HashMap::new(),
            statistics: Statistics::new(clock::now()),
            options,
            tell,
        }
    }

    /// Loads the models one after the other and waits until the controller serves.
    pub(super) async fn prepare(&mut self) -> Result<(), ClientError> {
        while let Some(output) = self.engine.poll(clock::now()) {
            match output {
                Output::Load(load) => self.load(load).await?,
                Output::List => self.await_listing().await?,
                Output::Print(text) => (self.tell)(Progress::Line(text)),
                Output::Submit(_) | Output::Done => unreachable!("the workload has not begun"),
            }
        }
        Ok(())
    }

    /// Submits until the workload, its time or the process ends, then waits for the answers.
    pub(super) async fn serve(&mut self) -> Result<Report, ClientError> {
        let begin = clock::now();
        self.statistics = Statistics::new(begin);
        self.engine.handle(begin, Input::Listed);
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
                return Ok(self.statistics.report(agenda.stopped.unwrap_or(now)));
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

    async fn load(&mut self, load: LoadModels) -> Result<(), ClientError> {
        let LoadModels { name, copies } = load;
        let response = self.session.load(&name, copies, UserId::new(0)).await?;
        let LoadResponse { model, input_size, .. } = response;
        let end = model.index() + usize::try_from(copies).expect("a u32 fits usize");
        if end > self.input_sizes.len() {
            self.input_sizes.resize(end, 0);
        }
        self.input_sizes[model.index()..end].fill(input_size);
        self.inputs.prepare(input_size);
        self.engine.handle(clock::now(), Input::Loaded { first: model, copies });
        Ok(())
    }

    async fn await_listing(&mut self) -> Result<(), ClientError> {
        loop {
            match self.session.list().await?.status {
                Status::OK => return Ok(()),
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
        self.statistics.submitted();
        let (input, bytes) = self.inputs.pick(self.input_sizes[submit.model.index()]);
        let request = InferRequest {
            id: submit.tag.request(),
            user: submit.user,
            model: submit.model,
            slo_factor: submit.slo_factor,
            slo: Span::ZERO,
            input,
        };
        match self.session.submit(request, bytes) {
            Ok(()) => {
                self.intended.insert(request.id, submit.intended);
            }
            Err(status) => {
                self.statistics.answered(status, now.since(submit.intended));
                self.engine.handle(now, Input::Answered { tag: submit.tag, status });
            }
        }
    }

    fn answered(&mut self, now: Nanos, answered: &Answered) {
        let response = &answered.response;
        let intended = self.intended.remove(&response.id);
        let intended = intended.expect("a session answers only what was submitted");
        self.statistics.answered(response.status, answered.received.since(intended));
        let tag = Tag::from_request(response.id);
        self.engine.handle(now, Input::Answered { tag, status: response.status });
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
