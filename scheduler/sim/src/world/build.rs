//! A world from its setup.

use std::ops::Range;

use clockwork_wire::{ClientId, Nanos, Span, WorkerId};

use super::agenda::{Agenda, Event};
use super::client::Client;
use super::controller::{Controller, ControllerSetup};
use super::cpu::Cores;
use super::letter::{Command, Letter, Tell};
use super::network::Path;
use super::process::Process;
use super::shuffles;
use super::worker::WorkerProcess;
use super::{Node, START, World};
use crate::calibration::{Calibration, Link};
use crate::checker::Checker;
use crate::scenario::{ClientSetup, Setup, WorkerSetup};
use crate::streams::{Purpose, Streams};
use crate::tally::Tally;

impl World {
    /// A world in which nothing has happened yet.
    pub(crate) fn new(setup: Setup, streams: Streams, record: bool) -> Self {
        let calibration = setup.calibration;
        let devices: Vec<_> = setup.workers.iter().map(|worker| worker.devices.len()).collect();
        let joins: Vec<_> = setup.workers.iter().map(|worker| worker.joins).collect();
        let starts: Vec<_> = setup.clients.iter().map(|client| client.starts).collect();
        let workers = workers(setup.workers, &calibration, streams);
        let clients = clients(setup.clients, &calibration, streams);
        let awaited = (0..).map(WorkerId::new).zip(&joins).filter(|(_, at)| at.is_zero());
        let controller = Controller::new(ControllerSetup {
            config: setup.scheduler.clone(),
            shards: setup.shards,
            offsets: workers.iter().map(|worker| worker.body.clock.seen_by_controller).collect(),
            awaited: awaited.map(|(worker, _)| worker).collect(),
            payloads: calibration.payloads,
            record,
            gpus: u32::try_from(devices.iter().sum::<usize>()).expect("a count of devices"),
        });
        let client_link = calibration.client_link;
        let from = START + setup.warmup;
        let to = from + setup.duration;
        let mut world = Self {
            now: START,
            agenda: Agenda::default(),
            letters: Vec::new(),
            free: Vec::new(),
            controller: Process::new(calibration.controller, controller),
            worker_paths: worker_paths(&calibration, workers.len(), to, streams),
            client_paths: paths(client_link, CLIENTS..CLIENTS + clients.len(), streams),
            workers,
            clients,
            cores: Cores::new(calibration.cores),
            faults: setup.faults,
            lost: streams.stream(Purpose::Lost, 0),
            late: streams.stream(Purpose::Late, 0),
            repeated: streams.stream(Purpose::Repeated, 0),
            checker: Checker::new(&setup.scheduler, &devices, setup.checked),
            tally: Tally::new(from, to, &devices),
            outbox: Vec::new(),
            events: 0,
            restless: 0,
        };
        world.plan(&joins, &starts, to);
        world
    }

    fn plan(&mut self, joins: &[Span], starts: &[Span], end: Nanos) {
        for (worker, &at) in (0..).map(WorkerId::new).zip(joins) {
            self.agenda.push(START + at, Event::Return(worker));
        }
        for (client, &at) in (0..).map(ClientId::new).zip(starts) {
            self.ask(Node::Client(client), START + at);
            let stop = Letter::Client(client, Tell::Stop);
            self.post(end, stop);
        }
        for (index, &(at, _)) in (0..).zip(&self.faults.incidents) {
            self.agenda.push(START + at, Event::Incident(index));
        }
    }
}

fn workers(
    setups: Vec<WorkerSetup>,
    calibration: &Calibration,
    streams: Streams,
) -> Vec<Process<WorkerProcess, Command>> {
    (0..)
        .map(WorkerId::new)
        .zip(setups)
        .map(|(id, setup)| WorkerProcess::new(id, setup, streams, calibration.payloads))
        .map(|worker| Process::new(calibration.worker, worker))
        .collect()
}

fn clients(
    setups: Vec<ClientSetup>,
    calibration: &Calibration,
    streams: Streams,
) -> Vec<Process<Client, Tell>> {
    (0..)
        .map(ClientId::new)
        .zip(setups)
        .map(|(id, setup)| {
            let derived = || streams.seed(Purpose::Workload, id.index());
            let seed = setup.seed.unwrap_or_else(derived);
            Client::new(id, setup, seed, calibration.payloads)
        })
        .map(|client| Process::new(calibration.client, client))
        .collect()
}

/// To and from each worker, shared with what goes on between them until `end`.
fn worker_paths(
    calibration: &Calibration,
    workers: usize,
    end: Nanos,
    streams: Streams,
) -> Vec<(Path, Path)> {
    let Calibration { worker_link: link, shuffles, .. } = *calibration;
    let random = streams.stream(Purpose::Shuffles, 0);
    let beside = shuffles::beside(workers, shuffles, link.bandwidth, (START, end), random);
    let mut paths = paths(link, 0..workers, streams);
    for ((to, from), beside) in paths.iter_mut().zip(beside) {
        to.share(beside.to);
        from.share(beside.from);
    }
    paths
}

/// To and from each process, each with a random stream of its own.
fn paths(link: Link, numbers: Range<usize>, streams: Streams) -> Vec<(Path, Path)> {
    let end = |number| Path::new(link, streams.stream(Purpose::Network, number));
    numbers.map(|number| (end(2 * number), end(2 * number + 1))).collect()
}

/// Streams of client links begin here, so that another worker does not change them.
const CLIENTS: usize = 1 << 20;
