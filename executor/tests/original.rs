//! Model folders of the original system are read for emulation.

use std::path::{Path, PathBuf};

use clockwork_executor::zoo::{Catalogue, original};
use clockwork_wire::{BatchSize, Pages, Span};

/// The sample folder of the original, if this machine has it.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
fn sample() -> Option<PathBuf> {
    let shared = std::env::var_os("CLOCKWORK_SHARED_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let folder = shared.join("original_model");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: there is no {}; set CLOCKWORK_SHARED_DATA", folder.display());
    None
}

#[test]
fn the_originals_sample_model_is_found_by_name() {
    let Some(folder) = sample() else { return };
    let models = folder.parent().expect("the sample lies in a folder").to_owned();
    let catalogue = Catalogue::new(vec![models], false);
    assert_eq!(catalogue.names(), ["original_model"]);
    let source = catalogue.resolve("/x/original_model/model").expect("the sample is well formed");
    let profile = source.profile().expect("the sample is a profile");
    assert_eq!((profile.input_size, profile.output_size), (602_112, 4_000));
    assert_eq!((profile.weights_size, profile.pages), (77_420_204, Pages::new(5)));
    assert_eq!(profile.load, Span::from_millis(10));
    let sixteen = BatchSize::new(16).expect("16 is a batch size");
    assert_eq!(profile.exec(sixteen), Some(Span::from_millis(16)));
}

#[test]
fn the_sample_cut_anywhere_is_an_error_and_never_a_panic() {
    let Some(folder) = sample() else { return };
    let bytes = std::fs::read(folder.join("model.16.clockwork")).expect("the sample is readable");
    assert!(original::Spec::parse(&bytes).is_ok());
    for len in 0..bytes.len() {
        assert!(original::Spec::parse(&bytes[..len]).is_err(), "cut at {len}");
    }
}

#[test]
fn a_broken_folder_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = folder.path().join("broken");
    std::fs::create_dir(&model).expect("a folder");
    std::fs::write(model.join("model.1.clockwork"), [1, 0]).expect("a file");
    std::fs::write(model.join("model.measurements"), "b1 = 1;").expect("a file");
    let catalogue = Catalogue::new(vec![folder.path().to_owned()], true);
    let message = catalogue.resolve("broken").expect_err("it is broken");
    assert!(message.contains("model.1.clockwork: version at byte 0"), "{message}");
}
