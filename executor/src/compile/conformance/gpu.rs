//! Plans for a GPU: what their libraries ask of shapes and places. What the kernels compute is tested
//! where there is a GPU.

use clockwork_wire::BatchSize;

use super::model::Model;
use crate::artifact::{Artifact, Convolution, Embedding, Integers, Kernel, Precision, Target};
use crate::compile::tensor::INT64;
use crate::compile::{Progress, compile_watched};

/// Convolutions of 3 -> 6 -> 6 + 6 -> 10 channels; the second adds what it read.
fn odd_channels() -> Model {
    let filters = |count: usize| vec![0.25; count];
    Model::new(&[1, 3, 5, 5])
        .floats("first", &[6, 3, 3, 3], &filters(6 * 27))
        .floats("second", &[6, 6, 1, 1], &filters(36))
        .floats("third", &[10, 6, 1, 1], &filters(60))
        .node("Conv", &["x", "first"], "a")
        .ints("pads", &[1, 1, 1, 1])
        .node("Conv", &["a", "second"], "b")
        .node("Add", &["b", "a"], "c")
        .node("Relu", &["c"], "d")
        .node("Conv", &["d", "third"], "y")
}

fn compiled(model: &Model, precision: Precision) -> Artifact {
    let two = BatchSize::new(2).expect("a batch size");
    let targets = [Target::Cuda(precision)];
    compile_watched(model.onnx(), &[BatchSize::ONE, two], &targets, |_: Progress| ()).expect("it")
}

fn convolutions(artifact: &Artifact, precision: Precision) -> Vec<Convolution> {
    let variant = artifact.variant(Target::Cuda(precision)).expect("it was asked for");
    let steps = variant.plans[0].steps().iter();
    let convolution = |kernel: &Kernel| {
        if let Kernel::Convolution(convolution) = kernel { Some(convolution.clone()) } else { None }
    };
    steps.filter_map(|step| convolution(&step.kernel)).collect()
}

#[test]
fn channels_are_filled_up_to_sixteen_bytes() {
    for (precision, wide) in [(Precision::Tf32, [4, 8, 8, 12]), (Precision::Fp16, [8, 8, 8, 16])] {
        let convolutions = convolutions(&compiled(&odd_channels(), precision), precision);
        let [first, second, third] = &convolutions[..] else { panic!("{convolutions:?}") };
        let channels = |it: &Convolution| [it.channels_in, it.channels_out, it.pitch_out];
        assert_eq!(channels(first), [wide[0], wide[1], wide[1]]);
        assert_eq!(channels(second), [wide[1], wide[2], wide[2]]);
        assert_eq!(second.residual, Some(wide[1]));
        assert_eq!(channels(third), [wide[2], wide[3], wide[3]]);
    }
}

#[test]
fn numbers_of_two_bytes_take_half_the_memory() {
    let [single, half] = [Precision::Fp32, Precision::Fp16].map(|precision| {
        // Channels that need no filling.
        let filters = vec![0.5; 64 * 9];
        let model = Model::new(&[1, 8, 16, 16]).floats("w", &[8, 8, 3, 3], &filters);
        let artifact = compiled(&model.node("Conv", &["x", "w"], "y"), precision);
        let variant = artifact.variant(Target::Cuda(precision)).expect("it was asked for").clone();
        (variant.weights.len(), variant.plans[1].workspace_bytes())
    });
    assert_eq!(single, (half.0 * 2, half.1 * 2));
}

#[test]
fn a_weight_that_f16_cannot_hold_is_refused_by_name() {
    let model = Model::new(&[1, 1, 2, 2]).floats("w", &[1, 1, 1, 1], &[70_000.0]);
    let model = model.node("Conv", &["x", "w"], "y");
    let compile = |precision| {
        let targets = [Target::Cuda(precision)];
        compile_watched(model.onnx(), &[BatchSize::ONE], &targets, |_: Progress| ())
    };
    assert!(compile(Precision::Tf32).is_ok());
    let error = compile(Precision::Fp16).expect_err("it does not fit").to_string();
    assert!(error.contains("65504"), "{error}");
}

/// Looks tokens up in a table of so many rows, or the rows behind theirs.
fn tokens(rows: u16, computed: bool) -> Model {
    let table = vec![0.5; usize::from(rows) * 4];
    let model = Model::new(&[1, 3]).of(INT64).floats("table", &[rows.into(), 4], &table);
    let model = model.integers("one", &[1]);
    let index = if computed { "more" } else { "x" };
    let model = if computed { model.node("Add", &["x", "one"], "more") } else { model };
    model.node("Gather", &["table", index], "y")
}

#[test]
fn tokens_are_looked_up_as_the_integers_that_they_are() {
    for precision in [Precision::Tf32, Precision::Fp16] {
        let artifact = compiled(&tokens(30_000, false), precision);
        let variant = artifact.variant(Target::Cuda(precision)).expect("it was asked for");
        let kernels: Vec<_> = variant.plans[1].steps().iter().map(|step| &step.kernel).collect();
        let tokens = Integers { rows: 2, width: 3, stride: 6, wide: true };
        let expected = Kernel::Embedding(Embedding { rows: 30_000, width: 4, tokens });
        assert_eq!(kernels.first(), Some(&&expected));
    }
}

#[test]
fn indices_that_f16_would_round_are_refused() {
    let compile = |rows, precision| {
        let targets = [Target::Cuda(precision)];
        let model = tokens(rows, true);
        compile_watched(model.onnx(), &[BatchSize::ONE], &targets, |_: Progress| ())
    };
    assert!(compile(2_048, Precision::Fp16).is_ok());
    assert!(compile(2_049, Precision::Fp32).is_ok());
    let error = compile(2_049, Precision::Fp16).expect_err("it would look up others").to_string();
    assert!(error.contains("computed indices into 2049 rows"), "{error}");
}
