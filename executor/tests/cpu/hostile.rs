//! Damaged artifacts and models are refused in words. What is accepted all the same stays inside
//! the memory that it was given.

use clockwork_executor::artifact::{
    Artifact, ArtifactError, Files, MANIFEST, PlanFile, Target, locate,
};
use clockwork_executor::compile::{CompileError, compile, digits};
use clockwork_executor::cpu::Kernels;
use clockwork_wire::BatchSize;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::memory::Bench;

const PLAN: &str = "variants/cpu-fp32/plan.2.json";
const WEIGHTS: &str = "variants/cpu-fp32/weights.bin";

/// The files of `digits`.
fn files() -> Files {
    digits::artifact().to_files().expect("its weights are in memory")
}

/// Reads the files; if they are accepted, runs what they say.
fn read_and_run(files: Files) -> Result<(), ArtifactError> {
    let artifact = Artifact::from_files(files)?;
    for plan in &artifact.cpu().plans {
        let sizes = plan.sizes();
        // A damaged size may be valid and huge: a device then refuses it for want of memory.
        if sizes.input.max(sizes.output).max(sizes.workspace) < 1 << 20 {
            Bench::new(&artifact, plan, Kernels::detect()).run();
        }
    }
    Ok(())
}

/// Has the manifest promise the plans that are there, so that their contents are looked at.
fn sign(files: &mut Files) {
    let Ok(plan) = serde_json::from_slice::<PlanFile>(&files[PLAN]) else { return };
    let mut manifest: Value = serde_json::from_slice(&files[MANIFEST]).expect("valid");
    *manifest.pointer_mut("/variants/cpu-fp32/plans_sha256/1").expect("a hash") =
        plan.sha256().into();
    files.insert(MANIFEST.to_owned(), serde_json::to_vec(&manifest).expect("a document"));
}

/// Every path to a number or text in a document.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{path}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                leaves(field, &format!("{path}/{name}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            found.push(path.to_owned());
        }
    }
}

#[test]
fn no_single_damaged_field_is_dangerous() {
    let files = files();
    let max = u64::MAX;
    let values = [0, 1, 2, 3, 5, 64, 65, 100, 4096, 1 << 24, 1 << 34, 1 << 62, max - 63, max];
    let mut refused = 0;
    for file in [MANIFEST, PLAN] {
        let original: Value = serde_json::from_slice(&files[file]).expect("valid");
        let mut paths = Vec::new();
        leaves(&original, "", &mut paths);
        assert!(paths.len() > 10);
        for path in paths {
            for damage in values.map(Value::from).into_iter().chain([json!(-1), json!("x")]) {
                let mut document = original.clone();
                *document.pointer_mut(&path).expect("a leaf") = damage;
                let mut files = files.clone();
                files.insert(file.to_owned(), serde_json::to_vec(&document).expect("a document"));
                if file == PLAN {
                    sign(&mut files);
                }
                refused += usize::from(read_and_run(files).is_err());
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn a_missing_or_truncated_file_is_named() {
    let files = files();
    for file in files.keys() {
        let mut missing = files.clone();
        missing.remove(file);
        let error = read_and_run(missing).expect_err("refused").to_string();
        assert!(error.contains(file), "{error}");
        let mut truncated = files.clone();
        truncated.get_mut(file).expect("the file").pop();
        let error = read_and_run(truncated).expect_err("refused").to_string();
        assert!(error.contains(file), "{error}");
    }
}

#[test]
fn damaged_weights_are_noticed_by_their_hash() {
    let mut files = files();
    files.get_mut(WEIGHTS).expect("weights")[1000] ^= 1;
    let error = read_and_run(files).expect_err("refused").to_string();
    assert!(error.contains(WEIGHTS) && error.contains("sha256"), "{error}");
}

#[test]
fn a_damaged_plan_that_could_run_is_noticed_by_its_hash() {
    let mut files = files();
    let plan = String::from_utf8(files[PLAN].clone()).expect("text");
    let other = plan.replacen("\"relu\"", "\"sigmoid\"", 1);
    assert_ne!(plan, other);
    files.insert(PLAN.to_owned(), other.into_bytes());
    let error = read_and_run(files.clone()).expect_err("refused").to_string();
    assert!(error.contains(PLAN) && error.contains("sha256"), "{error}");
    sign(&mut files);
    read_and_run(files).expect("a plan like any other");
}

#[test]
fn errors_name_the_field_and_what_is_allowed() {
    let refusal = |file: &str, path: &str, damage: Value| {
        let mut files = files();
        let mut document: Value = serde_json::from_slice(&files[file]).expect("valid");
        *document.pointer_mut(path).expect("a field") = damage;
        files.insert(file.to_owned(), serde_json::to_vec(&document).expect("a document"));
        read_and_run(files).expect_err("refused").to_string()
    };
    let cases = [
        (MANIFEST, "/format", json!(1), "format: 1; this version reads"),
        (MANIFEST, "/batches", json!([2, 1]), "batches: [2, 1]; they must rise from 1"),
        (MANIFEST, "/inputs/0/bytes", json!(252), "inputs[0].bytes: 252; shape [1, 1, 8, 8]"),
        (MANIFEST, "/variants/cpu-fp32/plans_sha256", json!(["x"]), "plans_sha256: 1; there are 5"),
        (PLAN, "/steps/1/write/offset", json!(4), "steps[1] (conv1).write.offset: 4 is not"),
        (PLAN, "/steps/1/write/space", json!("weights"), "steps[1] (conv1).write.space: only"),
        (PLAN, "/steps/1/write/space", json!("output"), "steps[1] (conv1).write.offset: 2048"),
        (PLAN, "/steps/1/reads/0/space", json!("input"), "steps[1] (conv1).run: only a kernel"),
        (PLAN, "/steps/1/reads/1/offset", json!(1 << 30), "steps[1] (conv1).reads[1].offset"),
        (PLAN, "/steps/1/run/images", json!(0), "steps[1] (conv1).run: shapes"),
        (PLAN, "/steps/1/run/pitch_out", json!(15), "steps[1] (conv1).run: shapes"),
        (PLAN, "/steps/1/run/pitch_out", json!(17), "steps[2] (conv2).reads[0]: no step before"),
        (PLAN, "/steps/2/scratch", json!(null), "steps[2] (conv2).scratch: missing"),
        (PLAN, "/steps/2/reads/0/offset", json!(64), "steps[2] (conv2).reads[0]: no step before"),
        (PLAN, "/segments/0/times", json!(0), "segments[0].times: 0; supported: 1 to 2"),
        (PLAN, "/segments/0/times", json!(3), "segments[0].times: 3; supported: 1 to 2"),
        (PLAN, "/segments/0/steps", json!(1), "segments: they must have"),
        (PLAN, "/workspace_bytes", json!(64), "exceed the memory's 16"),
    ];
    for (file, path, damage, expected) in cases {
        let error = refusal(file, path, damage);
        assert!(error.contains(file) && error.contains(expected), "{error}");
    }
}

#[test]
fn an_artifact_survives_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let artifact = digits::artifact();
    artifact.write(folder.path()).expect("written");
    assert!(folder.path().join("variants").join(Target::Cpu.name()).is_dir());
    assert_eq!(Artifact::read(folder.path()).expect("read").cpu(), artifact.cpu());
    let absent = folder.path().join("absent");
    let error = Artifact::read(&absent).expect_err("absent").to_string();
    assert!(error.contains("absent is no compiled model") && error.contains(MANIFEST), "{error}");
    std::fs::remove_file(folder.path().join(PLAN)).expect("removed");
    let error = Artifact::read(folder.path()).expect_err("refused").to_string();
    let plan = folder.path().join(PLAN).display().to_string();
    assert!(error.contains(&format!("{plan} is missing; compile")), "{error}");
    // A file of a terabyte is not read to find that it has the wrong length.
    let weights = std::fs::File::options().write(true).open(folder.path().join(WEIGHTS));
    weights.and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
    let error = Artifact::read(folder.path()).expect_err("refused").to_string();
    assert!(error.contains("weights.bin, length: 1099511627776; the manifest says"), "{error}");
}

#[test]
fn an_artifact_is_put_in_place_as_a_whole_and_nothing_else_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let (artifact, place) = (digits::artifact(), folder.path().join("digits"));
    let entries = || folder.path().read_dir().expect("readable").count();
    for _ in 0..2 {
        artifact.store(&place).expect("stored");
        assert_eq!(Artifact::read(&place).expect("read").cpu(), artifact.cpu());
        assert_eq!(entries(), 1, "nothing is left beside it");
    }
    std::fs::write(place.join("stale"), "of the old one").expect("written");
    artifact.store(&place).expect("replaced");
    assert!(!place.join("stale").exists());
    assert_eq!(locate(&place.join("model")), place);
    assert_eq!(locate(&place), place);
    let stranger = folder.path().join("stranger");
    std::fs::create_dir(&stranger).expect("made");
    artifact.store(&stranger).expect("an empty folder may be filled");
    std::fs::remove_file(stranger.join(MANIFEST)).expect("removed");
    let error = artifact.store(&stranger).expect_err("refused").to_string();
    assert!(error.contains("stranger") && error.contains("no compiled model"), "{error}");
    assert!(stranger.join("variants").is_dir() && entries() == 2);
    assert_eq!(locate(&stranger.join("model")), stranger.join("model"));
}

#[test]
fn compiling_twice_gives_the_same_bytes() {
    assert_eq!(files(), files());
}

#[test]
fn what_is_no_model_is_refused_in_words() {
    for bytes in [&b""[..], b"hello", &digits::ONNX[..digits::ONNX.len() - 1]] {
        let error = compile(bytes, &[BatchSize::ONE]).expect_err("refused");
        assert!(matches!(error, CompileError::Parse(_)), "{error}");
    }
    let two = BatchSize::new(2).expect("a batch size");
    for batches in [&[][..], &[two], &[BatchSize::ONE, BatchSize::ONE]] {
        let error = compile(digits::ONNX, batches).expect_err("refused");
        assert!(matches!(error, CompileError::Batches { .. }), "{error}");
    }
}

#[test]
fn an_unknown_operator_is_named_with_its_node() {
    let error = damaged(b"MaxPool", b"MaxPoof").expect_err("refused").to_string();
    assert!(error.contains("node pool (MaxPoof)") && error.contains("MaxPool"), "{error}");
}

/// Compiles digits with the first occurrence of some bytes replaced.
fn damaged(from: &[u8], to: &[u8]) -> Result<Artifact, CompileError> {
    let mut onnx = digits::ONNX.to_vec();
    let at = onnx.windows(from.len()).position(|bytes| bytes == from).expect("the bytes");
    onnx[at..at + to.len()].copy_from_slice(to);
    compile(&onnx, &[BatchSize::ONE])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_model_damaged_anywhere_compiles_or_is_refused(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        in_structure in any::<bool>(),
    ) {
        let mut onnx = digits::ONNX.to_vec();
        // Most bytes are weights: half of the cases go where the nodes are.
        let end = if in_structure { 800 } else { onnx.len() };
        for (index, byte) in damage {
            onnx[index.index(end)] = byte;
        }
        if let Ok(artifact) = compile(&onnx, &[BatchSize::ONE]) {
            let files = artifact.to_files().expect("its weights are in memory");
            prop_assert!(read_and_run(files).is_ok());
        }
    }
}
