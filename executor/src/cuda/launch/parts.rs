//! What the parameters of kernels are made of; `kernels/base.cuh` has the same structs.

use bytemuck::{Pod, Zeroable};

use super::LaunchError;
use crate::artifact::Activation;

/// Where a tensor that may lie in io memory begins: at an address, or so many bytes behind the
/// address that lies in a slot of the descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Place {
    pub(super) address: u64,
    /// Where the address of its memory lies; 0 if `address` is all.
    pub(super) slot: u64,
}

/// A number that kernels divide by: the quotient is the upper half of a product, shifted.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Divisor {
    by: u32,
    multiplier: u32,
    shift: u32,
}

/// An activation.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Applied {
    kind: u32,
    low: f32,
    high: f32,
}

impl Divisor {
    /// # Errors
    /// If the number is 2^31 or more.
    ///
    /// # Panics
    /// If it is zero: a checked shape has no size of zero.
    pub(super) fn new(divisor: usize) -> Result<Self, LaunchError> {
        let divisor = count(divisor)?;
        assert_ne!(divisor, 0, "checked shapes have no zeros");
        // With 2^(shift - 1) < divisor <= 2^shift, this multiplier is exact below 2^31.
        let shift = 32 - (divisor - 1).leading_zeros();
        let multiplier = (1_u64 << (31 + shift)).div_ceil(u64::from(divisor));
        // The quotient by 1 is no upper half; kernels know.
        let multiplier = u32::try_from(multiplier).unwrap_or(u32::MAX);
        Ok(Self { by: divisor, multiplier, shift: shift.saturating_sub(1) })
    }
}

impl From<Activation> for Applied {
    fn from(activation: Activation) -> Self {
        let (kind, low, high) = match activation {
            Activation::None => (0, f32::NEG_INFINITY, f32::INFINITY),
            Activation::Relu => (0, 0.0, f32::INFINITY),
            Activation::Clip { low, high } => (0, low, high),
            Activation::Sigmoid => (1, 0.0, 0.0),
            Activation::Silu => (2, 0.0, 0.0),
            Activation::HardSigmoid { slope, offset } => (3, slope, offset),
            Activation::HardSwish => (4, 0.0, 0.0),
        };
        Self { kind, low, high }
    }
}

/// A number that a kernel counts to.
pub(super) fn count(number: usize) -> Result<u32, LaunchError> {
    let small = u32::try_from(number).ok().filter(|&number| number < 1 << 31);
    small.ok_or(LaunchError::TooLarge(number))
}

/// A distance in elements or bytes.
pub(super) fn long(number: usize) -> u64 {
    u64::try_from(number).expect("a length fits 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a kernel computes.
    fn divide(number: u32, by: &Divisor) -> u32 {
        let product = u64::from(number) * u64::from(by.multiplier);
        let upper = u32::try_from(product >> 32).expect("an upper half");
        if by.by == 1 { number } else { upper >> by.shift }
    }

    #[test]
    fn quotients_are_exact() {
        let edges = [1, 2, 3, 5, 7, 8, 49, 56, 112, 640, 641, 50_176, (1 << 30) - 1, i32::MAX - 1];
        let last = u32::try_from(i32::MAX).unwrap();
        for divisor in edges.map(|edge| u32::try_from(edge).unwrap()).into_iter().chain([last]) {
            let by = Divisor::new(usize::try_from(divisor).unwrap()).unwrap();
            for near in [0, divisor, last / divisor / 2 * divisor, last / divisor * divisor, last] {
                for number in near.saturating_sub(2)..=near.saturating_add(2).min(last) {
                    assert_eq!(divide(number, &by), number / divisor, "{number} / {divisor}");
                }
            }
        }
        assert_eq!(Divisor::new(1 << 31).unwrap_err(), LaunchError::TooLarge(1 << 31));
    }
}
