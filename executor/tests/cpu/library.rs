//! Models that are shared objects, compiled from C by the test.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use clockwork_executor::ModelSource;
use clockwork_executor::cpu::Memory;
use clockwork_executor::library::{LibraryModel, OBJECT, WEIGHTS};
use clockwork_executor::zoo::Catalogue;
use clockwork_wire::{BatchSize, Payload, Status};

use crate::device::{Driver, MODEL};
use clockwork_executor::Inputs;

const ELEMENTS: usize = 8;

/// Compiles the example into `folder/NAME` with these definitions.
fn build(folder: &Path, name: &str, definitions: &[&str]) {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = folder.join(name);
    fs::create_dir(&model).expect("a new folder");
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c99", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-I"]);
    compiler.arg(own.join("include")).args(definitions.iter().map(|d| format!("-D{d}")));
    compiler.arg("-o").arg(model.join(OBJECT)).arg(own.join("tests/library/scale.c"));
    let status = compiler.status().expect("a C compiler, which the build needs as well");
    assert!(status.success(), "{compiler:?}");
    fs::write(model.join(WEIGHTS), weights()).expect("weights are written");
}

/// Factors 1, 2, ... and shifts 100, 101, ...
fn weights() -> Vec<u8> {
    let number = |i: usize| f32::from(u8::try_from(i).expect("small"));
    let factors = (0..ELEMENTS).map(|i| number(i) + 1.0);
    let shifts = (0..ELEMENTS).map(|i| number(i) + 100.0);
    factors.chain(shifts).flat_map(f32::to_le_bytes).collect()
}

fn open(definitions: &[&str]) -> Result<LibraryModel, String> {
    let folder = tempfile::tempdir().expect("a folder");
    build(folder.path(), "m", definitions);
    LibraryModel::open(&folder.path().join("m")).map_err(|error| error.to_string())
}

fn bytes(floats: &[f32]) -> Vec<u8> {
    floats.iter().flat_map(|float| float.to_le_bytes()).collect()
}

#[test]
fn the_header_is_one_that_cplusplus_takes_too() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compiler = Command::new("cc");
    compiler.args(["-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-x", "c"]);
    let header = own.join("include/clockwork_model.h");
    assert!(compiler.arg(header).status().expect("a C compiler").success());
}

#[test]
fn a_library_is_served_like_any_other_model() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), "scale", &[]);
    let catalogue = Catalogue::new(Vec::new(), false).with_libraries(folder.path().to_owned());
    assert_eq!(catalogue.names(), ["scale"]);
    let source = catalogue.resolve("scale/model").unwrap();
    let mut driver = Driver::new(4);
    let profile = driver.prepare_source(MODEL, &source);
    assert_eq!((profile.name.as_str(), profile.input_size, profile.output_size), ("scale", 32, 32));
    let batches: Vec<u16> = profile.batches.iter().map(|entry| entry.batch.get()).collect();
    assert_eq!(batches, [1, 2, 4]);
    assert_eq!((profile.weights_size, profile.pages.get()), (64, 1));
    assert_eq!(driver.load(MODEL, 2).status, Status::OK);
    let floats: Vec<f32> = (0..16_u8).map(f32::from).collect();
    let body = Payload::new(bytes(&floats));
    let done = driver.infer(MODEL, Inputs { body, sizes: vec![32, 32], ..Inputs::default() });
    assert_eq!(done.status, Status::OK);
    let expected: Vec<f32> = (0..16_u8)
        .map(|i| f32::from(i) * (f32::from(i % 8) + 1.0) + f32::from(i % 8) + 100.0)
        .collect();
    assert_eq!(&done.output[..], bytes(&expected));
}

#[test]
fn what_a_library_refuses_is_a_failed_action_and_the_next_one_is_served() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), "scale", &[]);
    let library = LibraryModel::open(&folder.path().join("scale")).unwrap();
    let mut driver = Driver::new(1);
    driver.prepare_source(MODEL, &ModelSource::Library(Arc::new(library)));
    driver.load(MODEL, 0);
    for (first, status) in [(-1.0, Status::RUNTIME_ERROR), (1.0, Status::OK)] {
        let mut input = [0.0; ELEMENTS];
        input[0] = first;
        let body = Payload::new(bytes(&input));
        let done = driver.infer(MODEL, Inputs { body, sizes: vec![32], ..Inputs::default() });
        assert_eq!(done.status, status);
    }
}

#[test]
fn it_says_in_its_own_words_what_went_wrong() {
    let model = open(&[]).unwrap();
    let sizes = model.sizes(BatchSize::ONE).unwrap();
    let (mut output, mut workspace) = (vec![0.0; sizes.output], vec![0.0; sizes.workspace]);
    let input = vec![-1.0; sizes.input];
    let weights = vec![0.0; sizes.weights];
    let memory =
        Memory { input: &input, output: &mut output, workspace: &mut workspace, weights: &weights };
    let said = model.run(BatchSize::ONE, memory).unwrap_err();
    assert_eq!(said, "error 7: the first element is negative");
    assert_eq!(model.sizes(BatchSize::new(3).unwrap()), None);
}

#[test]
fn instances_share_their_weights_and_a_changed_file_is_another_model() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), "m", &[]);
    let open = || LibraryModel::open(&folder.path().join("m")).unwrap();
    let (one, two) = (open(), open());
    assert!(one.is_same(&two));
    let mut other = weights();
    other[0] ^= 1;
    fs::write(folder.path().join("m").join(WEIGHTS), other).unwrap();
    assert!(!one.is_same(&open()));
}

#[test]
fn a_library_that_cannot_be_trusted_is_refused_and_the_error_says_why() {
    for (definitions, expected) in [
        (&["WITHOUT_RUN"][..], "clockwork_model_run"),
        (&["VERSION=2"], "version 2 of clockwork_model.h; this program knows version 1"),
        (&["INPUT_BYTES=30"], "input_bytes is 30; it must be a positive multiple of 4"),
        (&["INPUT_BYTES=0"], "input_bytes is 0"),
        (&["SECOND_BATCH=1"], "batches are [1, 1, 4]; they must rise from 1"),
        (&["NAME=\"\""], "name must be 1 to 255 bytes"),
        (
            &["WORKSPACE=1ull<<40"],
            "clockwork_model_workspace wants 1099511627776 bytes for batch 1",
        ),
    ] {
        let error = open(definitions).unwrap_err();
        assert!(error.contains(expected) && error.contains(OBJECT), "{error}");
    }
}

#[test]
fn files_that_are_missing_short_no_object_or_elsewhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), "m", &[]);
    let model = folder.path().join("m");
    let refused = || LibraryModel::open(&model).unwrap_err().to_string();
    fs::write(model.join(WEIGHTS), [0; 60]).unwrap();
    assert!(refused().contains("weights_bytes is 64, but the file has 60 bytes"));
    fs::remove_file(model.join(WEIGHTS)).unwrap();
    assert!(refused().contains(WEIGHTS));
    let elsewhere = folder.path().join("elsewhere.so");
    fs::rename(model.join(OBJECT), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, model.join(OBJECT)).unwrap();
    assert!(refused().contains("leads out of its model's folder"));
    fs::remove_file(model.join(OBJECT)).unwrap();
    fs::write(model.join(OBJECT), "no object").unwrap();
    assert!(refused().contains(OBJECT));
    fs::remove_file(model.join(OBJECT)).unwrap();
    let catalogue = Catalogue::new(Vec::new(), false).with_libraries(folder.path().to_owned());
    assert!(catalogue.resolve("m").is_err());
    assert!(catalogue.resolve("../m").unwrap_err().contains("is not a model name"));
}
