//! The inputs of a batch: made up where they are absent, brought to one encoding where they differ.

use std::collections::BTreeMap;

use clockwork_wire::{Encoding, InputSpec, Payload};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::net::Part;

/// Random inputs, one per size, made at first use.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<u32, Part>);

impl Samples {
    /// A random input of `size` bytes; the same one each time.
    pub(super) fn of_size(&mut self, size: u32) -> Part {
        let make = || {
            let mut bytes = zeros(size);
            Xoshiro256PlusPlus::seed_from_u64(size.into()).fill_bytes(&mut bytes);
            Payload::new(bytes)
        };
        self.0.entry(size).or_insert_with(make).clone()
    }
}

/// The one encoding and the bytes of a batch; no bytes if all inputs are absent.
///
/// An action says once how its inputs are to be read. Clients that send raw, compressed and absent
/// inputs may meet in one batch: raw ones are compressed then, and absent ones become zeros.
pub(super) fn unify(batch: Vec<(InputSpec, Part)>, input_size: u32) -> (Encoding, Vec<Part>) {
    let encoding = |spec: &InputSpec| (spec.len > 0).then_some(spec.encoding);
    let first = batch.first().and_then(|(spec, _)| encoding(spec));
    if batch.iter().all(|(spec, _)| encoding(spec) == first) {
        let parts = batch.into_iter().map(|(_, part)| part).filter(|part| !part.is_empty());
        return (first.unwrap_or_default(), parts.collect());
    }
    let compressed = batch.iter().any(|(spec, _)| encoding(spec) == Some(Encoding::Lz4));
    let target = if compressed { Encoding::Lz4 } else { Encoding::Raw };
    let convert = |(spec, part)| convert(spec, part, target, input_size);
    (target, batch.into_iter().map(convert).collect())
}

fn convert(spec: InputSpec, part: Part, target: Encoding, input_size: u32) -> Part {
    let is_raw = spec.len == 0 || spec.encoding == Encoding::Raw;
    let part = if spec.len > 0 { part } else { Payload::new(zeros(input_size)) };
    match target {
        Encoding::Lz4 if is_raw => Payload::new(lz4_flex::block::compress(&part)),
        Encoding::Lz4 | Encoding::Raw => part,
    }
}

fn zeros(size: u32) -> Vec<u8> {
    vec![0; usize::try_from(size).expect("a size fits usize")]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8], encoding: Encoding) -> (InputSpec, Part) {
        let len = u32::try_from(bytes.len()).unwrap();
        (InputSpec { len, encoding }, Payload::new(bytes.to_vec()))
    }

    #[test]
    fn inputs_of_one_kind_pass_untouched() {
        let batch = vec![input(&[1, 2], Encoding::Raw), input(&[3, 4], Encoding::Raw)];
        let (encoding, parts) = unify(batch, 2);
        assert_eq!((encoding, &parts[1][..]), (Encoding::Raw, &[3, 4][..]));
        let absent = vec![input(&[], Encoding::Raw), input(&[], Encoding::Raw)];
        assert!(unify(absent, 2).1.is_empty());
    }

    #[test]
    fn mixed_inputs_meet_as_compressed_ones() {
        let block = lz4_flex::block::compress(&[7, 8]);
        let batch = vec![
            input(&[1, 2], Encoding::Raw),
            input(&block, Encoding::Lz4),
            input(&[], Encoding::Raw),
        ];
        let (encoding, parts) = unify(batch, 2);
        assert_eq!(encoding, Encoding::Lz4);
        let plain: Vec<Vec<u8>> =
            parts.iter().map(|part| lz4_flex::block::decompress(part, 2).unwrap()).collect();
        assert_eq!(plain, [[1, 2], [7, 8], [0, 0]]);
    }
}
