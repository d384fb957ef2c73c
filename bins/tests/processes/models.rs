//! Models that come and go while a controller serves.

use std::cell::Cell;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use clockwork_config::NetworkConfig;
use clockwork_executor::artifact::{Artifact, MANIFEST, Weights};
use clockwork_executor::compile::digits;
use clockwork_runtime::client::Session;
use clockwork_wire::{ModelId, Payload, Status, UserId};
use futures_lite::future::zip;

use crate::bench::Bench;
use crate::session::{answer, ask, load, submit, talk};

#[test]
fn a_model_is_unloaded_while_another_one_is_served() {
    let bench = Bench::new();
    let worker = bench.worker(&["-n", "2"]);
    let controller = bench.controller("CLOCKWORK", worker.address, &[]);
    let user = UserId::new(0);
    talk(controller.address, async |session| {
        let stays = load(session, "resnet50_v2").await.model;
        let goes = session.load("resnet50_v2", 3, user).await.expect("it can be loaded").model;
        assert_eq!(ask(session, 0, goes, 0).await.response.status, Status::OK);
        // What is under way ends; what waits is answered: nothing is forgotten.
        for id in 0..40 {
            submit(session, id, if id % 2 == 0 { goes } else { stays }, 0);
        }
        session.flush();
        session.unload(goes, 3, user).await.expect("the controller knows them");
        for _ in 0..40 {
            let response = answer(session).await.response;
            let gone = response.model == goes && response.status == Status::UNKNOWN_MODEL;
            assert!(gone || response.status == Status::OK, "{response:?}");
        }
        assert_eq!(ask(session, 41, goes, 0).await.response.status, Status::UNKNOWN_MODEL);
        assert_eq!(ask(session, 42, stays, 0).await.response.status, Status::OK);
        let again = session.load("resnet50_v2", 1, user).await.expect("there is room").model;
        assert_eq!(ask(session, 43, again, 0).await.response.status, Status::OK);
        let refused = session.unload(goes, 1, user).await.unwrap_err().to_string();
        assert!(refused.contains("status 10 (unknown model)"), "{refused}");
    });
}

#[test]
fn models_are_listed_loaded_and_unloaded_from_the_command_line() {
    let bench = Bench::new();
    let worker = bench.worker(&[]);
    let controller = bench.controller("CLOCKWORK", worker.address, &[]);
    let address = controller.address.to_string();
    let model = |arguments: &[&str]| {
        let [wish, rest @ ..] = arguments else { panic!("a wish is needed") };
        bench.start("clockwork", &[&["model", wish, &address], rest].concat()).end()
    };
    let loaded = model(&["load", "resnet50_v2", "3"]);
    assert_eq!((loaded.code, loaded.err.as_str()), (Some(0), ""));
    talk(controller.address, async |session| drop(load(session, "googlenet").await));
    assert_eq!(model(&["unload", "1", "1"]).code, Some(0));
    let listed = model(&["list"]).out;
    let ids: Vec<_> = listed.iter().filter_map(|line| line.split_once('\t')).collect();
    let (image, class) = ("602112", "4000");
    let resnet = format!("resnet50_v2\t{image}\t{class}");
    let google = format!("googlenet\t{image}\t{class}");
    assert_eq!(ids, [("0", &*resnet), ("2", &*resnet), ("3", &*google)]);
    let replaced = model(&["replace", "resnet50_v2"]);
    assert_eq!((replaced.code, replaced.err.as_str()), (Some(0), ""));
    assert!(replaced.out.iter().any(|line| line.starts_with("2 ids serve")), "{:?}", replaced.out);
    assert_eq!(model(&["list"]).out, listed, "one line for each id");
    let unknown = model(&["replace", "resnet18_v2"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.err.contains("no model `resnet18_v2` is loaded"), "{}", unknown.err);
    let refused = model(&["unload", "1"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("1 is not loaded"), "{}", refused.err);
}

/// The digits model with its weights multiplied by `factor`: another version, with other answers.
pub(crate) fn version(factor: f32) -> Artifact {
    let mut files = digits::artifact().to_files().expect("its weights are in memory");
    let weights = files.iter_mut().find(|(path, _)| path.ends_with("weights.bin"));
    let (_, weights) = weights.expect("an artifact has weights");
    let before = Weights::new(weights.clone()).hash().to_owned();
    for element in weights.as_chunks_mut::<4>().0 {
        *element = (f32::from_le_bytes(*element) * factor).to_le_bytes();
    }
    let after = Weights::new(weights.clone()).hash().to_owned();
    let manifest = files.get_mut(MANIFEST).expect("an artifact has a manifest");
    let text = String::from_utf8(manifest.clone()).expect("JSON").replace(&before, &after);
    *manifest = text.into_bytes();
    Artifact::from_files(files).expect("it is whole")
}

/// Puts a version into a folder, in new files.
pub(crate) fn put(version: &Artifact, folder: &Path) {
    if folder.exists() {
        fs::remove_dir_all(folder).expect("a test may remove files");
    }
    version.write(folder).expect("a test may write files");
}

/// Has the model `m` replaced over a connection of its own; then sets `done`.
async fn replace(address: SocketAddr, done: &Cell<bool>) {
    let network = NetworkConfig::default();
    let session = Session::connect(&address.to_string(), &network, |_| {}).await;
    let mut session = session.expect("the controller is there");
    assert_eq!(session.replace("m", UserId::new(0)).await.expect("it can be replaced"), 2);
    done.set(true);
    session.close().await;
}

/// Asks the models again and again, some requests at a time, until `done`; every one is answered OK.
pub(crate) async fn ask_until(
    session: &mut Session,
    models: [ModelId; 2],
    done: &Cell<bool>,
) -> u64 {
    let (mut asked, mut answered) = (0, 0);
    while !done.get() || answered < asked {
        while !done.get() && asked < answered + 8 {
            submit(session, asked, models[usize::from(asked % 2 == 1)], INPUT);
            asked += 1;
        }
        let response = answer(session).await.response;
        assert_eq!(response.status, Status::OK);
        assert!(models.contains(&response.model), "the ids that clients know stay");
        answered += 1;
    }
    answered
}

/// Bytes of an input of the digits model.
pub(crate) const INPUT: u32 = 256;

#[test]
fn new_versions_take_over_under_load_without_a_lost_request() {
    let bench = Bench::new();
    let models = bench.path("models");
    put(&version(1.0), &models.join("m"));
    let workers = [(); 2].map(|()| bench.cpu_worker_of(&models, &[]));
    let addresses = workers.each_ref().map(|worker| worker.address);
    let controller = bench.controller_of("CLOCKWORK", &addresses, &["--shards", "2"]);
    let address = controller.address;
    talk(address, async |session| {
        let first = load(session, "m").await.model;
        let models_asked = [first, load(session, "m").await.model];
        let mut answers: Vec<Payload> = Vec::new();
        answers.push(ask(session, 0, first, INPUT).await.output);
        for factor in [2.0, 3.0] {
            put(&version(factor), &models.join("m"));
            let done = Cell::new(false);
            let load = ask_until(session, models_asked, &done);
            let (answered, ()) = zip(load, replace(address, &done)).await;
            assert!(answered >= 8, "{answered} requests were under way");
            for (id, model) in (0..).zip(models_asked) {
                answers.push(ask(session, id, model, INPUT).await.output);
            }
        }
        let [old, second, same, third, also] = &answers[..] else { panic!("five answers") };
        assert!(second == same && third == also, "every id serves the new version");
        assert!(old != second && second != third && third != old, "each version answers its own");
        let listed = session.list().await.expect("the controller is there").models;
        assert_eq!(listed.iter().map(|model| model.model).collect::<Vec<_>>(), models_asked);
    });
    assert_eq!(controller.process.interrupt().code, Some(0));
}
