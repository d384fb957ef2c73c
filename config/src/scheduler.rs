//! What the scheduler may assume and how far ahead it may plan.

use std::fmt;
use std::str::FromStr;

use clockwork_wire::{BatchSize, Span};
use serde::{Deserialize, Serialize};

use crate::knobs::knobs;
use crate::{Check, ConfigError};

knobs! {
    /// What the scheduler may assume and how far ahead it may plan.
    pub struct SchedulerConfig {
        /// Which scheduler decides: "clockwork", "infer5" (the published one), "infer4" (the same scheduler under its older name),
        /// "echo" (answers at once, touches no worker) or "direct" (one request, one action).
        pub kind: SchedulerKind = SchedulerKind::Clockwork,
        /// Whether the controller makes up inputs for requests that carry none; otherwise the
        /// worker does.
        pub generate_inputs: bool = false,
        /// Devices used; more are ignored with a warning. 1: everything on the first device. There
        /// is no cost to a large value.
        pub max_gpus: u32 = 100,
        /// How much work is ordered ahead of a device's present work, and how late an action may
        /// start. Near 0: devices idle for a network round trip after every action. Large: more
        /// work is committed before better choices arrive, and short SLOs suffer.
        #[serde(with = "crate::unit::span")]
        pub schedule_ahead: Span = Span::from_millis(10),
        /// SLO of requests that bring none. Near 0: everything is refused. Very large: nothing is
        /// ever refused, queues grow to `max_requests`.
        #[serde(with = "crate::unit::span")]
        pub default_slo: Span = Span::from_millis(100),
        /// Batch sizes whose execution takes longer are not used (batch size 1 always is). Near 0:
        /// no batching. Large: long batches block a device for others.
        #[serde(with = "crate::unit::span")]
        pub max_exec: Span = Span::from_millis(250),
        /// The largest batch size used, 1 to 256. 1: no batching. Large: more throughput under
        /// load, more memory per model.
        #[serde(with = "crate::unit::batch_size")]
        pub max_batch: BatchSize = EIGHT,
        /// Aim to be done this much before the deadline. 0: any delay of a result makes it late.
        /// As large as the SLO: everything is refused.
        #[serde(with = "crate::unit::span")]
        pub buffer: Span = Span::from_millis(5),
        /// An action is sent at most until this long before its latest start. 0: it may arrive too
        /// late at the worker. As large as `schedule_ahead`: nothing can be sent.
        #[serde(with = "crate::unit::span")]
        pub send_margin: Span = Span::from_millis(5),
        /// Measurements per (model, batch size, device class) that an estimate looks back on, at
        /// least 1. 1: follows every outlier. Large: slow to follow a change.
        pub estimate_window: u32 = 10,
        /// Percentile of the window that is the estimate, 0 to 1. 0: the fastest run, so that most
        /// actions come later than planned. 1: the slowest, so that devices idle.
        pub estimate_percentile: f64 = 0.99,
        /// How late the action at work on a device may be before its timeline stops assuming that
        /// it ends as planned. 0: every jitter moves the plan. Large: a stuck device keeps work.
        #[serde(with = "crate::unit::span")]
        pub lag: Span = Span::from_millis(10),
        /// Assumed delay from decision to start on an idle worker. 0: plans promise too much.
        /// Large: each action leaves a gap behind an idle device.
        #[serde(with = "crate::unit::span")]
        pub future: Span = Span::from_millis(1),
        /// Upper bound of the time within which the load of a model that has requests must start.
        /// Small: loads count as more urgent than they are. Large: cold models wait.
        #[serde(with = "crate::unit::span")]
        pub max_load_slo: Span = Span::from_millis(25),
        /// An action without a result by latest + expected + this counts as lost. 0: a slow reply
        /// counts as a lost worker. Large: its requests wait that long for an answer.
        #[serde(with = "crate::unit::span")]
        pub action_grace: Span = Span::from_millis(100),
        /// "clockwork": whether a request that no schedule could serve in time is refused when it
        /// comes. false: it waits until its deadline, for a luck that seldom comes. true: a wrong
        /// estimate may refuse what could have been served.
        pub early_refusal: bool = true,
        /// "clockwork": whether, while there is more than can be done, requests that cost little
        /// device time go before dear ones, and full batches before urgent ones. false: all are
        /// equal, and fewer are served. true: dear models are refused first.
        pub thrift: bool = true,
        /// "clockwork": whether a model whose requests had to be refused is copied to devices with
        /// room to spare. false: copies are made only where they help a request that waits. true:
        /// memory fills with copies that the next LOAD may have to evict.
        pub spread: bool = true,
        /// "clockwork": INFERs that a device has before it at once, 1 to 4, those whose results are on
        /// their way not counted. 1: each order comes when the last one is over, and the device idles
        /// until then. 4: work is committed before better choices arrive.
        pub depth: u32 = 2,
        /// "clockwork": how long before a device is free it is given its next INFER; 0 derives it
        /// from measured deliveries. Small: devices idle. Large: work is committed early.
        #[serde(with = "crate::unit::span")]
        pub ahead: Span = Span::ZERO,
        /// "clockwork": if `ahead` is derived, the part of the running INFER that is added to it, 0
        /// to 1. 0: a late delivery leaves a gap. 1: the next batch is closed a whole batch early.
        pub ahead_executions: f64 = 0.0,
        /// "clockwork": whether a batch waits for requests that are expected before its latest start,
        /// while its device can execute something else or, when requests are refused, while that saves
        /// more device time than it costs. false: what is most urgent goes first. true: a lower median
        /// latency where few models are busy, a higher 99th percentile, and about the same goodput.
        pub defer: bool = false,
        /// "clockwork": which weights give way: "worth" (what costs least to load again, by its size
        /// and the time between its requests) or "lru" (least recently used).
        pub eviction: Eviction = Eviction::Worth,
        /// "clockwork": LOADs that take longer are ordered in pieces of about this time, between which
        /// more urgent ones go; 0: never. Small: each piece costs the device about 0.1 ms more. Large:
        /// an urgent LOAD waits for up to two of them.
        #[serde(with = "crate::unit::span")]
        pub load_quantum: Span = Span::from_millis(4),
        /// "clockwork": whether the last copy that gives way keeps the pages that nobody needs yet, so
        /// that only the others must be loaded to have it back. false: it is evicted as a whole.
        pub partial_eviction: bool = true,
        /// "clockwork": bytes per second that the link to a worker is believed to carry until that has
        /// been measured; 0: any number, for ever, and no time is set aside for inputs on their way.
        /// Small: the first large inputs wait here. Large: they queue in the network.
        pub link_bandwidth: u64 = 1_250_000_000,
        /// Device clock for which estimates hold if they are scaled, in MHz, at least 1. Any value is
        /// consistent with itself.
        pub default_clock: u32 = 1_380,
        /// Whether times are scaled by measured clock / `default_clock`, as the original does. false:
        /// estimates follow a change of the clock within `estimate_window` measurements. true: at once,
        /// but a clock that rests when the device does, or a model that waits for memory, misleads them.
        pub clock_scaling: bool = false,
        /// Unanswered requests per scheduler, at least 1; beyond it the answer is "overloaded".
        /// Small: bursts are refused. Large: memory (about 150 bytes each).
        pub max_requests: u32 = 1_000_000,
    }
}

/// Which weights give way for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Eviction {
    /// Those that it costs least to miss.
    #[default]
    Worth,
    /// Those that were used least recently.
    Lru,
}

/// The schedulers, by the names of the original's command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SchedulerKind {
    /// The published scheduler.
    Infer5,
    /// The same scheduler under the name of its predecessor.
    Infer4,
    /// The published scheduler's successor.
    #[default]
    Clockwork,
    /// Answers every request at once without touching a worker: measures the network.
    Echo,
    /// One request, one action: for debugging.
    Direct,
}

impl SchedulerKind {
    /// Every kind, in the order of the help text.
    pub const ALL: [Self; 5] =
        [Self::Clockwork, Self::Infer5, Self::Infer4, Self::Echo, Self::Direct];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clockwork => "CLOCKWORK",
            Self::Infer5 => "INFER5",
            Self::Infer4 => "INFER4",
            Self::Echo => "ECHO",
            Self::Direct => "DIRECT",
        }
    }
}

impl fmt::Display for SchedulerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a name in any mix of upper and lower case.
impl FromStr for SchedulerKind {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, ConfigError> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            ConfigError::range("scheduler.kind", name, format!("one of {names}"))
        })
    }
}

impl SchedulerConfig {
    /// How long after its planned start an action may start; the original gives it the value of
    /// `schedule_ahead`, and so do we.
    pub const fn latest_delta(&self) -> Span {
        self.schedule_ahead
    }
}

impl Check for SchedulerConfig {
    fn check(&self) -> Result<(), ConfigError> {
        ConfigError::unless(self.max_gpus >= 1, "scheduler.max_gpus", self.max_gpus, "at least 1")?;
        let window = self.estimate_window;
        ConfigError::unless(
            (1..=ESTIMATE_WINDOW_MAX).contains(&window),
            "scheduler.estimate_window",
            window,
            "1 to 1024",
        )?;
        let percentile = self.estimate_percentile;
        ConfigError::unless(
            (0.0..=1.0).contains(&percentile),
            "scheduler.estimate_percentile",
            percentile,
            "0 to 1",
        )?;
        let depth = self.depth;
        ConfigError::unless((1..=4).contains(&depth), "scheduler.depth", depth, "1 to 4")?;
        let part = self.ahead_executions;
        ConfigError::unless(
            (0.0..=1.0).contains(&part),
            "scheduler.ahead_executions",
            part,
            "0 to 1",
        )?;
        let clock = self.default_clock;
        ConfigError::unless(clock >= 1, "scheduler.default_clock", clock, "at least 1")?;
        let requests = self.max_requests;
        ConfigError::unless(requests >= 1, "scheduler.max_requests", requests, "at least 1")
    }
}

const ESTIMATE_WINDOW_MAX: u32 = 1_024;

const EIGHT: BatchSize = BatchSize::new(8).expect("8 is within the limit");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_originals() {
        let config = SchedulerConfig::default();
        assert_eq!(config.max_exec, Span::from_millis(250));
        assert_eq!(config.max_batch.get(), 8);
        assert_eq!(config.schedule_ahead, Span::from_millis(10));
        assert_eq!(config.latest_delta(), config.schedule_ahead);
        assert_eq!(config.default_slo, Span::from_millis(100));
        assert_eq!(config.max_gpus, 100);
        config.check().unwrap();
    }

    #[test]
    fn a_kind_is_read_in_any_case_and_an_unknown_one_names_the_valid_ones() {
        assert_eq!("infer5".parse(), Ok(SchedulerKind::Infer5));
        assert_eq!("INFER4".parse(), Ok(SchedulerKind::Infer4));
        let error = "FIFO".parse::<SchedulerKind>().unwrap_err().to_string();
        assert!(
            error.contains("FIFO") && error.contains("CLOCKWORK, INFER5, INFER4, ECHO, DIRECT"),
            "{error}"
        );
    }

    #[test]
    fn a_window_of_nothing_and_a_percentile_beyond_one_are_refused() {
        let window = SchedulerConfig { estimate_window: 0, ..SchedulerConfig::default() };
        assert!(window.check().unwrap_err().to_string().contains("estimate_window"));
        let percentile =
            SchedulerConfig { estimate_percentile: 99.0, ..SchedulerConfig::default() };
        assert!(percentile.check().unwrap_err().to_string().contains("estimate_percentile"));
    }
}
