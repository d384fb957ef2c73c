//! Memory for running plans by hand.

use std::sync::Arc;

use clockwork_executor::artifact::{Artifact, Plan};
use clockwork_executor::cpu::{Kernels, Memory, run};

/// A plan with all the memory that it needs.
pub(crate) struct Bench {
    pub(crate) plan: Arc<Plan>,
    pub(crate) input: Vec<f32>,
    pub(crate) output: Vec<f32>,
    workspace: Vec<f32>,
    weights: Vec<f32>,
    kernels: Kernels,
}

impl Bench {
    pub(crate) fn new(artifact: &Artifact, plan: &Arc<Plan>, kernels: Kernels) -> Self {
        let sizes = plan.sizes();
        Self {
            plan: Arc::clone(plan),
            input: vec![0.0; sizes.input],
            // Whatever a plan does not write shows as NaN.
            output: vec![f32::NAN; sizes.output],
            workspace: vec![f32::NAN; sizes.workspace],
            weights: floats(&artifact.cpu().weights.bytes().expect("they are in memory")),
            kernels,
        }
    }

    pub(crate) fn run(&mut self) {
        let memory = Memory {
            input: &self.input,
            output: &mut self.output,
            workspace: &mut self.workspace,
            weights: &self.weights,
        };
        run(&self.kernels, &self.plan, memory);
    }
}

/// Little-endian f32 elements.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

/// The largest difference between two tensors, as a share of the largest element of the second.
pub(crate) fn error(actual: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(actual.len(), expected.len());
    let largest = expected.iter().map(|e| e.abs()).fold(0.0, f32::max);
    let difference = |(a, e): (&f32, &f32)| if (a - e).is_nan() { f32::NAN } else { (a - e).abs() };
    let differences: Vec<f32> = actual.iter().zip(expected).map(difference).collect();
    if differences.iter().any(|d| d.is_nan()) {
        return f32::NAN;
    }
    differences.into_iter().fold(0.0, f32::max) / largest
}
