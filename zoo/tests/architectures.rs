//! What the architectures are made of.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use clockwork_zoo::{Model, OPSET, OPSETS, ZooError, names};

fn model(name: &str) -> Model {
    Model::of(name, OPSET).expect("an architecture")
}

#[test]
fn parameters_are_those_that_the_originals_have() {
    for (name, parameters) in [
        ("resnet18", 11_689_512),
        ("resnet50", 25_557_032),
        ("resnet152", 60_192_808),
        ("resnext50_32x4d", 25_028_904),
        ("wide_resnet50_2", 68_883_240),
        ("densenet121", 7_978_856),
        ("densenet161", 28_681_000),
        ("squeezenet1_0", 1_248_424),
        ("squeezenet1_1", 1_235_496),
        ("mobilenet_v2", 3_504_872),
        ("mnasnet1_0", 4_383_312),
        ("alexnet", 61_100_840),
        ("vgg16", 138_357_544),
        ("googlenet", 6_624_904),
        ("inception_v3", 23_834_568),
        ("mobilenet_v3_small", 2_542_856),
        ("mobilenet_v3_large", 5_483_032),
        ("efficientnet_b0", 5_288_548),
        ("shufflenet_v2_x1_0", 2_278_604),
        ("regnet_y_400mf", 4_344_144),
        ("convnext_tiny", 28_589_128),
        ("vit_b_16", 86_567_656),
        ("bert_tiny", 4_385_920),
        ("bert_base", 109_482_240),
    ] {
        assert_eq!(model(name).parameters(), parameters, "{name}");
    }
}

#[test]
fn operators_are_those_of_an_export_after_folding() {
    let Some(table) = table() else { return };
    let rows: BTreeMap<&str, Row> = table.lines().filter_map(row).collect();
    for name in names() {
        let Some(row) = rows.get(name) else { continue };
        let (_, operators) = model(name).folded();
        for operator in operators.keys().copied().chain(row.operators.keys().map(String::as_str)) {
            let ours = operators.get(operator).copied().unwrap_or_default();
            let theirs = row.operators.get(operator).copied().unwrap_or_default();
            assert!(
                ours == theirs || differs(name, operator),
                "{name}: {ours} {operator}, {theirs}"
            );
        }
        let tenths = (model(name).folded().0 + 50_000) / 100_000;
        assert!(tenths.abs_diff(row.parameters) <= 1, "{name}: {tenths}, {}", row.parameters);
    }
}

#[test]
fn a_file_is_decided_by_name_seed_and_opset() {
    let bytes = |seed| {
        let mut file = Vec::new();
        model("squeezenet1_1").write(seed, &mut file).expect("memory takes all");
        file
    };
    assert_eq!(bytes(3), bytes(3));
    assert_ne!(bytes(3), bytes(4));
}

#[test]
fn every_architecture_is_written_to_its_last_byte() {
    for name in ["resnet18", "mobilenet_v2", "mnasnet1_0"] {
        for opset in OPSETS {
            let model = Model::of(name, opset).expect("an architecture");
            let mut file = Vec::new();
            model.write(0, &mut file).expect("memory takes all");
            assert_eq!(u64::try_from(file.len()), Ok(model.bytes()), "{name}");
        }
    }
}

#[test]
fn unknown_names_and_versions_are_refused() {
    let unknown = ZooError::Unknown("resnet19".to_owned());
    assert_eq!(Model::of("resnet19", OPSET).err(), Some(unknown));
    assert_eq!(Model::of("resnet18", 16).err(), Some(ZooError::Opset(16)));
    assert_eq!(Model::of("resnet18", 21).err(), Some(ZooError::Opset(21)));
}

/// What an export spells in another way: more slices than are used, biases that are not there before
/// training, attention in twice the operators.
fn differs(name: &str, operator: &str) -> bool {
    matches!((name, operator), ("dpn68", "Slice") | ("convnext_tiny", "Add") | ("vit_b_16", _))
}

/// A line of the table.
struct Row {
    /// In units of 100,000.
    parameters: usize,
    operators: BTreeMap<String, usize>,
}

/// The operators of real exports, if this machine has the shared data.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
fn table() -> Option<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = env::var_os("CLOCKWORK_SHARED_DATA").map_or(beside, PathBuf::from);
    let path = folder.join("models/op_histogram.txt");
    let table = fs::read_to_string(&path).ok();
    if table.is_none() {
        println!("skipped: {} is absent; set CLOCKWORK_SHARED_DATA", path.display());
    }
    table
}

/// `NAME raw N slim N params 1.2M {'Operator': N, ...}`.
fn row(line: &str) -> Option<(&str, Row)> {
    let (facts, operators) = line.split_once(" {")?;
    let (name, facts) = facts.split_once(' ')?;
    let parameters = facts.rsplit(' ').next()?.strip_suffix('M')?.replace('.', "").parse().ok()?;
    let operators = operators.strip_suffix('}')?.split(", ").map(|operator| {
        let (name, count) = operator.split_once(": ").expect("an operator and its count");
        (name.trim_matches('\'').to_owned(), count.parse().expect("a count"))
    });
    Some((name, Row { parameters, operators: operators.collect() }))
}
