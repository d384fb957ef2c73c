//! `clockwork up`: a whole cluster on this machine, until Ctrl-C.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::Parser;
use clockwork_config::Sources;
use clockwork_runtime::shutdown::Shutdown;
use clockwork_runtime::telemetry::LogDir;

use crate::cluster::{Cluster, Plan};
use crate::process::say;
use crate::{Failure, process};

/// The command line of `clockwork up`.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// Emulated GPUs
    #[arg(long, default_value_t = 4, allow_negative_numbers = true)]
    gpus: u32,
    /// Folder of models for the worker that serves real ones
    #[arg(long)]
    models: Option<PathBuf>,
    /// Port for clients; 0 takes a free one
    #[arg(short, long, default_value_t = 12_346, allow_negative_numbers = true)]
    port: u16,
}

/// Brings a cluster up and serves until it is interrupted.
///
/// # Errors
/// If a process does not come up, or ends by itself.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    process::begin(4)?;
    let shutdown = Shutdown::on_signals()?;
    let config = Sources::of_process(None)?.resolve()?.config;
    let log_dir = LogDir::choose(&config.log)?.path().to_owned();
    let Arguments { gpus, models, port } = arguments;
    let mut cluster = Cluster::start(&Plan { gpus, models, port, log_dir: log_dir.clone() })?;
    let address = cluster.address();
    say(&format!(
        "Serving on {address}: the model `digits` on this machine's CPU, and 61 models on {gpus} emulated GPUs"
    ));
    say(&format!("Try: client {address} simple"));
    say(&format!("Logs and output are in {}; Ctrl-C ends it", log_dir.display()));
    while !shutdown.is_wanted() {
        if let Some(role) = cluster.ended() {
            return Err(std::io::Error::other(format!("the {role} ended")).into());
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}
