//! What a worker says of itself: its devices, their memory, and what they hold.

use std::sync::Arc;

use crate::{GpuId, ModelId, ModelProfile, Pages};

/// One device of a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceState {
    /// Its number within the worker.
    pub gpu: GpuId,
    /// The class: devices of one class take the same time for the same batch, and share estimates.
    pub class: String,
    /// Total weights pages.
    pub pages: Pages,
    /// Bytes for inputs and outputs.
    pub io_pool: u64,
    /// Bytes for intermediate tensors.
    pub workspace_pool: u64,
    /// Models whose weights are on the device now, in rising order.
    pub loaded: Vec<ModelId>,
}

/// One servable model of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedModel {
    /// Its id.
    pub model: ModelId,
    /// The id that clients know it by: its own, unless it is a later version of a model.
    pub shown: ModelId,
    /// What it is; shared by all models of which the same is true.
    pub profile: Arc<ModelProfile>,
}

/// Everything a controller must know of a worker before it schedules for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerState {
    /// Bytes of a weights page; must equal [`PAGE_BYTES`](crate::PAGE_BYTES).
    pub page_bytes: u64,
    /// Host memory for inputs and outputs, in bytes.
    pub host_io_pool: u64,
    /// The devices, in order of their number.
    pub devices: Vec<DeviceState>,
    /// The models, in order of their id.
    pub models: Vec<LoadedModel>,
}
