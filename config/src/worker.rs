//! A worker's door, devices and models.

use clockwork_wire::Span;

use crate::knobs::knobs;
use crate::{Check, ConfigError};

knobs! {
    /// A worker's door, devices and models.
    pub struct WorkerConfig {
        /// Address to listen on for the controller. "127.0.0.1": only this machine's.
        pub address: String = "0.0.0.0".into(),
        /// TCP port for the controller; 0 takes a free one, which is printed.
        pub port: u16 = 12_345,
        /// Emulated devices of `worker_dummy`, 1 to 1024. Large: emulation itself becomes the
        /// limit.
        pub gpus: u32 = 1,
        /// The devices of `worker`: "auto" (every GPU, or the processor if there is none), "cpu", or GPUs by
        /// their numbers, as in "0,2".
        pub devices: String = "auto".into(),
        /// Directory of model folders, looked at before the emulated zoo; empty: only the zoo.
        pub model_dir: String = String::new(),
        /// Bytes of a model that a client may upload into `model_dir`; 0: uploads are refused. Small: large
        /// models are refused. Large: whoever may connect to the controller can fill the disk sooner.
        pub upload_max: u64 = 1 << 30,
        /// Directory of models that are shared objects (docs/libraries.md), one folder each; empty: none. They
        /// are code that this program runs: nobody else may write there, and it is never `model_dir`.
        pub libraries_dir: String = String::new(),
        /// Results kept for a controller that reconnects, at least 1; older ones are lost with the
        /// connection. Small: a short break loses results. Large: memory.
        pub results_kept: u32 = 65_536,
        /// Time between two summaries on the console. 0: no summaries.
        #[serde(with = "crate::unit::span")]
        pub report_interval: Span = Span::from_secs(10),
    }
}

impl Check for WorkerConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let gpus = self.gpus;
        ConfigError::unless((1..=GPUS_MAX).contains(&gpus), "worker.gpus", gpus, "1 to 1024")?;
        let known = matches!(self.devices.as_str(), "auto" | "cpu") || self.gpu_list().is_some();
        let devices = &self.devices;
        let allowed = "auto, cpu, or numbers of GPUs with commas between them";
        ConfigError::unless(known, "worker.devices", devices, allowed)?;
        let own = self.libraries_dir.is_empty() || self.libraries_dir != self.model_dir;
        let libraries_dir = &self.libraries_dir;
        ConfigError::unless(
            own,
            "worker.libraries_dir",
            libraries_dir,
            "another one than worker.model_dir",
        )?;
        let kept = self.results_kept;
        ConfigError::unless(kept >= 1, "worker.results_kept", kept, "at least 1")
    }
}

impl WorkerConfig {
    /// The GPUs that are named by their numbers; `None` if none are.
    pub fn gpu_list(&self) -> Option<Vec<u32>> {
        self.devices.split(',').map(|number| number.trim().parse().ok()).collect()
    }
}

const GPUS_MAX: u32 = 1_024;
