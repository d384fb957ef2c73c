//! Models that clients upload.

use std::fs::{self, DirEntry};
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use clockwork_config::NetworkConfig;
use clockwork_runtime::client::Session;
use clockwork_runtime::rt;
use clockwork_wire::codec::UPLOAD_DATA_MAX;
use clockwork_wire::{Span, Status, UserId};
use futures_lite::future::poll_once;

use crate::bench::Bench;
use crate::models::{INPUT, put, version};
use crate::session::{ask, load, talk};

#[test]
fn an_uploaded_model_is_loaded_and_replaced_and_what_is_wrong_is_named() {
    let bench = Bench::new();
    let (models, compiled) = (bench.path("models"), bench.path("compiled"));
    fs::create_dir(&models).expect("a test may make folders");
    version(2.0).write(&compiled).expect("a test may write files");
    fs::create_dir_all(compiled.join("device/here")).expect("a test may make folders");
    let worker = bench.cpu_worker_of(&models, &[]);
    let controller = bench.controller("CLOCKWORK", worker.address, &[]);
    let address = controller.address;
    let upload = |rest: &[&str]| {
        let address = address.to_string();
        bench.start("clockwork", &[&["model", "upload", &address], rest].concat()).end()
    };
    let done = upload(&["compiled", "--as", "m"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    talk(address, async |session| {
        let first = load(session, "m").await.model;
        let before = ask(session, 0, first, INPUT).await.output;
        put(&version(3.0), &compiled);
        session.upload("m", &compiled).await.expect("it is whole");
        assert_eq!(ask(session, 1, first, INPUT).await.output, before, "not yet");
        assert_eq!(session.replace("m", UserId::new(0)).await.expect("it is there"), 1);
        assert_ne!(ask(session, 2, first, INPUT).await.output, before);
    });
    for (arguments, word) in [
        (&["compiled", "--as", "../m"][..], "is not a model name"),
        (&["compiled", "--as", ".m"], "is not a model name"),
        (&["nowhere"], "nowhere cannot be read"),
        (&["."], "it has no manifest.json; `clockwork compile` makes one"),
    ] {
        let refused = upload(arguments);
        assert_eq!(refused.code, Some(1), "{arguments:?}");
        assert!(refused.err.contains(word), "{}", refused.err);
    }
    fs::write(compiled.join("variants/cpu-fp32/plan.1.json"), "{}").expect("a test may write");
    let refused = upload(&["compiled"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("worker 0: artifact file"), "{}", refused.err);
    assert_eq!(names(&models), ["m"]);
}

#[test]
fn workers_that_share_a_folder_all_take_a_model_in_and_find_it_again_when_they_are_killed() {
    let bench = Bench::new();
    let (models, compiled) = (bench.path("models"), bench.path("compiled"));
    fs::create_dir(&models).expect("a test may make folders");
    put(&version(2.0), &compiled);
    let [one, other] = [(); 2].map(|()| bench.cpu_worker_of(&models, &[]));
    let addresses = [one.address, other.address];
    let mut controller = bench.controller_of("CLOCKWORK", &addresses, &[]);
    let (model, before) = talk(controller.address, async |session| {
        session.upload("m", &compiled).await.expect("it is whole");
        session.upload("m", &compiled).await.expect("it may come again");
        assert_eq!(names(&models), ["m"]);
        let model = load(session, "m").await.model;
        (model, ask(session, 0, model, INPUT).await.output)
    });
    other.process.kill();
    one.process.kill();
    for _ in addresses {
        controller.process.hear("Lost worker");
    }
    // What an upload leaves whose worker was killed.
    put(&version(3.0), &models.join(".upload-1-1-0-0"));
    let _again = addresses.map(|address| {
        let worker = bench.cpu_worker_at(address, &models);
        controller.process.hear("Connection established");
        worker
    });
    talk(controller.address, async |session| {
        let mut id = 1;
        loop {
            let answer = ask(session, id, model, INPUT).await;
            if answer.response.status == Status::OK {
                assert_eq!(answer.output, before);
                break;
            }
            // They are loading it.
            rt::sleep(Span::from_millis(10)).await;
            id += 1;
        }
    });
    assert_eq!(names(&models), ["m"]);
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing_and_what_is_served_stays() {
    let bench = Bench::new();
    let (models, compiled) = (bench.path("models"), bench.path("compiled"));
    put(&version(2.0), &models.join("m"));
    put(&version(3.0), &compiled);
    pad(&compiled.join("variants/cpu-fp32/plan.1.json"));
    let worker = bench.cpu_worker_of(&models, &[]);
    let controller = bench.controller("CLOCKWORK", worker.address, &[]);
    talk(controller.address, async |session| {
        let model = load(session, "m").await.model;
        let before = ask(session, 0, model, INPUT).await.output;
        talk_and_leave(controller.address, &compiled, &models).await;
        while names(&models) != ["m"] {
            rt::sleep(Span::from_millis(1)).await;
        }
        assert_eq!(session.replace("m", UserId::new(0)).await.expect("it is as it was"), 1);
        assert_eq!(ask(session, 1, model, INPUT).await.output, before);
        session.upload("m", &compiled).await.expect("it is whole");
        assert_eq!(session.replace("m", UserId::new(0)).await.expect("it is there"), 1);
        assert_ne!(ask(session, 2, model, INPUT).await.output, before);
    });
}

/// Begins to upload `compiled` as `m`, and disconnects as soon as the worker has begun to write it.
async fn talk_and_leave(controller: SocketAddr, compiled: &Path, models: &Path) {
    let network = NetworkConfig::default();
    let session = Session::connect(&controller.to_string(), &network, |_| {}).await;
    let mut session = session.expect("the controller is there");
    let mut upload = Box::pin(session.upload("m", compiled));
    while names(models) == ["m"] {
        let done = poll_once(&mut upload).await;
        assert!(done.is_none(), "it has more bytes than one step");
        rt::sleep(Span::from_micros(100)).await;
    }
    drop(upload);
    session.close().await;
}

/// Lengthens a JSON file to several steps of an upload.
fn pad(file: &Path) {
    let mut text = fs::read_to_string(file).expect("a test may read files");
    text.push_str(&" ".repeat(8 * UPLOAD_DATA_MAX));
    fs::write(file, text).expect("a test may write files");
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let name = |entry: io::Result<DirEntry>| entry.expect("it can be read").file_name();
    let mut names: Vec<_> =
        entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}
