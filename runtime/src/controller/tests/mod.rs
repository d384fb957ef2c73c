//! The controller's machines with workers that are real but for their devices and links, in virtual
//! time.

mod adopting;
mod replacing;
mod unloading;
mod uploading;

use std::collections::BTreeMap;
use std::sync::Arc;

use clockwork_config::{ControllerConfig, SchedulerConfig, SchedulerKind};
use clockwork_executor::emulated::Emulated;
use clockwork_executor::{
    Device, DeviceSpec, Input as Order, Inputs, ModelSource, Output as Done, Unprepared, Worker,
};
use clockwork_scheduler::shard::ShardIndex;
use clockwork_wire::{
    ActionId, ActionKind, BatchProfile, BatchSize, ClientId, Credits, InferRequest, InputSpec,
    ListedModel, LoadRequest, ModelId, ModelProfile, Nanos, PAGE_BYTES, Pages, Payload,
    ReplaceRequest, ReplaceResponse, RequestId, Span, Status, UnloadRequest, UnloadResponse,
    UploadModel, UserId, WorkerId,
};

use super::machine::{Controller, Options};
use super::message::{Input, Output};
use crate::net::{Answer, Ask, Batch, Command, Report};

/// The one client.
const CLIENT: ClientId = ClientId::new(0);
/// Pages of each device's cache, and of each model.
const PAGES: u32 = 8;
const MODEL_PAGES: u32 = 2;

/// Machines, workers, and what the client was answered.
struct World {
    now: Nanos,
    machines: Vec<Controller>,
    workers: Vec<Process>,
    asked: u64,
    inferred: BTreeMap<RequestId, (ModelId, Status)>,
    unloaded: BTreeMap<RequestId, UnloadResponse>,
    loaded: BTreeMap<RequestId, ModelId>,
    listed: Vec<ListedModel>,
    replaced: BTreeMap<RequestId, ReplaceResponse>,
    uploaded: BTreeMap<RequestId, (Status, String)>,
    /// Steps of uploads that workers were sent.
    steps: Vec<(usize, UploadModel)>,
    /// LOADs that workers were ordered to do.
    loads: usize,
    /// What workers find under every name.
    found: Result<Arc<ModelProfile>, String>,
    /// Whether they search until they are told that they have found it; what they search for.
    searches: bool,
    searching: Vec<(usize, ActionId)>,
}

/// A worker and its link.
struct Process {
    worker: Worker,
    linked: bool,
}

impl Process {
    fn new() -> Self {
        let spec = DeviceSpec {
            class: "test".to_owned(),
            pages: Pages::new(PAGES),
            io_pool: 1 << 30,
            workspace_pool: 1 << 30,
            depth: 1,
        };
        let device = |device| -> Box<dyn Device> { Box::new(device) };
        let devices = Emulated::many(&spec, 2).map(device).collect();
        Self {
            worker: Worker::new(clockwork_executor::WorkerConfig::default(), devices),
            linked: true,
        }
    }

    /// The ids of the models that it has.
    fn models(&self) -> Vec<u32> {
        self.worker.state().models.iter().map(|loaded| loaded.model.get()).collect()
    }

    /// Pages that no model holds, over all devices.
    fn free_pages(&self) -> u32 {
        let devices = self.worker.state().devices;
        let free = |device: &clockwork_wire::DeviceState| self.worker.free_pages(device.gpu);
        devices.iter().filter_map(free).map(Pages::get).sum()
    }
}

/// A world of so many shards and workers, which serves so many copies of a model.
fn serving(shards: usize, workers: usize, copies: u32) -> World {
    let mut world = World::new(shards, workers);
    let load = world.load(copies);
    world.settle();
    assert_eq!(world.loaded.get(&load), Some(&ModelId::new(0)));
    world
}

/// The machines of a controller's start.
fn machines(epoch: u32, shards: usize, workers: usize) -> Vec<Controller> {
    let options = |shard| Options {
        scheduler: SchedulerConfig {
            kind: SchedulerKind::Clockwork,
            default_slo: Span::from_secs(10),
            ..SchedulerConfig::default()
        },
        controller: ControllerConfig::default(),
        workers,
        epoch,
        credits: Credits::UNLIMITED,
        shard,
        shards,
        records: true,
    };
    ShardIndex::all(shards).map(|shard| Controller::new(options(shard))).collect()
}

impl World {
    fn new(shards: usize, workers: usize) -> Self {
        let mut world = Self {
            now: Nanos::new(1_000_000_000),
            machines: machines(1, shards, workers),
            workers: (0..workers).map(|_| Process::new()).collect(),
            asked: 0,
            inferred: BTreeMap::new(),
            unloaded: BTreeMap::new(),
            loaded: BTreeMap::new(),
            listed: Vec::new(),
            replaced: BTreeMap::new(),
            uploaded: BTreeMap::new(),
            steps: Vec::new(),
            loads: 0,
            found: Ok(profile()),
            searches: false,
            searching: Vec::new(),
        };
        world.begin();
        world
    }

    /// The client and the workers come to the machines.
    fn begin(&mut self) {
        self.machines.iter_mut().for_each(|m| m.handle(self.now, Input::ClientUp(CLIENT)));
        for worker in 0..self.workers.len() {
            self.give(0, Input::WorkerUp(WorkerId::from_index(worker)));
        }
        self.run();
    }

    /// A controller is started anew.
    fn restart(&mut self) {
        self.machines = machines(2, self.machines.len(), self.workers.len());
        for process in &mut self.workers {
            process.worker.handle(self.now, Order::NewController);
        }
        self.begin();
    }

    fn give(&mut self, shard: usize, input: Input) {
        self.machines[shard].handle(self.now, input);
    }

    fn ask(&mut self, shard: usize, ask: Ask<Payload>) {
        let received = self.now;
        self.give(shard, Input::Ask { client: CLIENT, ask, received });
    }

    fn next_id(&mut self) -> RequestId {
        self.asked += 1;
        RequestId::new(self.asked)
    }

    fn load(&mut self, copies: u32) -> RequestId {
        let id = self.next_id();
        let request = LoadRequest { id, user: UserId::new(0), name: "m".to_owned(), copies };
        self.ask(0, Ask::Load(request));
        id
    }

    fn unload(&mut self, model: u32, copies: u32) -> RequestId {
        let (id, user) = (self.next_id(), UserId::new(0));
        self.ask(0, Ask::Unload(UnloadRequest { id, user, model: ModelId::new(model), copies }));
        id
    }

    fn replace(&mut self, name: &str) -> RequestId {
        let (id, user) = (self.next_id(), UserId::new(0));
        self.ask(0, Ask::Replace(ReplaceRequest { id, user, name: name.to_owned() }));
        id
    }

    /// Goes on until a replacement is answered.
    fn until_replaced(&mut self, id: RequestId) -> &ReplaceResponse {
        self.run();
        while !self.replaced.contains_key(&id) {
            self.now = self.next_wakeup().expect("it is under way");
            self.run();
        }
        &self.replaced[&id]
    }

    /// The workers have found what they were searching for.
    fn find(&mut self) {
        self.searches = false;
        for (worker, id) in std::mem::take(&mut self.searching) {
            self.resolve(worker, id);
        }
        self.run();
    }

    fn resolve(&mut self, worker: usize, id: ActionId) {
        let source = self.found.clone().map(ModelSource::Profile).map_err(Unprepared::from);
        self.workers[worker].worker.handle(self.now, Order::Resolved { id, source });
    }

    /// Asks the shard that is at home by number.
    fn infer(&mut self, model: u32) -> RequestId {
        let request = InferRequest {
            id: self.next_id(),
            user: UserId::new(0),
            model: ModelId::new(model),
            slo_factor: 0.0,
            slo: Span::ZERO,
            input: InputSpec::default(),
        };
        let shard = usize::try_from(model).expect("a small number") % self.machines.len();
        self.ask(shard, Ask::Infer { request, input: Payload::EMPTY });
        request.id
    }

    fn status(&self, request: RequestId) -> Option<Status> {
        self.inferred.get(&request).map(|&(_, status)| status)
    }

    /// The ids of the models that the client is told of.
    fn listing(&mut self) -> Vec<u32> {
        let id = self.next_id();
        self.ask(0, Ask::List(id));
        self.run();
        self.listed.iter().map(|listed| listed.model.get()).collect()
    }

    /// A worker's link breaks; with its process, if that dies as well.
    fn lose(&mut self, worker: usize, dies: bool) {
        self.workers[worker].linked = false;
        if dies {
            self.workers[worker].worker = Process::new().worker;
        }
        self.give(0, Input::WorkerDown(WorkerId::from_index(worker)));
        self.run();
    }

    fn come_back(&mut self, worker: usize) {
        self.workers[worker].linked = true;
        self.give(0, Input::WorkerUp(WorkerId::from_index(worker)));
    }

    /// Goes on until nothing is due any longer but rounds that come again and again.
    fn settle(&mut self) {
        let until = self.now + Span::from_secs(60);
        self.run();
        while let Some(next) = self.next_wakeup().filter(|&next| next <= until) {
            self.now = self.now.max(next);
            self.run();
        }
    }

    fn next_wakeup(&self) -> Option<Nanos> {
        let machines = self.machines.iter().filter_map(Controller::next_wakeup);
        let workers = self.workers.iter().filter_map(|process| process.worker.next_wakeup());
        machines.chain(workers).min()
    }

    /// Everything that happens at this instant.
    fn run(&mut self) {
        loop {
            let mut idle = true;
            for shard in 0..self.machines.len() {
                while let Some(output) = self.machines[shard].poll(self.now) {
                    idle = false;
                    self.carry_out(output);
                }
            }
            for worker in 0..self.workers.len() {
                while let Some(done) = self.workers[worker].worker.poll(self.now) {
                    idle = false;
                    self.report(worker, done);
                }
            }
            if idle {
                return;
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Answer(_, answer) => self.hear(answer),
            Output::Command(worker, command) => self.command(worker, command),
            Output::Print(_) | Output::Request(_) | Output::Action(_) => {}
            Output::News(news) => {
                let news = Arc::new(news);
                for machine in &mut self.machines[1..] {
                    machine.handle(self.now, Input::News(Arc::clone(&news)));
                }
            }
            Output::ToFirst(input) => self.give(0, input),
        }
    }

    fn hear(&mut self, answer: Answer<crate::net::Part>) {
        match answer {
            Answer::Infer { response, .. } => {
                let outcome = (response.model, response.status);
                let before = self.inferred.insert(response.id, outcome);
                assert_eq!(before, None, "one response per request");
            }
            Answer::Load(response) => {
                assert_eq!(response.status, Status::OK, "{}", response.message);
                self.loaded.insert(response.id, response.model);
            }
            Answer::Unload(response) => {
                let before = self.unloaded.insert(response.id, response);
                assert_eq!(before, None, "one response per request");
            }
            Answer::Listing(listing) => self.listed = listing.models,
            Answer::Replace(response) => {
                let before = self.replaced.insert(response.id, response);
                assert_eq!(before, None, "one response per request");
            }
            Answer::Upload(response) => {
                let answer = (response.status, response.message);
                let before = self.uploaded.insert(response.id, answer);
                assert_eq!(before, None, "one response per request");
            }
            Answer::Credits(_) => {}
        }
    }

    fn command(&mut self, worker: WorkerId, command: Command<Batch>) {
        if let Command::Action { action, .. } = &command {
            self.loads += usize::from(action.kind == ActionKind::Load);
        }
        let process = &mut self.workers[worker.index()];
        if !process.linked {
            return;
        }
        let order = match command {
            Command::LoadModel(load) => Order::LoadModel(load),
            Command::UnloadModel(unload) => Order::UnloadModel(unload),
            Command::Upload(step) => return self.steps.push((worker.index(), step)),
            Command::Cancel(id) => Order::Cancel { id },
            Command::Action { action, .. } => Order::Action { action, inputs: Inputs::default() },
            Command::Query(query) => {
                let report = Report::State { query, state: process.worker.state() };
                return self.deliver(worker.index(), 0, report);
            }
        };
        process.worker.handle(self.now, order);
    }

    fn report(&mut self, worker: usize, done: Done) {
        let (shard, report) = match done {
            Done::Result { result, output } => {
                let shard = usize::try_from(result.id.shard).expect("a small number");
                (shard, Report::Result { result, output })
            }
            Done::ModelLoaded(loaded) => (0, Report::ModelLoaded(loaded)),
            Done::ModelUnloaded(unloaded) => (0, Report::ModelUnloaded(unloaded)),
            Done::CancelReply { id, cancelled } => (0, Report::CancelReply { id, cancelled }),
            Done::Resolve { id, .. } => {
                if self.searches {
                    return self.searching.push((worker, id));
                }
                return self.resolve(worker, id);
            }
        };
        self.deliver(worker, shard, report);
    }

    fn deliver(&mut self, worker: usize, shard: usize, report: Report<Payload>) {
        if self.workers[worker].linked {
            let (worker, received) = (WorkerId::from_index(worker), self.now);
            self.give(shard, Input::Report { worker, report, received });
        }
    }
}

/// What every model is.
fn profile() -> Arc<ModelProfile> {
    Arc::new(ModelProfile {
        name: "m".to_owned(),
        input_size: 8,
        output_size: 4,
        weights_size: u64::from(MODEL_PAGES) * PAGE_BYTES,
        pages: Pages::new(MODEL_PAGES),
        load: Span::from_millis(8),
        batches: vec![BatchProfile { batch: BatchSize::ONE, exec: Span::from_millis(3) }],
    })
}
