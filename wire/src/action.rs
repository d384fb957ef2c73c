//! Worker link, outward: what the controller tells a worker to do, and when.

use crate::{ActionId, BatchSize, ClockOffset, GpuId, Localize, ModelId, Nanos, PageRange, Span};

/// The window in which an action may *start*: `earliest <= latest`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Not before.
    pub earliest: Nanos,
    /// Not after: an action that cannot start by then is refused, not run late.
    pub latest: Nanos,
}

impl Window {
    /// No limit on either side.
    pub const ALWAYS: Self = Self { earliest: Nanos::ZERO, latest: Nanos::MAX };

    /// The window from `earliest` to `latest`.
    ///
    /// # Panics
    /// If `latest` is before `earliest`.
    pub fn new(earliest: Nanos, latest: Nanos) -> Self {
        Self::checked(earliest, latest).expect("a window ends after it begins")
    }

    /// The window from `earliest` to `latest`, if they are in order.
    pub fn checked(earliest: Nanos, latest: Nanos) -> Option<Self> {
        (earliest <= latest).then_some(Self { earliest, latest })
    }

    /// Whether an action may start at `at`.
    pub fn contains(self, at: Nanos) -> bool {
        self.earliest <= at && at <= self.latest
    }
}

impl Localize for Window {
    fn localize(self, offset: ClockOffset) -> Self {
        // The bound on the estimate's error widens the window on both sides, so that an action is
        // never refused for a difference that may not exist.
        let earliest = self.earliest.localize(offset);
        let latest = self.latest.localize(offset);
        Self { earliest: earliest - offset.error, latest: latest + offset.error }
    }
}

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActionKind {
    /// Copies a model's weights into pages of the device.
    Load,
    /// Runs one batch.
    Infer {
        /// The number of inputs; one of the model's batch sizes.
        batch: BatchSize,
    },
    /// Frees a model's pages on the device.
    Evict,
}

impl ActionKind {
    /// The number in the action log: 1 load, 2 infer, 3 evict.
    pub const fn number(self) -> u8 {
        match self {
            Self::Load => 1,
            Self::Infer { .. } => 2,
            Self::Evict => 3,
        }
    }

    /// The batch size; 1 for an action without one, as in the original's log.
    pub const fn batch(self) -> BatchSize {
        match self {
            Self::Infer { batch } => batch,
            Self::Load | Self::Evict => BatchSize::ONE,
        }
    }
}

/// One thing that one device is to do once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its identity; a worker ignores one that it has seen.
    pub id: ActionId,
    /// What to do.
    pub kind: ActionKind,
    /// With which model.
    pub model: ModelId,
    /// On which device of the worker.
    pub gpu: GpuId,
    /// When it may start.
    pub window: Window,
    /// How long the controller expects it to take on the device.
    pub expected: Span,
    /// LOAD and EVICT: which pages; INFER: [`PageRange::WHOLE`].
    pub pages: PageRange,
}

impl Localize for Action {
    fn localize(self, offset: ClockOffset) -> Self {
        Self { window: self.window.localize(offset), ..self }
    }
}

/// Tells a worker to make a model servable: read it, prepare it on every device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadModel {
    /// Its identity.
    pub id: ActionId,
    /// The first of `copies` contiguous ids.
    pub model: ModelId,
    /// How many instances.
    pub copies: u32,
    /// The name; the worker resolves it in its own folders, then in the emulated zoo.
    pub name: String,
    /// Batch sizes above this are left out.
    pub max_batch: BatchSize,
    /// Batch sizes that take longer are left out (batch 1 never is).
    pub max_exec: Span,
    /// The id that clients know the first one by, the others following: its own, unless these are a
    /// later version of models. The worker keeps it for a controller that comes after this one.
    pub shown: ModelId,
}

/// Tells a worker to forget models: it takes no new action for them, finishes those under way, and
/// frees their pages and their weights in host memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnloadModel {
    /// Its identity.
    pub id: ActionId,
    /// The first of `copies` contiguous ids.
    pub model: ModelId,
    /// How many instances.
    pub copies: u32,
}

impl UnloadModel {
    /// The ids.
    pub fn models(self) -> impl Iterator<Item = ModelId> {
        let first = self.model.get();
        (first..first.saturating_add(self.copies)).map(ModelId::new)
    }
}
