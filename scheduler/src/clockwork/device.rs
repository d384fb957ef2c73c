//! Devices, and what each of them holds.

use clockwork_config::SchedulerConfig;
use clockwork_wire::{DeviceState, GpuId, ModelId, Nanos, Pages, Span, WorkerId};

use super::engine::Engine;
use super::pieces::Openings;
use super::rests::Rest;
use super::wants::CLOSED;

/// One device of one worker. Its fields are in the order in which the cache should have them: what
/// taking work looks at comes first.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Device {
    /// The worker that owns it.
    pub worker: WorkerId,
    /// Its number there.
    pub gpu: GpuId,
    /// Its clock as last reported, in MHz.
    pub clock: u32,
    /// Whether the worker is connected.
    pub up: bool,
    /// Where the model of each copy says what it wants, by the slot of the copy; [`CLOSED`] unless it is
    /// loaded.
    pub lanes: Vec<u32>,
    /// Pages of its weights cache.
    pub pages: Pages,
    /// Pages that hold nothing and are promised to nothing.
    pub pages_free: Pages,
    /// What it has to execute.
    pub exec: Engine,
    /// The copies that it holds.
    pub copies: Copies,
    /// What it has to load.
    pub load: Engine,
    /// Those of the copies whose pages are on their way.
    pub openings: Openings,
    /// What is left of a model that gave way in part.
    pub rest: Option<Rest>,
    /// Its class; devices of a class share estimates.
    pub class: String,
    /// Models that were on the device when its worker came up and have not been announced yet.
    pub found: Vec<ModelId>,
}

impl Device {
    /// A device as its worker describes it.
    pub(super) fn new(worker: WorkerId, state: DeviceState, config: &SchedulerConfig) -> Self {
        Self {
            worker,
            gpu: state.gpu,
            class: state.class,
            up: true,
            pages: state.pages,
            pages_free: state.pages,
            exec: Engine::default(),
            load: Engine::default(),
            clock: config.default_clock,
            lanes: Vec::new(),
            copies: Copies::default(),
            openings: Openings::new(),
            rest: None,
            found: state.loaded,
        }
    }

    /// Takes a copy in; returns its slot.
    pub(super) fn insert(&mut self, copy: Copy) -> usize {
        let slot = self.copies.insert(copy);
        self.lanes.resize(self.lanes.len().max(slot + 1), CLOSED);
        self.pages_free -= copy.pages;
        slot
    }

    /// Forgets a copy and counts its pages as free.
    pub(super) fn remove(&mut self, slot: usize) -> Copy {
        let copy = self.copies.remove(slot);
        self.lanes[slot] = CLOSED;
        self.pages_free += copy.pages;
        assert!(self.pages_free <= self.pages, "free + used pages = total");
        copy
    }
}

/// A model on a device. Its pages are counted from the order of its LOAD to the order of its EVICT.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy {
    /// The model.
    pub model: ModelId,
    /// What it is there.
    pub kind: usize,
    /// Whether the weights are there.
    pub stage: Stage,
    /// INFERs on their way.
    pub in_flight: u32,
    /// Pages that it takes.
    pub pages: Pages,
    /// When it was last given an action.
    pub last_used: Nanos,
    /// How far apart the model's requests were then.
    pub interval: Span,
    /// When the weights are expected to be there.
    pub ready: Nanos,
}

/// Whether a copy's weights are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A LOAD is on its way.
    Loading,
    /// The weights are there.
    Loaded,
    /// The LOAD was lost: an EVICT is on its way to settle what is there.
    Unknown,
    /// The worker serves the model no longer: it goes when nothing is on its way any more.
    Leaving,
}

/// The copies of one device, by slot.
#[derive(Debug, Default)]
pub(super) struct Copies {
    slots: Vec<Option<Copy>>,
    free: Vec<usize>,
}

impl Copies {
    fn insert(&mut self, copy: Copy) -> usize {
        if let Some(slot) = self.free.pop() {
            self.slots[slot] = Some(copy);
            return slot;
        }
        self.slots.push(Some(copy));
        self.slots.len() - 1
    }

    fn remove(&mut self, slot: usize) -> Copy {
        self.free.push(slot);
        self.slots[slot].take().expect("a copy is dropped once")
    }

    /// The copy in a slot, if it is in use.
    pub(super) fn get(&self, slot: usize) -> Option<&Copy> {
        self.slots.get(slot)?.as_ref()
    }

    /// The copy in a slot that is in use.
    pub(super) fn at(&self, slot: usize) -> &Copy {
        self.slots[slot].as_ref().expect("the slot of a copy is in use")
    }

    /// The copy in a slot that is in use, to be changed.
    pub(super) fn at_mut(&mut self, slot: usize) -> &mut Copy {
        self.slots[slot].as_mut().expect("the slot of a copy is in use")
    }

    /// Every copy with its slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Copy)> {
        self.slots.iter().enumerate().filter_map(|(slot, copy)| Some((slot, copy.as_ref()?)))
    }
}
