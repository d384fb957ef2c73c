//! Slices side by side, so that those of one lane never overlap.

use clockwork_wire::Nanos;

use super::slices::Slice;

/// Gives each slice a lane from 0 on, the first that is free. The slices must be in order of begin.
pub(super) fn lanes(slices: &[Slice<'_>]) -> Vec<u32> {
    let mut ends: Vec<Nanos> = Vec::new();
    let lane = |slice: &Slice<'_>| {
        let free = ends.iter().position(|end| *end <= slice.begin);
        let lane = free.unwrap_or_else(|| {
            ends.push(Nanos::ZERO);
            ends.len() - 1
        });
        ends[lane] = slice.end;
        u32::try_from(lane).unwrap_or(u32::MAX)
    };
    slices.iter().map(lane).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trace::slices::{Kind, tests::infer};

    proptest! {
        #[test]
        fn slices_of_one_lane_never_overlap(
            mut times in prop::collection::vec((0_u64..100, 0_u64..30), 0..60),
        ) {
            times.sort_unstable();
            let row = infer();
            let slice = |&(begin, length): &(u64, u64)| Slice {
                kind: Kind::Infer,
                begin: Nanos::new(begin),
                end: Nanos::new(begin + length),
                row: &row,
            };
            let slices: Vec<_> = times.iter().map(slice).collect();
            let lanes = lanes(&slices);
            for (at, slice) in slices.iter().enumerate() {
                let before = slices[..at].iter().zip(&lanes).filter(|(_, lane)| **lane == lanes[at]);
                for (earlier, _) in before {
                    prop_assert!(earlier.end <= slice.begin);
                }
            }
            let most = slices.iter().map(|s| slices.iter().filter(|o| o.begin <= s.begin && s.begin < o.end).count());
            prop_assert!(lanes.iter().all(|lane| usize::try_from(*lane).unwrap() <= most.clone().max().unwrap_or(0)));
        }
    }
}
