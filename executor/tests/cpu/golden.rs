//! Real models give what ONNX Runtime gives for them.

use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use clockwork_executor::artifact::Artifact;
use clockwork_executor::compile::compile;
use clockwork_executor::cpu::Kernels;
use clockwork_wire::BatchSize;
use zip::ZipArchive;

use crate::memory::{Bench, error, floats};

/// The shared data, if this machine has it.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
fn shared(file: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = env::var_os("CLOCKWORK_SHARED_DATA").map_or(beside, PathBuf::from);
    let path = folder.join(file);
    if !path.exists() {
        println!("skipped: {} is absent; set CLOCKWORK_SHARED_DATA", path.display());
        return None;
    }
    Some(path)
}

/// The elements of the first array of an archive whose name begins with `prefix`.
fn array(path: &Path, prefix: &str) -> Vec<f32> {
    let mut archive = ZipArchive::new(File::open(path).expect("a golden")).expect("an archive");
    let mut names = archive.file_names().map(|name| name.expect("a name").into_owned());
    let name = names.find(|name| name.starts_with(prefix)).expect("the array");
    drop(names);
    let mut bytes = Vec::new();
    archive.by_name(&name).expect("the array").read_to_end(&mut bytes).expect("its bytes");
    // Magic and version (8 bytes), the header's length, the header.
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    floats(&bytes[10 + header..])
}

fn check(name: &str) {
    let Some(model) = shared(&format!("models/{name}.onnx")) else { return };
    let Some(golden) = shared(&format!("models/golden/{name}.npz")) else { return };
    let batches = [1, 2, 4].map(|size| BatchSize::new(size).expect("a batch size"));
    let onnx = fs::read(model).expect("a model");
    let artifact = compile(&onnx, &batches).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (input, output) = (array(&golden, "in_"), array(&golden, "out_"));
    for kernels in [Kernels::detect(), Kernels::portable()] {
        for batch in batches {
            check_batch(&artifact, batch, kernels, &input, &output);
        }
    }
}

/// Every slot of the batch gets the same input and must give the same output.
fn check_batch(
    artifact: &Artifact,
    batch: BatchSize,
    kernels: Kernels,
    input: &[f32],
    output: &[f32],
) {
    let plan = artifact.cpu().plan(batch).expect("a plan");
    let mut bench = Bench::new(artifact, plan, kernels);
    bench.input.copy_from_slice(&input.repeat(batch.count()));
    bench.run();
    let error = error(&bench.output, &output.repeat(batch.count()));
    assert!(error <= 1e-4, "{kernels:?}, batch {batch}: {error}");
}

#[test]
fn mnist_exported_for_one_image_is_batched() {
    check("mnist");
}

#[test]
fn cifar_image_classifier() {
    check("cifar_image_classifier");
}
