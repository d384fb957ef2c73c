//! Tasks for the unit tests of this crate; the worker itself is tested in `tests/`.

use clockwork_wire::{
    Action, ActionId, ActionKind, GpuId, ModelId, Nanos, PageRange, Pages, Span, Window,
};

use super::Task;
use crate::Inputs;

/// A LOAD with this counter that arrived at 0 and may start from `earliest` on.
pub(crate) fn task(counter: u64, earliest: u64) -> Task {
    let action = Action {
        id: ActionId { epoch: 0, shard: 0, counter },
        kind: ActionKind::Load,
        model: ModelId::new(0),
        gpu: GpuId::new(0),
        window: Window::new(Nanos::new(earliest), Nanos::MAX),
        expected: Span::ZERO,
        pages: PageRange::WHOLE,
    };
    let inputs = Inputs::default();
    Task { action, received: Nanos::ZERO, inputs, pages: Pages::ZERO, io_bytes: 0 }
}
