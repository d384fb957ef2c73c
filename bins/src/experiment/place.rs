//! Where the processes of a real run are: on this machine, or on others by ssh.

use std::env;
use std::io;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::Failure;

/// What `--hosts FILE` says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hosts {
    /// Where the client runs.
    client: String,
    /// Where the controller runs.
    controller: String,
    /// Where the workers run, one on each.
    workers: Vec<String>,
    /// Who logs in; by default as ssh decides.
    username: Option<String>,
    /// The port of ssh.
    #[serde(default = "ssh_port")]
    ssh_port: u16,
    /// The folder with `clockwork` on every host; by default what `CLOCKWORK_BUILD` says here.
    build: Option<String>,
    /// The folder for logs on the controller's host; by default /local/clockwork/NAME/log/TIMESTAMP.
    logdir: Option<String>,
    /// Whether workers emulate the experiment's devices instead of using their own.
    #[serde(default)]
    emulated: bool,
    /// The workers' port; 0 takes free ones.
    #[serde(default = "worker_port")]
    worker_port: u16,
    /// The controller's port for clients; 0 takes a free one.
    #[serde(default = "controller_port")]
    controller_port: u16,
}

/// Where a process is started.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// Here, from this very program.
    Here,
    /// On another host.
    There {
        /// Its name, under which the others find it.
        host: String,
        /// What ssh is told: port and target.
        ssh: Vec<String>,
        /// The folder of the program.
        build: String,
    },
}

/// All places of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Places {
    pub(super) workers: Vec<Place>,
    pub(super) controller: Place,
    pub(super) client: Place,
    /// Whether the workers emulate devices.
    pub(super) emulated: bool,
    pub(super) worker_port: u16,
    pub(super) controller_port: u16,
    /// The folder for logs on the controller's host; none if that is here.
    pub(super) logdir: Option<String>,
}

#[derive(Debug, thiserror::Error)]
enum Unreachable {
    #[error("ssh cannot be started")]
    Ssh(#[source] io::Error),
    #[error("host {host}: {said}")]
    Host { host: String, said: String },
}

impl Places {
    /// Everything here, on emulated devices.
    pub(super) fn here(workers: u32) -> Self {
        Self {
            workers: (0..workers).map(|_| Place::Here).collect(),
            controller: Place::Here,
            client: Place::Here,
            emulated: true,
            worker_port: 0,
            controller_port: 0,
            logdir: None,
        }
    }

    /// Reads a file of hosts, and checks every one of them.
    ///
    /// # Errors
    /// If the file makes no sense, or a host cannot be reached or lacks the program.
    pub(super) fn read(path: &Path, name: &str, stamp: u64) -> Result<Self, Failure> {
        let usage = |what: String| Failure::usage(format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| usage(error.to_string()))?;
        let hosts: Hosts = toml::from_str(&text).map_err(|error| usage(error.to_string()))?;
        if hosts.workers.is_empty() {
            return Err(usage("workers is empty: at least one is needed".into()));
        }
        let build = hosts.build.clone().or_else(|| env::var("CLOCKWORK_BUILD").ok());
        let build = build.ok_or_else(|| {
            usage(
                "there is no `build`, and CLOCKWORK_BUILD is not set: say where clockwork is"
                    .into(),
            )
        })?;
        let there = |host: &String| Place::there(host, &hosts, &build);
        let logdir = format!("/local/clockwork/{name}/log/{stamp}");
        let places = Self {
            workers: hosts.workers.iter().map(there).collect(),
            controller: there(&hosts.controller),
            client: there(&hosts.client),
            emulated: hosts.emulated,
            worker_port: hosts.worker_port,
            controller_port: hosts.controller_port,
            logdir: Some(hosts.logdir.clone().unwrap_or(logdir)),
        };
        for place in places.workers.iter().chain([&places.controller, &places.client]) {
            place.check()?;
        }
        Ok(places)
    }
}

impl Place {
    fn there(host: &str, hosts: &Hosts, build: &str) -> Self {
        let target = hosts
            .username
            .as_ref()
            .map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"));
        let ssh = ["-o", "BatchMode=yes", "-p", &hosts.ssh_port.to_string(), &target];
        Self::There { host: host.into(), ssh: ssh.map(str::to_owned).to_vec(), build: build.into() }
    }

    /// How the others find it.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Here => "127.0.0.1",
            Self::There { host, .. } => host,
        }
    }

    /// The command that runs `clockwork WORDS` there with these variables.
    ///
    /// # Errors
    /// If this program cannot be found again.
    pub(super) fn clockwork(
        &self,
        words: &[String],
        settings: &[(String, String)],
    ) -> Result<Command, Failure> {
        let Self::There { build, .. } = self else {
            let mut command = Command::new(env::current_exe()?);
            command.args(words).envs(settings.iter().map(|(name, value)| (name, value)));
            return Ok(command);
        };
        let variables = settings.iter().map(|(name, value)| format!("{name}={value}"));
        let program = [format!("{build}/clockwork")];
        let all = ["env".to_owned()].into_iter().chain(variables).chain(program);
        let all: Vec<_> = all.chain(words.iter().cloned()).map(|word| quoted(&word)).collect();
        Ok(self.shell(&all.join(" ")))
    }

    /// The command that a shell there runs.
    pub(super) fn shell(&self, line: &str) -> Command {
        match self {
            Self::Here => {
                let mut command = Command::new("sh");
                command.args(["-c", line]);
                command
            }
            Self::There { ssh, .. } => {
                let mut command = Command::new("ssh");
                command.args(ssh).arg(line);
                command
            }
        }
    }

    /// Whether the host answers and has the program.
    fn check(&self) -> Result<(), Failure> {
        let Self::There { host, build, .. } = self else { return Ok(()) };
        let program = quoted(&format!("{build}/clockwork"));
        let line = format!("test -x {program} || {{ echo there is no {program} >&2; exit 1; }}");
        let ran = self.shell(&line).output().map_err(Unreachable::Ssh)?;
        if ran.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
        Err(Unreachable::Host { host: host.clone(), said }.into())
    }
}

/// A word as a shell reads it.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

const fn ssh_port() -> u16 {
    22
}

const fn worker_port() -> u16 {
    12_345
}

const fn controller_port() -> u16 {
    12_346
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_a_quoted_word_as_it_was() {
        let word = "it's $HOME; \"x\" `y`";
        let said = Place::Here.shell(&format!("printf %s {}", quoted(word))).output().unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), word);
    }

    #[test]
    fn a_command_elsewhere_names_host_user_port_and_program() {
        let hosts: Hosts = toml::from_str(
            "client = 'c'\ncontroller = 'd'\nworkers = ['w']\nusername = 'me'\nssh_port = 2222",
        )
        .unwrap();
        let place = Place::there("w", &hosts, "/opt/bin");
        let settings = [("A".to_owned(), "1 2".to_owned())];
        let command = place.clockwork(&["worker".to_owned()], &settings).unwrap();
        let words: Vec<_> = command.get_args().map(|word| word.to_str().unwrap()).collect();
        let expected = "'env' 'A=1 2' '/opt/bin/clockwork' 'worker'";
        assert_eq!(words, ["-o", "BatchMode=yes", "-p", "2222", "me@w", expected]);
    }
}
