//! Models that clients upload, on their way through to every worker.
//!
//! The controller keeps nothing of them: a step goes to all workers that take part, and the client is
//! told of it when all have answered. So at most one step, [`UPLOAD_DATA_MAX`] bytes, is under way of
//! each upload, and of few uploads at a time: one that is given up counts until the workers have
//! forgotten it. A worker that refuses or is lost takes no further part; the others go on, and the last
//! answer names it.
//!
//! [`UPLOAD_DATA_MAX`]: clockwork_wire::codec::UPLOAD_DATA_MAX

use std::collections::BTreeMap;

use clockwork_wire::{
    ActionId, ClientId, ModelUploaded, RequestId, Status, UploadModel, UploadRequest,
    UploadResponse, UploadStep, WorkerId,
};

use super::machine::Controller;
use crate::net::{Answer, Command};

/// The uploads under way.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    /// By who sends them and its number for them.
    open: BTreeMap<Key, Upload>,
    /// What workers were told to forget, and who has not answered that.
    dropped: Vec<(ActionId, Vec<WorkerId>)>,
    /// First steps that came before all workers were known.
    early: Vec<(ClientId, UploadRequest)>,
}

type Key = (ClientId, RequestId);

/// Why a step is refused, in a number and in words.
type Refusal = (Status, String);

impl Uploads {
    fn is_full(&self) -> bool {
        self.open.len() + self.dropped.len() + self.early.len() >= OPEN_MAX
    }

    /// A worker has forgotten one, or is gone.
    fn forgotten(&mut self, worker: WorkerId, is: impl Fn(ActionId) -> bool) {
        for (_, waiting) in self.dropped.iter_mut().filter(|(id, _)| is(*id)) {
            waiting.retain(|waiting| *waiting != worker);
        }
        self.dropped.retain(|(_, waiting)| !waiting.is_empty());
    }
}

/// One that has begun.
#[derive(Debug)]
struct Upload {
    /// Its id towards workers, and that of the step under way.
    id: ActionId,
    step: ActionId,
    /// The client's number for that step, until it is answered.
    asked: Option<RequestId>,
    /// The workers that take part, and those that have not answered the step.
    workers: Vec<WorkerId>,
    waiting: Vec<WorkerId>,
    /// The workers that take no part any longer, and why.
    failed: Vec<(WorkerId, Status, String)>,
    received: u64,
    total: u64,
}

impl Upload {
    /// A worker takes no part any longer.
    fn fail(&mut self, worker: WorkerId, status: Status, message: String) {
        self.workers.retain(|taking| *taking != worker);
        self.failed.push((worker, status, message));
    }

    /// Whether nothing more will come of it.
    const fn is_over(&self) -> bool {
        self.workers.is_empty() || self.received >= self.total
    }

    /// What became of the step under way.
    fn response(&self, id: RequestId) -> UploadResponse {
        let failure = self.failed.first().filter(|_| self.is_over());
        let Some((_, status, _)) = failure else {
            return UploadResponse { id, status: Status::OK, message: String::new() };
        };
        let reasons = self.failed.iter().map(|(worker, _, why)| format!("worker {worker}: {why}"));
        let reasons: Vec<_> = reasons.collect();
        let (done, all) = (self.workers.len(), self.workers.len() + self.failed.len());
        let message = format!("{done} of {all} workers have the model; {}", reasons.join("; "));
        UploadResponse { id, status: *status, message }
    }
}

impl Controller {
    /// A client sends a step of an upload.
    pub(super) fn upload_requested(&mut self, client: ClientId, request: &UploadRequest) {
        let key = (client, request.upload);
        if self.is_early(request) {
            return self.uploads.early.push((client, request.clone()));
        }
        let refused = match &request.step {
            UploadStep::Begin { files, .. } => {
                let total = files.iter().fold(0, |total: u64, file| total.saturating_add(file.len));
                self.begin_upload(key, total)
            }
            UploadStep::Data { bytes, .. } => self.continue_upload(key, bytes.len()),
            UploadStep::Drop => {
                self.drop_upload(key);
                let id = request.id;
                let response = UploadResponse { id, status: Status::OK, message: String::new() };
                return self.respond_upload(client, response);
            }
        };
        if let Err((status, message)) = refused {
            // Whoever breaks the rules once is not followed any further.
            self.drop_upload(key);
            let response = UploadResponse { id: request.id, status, message };
            return self.respond_upload(client, response);
        }
        self.forward_step(key, request);
    }

    /// Whether an upload is to begin when all workers are known; it goes to every one of them.
    fn is_early(&self, request: &UploadRequest) -> bool {
        let querying = self.startup.as_ref().is_some_and(|startup| !startup.takes_loads());
        querying && matches!(request.step, UploadStep::Begin { .. }) && !self.uploads.is_full()
    }

    /// All workers are known.
    pub(super) fn begin_early_uploads(&mut self) {
        for (client, request) in std::mem::take(&mut self.uploads.early) {
            self.upload_requested(client, &request);
        }
    }

    fn begin_upload(&mut self, key: Key, total: u64) -> Result<(), Refusal> {
        let workers: Vec<WorkerId> = self.fleet.known().collect();
        if workers.is_empty() {
            let message = "no worker is connected; try again when one is".to_owned();
            return Err((Status::WORKER_LOST, message));
        }
        if self.uploads.is_full() {
            return Err((Status::OVERLOADED, format!("{OPEN_MAX} uploads are under way")));
        }
        if self.uploads.open.contains_key(&key) {
            let message = "an upload of this number is under way".to_owned();
            return Err((Status::INVALID_REQUEST, message));
        }
        let (id, waiting, failed) = (self.load_id(), Vec::new(), Vec::new());
        let (step, asked, received) = (id, None, 0);
        let begun = Upload { id, step, asked, workers, waiting, failed, received, total };
        self.uploads.open.insert(key, begun);
        Ok(())
    }

    fn continue_upload(&mut self, key: Key, bytes: usize) -> Result<(), Refusal> {
        let invalid = |message: &str| Err((Status::INVALID_REQUEST, message.to_owned()));
        let Some(upload) = self.uploads.open.get_mut(&key) else {
            return invalid("no such upload is under way");
        };
        if upload.asked.is_some() {
            return invalid("a step came before the one before it was answered");
        }
        let bytes = u64::try_from(bytes).expect("a length fits 64 bits");
        upload.received = upload.received.saturating_add(bytes);
        Ok(())
    }

    /// Sends a step to the workers that take part.
    fn forward_step(&mut self, key: Key, request: &UploadRequest) {
        let id = self.load_id();
        let Some(upload) = self.uploads.open.get_mut(&key) else { return };
        (upload.step, upload.asked) = (id, Some(request.id));
        upload.waiting.clone_from(&upload.workers);
        let (workers, whole) = (upload.workers.clone(), upload.id);
        for worker in workers {
            let step = UploadModel { id, upload: whole, step: request.step.clone() };
            self.command(worker, Command::Upload(step));
        }
    }

    /// A worker has done a step, or cannot.
    pub(super) fn uploaded(&mut self, worker: WorkerId, uploaded: &ModelUploaded) {
        let awaits =
            |upload: &Upload| upload.step == uploaded.id && upload.waiting.contains(&worker);
        let Some((&key, upload)) = self.uploads.open.iter_mut().find(|(_, upload)| awaits(upload))
        else {
            return self.uploads.forgotten(worker, |id| id == uploaded.id);
        };
        upload.waiting.retain(|waiting| *waiting != worker);
        if !uploaded.status.is_ok() {
            upload.fail(worker, uploaded.status, uploaded.message.clone());
        }
        self.settle_step(key);
    }

    /// A worker is gone.
    pub(super) fn upload_lost(&mut self, worker: WorkerId) {
        self.uploads.forgotten(worker, |_| true);
        let keys: Vec<_> = self.uploads.open.keys().copied().collect();
        for key in keys {
            let upload = self.uploads.open.get_mut(&key).expect("it was there");
            if upload.workers.contains(&worker) {
                upload.waiting.retain(|waiting| *waiting != worker);
                upload.fail(worker, Status::WORKER_LOST, "it was lost".to_owned());
                self.settle_step(key);
            }
        }
    }

    /// Answers a step when all workers have.
    fn settle_step(&mut self, key: Key) {
        let Some(upload) = self.uploads.open.get_mut(&key) else { return };
        if !upload.waiting.is_empty() {
            return;
        }
        let Some(asked) = upload.asked.take() else { return };
        let (response, over) = (upload.response(asked), upload.is_over());
        if over {
            self.uploads.open.remove(&key);
        }
        self.respond_upload(key.0, response);
    }

    /// A client is gone, and what it was sending with it.
    pub(super) fn uploader_down(&mut self, client: ClientId) {
        self.uploads.early.retain(|(sender, _)| *sender != client);
        let keys = self.uploads.open.keys().copied().filter(|&(sender, _)| sender == client);
        for key in keys.collect::<Vec<_>>() {
            self.drop_upload(key);
        }
    }

    fn drop_upload(&mut self, key: Key) {
        self.uploads.early.retain(|(client, request)| (*client, request.upload) != key);
        let Some(upload) = self.uploads.open.remove(&key) else { return };
        let id = self.load_id();
        for &worker in &upload.workers {
            let step = UploadModel { id, upload: upload.id, step: UploadStep::Drop };
            self.command(worker, Command::Upload(step));
        }
        if !upload.workers.is_empty() {
            self.uploads.dropped.push((id, upload.workers));
        }
    }

    fn respond_upload(&mut self, client: ClientId, response: UploadResponse) {
        self.answer(client, Answer::Upload(response));
    }
}

/// The most uploads at a time.
const OPEN_MAX: usize = 16;
