//! `worker` and `worker_dummy`: own devices, real or emulated.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Parser;
use clockwork_config::{Config, Resolved, Sources};
use clockwork_executor::artifact::{Precision, Target};
use clockwork_executor::cuda::{self, GpuInfo};
use clockwork_executor::zoo::Catalogue;
use clockwork_runtime::rt;
use clockwork_runtime::shutdown::Shutdown;
use clockwork_runtime::worker::{self, DeviceFactory, Options};

use crate::process::say;
use crate::{Failure, attached, process};

/// The command line of `worker`.
#[derive(Debug, Parser)]
#[command(
    name = "worker",
    about = "Serves models on this machine's devices",
    disable_version_flag = true
)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    /// GPUs by their numbers, as in 0,2, or `cpu` [default: every GPU, or the processor if there is none]
    #[arg(long, value_name = "LIST")]
    gpus: Option<String>,
}

/// The command line of `worker_dummy`.
#[derive(Debug, Parser)]
#[command(
    name = "worker_dummy",
    about = "A worker on emulated GPUs: the same worker, with devices that answer from measured profiles",
    disable_version_flag = true
)]
pub struct DummyArguments {
    #[command(flatten)]
    common: Common,
    /// Emulated GPUs [default: 1]
    #[arg(short, long = "num_gpus", allow_negative_numbers = true)]
    num_gpus: Option<u32>,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Port for the controller [default: 12345; 0 takes a free one]
    #[arg(short, long, allow_negative_numbers = true)]
    port: Option<u16>,
    /// Configuration: our TOML, or the original's .cfg (else `CLOCKWORK_CONFIG_FILE`)
    #[arg(short, long)]
    config: Option<PathBuf>,
    /// Folder of models, one sub-folder each
    #[arg(long)]
    models: Option<PathBuf>,
    /// Folder of models that are shared objects, one sub-folder each: code that this process will run
    #[arg(long)]
    libraries: Option<PathBuf>,
    /// End when standard input does, for a process that is started by another
    #[arg(long, hide = true)]
    attached: bool,
}

/// Runs a worker on real devices until it is interrupted.
///
/// # Errors
/// If the command line or the configuration makes no sense, or the port or a device is unusable.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    process::begin(2)?;
    let common = &arguments.common;
    let resolved = configuration(common, None, arguments.gpus.as_deref())?;
    if let Some(gpus) = gpus(&resolved.config)? {
        let devices = worker::cuda(&resolved.config, gpus);
        return serve(common, &resolved, devices, Kind::Cuda);
    }
    let config = with_modest_memory(resolved);
    serve(common, &config, worker::cpu(&config.config), Kind::Cpu)
}

/// What devices a worker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Cpu,
    Cuda,
    Emulated,
}

/// The GPUs that the configuration wants; `None` for the processor. Without a GPU, or without its
/// libraries, that is what `auto` means.
fn gpus(config: &Config) -> Result<Option<Vec<GpuInfo>>, Failure> {
    let wanted = config.worker.gpu_list();
    if wanted.is_none() && config.worker.devices == "cpu" {
        return Ok(None);
    }
    let there = match (cuda::available(), &wanted) {
        (Ok(there), _) => there,
        (Err(why), None) => {
            say(&format!("No GPU: {why}; the processor is the device"));
            return Ok(None);
        }
        (Err(why), Some(_)) => return Err(Failure::usage(format!("worker.devices: {why}"))),
    };
    let Some(wanted) = wanted else {
        return Ok(Some(there).filter(|there| !there.is_empty()));
    };
    let find = |number: u32| {
        let found = there.iter().find(|gpu| u32::try_from(gpu.ordinal) == Ok(number));
        found.cloned().ok_or_else(|| {
            let count = there.len();
            Failure::usage(format!(
                "worker.devices names GPU {number}; there are {count}, from 0 on"
            ))
        })
    };
    wanted.into_iter().map(find).collect::<Result<_, _>>().map(Some)
}

/// Runs a worker on emulated devices until it is interrupted.
///
/// # Errors
/// If the command line or the configuration makes no sense, or the port is unusable.
pub fn run_dummy(arguments: &DummyArguments) -> Result<(), Failure> {
    process::begin(1)?;
    let resolved = configuration(&arguments.common, arguments.num_gpus, None)?;
    let devices = worker::emulated(&resolved.config.executor, resolved.config.worker.gpus);
    serve(&arguments.common, &resolved, devices, Kind::Emulated)
}

fn configuration(
    common: &Common,
    gpus: Option<u32>,
    devices: Option<&str>,
) -> Result<Resolved, Failure> {
    let sources = Sources::of_process(common.config.as_deref())?
        .flag("worker.port", common.port)
        .flag("worker.gpus", gpus)
        .flag("worker.devices", devices)
        .flag("worker.model_dir", common.models.as_deref().map(Path::display))
        .flag("worker.libraries_dir", common.libraries.as_deref().map(Path::display));
    sources.resolve().map_err(|error| Failure::usage(error.to_string()))
}

/// The original's defaults are a GPU's memory. On the host's own processor a worker takes less,
/// unless the configuration says otherwise.
fn with_modest_memory(mut resolved: Resolved) -> Resolved {
    let memory = &mut resolved.config.executor;
    for (key, size, modest) in [
        ("executor.weights_cache_size", &mut memory.weights_cache_size, CPU_WEIGHTS),
        ("executor.io_pool_size", &mut memory.io_pool_size, CPU_POOL),
        ("executor.workspace_pool_size", &mut memory.workspace_pool_size, CPU_POOL),
    ] {
        if !resolved.overridden.iter().any(|set| set.key == key) {
            *size = modest;
        }
    }
    resolved
}

fn serve(
    common: &Common,
    resolved: &Resolved,
    devices: DeviceFactory,
    kind: Kind,
) -> Result<(), Failure> {
    let shutdown = Shutdown::on_signals()?;
    if common.attached {
        attached::end_with_input(&shutdown)?;
    }
    introduce(resolved);
    let config = resolved.config.clone();
    let options = Options {
        listener: rt::listen(address(&config)?)?,
        catalogue: catalogue(&config, kind),
        devices,
        console: Box::new(std::io::stdout()),
        config,
    };
    worker::run(options, &shutdown)?;
    Ok(())
}

/// The original's first lines: where the configuration comes from and what in it was set.
fn introduce(resolved: &Resolved) {
    say("Starting Clockwork Worker");
    say("Loading Clockwork worker default config from <built-in>");
    let mut origin = "";
    for set in &resolved.overridden {
        if set.origin != origin {
            origin = &set.origin;
            say(&format!("Overriding default config using values in {origin}"));
        }
        say(&set.to_string());
    }
}

fn address(config: &Config) -> Result<SocketAddr, Failure> {
    let text = &config.worker.address;
    let address: IpAddr = text.parse().map_err(|_| {
        Failure::usage(format!("worker.address is `{text}`; an IP address is needed"))
    })?;
    Ok(SocketAddr::new(address, config.worker.port))
}

fn catalogue(config: &Config, kind: Kind) -> Catalogue {
    let dir = |dir: &str| Some(PathBuf::from(dir)).filter(|dir| !dir.as_os_str().is_empty());
    let catalogue =
        Catalogue::new(dir(&config.worker.model_dir).into_iter().collect(), kind == Kind::Emulated);
    if kind == Kind::Emulated {
        return catalogue;
    }
    let copies = config.executor.host_weights_size;
    let catalogue = catalogue.with_compiled().with_host_copies(copies);
    if kind == Kind::Cuda {
        // The fastest numbers that a model was compiled for.
        let fastest = [Precision::Fp16, Precision::Tf32, Precision::Fp32].map(Target::Cuda);
        return catalogue.with_targets(fastest.to_vec());
    }
    match dir(&config.worker.libraries_dir) {
        Some(libraries) => catalogue.with_libraries(libraries),
        None => catalogue,
    }
}

const CPU_WEIGHTS: u64 = 256 << 20;
const CPU_POOL: u64 = 64 << 20;
