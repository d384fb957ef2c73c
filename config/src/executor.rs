//! Memory of a worker's devices, and what it accepts.

use clockwork_wire::PAGE_BYTES;

use crate::knobs::knobs;
use crate::{Check, ConfigError};

knobs! {
    /// Memory of a worker's devices, and what it accepts. The keys that the original has keep its
    /// names and defaults.
    pub struct ExecutorConfig {
        /// Device memory for weights, per device, rounded down to whole pages. Less than a model's
        /// pages: that model cannot be served. More than the device has: it refuses to start.
        #[serde(with = "crate::unit::bytes")]
        pub weights_cache_size: u64 = 23_085_449_216,
        /// Bytes of a weights page. Only 16 MiB is allowed: models are packed for it.
        #[serde(with = "crate::unit::bytes")]
        pub page_size: u64 = PAGE_BYTES,
        /// Device memory for inputs and outputs, per device. Less than a batch's inputs and
        /// outputs: that batch size fails. Large: memory that no weights can use.
        #[serde(with = "crate::unit::bytes")]
        pub io_pool_size: u64 = POOL_BYTES,
        /// Device memory for intermediate tensors, per device. Less than a batch needs: that batch
        /// size fails. Large: memory that no weights can use.
        #[serde(with = "crate::unit::bytes")]
        pub workspace_pool_size: u64 = POOL_BYTES,
        /// Device memory for graphs and the code that libraries load for them, per GPU: every instance of a
        /// model has a graph per batch size, of some 0.1 to 0.5 MiB each. Small: fewer instances can be
        /// loaded. Large: memory that no weights can use.
        #[serde(with = "crate::unit::bytes")]
        pub graphs_size: u64 = 4 << 30,
        /// Host memory for inputs and outputs, shared by the devices. Less than the inputs under
        /// way: actions fail with status 74. Large: pinned memory that nothing else can use.
        #[serde(with = "crate::unit::bytes")]
        pub host_io_pool_size: u64 = POOL_BYTES,
        /// Host memory for weights, shared by the devices and by equal models; weights beyond it are read from
        /// their files at every LOAD. Small: slow LOADs. Large: memory that nothing else can use.
        #[serde(with = "crate::unit::bytes")]
        pub host_weights_size: u64 = 256 << 30,
        /// Whether the original's worker wrote one record per device task. Accepted for its files
        /// and without effect: the controller's action log holds these facts.
        pub enable_task_telemetry: bool = false,
        /// Likewise, one record per action.
        pub enable_action_telemetry: bool = false,
        /// Where these records went. Likewise without effect.
        pub telemetry_log_dir: String = "./".into(),
        /// Whether to accept an INFER without inputs and to make inputs up; otherwise it fails with
        /// status 75.
        pub allow_zero_size_inputs: bool = true,
        /// Models per device, at least 1; loading more is refused. Small: a typing error in a copy
        /// count costs little. Large: memory (about 200 bytes per model, and its host weights).
        pub max_models: u32 = 262_144,
        /// Actions that wait for their window, per device, at least 1; beyond it an action is
        /// refused. Small: a large `scheduler.schedule_ahead` is cut short. Large: memory.
        pub max_actions: u32 = 65_536,
    }
}

impl Check for ExecutorConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let page = self.page_size;
        let allowed = format!("only {PAGE_BYTES} (16 MiB)");
        ConfigError::unless(page == PAGE_BYTES, "executor.page_size", page, allowed)?;
        let cache = self.weights_cache_size;
        let allowed = "at least one page (`executor.page_size`)";
        ConfigError::unless(cache >= page, "executor.weights_cache_size", cache, allowed)?;
        let models = self.max_models;
        ConfigError::unless(models >= 1, "executor.max_models", models, "at least 1")?;
        let actions = self.max_actions;
        ConfigError::unless(actions >= 1, "executor.max_actions", actions, "at least 1")
    }
}

/// The original's default for each of the three pools.
const POOL_BYTES: u64 = 512 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_page_size_that_models_are_packed_for_is_allowed() {
        let config = ExecutorConfig { page_size: 2 << 20, ..ExecutorConfig::default() };
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains("`executor.page_size` is 2097152"), "{error}");
    }

    #[test]
    fn a_cache_below_one_page_is_refused() {
        let config = ExecutorConfig { weights_cache_size: 1, ..ExecutorConfig::default() };
        assert!(config.check().unwrap_err().to_string().contains("weights_cache_size"));
    }
}
