//! How often each status occurred.

use std::collections::BTreeMap;

use clockwork_wire::Status;

/// Counts by status. A run sees a handful of them, so that looking through a short list beats a
/// map, and nothing is allocated for an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally(Vec<(Status, u64)>);

impl Tally {
    /// One more of these.
    pub(super) fn count(&mut self, status: Status) {
        self.add(status, 1);
    }

    /// How many there were of one.
    pub(super) fn of(&self, status: Status) -> u64 {
        self.0.iter().find(|(known, _)| *known == status).map_or(0, |(_, count)| *count)
    }

    /// How many there were in all.
    pub(super) fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// All that is not OK, by number and words.
    pub(super) fn errors(&self) -> BTreeMap<String, u64> {
        let errors = self.0.iter().filter(|(status, _)| !status.is_ok());
        errors.map(|(status, count)| (status.to_string(), *count)).collect()
    }

    /// Takes in the counts of another.
    pub(super) fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|&(status, count)| self.add(status, count));
    }

    fn add(&mut self, status: Status, count: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == status) {
            Some((_, known)) => *known += count,
            None => self.0.push((status, count)),
        }
    }
}
