//! Our scheduler: nothing is promised that cannot be kept, and no decision looks at more devices or
//! models than it concerns.
//!
//! A turn is: requests are admitted into their model's queue or refused at once; each device that
//! is ready takes the model whose most urgent batch must start first, among those that it holds;
//! then weights are ordered for models whose work their present copies cannot do.
//!
//! # Policies, each in a file
//!
//! * *Refusal at arrival* (`admit`, `backlog`, `pace`): a request is admitted if the device that
//!   would be done with its batch first is done by the deadline, behind the work of all models that
//!   is pledged to it; for a model that no device holds, behind the loads that are due. How much to
//!   trust that estimate is learned from what becomes of the requests that are admitted.
//! * *Thrift* (`admit`, `dispatch`, `pace`): while there is more than can be done, requests that cost
//!   little device time are let in before dear ones, and of batches that cannot all be in time, a device
//!   takes the one that serves most requests in its time.
//! * *Late binding* (`dispatch`): a device is given its next action so long before it is free that
//!   the order arrives in time, as measured; never more than `depth` at once, those whose results must
//!   be on their way not counted. Meanwhile batches grow and better choices arrive.
//! * *Links with a timeline* (`links`): large inputs take their time on the way to a worker and into a
//!   device; a batch whose inputs would only wait for a busy link is not closed yet, and what cannot be
//!   carried in time is refused.
//! * *Deferral* (`defer`), if configured: a batch that is expected to grow waits while the device has
//!   something else to do.
//! * *Loads that pay* (`load`): a further copy is made where it serves a request sooner than the
//!   present ones would, and a first one if it can be there in time; others give way to it only if
//!   requests had to be refused; where memory is free, one that had to refuse is copied in any case. Models with unmet work stand in one heap, by how much of it
//!   they have.
//! * *Loads in pieces* (`pieces`): a large model is loaded piece by piece, and what is more urgent goes
//!   between.
//! * *Eviction by worth* (`evict`, `rests`): what goes is what costs least to miss: reload time per page
//!   and time between requests; of the last one only as many pages as are needed.
//! * *Second chances* (`outcome`): a request whose action was lost or refused is given to another
//!   one, once, if its deadline allows and its input has not travelled.
//!
//! # Why a decision does not do more where there is more
//!
//! (It still costs more, because what it touches is no longer in the cache.)
//!
//! * A queue is one ring per model; its one timer is its head's (`due`).
//! * What a model wants is written once, however many copies it has (`wants`): a device that is to
//!   take work reads it for the models that it holds.
//! * Idle devices are a set of bits; an arrival intersects it with the devices that hold the model.
//! * Work that waits is counted to devices per batch, not per request (`backlog`).
//! * Estimates are shared by all instances of a model on a class of devices (`kind`), so that they
//!   stay in the cache; nothing is allocated per request, but for queues and tables that grow.

mod admit;
mod backlog;
mod bits;
mod defer;
mod device;
mod dispatch;
mod engine;
mod evict;
mod flight;
mod kind;
mod least;
mod links;
mod load;
mod measured;
mod model;
mod outcome;
mod pace;
mod pending;
mod pieces;
mod rests;
mod rooms;
mod topology;
mod wants;
mod wide;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use clockwork_config::SchedulerConfig;
use clockwork_wire::{Action, ActionId, ActionKind, ModelId, Nanos, PageRange, Span, Window};
use smallvec::SmallVec;

use self::backlog::Desk;
use self::bits::Bits;
use self::device::Device;
use self::engine::Engine;
use self::evict::Victim;
use self::flight::{Flight, Flights};
use self::kind::Kind;
use self::least::{Least, NEVER};
use self::links::Links;
use self::model::Model;
use self::pace::Pace;
use self::pending::Table;
use self::rooms::Rooms;
use self::wants::Wants;
use self::wide::Wide;
use crate::Scheduler;
use crate::message::{ActionRecord, Input, Order, Output, Response};
use crate::queue::RequestSlot;
use crate::shard::{Demand, Offered, efficient_work};

/// Our scheduler (kind "clockwork"). See the [module](self) for how it decides.
#[derive(Debug)]
pub struct Clockwork {
    config: SchedulerConfig,
    epoch: u32,
    shard: u32,
    /// How many INFERs a device has before it at once.
    depth: usize,
    /// The clock of the last turn; time never decreases.
    now: Nanos,
    devices: Vec<Device>,
    /// What each device is believed to have before it; apart, because admission looks at nothing
    /// else.
    desks: Vec<Desk>,
    kinds: Vec<Kind>,
    models: Vec<Model>,
    wants: Wants,
    wide: Wide,
    table: Table,
    flights: Flights,
    /// When actions expire, by their counter: none earlier than one that was ordered before it.
    expiries: VecDeque<(Nanos, u64)>,
    responses: VecDeque<Response>,
    records: VecDeque<ActionRecord>,
    orders: VecDeque<Order>,
    /// Devices that have nothing to do.
    free: Bits,
    /// Devices that are at work and could be given more.
    near: Bits,
    /// When the other devices can be given more.
    ready: Least,
    /// Devices to look for work for in this turn.
    todo: Vec<usize>,
    /// Models to look for a device for in this turn.
    fresh: Vec<ModelId>,
    /// When the first request of each model is due.
    due: Least,
    /// Models with work that their copies cannot do, the most first: [`NEVER`] less its time.
    unmet: Least,
    /// Devices whose copy engine can be given more.
    loaders: Bits,
    /// How much more each device can hold.
    rooms: Rooms,
    /// Devices whose copy engine is to be given more of what is open in this turn.
    hungry: Vec<usize>,
    /// How many devices are up.
    engines: u32,
    /// How many models wait for a first copy.
    cold: u32,
    /// When to look again for room for models that wait for a first copy.
    stalled: Option<Nanos>,
    /// Where to begin among devices, so that it is not always with the first.
    rotor: usize,
    victims: Vec<Victim>,
    pace: Pace,
    links: Links,
    /// What was asked for since the balancer last wanted to know.
    offered: Offered,
}

impl Clockwork {
    /// A scheduler without workers. `epoch` and `shard` go into every action's id.
    pub fn new(config: SchedulerConfig, epoch: u32, shard: u32) -> Self {
        Self {
            epoch,
            shard,
            depth: index(config.depth).clamp(1, Engine::MOST),
            now: Nanos::ZERO,
            devices: Vec::new(),
            desks: Vec::new(),
            kinds: Vec::new(),
            models: Vec::new(),
            wants: Wants::new(),
            wide: Wide::default(),
            table: Table::default(),
            flights: Flights::default(),
            expiries: VecDeque::new(),
            responses: VecDeque::new(),
            records: VecDeque::new(),
            orders: VecDeque::new(),
            free: Bits::default(),
            near: Bits::default(),
            ready: Least::new(),
            todo: Vec::new(),
            fresh: Vec::new(),
            due: Least::new(),
            unmet: Least::new(),
            loaders: Bits::default(),
            rooms: Rooms::new(),
            hungry: Vec::new(),
            engines: 0,
            cold: 0,
            stalled: None,
            rotor: 0,
            victims: Vec::new(),
            pace: Pace::new(DELIVERY_GUESS),
            links: Links::new(config.link_bandwidth),
            offered: Offered::default(),
            config,
        }
    }

    /// Requests that have not been answered.
    pub fn unanswered(&self) -> usize {
        self.table.count()
    }

    /// Actions whose result is still to come.
    pub fn in_flight(&self) -> usize {
        self.flights.count()
    }

    fn advance(&mut self, now: Nanos) {
        assert!(now >= self.now, "time never decreases");
        self.now = now;
    }

    /// Decides everything that there is to decide now.
    fn turn(&mut self) {
        while let Some(model) = self.due.due(self.now.get()) {
            self.time_out(ModelId::from_index(model));
        }
        self.expire();
        self.dispatch();
        self.load();
    }

    /// Orders an action: puts it in flight and among the decisions.
    fn order(&mut self, plan: Plan) {
        let id = ActionId { epoch: self.epoch, shard: self.shard, counter: self.flights.next() };
        let device = &self.devices[plan.device];
        let action = Action {
            id,
            kind: plan.kind,
            model: plan.model,
            gpu: device.gpu,
            pages: plan.pages,
            window: plan.window,
            expected: plan.expected,
        };
        // An action without a window (EVICT) is due as soon as it arrives.
        let last_end = if plan.window == Window::ALWAYS { self.now } else { plan.window.latest };
        let expires = last_end + plan.expected + self.config.action_grace;
        let before = self.expiries.back().map_or(Nanos::ZERO, |&(at, _)| at);
        self.expiries.push_back((expires.max(before), id.counter));
        let requests = plan.requests.iter().map(|&slot| self.table.at(slot).request.id).collect();
        let order = Order { worker: device.worker, action, send_by: plan.send_by, requests };
        self.flights.push(Flight {
            worker: device.worker,
            device: plan.device,
            slot: plan.slot,
            action,
            requests: plan.requests,
            sent: self.now,
            left: plan.left,
            start: plan.start,
            first: plan.first,
            expected_clock: device.clock,
            requests_queued: u32::try_from(plan.queued).unwrap_or(u32::MAX),
            copies_loaded: self.models[plan.model.index()].loaded,
        });
        self.orders.push_back(order);
    }

    fn decided(&mut self) -> Option<Output> {
        if let Some(response) = self.responses.pop_front() {
            return Some(Output::Respond(response));
        }
        if let Some(record) = self.records.pop_front() {
            return Some(Output::Record(record));
        }
        self.orders.pop_front().map(Output::Action)
    }
}

impl Scheduler for Clockwork {
    fn handle(&mut self, now: Nanos, input: Input) {
        self.advance(now);
        match input {
            Input::Request(request) => self.admit(request),
            Input::Withdraw { request, model } => self.withdraw(request, model),
            Input::Result { worker, result } => self.result(worker, &result),
            Input::WorkerUp { worker, devices } => self.worker_up(worker, devices),
            Input::WorkerDown { worker } => self.worker_down(worker),
            Input::ModelUp { worker, model, profile } => self.model_up(worker, model, &profile),
            Input::ModelDown { worker, model } => self.model_down(worker, model),
            Input::Succeed { old, new } => self.succeed(old, new),
        }
    }

    fn poll(&mut self, now: Nanos) -> Option<Output> {
        self.advance(now);
        self.decided().or_else(|| {
            self.turn();
            self.decided()
        })
    }

    fn next_wakeup(&self) -> Option<Nanos> {
        let known = |key: u64| (key != NEVER).then(|| Nanos::new(key));
        let due = known(self.due.least());
        // A device that is ready matters only if anything waits.
        let ready = due.and_then(|_| known(self.ready.least()));
        let expiry = self.expiries.iter().find(|(_, id)| self.flights.peek(*id).is_some());
        let expiry = expiry.map(|&(at, _)| at);
        [due, ready, expiry, self.stalled].into_iter().flatten().min()
    }

    fn is_loading(&self, model: ModelId) -> bool {
        self.models.get(model.index()).is_some_and(|model| model.loading > 0)
    }

    fn take_demand(&mut self, now: Nanos, demand: &mut Demand) {
        let (models, kinds) = (&self.models, &self.kinds);
        let window = self.config.default_slo.scale(0.5);
        self.offered.take(now, demand, |id, requests, interval| {
            let sizes = models[id.index()].kind().into_iter().flat_map(|kind| &kinds[kind].sizes);
            let batches = sizes.map(|size| (size.batch, size.exec.value()));
            efficient_work(requests, interval, window, batches)
        });
    }
}

/// An action before it has an id.
#[derive(Debug)]
struct Plan {
    device: usize,
    slot: usize,
    model: ModelId,
    kind: ActionKind,
    pages: PageRange,
    window: Window,
    /// When its inputs will have left.
    left: Nanos,
    /// When it is expected to start.
    start: Nanos,
    /// Whether nothing is before it.
    first: bool,
    expected: Span,
    send_by: Nanos,
    /// Requests queued for the model.
    queued: usize,
    requests: SmallVec<[RequestSlot; 16]>,
}

/// A number of a table's entry as an index.
fn index(number: u32) -> usize {
    usize::try_from(number).expect("an index fits usize")
}

/// How long an order takes before anything has been measured.
const DELIVERY_GUESS: Span = Span::from_millis(1);

/// How soon to look again for what has no instant to wait for.
const RECHECK: Span = Span::from_millis(1);
