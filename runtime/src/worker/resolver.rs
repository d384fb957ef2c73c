//! Looks for models and takes in uploaded ones, away from the worker's core: it reads and writes files, and
//! measures what was never measured.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::{io, thread};

use clockwork_executor::ModelSource;
use clockwork_executor::cpu::{Host, measure_ahead};
use clockwork_executor::upload::{Intake, Refusal};
use clockwork_executor::zoo::Catalogue;
use clockwork_wire::{ActionId, ModelUploaded, Status, UploadModel};

use super::devices::cpu_class;
use crate::clock;
use crate::rt::Doorbell;

/// What is asked of the thread.
#[derive(Debug)]
enum Question {
    /// A model by name.
    Model(ActionId, String),
    /// A step of an upload.
    Upload(UploadModel),
    /// Nobody is there any longer who would complete an upload.
    Drop,
}

/// What it answers.
#[derive(Debug)]
pub(super) enum Found {
    /// Who asked, and the model or in words why there is none.
    Model(ActionId, Result<ModelSource, String>),
    /// What became of a step.
    Uploaded(ModelUploaded),
}

/// The thread that looks for models, one after the other. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Resolver {
    asked: mpsc::Sender<Question>,
    found: mpsc::Receiver<Found>,
}

impl Resolver {
    /// Starts the thread; it rings `bell` for every answer. `intake` is made on it, before anything is
    /// looked for.
    pub(super) fn start(
        catalogue: Catalogue,
        intake: impl FnOnce() -> Intake + Send + 'static,
        bell: Doorbell,
    ) -> io::Result<Self> {
        let (asked, asks) = mpsc::channel();
        let (tell, found) = mpsc::channel();
        thread::Builder::new().name("models".into()).spawn(move || {
            let mut intake = intake();
            for question in asks {
                let Some(answer) = answer(&catalogue, &mut intake, question) else { continue };
                if tell.send(answer).is_err() {
                    return;
                }
                bell.ring();
            }
        })?;
        Ok(Self { asked, found })
    }

    /// Asks for a model by name; [`Resolver::next`] gives the answer later.
    pub(super) fn ask(&self, id: ActionId, name: String) {
        self.put(Question::Model(id, name));
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
        self.asked.send(question).expect("the thread lives as long as this");
    }
}

fn answer(catalogue: &Catalogue, intake: &mut Intake, question: Question) -> Option<Found> {
    match question {
        Question::Model(id, name) => {
            Some(Found::Model(id, resolve(catalogue, &name).inspect(measure)))
        }
        Question::Upload(upload) => Some(Found::Uploaded(take(intake, &upload))),
        Question::Drop => {
            intake.drop_all();
            None
        }
    }
}

/// A model file that no code foresaw costs its own load, not the thread.
fn resolve(catalogue: &Catalogue, name: &str) -> Result<ModelSource, String> {
    catch_unwind(AssertUnwindSafe(|| catalogue.resolve(name)))
        .unwrap_or_else(|_| Err(format!("reading the model `{name}` failed unexpectedly")))
}

/// A large model takes seconds to be measured, for which neither the worker's core nor its device should
/// wait: the controller would take the worker for lost. What cannot be measured here, the device
/// refuses in words.
fn measure(source: &ModelSource) {
    let host = Host { clock: Arc::new(clock::now), wake: Arc::new(|| ()), place: Arc::new(|| ()) };
    let _ = catch_unwind(AssertUnwindSafe(|| measure_ahead(&host, &cpu_class(), source)));
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
            let resolver = Resolver::start(catalogue, intake, bell.clone()).unwrap();
            let id = |counter| ActionId { counter, ..ActionId::default() };
            resolver.ask(id(1), "resnet50_v2".into());
            resolver.ask(id(2), "no_such_model".into());
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

    #[test]
    fn a_model_in_a_folder_is_measured_before_it_is_handed_over() {
        let folder = tempfile::tempdir().unwrap();
        let digits = Catalogue::new(Vec::new(), false).with_compiled().resolve("digits");
        let Ok(ModelSource::Artifact(digits)) = digits else { panic!("it is compiled in") };
        digits.write(&folder.path().join("own")).unwrap();
        let catalogue = Catalogue::new(vec![folder.path().to_owned()], false);
        run(&Options::default(), async {
            let bell = Doorbell::new();
            let intake = || Intake::new(None, 0);
            let resolver = Resolver::start(catalogue, intake, bell.clone()).unwrap();
            resolver.ask(ActionId::default(), "own".into());
            while resolver.next().is_none() {
                bell.wait().await;
            }
        })
        .unwrap();
        let kept = folder.path().join("own/device").join(cpu_class()).join("durations.json");
        assert!(kept.is_file(), "{}", kept.display());
    }
}
