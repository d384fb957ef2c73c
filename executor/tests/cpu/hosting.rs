//! Where weights are kept: one host copy for equal ones, and what does not fit stays on disk.

use std::fs;
use std::sync::Arc;

use clockwork_executor::ModelSource;
use clockwork_executor::artifact::{Artifact, HostCache, Target};
use clockwork_executor::compile::digits;
use clockwork_executor::zoo::Catalogue;
use clockwork_wire::{ModelId, Status};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::device::{Driver, MODEL, assert_right, raw};

/// `digits` on disk, under two names.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["one", "two"] {
        digits::artifact().write(&folder.path().join(name)).expect("it is written");
    }
    folder
}

fn artifact(catalogue: &Catalogue, name: &str) -> Arc<Artifact> {
    match catalogue.resolve(name) {
        Ok(ModelSource::Artifact(artifact)) => artifact,
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn equal_weights_are_kept_once_and_only_for_as_long_as_somebody_has_them() {
    let folder = folder();
    let copies = HostCache::default();
    let read = |name| {
        let folder = folder.path().join(name);
        Artifact::read_sharing(&folder, &[Target::Cpu], &copies).expect("readable")
    };
    let (one, two, again) = (read("one"), read("two"), read("one"));
    assert!(Arc::ptr_eq(&one.cpu().weights, &two.cpu().weights));
    assert!(Arc::ptr_eq(&one.cpu().weights, &again.cpu().weights));
    let bytes = u64::try_from(one.cpu().weights.len()).expect("small");
    assert_eq!(copies.used(), bytes);
    drop((one, two, again));
    assert_eq!(copies.used(), 0);
}

#[test]
fn what_does_not_fit_into_host_memory_is_read_from_disk_and_answers_alike() {
    let folder = folder();
    let models = vec![folder.path().to_owned()];
    let catalogue = Catalogue::new(models, false).with_host_copies(1_000);
    let digits = artifact(&catalogue, "one");
    assert!(!digits.cpu().weights.is_in_memory());
    let mut driver = Driver::new(2);
    driver.prepare_source(MODEL, &ModelSource::Artifact(digits));
    assert_eq!(driver.load(MODEL, 1).status, Status::OK);
    assert_right(&driver.infer(MODEL, raw(2)), 2);
}

#[test]
fn weights_that_are_gone_from_disk_fail_their_load_and_nothing_else() {
    let folder = folder();
    let models = vec![folder.path().to_owned()];
    let catalogue = Catalogue::new(models, false).with_host_copies(0);
    let digits = artifact(&catalogue, "one");
    let mut driver = Driver::new(2);
    driver.prepare_source(MODEL, &ModelSource::Artifact(digits));
    let weights = folder.path().join("one/variants/cpu-fp32/weights.bin");
    fs::OpenOptions::new().write(true).open(weights).unwrap().set_len(100).unwrap();
    assert_eq!(driver.load(MODEL, 1).status, Status::RUNTIME_ERROR);
    // As long as it is known, an equal model would be it.
    driver.forget(MODEL);
    let other = ModelId::new(4);
    driver.prepare(other);
    assert_eq!(driver.load(other, 1).status, Status::OK, "the page is free again");
    assert_right(&driver.infer(other, raw(1)), 1);
}

#[test]
fn weights_that_were_changed_on_disk_are_refused_in_either_place() {
    let folder = folder();
    let path = folder.path().join("one/variants/cpu-fp32/weights.bin");
    let mut bytes = fs::read(&path).unwrap();
    bytes[1_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    for limit in [0, u64::MAX] {
        let models = vec![folder.path().to_owned()];
        let error = Catalogue::new(models, false).with_host_copies(limit).resolve("one");
        assert!(error.unwrap_err().contains("sha256"));
    }
}

#[test]
fn a_model_that_was_measured_once_is_not_measured_again() {
    let folder = folder();
    let read = || Arc::new(Artifact::read(&folder.path().join("one")).expect("readable"));
    let prepare = || Driver::new(2).prepare_source(MODEL, &ModelSource::Artifact(read()));
    prepare();
    let kept = folder.path().join("one/device/cpu/durations.json");
    let text = fs::read(&kept).expect("what was measured is kept");
    let mut other: Value = serde_json::from_slice(&text).unwrap();
    // Another number shows that it is what is used.
    other["exec_ns"][0][1] = json!(123_456);
    let other = other.to_string();
    fs::write(&kept, &other).unwrap();
    assert_eq!(prepare().batches[0].exec.get(), 123_456);
    for damaged in [other.replace("holds_for\":\"", "holds_for\":\"x"), "{".to_owned()] {
        fs::write(&kept, damaged).unwrap();
        assert_ne!(prepare().batches[0].exec.get(), 123_456, "it holds for something else");
    }
}
