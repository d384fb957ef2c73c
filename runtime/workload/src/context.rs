//! What a workload may know of the world that it will run in.

use std::sync::Arc;

use crate::trace::{Files, Nowhere};

/// What plans are made with, beside a workload's own parameters. The client and the simulator each
/// supply theirs.
#[derive(Clone, Debug)]
pub struct Context {
    /// Every model that can be asked for, by name, in the order of the names. Needed by workloads
    /// over every model.
    pub models: Vec<String>,
    /// Seed of what is random in a plan: where a trace starts, the order of shuffled models.
    pub seed: u64,
    /// Gives traces and other files.
    pub files: Arc<dyn Files>,
    /// Functions that a trace is resampled to; 0 leaves it as it is. `None`: a sample is resampled
    /// to [`ROWS`](crate::generator::ROWS), the official dataset is not.
    pub scale_rows: Option<u32>,
    /// Factor on the rates of a trace. `None`: a sample gets the one at which load factor 8 is
    /// [`RATE`](crate::generator::RATE), the official dataset is left as it is.
    pub scale_rate: Option<f64>,
    /// Whether the functions of a trace are spread over the models at random, instead of the first
    /// ones going to the first models.
    pub shuffle: bool,
}

/// No models and no files.
impl Default for Context {
    fn default() -> Self {
        Self {
            models: Vec::new(),
            seed: 1,
            files: Arc::new(Nowhere),
            scale_rows: None,
            scale_rate: None,
            shuffle: false,
        }
    }
}
