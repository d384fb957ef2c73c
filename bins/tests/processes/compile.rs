//! From an ONNX file to a compiled model on the command line.

use std::fs;

use crate::bench::Bench;

#[test]
fn an_onnx_file_becomes_a_model_and_what_is_none_is_refused_in_words() {
    let bench = Bench::new();
    let path = |name: &str| bench.path(name).to_str().expect("a path in UTF-8").to_owned();
    let onnx = concat!(env!("CARGO_MANIFEST_DIR"), "/../zoo/digits/digits.onnx");
    let (first, second) = (path("digits"), path("again"));
    let done = bench.start("clockwork", &["compile", onnx, "-o", &first, "--batches", "2,4"]).end();
    assert_eq!(done.code, Some(0), "{}", done.err);
    for words in ["input image [1, 1, 8, 8], 256 bytes", "b1: ", "b4: ", "digits/model"] {
        assert!(done.out.iter().any(|line| line.contains(words)), "{words}: {:?}", done.out);
    }
    let again = bench.start("convert", &[onnx, "-o", &second, "--batches", "1,2,4"]).end();
    assert_eq!(again.code, Some(0), "{}", again.err);
    for file in ["manifest.json", "variants/cpu-fp32/weights.bin", "variants/cpu-fp32/plan.4.json"]
    {
        let read = |folder: &str| fs::read(bench.path(folder).join(file)).expect("a file");
        assert!(read("digits") == read("again"), "{file} differs");
    }

    let text = path("text.onnx");
    fs::write(&text, "hello").expect("written");
    let (none, taken) = (path("none"), path("taken"));
    fs::create_dir(&taken).expect("made");
    fs::write(bench.path("taken").join("letter"), "mine").expect("written");
    for (arguments, code, words) in [
        (&["compile", &text, "-o", &none][..], 1, "not an ONNX model"),
        (&["compile", &none, "-o", &none], 1, "none"),
        (&["compile", onnx, "-o", &taken], 1, "no compiled model; choose another"),
        (&["compile", onnx, "-o", &none, "--batches", "4,2"], 2, "they must rise"),
        (&["compile", onnx, "-o", &none, "--batches", "1,9999"], 2, "--batches 9999"),
        (&["compile", onnx, "-o", &none, "--precision", "fp8"], 2, "fp32"),
    ] {
        let ended = bench.start("clockwork", arguments).end();
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(words), "{arguments:?}: {}", ended.err);
    }
    assert!(!bench.path("none").exists() && bench.path("taken").join("letter").exists());
}
