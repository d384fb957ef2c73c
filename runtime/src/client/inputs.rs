//! What requests carry: samples, made up or from a folder, drawn at random.

use std::path::PathBuf;

use clockwork_wire::{Encoding, InputSpec, ModelId, Payload};
use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{ClientError, samples};
use crate::net::Part;

/// How requests carry their inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputMode {
    /// They do not; somebody down the road makes inputs up.
    Absent,
    /// As the model takes them.
    #[default]
    Raw,
    /// As one LZ4 block each.
    Lz4,
}

/// Samples for every input size that the models have. A sample is made, and compressed, once; a
/// request shares it.
#[derive(Debug)]
pub(super) struct InputPool {
    mode: InputMode,
    /// Samples per size.
    count: u32,
    /// Where they come from; `None`: they are made up.
    folder: Option<PathBuf>,
    random: Xoshiro256PlusPlus,
    kinds: Vec<Samples>,
    /// The place of its kind, by model.
    models: Vec<usize>,
    absent: Part,
}

/// The samples of one size.
#[derive(Debug)]
struct Samples {
    size: u32,
    samples: Vec<(InputSpec, Part)>,
}

impl InputPool {
    /// A pool that holds `count` samples per size, at least 1.
    pub(super) fn new(mode: InputMode, count: u32, seed: u64) -> Self {
        // The workload's generators use the seed's other streams.
        let random = Xoshiro256PlusPlus::seed_from_u64(seed ^ SALT);
        let (kinds, models) = (Vec::new(), Vec::new());
        Self { mode, count, folder: None, random, kinds, models, absent: Part::empty() }
    }

    /// The same with samples from a folder, unless its name is empty.
    pub(super) fn with_samples_of(self, folder: &str) -> Self {
        Self { folder: Some(folder).filter(|name| !name.is_empty()).map(PathBuf::from), ..self }
    }

    /// Models with contiguous ids take so many bytes: makes the samples of that size, so that no
    /// request has to wait for them.
    ///
    /// # Errors
    /// If they should come from a folder and do not.
    pub(super) fn prepare(
        &mut self,
        first: ModelId,
        copies: u32,
        size: u32,
    ) -> Result<(), ClientError> {
        let known = self.kinds.iter().position(|kind| kind.size == size);
        let place = known.unwrap_or(self.kinds.len());
        if known.is_none() {
            let samples = self.samples(size)?;
            self.kinds.push(Samples { size, samples });
        }
        let end = first.index() + usize::try_from(copies).expect("a u32 fits usize");
        if end > self.models.len() {
            self.models.resize(end, usize::MAX);
        }
        self.models[first.index()..end].fill(place);
        Ok(())
    }

    /// An input for a model; absent if that was not prepared.
    pub(super) fn pick(&mut self, model: ModelId) -> (InputSpec, Part) {
        let kind = self.models.get(model.index()).and_then(|&place| self.kinds.get(place));
        match kind {
            Some(Samples { samples, .. }) if !samples.is_empty() => {
                samples[self.random.random_range(0..samples.len())].clone()
            }
            Some(_) | None => (InputSpec::default(), self.absent.clone()),
        }
    }

    fn samples(&mut self, size: u32) -> Result<Vec<(InputSpec, Part)>, ClientError> {
        if self.mode == InputMode::Absent || size == 0 {
            return Ok(Vec::new());
        }
        let count = self.count.max(1);
        let samples = match &self.folder {
            Some(folder) => samples::read(folder, size, count)?,
            None => (0..count).map(|_| pixels(size, &mut self.random)).collect(),
        };
        Ok(samples.into_iter().map(|raw| self.sample(raw)).collect())
    }

    fn sample(&self, raw: Vec<u8>) -> (InputSpec, Part) {
        let (encoding, bytes) = match self.mode {
            InputMode::Lz4 => (Encoding::Lz4, lz4_flex::block::compress(&raw)),
            InputMode::Absent | InputMode::Raw => (Encoding::Raw, raw),
        };
        let len = u32::try_from(bytes.len()).expect("a block is hardly longer than its input");
        (InputSpec { len, encoding }, Payload::new(bytes))
    }
}

/// Bytes of an image: numbers between 0 and 1 in 256 steps, as 32-bit floats. Bytes at random could
/// be no numbers at all, or some that are slow to compute with.
fn pixels(size: u32, random: &mut impl Rng) -> Vec<u8> {
    let size = usize::try_from(size).expect("a u32 fits usize");
    let numbers = std::iter::repeat_with(|| f32::from(random.random::<u8>()) / 255.0);
    numbers.flat_map(f32::to_le_bytes).take(size).collect()
}

/// Any number that is no small multiple of the generators' salt.
const SALT: u64 = 0x1D8E_4E27_C47D_124F;

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: ModelId = ModelId::new(3);

    #[test]
    fn a_sample_has_the_models_size_and_numbers_between_0_and_1() {
        let mut pool = InputPool::new(InputMode::Raw, 3, 1);
        pool.prepare(MODEL, 1, 602_112).unwrap();
        let (spec, bytes) = pool.pick(MODEL);
        assert_eq!(spec, InputSpec { len: 602_112, encoding: Encoding::Raw });
        let numbers = bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b));
        assert_eq!(numbers.filter(|n| (0.0..=1.0).contains(n)).count(), 150_528);
    }

    #[test]
    fn a_compressed_sample_decompresses_to_exactly_its_size() {
        let mut pool = InputPool::new(InputMode::Lz4, 2, 1);
        pool.prepare(MODEL, 1, 12_289).unwrap();
        let (spec, bytes) = pool.pick(MODEL);
        assert_eq!(
            (spec.encoding, bytes.len()),
            (Encoding::Lz4, usize::try_from(spec.len).unwrap())
        );
        assert!(spec.len < 12_289, "images compress");
        assert_eq!(lz4_flex::block::decompress(&bytes, 12_289).unwrap().len(), 12_289);
    }

    #[test]
    fn a_pool_draws_the_same_samples_from_the_same_seed_and_not_always_one() {
        let draw = |seed| {
            let mut pool = InputPool::new(InputMode::Raw, 4, seed);
            pool.prepare(MODEL, 1, 16).unwrap();
            (0..20).map(|_| pool.pick(MODEL).1.to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let mut distinct = draw(7);
        distinct.sort();
        distinct.dedup();
        assert!((2..=4).contains(&distinct.len()));
    }

    #[test]
    fn models_of_one_size_share_their_samples_and_others_have_theirs() {
        let mut pool = InputPool::new(InputMode::Raw, 1, 1);
        pool.prepare(ModelId::new(0), 2, 8).unwrap();
        pool.prepare(ModelId::new(2), 1, 4).unwrap();
        pool.prepare(ModelId::new(3), 1, 8).unwrap();
        let sizes = (0..5).map(|model| pool.pick(ModelId::new(model)).0.len);
        assert_eq!(sizes.collect::<Vec<_>>(), [8, 8, 4, 8, 0]);
        assert_eq!(pool.kinds.len(), 2);
    }

    #[test]
    fn absent_inputs_carry_no_bytes() {
        let mut pool = InputPool::new(InputMode::Absent, 20, 1);
        pool.prepare(MODEL, 1, 602_112).unwrap();
        assert_eq!(pool.pick(MODEL).0, InputSpec::default());
    }

    #[test]
    fn samples_come_from_a_folder_if_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("8")).unwrap();
        std::fs::write(folder.path().join("8/a"), b"01234567").unwrap();
        let name = folder.path().to_str().unwrap();
        let mut pool = InputPool::new(InputMode::Raw, 3, 1).with_samples_of(name);
        pool.prepare(MODEL, 1, 8).unwrap();
        assert_eq!(&pool.pick(MODEL).1[..], b"01234567");
        assert!(pool.prepare(MODEL, 1, 9).is_err());
        let mut absent = InputPool::new(InputMode::Absent, 3, 1).with_samples_of(name);
        absent.prepare(MODEL, 1, 9).unwrap();
    }
}
