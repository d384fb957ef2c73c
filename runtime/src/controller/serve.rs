//! Starts a controller: its logs, its door, and its cores.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use clockwork_config::{Config, LogConfig, LogFormat, SchedulerKind};
use clockwork_wire::{Nanos, SessionId, Span};

use super::core::{self, Setting, Start, Tell};
use super::ending::Ending;
use super::exchange::Exchange;
use super::layout::Layout;
use crate::clock;
use crate::placement;
use crate::rt::{self, Core, Doorbell, ExecutorError, ListenError};
use crate::shutdown::Shutdown;
use crate::telemetry::describe::SchedulerText;
use crate::telemetry::{LogDir, LogError, LogFiles, Recorder, Telemetry};

/// What a controller serves with.
#[derive(Debug)]
pub struct ServeOptions {
    /// The configuration, checked.
    pub config: Config,
    /// The workers as the command line names them, each `host:port`.
    pub workers: Vec<String>,
    /// What ends it.
    pub shutdown: Shutdown,
    /// Told of the port that clients may use, once it is open.
    pub listening: Option<std::sync::mpsc::Sender<SocketAddr>>,
}

/// Why a controller cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A worker's address cannot be understood or found.
    #[error("worker `{worker}` is no `host:port` that can be reached: {source}")]
    Worker {
        /// The address as it was given.
        worker: String,
        /// Why.
        source: io::Error,
    },
    /// No worker was named.
    #[error("no worker was named: give at least one `host:port`")]
    NoWorkers,
    /// The address to listen on makes no sense.
    #[error("controller.address `{address}` is no IP address: {source}")]
    Address {
        /// The address as it was given.
        address: String,
        /// Why.
        source: std::net::AddrParseError,
    },
    /// The port for clients cannot be opened.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A core cannot start, or panicked.
    #[error(transparent)]
    Core(#[from] ExecutorError),
    /// The operating system refuses something else.
    #[error("the controller cannot start: {0}")]
    Io(#[from] io::Error),
}

/// Serves on the calling thread, and on further ones if the configuration asks for more cores, until
/// it is shut down. `tell` shows lines to people; `summary` gets the interval summary.
///
/// # Errors
/// If an address, a port or a log is unusable, or a core cannot start or panics.
pub fn run(
    options: ServeOptions,
    mut tell: impl FnMut(&str) + 'static,
    summary: Box<dyn Write + Send>,
) -> Result<(), ServeError> {
    tell("Starting Clockwork Controller");
    let ServeOptions { config, workers, shutdown, listening } = options;
    let workers = resolve(&workers)?;
    let layout = Layout::new(&config.cores);
    let (telemetry, recorders) = open_logs(&config, layout.cores(), &mut tell, summary)?;
    tell(&SchedulerText(&config.scheduler).to_string());
    if config.scheduler.kind == SchedulerKind::Infer4 {
        tell("INFER4 is served by the INFER5 scheduler");
    }
    let (listener, address) = open_port(&config)?;
    tell(&format!("IO service thread listening for clients on {address}"));
    if let Some(listening) = listening {
        // Whoever wanted to know may be gone; that is its own affair.
        let _ = listening.send(address);
    }
    let places = placement::several("controller", layout.cores(), &config.cores);
    let starts = starts(config, layout, workers, &shutdown, recorders, listener);
    run_cores(places, starts, Box::new(tell))?;
    let totals = telemetry.finish();
    if totals.dropped > 0 {
        tracing::warn!(dropped = totals.dropped, "records are missing from the logs");
    }
    Ok(())
}

/// What every core begins with.
fn starts(
    config: Config,
    layout: Layout,
    workers: Vec<SocketAddr>,
    shutdown: &Shutdown,
    recorders: Vec<Recorder>,
    listener: TcpListener,
) -> Vec<Start> {
    let now = clock::now();
    let setting = Arc::new(Setting {
        layout,
        scheduler: config.scheduler,
        controller: config.controller,
        network: config.network,
        workers,
        epoch: epoch(now),
        session: SessionId::new(now.get()),
    });
    let bells: Vec<Doorbell> = recorders.iter().map(|_| Doorbell::new()).collect();
    let endings = Ending::of_all(shutdown, &bells);
    let exchanges = Exchange::mesh(&bells);
    let mut listener = Some(listener);
    let ends = exchanges.into_iter().zip(bells).zip(endings).zip(recorders);
    let start = |(number, (((exchange, bell), ending), recorder))| Start {
        number,
        setting: Arc::clone(&setting),
        exchange,
        bell,
        ending,
        recorder,
        listener: if number == layout.doors().start { listener.take() } else { None },
    };
    ends.enumerate().map(start).collect()
}

/// Runs the first core here and the others on threads of their own. One that fails ends all.
fn run_cores(places: Vec<rt::Options>, starts: Vec<Start>, tell: Tell) -> Result<(), ServeError> {
    let mut cores = places.into_iter().zip(starts);
    let (place, first) = cores.next().expect("there is a first core");
    let spawn = |(place, start)| rt::spawn_core(place, move || core::run(start, None));
    let others: Vec<Core<io::Result<()>>> = cores.map(spawn).collect::<Result<_, _>>()?;
    let served = rt::run(&place, core::run(first, Some(tell)));
    for other in others {
        other.join()??;
    }
    Ok(served??)
}

fn resolve(workers: &[String]) -> Result<Vec<SocketAddr>, ServeError> {
    if workers.is_empty() {
        return Err(ServeError::NoWorkers);
    }
    let one = |worker: &String| {
        let failed = |source| ServeError::Worker { worker: worker.clone(), source };
        let mut found = std::net::ToSocketAddrs::to_socket_addrs(worker).map_err(failed)?;
        found.next().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
    };
    workers.iter().map(one).collect()
}

fn open_logs(
    config: &Config,
    cores: usize,
    tell: &mut impl FnMut(&str),
    summary: Box<dyn Write + Send>,
) -> Result<(Telemetry, Vec<Recorder>), ServeError> {
    let logs = begin_logs(&config.log, tell)?;
    Ok(Telemetry::start(crate::telemetry::Options {
        logs,
        cores,
        capacity: usize::try_from(config.log.ring).expect("a ring's size fits usize"),
        interval: config.controller.report_interval,
        clock: clock::now,
        console: summary,
    })?)
}

fn begin_logs(
    config: &LogConfig,
    tell: &mut impl FnMut(&str),
) -> Result<Option<LogFiles>, LogError> {
    if config.format == LogFormat::Off {
        tell("Logging neither requests nor actions (log.format)");
        return Ok(None);
    }
    let dir = LogDir::choose(config)?;
    if dir.is_created() {
        tell(&format!("Created {} for the logs", dir.path().display()));
    }
    let files = LogFiles::create(&dir, config)?;
    if let Some(files) = &files {
        tell(&format!("Logging requests to {}", files.request_path().display()));
        tell(&format!("Logging actions to {}", files.action_path().display()));
    }
    Ok(files)
}

fn open_port(config: &Config) -> Result<(TcpListener, SocketAddr), ServeError> {
    let text = &config.controller.address;
    let address =
        text.parse().map_err(|source| ServeError::Address { address: text.clone(), source })?;
    let listener = rt::listen(SocketAddr::new(address, config.controller.port))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// This start of the controller: seconds since the Unix epoch, so that a later start has a higher one.
fn epoch(now: Nanos) -> u32 {
    u32::try_from(now.get() / Span::from_secs(1).get()).unwrap_or(u32::MAX)
}
