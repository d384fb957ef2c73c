//! Where a test starts its processes.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fs};

use tempfile::TempDir;

use crate::process::Process;

/// A directory of its own, the machine for itself, and settings for the processes to come.
pub(crate) struct Bench {
    settings: Vec<(String, String)>,
    dir: TempDir,
    /// Two tests with three processes each are too much for two cores.
    _machine: MutexGuard<'static, ()>,
}

/// A process that serves, and where.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Bench {
    /// A bench whose processes do not wait for what never comes in a test, and whose controllers
    /// are patient: a machine that has other things to do delays processes by more than the
    /// windows of actions are wide.
    pub(crate) fn new() -> Self {
        let mut bench = Self::as_shipped();
        bench.set("CLOCKWORK_CONTROLLER_LOAD_IDLE", "50ms");
        bench.set("CLOCKWORK_CLIENT_LIST_RETRY", "20ms");
        bench.set("CLOCKWORK_SCHEDULER_SCHEDULE_AHEAD", "2s");
        bench.set("CLOCKWORK_SCHEDULER_DEFAULT_SLO", "30s");
        bench.set("CLOCKWORK_SCHEDULER_ACTION_GRACE", "30s");
        bench
    }

    /// A bench whose processes run with every default.
    pub(crate) fn as_shipped() -> Self {
        static MACHINE: Mutex<()> = Mutex::new(());
        // A failed test has nothing to do with the next one.
        let machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::tempdir().expect("a temporary directory");
        Self { settings: Vec::new(), dir, _machine: machine }
    }

    /// Sets an environment variable for the processes that are started from now on.
    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<Path>) {
        let value = value.as_ref().to_str().expect("test values are text").to_owned();
        self.settings.retain(|(set, _)| set != name);
        self.settings.push((name.into(), value));
    }

    /// A path in the test's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file into the test's directory.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a test may write files");
        path
    }

    /// Starts any of the programs.
    pub(crate) fn start(&self, program: &str, arguments: &[&str]) -> Process {
        self.start_with(program, arguments, &[])
    }

    /// Starts a worker on emulated GPUs on a free port.
    pub(crate) fn worker(&self, arguments: &[&str]) -> Server {
        self.server("worker_dummy", &["--port", "0"], arguments)
    }

    /// Starts a worker on the processor on a free port.
    pub(crate) fn cpu_worker(&self) -> Server {
        self.server("worker", &["--port", "0"], &[])
    }

    /// Starts a worker on the processor with a folder of models.
    pub(crate) fn cpu_worker_of(&self, models: &Path, arguments: &[&str]) -> Server {
        let models = models.to_str().expect("test paths are text");
        self.server("worker", &["--port", "0", "--models", models], arguments)
    }

    /// Starts a worker on a port that it had before.
    pub(crate) fn worker_at(&self, address: SocketAddr) -> Server {
        self.server("worker_dummy", &["--port", &address.port().to_string()], &[])
    }

    /// Starts one on a port that it had before.
    pub(crate) fn cpu_worker_at(&self, address: SocketAddr, models: &Path) -> Server {
        let (port, models) = (address.port().to_string(), models.to_str());
        let models = models.expect("test paths are text");
        self.server("worker", &["--port", &port, "--models", models], &[])
    }

    /// Starts a controller on a free port, with its logs in [`Bench::logs`].
    pub(crate) fn controller(&self, kind: &str, worker: SocketAddr, options: &[&str]) -> Server {
        self.controller_of(kind, &[worker], options)
    }

    /// Starts a controller of many workers.
    pub(crate) fn controller_of(
        &self,
        kind: &str,
        workers: &[SocketAddr],
        options: &[&str],
    ) -> Server {
        let logs = self.logs();
        let logs = logs.to_str().expect("test paths are text");
        let workers: Vec<_> = workers.iter().map(ToString::to_string).collect();
        let workers = workers.join(",");
        let fixed = [kind, &workers, "--port", "0", "--log-dir", logs];
        self.server("controller", &fixed, options)
    }

    /// Starts a client.
    pub(crate) fn client(&self, controller: &Server, arguments: &[&str]) -> Process {
        let address = controller.address.to_string();
        self.start_with("client", &[&address], arguments)
    }

    /// Where the controller's logs are.
    pub(crate) fn logs(&self) -> PathBuf {
        self.path("logs")
    }

    fn server(&self, program: &str, fixed: &[&str], more: &[&str]) -> Server {
        let fixed: Vec<&str> = fixed.iter().copied().chain(["--attached"]).collect();
        let mut process = self.start_with(program, &fixed, more);
        let address = process.address();
        Server { process, address }
    }

    fn start_with(&self, program: &str, fixed: &[&str], more: &[&str]) -> Process {
        let mut command = Command::new(executable(program));
        command.args(fixed).args(more).current_dir(self.dir.path());
        let ours = |name: &OsStr| name.to_string_lossy().starts_with("CLOCKWORK_");
        for (name, _) in env::vars_os().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        Process::start(program, &mut command)
    }
}

/// Where Cargo put the program.
fn executable(program: &str) -> &'static str {
    match program {
        "worker" => env!("CARGO_BIN_EXE_worker"),
        "worker_dummy" => env!("CARGO_BIN_EXE_worker_dummy"),
        "controller" => env!("CARGO_BIN_EXE_controller"),
        "client" => env!("CARGO_BIN_EXE_client"),
        "convert" => env!("CARGO_BIN_EXE_convert"),
        "inflate" => env!("CARGO_BIN_EXE_inflate"),
        "check_model" => env!("CARGO_BIN_EXE_check_model"),
        "profile" => env!("CARGO_BIN_EXE_profile"),
        "simpleclient" => env!("CARGO_BIN_EXE_simpleclient"),
        "clockwork" => env!("CARGO_BIN_EXE_clockwork"),
        other => panic!("there is no program `{other}`"),
    }
}
