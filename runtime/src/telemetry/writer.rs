//! The thread that writes: drains every core's rings into the logs and the console.

use std::fmt;
use std::io::{self, Write};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clockwork_wire::{Nanos, Span};

use super::recorder::{Lane, Unattended, lane};
use super::sink::Sink;
use super::{Carried, LogFiles, Recorder, Summary};

/// What the writer is to do.
pub struct Options {
    /// The two logs; `None` writes none (the summary still comes).
    pub logs: Option<LogFiles>,
    /// How many cores record; at least 1.
    pub cores: usize,
    /// Records of each kind that a core may have unread, at least 1.
    pub capacity: usize,
    /// Time between two summaries; zero prints none.
    pub interval: Span,
    /// Reads the process clock.
    pub clock: fn() -> Nanos,
    /// Where the summary goes: standard output.
    pub console: Box<dyn Write + Send>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("logs", &self.logs)
            .field("cores", &self.cores)
            .field("capacity", &self.capacity)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// The running writer. [`Telemetry::finish`] (or dropping it) writes everything that was recorded
/// before, so that the logs of a process that was interrupted are complete.
#[derive(Debug)]
pub struct Telemetry {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Totals>>,
}

impl Telemetry {
    /// Starts the writer; gives one recorder per core.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(options: Options) -> io::Result<(Self, Vec<Recorder>)> {
        let wanted = options.logs.is_some() || options.interval > Span::ZERO;
        let (ends, lanes): (Vec<_>, Vec<_>) =
            (0..options.cores).map(|_| lane(options.capacity)).unzip();
        let stop = Arc::new(AtomicBool::new(false));
        let (clock, stopped) = (options.clock, stop.clone());
        let summary = Summary::new(options.interval);
        let writer = Writer::new(lanes, options.logs, summary, options.console);
        let thread = thread::Builder::new()
            .name("telemetry".into())
            .spawn(move || writer.run(clock, &stopped))?;
        let attend = |end: Unattended| end.attend(thread.thread().clone(), wanted);
        let recorders = ends.into_iter().map(attend).collect();
        Ok((Self { stop, thread: Some(thread) }, recorders))
    }

    /// Writes what was recorded so far, and ends. Stop the cores first: what they record
    /// afterwards is lost.
    ///
    /// # Panics
    /// If the writer panicked.
    pub fn finish(mut self) -> Totals {
        self.end().unwrap_or_default()
    }

    fn end(&mut self) -> Option<Totals> {
        let thread = self.thread.take()?;
        self.stop.store(true, Ordering::Release);
        thread.thread().unpark();
        Some(thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked)))
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.end();
        }
    }
}

/// What became of the records of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests taken in.
    pub requests: u64,
    /// Actions taken in.
    pub actions: u64,
    /// Records that are in no log: their ring was full, or the disk was.
    pub dropped: u64,
}

struct Writer {
    lanes: Vec<Lane>,
    requests: Sink,
    actions: Sink,
    summary: Summary,
    console: Box<dyn Write + Send>,
    totals: Totals,
    dropped_shown: u64,
}

impl Writer {
    fn new(
        lanes: Vec<Lane>,
        logs: Option<LogFiles>,
        summary: Summary,
        console: Box<dyn Write + Send>,
    ) -> Self {
        let (requests, actions) = logs.map(|logs| (logs.requests, logs.actions)).unzip();
        Self {
            lanes,
            requests: Sink::new(requests),
            actions: Sink::new(actions),
            summary,
            console,
            totals: Totals::default(),
            dropped_shown: 0,
        }
    }

    fn run(mut self, clock: fn() -> Nanos, stop: &AtomicBool) -> Totals {
        loop {
            // Asked before the rings are read: what was recorded before `finish` is written.
            let last = stop.load(Ordering::Acquire);
            self.pass();
            self.report(clock(), last);
            if last {
                return self.totals;
            }
            thread::park_timeout(PASS_INTERVAL);
        }
    }

    /// Takes what the rings hold now to the logs. What comes meanwhile waits for the next pass, so
    /// that a pass ends.
    fn pass(&mut self) {
        for lane in &mut self.lanes {
            for _ in 0..lane.requests.slots() {
                let Ok(record) = lane.requests.pop() else { break };
                self.summary.request(&record);
                self.requests.append(&record);
                self.totals.requests += 1;
            }
            for _ in 0..lane.actions.slots() {
                let Ok(row) = lane.actions.pop() else { break };
                self.summary.action(&row);
                self.actions.append(&row);
                self.totals.actions += 1;
            }
        }
        self.requests.flush();
        self.actions.flush();
        let shared = self.lanes.iter().map(|lane| &lane.shared);
        let refused: u64 = shared.map(|shared| shared.dropped.load(Ordering::Relaxed)).sum();
        self.totals.dropped = refused + self.requests.lost() + self.actions.lost();
    }

    /// Prints the summary when an interval is over, and with it (or at the end) what was lost.
    fn report(&mut self, now: Nanos, last: bool) {
        let traffic = self.lanes.iter().map(|lane| lane.shared.traffic.load());
        let traffic = traffic.fold(Carried::default(), Carried::plus);
        let summary = self.summary.report(now, traffic).unwrap_or_default();
        let mut loss = String::new();
        if self.totals.dropped > self.dropped_shown && (last || !summary.is_empty()) {
            loss =
                format!("Telemetry dropped {} records\n", self.totals.dropped - self.dropped_shown);
            self.dropped_shown = self.totals.dropped;
        }
        let news = [self.requests.take_news(), self.actions.take_news()].concat();
        let text = [news, loss, summary].concat();
        // A console that is gone must not end the logs.
        let _ = self.console.write_all(text.as_bytes()).and_then(|()| self.console.flush());
    }
}

/// Rows reach their file at least this often.
const PASS_INTERVAL: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::Mutex;

    use clockwork_config::LogConfig;
    use clockwork_wire::{ModelId, Status};

    use super::*;
    use crate::telemetry::action_log::tests::inferred;
    use crate::telemetry::{Asked, LogDir, RequestRecord};

    #[test]
    fn a_pass_takes_rows_to_their_files_without_waiting_for_the_end() {
        let root = tempfile::tempdir().unwrap();
        let (mut recorder, mut writer, _) = attended(8, Some(logs(root.path())));
        recorder.request(answered());
        recorder.action(inferred().into());
        recorder.action(inferred().into());
        writer.pass();
        assert_eq!(rows(root.path(), "clockwork_request_log.tsv"), 1);
        assert_eq!(rows(root.path(), "clockwork_action_log.tsv"), 2);
        assert_eq!(writer.totals, Totals { requests: 1, actions: 2, dropped: 0 });
    }

    #[test]
    fn drops_are_shown_with_the_summary_and_once() {
        let (mut recorder, mut writer, console) = attended(2, None);
        (0..5).for_each(|_| recorder.request(answered()));
        writer.pass();
        writer.report(START + Span::from_secs(1), false);
        assert_eq!(console.text(), "");
        writer.report(START + Span::from_secs(10), false);
        assert!(console.text().starts_with("Telemetry dropped 3 records\nClient throughput=0.2 "));
        writer.report(START + Span::from_secs(20), true);
        assert_eq!(console.text().matches("dropped").count(), 1);
        assert_eq!(writer.totals, Totals { requests: 2, actions: 0, dropped: 3 });
    }

    #[test]
    fn drops_of_the_last_moment_are_shown_at_the_end() {
        let (mut recorder, mut writer, console) = attended(2, None);
        (0..3).for_each(|_| recorder.request(answered()));
        writer.pass();
        writer.report(START, true);
        assert_eq!(console.text(), "Telemetry dropped 1 records\n");
    }

    #[derive(Clone, Default)]
    struct Console(Arc<Mutex<Vec<u8>>>);

    impl Console {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Console {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const START: Nanos = Nanos::new(1_000_000_000_000);

    fn attended(capacity: usize, logs: Option<LogFiles>) -> (Recorder, Writer, Console) {
        let (end, lane) = lane(capacity);
        let console = Console::default();
        let summary = Summary::new(Span::from_secs(10));
        let writer = Writer::new(vec![lane], logs, summary, Box::new(console.clone()));
        (end.attend(thread::current(), true), writer, console)
    }

    fn logs(dir: &Path) -> LogFiles {
        let config = in_directory(dir);
        let files = LogFiles::create(&LogDir::choose(&config).unwrap(), &config);
        files.unwrap().expect("logs are on by default")
    }

    fn in_directory(dir: &Path) -> LogConfig {
        LogConfig { dir: dir.display().to_string(), ..LogConfig::default() }
    }

    fn rows(dir: &Path, name: &str) -> usize {
        fs::read_to_string(dir.join(name)).unwrap().lines().count() - 1
    }

    fn answered() -> RequestRecord {
        RequestRecord {
            asked: Asked::default(),
            model: ModelId::new(0),
            status: Status::OK,
            arrival: START - Span::from_millis(4),
            departure: START,
            slo: Span::from_millis(100),
            copies_at_arrival: 1,
            copies_at_departure: 1,
        }
    }
}
