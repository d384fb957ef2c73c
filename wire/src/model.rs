//! What everybody must know of a model: sizes, and how long it takes on a class of devices.

use crate::{BatchSize, Pages, Span};

/// How long one batch size takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchProfile {
    /// The batch size.
    pub batch: BatchSize,
    /// Measured time on an otherwise idle device.
    pub exec: Span,
}

/// A model as one worker's devices see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelProfile {
    /// The name under which clients ask for it.
    pub name: String,
    /// Bytes of one input.
    pub input_size: u32,
    /// Bytes of one output.
    pub output_size: u32,
    /// Bytes of weights, unpadded.
    pub weights_size: u64,
    /// Pages that the weights occupy in a weights cache.
    pub pages: Pages,
    /// Measured time to copy the weights to a device.
    pub load: Span,
    /// Supported batch sizes in rising order; the first is 1.
    pub batches: Vec<BatchProfile>,
}

impl ModelProfile {
    /// Measured time of the supported batch size `batch`.
    pub fn exec(&self, batch: BatchSize) -> Option<Span> {
        self.batches.iter().find(|b| b.batch == batch).map(|b| b.exec)
    }

    /// How long it takes to copy `part` of the pages, as far as the time for all of them tells.
    pub fn load_of(&self, part: Pages) -> Span {
        part_of_load(self.load, part, self.pages)
    }
}

/// How long a copy of `part` of a model's pages takes if one of `all` takes `whole`: a fixed part,
/// however few pages it is, and the rest in proportion.
pub fn part_of_load(whole: Span, part: Pages, all: Pages) -> Span {
    let fixed = fixed_part(whole);
    fixed + proportion(whole - fixed, part, all)
}

/// The inverse of [`part_of_load`]: how long a copy of `all` pages takes if one of `part` of them
/// took `measured`. `whole` is what was believed before; the fixed part is taken from it.
pub fn whole_of_load(measured: Span, part: Pages, all: Pages, whole: Span) -> Span {
    if part == all {
        return measured;
    }
    let fixed = fixed_part(whole);
    fixed + proportion(measured - fixed, all, part)
}

fn fixed_part(whole: Span) -> Span {
    LOAD_FIXED.min(Span::new(whole.get() / 8))
}

fn proportion(time: Span, part: Pages, all: Pages) -> Span {
    let ns = u128::from(time.get()) * u128::from(part.get()) / u128::from(all.get().max(1));
    Span::new(u64::try_from(ns).unwrap_or(u64::MAX))
}

/// Mapping pages and starting a copy takes a device about this long, and an eighth of the whole at
/// most.
const LOAD_FIXED: Span = Span::from_micros(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_load_take_a_little_longer_than_the_whole() {
        let (whole, all) = (Span::from_micros(8_100), Pages::new(8));
        assert_eq!(part_of_load(whole, all, all), whole);
        assert_eq!(part_of_load(whole, Pages::new(2), all), Span::from_micros(2_100));
        assert_eq!(whole_of_load(Span::from_micros(2_100), Pages::new(2), all, whole), whole);
        assert_eq!(part_of_load(Span::new(80), Pages::new(1), Pages::new(2)), Span::new(45));
    }
}
