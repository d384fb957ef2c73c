//! Weights: what they are called, how many there are, and how they come from a seed.

use std::io::{self, Write};

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A constant tensor of a graph.
#[derive(Debug)]
pub(crate) struct Weight {
    pub(crate) name: String,
    pub(crate) dims: Vec<usize>,
    pub(crate) data: Data,
}

/// What a constant tensor holds.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// f32 numbers, evenly distributed within `spread` of `centre`.
    Random { centre: f64, spread: f64, role: Role },
    /// This f32 number.
    Number(f64),
    /// These i64 numbers: a shape, axes, indices.
    Integers(Vec<i64>),
}

/// What random numbers stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Weights that training would have found.
    Trained,
    /// Statistics that training would have collected.
    Statistic,
}

impl Data {
    /// Trained weights around 0 with this standard deviation.
    pub(crate) fn trained(deviation: f64) -> Self {
        Self::Random { centre: 0.0, spread: deviation * 3_f64.sqrt(), role: Role::Trained }
    }

    /// Writes the little-endian bytes of `elements` numbers; `stream` is the file's seed and the
    /// weight's place in the file.
    pub(crate) fn write(
        &self,
        elements: usize,
        stream: (u64, u64),
        out: &mut impl Write,
    ) -> io::Result<()> {
        match self {
            Self::Random { centre, spread, .. } => {
                let random = Uniform::new(rounded(*centre), rounded(*spread), stream);
                random.write(elements, out)
            }
            Self::Number(value) => out.write_all(&single(*value).to_le_bytes()),
            Self::Integers(values) => {
                values.iter().try_for_each(|v| out.write_all(&v.to_le_bytes()))
            }
        }
    }
}

impl Weight {
    pub(crate) fn elements(&self) -> usize {
        self.dims.iter().product()
    }

    pub(crate) fn bytes(&self) -> usize {
        let size = match self.data {
            Data::Random { .. } | Data::Number(_) => size_of::<f32>(),
            Data::Integers(_) => size_of::<i64>(),
        };
        self.elements() * size
    }

    /// Whether it comes from the seed; the rest belongs to the architecture.
    pub(crate) fn is_random(&self) -> bool {
        matches!(self.data, Data::Random { .. })
    }

    /// Whether training would have found it.
    pub(crate) fn is_trained(&self) -> bool {
        matches!(self.data, Data::Random { role: Role::Trained, .. })
    }
}

/// A seeded source of evenly distributed numbers with 16 random bits each.
struct Uniform {
    centre: f32,
    step: f32,
    random: Xoshiro256PlusPlus,
}

impl Uniform {
    fn new(centre: f32, spread: f32, (seed, index): (u64, u64)) -> Self {
        // Every weight has a stream of its own: one that changes leaves the others as they are.
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(index);
        let random = Xoshiro256PlusPlus::seed_from_u64(mixed);
        Self { centre, step: spread / 32_768.0, random }
    }

    fn write(mut self, mut elements: usize, out: &mut impl Write) -> io::Result<()> {
        let mut buffer = [0; 4 * BLOCK];
        while elements > 0 {
            let count = elements.min(BLOCK);
            self.fill(&mut buffer);
            out.write_all(&buffer[..4 * count])?;
            elements -= count;
        }
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8; 4 * BLOCK]) {
        for four in buffer.as_chunks_mut::<16>().0 {
            let bits = self.random.next_u64().to_le_bytes();
            for (place, &pair) in four.as_chunks_mut().0.iter_mut().zip(bits.as_chunks().0) {
                let value = f32::from(i16::from_le_bytes(pair)) + 0.5;
                *place = value.mul_add(self.step, self.centre).to_le_bytes();
            }
        }
    }
}

/// Numbers made at a time; a multiple of four.
const BLOCK: usize = 4_096;

/// A number of 9 binary digits: whatever the last digit of a logarithm is on another machine, the
/// file is the same.
fn rounded(value: f64) -> f32 {
    f32::from_bits((single(value).to_bits() + 0x4000) & 0xffff_8000)
}

/// The nearest number of single precision.
#[expect(
    clippy::cast_possible_truncation,
    clippy::as_conversions,
    reason = "to round is the point"
)]
fn single(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(data: &Data, elements: usize, stream: (u64, u64)) -> Vec<f32> {
        let mut bytes = Vec::new();
        data.write(elements, stream, &mut bytes).unwrap();
        bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect()
    }

    #[test]
    fn random_weights_have_the_deviation_that_was_asked_for() {
        let values = floats(&Data::trained(0.25), 100_001, (1, 2));
        assert_eq!(values.len(), 100_001);
        let squares: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
        let deviation = (squares / 100_001.0).sqrt();
        assert!((deviation - 0.25).abs() < 0.002, "{deviation}");
    }

    #[test]
    fn a_stream_is_decided_by_seed_and_place() {
        let of = |stream| floats(&Data::trained(1.0), 9, stream);
        assert_eq!(of((1, 2)), of((1, 2)));
        assert_ne!(of((1, 2)), of((1, 3)));
        assert_ne!(of((1, 2)), of((2, 2)));
    }

    #[test]
    fn a_scale_keeps_nine_binary_digits() {
        assert_eq!(rounded(1.0 + 1.0 / 256.0).to_bits(), (1.0_f32 + 1.0 / 256.0).to_bits());
        assert_eq!(rounded(1.0 + 1e-12).to_bits(), 1.0_f32.to_bits());
        assert_eq!(rounded(0.0).to_bits(), 0);
    }
}
