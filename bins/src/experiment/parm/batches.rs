//! Puts the answers of a run together to batches.

use std::collections::BTreeMap;

use clockwork_scheduler::{ActionRecord, Response};
use clockwork_wire::{ActionId, Nanos};

use crate::stats::log::{Batch, Query};

/// The batches of a run, as they come.
#[derive(Debug, Default)]
pub(super) struct Batches {
    /// Part of the output, arrival and departure of each answer, by its action, which is not closed yet.
    open: BTreeMap<ActionId, Vec<(u16, Nanos, Nanos)>>,
    /// With the arrival of their first query.
    done: Vec<(Nanos, Batch)>,
    /// Queries without an output.
    pub(super) lost: u64,
}

impl Batches {
    pub(super) fn answered(&mut self, response: &Response) {
        let Some((action, part)) = response.output else {
            self.lost += 1;
            return;
        };
        let answer = (part, response.arrival, response.departure);
        self.open.entry(action).or_default().push(answer);
    }

    pub(super) fn closed(&mut self, record: &ActionRecord) {
        let Some(mut answers) = self.open.remove(&record.action.id) else { return };
        answers.sort_unstable();
        let query = |&(_, arrival, departure): &(u16, Nanos, Nanos)| Query {
            e2e: departure - arrival,
            queue: record.sent - arrival,
            model: departure - record.sent,
        };
        let first = answers.iter().map(|&(_, arrival, _)| arrival).min().unwrap_or_default();
        self.done.push((first, Batch { queries: answers.iter().map(query).collect() }));
    }

    /// In the order in which their first queries came.
    pub(super) fn finish(mut self) -> Vec<Batch> {
        self.done.sort_by_key(|&(first, _)| first);
        self.done.into_iter().map(|(_, batch)| batch).collect()
    }
}
