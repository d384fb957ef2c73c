//! Worker, controller and client processes of this very build, under one load.

mod clients;
mod console;
mod cpus;
mod process;
mod shape;
mod usage;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clockwork_runtime::clock;
use tempfile::TempDir;

pub(super) use self::clients::Seen;
pub(super) use self::console::Devices;
pub(super) use self::cpus::Places;
pub(crate) use self::process::Process;
use self::process::Unwell;
pub(super) use self::shape::Shape;
pub(super) use self::usage::ByRole;
use self::usage::{Readings, Used};
use crate::Failure;

/// A controller and its workers at work.
pub(super) struct System<'a> {
    shape: &'a Shape,
    controller: Process,
    workers: Vec<Process>,
    address: String,
    places: Places,
    /// Logs and reports, while they are of use.
    dir: TempDir,
}

/// A load on a system.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// How requests come.
    pub(super) traffic: Traffic,
    /// Seconds that count.
    pub(super) seconds: f64,
    /// Seconds before these: the first third at a quarter of the rate, so that weights are loaded
    /// before the devices have to be fast.
    pub(super) warmup: f64,
    /// Which random stream; another one sends other requests.
    pub(super) seed: u32,
    /// Whether each client keeps a record of every request.
    pub(super) records: bool,
}

/// How requests come, of all clients together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Traffic {
    /// A Poisson stream of so many per second.
    Open {
        /// Requests per second.
        rate: f64,
    },
    /// As many as can be answered, with so many under way.
    Closed {
        /// Requests under way.
        window: u32,
    },
}

impl Traffic {
    /// The rate that is to be offered; 0 where answers decide.
    pub(super) fn rate(self) -> f64 {
        match self {
            Self::Open { rate } => rate,
            Self::Closed { .. } => 0.0,
        }
    }
}

/// What a system did under a load.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    /// What the clients saw.
    pub(super) seen: Seen,
    /// When that was.
    pub(super) window: Window,
    /// What each role used per second meanwhile; `None` if it was too short.
    pub(super) used: Option<Used>,
    /// What the devices did meanwhile, as the controller's console tells; `None` if it was too short.
    pub(super) devices: Option<Devices>,
    /// The most memory that the controller held, in MiB.
    pub(super) controller_mib: f64,
}

/// A stretch of time, in Unix seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Window {
    from: f64,
    to: f64,
}

/// What a system leaves behind: its logs. They are gone when this is dropped.
#[derive(Debug)]
pub(super) struct Remains {
    dir: TempDir,
    clients: u32,
}

impl Remains {
    /// The controller's log of requests.
    pub(super) fn request_log(&self) -> PathBuf {
        self.dir.path().join("clockwork_request_log.tsv")
    }

    /// Its log of actions.
    pub(super) fn action_log(&self) -> PathBuf {
        self.dir.path().join("clockwork_action_log.tsv")
    }

    /// The records of each client that kept them.
    pub(super) fn records(&self) -> Vec<PathBuf> {
        let all = (0..self.clients).map(|client| records(self.dir.path(), client));
        all.filter(|path| path.exists()).collect()
    }
}

impl Window {
    /// Whether an instant in Unix nanoseconds lies within.
    pub(super) fn holds_ns(self, at: u64) -> bool {
        self.holds(Duration::from_nanos(at).as_secs_f64())
    }

    /// Whether an instant lies within.
    fn holds(self, at: f64) -> bool {
        (self.from..=self.to).contains(&at)
    }
}

impl<'a> System<'a> {
    /// Starts workers and a controller; `settings` are further variables for the controller.
    ///
    /// # Errors
    /// If a process does not come up.
    pub(super) fn start(shape: &'a Shape, settings: &[(&str, &str)]) -> Result<Self, Failure> {
        let dir = tempfile::Builder::new().prefix("clockwork-bench-").tempdir()?;
        let places = shape.places();
        let mut workers = Vec::new();
        let mut addresses = Vec::new();
        for worker in 0..shape.workers() {
            let mut process = worker_process(shape, worker, &places)?;
            addresses.push(format!("127.0.0.1:{}", process.port()?));
            workers.push(process);
        }
        let (kind, addresses) = (shape.kind()?, addresses.join(","));
        let words = ["controller", kind.name(), &addresses, "--port", "0", "--attached"];
        let mut all = controller_settings(shape, dir.path());
        all.extend(shape.settings()?);
        all.extend(settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
        let mut controller = Process::start(&words, &all, places.controller.as_ref())?;
        let address = format!("127.0.0.1:{}", controller.port()?);
        Ok(Self { shape, controller, workers, address, places, dir })
    }

    /// Puts a load on it; it ends with the clients. Once only: the models stay.
    ///
    /// # Errors
    /// If a client fails, or does not end.
    pub(super) fn carry(&mut self, load: &Load) -> Result<Carried, Failure> {
        let mut clients = Vec::new();
        for client in 0..self.shape.clients {
            clients.push(self.client(client, load)?);
        }
        let readings = self.watch(&mut clients, load)?;
        let mut parts = Vec::new();
        for (client, process) in (0..).zip(&mut clients) {
            process.succeed()?;
            parts.push(Seen::read(&self.report_of(client))?);
        }
        let seen = parts.into_iter().reduce(Seen::merge).unwrap_or_default();
        let window = seen.window();
        Ok(Carried {
            used: readings.within(window),
            devices: console::devices(&self.controller.lines(), window, INTERVAL),
            controller_mib: self.controller.usage().peak_mib,
            window,
            seen,
        })
    }

    /// Ends it in order; its logs are complete then.
    ///
    /// # Errors
    /// If the controller failed.
    pub(super) fn finish(mut self) -> Result<Remains, Failure> {
        self.controller.end()?;
        Ok(Remains { dir: self.dir, clients: self.shape.clients })
    }

    /// Reads what is used until the first client ends.
    fn watch(&self, clients: &mut [Process], load: &Load) -> Result<Readings, Failure> {
        let mut readings = Readings::default();
        let give_up = now() + load.warmup + load.seconds + PATIENCE;
        while !clients.iter_mut().any(Process::has_ended) {
            readings.take(now(), Used::of(&self.controller, clients, &self.workers));
            if now() > give_up {
                let what = format!("has not ended: {}", clients[0].story());
                return Err(Unwell { name: "client".into(), what }.into());
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(readings)
    }

    fn client(&self, client: u32, load: &Load) -> Result<Process, Failure> {
        let shape = self.shape;
        let models = shape.models_of(client).to_string();
        let seconds = (load.warmup + load.seconds).to_string();
        let (warmup, threads) = (load.warmup.to_string(), shape.client_threads().to_string());
        let seed = (load.seed * 1_000 + client).to_string();
        let json = self.report_of(client).display().to_string();
        let workload = self.workload(load, &models);
        let mut words = vec!["client", &self.address];
        words.extend(workload.iter().map(String::as_str));
        words.extend(["--slo", shape.slo(), "--seed", &seed, "--threads", &threads]);
        words.extend(["--seconds", &seconds, "--warmup", &warmup, "--json", &json]);
        let records = records(self.dir.path(), client).display().to_string();
        if load.records {
            words.extend(["--requests", &records]);
        }
        let settings = [("CLOCKWORK_CLIENT_LIST_RETRY", "50ms"), (SPIN, &shape.spin)];
        Process::start(&words, &owned(&settings), self.places.clients.as_ref())
    }

    /// The workload of each client.
    fn workload(&self, load: &Load, models: &str) -> Vec<String> {
        let Shape { clients, popularity, model, .. } = self.shape;
        match load.traffic {
            Traffic::Open { rate } => {
                let course = course(rate / f64::from(*clients), load.warmup);
                ["open-loop", models, &course, popularity, model].map(str::to_owned).into()
            }
            // A loop for each model; it ends with its seconds.
            Traffic::Closed { window } => {
                let each = (window / self.shape.models()).max(1).to_string();
                let endless = u32::MAX.to_string();
                let words = ["simple-parametric", models, models, &each, &endless];
                words.map(str::to_owned).into()
            }
        }
    }

    fn report_of(&self, client: u32) -> PathBuf {
        self.dir.path().join(format!("client-{client}.json"))
    }
}

fn records(dir: &Path, client: u32) -> PathBuf {
    dir.join(format!("client-{client}.tsv"))
}

fn worker_process(shape: &Shape, worker: u32, places: &Places) -> Result<Process, Failure> {
    let gpus = shape.gpus_of(worker).to_string();
    let words = ["worker_dummy", "-p", "0", "-n", &gpus, "--attached"];
    Process::start(&words, &owned(&[(SPIN, &shape.spin)]), places.workers.as_ref())
}

/// The rates of a client: slow at first, then as fast as it is to be.
fn course(rate: f64, warmup: f64) -> String {
    if warmup <= 0.0 {
        return rate.to_string();
    }
    format!("{}:{},{rate}:{DAY}", rate / 4.0, warmup / 3.0)
}

/// What a controller of this shape is told.
fn controller_settings(shape: &Shape, logs: &Path) -> Vec<(String, String)> {
    owned(&[
        ("CLOCKWORK_CORES_SHARDS", &shape.shards.to_string()),
        ("CLOCKWORK_CORES_IO", &shape.io_cores.to_string()),
        ("CLOCKWORK_SCHEDULER_MAX_GPUS", &shape.gpus().to_string()),
        ("CLOCKWORK_SCHEDULER_MAX_BATCH", &shape.max_batch.to_string()),
        ("CLOCKWORK_SCHEDULER_DEFAULT_SLO", shape.slo()),
        ("CLOCKWORK_CONTROLLER_LOAD_IDLE", "300ms"),
        ("CLOCKWORK_CONTROLLER_REPORT_INTERVAL", &format!("{INTERVAL}s")),
        ("CLOCKWORK_LOG_DIR", &logs.display().to_string()),
        (SPIN, &shape.spin),
    ])
}

fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Unix seconds, on the clock of every process of this machine.
fn now() -> f64 {
    clock::duration(clockwork_wire::Span::new(clock::now().get())).as_secs_f64()
}

const SPIN: &str = "CLOCKWORK_CORES_SPIN";
/// Seconds between two reports on the controller's console.
const INTERVAL: f64 = 1.0;
/// How often processes are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Seconds for loading models before a load, and for answers after it.
const PATIENCE: f64 = 120.0;
/// Longer than any load, in seconds.
const DAY: u32 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_begins_slowly_if_it_may_warm_up() {
        assert_eq!(course(1_000.0, 0.0), "1000");
        assert_eq!(course(1_000.0, 3.0), "250:1,1000:86400");
    }
}
