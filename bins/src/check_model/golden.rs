//! Comparison with outputs that somebody else has computed.

use std::path::{Path, PathBuf};

use super::agreement::{Agreement, agreements};
use super::npz::{self, Arrays};
use super::subject::{Port, Subject};
use crate::Failure;

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
    let ours = subject.singly(&golden.requests)?;
    let count = golden.requests.len();
    Ok(agreements(subject, (&ours, &golden.outputs), count, tolerance))
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
