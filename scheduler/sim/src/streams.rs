//! Random streams: one per purpose, so that switching one fault on does not change what another
//! draws.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The generator behind every random choice of a simulation.
pub(crate) type Random = Xoshiro256PlusPlus;

/// What a stream is for. The numbers are salts: changing one changes what every seed means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// What the scenario consists of.
    Scenario = 1,
    /// Arrivals.
    Workload = 2,
    /// Delays of the links.
    Network = 3,
    /// Noise of the devices.
    Device = 4,
    /// Which results are lost.
    Lost = 5,
    /// Which results are late, and by how much.
    Late = 6,
    /// How far clocks are apart, and how well that is known.
    Clock = 7,
    /// When something breaks.
    Incident = 8,
    /// Which results are repeated.
    Repeated = 9,
    /// How many shards there are.
    Shards = 10,
    /// Which workers shuffle, and how much.
    Shuffles = 11,
}

/// All streams of one seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams {
    seed: u64,
}

impl Streams {
    /// The streams of `seed`.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed of a purpose's `index`-th stream.
    pub(crate) fn seed(self, purpose: Purpose, index: usize) -> u64 {
        let index = u64::try_from(index).expect("an index fits u64");
        mix(mix(self.seed ^ mix(salt(purpose))) ^ index)
    }

    /// A purpose's `index`-th stream.
    pub(crate) fn stream(self, purpose: Purpose, index: usize) -> Random {
        Random::seed_from_u64(self.seed(purpose, index))
    }
}

#[expect(clippy::as_conversions, reason = "an enum's number, declared above")]
const fn salt(purpose: Purpose) -> u64 {
    purpose as u64
}

/// The finaliser of `SplitMix64`: every bit of the input changes half of the output.
const fn mix(input: u64) -> u64 {
    let a = input.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    c ^ (c >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_different_purposes_and_indices_differ() {
        let streams = Streams::new(7);
        let mut seeds: Vec<u64> = [Purpose::Network, Purpose::Lost, Purpose::Late]
            .into_iter()
            .flat_map(|purpose| (0..10).map(move |index| streams.seed(purpose, index)))
            .collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 30);
    }
}
