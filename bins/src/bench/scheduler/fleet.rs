//! Virtual devices: one action at a time, done when the profile says.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use clockwork_scheduler::Order;
use clockwork_wire::{
    Action, ActionKind, ActionResult, BatchSize, Interval, ModelProfile, Nanos, Span, Status,
    WorkerId,
};

use super::grid::{DEVICES_PER_WORKER, MAX_BATCH};

/// All devices, and the results that are on their way.
#[derive(Debug)]
pub(super) struct Fleet {
    devices: Vec<Device>,
    /// Duration by batch size; what is not profiled takes as long as the next larger batch.
    exec: Vec<Span>,
    load: Span,
    load_per_page: Span,
    /// When which result arrives.
    due: BinaryHeap<Reverse<(Nanos, usize)>>,
    results: Vec<(WorkerId, ActionResult)>,
    free: Vec<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Device {
    exec_free: Nanos,
    load_free: Nanos,
}

impl Fleet {
    /// `devices` idle devices on which every model is `profile`.
    pub(super) fn new(devices: u32, profile: &ModelProfile) -> Self {
        let exec = |size: u16| {
            let fits = profile.batches.iter().filter(|b| b.batch.get() >= size);
            fits.map(|b| b.exec).min().unwrap_or(Span::MAX)
        };
        Self {
            devices: (0..devices).map(|_| Device::default()).collect(),
            exec: (0..=MAX_BATCH).map(exec).collect(),
            load: profile.load,
            load_per_page: profile.load.scale(1.0 / f64::from(profile.pages.get().max(1))),
            due: BinaryHeap::new(),
            results: Vec::new(),
            free: Vec::new(),
        }
    }

    /// When the next result arrives.
    pub(super) fn next(&self) -> Option<Nanos> {
        self.due.peek().map(|&Reverse((at, _))| at)
    }

    /// The result that arrives at [`next`](Self::next).
    pub(super) fn take(&mut self) -> Option<(WorkerId, ActionResult)> {
        let Reverse((_, slot)) = self.due.pop()?;
        self.free.push(slot);
        Some(self.results[slot])
    }

    /// Carries an order out: its result arrives when it is done, or when it has proved too late.
    pub(super) fn carry_out(&mut self, now: Nanos, order: &Order) {
        let action = &order.action;
        let index = order.worker.get() * DEVICES_PER_WORKER + action.gpu.get();
        let device = usize::try_from(index).expect("a device's number fits usize");
        let device = &mut self.devices[device];
        let at = now + DELIVERY;
        let (engine, duration, late) = match action.kind {
            ActionKind::Infer { batch } => {
                (&mut device.exec_free, exec(&self.exec, batch), Status::EXEC_LATE)
            }
            ActionKind::Load => {
                let pages = action.pages;
                let part = self.load_per_page.times(u64::from(pages.count()));
                let duration = if pages.is_whole() { self.load } else { part };
                (&mut device.load_free, duration, Status::LOAD_LATE)
            }
            ActionKind::Evict => {
                self.push(at + DELIVERY, order.worker, result(action, at, at, Span::ZERO));
                return;
            }
        };
        let start = at.max(*engine).max(action.window.earliest);
        if start > action.window.latest {
            let refused = ActionResult::refused(action, late, at);
            self.push(start + DELIVERY, order.worker, refused);
            return;
        }
        *engine = start + duration;
        self.push(start + duration + DELIVERY, order.worker, result(action, at, start, duration));
    }

    fn push(&mut self, at: Nanos, worker: WorkerId, result: ActionResult) {
        let slot = self.free.pop().unwrap_or(self.results.len());
        if slot == self.results.len() {
            self.results.push((worker, result));
        } else {
            self.results[slot] = (worker, result);
        }
        self.due.push(Reverse((at, slot)));
    }
}

fn exec(by_size: &[Span], batch: BatchSize) -> Span {
    by_size.get(batch.count()).copied().expect("no batch is larger than the largest")
}

fn result(action: &Action, received: Nanos, begin: Nanos, duration: Span) -> ActionResult {
    let end = begin + duration;
    ActionResult {
        status: Status::OK,
        copy_input: Interval { begin: received, end: received, duration: Span::ZERO },
        exec: Interval { begin, end, duration },
        copy_output: Interval { begin: end, end, duration: Span::ZERO },
        sent: end,
        ..ActionResult::refused(action, Status::OK, received)
    }
}

/// From the scheduler to a device, and back: a hop on one machine.
const DELIVERY: Span = Span::from_micros(50);

#[cfg(test)]
mod tests {
    use clockwork_executor::zoo;
    use clockwork_wire::{ActionId, GpuId, ModelId, PageRange, Window};

    use super::*;

    fn order(counter: u64, size: u16, latest: Nanos) -> Order {
        let id = ActionId { epoch: 0, shard: 0, counter };
        let kind = ActionKind::Infer { batch: BatchSize::new(size).unwrap() };
        let window = Window::new(Nanos::ZERO, latest);
        let (model, gpu, pages) = (ModelId::new(0), GpuId::new(0), PageRange::WHOLE);
        let action = Action { id, kind, model, gpu, window, expected: Span::ZERO, pages };
        Order {
            worker: WorkerId::new(0),
            action,
            send_by: Nanos::MAX,
            requests: [].into_iter().collect(),
        }
    }

    #[test]
    fn a_device_does_one_action_at_a_time_and_refuses_what_cannot_start() {
        let profile = zoo::profile("resnet50_v2").unwrap();
        let mut fleet = Fleet::new(1, &profile);
        fleet.carry_out(Nanos::ZERO, &order(0, 1, Nanos::MAX));
        fleet.carry_out(Nanos::ZERO, &order(1, 16, Nanos::MAX));
        fleet.carry_out(Nanos::ZERO, &order(2, 1, Nanos::new(4_000_000)));
        let results: Vec<_> = std::iter::from_fn(|| fleet.take()).map(|(_, r)| r).collect();
        assert_eq!(results[0].exec.end, Nanos::new(3_372_000));
        assert_eq!(results[1].exec.begin, results[0].exec.end);
        assert_eq!(results[1].exec.duration, Span::new(21_728_879));
        assert_eq!(results[2].status, Status::EXEC_LATE);
    }
}
