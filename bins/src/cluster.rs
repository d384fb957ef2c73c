//! A whole Clockwork on this machine: a controller, a worker with a real model, and a worker with
//! emulated GPUs, each a process of its own, as in production.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, thread};

/// What to start.
#[derive(Debug)]
pub struct Plan {
    /// Emulated GPUs.
    pub gpus: u32,
    /// Folder of models for the worker that serves real ones.
    pub models: Option<PathBuf>,
    /// Port for clients; 0 takes a free one.
    pub port: u16,
    /// Where the processes write what they print, and the controller its logs.
    pub log_dir: PathBuf,
}

/// The running processes. Dropping it ends them.
#[derive(Debug)]
pub struct Cluster {
    processes: Vec<Process>,
    address: SocketAddr,
}

/// Why a cluster does not come up.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A process cannot be started.
    #[error("cannot start the {role}")]
    Start {
        /// The process.
        role: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A process ended, or never said where it listens.
    #[error("the {role} did not come up; what it said is in {}", output.display())]
    Silent {
        /// The process.
        role: &'static str,
        /// Its output.
        output: PathBuf,
    },
}

impl Cluster {
    /// Starts the workers, then the controller, and waits until each listens.
    ///
    /// # Errors
    /// If a process cannot be started or does not come up.
    pub fn start(plan: &Plan) -> Result<Self, ClusterError> {
        let dir = &plan.log_dir;
        let gpus = plan.gpus.to_string();
        let dummy = ["worker_dummy", "--port", "0", "--num_gpus", &gpus];
        let (dummy, emulated) = Process::start("emulated GPUs", &dummy, &[], dir)?;
        let mut real = vec!["worker".to_owned(), "--port".into(), "0".into()];
        if let Some(models) = &plan.models {
            real.extend(["--models".into(), models.display().to_string()]);
        }
        let real: Vec<&str> = real.iter().map(String::as_str).collect();
        let (cpu, cpu_at) = Process::start("cpu worker", &real, &[], dir)?;
        let workers = format!("127.0.0.1:{},127.0.0.1:{}", cpu_at.port(), emulated.port());
        let port = plan.port.to_string();
        let controller = ["controller", "CLOCKWORK", &workers, "--port", &port];
        let logs = [("CLOCKWORK_LOG_DIR", dir.as_path())];
        let (controller, at) = Process::start("controller", &controller, &logs, dir)?;
        let address = SocketAddr::from(([127, 0, 0, 1], at.port()));
        Ok(Self { processes: vec![controller, cpu, dummy], address })
    }

    /// Where clients connect.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU seconds of each process so far.
    pub fn cpu_seconds(&self) -> Vec<(&'static str, f64)> {
        self.processes.iter().map(|p| (p.role, cpu_seconds(p.child.id()))).collect()
    }

    /// A process that has ended by itself, if one has.
    pub fn ended(&mut self) -> Option<&'static str> {
        let ended = |p: &mut Process| matches!(p.child.try_wait(), Ok(Some(_)) | Err(_));
        self.processes.iter_mut().find_map(|p| ended(p).then_some(p.role))
    }
}

#[derive(Debug)]
struct Process {
    role: &'static str,
    child: Child,
}

impl Process {
    /// Starts this program again in another role, and waits until it says where it listens.
    fn start(
        role: &'static str,
        arguments: &[&str],
        environment: &[(&str, &Path)],
        dir: &Path,
    ) -> Result<(Self, SocketAddr), ClusterError> {
        let failed = |source| ClusterError::Start { role, source };
        let output = dir.join(format!("{}.out", role.replace(' ', "-")));
        let program = env::current_exe().map_err(failed)?;
        let file = fs::File::create(&output).map_err(failed)?;
        let errors = file.try_clone().map_err(failed)?;
        let mut child = Command::new(program)
            .args(arguments)
            .arg("--attached")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(failed)?;
        let lines = child.stdout.take().expect("standard output is piped");
        let (tell, told) = mpsc::channel();
        thread::spawn(move || copy_lines(lines, file, &tell));
        let process = Self { role, child };
        match told.recv_timeout(PATIENCE) {
            Ok(address) => Ok((process, address)),
            Err(_) => Err(ClusterError::Silent { role, output }),
        }
    }
}

/// Closing its input asks a process to end; it then has a moment to do so.
impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies what a process prints into its file, and tells the address that it says it listens on.
fn copy_lines(lines: impl io::Read, mut file: fs::File, tell: &mpsc::Sender<SocketAddr>) {
    for line in BufReader::new(lines).lines().map_while(Result::ok) {
        let address = line.strip_prefix("IO service thread listening ");
        let address = address.and_then(|rest| rest.split(' ').next_back()?.parse().ok());
        if let Some(address) = address {
            let _ = tell.send(address);
        }
        let _ = writeln!(file, "{line}");
    }
}

/// CPU seconds of a running process, user and system.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The command's name is in parentheses and may hold anything; the numbers come after it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or_default();
    (ticks(12) + ticks(13)) / TICKS_PER_SECOND
}

/// The unit of /proc's times on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// How long a process may take to listen: a cold machine profiles the real model first.
const PATIENCE: Duration = Duration::from_secs(30);
