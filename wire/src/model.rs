//! What everybody must know of a model: sizes, and how long it takes on a class of devices.

use crate::{BatchSize, Pages, Span};

/// How long one batch size takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchProfile {
    /// The batch size.
    pub batch: BatchSize,
    /// Measured time on an otherwise idle device.
    pub exec: Span,
}

/// A model as one worker's devices see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelProfile {
    /// The name under which clients ask for it.
    pub name: String,
    /// Bytes of one input.
    pub input_size: u32,
    /// Bytes of one output.
    pub output_size: u32,
    /// Bytes of weights, unpadded.
    pub weights_size: u64,
    /// Pages that the weights occupy in a weights cache.
    pub pages: Pages,
    /// Measured time to copy the weights to a device.
    pub load: Span,
    /// Supported batch sizes in rising order; the first is 1.
    pub batches: Vec<BatchProfile>,
}

impl ModelProfile {
    /// Measured time of the supported batch size `batch`.
    pub fn exec(&self, batch: BatchSize) -> Option<Span> {
        self.batches.iter().find(|b| b.batch == batch).map(|b| b.exec)
    }
}
