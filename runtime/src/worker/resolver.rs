//! Looks for models, away from the worker's core: it reads files, and measures what was never measured.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::{io, thread};

use clockwork_executor::ModelSource;
use clockwork_executor::cpu::{Host, measure_ahead};
use clockwork_executor::zoo::Catalogue;
use clockwork_wire::ActionId;

use super::devices::cpu_class;
use crate::clock;
use crate::rt::Doorbell;

/// A model that was looked for: who asked, and the model or in words why there is none.
pub(super) type Resolved = (ActionId, Result<ModelSource, String>);

/// The thread that looks for models, one after the other. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Resolver {
    asked: mpsc::Sender<(ActionId, String)>,
    found: mpsc::Receiver<Resolved>,
}

impl Resolver {
    /// Starts the thread; it rings `bell` for every answer.
    pub(super) fn start(catalogue: Catalogue, bell: Doorbell) -> io::Result<Self> {
        let (asked, asks) = mpsc::channel::<(ActionId, String)>();
        let (tell, found) = mpsc::channel();
        thread::Builder::new().name("models".into()).spawn(move || {
            for (id, name) in asks {
                let found = resolve(&catalogue, &name).inspect(measure);
                if tell.send((id, found)).is_err() {
                    return;
                }
                bell.ring();
            }
        })?;
        Ok(Self { asked, found })
    }

    /// Asks for a model by name; [`Resolver::next`] gives the answer later.
    pub(super) fn ask(&self, id: ActionId, name: String) {
        self.asked.send((id, name)).expect("the thread lives as long as this");
    }

    /// The next answer, if there is one.
    pub(super) fn next(&self) -> Option<Resolved> {
        self.found.try_recv().ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::{Options, run};

    #[test]
    fn every_question_is_answered_in_order() {
        run(&Options::default(), async {
            let bell = Doorbell::new();
            let resolver = Resolver::start(Catalogue::new(Vec::new(), true), bell.clone()).unwrap();
            let id = |counter| ActionId { counter, ..ActionId::default() };
            resolver.ask(id(1), "resnet50_v2".into());
            resolver.ask(id(2), "no_such_model".into());
            let mut answers = Vec::new();
            while answers.len() < 2 {
                match resolver.next() {
                    Some(answer) => answers.push(answer),
                    None => bell.wait().await,
                }
            }
            assert!(answers[0].0 == id(1) && answers[0].1.is_ok());
            assert!(answers[1].0 == id(2) && answers[1].1.is_err());
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
            let resolver = Resolver::start(catalogue, bell.clone()).unwrap();
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
