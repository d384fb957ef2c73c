//! The scripts beside the zoo, as far as they need no packages.

use std::fs;
use std::path::Path;
use std::process::Command;

/// What a GPU took, in two precisions, and a model that could not be compiled.
const ROWS: &str = r#"[
  {"name": "resnet50", "precision": "tf32", "batch": 1, "error": 3e-4, "versions": "A GPU", "why": "",
   "ours": {"p50_ms": 0.5, "p99_ms": 0.51, "p999_ms": 0.52, "with_copies": {"p50_ms": 0.6}},
   "torch": {"p50_ms": 1.0, "p99_ms": 1.1, "versions": "PyTorch"}},
  {"name": "resnet50", "precision": "fp16", "batch": 16, "error": 3e-3, "versions": "A GPU", "why": "",
   "ours": {"p50_ms": 0.2, "p99_ms": 0.21, "p999_ms": 0.22, "with_copies": {"p50_ms": 0.3}},
   "torch": {"p50_ms": 1.6, "p99_ms": 1.7, "versions": "PyTorch"}},
  {"name": "vgg16", "precision": "fp16", "batch": 1, "error": null, "versions": null, "why": "error: no",
   "ours": null, "torch": null}
]"#;

#[test]
fn durations_on_a_gpu_become_a_table_with_ratios() {
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("rows.json");
    fs::write(&rows, ROWS).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zoo/gpu.py");
    let Ok(done) = Command::new("python3").arg(script).arg("--rows").arg(rows).output() else {
        println!("skipped: there is no python3");
        return;
    };
    let said = String::from_utf8(done.stdout).unwrap();
    for line in [
        "| resnet50, 1 | tf32 | 500 | 510 | 520 | 600 | 1000 | 1100 | 0.500 | 3.0e-04 |  |",
        "| resnet50, 16 | fp16 | 200 | 210 | 220 | 300 | 1600 | 1700 | 0.125 | 3.0e-03 |  |",
        "| vgg16, 1 | fp16 |  |  |  |  |  |  |  |  | error: no |",
        "Ours / PyTorch, tf32: 0.500 in the geometric mean, 0.500 at most.",
        "Ours / PyTorch, all: 0.250 in the geometric mean, 0.500 at most.",
        "A GPU.",
        "PyTorch.",
    ] {
        assert!(said.lines().any(|other| other == line), "{line}\n{said}");
    }
    // A row that failed is a failure.
    assert_eq!(done.status.code(), Some(1));
}
