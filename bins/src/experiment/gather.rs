//! Takes finished requests and actions in and says in the end what they come to.

use std::collections::BTreeMap;

use clockwork_config::SchedulerConfig;
use clockwork_config::experiment::{Cells, Run};
use clockwork_executor::zoo;
use clockwork_wire::{ModelProfile, Nanos, Span};

use super::cell::{Cell, Counts, Place};
use super::row::{Act, Asked};

/// Counts of a run and of its cells.
#[derive(Debug)]
pub(super) struct Gather {
    run: Run,
    /// When the first request came, to which everything relates.
    first: Option<Nanos>,
    /// When the last answer was given.
    last: Nanos,
    whole: Counts,
    cells: BTreeMap<(u64, u32), Counts>,
    /// The SLO factors of class 0, by the arrival from which on they held.
    factors: BTreeMap<Nanos, f32>,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Gathered {
    /// All classes from the end of the warm-up on.
    pub(super) whole: Cell,
    /// Its cells, by key and class.
    pub(super) cells: Vec<Cell>,
}

impl Gather {
    pub(super) fn new(run: &Run) -> Self {
        Self {
            run: run.clone(),
            first: None,
            last: Nanos::ZERO,
            whole: Counts::new(),
            cells: BTreeMap::new(),
            factors: BTreeMap::new(),
        }
    }

    pub(super) fn request(&mut self, asked: &Asked) {
        let first = *self.first.get_or_insert(asked.arrival);
        self.last = self.last.max(asked.departure);
        if self.measures(first, asked.arrival) {
            self.whole.request(asked);
        }
        let class = self.class(asked.model);
        let factor = if class == 0 { self.note(asked) } else { self.factor_at(asked.arrival) };
        if let Some(key) = self.key(first, asked.arrival, factor) {
            self.cells.entry((key, class)).or_insert_with(Counts::new).request(asked);
        }
    }

    pub(super) fn act(&mut self, act: &Act) {
        let Some(first) = self.first else { return };
        if self.measures(first, act.begin) {
            self.whole.act(act);
        }
        if let Some(key) = self.key(first, act.begin, self.factor_at(act.begin)) {
            let class = self.class(act.model);
            self.cells.entry((key, class)).or_insert_with(Counts::new).act(act);
        }
    }

    /// What it comes to.
    pub(super) fn finish(self) -> Gathered {
        let Some(first) = self.first else { return Gathered::default() };
        let end = self.last.min(first + self.run.warmup + self.run.duration);
        let bound = Bound::of(&self.run);
        let devices = f64::from(self.run.devices());
        let slo = bound.as_ref().map_or(Span::ZERO, |bound| bound.slo);
        let rate = |slo| bound.as_ref().map_or(0.0, |bound| bound.rate(slo));
        let place = |seconds, bound| Place { seconds, devices, bound };
        let seconds = (end - (first + self.run.warmup)).as_secs_f64();
        let whole = self.whole.cell(0.0, 0, &place(seconds, rate(slo) * devices));
        let cell = |(&(key, class), counts): (&(u64, u32), &Counts)| {
            let seconds = self.seconds(key, first, end);
            let shown = self.shown(key);
            let bound = if class == 0 {
                let own =
                    bound.as_ref().map_or(Span::ZERO, |bound| bound.slo_of(self.factor_of(key)));
                rate(own) * devices
            } else {
                let taken = self.cells.get(&(key, 0)).map_or(Span::ZERO, Counts::executing);
                rate(slo) * (devices - taken.as_secs_f64() / seconds.max(1e-9)).max(0.0)
            };
            counts.cell(shown, class, &place(seconds, bound))
        };
        let within = self.cells.iter().filter(|&(&(key, _), _)| self.lasts(key, first, end));
        Gathered { whole, cells: within.map(cell).collect() }
    }

    /// Notes the factor of a request of class 0.
    fn note(&mut self, asked: &Asked) -> f32 {
        if self.factor_at(asked.arrival).to_bits() != asked.slo_factor.to_bits() {
            self.factors.insert(asked.arrival, asked.slo_factor);
        }
        asked.slo_factor
    }

    /// The factor that class 0 had at an instant.
    fn factor_at(&self, at: Nanos) -> f32 {
        self.factors.range(..=at).next_back().map_or(0.0, |(_, factor)| *factor)
    }

    fn measures(&self, first: Nanos, at: Nanos) -> bool {
        let passed = at.since(first);
        at >= first && passed >= self.run.warmup && passed < self.run.warmup + self.run.duration
    }

    const fn class(&self, model: u32) -> u32 {
        if self.run.foreground == 0 || model < self.run.foreground { 0 } else { 1 }
    }

    /// The cell of an instant; the bits of a positive factor are in the factors' order.
    fn key(&self, first: Nanos, at: Nanos, factor: f32) -> Option<u64> {
        match self.run.cells {
            Cells::None => None,
            Cells::Interval => Some(at.since(first).get() / self.run.interval.get()),
            Cells::SloFactor => Some(factor.max(0.0).to_bits().into()),
        }
    }

    fn factor_of(&self, key: u64) -> f32 {
        match self.run.cells {
            Cells::SloFactor => f32::from_bits(u32::try_from(key).unwrap_or_default()),
            Cells::None | Cells::Interval => 0.0,
        }
    }

    /// The key as people read it.
    fn shown(&self, key: u64) -> f64 {
        match self.run.cells {
            Cells::SloFactor => f64::from(self.factor_of(key)),
            Cells::None | Cells::Interval => self.run.interval.times(key).as_secs_f64(),
        }
    }

    /// Whether anything of a cell is left when the last answer has been given.
    fn lasts(&self, key: u64, first: Nanos, end: Nanos) -> bool {
        self.run.cells != Cells::Interval || first + self.run.interval.times(key) < end
    }

    /// How long a cell is: that of a factor from the first request with it to the last.
    fn seconds(&self, key: u64, first: Nanos, end: Nanos) -> f64 {
        match self.run.cells {
            Cells::SloFactor => {
                let span = |counts: &Counts| counts.last - counts.first;
                self.cells.get(&(key, 0)).map_or(Span::ZERO, span).as_secs_f64()
            }
            Cells::None | Cells::Interval => {
                let begin = first + self.run.interval.times(key);
                (end - begin).min(self.run.interval).as_secs_f64()
            }
        }
    }
}

/// What one device can do of a model.
struct Bound {
    profile: std::sync::Arc<ModelProfile>,
    slo: Span,
    scheduler: SchedulerConfig,
}

impl Bound {
    fn of(run: &Run) -> Option<Self> {
        let (profile, scheduler) = (zoo::profile(&run.bound)?, run.scheduler().ok()?);
        Some(Self { profile, slo: scheduler.default_slo, scheduler })
    }

    /// The SLO that a factor gives; 0 is the default.
    fn slo_of(&self, factor: f32) -> Span {
        let unit = self.profile.batches.first().map_or(Span::ZERO, |entry| entry.exec);
        if factor > 0.0 { unit.scale(factor.into()) } else { self.slo }
    }

    /// The most requests per second over the batch sizes whose execution fits the SLO.
    fn rate(&self, slo: Span) -> f64 {
        let most = self.scheduler.max_batch;
        let fitting = self.profile.batches.iter().filter(|b| b.batch <= most && b.exec <= slo);
        fitting.map(|b| f64::from(b.batch.get()) / b.exec.as_secs_f64()).fold(0.0, f64::max)
    }
}
