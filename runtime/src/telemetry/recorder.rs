//! The core's end of telemetry: bounded rings that never make it wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Thread;

use rtrb::{Consumer, Producer, RingBuffer};

use super::traffic::Published;
use super::{ActionRow, Carried, RequestRecord};

/// Where one core leaves its records. Costs a copy into a ring per record.
#[derive(Debug)]
pub struct Recorder {
    requests: Producer<RequestRecord>,
    actions: Producer<ActionRow>,
    shared: Arc<Shared>,
    writer: Thread,
    unread: usize,
    unread_max: usize,
    /// Whether anybody wants records.
    wanted: bool,
}

impl Recorder {
    /// Whether anybody wants records: there are logs, or a summary. If not, none need be made, and
    /// those that come are passed over.
    pub const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Records an answered request; drops and counts it if the ring is full.
    pub fn request(&mut self, record: RequestRecord) {
        if !self.wanted {
            return;
        }
        let kept = self.requests.push(record).is_ok();
        self.after_push(kept);
    }

    /// Records an action that is over; drops and counts it if the ring is full.
    pub fn action(&mut self, row: ActionRow) {
        if !self.wanted {
            return;
        }
        let kept = self.actions.push(row).is_ok();
        self.after_push(kept);
    }

    /// Publishes what this core's link to the workers has carried since the start; once per turn is
    /// often enough.
    pub fn traffic(&mut self, totals: Carried) {
        self.shared.traffic.store(totals);
    }

    /// The writer comes by itself twice a second; it is called only when much has gathered.
    fn after_push(&mut self, kept: bool) {
        if !kept {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.unread += 1;
        if self.unread >= self.unread_max {
            self.unread = 0;
            self.writer.unpark();
        }
    }
}

/// The writer's end of one core's rings.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) requests: Consumer<RequestRecord>,
    pub(super) actions: Consumer<ActionRow>,
    pub(super) shared: Arc<Shared>,
}

/// What both ends know.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Records that found their ring full.
    pub(super) dropped: AtomicU64,
    /// What the core's link to the workers carried.
    pub(super) traffic: Published,
}

/// A core's end whose writer is not known yet.
pub(super) struct Unattended {
    requests: Producer<RequestRecord>,
    actions: Producer<ActionRow>,
    shared: Arc<Shared>,
    capacity: usize,
}

impl Unattended {
    /// The recorder, once it is known who reads, and whether records are wanted.
    pub(super) fn attend(self, writer: Thread, wanted: bool) -> Recorder {
        Recorder {
            requests: self.requests,
            actions: self.actions,
            shared: self.shared,
            writer,
            unread: 0,
            unread_max: (self.capacity / 4).max(1),
            wanted,
        }
    }
}

/// The two ends of one core's rings, each for `capacity` records.
pub(super) fn lane(capacity: usize) -> (Unattended, Lane) {
    let (requests, requests_out) = RingBuffer::new(capacity);
    let (actions, actions_out) = RingBuffer::new(capacity);
    let shared = Arc::new(Shared::default());
    let lane = Lane { requests: requests_out, actions: actions_out, shared: shared.clone() };
    (Unattended { requests, actions, shared, capacity }, lane)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::telemetry::action_log::tests::inferred;

    #[test]
    fn a_record_that_finds_its_ring_full_is_counted() {
        let (recorder, mut lane) = lane(2);
        let mut recorder = recorder.attend(thread::current(), true);
        for _ in 0..5 {
            recorder.action(inferred().into());
        }
        assert_eq!(lane.shared.dropped.load(Ordering::Relaxed), 3);
        assert!(lane.actions.pop().is_ok());
        recorder.action(inferred().into());
        assert_eq!(lane.shared.dropped.load(Ordering::Relaxed), 3);
        assert_eq!(lane.actions.slots(), 2);
    }

    #[test]
    fn what_nobody_wants_takes_no_room_and_is_not_lost() {
        let (recorder, lane) = lane(2);
        let mut recorder = recorder.attend(thread::current(), false);
        (0..5).for_each(|_| recorder.action(inferred().into()));
        assert_eq!((lane.actions.slots(), lane.shared.dropped.load(Ordering::Relaxed)), (0, 0));
        assert!(!recorder.is_wanted());
    }
}
