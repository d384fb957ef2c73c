//! Looks for models and takes in uploaded ones, away from the worker's core: it reads and writes files,
//! measures what was never measured, and prepares what takes its time.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use clockwork_executor::upload::{Intake, Refusal};
use clockwork_executor::zoo::Catalogue;
use clockwork_executor::{ModelSource, Prepare, Stop, Unprepared, Wanted};
use clockwork_wire::{ActionId, ModelUploaded, Status, UploadModel};

use crate::placement;
use crate::rt::Doorbell;

/// What is asked of the thread.
#[derive(Debug)]
enum Question {
    /// So many copies of a model by name, with some batch sizes.
    Model(ActionId, String, u32, Wanted),
    /// A step of an upload.
    Upload(UploadModel),
    /// Nobody is there any longer who would complete an upload.
    Drop,
}

/// What it answers.
#[derive(Debug)]
pub(super) enum Found {
    /// Who asked, and the model or why there is none.
    Model(ActionId, Result<ModelSource, Unprepared>),
    /// What became of a step.
    Uploaded(ModelUploaded),
}

/// The thread that looks for models, one after the other. Dropping this gives up what it prepares and waits for
/// it: a process that ended beside it would take a device's libraries apart while they are in use.
#[derive(Debug)]
pub(super) struct Resolver {
    /// Until it is dropped.
    asked: Option<mpsc::Sender<Question>>,
    found: mpsc::Receiver<Found>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Resolver {
    /// Starts the thread on the CPUs `aside`, which prepares models `ahead` for the devices; it rings `bell` for every answer.
    /// `intake` is made on it, before anything is looked for.
    pub(super) fn start(
        catalogue: Catalogue,
        intake: impl FnOnce() -> Intake + Send + 'static,
        ahead: Vec<Box<dyn Prepare>>,
        aside: Vec<usize>,
        bell: Doorbell,
    ) -> io::Result<Self> {
        let (asked, asks) = mpsc::channel();
        let (tell, found) = mpsc::channel();
        let stop = Stop::default();
        let stopped = stop.clone();
        let thread = thread::Builder::new().name("models".into()).spawn(move || {
            // It would begin where the core with the sockets is pinned.
            placement::move_among(&aside);
            let mut search = Search { catalogue, intake: intake(), ahead, stop: stopped };
            for question in asks {
                let Some(answer) = search.answer(question) else { continue };
                if tell.send(answer).is_err() {
                    return;
                }
                bell.ring();
            }
        })?;
        Ok(Self { asked: Some(asked), found, stop, thread: Some(thread) })
    }

    /// Asks for so many copies of a model by name; [`Resolver::next`] gives the answer later.
    pub(super) fn ask(&self, id: ActionId, name: String, copies: u32, wanted: Wanted) {
        self.put(Question::Model(id, name, copies, wanted));
    }

    /// Hands over a step of an upload; [`Resolver::next`] gives the answer later.
    pub(super) fn upload(&self, upload: UploadModel) {
        self.put(Question::Upload(upload));
    }

    /// The uploads under way are over.
    pub(super) fn drop_uploads(&self) {
        self.put(Question::Drop);
    }

    /// The next answer, if there is one.
    pub(super) fn next(&self) -> Option<Found> {
        self.found.try_recv().ok()
    }

    fn put(&self, question: Question) {
        let asked = self.asked.as_ref().expect("nothing is asked of what is dropped");
        asked.send(question).expect("the thread lives as long as this");
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.stop.set();
        self.asked = None;
        // A panic has been reported by the panic itself.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What the thread has.
struct Search {
    catalogue: Catalogue,
    intake: Intake,
    ahead: Vec<Box<dyn Prepare>>,
    stop: Stop,
}

impl Search {
    fn answer(&mut self, question: Question) -> Option<Found> {
        match question {
            Question::Model(id, name, copies, wanted) => {
                let found = resolve(&self.catalogue, &name).map_err(Unprepared::from);
                let prepared = found.and_then(|source| {
                    prepare(&mut self.ahead, &source, copies, wanted, &self.stop)?;
                    Ok(source)
                });
                Some(Found::Model(id, prepared))
            }
            Question::Upload(upload) => Some(Found::Uploaded(take(&mut self.intake, &upload))),
            Question::Drop => {
                self.intake.drop_all();
                None
            }
        }
    }
}

/// A model file that no code foresaw costs its own load, not the thread.
fn resolve(catalogue: &Catalogue, name: &str) -> Result<ModelSource, String> {
    catch_unwind(AssertUnwindSafe(|| catalogue.resolve(name)))
        .unwrap_or_else(|_| Err(format!("reading the model `{name}` failed unexpectedly")))
}

/// A large model takes seconds to be prepared, for which neither the worker's core nor its device should
/// wait: the controller would take the worker for lost.
fn prepare(
    ahead: &mut [Box<dyn Prepare>],
    source: &ModelSource,
    copies: u32,
    wanted: Wanted,
    stop: &Stop,
) -> Result<(), Unprepared> {
    let unforeseen = |_| Err("preparing the model failed unexpectedly".to_owned().into());
    let one = |device: &mut Box<dyn Prepare>| {
        let work = || device.prepare_ahead(source, copies, wanted, stop);
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(unforeseen)
    };
    let Some((first, others)) = ahead.split_first_mut() else { return Ok(()) };
    // What the first chooses and measures, the others of its class find.
    one(first)?;
    thread::scope(|scope| {
        let started: Vec<_> =
            others.iter_mut().map(|device| scope.spawn(move || one(device))).collect();
        let done = started.into_iter().map(|thread| thread.join().unwrap_or_else(unforeseen));
        done.collect::<Vec<_>>().into_iter().collect()
    })
}

/// An upload that no code foresaw costs the uploads under way, not the thread.
fn take(intake: &mut Intake, upload: &UploadModel) -> ModelUploaded {
    let failed = |_| -> Result<(), Refusal> {
        Err((Status::RUNTIME_ERROR, "the upload failed unexpectedly".to_owned()))
    };
    let taken = catch_unwind(AssertUnwindSafe(|| intake.take(upload))).unwrap_or_else(failed);
    let (status, message) = taken.err().unwrap_or((Status::OK, String::new()));
    ModelUploaded { id: upload.id, status, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::{Options, run};

    #[test]
    fn every_question_is_answered_in_order() {
        run(&Options::default(), async {
            let bell = Doorbell::new();
            let catalogue = Catalogue::new(Vec::new(), true);
            let intake = || Intake::new(None, 0);
            let resolver =
                Resolver::start(catalogue, intake, Vec::new(), Vec::new(), bell.clone()).unwrap();
            let id = |counter| ActionId { counter, ..ActionId::default() };
            resolver.ask(id(1), "resnet50_v2".into(), 1, Wanted::ALL);
            resolver.ask(id(2), "no_such_model".into(), 1, Wanted::ALL);
            resolver.drop_uploads();
            let step = clockwork_wire::UploadStep::Data { offset: 0, bytes: vec![1].into() };
            resolver.upload(UploadModel { id: id(4), upload: id(3), step });
            let mut answers = Vec::new();
            while answers.len() < 3 {
                match resolver.next() {
                    Some(answer) => answers.push(answer),
                    None => bell.wait().await,
                }
            }
            assert!(matches!(&answers[0], Found::Model(asked, Ok(_)) if *asked == id(1)));
            assert!(matches!(&answers[1], Found::Model(asked, Err(_)) if *asked == id(2)));
            assert!(matches!(&answers[2], Found::Uploaded(answer) if answer.id == id(4)
                && answer.status == Status::INVALID_REQUEST));
        })
        .unwrap();
    }

    /// Notes what it is asked for, and refuses the second time.
    #[derive(Debug)]
    struct Notes(mpsc::Sender<u32>, bool);

    impl Prepare for Notes {
        fn prepare_ahead(
            &mut self,
            _: &ModelSource,
            copies: u32,
            _: Wanted,
            _: &Stop,
        ) -> Result<(), Unprepared> {
            self.0.send(copies).map_err(|error| error.to_string())?;
            if std::mem::replace(&mut self.1, true) { Err(no_room()) } else { Ok(()) }
        }
    }

    fn no_room() -> Unprepared {
        Unprepared { status: Status::DEVICE_MEMORY, reason: "no room".to_owned() }
    }

    /// Prepares until it is told to stop, and notes its own end.
    #[derive(Debug)]
    struct Endless(mpsc::Sender<&'static str>);

    impl Prepare for Endless {
        fn prepare_ahead(
            &mut self,
            _: &ModelSource,
            _: u32,
            _: Wanted,
            stop: &Stop,
        ) -> Result<(), Unprepared> {
            self.0.send("begun").expect("the test listens");
            loop {
                stop.check().map_err(|stopped| stopped.to_string())?;
                thread::yield_now();
            }
        }
    }

    impl Drop for Endless {
        fn drop(&mut self) {
            self.0.send("gone").expect("the test listens");
        }
    }

    #[test]
    fn a_resolver_that_is_dropped_gives_up_what_it_prepares_and_waits_until_nothing_is_left() {
        let (note, noted) = mpsc::channel();
        run(&Options::default(), async move {
            let ahead: Vec<Box<dyn Prepare>> = vec![Box::new(Endless(note))];
            let catalogue = Catalogue::new(Vec::new(), true);
            let intake = || Intake::new(None, 0);
            let resolver =
                Resolver::start(catalogue, intake, ahead, Vec::new(), Doorbell::new()).unwrap();
            resolver.ask(ActionId::default(), "resnet50_v2".into(), 1, Wanted::ALL);
            assert_eq!(noted.recv(), Ok("begun"));
            drop(resolver);
            assert_eq!(noted.try_recv(), Ok("gone"));
        })
        .unwrap();
    }

    #[test]
    fn a_model_is_prepared_before_it_is_handed_over_or_refused_in_the_device_s_words() {
        let (note, noted) = mpsc::channel();
        run(&Options::default(), async move {
            let bell = Doorbell::new();
            let ahead: Vec<Box<dyn Prepare>> = vec![Box::new(Notes(note, false))];
            let catalogue = Catalogue::new(Vec::new(), true);
            let resolver = Resolver::start(
                catalogue,
                || Intake::new(None, 0),
                ahead,
                Vec::new(),
                bell.clone(),
            )
            .unwrap();
            resolver.ask(ActionId::default(), "resnet50_v2".into(), 7, Wanted::ALL);
            resolver.ask(ActionId::default(), "resnet50_v2".into(), 8, Wanted::ALL);
            let mut answers = Vec::new();
            while answers.len() < 2 {
                match resolver.next() {
                    Some(Found::Model(_, answer)) => answers.push(answer.map(drop)),
                    Some(Found::Uploaded(_)) => panic!("nothing was uploaded"),
                    None => bell.wait().await,
                }
            }
            assert_eq!(answers, [Ok(()), Err(no_room())]);
        })
        .unwrap();
        assert_eq!(noted.try_iter().collect::<Vec<_>>(), [7, 8]);
    }
}
