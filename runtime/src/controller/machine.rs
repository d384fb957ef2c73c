//! The controller without its sockets: a state machine with the same face as the scheduler inside.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use clockwork_config::{ControllerConfig, SchedulerConfig, SchedulerKind};
use clockwork_scheduler::Scheduler;
use clockwork_scheduler::shard::ShardIndex;
use clockwork_wire::{
    ActionId, ClientId, Credits, LoadModel, ModelId, ModelProfile, Nanos, Payload, Span, WorkerId,
    WorkerState,
};

use super::catalog::Catalog;
use super::fleet::Fleet;
use super::group::Group;
use super::inputs::Samples;
use super::jobs::{Jobs, Purpose};
use super::ledger::Ledger;
use super::message::{Input, Output};
use super::replacing::Replacements;
use super::shards::Member;
use super::startup::Startup;
use super::unloading::Unloads;
use super::uploading::Uploads;
use super::versions::{Draining, Warming};
use crate::net::{Ask, Batch, Command, Part, Report};

/// What a controller must know from the start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The scheduler and its knobs.
    pub scheduler: SchedulerConfig,
    /// The patience of start-up.
    pub controller: ControllerConfig,
    /// How many workers the command line names.
    pub workers: usize,
    /// This start of the controller: higher than any earlier one.
    pub epoch: u32,
    /// What each client may have unanswered.
    pub credits: Credits,
    /// Which of the shards this is. The first one also loads models and speaks with workers.
    pub shard: ShardIndex,
    /// How many shards there are.
    pub shards: usize,
    /// Whether rows for the logs and the summary are wanted.
    pub records: bool,
}

/// Answers clients, commands workers, and asks the scheduler what to do.
///
/// Until [`Startup`] is over, models are loaded and inferences are bounced; then the scheduler
/// decides. Models, clients and workers may come and go at any time after that.
#[derive(Debug)]
pub struct Controller {
    pub(super) options: Options,
    pub(super) scheduler: Box<dyn Scheduler>,
    /// `None` once the scheduler decides.
    pub(super) startup: Option<Startup>,
    pub(super) catalog: Catalog,
    pub(super) jobs: Jobs,
    pub(super) fleet: Fleet,
    pub(super) ledger: Ledger,
    pub(super) clients: BTreeMap<ClientId, Outstanding>,
    pub(super) decided: VecDeque<Output>,
    /// Outputs of the results of this turn, in the order in which the scheduler saw them.
    pub(super) results: VecDeque<Arrived>,
    pub(super) samples: Samples,
    pub(super) unloads: Unloads,
    pub(super) uploads: Uploads,
    pub(super) replacements: Replacements,
    /// Later versions that are on their way to this shard's devices.
    pub(super) warming: Vec<Warming>,
    /// Older versions that have not answered all that they were asked.
    pub(super) draining: Vec<Draining>,
    /// Counts loads from disk, and unloads.
    loads: u64,
    /// Whether the process is about to end.
    pub(super) ending: bool,
    /// Whether the network status has been shown.
    pub(super) status_shown: bool,
    /// What one of several shards keeps.
    pub(super) member: Option<Member>,
}

/// What a client has unanswered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outstanding {
    pub(super) requests: u32,
    pub(super) bytes: u64,
}

/// A result whose responses and record are still to come out of the scheduler.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) id: ActionId,
    /// The outputs of the batch.
    pub(super) output: Part,
    /// How many there are.
    pub(super) batch: u16,
    /// When the result was read.
    pub(super) received: Nanos,
}

impl Controller {
    /// A controller before its first worker.
    pub fn new(options: Options) -> Self {
        let (shard, first) = (options.shard, options.shard == ShardIndex::FIRST);
        let scheduler =
            clockwork_scheduler::scheduler(options.scheduler.clone(), options.epoch, shard.get());
        let start = || Startup::new(load_patience(&options), options.controller.bounce_after);
        let mut controller = Self {
            scheduler,
            startup: first.then(start),
            member: (options.shards > 1).then(|| Member::new(&options)),
            catalog: Catalog::default(),
            jobs: Jobs::default(),
            fleet: Fleet::new(options.workers),
            ledger: Ledger::default(),
            clients: BTreeMap::new(),
            decided: VecDeque::new(),
            results: VecDeque::new(),
            samples: Samples::default(),
            unloads: Unloads::default(),
            uploads: Uploads::default(),
            replacements: Replacements::default(),
            warming: Vec::new(),
            draining: Vec::new(),
            loads: 0,
            ending: false,
            status_shown: false,
            options,
        };
        if first {
            controller.print("(Startup) Running ControllerStartup");
            let bouncing = "(Startup-1) Bouncing LS and Infer requests until startup is complete";
            controller.print(bouncing);
            controller.print("(Startup-2) Querying current worker state");
        }
        controller
    }

    /// Takes in what happened; never blocks.
    pub fn handle(&mut self, now: Nanos, input: Input) {
        match input {
            Input::ClientUp(client) => {
                self.clients.insert(client, Outstanding::default());
            }
            Input::ClientDown(client) => self.client_down(now, client),
            Input::Ask { client, ask: Ask::Infer { request, input }, received } => {
                self.infer(now, client, &request, input, received);
            }
            Input::Ask { client, ask: Ask::Load(request), .. } => {
                self.load_requested(now, client, request);
            }
            Input::Ask { client, ask: Ask::Unload(request), .. } => {
                self.unload_requested(now, client, request);
            }
            Input::Ask { client, ask: Ask::Replace(request), .. } => {
                self.replace_requested(client, request);
            }
            Input::Ask { client, ask: Ask::Upload(request), .. } => {
                self.upload_requested(client, &request);
            }
            Input::Ask { client, ask: Ask::List(id), .. } => self.list(now, client, id),
            Input::WorkerUp(worker) => self.worker_up(worker),
            Input::WorkerDown(worker) => self.worker_down(now, worker),
            Input::Report { worker, report, received } => {
                self.report(now, worker, report, received);
            }
            Input::Unsent(worker, id) => self.unsent(now, worker, id),
            Input::News(news) => self.hear(now, &news),
            Input::Stirred => self.stirred(now),
            Input::Demand(shard, demand) => self.demand(now, shard, &demand),
            Input::Warmed(number) => self.shard_warmed(now, number),
            Input::Drained(number) => self.shard_drained(now, number),
        }
    }

    fn report(&mut self, now: Nanos, worker: WorkerId, report: Report<Payload>, received: Nanos) {
        match report {
            Report::Result { result, output } => self.result(now, worker, result, output, received),
            Report::ModelLoaded(loaded) => self.loaded(now, worker, loaded),
            Report::State { state, .. } => self.state(now, worker, state),
            Report::ModelUnloaded(unloaded) => self.unloaded(worker, &unloaded),
            Report::Uploaded(uploaded) => self.uploaded(worker, &uploaded),
            // Nothing here cancels actions yet: what is ordered is wanted.
            Report::CancelReply { .. } => {}
        }
    }

    /// Takes out the next thing to do.
    pub fn poll(&mut self, now: Nanos) -> Option<Output> {
        loop {
            if let Some(output) = self.decided.pop_front() {
                return Some(output);
            }
            if self.startup.is_some() {
                self.advance_startup(now);
                if self.startup.is_some() {
                    return self.decided.pop_front();
                }
                continue;
            }
            self.balance(now);
            self.tire(now);
            let Some(decision) = self.scheduler.poll(now) else {
                if self.note_warm(now) {
                    continue;
                }
                self.results.clear();
                return None;
            };
            self.carry_out(now, decision);
        }
    }

    /// When to poll again if nothing arrives.
    pub fn next_wakeup(&self) -> Option<Nanos> {
        match &self.startup {
            Some(startup) => startup.next_wakeup(self.jobs.is_loading()),
            None => {
                [self.scheduler.next_wakeup(), self.next_balance(), self.replacements.tired_at()]
                    .into_iter()
                    .flatten()
                    .min()
            }
        }
    }

    /// The process is to end: inferences that come from now on are refused.
    pub fn drain(&mut self) {
        self.ending = true;
    }

    /// Unanswered requests.
    pub fn unanswered(&self) -> usize {
        self.ledger.len()
    }

    pub(super) fn print(&mut self, line: impl Into<String>) {
        self.decided.push_back(Output::Print(line.into()));
    }

    pub(super) fn command(&mut self, worker: WorkerId, command: Command<Batch>) {
        self.decided.push_back(Output::Command(worker, command));
    }

    /// An id for a load from disk or an unload. Its shard is no scheduler's, so that it is never taken for an
    /// action of one.
    pub(super) fn load_id(&mut self) -> ActionId {
        let counter = self.loads;
        self.loads += 1;
        ActionId { epoch: self.options.epoch, shard: MANAGEMENT, counter }
    }

    /// The order to load a group.
    pub(super) fn load_order(&self, id: ActionId, group: &Group) -> LoadModel {
        LoadModel {
            id,
            model: group.first,
            copies: group.copies,
            name: group.name.to_string(),
            max_batch: self.options.scheduler.max_batch,
            max_exec: self.options.scheduler.max_exec,
            shown: group.shown,
        }
    }

    fn worker_up(&mut self, worker: WorkerId) {
        self.fleet.at(worker).up = true;
        let counter = u64::from(worker.get());
        let id = ActionId { epoch: self.options.epoch, shard: MANAGEMENT, counter };
        self.command(worker, Command::Query(id));
    }

    fn worker_down(&mut self, now: Nanos, worker: WorkerId) {
        self.fleet.at(worker).down();
        self.replacements.lose(worker);
        for (id, group) in self.jobs.unanswered_by(worker) {
            self.load_lost(now, worker, id, &group);
        }
        self.unload_lost(worker);
        self.upload_lost(worker);
        if self.startup.is_none() && !self.announce_down(now, worker) {
            let input = clockwork_scheduler::Input::WorkerDown { worker };
            self.scheduler.handle(now, input);
        }
    }

    /// A worker said what it has: models that we do not know are taken over, models that we
    /// unloaded while it was away are unloaded there too, models that it lacks are loaded again.
    fn state(&mut self, now: Nanos, worker: WorkerId, mut state: WorkerState) {
        self.take_promised(worker, &mut state);
        let superseded = self.catalog.adopt(&state.models, self.startup.is_some());
        let gone = state.models.extract_if(.., |loaded| self.catalog.is_gone(loaded.model));
        let gone = Group::runs(gone.map(|loaded| loaded.model), &Arc::default());
        let entry = self.fleet.at(worker);
        entry.state = Some(state);
        entry.known = true;
        if self.startup.is_none() {
            self.introduce(now, worker);
        }
        for group in gone {
            self.order_unload(worker, &group);
        }
        self.drop_superseded(&superseded);
        // Before all workers have said what they have, it is not known what one of them lacks.
        if self.startup.as_ref().is_none_or(Startup::takes_loads) {
            self.load_missing(worker);
        }
    }

    /// Has a worker load what it lacks of the models that are served.
    pub(super) fn load_missing(&mut self, worker: WorkerId) {
        let Some(state) = &self.fleet.at(worker).state else { return };
        let has: BTreeSet<ModelId> = state.models.iter().map(|loaded| loaded.model).collect();
        let lacks = |group: &&Group| !has.contains(&group.first);
        let missing: Vec<Group> = self.catalog.groups().iter().filter(lacks).cloned().collect();
        for group in missing {
            self.begin_load(Purpose::Again, group, &[worker]);
        }
    }

    /// Tells the scheduler of a worker: its devices, then its models.
    pub(super) fn introduce(&mut self, now: Nanos, worker: WorkerId) {
        let devices = self.fleet.devices(worker, self.options.scheduler.max_gpus);
        let state = self.fleet.at(worker).state.as_ref().expect("an introduced worker is known");
        if self.member.is_some() {
            let models = state.models.clone();
            self.announce_up(now, worker, devices, models);
            return;
        }
        let up = clockwork_scheduler::Input::WorkerUp { worker, devices };
        self.scheduler.handle(now, up);
        for loaded in &state.models {
            let (model, profile) = (loaded.model, Arc::clone(&loaded.profile));
            let up = clockwork_scheduler::Input::ModelUp { worker, model, profile };
            self.scheduler.handle(now, up);
        }
    }

    /// Tells the scheduler of a group that a worker has just loaded.
    pub(super) fn introduce_group(
        &mut self,
        now: Nanos,
        worker: WorkerId,
        group: &Group,
        profile: &Arc<ModelProfile>,
    ) {
        if self.announce_models(now, worker, group, profile) {
            return;
        }
        self.tell_models(now, worker, group, profile);
    }

    /// Tells this shard's scheduler of a group.
    pub(super) fn tell_models(
        &mut self,
        now: Nanos,
        worker: WorkerId,
        group: &Group,
        profile: &Arc<ModelProfile>,
    ) {
        for model in group.models() {
            let input =
                clockwork_scheduler::Input::ModelUp { worker, model, profile: Arc::clone(profile) };
            self.scheduler.handle(now, input);
        }
    }
}

/// How long the load stage of start-up waits for another request; debugging without a plan needs
/// no such stage.
const fn load_patience(options: &Options) -> Span {
    match options.scheduler.kind {
        SchedulerKind::Clockwork | SchedulerKind::Infer4 | SchedulerKind::Infer5 => {
            options.controller.load_idle
        }
        SchedulerKind::Echo => options.controller.load_idle_echo,
        SchedulerKind::Direct => Span::ZERO,
    }
}

/// The shard number of actions that no scheduler decided.
const MANAGEMENT: u32 = u32::MAX;
