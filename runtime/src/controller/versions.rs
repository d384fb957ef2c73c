//! The instant at which later versions begin to serve, and the end of what was asked before.
//!
//! Every shard has this to itself: each counts what the old versions still owe, and says once when
//! they owe nothing any longer.

use clockwork_wire::{ModelId, Nanos};

use super::group::Group;
use super::machine::Controller;
use super::message::{Input, Output, Swap};

/// Older versions that have not answered all that they were asked.
#[derive(Debug)]
pub(super) struct Draining {
    /// The replacement that ended them.
    number: u64,
    groups: Vec<Group>,
    /// Requests that are not answered.
    unanswered: usize,
}

impl Controller {
    /// From now on the later versions are asked.
    pub(super) fn switch(&mut self, now: Nanos, number: u64, swaps: &[Swap]) {
        for swap in swaps {
            self.catalog.switch(&swap.old, &swap.version);
        }
        let groups: Vec<Group> = swaps.iter().map(|swap| swap.old.clone()).collect();
        let unanswered = self.ledger.count(|id| groups.iter().any(|group| group.has(id)));
        if unanswered == 0 {
            self.drained(now, number);
        } else {
            self.draining.push(Draining { number, groups, unanswered });
        }
    }

    /// A version has answered one of its requests.
    pub(super) fn version_answered(&mut self, now: Nanos, version: ModelId) {
        let holds = |old: &Draining| old.groups.iter().any(|group| group.has(version));
        let Some(at) = self.draining.iter().position(holds) else { return };
        self.draining[at].unanswered -= 1;
        if self.draining[at].unanswered == 0 {
            let Draining { number, .. } = self.draining.remove(at);
            self.drained(now, number);
        }
    }

    fn drained(&mut self, now: Nanos, number: u64) {
        if self.options.shard.index() == 0 {
            self.shard_drained(now, number);
        } else {
            self.decided.push_back(Output::ToFirst(Input::Drained(number)));
        }
    }
}
