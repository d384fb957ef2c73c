//! Every kernel gives what that for processors gives, whatever runs it.

use clockwork_executor::artifact::{Precision, Target};
use rand::SeedableRng as _;

use crate::case::Machine;
use crate::emulator::Emulator;
use crate::shapes::{Dice, KINDS};
use crate::{batched, epilogue};

const TARGETS: [Target; 2] = [Target::Cuda(Precision::Fp32), Target::Cuda(Precision::Fp16)];

/// Numbers between -2 and 2 that f16 holds exactly, in no order.
pub(crate) fn number(index: usize) -> f32 {
    let scattered = (index.wrapping_mul(2_654_435_761) >> 7) & 0x7f;
    (f32::from(u8::try_from(scattered).expect("seven bits")) - 64.0) / 32.0
}

/// Tries so many shapes of every kind.
fn compare(machine: &mut dyn Machine, shapes: usize) {
    for (index, make) in KINDS.into_iter().enumerate() {
        let mut dice = Dice::seed_from_u64(u64::try_from(index).expect("few kinds"));
        for _ in 0..shapes {
            let case = make(&mut dice);
            for target in TARGETS {
                case.check(machine, target, &number);
            }
        }
    }
    epilogue::compare(machine);
    for target in TARGETS {
        batched::compare(machine, target);
    }
}

#[test]
fn emulated_kernels_give_what_those_for_processors_give() {
    if let Some(mut machine) = Emulator::build() {
        compare(&mut machine, 6);
    }
}
