//! Comparison with outputs that somebody else has computed.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::npz::{self, Arrays};
use super::subject::{Port, Subject};
use crate::Failure;

/// How far an output tensor is from the reference.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Agreement {
    /// The tensor's name.
    pub(super) name: String,
    /// Requests that were compared.
    pub(super) requests: usize,
    /// The largest difference between two elements.
    pub(super) difference: f32,
    /// The largest magnitude in the reference.
    pub(super) magnitude: f32,
    /// The first by the second; NaN if one of the two has a NaN.
    pub(super) error: f32,
    /// Whether the error is within the tolerance, or the difference is one of rounding near 1.
    pub(super) within: bool,
}

/// Requests, and the outputs that they should have, tensor by tensor.
struct Golden {
    requests: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
}

/// Runs the requests of a golden file, and says for each output tensor how far it is off.
pub(super) fn compare(
    subject: &mut Subject,
    path: &Path,
    tolerance: f32,
) -> Result<Vec<Agreement>, Failure> {
    let golden = Golden::of(&npz::read(path)?, subject)
        .map_err(|reason| Unfit { path: path.to_owned(), reason })?;
    let mut ours: Vec<Vec<f32>> = vec![Vec::new(); subject.outputs.len()];
    for request in &golden.requests {
        let outputs = subject.outputs.clone();
        let mut rest = subject.run(&[request])?;
        for (port, ours) in outputs.iter().zip(&mut ours) {
            let (tensor, others) = rest.split_at(port.words);
            ours.extend(tensor);
            rest = others;
        }
    }
    let tensors = subject.outputs.iter().zip(ours.iter().zip(&golden.outputs));
    let count = golden.requests.len();
    Ok(tensors.map(|(port, (a, b))| agreement(&port.name, count, (a, b), tolerance)).collect())
}

/// The golden file does not fit the model.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
struct Unfit {
    path: PathBuf,
    reason: String,
}

impl Golden {
    /// The golden that these arrays are for this model: `in_NAME` and `out_NAME`, of one or more requests.
    fn of(arrays: &Arrays, subject: &Subject) -> Result<Self, String> {
        let find = |prefix: &str, ports: &[Port]| -> Result<Vec<Found>, String> {
            ports.iter().map(|port| Found::of(arrays, prefix, port)).collect()
        };
        let inputs = find("in", &subject.inputs)?;
        let outputs = find("out", &subject.outputs)?;
        let mut all = inputs.iter().chain(&outputs);
        let count = all.clone().next().map_or(0, |first| first.requests);
        if all.any(|found| found.requests != count) {
            let said = |found: &Found| format!("{} {}", found.name, found.requests);
            let said: Vec<_> = inputs.iter().chain(&outputs).map(said).collect();
            return Err(format!(
                "its arrays have different numbers of requests: {}",
                said.join(", ")
            ));
        }
        let request = |index: usize| {
            let parts = inputs
                .iter()
                .zip(&subject.inputs)
                .map(|(found, port)| &found.words[index * port.words..(index + 1) * port.words]);
            parts.flatten().copied().collect()
        };
        let requests = (0..count).map(request).collect();
        Ok(Self { requests, outputs: outputs.into_iter().map(|found| found.words).collect() })
    }
}

/// A tensor's array.
struct Found {
    name: String,
    requests: usize,
    words: Vec<f32>,
}

impl Found {
    fn of(arrays: &Arrays, prefix: &str, port: &Port) -> Result<Self, String> {
        let name = format!("{prefix}_{}", port.name);
        let array = arrays.get(&name).ok_or_else(|| {
            let names: Vec<_> = arrays.keys().map(String::as_str).collect();
            format!("it has no array {name}; it has {}", names.join(", "))
        })?;
        let requests = port.requests_in(&array.shape).ok_or_else(|| {
            let wanted = match &port.shape {
                Some(shape) => format!("{shape:?}"),
                None => format!("{} elements", port.words),
            };
            let shape = &array.shape;
            format!("{name} has shape {shape:?}; a request has {wanted}, and the first dimension may count requests")
        })?;
        let words = array.words(port.scalar).map_err(|reason| format!("{name}: {reason}"))?;
        Ok(Self { name, requests, words })
    }
}

fn agreement(
    name: &str,
    requests: usize,
    (ours, theirs): (&[f32], &[f32]),
    tolerance: f32,
) -> Agreement {
    let largest = |values: &mut dyn Iterator<Item = f32>| {
        values.fold(0.0, |most, value| if value.is_nan() { value } else { f32::max(most, value) })
    };
    let differences = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
    // A NaN must not disappear in a maximum.
    let invalid = ours.iter().chain(theirs).any(|value| !value.is_finite());
    let difference = if invalid { f32::NAN } else { largest(&mut differences.into_iter()) };
    let magnitude = largest(&mut theirs.iter().map(|value| value.abs()));
    let error = if difference == 0.0 { 0.0 } else { difference / magnitude };
    // Who computes a sigmoid as a quotient plus one half knows it to one unit in the last place of that,
    // however small it is: ONNX Runtime does.
    let within = error <= tolerance || difference <= f32::EPSILON;
    Agreement { name: name.to_owned(), requests, difference, magnitude, error, within }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_largest_difference_by_the_largest_magnitude() {
        let same = agreement("y", 1, (&[1.0, -4.0], &[1.0, -4.0]), 0.0);
        assert_eq!((same.error, same.within), (0.0, true));
        let off = agreement("y", 1, (&[1.5, -4.0], &[1.0, -4.0]), 0.125);
        assert_eq!((off.difference, off.magnitude, off.error, off.within), (0.5, 4.0, 0.125, true));
        assert!(!agreement("y", 1, (&[1.5, -4.0], &[1.0, -4.0]), 0.1).within);
        let tiny = agreement("y", 1, (&[1.1e-6], &[1.0e-6]), 0.0);
        assert!(tiny.within && tiny.error > 0.09, "{tiny:?}");
        assert!(!agreement("y", 1, (&[f32::NAN], &[1.0]), 1.0).within);
    }

    #[test]
    fn what_is_not_finite_never_agrees() {
        for (ours, theirs) in [([f32::NAN], [1.0]), ([1.0], [f32::NAN]), ([f32::INFINITY], [1.0])] {
            let judged = agreement("y", 1, (&ours, &theirs), 1e30);
            assert!(!judged.within && judged.error.is_nan(), "{judged:?}");
        }
    }
}
