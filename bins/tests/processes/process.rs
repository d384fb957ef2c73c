//! A process under test: its lines are waited for, its end is awaited, and it never outlives its
//! test.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A running process.
pub(crate) struct Process {
    name: String,
    child: Child,
    out: Transcript,
    err: Transcript,
    /// Lines of standard output that have been waited for.
    heard: usize,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// All lines of its standard output.
    pub(crate) out: Vec<String>,
    /// All of its standard error.
    pub(crate) err: String,
}

impl Process {
    /// Starts `command`, which is called `name` if a test fails.
    pub(crate) fn start(name: &str, command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            piped.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let out = Transcript::of(child.stdout.take().expect("standard output is piped"));
        let err = Transcript::of(child.stderr.take().expect("standard error is piped"));
        Self { name: name.into(), child, out, err, heard: 0 }
    }

    /// Waits for the next line on standard output that contains `words`, and gives it.
    pub(crate) fn hear(&mut self, words: &str) -> String {
        match self.out.wait(self.heard, |line| line.contains(words)) {
            Some(at) => {
                self.heard = at + 1;
                self.out.lines()[at].clone()
            }
            None => panic!("{} never said `{words}`\n{}", self.name, self.story()),
        }
    }

    /// Waits until it says where it listens; gives that port on this machine.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let line = self.hear("IO service thread listening");
        let port = line.rsplit(':').next().and_then(|port| port.parse().ok());
        SocketAddr::from(([127, 0, 0, 1], port.expect("the line ends with a port")))
    }

    /// Waits until it ends by itself.
    pub(crate) fn end(mut self) -> Ended {
        let ends = [&self.out, &self.err].map(Transcript::wait_for_end);
        assert!(ends == [true; 2], "{} did not end\n{}", self.name, self.story());
        let status = self.child.wait().expect("a child can be waited for");
        Ended { code: status.code(), out: self.out.lines(), err: self.err.lines().join("\n") }
    }

    /// Interrupts it as Ctrl-C does, and waits for its end.
    pub(crate) fn interrupt(self) -> Ended {
        let kill = format!("kill -INT {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("there is a shell");
        assert!(sent.success(), "{} is gone already\n{}", self.name, self.story());
        self.end()
    }

    /// Kills it without a warning.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// All that it has said.
    fn story(&self) -> String {
        let (out, err) = (self.out.lines().join("\n"), self.err.lines().join("\n"));
        format!("--- {} said:\n{out}\n--- and on standard error:\n{err}\n---", self.name)
    }
}

/// A process that a test leaves behind ends with it; that of a failed test says why.
impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "shown beside the failure of the test")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}", self.story());
        }
    }
}

/// The lines of a stream, as they come.
#[derive(Clone, Default)]
struct Transcript(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Transcript {
    /// Reads the stream on a thread of its own, so that the process is never held up.
    fn of(stream: impl Read + Send + 'static) -> Self {
        let transcript = Self::default();
        let writer = transcript.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                writer.change(|lines| lines.lines.push(line));
            }
            writer.change(|lines| lines.ended = true);
        });
        transcript
    }

    fn change(&self, change: impl FnOnce(&mut Lines)) {
        let (lines, changed) = &*self.0;
        change(&mut lines.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
    }

    fn lines(&self) -> Vec<String> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }

    /// Waits for a line from number `from` on that fits; `None` if none comes.
    fn wait(&self, from: usize, fits: impl Fn(&str) -> bool) -> Option<usize> {
        let found = |lines: &Lines| {
            let at = lines.lines.iter().skip(from).position(|line| fits(line));
            at.map(|at| from + at)
        };
        let mut at = None;
        self.wait_until(|lines| {
            at = found(lines);
            at.is_some() || lines.ended
        });
        at
    }

    /// Whether the stream ends in time.
    fn wait_for_end(&self) -> bool {
        self.wait_until(|lines| lines.ended)
    }

    fn wait_until(&self, mut done: impl FnMut(&Lines) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let (lines, changed) = &*self.0;
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if done(&lines) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            lines = changed.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Nothing here takes seconds unless the machine is very busy.
const PATIENCE: Duration = Duration::from_mins(1);
