//! The worker's process: one core that owns the sockets and drives an
//! [`executor::Worker`](clockwork_executor::Worker), whatever its devices are.
//!
//! A worker listens, and serves one controller at a time. It decides nothing: what arrives goes to
//! the state machine, what that says goes out, and the core sleeps until the next message, the
//! next due action or a device's bell. While a controller is away its actions go on, and their
//! results wait for it; a controller that comes back within its session gets what it has not
//! acknowledged.

mod console;
mod core;
mod devices;
mod gate;
mod kept;
mod resolver;

use std::fmt;
use std::io::{self, Write};
use std::net::TcpListener;

use clockwork_config::Config;
use clockwork_executor::zoo::Catalogue;

pub use devices::cuda;
pub use devices::{DeviceFactory, cpu, emulated};

use crate::placement;
use crate::rt::{self, ExecutorError};
use crate::shutdown::Shutdown;

/// What a worker needs to run.
pub struct Options {
    /// The sections `worker`, `executor`, `network` and `cores` count.
    pub config: Config,
    /// Where the controller connects; made by [`rt::listen`], so that the caller knows the port.
    pub listener: TcpListener,
    /// Makes the devices, on the worker's core.
    pub devices: DeviceFactory,
    /// Finds models by name.
    pub catalogue: Catalogue,
    /// Where the documented lines go: standard output, or nowhere.
    pub console: Box<dyn Write + Send>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("config", &self.config)
            .field("listener", &self.listener)
            .field("catalogue", &self.catalogue)
            .finish_non_exhaustive()
    }
}

/// Why a worker cannot run.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Its core cannot start, or panicked.
    #[error(transparent)]
    Core(#[from] ExecutorError),
    /// The listener cannot be used.
    #[error("the listener cannot be used")]
    Listener(#[source] io::Error),
    /// A device is not what the configuration says.
    #[error("cannot make the devices: {0}")]
    Devices(String),
    /// There is no thread that could look for models.
    #[error("there is no thread to look for models with")]
    Resolver(#[source] io::Error),
}

/// Runs a worker on the calling thread until `shutdown`: what is under way then ends, what waits is
/// cancelled, and the results are sent.
///
/// # Errors
/// If it cannot start.
pub fn run(options: Options, shutdown: &Shutdown) -> Result<(), WorkerError> {
    let core = placement::single("worker", &options.config.cores);
    let aside = if core.pin.is_some() { placement::aside() } else { Vec::new() };
    rt::run(&core, core::serve(options, aside, shutdown.clone()))?
}
