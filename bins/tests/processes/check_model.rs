//! `check_model` on the built-in classifier of digits.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use clockwork_executor::artifact::Target;
use clockwork_executor::compile::{Onnx, compile, compile_watched, digits};
use clockwork_executor::cuda;
use clockwork_wire::BatchSize;
use serde_json::Value;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

/// A folder with the compiled model and a golden file of eight requests.
struct Model(TempDir);

impl Model {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let batches = [1, 2, 4].map(|batch| BatchSize::new(batch).expect("a batch size"));
        let artifact = compile(digits::ONNX, &batches).expect("it compiles");
        artifact.write(&folder.path().join("digits")).expect("it is written");
        let model = Self(folder);
        model.golden("golden.npz", 0.0);
        model
    }

    fn prefix(&self) -> PathBuf {
        self.0.path().join("digits/model")
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// Eight labelled images and their logits, each of which is off by `shift`.
    fn golden(&self, file: &str, shift: f32) {
        let artifact = compile(digits::ONNX, &[BatchSize::ONE]).expect("it compiles");
        let names = (&artifact.manifest().inputs[0].name, &artifact.manifest().outputs[0].name);
        let examples: Vec<_> = digits::examples().take(8).collect();
        let inputs: Vec<u8> = examples.iter().flat_map(|example| example.image).copied().collect();
        let outputs = examples.iter().flat_map(|example| example.logits.as_chunks().0);
        let outputs: Vec<u8> =
            outputs.flat_map(|&four| (f32::from_le_bytes(four) + shift).to_le_bytes()).collect();
        let mut archive =
            zip::ZipWriter::new(File::create(self.path(file)).expect("it is written"));
        for (name, shape, data) in [
            (format!("in_{}.npy", names.0), "(8, 1, 8, 8)", inputs),
            (format!("out_{}.npy", names.1), "(8, 10)", outputs),
        ] {
            archive.start_file(name, SimpleFileOptions::default()).expect("it is written");
            let header =
                format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
            let len = u16::try_from(header.len()).expect("it is written").to_le_bytes();
            archive
                .write_all(&[b"\x93NUMPY\x01\x00", &len[..], header.as_bytes()].concat())
                .expect("it is written");
            archive.write_all(&data).expect("it is written");
        }
        archive.finish().expect("it is written");
    }

    fn check(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_check_model"));
        command
            .arg(self.prefix())
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .expect("it starts")
    }
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("text")
}

#[test]
fn a_model_is_described_and_measured_in_the_originals_words() {
    let model = Model::new();
    let image: Vec<u8> = digits::examples().next().unwrap().image.to_vec();
    fs::write(model.path("image.f32"), image).unwrap();
    let checked = model.check(&["-i", "20", "--input", "image.f32"]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    let lines: Vec<&str> = text(&checked.stdout).lines().collect();
    assert!(
        lines[0].ends_with("digits on the processor (no GPU: the model is not compiled for one)")
    );
    assert_eq!(lines[1..3], ["  input_size:  256", "  output_size: 40"]);
    let weights = lines[4].strip_prefix("  weights size paged (non-paged) [num_pages]: 16777216 (");
    assert!(weights.is_some_and(|rest| rest.ends_with(") [1]")), "{}", lines[4]);
    assert!(lines[5].starts_with("  weights transfer latency: "), "{}", lines[5]);
    let latencies: Vec<_> = lines[7..10].iter().map(|line| &line[..7]).collect();
    assert_eq!(latencies, ["    b1:", "    b2:", "    b4:"]);
    assert_eq!(lines[10], "  batched = single: yes, bit for bit");
    let label = digits::examples().next().unwrap().label;
    assert!(lines[11].starts_with(&format!("  {label} = ")), "{}", lines[11]);
    assert_eq!(lines.len(), 16);
}

#[test]
fn outputs_are_compared_with_a_golden_file() {
    let model = Model::new();
    let checked = model.check(&[
        "-i",
        "1",
        "--golden",
        "golden.npz",
        "--json",
        "--batches",
        "1,4",
        "--steps",
    ]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(report["golden"][0]["requests"], 8);
    assert_eq!(report["golden"][0]["within"], true);
    assert_eq!(report["batches"][1]["batch"], 4);
    assert_eq!(report["batched_differs"], Value::Null);
    let convolutions = report["steps"].as_array().unwrap().iter();
    assert_eq!(convolutions.filter(|step| step["kernel"] == "convolution").count(), 2);

    model.golden("shifted.npz", 0.5);
    let checked = model.check(&["-i", "1", "--golden", "shifted.npz"]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(text(&checked.stdout).contains("in 8 requests: FAILED"), "{}", text(&checked.stdout));
    let checked = model.check(&["-i", "1", "--golden", "shifted.npz", "--tolerance", "0.9"]);
    assert_eq!(checked.status.code(), Some(0));
}

#[test]
fn what_was_measured_says_where_and_how_near_it_must_be() {
    let model = Model::new();
    let checked = model.check(&["-i", "1", "--json", "--device", "cpu"]);
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&report["device"], &report["precision"]), (&"processor".into(), &"fp32".into()));
    assert_eq!((&report["versions"], &report["no_gpu"]), (&Value::Null, &Value::Null));
    assert_eq!(
        report["tolerance"].as_f64().map(|tolerance| (tolerance * 1e6).round()),
        Some(100.0)
    );
    assert_eq!(report["batched_error"], Value::Null);
    assert!(
        report["batches"][0]["p999_ms"].is_f64() && report["batches"][0]["with_copies"].is_null()
    );
}

#[test]
fn a_gpu_gives_what_the_processor_gives() {
    if let Err(why) = cuda::available() {
        println!("skipped: {why}");
        return;
    }
    let model = Model::new();
    let batches = [1, 2, 4].map(|batch| BatchSize::new(batch).expect("a batch size"));
    let onnx = Onnx { bytes: digits::ONNX.into(), folder: None };
    let artifact = compile_watched(onnx, &batches, &Target::ALL, |_| ()).unwrap();
    artifact.write(&model.path("digits")).unwrap();
    for precision in ["fp32", "tf32", "fp16"] {
        let device = ["--device", "0", "--precision", precision];
        let checks = ["--against-cpu", "--golden", "golden.npz", "--json", "-i", "10"];
        let checked = model.check(&[&device[..], &checks].concat());
        assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
        let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
        assert_eq!(report["precision"], precision);
        assert_eq!(report["against_cpu"].as_array().map(Vec::len), Some(3));
        assert!(report["batches"][2]["with_copies"]["p50_ms"].is_f64());
    }
    let checked = model.check(&["--steps", "--device", "0"]);
    assert!(text(&checked.stderr).contains("a GPU runs all steps as one graph"));
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let model = Model::new();
    let whole = fs::read(model.path("golden.npz")).unwrap();
    fs::write(model.path("cut.npz"), &whole[..whole.len() / 2]).unwrap();
    fs::write(model.path("empty"), []).unwrap();
    for (arguments, code, words) in [
        (&["--golden", "cut.npz"][..], 1, "cannot read cut.npz"),
        (&["--golden", "none.npz"], 1, "cannot read none.npz"),
        (&["--input", "empty"], 1, "empty has 0 bytes; an input of this model has 256"),
        (&["--batches", "3"], 2, "the model has no batch size 3; it has 1, 2, 4"),
        (&["-i", "0"], 2, "invalid value '0'"),
        (&["--device", "gpu"], 2, "it is auto, cpu or the number of a GPU"),
        (&["--precision", "fp16"], 2, "it is compiled for cpu-fp32, not for cuda-fp16; compile it"),
        (&["--device", "0"], 2, "--devices cpu,cuda --precision fp32,tf32,fp16"),
        (&["--device", "cpu", "--precision", "tf32"], 2, "the processor computes in fp32 only"),
        (&["--against-cpu"], 2, "the model is not on a GPU: the model is not compiled for one"),
        (&["--against-cpu", "--serve"], 2, "cannot be used with"),
    ] {
        let checked = model.check(arguments);
        let said = text(&checked.stderr);
        assert!(checked.status.code() == Some(code) && said.contains(words), "{said}");
    }
    fs::write(model.path("digits/manifest.json"), "{}").unwrap();
    let checked = model.check(&[]);
    assert!(text(&checked.stderr).contains("manifest.json"), "{}", text(&checked.stderr));
    fs::remove_file(model.path("digits/manifest.json")).unwrap();
    let said = text(&model.check(&[]).stderr).to_owned();
    assert!(said.contains("digits is no compiled model: it has no manifest.json"), "{said}");
}

#[test]
fn a_line_of_input_is_an_inference() {
    let model = Model::new();
    let mut child = serving(&model.prefix());
    child.stdin.take().unwrap().write_all(b"\n4\nx\n").unwrap();
    let done = child.wait_with_output().unwrap();
    let lines: Vec<&str> = text(&done.stdout).lines().collect();
    assert_eq!((lines[0], lines.len()), ("ready", 3));
    let times: Vec<u64> = lines[1].split(' ').map(|number| number.parse().unwrap()).collect();
    assert_eq!(times.len(), 2);
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("x is no batch size"), "{}", text(&done.stderr));
}

fn serving(prefix: &Path) -> std::process::Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_check_model"));
    let command = command.arg(prefix).arg("--serve").stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}
