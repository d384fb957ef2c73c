//! Later versions on their way to devices, the instant at which they begin to serve, and the end of
//! what was asked before.
//!
//! Every shard has this to itself: each says once when its devices have what they are to have, counts
//! what the old versions still owe, and says once when they owe nothing any longer.

use clockwork_wire::{ModelId, Nanos};

use super::group::Group;
use super::machine::Controller;
use super::message::{Input, Output, Swap};

/// Later versions that are on their way to devices.
#[derive(Debug)]
pub(super) struct Warming {
    /// The replacement that they are of.
    number: u64,
    versions: Vec<Group>,
}

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
    /// Later versions are to be where the old ones are, so that nobody waits for them.
    pub(super) fn warm(&mut self, now: Nanos, number: u64, swaps: &[Swap]) {
        for swap in swaps {
            for (old, new) in swap.old.models().zip(swap.version.models()) {
                self.scheduler.handle(now, clockwork_scheduler::Input::Succeed { old, new });
            }
        }
        let versions = swaps.iter().map(|swap| swap.version.clone()).collect();
        self.warming.push(Warming { number, versions });
    }

    /// Whether versions were found to be there, which changes what there is to do.
    pub(super) fn note_warm(&mut self, now: Nanos) -> bool {
        let is_there = |group: &Group| !group.models().any(|id| self.scheduler.is_loading(id));
        let is_warm = |warming: &Warming| warming.versions.iter().all(is_there);
        let Some(at) = self.warming.iter().position(is_warm) else { return false };
        let Warming { number, .. } = self.warming.remove(at);
        if self.options.shard.index() == 0 {
            self.shard_warmed(now, number);
        } else {
            self.decided.push_back(Output::ToFirst(Input::Warmed(number)));
        }
        true
    }

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
