//! The digits model answers what its reference answers, in batches of every size.

use clockwork_executor::artifact::Artifact;
use clockwork_executor::compile::digits;
use clockwork_executor::cpu::Kernels;
use clockwork_wire::BatchSize;

use crate::memory::{Bench, error, floats};

/// The outputs of all test images, run in batches of one size; a last, partial batch is filled up
/// with zeros.
fn outputs(artifact: &Artifact, size: u16, kernels: Kernels) -> Vec<f32> {
    let plan = artifact.cpu().plan(BatchSize::new(size).expect("a batch size")).expect("a plan");
    let mut bench = Bench::new(artifact, plan, kernels);
    let examples: Vec<_> = digits::examples().collect();
    let mut outputs = Vec::new();
    for batch in examples.chunks(usize::from(size)) {
        bench.input.fill(0.0);
        for (slot, example) in bench.input.chunks_exact_mut(64).zip(batch) {
            slot.copy_from_slice(&floats(example.image));
        }
        bench.run();
        outputs.extend_from_slice(&bench.output[..batch.len() * 10]);
    }
    outputs
}

#[test]
fn accuracy_equals_the_reference() {
    let artifact = digits::artifact();
    let outputs = outputs(&artifact, 1, Kernels::detect());
    let right = |of: fn(&digits::Example, &[f32]) -> Vec<u8>| {
        let answers = digits::examples().zip(outputs.chunks_exact(10));
        answers.filter(|(e, output)| digits::digit(&of(e, output)) == Some(e.label)).count()
    };
    let ours = right(|_, output| output.iter().flat_map(|logit| logit.to_le_bytes()).collect());
    let reference = right(|example, _| example.logits.to_vec());
    assert_eq!(ours, reference);
    assert!(ours * 100 >= digits::examples().len() * 97, "{ours} right answers");
}

#[test]
fn logits_equal_the_reference_within_tolerance() {
    let artifact = digits::artifact();
    let reference: Vec<f32> = digits::examples().flat_map(|e| floats(e.logits)).collect();
    for kernels in [Kernels::detect(), Kernels::portable()] {
        let error = error(&outputs(&artifact, 1, kernels), &reference);
        assert!(error <= 1e-5, "{kernels:?}: {error}");
    }
}

#[test]
fn a_batch_answers_what_its_members_answer_alone() {
    let artifact = digits::artifact();
    for kernels in [Kernels::detect(), Kernels::portable()] {
        let alone = outputs(&artifact, 1, kernels);
        for size in [2, 4, 8, 16] {
            // Every output element is summed in the same order whatever the batch.
            assert_eq!(outputs(&artifact, size, kernels), alone, "{kernels:?}, batch {size}");
        }
    }
}
