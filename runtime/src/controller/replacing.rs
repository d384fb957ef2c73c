//! New versions in the place of models that are served.
//!
//! A client names a model; every id that serves it is to serve what the workers find under that name
//! now. The workers that have it load it once more, under ids that no client knows. When all have
//! answered, and inputs and outputs are as large as before, the schedulers copy the new models to the
//! devices that hold the old ones, as far as there is room ([`Controller::warm`]). When they are there,
//! the new models serve the old ids from one instant on ([`Controller::switch`]): what comes from then on is given to them, while what was given
//! to the old ones ends. Then those are unloaded. Where anything is wrong the new models are unloaded
//! instead, and all is as it was.
//!
//! A worker that is lost meanwhile is not waited for: it loads the new version when it is back. One
//! replacement of a name is under way at a time. Only the first of several shards does all this; the
//! others are told of the instant.

use std::sync::Arc;

use clockwork_executor::zoo::model_name;
use clockwork_wire::{
    ClientId, LoadedModel, ModelProfile, Nanos, ReplaceRequest, ReplaceResponse, Span, Status,
    WorkerId, WorkerState,
};

use super::group::Group;
use super::jobs::{Job, Purpose};
use super::machine::Controller;
use super::message::Swap;
use crate::net::Answer;

/// Replacements from a client's wish to the instant of the switch, and what they leave.
#[derive(Debug, Default)]
pub(super) struct Replacements {
    /// Counts them.
    begun: u64,
    loading: Vec<Replacement>,
    warming: Vec<Warmup>,
    /// Replaced models that are still asked, with the number of shards where they are.
    ended: Vec<Ended>,
}

/// A replacement whose new models are being loaded.
#[derive(Debug)]
struct Replacement {
    number: u64,
    client: ClientId,
    request: ReplaceRequest,
    swaps: Vec<Swap>,
    /// Loads that are not answered.
    jobs: usize,
    /// What is loaded, and where.
    loaded: Vec<(WorkerId, Group, Arc<ModelProfile>)>,
    /// The first thing that went wrong.
    wrong: Option<(Status, String)>,
}

/// A replacement whose new models are on their way to devices.
#[derive(Debug)]
struct Warmup {
    number: u64,
    client: ClientId,
    request: ReplaceRequest,
    swaps: Vec<Swap>,
    /// Shards where they are not all there.
    shards: usize,
    /// When they are not waited for any longer.
    until: Nanos,
}

/// Models that were replaced.
#[derive(Debug)]
struct Ended {
    number: u64,
    groups: Vec<Group>,
    /// Shards that have not answered all that the models were asked.
    shards: usize,
}

impl Replacements {
    /// What a worker has loaded that is gone is loaded there no longer.
    pub(super) fn lose(&mut self, worker: WorkerId) {
        for replacement in &mut self.loading {
            replacement.loaded.retain(|(loaded, ..)| *loaded != worker);
        }
    }

    /// A worker that was lost meanwhile has models of a replacement after all.
    pub(super) fn find(&mut self, worker: WorkerId, found: &Group, profile: &Arc<ModelProfile>) {
        for replacement in &mut self.loading {
            let versions = replacement.swaps.iter().map(|swap| &swap.version);
            if let Some(version) = versions.clone().find(|version| version.has(found.first)) {
                let parts = version.parts(found.models().filter(|&id| version.has(id)));
                let parts = parts.into_iter().map(|part| (worker, part, Arc::clone(profile)));
                replacement.loaded.extend(parts);
            }
        }
    }

    /// When a replacement is not held up any longer.
    pub(super) fn tired_at(&self) -> Option<Nanos> {
        self.warming.iter().map(|warming| warming.until).min()
    }

    fn is_under_way(&self, name: &str) -> bool {
        let loading = self.loading.iter().map(|loading| &loading.request);
        let mut under_way = loading.chain(self.warming.iter().map(|warming| &warming.request));
        under_way.any(|request| is_called(&request.name, name))
    }
}

impl Replacement {
    /// Notes what workers answered.
    fn answered(&mut self, job: Job, sizes: Option<(u32, u32)>) {
        self.jobs -= 1;
        for (worker, loaded) in job.done {
            let Some(profile) = loaded.profile.filter(|_| loaded.status.is_ok()) else {
                // One that was lost has nothing of the old version either.
                if loaded.status != Status::WORKER_LOST {
                    let message = format!("worker {worker}: {}", loaded.message);
                    self.wrong.get_or_insert((loaded.status, message));
                }
                continue;
            };
            if let Some(message) = misfit(&profile, sizes) {
                let message = format!("worker {worker}: {message}");
                self.wrong.get_or_insert((Status::INVALID_REQUEST, message));
            }
            self.loaded.push((worker, job.group.clone(), profile));
        }
    }
}

/// Why a new version cannot serve those who know the old one's sizes of inputs and outputs.
fn misfit(profile: &ModelProfile, sizes: Option<(u32, u32)>) -> Option<String> {
    let (input, output) = sizes?;
    let ModelProfile { input_size, output_size, .. } = profile;
    ((input, output) != (*input_size, *output_size)).then(|| {
        format!(
            "the new version's inputs and outputs have {input_size} and {output_size} bytes, the \
             old one's {input} and {output}"
        )
    })
}

/// Whether two names, or paths of the original's clients, are of the same model.
fn is_called(one: &str, other: &str) -> bool {
    one == other || matches!((model_name(one), model_name(other)), (Ok(a), Ok(b)) if a == b)
}

impl Controller {
    /// A client wants a new version served.
    pub(super) fn replace_requested(&mut self, client: ClientId, request: ReplaceRequest) {
        match self.replaceable(&request.name) {
            Ok((groups, workers)) => self.begin_replacement(client, request, groups, &workers),
            Err((status, message)) => self.respond_replace(client, &request, status, message, 0),
        }
    }

    /// The models of this name that serve, and the workers that have them; or why they cannot be
    /// replaced.
    fn replaceable(&mut self, name: &str) -> Result<(Vec<Group>, Vec<WorkerId>), (Status, String)> {
        if self.startup.is_some() {
            let message = "models can be replaced when start-up is over".to_owned();
            return Err((Status::INITIALIZING, message));
        }
        if self.replacements.is_under_way(name) {
            let message = format!("`{name}` is being replaced; ask again when that is over");
            return Err((Status::INVALID_REQUEST, message));
        }
        let groups = self.catalog.groups().iter().filter(|group| is_called(&group.name, name));
        let groups: Vec<Group> = groups.cloned().collect();
        if groups.is_empty() {
            return Err((Status::UNKNOWN_MODEL, format!("no model `{name}` is loaded")));
        }
        let mut workers: Vec<WorkerId> = self.fleet.known().collect();
        workers.retain(|&worker| groups.iter().any(|group| self.fleet.at(worker).has_of(group)));
        if workers.is_empty() {
            let message = format!("no worker that has `{name}` is connected");
            return Err((Status::WORKER_LOST, message));
        }
        Ok((groups, workers))
    }

    fn begin_replacement(
        &mut self,
        client: ClientId,
        request: ReplaceRequest,
        groups: Vec<Group>,
        workers: &[WorkerId],
    ) {
        let number = self.replacements.begun;
        self.replacements.begun += 1;
        let promised = |old: Group| {
            let first = self.catalog.promise(old.copies);
            Swap { version: Group { first, ..old.clone() }, old }
        };
        let swaps: Vec<Swap> = groups.into_iter().map(promised).collect();
        let versions: Vec<Group> = swaps.iter().map(|swap| swap.version.clone()).collect();
        let (jobs, loaded) = (versions.len(), Vec::new());
        let wrong = None;
        let begun = Replacement { number, client, request, swaps, jobs, loaded, wrong };
        self.replacements.loading.push(begun);
        for version in versions {
            self.begin_load(Purpose::Version(number), version, workers);
        }
    }

    /// Every worker has answered one of the loads.
    pub(super) fn version_loaded(&mut self, now: Nanos, number: u64, job: Job) {
        let loading = &mut self.replacements.loading;
        let Some(at) = loading.iter().position(|loading| loading.number == number) else { return };
        let swap = loading[at].swaps.iter().find(|swap| swap.version.first == job.group.first);
        let mut old = swap.into_iter().flat_map(|swap| swap.old.models());
        let known = old.find_map(|id| self.catalog.model(id));
        loading[at].answered(job, known.map(|known| (known.input_size, known.output_size)));
        if loading[at].jobs == 0 {
            let replacement = self.replacements.loading.remove(at);
            self.decide(now, replacement);
        }
    }

    /// All is loaded that could be.
    fn decide(&mut self, now: Nanos, mut replacement: Replacement) {
        if replacement.loaded.is_empty() {
            let message = "every worker that had the model was lost".to_owned();
            replacement.wrong.get_or_insert((Status::WORKER_LOST, message));
        }
        let swaps = self.still_served(&replacement.swaps);
        if swaps.is_empty() {
            let message = "the model was unloaded meanwhile".to_owned();
            replacement.wrong.get_or_insert((Status::UNKNOWN_MODEL, message));
        }
        let Replacement { number, client, request, loaded, wrong, .. } = replacement;
        if let Some((status, message)) = wrong {
            for swap in &replacement.swaps {
                self.catalog.forget(&swap.version);
            }
            for (worker, group, _) in loaded {
                self.order_unload(worker, &group);
            }
            return self.respond_replace(client, &request, status, message, 0);
        }
        self.drop_unserved(&replacement.swaps, &swaps);
        for (worker, group, profile) in &loaded {
            self.catalog.add(group, profile);
            self.serve_group(now, *worker, group, profile);
        }
        let (shards, until) = (self.options.shards, now + WARM_WITHIN);
        let begun = Warmup { number, client, request, swaps: swaps.clone(), shards, until };
        self.replacements.warming.push(begun);
        self.announce_warming(now, number, swaps);
    }

    /// A shard has the new models where they are to be.
    pub(super) fn shard_warmed(&mut self, now: Nanos, number: u64) {
        let warming = &mut self.replacements.warming;
        let Some(at) = warming.iter().position(|warming| warming.number == number) else { return };
        warming[at].shards -= 1;
        if warming[at].shards == 0 {
            let warm = warming.remove(at);
            self.take_over(now, warm);
        }
    }

    /// Copies that do not come to be are not waited for.
    pub(super) fn tire(&mut self, now: Nanos) {
        let due = |warming: &mut Warmup| warming.until <= now;
        let due: Vec<Warmup> = self.replacements.warming.extract_if(.., due).collect();
        for warm in due {
            self.take_over(now, warm);
        }
    }

    /// What was not unloaded meanwhile serves from now on.
    fn take_over(&mut self, now: Nanos, warm: Warmup) {
        let Warmup { number, client, request, swaps, .. } = warm;
        let swaps = self.still_served(&swaps);
        let models = swaps.iter().map(|swap| swap.version.copies).sum();
        if models == 0 {
            let message = "the model was unloaded meanwhile".to_owned();
            return self.respond_replace(client, &request, Status::UNKNOWN_MODEL, message, 0);
        }
        self.load_where_missing(&swaps);
        self.end(now, number, swaps);
        self.respond_replace(client, &request, Status::OK, String::new(), models);
    }

    /// The parts of a replacement whose old models serve as they did when it began.
    fn still_served(&self, swaps: &[Swap]) -> Vec<Swap> {
        let part = |swap: &Swap| {
            let serves = |id| self.catalog.serving(swap.old.shown(id)) == Some(id);
            let served = swap.old.models().filter(|&id| serves(id));
            let served = served.filter(|&id| self.catalog.model(id).is_some());
            let old = swap.old.parts(served).into_iter();
            let version = |old: &Group| {
                let begin = old.first.index() - swap.old.first.index();
                let ids = swap.version.models().skip(begin);
                let copies = usize::try_from(old.copies).expect("copies fit usize");
                swap.version.parts(ids.take(copies)).remove(0)
            };
            old.map(|old| Swap { version: version(&old), old }).collect::<Vec<_>>()
        };
        swaps.iter().flat_map(part).collect()
    }

    /// New models of which the old ones were unloaded meanwhile are not wanted.
    fn drop_unserved(&mut self, all: &[Swap], served: &[Swap]) {
        let is_served = |id| served.iter().any(|swap| swap.version.has(id));
        for swap in all {
            let dropped = swap.version.models().filter(|&id| !is_served(id));
            for group in swap.version.parts(dropped) {
                self.catalog.forget(&group);
            }
        }
    }

    /// Workers that came back meanwhile load the new version.
    fn load_where_missing(&mut self, swaps: &[Swap]) {
        let workers: Vec<WorkerId> = self.fleet.known().collect();
        for worker in workers {
            let entry = self.fleet.at(worker);
            let missing: Vec<&Swap> = swaps.iter().filter(|s| !entry.has_of(&s.version)).collect();
            for swap in missing {
                self.begin_load(Purpose::Again, swap.version.clone(), &[worker]);
            }
        }
    }

    /// The instant: from now on the new versions serve, and the old ones are unloaded when they have
    /// answered all that they were asked.
    fn end(&mut self, now: Nanos, number: u64, swaps: Vec<Swap>) {
        let groups = swaps.iter().map(|swap| swap.old.clone()).collect();
        let shards = self.options.shards;
        self.replacements.ended.push(Ended { number, groups, shards });
        self.announce_swaps(now, number, swaps);
    }

    /// A shard has answered all that replaced models were asked.
    pub(super) fn shard_drained(&mut self, now: Nanos, number: u64) {
        let ended = &mut self.replacements.ended;
        let Some(at) = ended.iter().position(|ended| ended.number == number) else { return };
        ended[at].shards -= 1;
        if ended[at].shards == 0 {
            let Ended { groups, .. } = ended.remove(at);
            self.unload(now, &groups);
            for group in &groups {
                self.catalog.forget(group);
            }
        }
    }

    /// A worker that came back has models of a replacement under way: they are not served yet.
    pub(super) fn take_promised(&mut self, worker: WorkerId, state: &mut WorkerState) {
        let promised = state.models.extract_if(.., |l| self.catalog.is_promised(l.model));
        let promised: Vec<LoadedModel> = promised.collect();
        for run in promised.chunk_by(|one, next| Arc::ptr_eq(&one.profile, &next.profile)) {
            let ids = run.iter().map(|loaded| loaded.model);
            for group in Group::runs(ids, &Arc::default()) {
                self.replacements.find(worker, &group, &run[0].profile);
            }
        }
    }

    /// Versions that a worker's state has shown to be old ones are dropped wherever they are.
    pub(super) fn drop_superseded(&mut self, groups: &[Group]) {
        let workers: Vec<WorkerId> = self.fleet.known().collect();
        for worker in workers {
            let leaving = |group: &Group| self.fleet.at(worker).unload(group.first, group.copies);
            let leaving: Vec<Group> = groups.iter().flat_map(leaving).collect();
            for group in &leaving {
                self.order_unload(worker, group);
            }
        }
    }

    fn respond_replace(
        &mut self,
        client: ClientId,
        request: &ReplaceRequest,
        status: Status,
        message: String,
        models: u32,
    ) {
        let response = ReplaceResponse { id: request.id, status, message, models };
        self.answer(client, Answer::Replace(response));
    }
}

/// How long a new version is waited for on its way to devices, which may have more urgent things to copy.
const WARM_WITHIN: Span = Span::from_secs(10);
