//! How the client's workloads send.

use clockwork_wire::Span;
use serde::{Deserialize, Serialize};

use crate::knobs::knobs;
use crate::{Check, ConfigError};

knobs! {
    /// How the client's workloads send.
    pub struct ClientConfig {
        /// Whether requests carry no input bytes; the controller or the worker then makes inputs up.
        /// The variable `CLOCKWORK_DISABLE_INPUTS` sets it when it is exactly 1.
        pub disable_inputs: bool = false,
        /// How inputs travel: "none" (raw) or "lz4" (LZ4 blocks, compressed once per sample).
        pub compress: Compression = Compression::None,
        /// Folder of samples of inputs: in it a folder for each input size in bytes, and in that files of
        /// exactly so many bytes, or LZ4 blocks of them. Empty: samples are made up.
        pub inputs: String = String::new(),
        /// Distinct samples per input size, made up or the first by name, at least 1. 1: every request
        /// is the same. Large: memory (each as large as the input).
        pub samples: u32 = 20,
        /// Seed of everything random; the same seed sends the same requests.
        pub seed: u64 = 0,
        /// SLO of every request whose workload names none. 0: the controller's default.
        #[serde(with = "crate::unit::span")]
        pub slo: Span = Span::ZERO,
        /// What is sent in this time from the start of submitting is not measured. 0: cold starts count.
        /// Large: little is left to be measured.
        #[serde(with = "crate::unit::span")]
        pub warmup: Span = Span::ZERO,
        /// Time between two summaries on the console. 0: no summaries.
        #[serde(with = "crate::unit::span")]
        pub report_interval: Span = Span::from_secs(10),
        /// Cores that send, each with its own connections and its part of the arrivals, 1 to 64.
        /// 1: one core is the limit. Large: more than there are CPUs only get into each other's way.
        pub threads: u32 = 1,
        /// Whether a controller that is lost during a run is connected to again, and what was under
        /// way counted as lost. Without it the run ends with an error.
        pub reconnect: bool = true,
        /// Time between two attempts to list models while the controller is initialising. 0: asked
        /// again at once, which the controller answers at its leisure. Large: a late start.
        #[serde(with = "crate::unit::span")]
        pub list_retry: Span = Span::from_secs(1),
        /// After the end of a timed run, wait at most this long for answers. 0: what is under way
        /// counts as lost. Large: a hanging controller holds the client up.
        #[serde(with = "crate::unit::span")]
        pub drain: Span = Span::from_secs(5),
    }
}

/// How inputs travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// As they are.
    #[default]
    None,
    /// As LZ4 blocks.
    Lz4,
}

impl Check for ClientConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let samples = self.samples;
        ConfigError::unless(
            (1..=SAMPLES_MAX).contains(&samples),
            "client.samples",
            samples,
            "1 to 4096",
        )?;
        let threads = self.threads;
        let fits = (1..=THREADS_MAX).contains(&threads);
        ConfigError::unless(fits, "client.threads", threads, "1 to 64")
    }
}

const SAMPLES_MAX: u32 = 4_096;
const THREADS_MAX: u32 = 64;
