//! Every kernel gives what that for processors gives, whatever runs it.

use clockwork_executor::artifact::{Element, Precision, Target};
use rand::SeedableRng as _;

use crate::case::{Case, Trial};
use crate::emulator::Emulator;
use crate::gpu::Gpu;
use crate::shapes::{Dice, KINDS};
use crate::{batched, epilogue};

/// What can run plans.
pub(crate) trait Machine {
    /// What a plan answers.
    fn run(&mut self, trial: &Trial) -> Vec<f32>;
}

const TARGETS: [Target; 2] = [Target::Cuda(Precision::Fp32), Target::Cuda(Precision::Fp16)];

/// Tries so many shapes of every kind, and images of batches.
fn compare(machine: &mut dyn Machine, shapes: usize) {
    let mut cases = Vec::new();
    for (index, make) in KINDS.into_iter().enumerate() {
        let mut dice = Dice::seed_from_u64(u64::try_from(index).expect("few kinds"));
        cases.extend((0..shapes).map(|_| make(&mut dice)));
    }
    let expected = Trial::new(&cases, Target::Cpu).expected();
    for target in TARGETS {
        let trial = Trial::new(&cases, target);
        let actual = machine.run(&trial);
        for (case, result) in cases.iter().zip(&trial.results) {
            let [actual, expected] = [&actual, &expected].map(|all| &all[result.clone()]);
            assert_close(case, target, actual, expected);
        }
        batched::compare(machine, target);
    }
}

/// Elements differ by what rounding explains.
fn assert_close(case: &Case, target: Target, actual: &[f32], expected: &[f32]) {
    let largest = expected.iter().filter(|e| e.is_finite()).fold(0.0_f32, |l, e| l.max(e.abs()));
    let allowed = match target.element() {
        Element::F32 => 2e-6 * largest + 1e-6,
        Element::F16 => 2e-3 * largest + 1e-4,
    };
    for (index, (a, e)) in actual.iter().zip(expected).enumerate() {
        let same = a.to_bits() == e.to_bits() || (a.is_nan() && e.is_nan());
        assert!(same || (a - e).abs() <= allowed, "{a}, not {e} at {index}: {target} {case:?}");
    }
}

#[test]
fn emulated_kernels_give_what_those_for_processors_give() {
    if let Some(mut machine) = Emulator::build() {
        compare(&mut machine, 8);
        epilogue::compare(&mut machine);
    }
}

#[test]
fn a_gpu_gives_what_a_processor_gives() {
    if let Some(mut machine) = Gpu::find() {
        compare(&mut machine, 40);
    }
}
