//! How many requests of a batch are computed together, node by node.
//!
//! Early in a network a node has few weights and many elements per request: a batch's do not stay in
//! a cache until the next node reads them, those of one request do. Late it is the other way round:
//! weights come from memory each time, and a request's elements are few. So a batch is taken in
//! groups, whose size may change from node to node.
//!
//! The sizes are those for which the least bytes come from far, in this count:
//!
//! * weights come once per group;
//! * what a node reads and writes for a group comes as often as it exceeds [`CACHE`] in doublings:
//!   caches are a ladder, and each rung is slower;
//! * where the size changes, what is needed behind that node waits until the whole batch has come
//!   that far, and comes again under the same rule.
//!
//! Nothing of the machine at hand goes in, so that the same model always gives the same plan.

use super::layout::Lowering;
use super::place::{Draft, Operand};

/// Bytes that a node needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Footprint {
    /// What it reads for all requests alike.
    weights: u64,
    /// What it reads and writes for one request.
    elements: u64,
    /// What is needed of one request behind it.
    alive: u64,
}

/// What each node needs, out of the plan for one request.
pub(super) fn footprints(lowering: &Lowering<'_>) -> Vec<Footprint> {
    let mut all = vec![Footprint::default(); lowering.graph.nodes.len()];
    // The nodes from which to which each buffer is needed.
    let mut lives = vec![None; lowering.buffers.len()];
    let parts = lowering.parts.iter();
    for draft in parts.flat_map(|part| part.entering.iter().chain(&part.steps)) {
        let Some(footprint) = all.get_mut(draft.node) else { continue };
        add(lowering, draft, footprint);
        for buffer in draft.buffers() {
            let (first, last) = lives[buffer].unwrap_or((draft.node, draft.node));
            lives[buffer] = Some((draft.node.min(first), draft.node.max(last)));
        }
    }
    for (buffer, life) in lowering.buffers.iter().zip(lives) {
        let Some((first, last)) = life.filter(|_| buffer.batched) else { continue };
        for footprint in &mut all[first..last] {
            footprint.alive += bytes(buffer.elements);
        }
    }
    all
}

/// Adds what a step reads and writes.
fn add(lowering: &Lowering<'_>, draft: &Draft, footprint: &mut Footprint) {
    let Some(lengths) = draft.kernel.lengths(lowering.target) else { return };
    let reads = draft.reads.iter().zip(lengths.reads.iter().flatten());
    for (operand, area) in reads.chain([(&draft.write, &lengths.write)]) {
        let own = match operand {
            Operand::Fixed(_) => false,
            Operand::Outside { .. } => true,
            Operand::Tensor(tensor) => lowering.buffers[tensor.buffer].batched,
        };
        let sum = if own { &mut footprint.elements } else { &mut footprint.weights };
        *sum += bytes(area.rows * area.width);
    }
}

/// For each node, how many requests of a batch of this size are computed together; each number
/// divides the size.
pub(super) fn groups(footprints: &[Footprint], size: usize) -> Vec<usize> {
    // The largest first: it is taken where nothing speaks against it.
    let sizes: Vec<usize> = (1..=size).rev().filter(|&group| size.is_multiple_of(group)).collect();
    let mut costs = vec![0_u64; sizes.len()];
    // For each node and size, the size of the node before with which it costs least.
    let mut before: Vec<Vec<usize>> = Vec::with_capacity(footprints.len());
    let mut change = 0;
    for footprint in footprints {
        let cheapest = cheapest(&costs);
        let changed = costs[cheapest].saturating_add(change);
        let from = (0..sizes.len()).map(|at| if costs[at] <= changed { at } else { cheapest });
        before.push(from.collect());
        for (cost, &group) in costs.iter_mut().zip(&sizes) {
            *cost = (*cost).min(changed).saturating_add(footprint.cost(group, size));
        }
        change = far(footprint.alive, size, size);
    }
    let mut at = cheapest(&costs);
    let mut groups = vec![0; footprints.len()];
    for (group, before) in groups.iter_mut().zip(before).rev() {
        *group = sizes[at];
        at = before[at];
    }
    groups
}

/// The first of the smallest.
fn cheapest(costs: &[u64]) -> usize {
    (0..costs.len()).min_by_key(|&at| costs[at]).unwrap_or(0)
}

impl Footprint {
    /// Bytes that come from far when a batch is computed in groups.
    fn cost(&self, group: usize, size: usize) -> u64 {
        let weights = self.weights.saturating_mul(wide(size / group));
        weights.saturating_add(far(self.elements, group, size))
    }
}

/// Bytes that come from far when a batch of `size` requests with so many bytes each is gone through
/// in groups.
fn far(each: u64, group: usize, size: usize) -> u64 {
    let together = each.saturating_mul(wide(group));
    let doublings = together.div_ceil(CACHE).checked_next_power_of_two().map_or(64, u64::ilog2);
    each.saturating_mul(wide(size)).saturating_mul(doublings.into())
}

fn bytes(elements: usize) -> u64 {
    wide(elements).saturating_mul(4)
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Bytes that a node can read and write without waiting for memory.
///
/// On a core with 1 MiB of second-level cache in front of a shared third level, per image in batches
/// of 8, with 1, 2, 4, 8, 16 MiB and without groups: resnet18 10.9, 10.9, 11.2, 11.6, 12.9, 12.9 ms,
/// resnet50 33.0, 32.8, 32.8, 34.2, 35.6, 37.9 ms, `squeezenet1_1` 3.7, 3.6, 3.6, 4.0, 4.6, 4.9 ms,
/// `mobilenet_v2` 5.0, 4.8, 4.6, 5.0, 5.4, 6.1 ms, densenet121 25.5, 25.2, 25.6, 25.5, 27.5, 29.9 ms.
const CACHE: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn footprint(weights: u64, elements: u64, alive: u64) -> Footprint {
        Footprint { weights, elements, alive }
    }

    #[test]
    fn many_elements_are_taken_one_by_one_and_many_weights_together() {
        let early = footprint(MIB / 4, 4 * MIB, 2 * MIB);
        let late = footprint(8 * MIB, MIB / 4, MIB / 8);
        let network = [early, early, early, late, late, late];
        assert_eq!(groups(&network, 8), [1, 1, 1, 8, 8, 8]);
        assert_eq!(groups(&network, 1), [1; 6]);
        assert_eq!(groups(&[late, early, early, late], 8), [8, 1, 1, 8]);
        assert_eq!(groups(&network, 6), [1, 1, 1, 6, 6, 6]);
    }

    #[test]
    fn as_many_are_taken_together_as_the_cache_has_room_for() {
        let node = footprint(MIB / 2, MIB, MIB / 2);
        assert_eq!(groups(&[node; 4], 16), [4; 4]);
        assert_eq!(groups(&[node; 4], 6), [3; 4], "a divisor of the batch");
        assert_eq!(groups(&[node; 4], 7), [1; 4], "a prime has few");
        assert_eq!(groups(&[footprint(0, 1, 1); 4], 16), [16; 4], "nothing speaks against it");
        assert!(groups(&[], 8).is_empty());
    }

    #[test]
    fn a_change_must_be_worth_what_it_leaves_behind() {
        let early = footprint(0, 8 * MIB, 4 * MIB);
        let between = footprint(2 * MIB, 4 * MIB, 4 * MIB);
        assert_eq!(groups(&[early, between, early], 8), [1; 3]);
        let heavy = footprint(64 * MIB, MIB, MIB / 4);
        let light = footprint(2 * MIB, MIB / 4, MIB / 4);
        assert_eq!(
            groups(&[early, footprint(2 * MIB, 4 * MIB, MIB / 4), heavy, light], 8),
            [1, 1, 8, 8]
        );
    }

    #[test]
    fn no_footprint_is_too_large_to_be_counted() {
        let all = footprint(u64::MAX, u64::MAX, u64::MAX);
        assert_eq!(groups(&[all; 3], 256).len(), 3);
    }
}
