//! What a worker's devices are.

use std::sync::Arc;

use clockwork_config::{Config, ExecutorConfig};
use clockwork_executor::cpu::{CpuDevice, Host};
use clockwork_executor::emulated::Emulated;
use clockwork_executor::{Device, DeviceSpec};
use clockwork_wire::Pages;

use crate::{clock, placement};

/// Makes a worker's devices on its core. The function that it is given wakes that core from any
/// thread, for devices that complete by themselves.
///
/// # Errors
/// In words, why there is no such device.
pub type DeviceFactory =
    Box<dyn FnOnce(Arc<dyn Fn() + Send + Sync>) -> Result<Vec<Box<dyn Device>>, String> + Send>;

/// `count` emulated devices with the memory that the configuration says, exact by their profiles.
pub fn emulated(config: &ExecutorConfig, count: u32) -> DeviceFactory {
    let spec = spec(config, EMULATED_CLASS);
    Box::new(move |_wake| {
        let device = |device| -> Box<dyn Device> { Box::new(device) };
        Ok(Emulated::many(&spec, count).map(device).collect())
    })
}

/// The processor as one device, with the memory that the configuration says. Call it before the
/// worker's core starts, so that the device core's thread is placed beside it.
pub fn cpu(config: &Config) -> DeviceFactory {
    let spec = spec(&config.executor, CPU_CLASS);
    // The core with the sockets takes the first; a thread begins where its maker is pinned.
    let cpu = if config.cores.pin { placement::allowed().get(1).copied() } else { None };
    Box::new(move |wake| {
        let place = Arc::new(move || cpu.into_iter().for_each(placement::move_to));
        let host = Host { clock: Arc::new(clock::now), wake, place };
        let device = CpuDevice::new(spec, host).map_err(|error| error.to_string())?;
        let device: Box<dyn Device> = Box::new(device);
        Ok(vec![device])
    })
}

/// A device with the memory that the configuration says.
fn spec(config: &ExecutorConfig, class: &str) -> DeviceSpec {
    DeviceSpec {
        class: class.into(),
        pages: Pages::within(config.weights_cache_size),
        io_pool: config.io_pool_size,
        workspace_pool: config.workspace_pool_size,
        depth: 1,
    }
}

/// Emulated devices answer from the built-in profiles, which were measured on this GPU.
const EMULATED_CLASS: &str = "volta_v100";
const CPU_CLASS: &str = "cpu";
