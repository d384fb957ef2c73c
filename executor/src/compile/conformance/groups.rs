//! However a batch is cut into groups, its members get the very bits that they get alone.

use serde_json::Value;

use super::hostile::{models, numbers_of};
use super::model::{Model, numbers};
use super::slots::{dense_block, entangled};
use crate::artifact::{ArtifactError, Plan, PlanFile, Target};
use crate::compile::graph::Graph;
use crate::compile::lower::lower_in_groups;
use crate::compile::weights::Packed;
use crate::compile::{fuse, import};
use crate::cpu::{Kernels, Memory, run};

/// A model whose plans are made group by group.
struct Subject {
    graph: Graph,
    weights: Packed,
}

impl Subject {
    fn new(model: &Model) -> Self {
        let mut graph = import::import(model.onnx()).expect("a model");
        fuse::fuse(&mut graph);
        Self { graph, weights: Packed::new(Target::Cpu.element()) }
    }

    /// The plan for a batch in which each node is computed for so many requests together.
    fn plan(&mut self, size: u16, groups: impl Fn(usize) -> usize) -> PlanFile {
        let groups: Vec<_> = (0..self.graph.nodes.len()).map(groups).collect();
        lower_in_groups(&self.graph, &mut self.weights, Target::Cpu, (size, &groups))
            .expect("a plan")
    }

    fn check(&self, file: PlanFile) -> Result<Plan, ArtifactError> {
        let elements = |value: usize| self.graph.values[value].dims.iter().product::<usize>();
        let input = self.graph.inputs.iter().map(|port| elements(port.value)).sum();
        let output = self.graph.outputs.iter().map(|port| elements(port.value)).sum();
        Plan::check("plan", file, Target::Cpu, (input, output), self.weights.bytes.len() / 4)
    }

    fn run(&self, plan: &Plan, input: &[f32]) -> Vec<f32> {
        let sizes = plan.sizes();
        let weights = self.weights.bytes.as_chunks().0;
        let weights: Vec<f32> = weights.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let mut output = vec![f32::NAN; sizes.output];
        let mut workspace = vec![f32::NAN; sizes.workspace];
        let (write, workspace) = (&mut output[..], &mut workspace[..]);
        run(
            &Kernels::detect(),
            plan,
            Memory { input, output: write, workspace, weights: &weights },
        );
        output
    }
}

/// Convolutions by tiles and by channel, with images and rows that are needed much later, and two
/// outputs.
fn networks() -> Vec<Model> {
    let residual = Model::new(&[0, 16, 12, 12])
        .floats("w", &[16, 16, 3, 3], &numbers(16 * 16 * 9))
        .floats("d", &[16, 1, 3, 3], &numbers(16 * 9))
        .floats("m", &[16, 5], &numbers(80))
        .node("Conv", &["x", "w"], "a")
        .ints("pads", &[1, 1, 1, 1])
        .node("Conv", &["a", "d"], "b")
        .int("group", 16)
        .ints("pads", &[1, 1, 1, 1])
        .node("Relu", &["b"], "c")
        .node("Concat", &["c", "a"], "d1")
        .int("axis", 1)
        .node("MaxPool", &["d1"], "e")
        .ints("kernel_shape", &[2, 2])
        .node("GlobalAveragePool", &["e"], "f")
        .node("Flatten", &["f"], "g")
        .node("Split", &["g"], "h")
        .and("i")
        .int("axis", 1)
        .node("MatMul", &["i", "m"], "j")
        .node("GlobalAveragePool", &["x"], "k")
        .node("Add", &["k", "f1"], "z")
        .floats("f1", &[16, 1, 1], &numbers(16))
        .node("Softmax", &["j"], "y")
        .output("z");
    let mut all = models();
    all.extend([residual, dense_block(5), entangled()]);
    all
}

#[test]
fn groups_of_any_sizes_give_the_same_bits() {
    let mut seed = 1_usize;
    for model in networks() {
        let mut subject = Subject::new(&model);
        let whole = subject.plan(4, |_| 4);
        let plan = subject.check(whole).expect("a valid plan");
        let input: Vec<f32> = numbers(plan.sizes().input);
        let expected = subject.run(&plan, &input);
        assert!(expected.iter().all(|element| !element.is_nan()));
        for round in 0..40 {
            let mut draw = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                seed >> 33
            };
            let sizes: Vec<usize> = (0..64)
                .scan(0, |last, _| {
                    // Runs of nodes stay together, else hardly anything would be repeated.
                    *last = if draw() % 3 == 0 { draw() % 3 } else { *last };
                    Some(1 << *last)
                })
                .collect();
            let file = subject.plan(4, |node| if round == 0 { 1 } else { sizes[node % 64] });
            let plan = subject.check(file).expect("a valid plan");
            let output = subject.run(&plan, &input);
            let bits = |all: &[f32]| all.iter().map(|e| e.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&output), bits(&expected), "{sizes:?}");
        }
    }
}

#[test]
fn what_one_group_needs_alone_takes_room_for_one_group() {
    let mut subject = Subject::new(
        &Model::new(&[0, 16, 8, 8])
            .floats("w", &[16, 16, 1, 1], &numbers(256))
            .node("Conv", &["x", "w"], "a")
            .node("Conv", &["a", "w"], "b")
            .node("Conv", &["b", "w"], "y"),
    );
    let one = subject.plan(1, |_| 1).workspace_bytes;
    assert_eq!(subject.plan(8, |_| 1).workspace_bytes, one);
    assert_eq!(subject.plan(8, |_| 2).workspace_bytes, 2 * one - 64, "a scratch area serves both");
    assert!(subject.plan(8, |node| if node < 2 { 1 } else { 8 }).workspace_bytes > 4 * one);
}

#[test]
fn no_damaged_number_of_a_repeated_plan_is_dangerous() {
    let (mut good, mut all) = (0, 0);
    for model in networks() {
        let mut subject = Subject::new(&model);
        let file = subject.plan(4, |node| [1, 1, 1, 2, 2, 4][node % 6]);
        let original = serde_json::to_value(&file).expect("a document");
        let mut paths = Vec::new();
        numbers_of(&original, "", &mut paths);
        for path in paths {
            for damage in [0, 1, 2, 4, 64, 1 << 12, 1 << 33, u64::MAX].map(Value::from) {
                let mut document = original.clone();
                *document.pointer_mut(&path).expect("a number") = damage;
                all += 1;
                let Ok(file) = serde_json::from_value(document) else { continue };
                let Ok(plan) = subject.check(file) else { continue };
                good += 1;
                // A damaged size may be valid and huge.
                if plan.sizes().workspace < 1 << 20 {
                    subject.run(&plan, &vec![0.5; plan.sizes().input]);
                }
            }
        }
    }
    assert!(good > 500 && all - good > 2000, "{good} of {all}");
}
