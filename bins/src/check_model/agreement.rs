//! How far outputs are from a reference.

use serde::Serialize;

use super::subject::Subject;

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

/// How far the first `requests` of our outputs are off, for each of the model's output tensors; the
/// reference has as many requests, or more.
pub(super) fn agreements(
    subject: &Subject,
    (ours, reference): (&[f32], &[Vec<f32>]),
    requests: usize,
    tolerance: f32,
) -> Vec<Agreement> {
    let ours = subject.tensors(ours);
    let tensors = subject.outputs.iter().zip(ours.iter().zip(reference));
    tensors
        .map(|(port, (ours, theirs))| {
            let len = requests * port.words;
            agreement(&port.name, requests, (&ours[..len], &theirs[..len]), tolerance)
        })
        .collect()
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
