//! What a worker's devices are.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use clockwork_config::{Config, ExecutorConfig};
use clockwork_executor::cpu::{CpuDevice, Host};
use clockwork_executor::cuda::{CudaDevice, CudaOptions, GpuInfo};
use clockwork_executor::emulated::Emulated;
use clockwork_executor::{Device, DeviceSpec};
use clockwork_wire::Pages;

use crate::placement::near::{self, DeviceCpus};
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
    let spec = spec(&config.executor, &cpu_class());
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

/// These GPUs, each with the memory that the configuration says. Compiled kernels are kept in a hidden
/// folder beside the models.
///
/// The core with the sockets takes the first processor; each device core takes one of those near its GPU,
/// as far as the system says which they are, and its memory of the host lies there too. Call it before the
/// worker's core starts, whose thread is pinned then.
pub fn cuda(config: &Config, gpus: Vec<GpuInfo>) -> DeviceFactory {
    let config = config.clone();
    let cpus = if config.cores.pin { placement::allowed() } else { Vec::new() };
    let near: Vec<_> = gpus.iter().map(|gpu| near::near(&gpu.address)).collect();
    let placed = near::devices(&cpus, &near);
    Box::new(move |wake| {
        let here = placement::allowed();
        let folder = PathBuf::from(&config.worker.model_dir);
        let kept = (!folder.as_os_str().is_empty()).then(|| folder.join(".device"));
        let device = |(gpu, cpus): (&GpuInfo, DeviceCpus)| {
            // Memory of the host is taken near the CPU that asks for it.
            placement::move_among(&cpus.beside);
            let DeviceCpus { core, beside } = cpus;
            let place = Arc::new(move || core.into_iter().for_each(placement::move_to));
            let host = Host { clock: Arc::new(clock::now), wake: Arc::clone(&wake), place };
            let beside =
                Host { place: Arc::new(move || placement::move_among(&beside)), ..host.clone() };
            let spec = DeviceSpec { depth: 2, ..spec(&config.executor, &gpu.class()) };
            let options = CudaOptions {
                kernels: kept.as_ref().map(|kept| kept.join(gpu.class())),
                spin: config.cores.spin,
                graphs: config.executor.graphs_size,
            };
            let device = CudaDevice::new(gpu, spec, [&host, &beside], &options);
            let device =
                device.map_err(|error| format!("GPU {} ({}): {error}", gpu.ordinal, gpu.name))?;
            let device: Box<dyn Device> = Box::new(device);
            Ok(device)
        };
        let devices = gpus.iter().zip(placed).map(device).collect();
        placement::move_among(&here);
        devices
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

/// Processors of one model are one class.
fn cpu_class() -> String {
    let facts = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = facts.lines().find_map(|line| line.strip_prefix("model name"));
    class_of(model.map_or("", |model| model.trim_start_matches([' ', '\t', ':'])))
}

/// `cpu`, and what a processor calls itself in lower case with hyphens.
fn class_of(model: &str) -> String {
    let words = model.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold("cpu".to_owned(), |class, word| format!("{class}-{}", word.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_named_after_its_processor_and_is_a_file_name() {
        assert_eq!(class_of("AMD EPYC 9B14"), "cpu-amd-epyc-9b14");
        assert_eq!(class_of("Intel(R) Xeon(R) @ 2.70GHz"), "cpu-intel-r-xeon-r-2-70ghz");
        assert_eq!(class_of("../.."), "cpu");
    }
}
