//! What a worker's devices are.

use std::sync::Arc;

use clockwork_config::ExecutorConfig;
use clockwork_executor::emulated::Emulated;
use clockwork_executor::{Device, DeviceSpec};
use clockwork_wire::Pages;

/// Makes a worker's devices on its core. The function that it is given wakes that core from any
/// thread, for devices that complete by themselves.
///
/// # Errors
/// In words, why there is no such device.
pub type DeviceFactory =
    Box<dyn FnOnce(Arc<dyn Fn() + Send + Sync>) -> Result<Vec<Box<dyn Device>>, String> + Send>;

/// `count` emulated devices with the memory that the configuration says, exact by their profiles.
pub fn emulated(config: &ExecutorConfig, count: u32) -> DeviceFactory {
    let spec = DeviceSpec {
        class: EMULATED_CLASS.into(),
        pages: Pages::within(config.weights_cache_size),
        io_pool: config.io_pool_size,
        workspace_pool: config.workspace_pool_size,
        depth: 1,
    };
    Box::new(move |_wake| {
        let device = || -> Box<dyn Device> { Box::new(Emulated::new(spec.clone())) };
        Ok((0..count).map(|_| device()).collect())
    })
}

/// Emulated devices answer from the built-in profiles, which were measured on this GPU.
const EMULATED_CLASS: &str = "volta_v100";
