//! Models pass through to workers.

use clockwork_wire::{
    ActionId, ModelUploaded, RequestId, Status, UploadFile, UploadRequest, UploadStep, WorkerId,
};

use super::{CLIENT, Input, World, serving};
use crate::net::{Ask, Report};

const UPLOAD: RequestId = RequestId::new(77);

fn begin(len: u64) -> UploadStep {
    let file = UploadFile { path: "manifest.json".to_owned(), len };
    UploadStep::Begin { name: "m".to_owned(), files: vec![file], sha256: [0; 32] }
}

fn data(offset: u64, len: usize) -> UploadStep {
    UploadStep::Data { offset, bytes: vec![0; len].into() }
}

impl World {
    fn upload(&mut self, step: UploadStep) -> RequestId {
        let id = self.next_id();
        self.ask(0, Ask::Upload(UploadRequest { id, upload: UPLOAD, step }));
        self.run();
        id
    }

    /// A worker answers the oldest step that it was sent.
    fn take_step(&mut self, worker: usize, status: Status, message: &str) {
        let at = self.steps.iter().position(|(to, _)| *to == worker).expect("a step was sent");
        let (_, step) = self.steps.remove(at);
        self.uploaded(worker, step.id, status, message);
    }

    fn uploaded(&mut self, worker: usize, id: ActionId, status: Status, message: &str) {
        let uploaded = ModelUploaded { id, status, message: message.to_owned() };
        let (worker, received) = (WorkerId::from_index(worker), self.now);
        let report = Report::Uploaded(uploaded);
        self.give(0, Input::Report { worker, report, received });
        self.run();
    }

    fn all_take_step(&mut self) {
        for worker in 0..self.workers.len() {
            self.take_step(worker, Status::OK, "");
        }
    }

    fn assert_answered(&self, id: RequestId, status: Status, words: &[&str]) {
        let (answered, message) = &self.uploaded[&id];
        assert_eq!(*answered, status, "{message}");
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}

#[test]
fn a_step_is_answered_when_all_workers_have_done_it() {
    for shards in [1, 2] {
        let mut world = serving(shards, 2, 1);
        let first = world.upload(begin(30));
        world.take_step(1, Status::OK, "");
        assert!(world.uploaded.is_empty());
        world.take_step(0, Status::OK, "");
        world.assert_answered(first, Status::OK, &[]);
        for offset in [0, 10, 20] {
            let step = world.upload(data(offset, 10));
            assert_eq!(world.steps.len(), 2, "one step at a time");
            world.all_take_step();
            world.assert_answered(step, Status::OK, &[]);
        }
        let late = world.upload(data(30, 10));
        world.assert_answered(late, Status::INVALID_REQUEST, &["no such upload"]);
        assert!(world.steps.is_empty());
    }
}

#[test]
fn the_last_answer_names_each_worker_that_failed_and_why() {
    let mut world = serving(1, 3, 1);
    let first = world.upload(begin(10));
    world.take_step(0, Status::INVALID_REQUEST, "no folder");
    world.take_step(1, Status::OK, "");
    world.take_step(2, Status::OK, "");
    world.assert_answered(first, Status::OK, &[]);
    let last = world.upload(data(0, 10));
    assert_eq!(world.steps.len(), 2, "one takes no further part");
    world.take_step(1, Status::OK, "");
    world.lose(2, true);
    let words = ["1 of 3 workers have the model", "worker 0: no folder", "worker 2: it was lost"];
    world.assert_answered(last, Status::INVALID_REQUEST, &words);
}

#[test]
fn it_is_over_at_once_when_no_worker_takes_part() {
    let mut world = serving(1, 2, 1);
    let first = world.upload(begin(10));
    world.take_step(0, Status::INVALID_REQUEST, "too large");
    world.take_step(1, Status::RUNTIME_ERROR, "the disk is full");
    let words = ["0 of 2", "worker 0: too large", "worker 1: the disk is full"];
    world.assert_answered(first, Status::INVALID_REQUEST, &words);
    world.lose(0, true);
    world.lose(1, true);
    let none = world.upload(begin(10));
    world.assert_answered(none, Status::WORKER_LOST, &["no worker"]);
}

#[test]
fn a_client_that_does_not_wait_or_leaves_ends_its_upload_everywhere() {
    let mut world = serving(1, 2, 1);
    world.upload(begin(30));
    let hasty = world.upload(data(0, 10));
    world.assert_answered(hasty, Status::INVALID_REQUEST, &["before the one before it"]);
    let dropped = |world: &mut World| {
        let steps = std::mem::take(&mut world.steps);
        steps.iter().filter(|(_, step)| step.step == UploadStep::Drop).count()
    };
    assert_eq!(dropped(&mut world), 2);
    world.upload(begin(30));
    world.give(0, Input::ClientDown(CLIENT));
    world.run();
    assert_eq!(dropped(&mut world), 2);
    world.uploaded(0, ActionId::default(), Status::OK, "nobody asked for that");
    let again = world.upload(begin(30));
    world.all_take_step();
    world.assert_answered(again, Status::OK, &[]);
    let given_up = world.upload(UploadStep::Drop);
    world.assert_answered(given_up, Status::OK, &[]);
    assert_eq!(dropped(&mut world), 2);
}

#[test]
fn few_uploads_are_under_way_and_those_given_up_count_until_all_have_forgotten_them() {
    let mut world = serving(1, 2, 1);
    let begun = |world: &mut World, number: u64| {
        let (id, upload) = (world.next_id(), RequestId::new(number));
        world.ask(0, Ask::Upload(UploadRequest { id, upload, step: begin(30) }));
        world.run();
        id
    };
    for number in 0..16 {
        begun(&mut world, number);
    }
    assert_eq!(world.steps.len(), 32);
    let refused = begun(&mut world, 16);
    world.assert_answered(refused, Status::OVERLOADED, &["16 uploads"]);
    world.give(0, Input::ClientDown(CLIENT));
    world.run();
    assert_eq!(world.steps.len(), 64, "all are given up");
    let refused = begun(&mut world, 17);
    world.assert_answered(refused, Status::OVERLOADED, &["16 uploads"]);
    // Every worker forgets the first one; the second is lost.
    let of_first = world.steps[32].1.id;
    world.uploaded(0, of_first, Status::OK, "");
    let refused = begun(&mut world, 18);
    world.assert_answered(refused, Status::OVERLOADED, &["16 uploads"]);
    world.uploaded(1, of_first, Status::OK, "");
    let taken = begun(&mut world, 19);
    world.steps.drain(..64);
    world.all_take_step();
    world.assert_answered(taken, Status::OK, &[]);
}

#[test]
fn an_upload_before_all_workers_are_known_begins_when_they_are() {
    let mut world = serving(1, 2, 1);
    world.workers[1].linked = false;
    world.restart();
    let early = world.upload(begin(30));
    assert!(world.steps.is_empty() && world.uploaded.is_empty());
    world.come_back(1);
    world.run();
    assert_eq!(world.steps.len(), 2, "it goes to both");
    world.all_take_step();
    world.assert_answered(early, Status::OK, &[]);
}
