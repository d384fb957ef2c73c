//! Whether a batch waits for more requests.
//!
//! A batch that the requests expected until its latest start would make larger takes less device time
//! per request if it waits. It does so while the device has something else to do: the batch of another
//! model that would not grow and is over by then. And it lets the device idle only while requests are
//! being refused, because else device time is worth nothing, and if that saves more than it costs. It
//! never waits past the last moment at which the larger batch would serve its first request in time.

use clockwork_wire::{BatchSize, ModelId, Nanos, Span};

use super::Clockwork;
use super::dispatch::Choice;
use super::kind::Kind;
use super::wants::Urgent;

/// What a batch that may start now becomes if it waits. Times are the device's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Growth {
    /// How long until as many requests can be expected as the next batch size takes.
    wait: Span,
    /// The latest start of that batch.
    latest: Nanos,
    /// Device time that it saves.
    saved: Span,
}

impl Growth {
    /// Of a batch of size `batch` that starts at `start`, if `waiting` requests wait, the first of them
    /// until `due`, and one more is expected every `interval`. `None` if it would not grow in time.
    fn of(
        kind: &Kind,
        (batch, waiting): (BatchSize, usize),
        interval: Span,
        (start, due): (Nanos, Nanos),
        on_device: impl Fn(Span) -> Span,
    ) -> Option<Self> {
        let at = kind.sizes.iter().position(|size| size.batch == batch)?;
        let (now, next) = (&kind.sizes[at], kind.sizes.get(at + 1)?);
        let missing = u64::try_from(next.count.saturating_sub(waiting)).ok()?;
        let wait = interval.times(missing);
        let latest = due - on_device(next.exec.value());
        let apart = now.exec.value() + kind.filled(next.count - now.count).exec.value();
        let saved = on_device(apart - next.exec.value());
        (start + wait <= latest).then_some(Self { wait, latest, saved })
    }

    /// Whether it is worth that the device idles meanwhile. Requests may well come later than expected,
    /// for which the wait counts twice.
    fn pays(self) -> bool {
        self.saved > self.wait.times(2)
    }
}

impl Clockwork {
    /// What a device does instead of starting a batch at `start`: the same, another model's batch, or
    /// nothing; then it looks again in time.
    pub(super) fn deferred(
        &mut self,
        device: usize,
        start: Nanos,
        choice: Choice,
    ) -> Option<Choice> {
        let Some(growth) = self.growth(device, &choice) else { return Some(choice) };
        if let Some(other) = self.instead(device, start, choice.0, growth.latest) {
            return Some(other);
        }
        let at = (self.now + growth.wait.times(2)).min(growth.latest - self.pace.delivery());
        if at <= self.now || !self.pace.is_overloaded(self.now) || !growth.pays() {
            return Some(choice);
        }
        self.ready.set(device, at.get());
        None
    }

    fn growth(&self, device: usize, (id, slot, batch): &Choice) -> Option<Growth> {
        let held = &self.devices[device];
        let model = &self.models[id.index()];
        let waiting = model.queue.len() - batch.cursor;
        let due = model.queue.deadline(batch.cursor)?;
        let kind = &self.kinds[held.copies.at(*slot).kind];
        let interval = model.arrivals.expected(self.now);
        let on_device = |time| self.at_clock(time, held.clock);
        Growth::of(kind, (batch.batch, waiting), interval, (batch.start, due), on_device)
    }

    /// The most urgent batch that would not grow and is over when those before it must start, `first`
    /// by `latest`.
    fn instead(
        &self,
        device: usize,
        start: Nanos,
        first: ModelId,
        mut latest: Nanos,
    ) -> Option<Choice> {
        let held = &self.devices[device];
        let several = self.wants.several(&held.lanes, None);
        for &Urgent { slot, .. } in several.iter().take(LOOKS) {
            let id = held.copies.at(slot).model;
            let batch = if id == first { None } else { self.candidate(id, device, slot, start) };
            let Some(choice) = batch.map(|batch| (id, slot, batch)) else { continue };
            let Some(growth) = self.growth(device, &choice) else {
                return Some(choice).filter(|(_, _, batch)| batch.start + batch.expected <= latest);
            };
            latest = latest.min(growth.latest);
        }
        None
    }
}

/// Among how many models, the most urgent first, one is looked for that would not grow.
const LOOKS: usize = 5;

#[cfg(test)]
mod tests;
