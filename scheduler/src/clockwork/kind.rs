//! What models are on devices: sizes, and how long everything takes.

use clockwork_config::SchedulerConfig;
use clockwork_wire::{BatchSize, ModelProfile, Pages, Span};
use smallvec::SmallVec;

use super::measured::Recent;

/// A profile on a class of devices. Every instance of a model shares it, and with it what has been
/// measured: an instance that has never run is known as well as its busiest twin, and a hundred
/// thousand of them fit one cache line each.
#[derive(Debug)]
pub(super) struct Kind {
    class: String,
    profile: ModelProfile,
    /// Pages that the weights occupy.
    pub pages: Pages,
    /// Profiled time of batch size 1, the unit of SLO factors.
    pub unit: Span,
    /// The batch sizes that may be used, rising; never none.
    pub sizes: SmallVec<[Size; 5]>,
    /// Copying the weights.
    pub load: Recent,
}

/// One batch size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// The batch size.
    pub batch: BatchSize,
    /// The same, as a count.
    pub count: usize,
    /// How long it takes, at the default clock.
    pub exec: Recent,
}

impl Size {
    /// Device time of one request of the batch, in nanoseconds.
    pub(super) fn time_per_request(&self) -> f64 {
        self.exec.value().as_f64() / f64::from(self.batch.get())
    }
}

impl Kind {
    /// The kind that a worker's profile describes.
    pub(super) fn new(class: &str, profile: &ModelProfile, config: &SchedulerConfig) -> Self {
        let time = |at: Span| if at.is_zero() { EXEC_UNKNOWN } else { at };
        let usable = |batch: BatchSize, exec: Span| {
            batch <= config.max_batch && !exec.is_zero() && exec <= config.max_exec
        };
        let size = |batch: BatchSize, exec: Span| Size {
            batch,
            count: batch.count(),
            exec: Recent::new(time(exec)),
        };
        let unit = profile.exec(BatchSize::ONE).unwrap_or_default();
        let mut sizes: SmallVec<[Size; 5]> = profile
            .batches
            .iter()
            .filter(|b| b.batch == BatchSize::ONE || usable(b.batch, b.exec))
            .map(|b| size(b.batch, b.exec))
            .collect();
        sizes.sort_by_key(|size| size.count);
        sizes.dedup_by_key(|size| size.count);
        Self {
            class: class.to_owned(),
            profile: profile.clone(),
            pages: profile.pages,
            unit: time(unit),
            sizes,
            load: Recent::new(profile.load),
        }
    }

    /// Whether this is what a worker's profile describes.
    pub(super) fn is(&self, class: &str, profile: &ModelProfile) -> bool {
        self.class == class && self.profile == *profile
    }

    /// Whether it can be executed at all.
    pub(super) fn is_usable(&self) -> bool {
        !self.sizes.is_empty()
    }

    /// The time of the smallest batch.
    pub(super) fn single(&self) -> Span {
        self.sizes[0].exec.value()
    }

    /// The largest batch size.
    pub(super) fn most(&self) -> &Size {
        self.sizes.last().expect("a kind in use has a batch size")
    }

    /// The largest batch size that `count` requests fill; the smallest if they fill none.
    pub(super) fn filled(&self, count: usize) -> &Size {
        self.sizes.iter().rev().find(|size| size.count <= count).unwrap_or(&self.sizes[0])
    }

    /// Device time of one request of a batch of `count` or so, in nanoseconds.
    pub(super) fn cost_of(&self, count: usize) -> f64 {
        self.filled(count).time_per_request()
    }

    /// Whether `count` is a batch size.
    pub(super) fn has_size(&self, count: usize) -> bool {
        self.sizes.iter().any(|size| size.count == count)
    }
}

/// Assumed when a worker gives no time for a batch size: 0.1 ms.
const EXEC_UNKNOWN: Span = Span::from_micros(100);
