//! Real models give what ONNX Runtime gives for them.

use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use clockwork_executor::artifact::{Artifact, Tensor};
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

/// The elements of an array of an archive.
fn array(path: &Path, name: &str) -> Vec<f32> {
    let mut archive = ZipArchive::new(File::open(path).expect("a golden")).expect("an archive");
    let mut bytes = Vec::new();
    let mut file = archive.by_name(&format!("{name}.npy")).expect("the array");
    file.read_to_end(&mut bytes).expect("its bytes");
    // Magic and version (8 bytes), the header's length, the header.
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    floats(&bytes[10 + header..])
}

fn check(name: &str) {
    let Some(model) = shared(&format!("models/{name}.onnx")) else { return };
    let Some(golden) = shared(&format!("models/golden/{name}.npz")) else { return };
    check_files(name, &model, &golden);
}

fn check_files(name: &str, model: &Path, golden: &Path) {
    let batches = [1, 2, 4].map(|size| BatchSize::new(size).expect("a batch size"));
    let onnx = fs::read(model).expect("a model");
    let artifact = compile(&onnx, &batches).unwrap_or_else(|error| panic!("{name}: {error}"));
    let manifest = artifact.manifest();
    let arrays = |prefix: &str, tensors: &[Tensor]| -> Vec<Vec<f32>> {
        tensors.iter().map(|t| array(golden, &format!("{prefix}_{}", t.name))).collect()
    };
    let input = arrays("in", &manifest.inputs).concat();
    let outputs = arrays("out", &manifest.outputs);
    for kernels in [Kernels::detect(), Kernels::portable()] {
        let single = answers(&artifact, batches[0], kernels, &input).remove(0);
        check_answer(name, &single, &outputs);
        for batch in &batches[1..] {
            for answer in answers(&artifact, *batch, kernels, &input) {
                let same = answer.iter().zip(&single).all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(same, "{name}, {kernels:?}, batch {batch}: not the bits of a single one");
            }
        }
    }
}

/// What each request of a batch, all with the same input, is answered.
fn answers(
    artifact: &Artifact,
    batch: BatchSize,
    kernels: Kernels,
    input: &[f32],
) -> Vec<Vec<f32>> {
    let plan = artifact.cpu().plan(batch).expect("a plan");
    let mut bench = Bench::new(artifact, plan, kernels);
    bench.input.copy_from_slice(&input.repeat(batch.count()));
    bench.run();
    bench.output.chunks_exact(bench.output.len() / batch.count()).map(<[f32]>::to_vec).collect()
}

/// Every output tensor is near its reference.
#[expect(clippy::print_stdout, reason = "the table of errors is made from this")]
fn check_answer(name: &str, answer: &[f32], outputs: &[Vec<f32>]) {
    let mut rest = answer;
    for expected in outputs {
        let (own, others) = rest.split_at(expected.len());
        let error = error(own, expected);
        let largest = expected.iter().map(|e| e.abs()).fold(0.0, f32::max);
        println!("{name}: {error:e} of {largest}");
        // ONNX Runtime computes a sigmoid as a quotient plus one half, so that it is known to one
        // unit in the last place of one half, however small it is.
        let known = f32::EPSILON / largest;
        assert!(error <= known.max(1e-4), "{name}: {error} of {largest}");
        rest = others;
    }
    assert!(rest.is_empty(), "{name}: {} elements too many", rest.len());
}

#[test]
fn mnist_exported_for_one_image_is_batched() {
    check("mnist");
}

#[test]
fn cifar_image_classifier() {
    check("cifar_image_classifier");
}

#[test]
fn squeezenet_whose_softmax_takes_its_shape_from_another_value() {
    check("squeezenet1_fp32_from_fp16");
}

#[test]
fn ultraface_with_two_outputs() {
    check("ultraface_rfb320");
}

#[test]
fn yunet_with_twelve_outputs() {
    check("yunet_n_320");
}
