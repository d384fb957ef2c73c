//! Models with numbers that nobody would write: refused or compiled, never a panic.

use serde_json::Value;

use super::model::{Model, numbers};
use crate::artifact::{Artifact, Files, MANIFEST, Manifest, PlanFile, Target};
use crate::cpu::{Kernels, Memory, run};

/// Models that have most operators among them.
pub(super) fn models() -> Vec<Model> {
    let image = Model::new(&[0, 4, 6, 6])
        .floats("w", &[4, 1, 3, 3], &numbers(36))
        .integers("p", &[0, 0, 1, 0, 0, 0, 0, 1])
        .floats("s", &[4], &[1.0, 1.0, 2.0, 0.5])
        .integers("split", &[1, 3])
        .node("Conv", &["x", "w"], "a")
        .int("group", 4)
        .ints("strides", &[1, 2])
        .ints("dilations", &[1, 1])
        .ints("pads", &[1, 1, 1, 1])
        .node("MaxPool", &["a"], "b")
        .ints("kernel_shape", &[2, 2])
        .ints("strides", &[1, 1])
        .int("ceil_mode", 1)
        .node("Pad", &["b", "p"], "c")
        .node("Resize", &["c", "", "s"], "d")
        .node("Split", &["d", "split"], "e")
        .and("f")
        .int("axis", 1)
        .node("Concat", &["f", "e"], "g")
        .int("axis", 1)
        .node("DepthToSpace", &["g"], "h")
        .int("blocksize", 2)
        .node("LRN", &["h"], "i")
        .int("size", 3)
        .node("Flatten", &["i"], "y")
        .int("axis", 1);
    let sequence = Model::new(&[0, 3, 4])
        .integers("starts", &[1])
        .integers("ends", &[3])
        .integers("axes", &[1])
        .integers("steps", &[1])
        .integers("i", &[1, 0])
        .integers("r", &[1, 2, 1])
        .integers("target", &[0, -1, 2])
        .integers("wide", &[2, 1, 4])
        .floats("one", &[1], &[1.0])
        .node("Slice", &["x", "starts", "ends", "axes", "steps"], "a")
        .node("Gather", &["a", "i"], "b")
        .int("axis", 1)
        .node("Tile", &["b", "r"], "c")
        .node("Transpose", &["c"], "d")
        .ints("perm", &[0, 2, 1])
        .node("MatMul", &["d", "c"], "e")
        .node("Softmax", &["e"], "f")
        .int("axis", 2)
        .node("LayerNormalization", &["f", "one"], "g")
        .int("axis", -1)
        .node("ReduceMean", &["g"], "h")
        .ints("axes", &[1])
        .node("Reshape", &["h", "target"], "k")
        .node("ConstantOfShape", &["wide"], "l")
        .node("Unsqueeze", &["k", "axes"], "m")
        .node("Squeeze", &["m", "axes"], "n")
        .node("Expand", &["h", "wide"], "o")
        .node("Add", &["o", "l"], "y");
    vec![image, sequence]
}

const NUMBERS: [i64; 12] = [i64::MIN, -(1 << 40), -7, -1, 0, 1, 2, 3, 7, 65_536, 1 << 40, i64::MAX];

/// Compiles; gives whether that went well.
fn compiles(model: &Model) -> bool {
    model.compiled().is_ok()
}

#[test]
fn no_number_of_an_attribute_or_a_constant_is_dangerous() {
    let (mut good, mut all) = (0, 0);
    for model in models() {
        assert!(compiles(&model), "{}", model.refusal());
        let mut try_all = |damage: &mut dyn FnMut(&mut Model, i64)| {
            for number in NUMBERS {
                let mut damaged = model.clone();
                damage(&mut damaged, number);
                good += usize::from(compiles(&damaged));
                all += 1;
            }
        };
        for (node, attribute) in model.nodes.iter().enumerate().flat_map(|(node, proto)| {
            (0..proto.attribute.len()).map(move |attribute| (node, attribute))
        }) {
            try_all(&mut |model, number| model.nodes[node].attribute[attribute].i = number);
            for index in 0..model.nodes[node].attribute[attribute].ints.len() {
                try_all(&mut |model, number| {
                    model.nodes[node].attribute[attribute].ints[index] = number;
                });
            }
        }
        for constant in 0..model.constants.len() {
            for index in 0..model.constants[constant].int64_data.len() {
                try_all(&mut |model, number| {
                    model.constants[constant].int64_data[index] = number;
                });
            }
            for index in 0..model.constants[constant].dims.len() {
                try_all(&mut |model, number| model.constants[constant].dims[index] = number);
            }
        }
        for node in 0..model.nodes.len() {
            let mut swapped = model.clone();
            swapped.nodes[node].input.reverse();
            compiles(&swapped);
            let mut short = model.clone();
            short.nodes[node].input.pop();
            compiles(&short);
            let mut fewer = model.clone();
            fewer.nodes[node].attribute.clear();
            compiles(&fewer);
        }
    }
    assert!(good > 50 && all - good > 200, "{good} of {all}");
}

#[test]
fn a_file_cut_or_changed_anywhere_is_no_danger() {
    for model in models() {
        let bytes = model.bytes();
        for end in 0..bytes.len() {
            let _ = super::super::compile(&bytes[..end], &[clockwork_wire::BatchSize::ONE]);
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x41;
            let _ = super::super::compile(&changed, &[clockwork_wire::BatchSize::ONE]);
        }
    }
}

/// Every path to a number in a document.
pub(super) fn numbers_of(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                numbers_of(item, &format!("{path}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                numbers_of(field, &format!("{path}/{name}"), found);
            }
        }
        Value::Number(_) => found.push(path.to_owned()),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Reads an artifact; if it is accepted, runs what it says. Gives whether it was.
fn runs(mut files: Files) -> bool {
    sign(&mut files);
    let Ok(artifact) = Artifact::from_files(files) else { return false };
    let plan = &artifact.cpu().plans[0];
    let sizes = plan.sizes();
    // A damaged size may be valid and huge: a device then refuses it for want of memory.
    if sizes.input.max(sizes.output).max(sizes.workspace) < 1 << 16 {
        let (mut output, mut workspace) = (vec![0.0; sizes.output], vec![0.0; sizes.workspace]);
        let memory = Memory {
            input: &vec![0.5; sizes.input],
            output: &mut output,
            workspace: &mut workspace,
            weights: &vec![0.25; sizes.weights],
        };
        run(&Kernels::detect(), plan, memory);
    }
    true
}

/// Has the manifest promise the first plan that is there, so that its contents are looked at.
fn sign(files: &mut Files) {
    let plan = &files[&Target::Cpu.plan_path(1)];
    let Ok(plan) = serde_json::from_slice::<PlanFile>(plan) else { return };
    let mut manifest: Manifest = serde_json::from_slice(&files[MANIFEST]).expect("valid");
    let entry = manifest.variants.get_mut(&Target::Cpu).expect("it was compiled for it");
    entry.plans_sha256[0] = plan.sha256();
    files.insert(MANIFEST.to_owned(), serde_json::to_vec(&manifest).expect("a document"));
}

#[test]
fn no_damaged_number_of_a_plan_is_dangerous() {
    let (mut good, mut all) = (0, 0);
    for model in models() {
        let files = model.compiled().expect("a model").to_files().expect("they are in memory");
        let name = Target::Cpu.plan_path(1);
        let original: Value = serde_json::from_slice(&files[&name]).expect("valid");
        let mut paths = Vec::new();
        numbers_of(&original, "", &mut paths);
        assert!(paths.len() > 100, "{}", paths.len());
        for path in paths {
            for damage in [0, 1, 2, 3, 5, 16, 64, 1 << 16, 1 << 33, u64::MAX].map(Value::from) {
                let mut document = original.clone();
                *document.pointer_mut(&path).expect("a number") = damage;
                let mut files = files.clone();
                files.insert(name.clone(), serde_json::to_vec(&document).expect("a document"));
                good += usize::from(runs(files));
                all += 1;
            }
        }
    }
    assert!(good > 100 && all - good > 1000, "{good} of {all}");
}

#[test]
fn weights_that_become_infinite_when_they_are_folded_are_refused() {
    let huge = Model::new(&[0, 2])
        .floats("w", &[2, 2], &[1e30; 4])
        .floats("f", &[2], &[1e30; 2])
        .node("MatMul", &["x", "w"], "a")
        .node("Mul", &["a", "f"], "y");
    let refused = huge.refusal();
    assert!(refused.contains("becomes NaN or infinite"), "{refused}");
}
