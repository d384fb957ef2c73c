//! Inputs of integers, and what is looked up with them.

use super::model::Model;
use crate::compile::tensor::{FLOAT, INT32, INT64};

/// Integers as the words of a request.
fn wide(numbers: &[i64]) -> Vec<f32> {
    let words = |&number: &i64| number.to_le_bytes().as_chunks().0.to_vec();
    numbers.iter().flat_map(words).map(f32::from_le_bytes).collect()
}

fn narrow(numbers: &[i32]) -> Vec<f32> {
    numbers.iter().map(|number| f32::from_bits(number.cast_unsigned())).collect()
}

/// Looks three tokens up in a table of four rows.
fn embedding() -> Model {
    let table = [0.0, 1.0, 10.0, 11.0, 20.0, 21.0, 30.0, 31.0];
    Model::new(&[0, 3]).of(INT64).floats("table", &[4, 2], &table).node(
        "Gather",
        &["table", "x"],
        "y",
    )
}

#[test]
fn tokens_become_rows_of_a_table() {
    let rows = [20.0, 21.0, 0.0, 1.0, 30.0, 31.0];
    embedding().gives(&wide(&[2, 0, 3]), &rows);
    embedding().gives(&wide(&[-2, -4, -1]), &rows);
    embedding().of(INT32).gives(&narrow(&[2, 0, -1]), &rows);
}

#[test]
fn a_token_that_the_table_does_not_have_gives_nan_and_leaves_its_neighbours_alone() {
    for stranger in [4, -5, 1 << 40, i64::MIN, i64::MAX] {
        let answer = embedding().answer(&wide(&[1, stranger, 2, 0, 1, 2]));
        assert_eq!(answer[..2], [10.0, 11.0]);
        assert!(answer[2..4].iter().all(|element| element.is_nan()), "{stranger}: {answer:?}");
        assert_eq!(answer[4..], [20.0, 21.0, 0.0, 1.0, 10.0, 11.0, 20.0, 21.0]);
    }
}

#[test]
fn masks_are_computed_from_tokens() {
    let padding = Model::new(&[0, 3])
        .of(INT64)
        .integers("none", &[0])
        .floats("far", &[], &[-100.0])
        .node("Equal", &["x", "none"], "is_padding")
        .node("Cast", &["is_padding"], "float")
        .int("to", i64::from(FLOAT))
        .node("Mul", &["float", "far"], "y");
    padding.gives(&wide(&[5, 0, 7]), &[0.0, -100.0, 0.0]);
    let counted = Model::new(&[0, 3])
        .of(INT32)
        .integers("one", &[1])
        .node("Add", &["x", "one"], "more")
        .node("Mul", &["more", "x"], "product")
        .node("Cast", &["product"], "y")
        .int("to", i64::from(FLOAT));
    counted.gives(&narrow(&[5, 0, -7]), &[30.0, 0.0, 42.0]);
}

#[test]
fn integers_that_cannot_be_computed_are_refused_in_words() {
    let by = |kind| Model::new(&[0, 3]).of(kind);
    let table = [0.0; 6];
    for (model, words) in [
        (by(2).node("Cast", &["x"], "y").int("to", 1), "element type 2; supported: float32 (1)"),
        (by(INT64).node("Identity", &["x"], "y"), "output y is of integers"),
        (by(INT64).node("Div", &["x", "x"], "y"), "a quotient of computed integers"),
        (
            by(FLOAT).floats("t", &[3, 2], &table).node("Gather", &["t", "x"], "y"),
            "supported: indices that are integers",
        ),
        (
            by(INT64).floats("t", &[3, 2], &table).node("Gather", &["t", "x"], "y").int("axis", 1),
            "supported: into axis 0 of a constant",
        ),
        (
            by(INT64).integers("n", &[1 << 30]).node("Add", &["x", "n"], "y"),
            "1073741824 meets computed integers",
        ),
        (
            by(FLOAT).integers("n", &[1]).node("Add", &["x", "n"], "y"),
            "meet what is computed in floats",
        ),
    ] {
        let refused = model.refusal();
        assert!(refused.contains(words), "{refused}");
    }
}
