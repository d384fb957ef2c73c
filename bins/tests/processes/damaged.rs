//! A damaged model is an answer in words to who asks for it, and costs nobody else anything.

use std::cell::Cell;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use clockwork_config::NetworkConfig;
use clockwork_runtime::client::Session;
use clockwork_wire::UserId;
use futures_lite::future::zip;

use crate::bench::Bench;
use crate::models::{ask_until, version};
use crate::session::{load, talk};

const MANIFEST: &str = "manifest.json";
const PLAN: &str = "variants/cpu-fp32/plan.1.json";
const WEIGHTS: &str = "variants/cpu-fp32/weights.bin";

/// A model whose file has been changed, and what the refusal says.
struct Damage(&'static str, &'static str, fn(&Path), &'static str);

const DAMAGES: &[Damage] = &[
    Damage("flipped", WEIGHTS, |file| edit(file, |bytes| bytes[1000] ^= 1), "sha256: "),
    Damage("short", WEIGHTS, |file| edit(file, |bytes| bytes.truncate(1000)), "length: 1000; the"),
    Damage("empty", WEIGHTS, |file| edit(file, Vec::clear), "length: 0; the manifest says"),
    Damage("gone", WEIGHTS, |file| fs::remove_file(file).expect("removed"), "is missing; compile"),
    Damage("pages", MANIFEST, |file| replace(file, "16777216", "4096"), "page_bytes: 4096; it"),
    Damage("format", MANIFEST, |file| replace(file, "\"format\": ", "\"format\": 9"), "format: 9"),
    Damage("garbled", MANIFEST, |file| edit(file, |bytes| bytes[20] = 0xff), "content: "),
    Damage("nothing", MANIFEST, |file| edit(file, Vec::clear), "content: EOF"),
    Damage("huge", MANIFEST, |file| replace(file, "\"bytes\": 256", "\"bytes\": 4"), "bytes: 4; "),
    Damage("planless", PLAN, |file| fs::remove_file(file).expect("removed"), "is missing; compile"),
    Damage("plan", PLAN, |file| edit(file, |bytes| bytes.truncate(100)), "content: EOF"),
    Damage("offset", PLAN, |file| replace(file, "\"offset\": 0", "\"offset\": 3"), "offset: 3 is"),
];

fn edit(file: &Path, change: fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).expect("a file of the model");
    change(&mut bytes);
    fs::write(file, bytes).expect("a test may write files");
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("a file of the model");
    assert!(text.contains(from), "{from} in {text}");
    fs::write(file, text.replace(from, to)).expect("a test may write files");
}

/// A library like the executor's example, with these definitions.
fn library(folder: &Path, definitions: &[&str]) {
    fs::create_dir_all(folder).expect("a test may make folders");
    let executor = Path::new(env!("CARGO_MANIFEST_DIR")).join("../executor");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-I"]).arg(executor.join("include"));
    compiler.args(definitions).arg("-o").arg(folder.join("model.so"));
    let status = compiler.arg(executor.join("tests/library/scale.c")).status();
    assert!(status.expect("a C compiler, which the build needs as well").success());
    fs::write(folder.join("weights.bin"), [0; 64]).expect("a test may write files");
}

/// Models and libraries that are whole, and others that are not.
fn folders(bench: &Bench) {
    let models = bench.path("models");
    version(1.0).write(&models.join("good")).expect("it is written");
    // Of other weights: a copy of good ones that is in memory would be taken for theirs.
    let damaged = version(2.0);
    for Damage(name, file, damage, _) in DAMAGES {
        damaged.write(&models.join(name)).expect("it is written");
        damage(&models.join(name).join(file));
    }
    fs::create_dir(models.join("hollow")).expect("a test may make folders");
    let libraries = bench.path("libraries");
    library(&libraries.join("lacking"), &["-DWITHOUT_RUN"]);
    library(&libraries.join("old"), &["-DVERSION=99"]);
    library(&libraries.join("cut"), &[]);
    edit(&libraries.join("cut/weights.bin"), Vec::clear);
    library(&libraries.join("noise"), &[]);
    edit(&libraries.join("noise/model.so"), |bytes| bytes.fill(7));
}

/// Asks for one damaged model after the other; then sets `done`.
async fn ask_for_all(address: SocketAddr, done: &Cell<bool>) {
    let network = NetworkConfig::default();
    let session = Session::connect(&address.to_string(), &network, |_| {}).await;
    let mut session = session.expect("the controller is there");
    let damaged = DAMAGES.iter().map(|Damage(name, file, _, said)| (*name, [*file, *said]));
    let others = [
        ("hollow", ["no model `hollow`", "this worker has"]),
        ("lacking", ["lacking/model.so", "undefined symbol: clockwork_model_run"]),
        ("old", ["old/model.so: version 99", "this program knows version 1"]),
        ("cut", ["cut/weights.bin", "weights_bytes is 64, but the file has 0 bytes"]),
        ("noise", ["noise/model.so", "ELF"]),
        ("../models/good", ["`../models/good` is not a model name", "no `/`"]),
    ];
    for (name, words) in damaged.chain(others) {
        let refused = session.load(name, 1, UserId::new(0)).await;
        let refused = refused.err().unwrap_or_else(|| panic!("{name} is loaded")).to_string();
        assert!(words.iter().all(|word| refused.contains(word)), "{name}: {refused}");
    }
    done.set(true);
    session.close().await;
}

#[test]
fn damaged_models_and_libraries_are_refused_in_words_while_another_model_is_served() {
    let bench = Bench::new();
    folders(&bench);
    let libraries = bench.path("libraries");
    let libraries = libraries.to_str().expect("test paths are text");
    let worker = bench.cpu_worker_of(&bench.path("models"), &["--libraries", libraries]);
    let controller = bench.controller("CLOCKWORK", worker.address, &[]);
    let address = controller.address;
    talk(address, async |session| {
        let good = load(session, "good").await.model;
        let done = Cell::new(false);
        let load = ask_until(session, [good; 2], &done);
        let (answered, ()) = zip(load, ask_for_all(address, &done)).await;
        assert!(answered >= 8, "{answered} requests were under way");
        let listed = session.list().await.expect("the controller is there").models;
        assert_eq!(listed.iter().map(|model| model.model).collect::<Vec<_>>(), [good]);
    });
    assert_eq!(controller.process.interrupt().code, Some(0));
    assert_eq!(worker.process.interrupt().code, Some(0));
}
