//! Which processes there are, how many cores each role has, and what they serve.

use std::sync::Arc;

use clockwork_config::{SchedulerConfig, SchedulerKind};
use clockwork_runtime::placement;
use clockwork_wire::ModelProfile;

use super::cpus::Split;
use crate::Failure;
use crate::bench::report::Report;

/// Which processes there are, and what they serve.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::bench) struct Shape {
    /// Emulated GPUs in all [default: 256, or 128 for each CPU of a larger machine]
    #[arg(long)]
    pub(in crate::bench) gpus: Option<u32>,
    /// Worker processes, which share the GPUs [default: as many as there are CPUs for]
    #[arg(long)]
    workers: Option<u32>,
    /// Client processes, which share the models and the rate
    #[arg(long, default_value_t = 1)]
    pub(in crate::bench) clients: u32,
    /// Cores that each client sends from [default: as many as there are CPUs for]
    #[arg(long)]
    client_threads: Option<u32>,
    /// Cores of the controller that decide
    #[arg(long, default_value_t = 1)]
    pub(in crate::bench) shards: u32,
    /// Cores of the controller that do sockets only
    #[arg(long, default_value_t = 0)]
    pub(in crate::bench) io_cores: u32,
    /// Models in all [default: 400; 40 for rtt]
    #[arg(long)]
    pub(in crate::bench) models: Option<u32>,
    /// The model that all of them are copies of
    #[arg(long, default_value = "resnet50_v2_4kb")]
    pub(in crate::bench) model: String,
    /// How requests spread over models: uniform, or zipf:EXPONENT
    #[arg(long, default_value = "uniform")]
    pub(in crate::bench) popularity: String,
    /// SLO of every request [default: 100ms; 1s for inputs]
    #[arg(long)]
    pub(in crate::bench) slo: Option<String>,
    /// The largest batch size
    #[arg(long, default_value_t = 16)]
    pub(in crate::bench) max_batch: u32,
    /// Which scheduler decides [default: the configured one]
    #[arg(long)]
    scheduler: Option<String>,
    /// Spin this long before sleeping, in every process, as 10ms
    #[arg(long, default_value = "0us")]
    pub(in crate::bench) spin: String,
    /// CPUs of controller, clients and workers: auto, none, or three lists, as 0-3:4,5:6-15
    #[arg(long, default_value = "auto")]
    cpus: Split,
    /// A further setting of the controller, as cores.pin=true; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

impl Shape {
    /// Checks the numbers.
    ///
    /// # Errors
    /// If there is nothing to start.
    pub(in crate::bench) fn check(&self) -> Result<(), Failure> {
        let Self { clients, shards, .. } = *self;
        let models = self.models();
        let (gpus, workers, threads) = (self.gpus(), self.workers(), self.client_threads());
        if [gpus, workers, clients, threads, shards, models].contains(&0) {
            return Err(Failure::usage("a system needs at least one of everything"));
        }
        if workers > gpus || clients > models {
            return Err(Failure::usage("a worker needs a GPU, and a client a model"));
        }
        self.kind()?;
        self.settings().map(drop)
    }

    /// The scheduler.
    ///
    /// # Errors
    /// If there is none of that name.
    pub(in crate::bench) fn kind(&self) -> Result<SchedulerKind, Failure> {
        let usage = |error: clockwork_config::ConfigError| Failure::usage(error.to_string());
        let named = self.scheduler.as_deref().map(str::parse).transpose().map_err(usage)?;
        Ok(named.unwrap_or_else(|| SchedulerConfig::default().kind))
    }

    /// Cores of the controller.
    pub(in crate::bench) fn controller_cores(&self) -> u32 {
        self.shards + self.io_cores
    }

    /// Emulated GPUs in all.
    pub(in crate::bench) fn gpus(&self) -> u32 {
        self.gpus.unwrap_or_else(|| (128 * cpus_here()).max(256))
    }

    /// Models in all.
    pub(in crate::bench) fn models(&self) -> u32 {
        self.models.unwrap_or(400)
    }

    /// SLO of every request.
    pub(in crate::bench) fn slo(&self) -> &str {
        self.slo.as_deref().unwrap_or("100ms")
    }

    /// Worker processes: a shard needs at least one, or its devices' results cross.
    pub(in crate::bench) fn workers(&self) -> u32 {
        let gpus = self.gpus();
        let least = self.shards.max(gpus.div_ceil(GPUS_MAX));
        let spare = || share(cpus_here(), self.controller_cores()).1;
        self.workers.unwrap_or_else(|| spare().max(least).min(gpus))
    }

    /// Cores that each client sends from.
    pub(in crate::bench) fn client_threads(&self) -> u32 {
        let spare = || share(cpus_here(), self.controller_cores()).0;
        self.client_threads.unwrap_or_else(|| (spare() / self.clients.max(1)).max(1))
    }

    /// GPUs of one of the workers; the first ones take what does not divide evenly.
    pub(super) fn gpus_of(&self, worker: u32) -> u32 {
        part(self.gpus(), self.workers(), worker)
    }

    /// Models of one of the clients, likewise.
    pub(super) fn models_of(&self, client: u32) -> u32 {
        part(self.models(), self.clients, client)
    }

    /// Which CPUs each role gets.
    pub(in crate::bench) fn places(&self) -> super::cpus::Places {
        let clients = self.clients * self.client_threads();
        self.cpus.places(&placement::allowed(), [self.controller_cores(), clients, self.workers()])
    }

    /// The further settings, as environment variables.
    ///
    /// # Errors
    /// If one has no value.
    pub(super) fn settings(&self) -> Result<Vec<(String, String)>, Failure> {
        let one = |text: &String| {
            let (key, value) = text.split_once('=').ok_or_else(|| {
                Failure::usage(format!("--set has `{text}`; KEY=VALUE is needed"))
            })?;
            let name = format!("CLOCKWORK_{}", key.replace('.', "_").to_uppercase());
            Ok((name, value.to_owned()))
        };
        self.settings.iter().map(one).collect()
    }

    /// Notes it in a report.
    ///
    /// # Errors
    /// If there is no such scheduler.
    pub(in crate::bench) fn describe(&self, report: &mut Report) -> Result<(), Failure> {
        for (name, value) in [
            ("gpus", self.gpus()),
            ("workers", self.workers()),
            ("clients", self.clients),
            ("client_threads", self.client_threads()),
            ("shards", self.shards),
            ("io_cores", self.io_cores),
            ("models", self.models()),
            ("max_batch", self.max_batch),
        ] {
            report.parameter(name, &value);
        }
        report.parameter("model", &self.model);
        report.parameter("popularity", &self.popularity);
        report.parameter("slo", &self.slo());
        report.parameter("spin", &self.spin);
        report.parameter("scheduler", &self.kind()?);
        report.parameter("cpus", &self.places());
        if !self.settings.is_empty() {
            report.parameter("set", &self.settings.join(" "));
        }
        Ok(())
    }

    /// Bytes of an input.
    pub(in crate::bench) fn input_bytes(&self) -> u32 {
        profile(&self.model).input_size
    }

    /// What the devices can do at their largest batch size, in requests per second.
    pub(in crate::bench) fn device_bound(&self) -> f64 {
        f64::from(self.gpus()) * per_gpu(&self.model, self.max_batch)
    }
}

/// CPUs that this process may use.
fn cpus_here() -> u32 {
    u32::try_from(placement::allowed().len()).expect("CPUs fit a u32")
}

/// Client cores and worker processes for a controller of so many cores: what it leaves, half and
/// half, but no more than keep it busy. Every further connection makes its frames smaller.
fn share(cpus: u32, controller: u32) -> (u32, u32) {
    let rest = cpus.saturating_sub(controller);
    let most = 2 * controller;
    (rest.div_ceil(2).clamp(1, most), (rest / 2).clamp(1, most))
}

fn part(whole: u32, parts: u32, index: u32) -> u32 {
    whole / parts + u32::from(index < whole % parts)
}

/// A model of the zoo; `resnet50_v2` if it is none of those.
fn profile(model: &str) -> Arc<ModelProfile> {
    let zoo = clockwork_executor::zoo::profile;
    zoo(model).or_else(|| zoo("resnet50_v2")).expect("the zoo has resnet50_v2")
}

/// Requests per second of one emulated GPU in batches of up to `max_batch`.
fn per_gpu(model: &str, max_batch: u32) -> f64 {
    let profile = profile(model);
    let usable = profile.batches.iter().filter(|b| u32::from(b.batch.get()) <= max_batch.max(1));
    let rate = usable.map(|b| f64::from(b.batch.get()) / b.exec.as_secs_f64());
    rate.fold(0.0, f64::max)
}

/// What one worker has at most.
const GPUS_MAX: u32 = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_batch_is_the_devices_bound() {
        assert!((per_gpu("resnet50_v2", 16) - 736.35).abs() < 0.1);
        assert!((per_gpu("resnet50_v2_4kb", 8) - 643.14).abs() < 0.1);
        assert!((per_gpu("no such model", 1) - 301.02).abs() < 0.1);
    }

    #[test]
    fn clients_and_workers_share_what_the_controller_leaves() {
        assert_eq!(share(2, 1), (1, 1));
        assert_eq!(share(16, 4), (6, 6));
        assert_eq!(share(64, 1), (2, 2));
        assert_eq!(share(4, 8), (1, 1));
    }

    #[test]
    fn parts_differ_by_one_at_most_and_add_up() {
        let parts: Vec<u32> = (0..3).map(|index| part(11, 3, index)).collect();
        assert_eq!(parts, [4, 4, 3]);
    }
}
