//! The lines that the original's documentation shows for a worker.

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;

use clockwork_executor::Counters;
use clockwork_wire::{ActionId, ClockOffset, LoadModel, ModelLoaded, Nanos, Span, WorkerState};

use crate::telemetry::describe::{
    LinkText, LoadActionText, LoadResultText, WorkerNetworkText, WorkerText,
};

/// Prints what people and scripts expect to see, seldom enough to do it on the core.
pub(super) struct Console {
    out: Box<dyn Write + Send>,
    interval: Span,
    next_summary: Option<Nanos>,
    summarised: Counters,
    network_shown: bool,
}

impl Console {
    /// Prints a summary every `interval` while a controller is there; zero prints none.
    pub(super) fn new(out: Box<dyn Write + Send>, interval: Span) -> Self {
        Self {
            out,
            interval,
            next_summary: None,
            summarised: Counters::default(),
            network_shown: false,
        }
    }

    /// What a device has to say when it starts.
    pub(super) fn note(&mut self, note: &str) {
        self.line(note);
    }

    pub(super) fn listening(&mut self, address: SocketAddr) {
        self.line(format_args!("IO service thread listening on {address}"));
    }

    /// A controller asked for the state and gets this one. It does so first; the first summary
    /// follows, as the original's does.
    pub(super) fn queried(&mut self, now: Nanos, query: ActionId, state: &WorkerState) {
        self.line(format_args!("Received A{query}:GetWorkerState"));
        self.line(format_args!("Sending R{query}:GetWorkerState:\n{}", WorkerText(state)));
        if self.next_summary.is_none() && !self.interval.is_zero() {
            self.next_summary = Some(now);
        }
    }

    pub(super) fn load_received(&mut self, load: &LoadModel) {
        self.line(format_args!("Received {}", LoadActionText(load)));
    }

    pub(super) fn load_done(&mut self, loaded: &ModelLoaded) {
        let text = LoadResultText { loaded, with_duration: true };
        self.line(format_args!("Sending {text}"));
        if loaded.status.is_ok() && !loaded.message.is_empty() {
            self.line(format_args!("R{}:LoadModelFromDisk {}", loaded.id, loaded.message));
        }
    }

    /// The first INFER shows where inputs come from.
    pub(super) fn infer_received(&mut self, with_inputs: bool) {
        if !std::mem::replace(&mut self.network_shown, true) {
            self.line(WorkerNetworkText(with_inputs));
        }
    }

    /// A controller has come: summaries count from here.
    pub(super) const fn controller_came(&mut self, counters: Counters) {
        self.summarised = counters;
        self.next_summary = None;
    }

    pub(super) const fn controller_left(&mut self) {
        self.next_summary = None;
    }

    /// When the next summary is due.
    pub(super) const fn next_summary(&self) -> Option<Nanos> {
        self.next_summary
    }

    /// Prints the summary if it is due.
    pub(super) fn summarise(&mut self, now: Nanos, counters: Counters, offset: ClockOffset) {
        if self.next_summary.is_none_or(|due| due > now) {
            return;
        }
        self.next_summary = Some(now + self.interval);
        let last = std::mem::replace(&mut self.summarised, counters);
        self.line(LinkText {
            offset,
            loads: counters.loads - last.loads,
            infers: counters.infers - last.infers,
            evictions: counters.evicts - last.evicts,
            pending: counters.pending(),
            errors: counters.errors - last.errors,
        });
    }

    /// Nobody may be reading any longer; a worker serves all the same.
    fn line(&mut self, line: impl Display) {
        let _ = writeln!(self.out, "{line}");
        let _ = self.out.flush();
    }
}
