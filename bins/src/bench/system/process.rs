//! A process of this very build, started for a bench.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::iter::Sum;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::cpus::Cpus;
use crate::Failure;

/// A running process whose lines are kept. It ends with the bench.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    lines: Arc<Mutex<Vec<Line>>>,
    reader: Option<JoinHandle<()>>,
}

/// A line that a process has printed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// When it came, in Unix seconds.
    pub(super) at: f64,
    /// The line.
    pub(super) text: String,
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    /// CPU seconds, user and system.
    pub(super) cpu_s: f64,
    /// The most memory that it held, in MiB.
    pub(super) peak_mib: f64,
    /// How often its threads went to sleep.
    pub(super) sleeps: f64,
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            cpu_s: sum.cpu_s + one.cpu_s,
            peak_mib: sum.peak_mib + one.peak_mib,
            sleeps: sum.sleeps + one.sleeps,
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{name}: {what}")]
pub(super) struct Unwell {
    pub(super) name: String,
    pub(super) what: String,
}

impl Process {
    /// Starts `clockwork WORDS` with these variables, on these CPUs only.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(in crate::bench) fn start(
        words: &[&str],
        settings: &[(String, String)],
        cpus: Option<&Cpus>,
    ) -> Result<Self, Failure> {
        let mut command = Command::new(env::current_exe()?);
        command.args(words).envs(settings.iter().map(|(name, value)| (name, value)));
        Self::spawn_on(words.join(" "), command, cpus)
    }

    /// Starts a command, which errors call `name`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn spawn(name: String, command: Command) -> Result<Self, Failure> {
        Self::spawn_on(name, command, None)
    }

    fn spawn_on(name: String, mut command: Command, cpus: Option<&Cpus>) -> Result<Self, Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = match cpus {
            Some(cpus) => cpus.within(|| command.spawn())??,
            None => command.spawn()?,
        };
        let lines = Arc::new(Mutex::new(Vec::new()));
        let output = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let kept = Arc::clone(&lines);
        let keep = move |text| {
            let line = Line { at: super::now(), text };
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        };
        let reader = thread::spawn(move || output.lines().map_while(Result::ok).for_each(keep));
        Ok(Self { name, child, lines, reader: Some(reader) })
    }

    /// The port on which it says that it listens.
    ///
    /// # Errors
    /// If it ends instead.
    pub(crate) fn port(&mut self) -> Result<u16, Failure> {
        loop {
            let said = self.lines();
            if let Some(port) = said.iter().find_map(|line| listening(&line.text)) {
                return Ok(port);
            }
            if self.has_ended() {
                return Err(self.unwell("did not come up").into());
            }
            thread::sleep(super::LOOK_EVERY);
        }
    }

    /// What it has printed.
    pub(super) fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it is over.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Waits for its end by itself.
    ///
    /// # Errors
    /// If it failed.
    pub(crate) fn succeed(&mut self) -> Result<(), Failure> {
        let status = self.child.wait()?;
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        if status.success() {
            return Ok(());
        }
        Err(self.unwell(&format!("failed ({status}): {}", self.story())).into())
    }

    /// Asks it to end, by the end of its standard input, and waits for that.
    ///
    /// # Errors
    /// If it failed.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        drop(self.child.stdin.take());
        self.succeed()
    }

    /// The last of what it has printed.
    pub(in crate::bench) fn story(&self) -> String {
        let lines = self.lines();
        let last = lines.iter().rev().take(10).rev();
        last.map(|line| line.text.as_str()).collect::<Vec<_>>().join(" / ")
    }

    /// What it has used; nothing once it is over.
    pub(super) fn usage(&self) -> Usage {
        let proc = Path::new("/proc").join(self.child.id().to_string());
        let stat = fs::read_to_string(proc.join("stat")).unwrap_or_default();
        let status = fs::read_to_string(proc.join("status")).unwrap_or_default();
        Usage {
            cpu_s: cpu_seconds(&stat),
            peak_mib: peak_mib(&status),
            sleeps: sleeps(&proc.join("task")),
        }
    }

    fn unwell(&self, what: &str) -> Unwell {
        Unwell { name: self.name.clone(), what: what.to_owned() }
    }
}

/// Ends it: its standard input ends. What does not heed that is killed.
impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        for _ in 0..LOOKS {
            if self.has_ended() {
                break;
            }
            thread::sleep(super::LOOK_EVERY);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn listening(line: &str) -> Option<u16> {
    line.strip_prefix("IO service thread listening ")?.rsplit(':').next()?.parse().ok()
}

/// User and system time of `/proc/PID/stat`; the name in it may hold blanks and parentheses.
fn cpu_seconds(stat: &str) -> f64 {
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let field = |at: usize| after_name.split(' ').nth(at)?.parse::<f64>().ok();
    let ticks = field(12).unwrap_or_default() + field(13).unwrap_or_default();
    ticks / TICKS_PER_SECOND
}

fn peak_mib(status: &str) -> f64 {
    number(status, "VmHWM:") / 1024.0
}

/// The voluntary context switches of all threads in `/proc/PID/task`.
fn sleeps(tasks: &Path) -> f64 {
    let Ok(threads) = fs::read_dir(tasks) else { return 0.0 };
    let statuses =
        threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok());
    statuses.map(|status| number(&status, "voluntary_ctxt_switches:")).sum()
}

/// The number behind a name at the beginning of a line; 0 if there is none.
fn number(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|text| text.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}

/// The unit of /proc's times on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// How often it is looked whether a process that should end has ended.
const LOOKS: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_with_blanks() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 5 1 1";
        assert!((cpu_seconds(stat) - 2.0).abs() < 1e-9, "{}", cpu_seconds(stat));
        assert!((peak_mib("VmPeak: 9 kB\nVmHWM:\t  2048 kB\n") - 2.0).abs() < 1e-9);
    }

    #[test]
    fn sleeps_are_those_of_all_threads_and_only_the_voluntary() {
        let tasks = tempfile::tempdir().unwrap();
        for (thread, count) in [("7", 30), ("8", 12)] {
            let status =
                format!("nonvoluntary_ctxt_switches:\t9\nvoluntary_ctxt_switches:\t{count}\n");
            fs::create_dir(tasks.path().join(thread)).unwrap();
            fs::write(tasks.path().join(thread).join("status"), status).unwrap();
        }
        assert!((sleeps(tasks.path()) - 42.0).abs() < 1e-9);
        assert!(sleeps(&tasks.path().join("gone")).abs() < 1e-9);
    }

    #[test]
    fn the_port_is_the_last_part_of_the_line() {
        assert_eq!(listening("IO service thread listening on 0.0.0.0:4711"), Some(4_711));
        assert_eq!(listening("something else:1"), None);
    }
}
