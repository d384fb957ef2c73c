//! Concatenations whose inputs are computed where they belong.

use super::model::{Model, numbers};
use crate::artifact::{Activation, Artifact, Kernel, Precision, Target};
use crate::compile::{Progress, compile_watched};
use clockwork_wire::BatchSize;

/// A convolution of an image of `from` channels and 6 x 6 pixels to `to` channels, by the name of its input and its
/// output.
fn convolved(model: Model, [from, to]: [usize; 2], [input, output]: [&str; 2]) -> Model {
    let (dims, weights) = ([to, from, 3, 3].map(|dim| i64::try_from(dim).unwrap()), from * to * 9);
    let name = format!("w_{output}");
    let model = model.floats(&name, &dims, &numbers(weights));
    model.node("Conv", &[input, &name], output).ints("pads", &[1, 1, 1, 1])
}

fn joined(model: Model, inputs: &[&str], output: &str) -> Model {
    model.node("Concat", inputs, output).int("axis", 1)
}

/// Every layer sees all layers before it; `growth` channels each.
pub(super) fn dense_block(growth: usize) -> Model {
    let width = i64::try_from(growth).expect("a size");
    let mut model = convolved(Model::new(&[0, width, 6, 6]), [growth; 2], ["x", "f0"]);
    let mut features = vec!["f0".to_owned()];
    for layer in 1..4 {
        let [all, seen, next] = ["all", "seen", "f"].map(|name| format!("{name}{layer}"));
        let own: Vec<&str> = features.iter().map(String::as_str).collect();
        model = joined(model, &own, &all).node("Relu", &[&all], &seen);
        model = convolved(model, [layer * growth, growth], [&seen, &next]);
        features.push(next);
    }
    let all: Vec<&str> = features.iter().map(String::as_str).collect();
    joined(model, &all, "y")
}

/// Concatenations of what they are computed from, of the same thing twice, of others, and of what is needed without
/// gaps.
pub(super) fn entangled() -> Model {
    let model = convolved(Model::new(&[0, 3, 6, 6]), [3, 5], ["x", "a"]);
    let model = convolved(model, [5, 2], ["a", "b"]);
    let model = joined(model, &["a", "b"], "c");
    let model = model.node("MaxPool", &["c"], "d").ints("kernel_shape", &[1, 1]);
    let model = joined(model, &["b", "c", "d"], "e");
    let model = joined(model, &["d", "d"], "f").node("Softmax", &["a"], "g").int("axis", 1);
    let model = joined(model, &["g", "f", "x"], "h");
    joined(model, &["e", "h"], "y")
}

fn plan(artifact: &Artifact, target: Target) -> Vec<Kernel> {
    let variant = artifact.variant(target).expect("it was compiled");
    variant.plans[0].steps().iter().map(|step| step.kernel.clone()).collect()
}

/// How often pixels are copied.
fn copies(kernels: &[Kernel]) -> usize {
    let copies =
        |kernel: &&Kernel| matches!(kernel, Kernel::Map(map) if map.activation == Activation::None);
    kernels.iter().filter(copies).count()
}

#[test]
fn what_is_concatenated_is_what_was_computed() {
    let model = entangled();
    let parts = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let all = parts.iter().fold(model, |model, part| model.output(part));
    let answer = all.answer(&numbers(2 * 3 * 36));
    let channels = [5, 2, 7, 7, 16, 14, 5, 22, 38];
    let names = [&parts[..], &["y"]].concat();
    let whole: usize = channels.iter().sum();
    for (request, answer) in answer.chunks_exact(whole * 36).enumerate() {
        let of = |name: &str| {
            let at = names.iter().position(|other| *other == name).unwrap();
            let begin: usize = channels[..at].iter().sum();
            &answer[begin * 36..][..channels[at] * 36]
        };
        for (output, inputs) in [
            ("c", &["a", "b"][..]),
            ("d", &["c"]),
            ("e", &["b", "c", "d"]),
            ("f", &["d", "d"]),
            ("y", &["e", "h"]),
        ] {
            let expected: Vec<f32> = inputs.iter().flat_map(|&name| of(name)).copied().collect();
            assert_eq!(of(output), expected, "{output} of request {request}");
        }
        assert_eq!(of("h")[..5 * 36], *of("g"));
        assert_eq!(of("h")[5 * 36..19 * 36], *of("f"));
    }
}

#[test]
fn layers_of_a_dense_block_are_computed_where_all_see_them() {
    for growth in [1, 5, 16] {
        let kernels = plan(&dense_block(growth).compiled().expect("a model"), Target::Cpu);
        assert_eq!(copies(&kernels), 0, "{kernels:?}");
    }
}

#[test]
fn a_gpus_library_writes_without_gaps_and_each_layer_is_copied_once() {
    let target = Target::Cuda(Precision::Fp16);
    let copied = |growth| {
        let onnx = dense_block(growth).onnx();
        let compiled = compile_watched(onnx, &[BatchSize::ONE], &[target], |_: Progress| ());
        copies(&plan(&compiled.expect("a model"), target))
    };
    assert_eq!(copied(16), 4, "four layers");
    assert_eq!(copied(5), 2 + 3 + 4, "channels that it does not read at once are copied each time");
}
