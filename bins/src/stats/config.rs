//! The configuration files of ParM's harness, and where each run's results are.

use std::io::Read;
use std::path::PathBuf;

use serde::Deserialize;
use thiserror::Error;

/// A configuration. All combinations of its lists are run.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Config {
    /// The first element of every result's path.
    pub experiment_id: String,
    /// The frontend's machine, by the cloud's name.
    pub frontend_type: String,
    /// The clients' machines.
    pub client_type: String,
    /// The workers' machines.
    pub worker_type: String,
    /// The model that is served.
    pub model: String,
    /// How requests queue; all files have `single_queue`.
    pub queue_modes: Vec<String>,
    /// What redundancy there is: none, equal, coded or cheap.
    pub redundancy_modes: Vec<String>,
    /// Instances that serve originals.
    pub num_models: u32,
    /// Members of a group that is coded.
    pub ec_k_val: Vec<u32>,
    /// Requests of a batch.
    pub batch_sizes: Vec<u32>,
    /// Requests per second of all clients.
    pub send_rates: Vec<u32>,
    /// Client machines.
    pub num_clients: u32,
    /// Requests that count, times the largest batch.
    pub num_queries: u32,
    /// How often each combination is run.
    pub num_trials: u32,
    /// What disturbs the workers.
    pub background_traffic: Vec<Background>,
    /// Where results once were uploaded to.
    #[serde(default)]
    pub s3_path: String,
}

/// What disturbs the workers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Background {
    /// So many transfers between workers at once.
    Shuffles(u32),
    /// Another tenant: `clipper`.
    Tenant(String),
}

/// A file that is no configuration.
#[derive(Debug, Error)]
#[error("this is no configuration of ParM: {0}")]
pub struct ConfigError(#[from] serde_json::Error);

/// One combination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What disturbs the workers.
    pub background: Background,
    /// Requests of a batch.
    pub batch: u32,
    /// Members of a group.
    pub k: u32,
    /// How requests queue.
    pub queue: String,
    /// Requests per second.
    pub rate: u32,
    /// Which trial, from 0.
    pub trial: u32,
    /// What redundancy there is.
    pub redundancy: String,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// If it is no JSON, or a key is missing or has another type.
    pub fn read(file: impl Read) -> Result<Self, ConfigError> {
        Ok(serde_json::from_reader(file)?)
    }

    /// Every combination, in the harness's order: background, batch, k, queue, rate, trial, and
    /// innermost the redundancy, so that modes are compared within a trial.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for background in &self.background_traffic {
            for (&batch, &k) in pairs(&self.batch_sizes, &self.ec_k_val) {
                for (queue, &rate) in pairs(&self.queue_modes, &self.send_rates) {
                    let trials: Vec<u32> = (0..self.num_trials).collect();
                    runs.extend(pairs(&trials, &self.redundancy_modes).map(|(&trial, mode)| Run {
                        background: background.clone(),
                        batch,
                        k,
                        queue: queue.clone(),
                        rate,
                        trial,
                        redundancy: mode.clone(),
                    }));
                }
            }
        }
        runs
    }

    /// Requests that a run with this batch size sends: those that count, and its warm-up.
    pub fn queries(&self, batch: u32) -> u64 {
        let largest = self.batch_sizes.iter().copied().max().unwrap_or(1);
        u64::from(self.num_queries) * u64::from(largest) + WARM_UP * u64::from(batch)
    }
}

impl Run {
    /// Where its results are, below the folder of all results.
    pub fn path(&self, config: &Config) -> PathBuf {
        let background = match &self.background {
            Background::Shuffles(count) => count.to_string(),
            Background::Tenant(name) => name.clone(),
        };
        [
            config.experiment_id.clone(),
            format!("wt_{}", config.worker_type),
            format!("bm_{}", config.model),
            format!("bg_{background}"),
            format!("bs_{}", self.batch),
            format!("rate_{}", self.rate),
            format!("k_{}", self.k),
            format!("nq_{}", config.queries(self.batch)),
            format!("mode_{}", self.redundancy),
            format!("it_{}", self.trial),
        ]
        .iter()
        .collect()
    }
}

/// All pairs, the second varying fastest.
fn pairs<'a, A, B>(first: &'a [A], second: &'a [B]) -> impl Iterator<Item = (&'a A, &'a B)> {
    first.iter().flat_map(move |a| second.iter().map(move |b| (a, b)))
}

/// Batches that are sent before those that count: a multiple of 2, 3 and 4 above 200.
const WARM_UP: u64 = 204;

#[cfg(test)]
mod tests {
    use super::*;

    const SIMPLE: &str = r#"{
        "experiment_id": "ParM", "frontend_type": "c5.9xlarge", "client_type": "m5.xlarge",
        "worker_type": "c5.xlarge", "model": "resnet18", "queue_modes": ["single_queue"],
        "redundancy_modes": ["equal", "coded"], "num_models": 2, "ec_k_val": [2], "batch_sizes": [1],
        "send_rates": [3], "num_clients": 1, "num_queries": 100, "num_trials": 1,
        "background_traffic": [0], "s3_path": ""
    }"#;

    #[test]
    fn a_path_names_every_choice() {
        let config = Config::read(SIMPLE.as_bytes()).unwrap();
        let path = config.runs()[1].path(&config);
        let wanted = "ParM/wt_c5.xlarge/bm_resnet18/bg_0/bs_1/rate_3/k_2/nq_304/mode_coded/it_0";
        assert_eq!(path.to_str(), Some(wanted));
    }

    #[test]
    fn modes_vary_within_a_trial_and_backgrounds_last() {
        let config = Config::read(SIMPLE.as_bytes()).unwrap();
        let tenant = Background::Tenant("clipper".into());
        let background_traffic = vec![Background::Shuffles(4), tenant];
        let config = Config { num_trials: 2, background_traffic, ..config };
        let runs = config.runs();
        let modes: Vec<_> = runs.iter().map(|run| (run.trial, run.redundancy.as_str())).collect();
        let once = [(0, "equal"), (0, "coded"), (1, "equal"), (1, "coded")];
        assert_eq!(modes, [once, once].concat());
        assert!(runs[7].path(&config).starts_with("ParM/wt_c5.xlarge/bm_resnet18/bg_clipper"));
    }

    #[test]
    fn what_is_no_configuration_is_refused_with_its_reason() {
        let text = |json: &str| Config::read(json.as_bytes()).unwrap_err().to_string();
        assert!(text("{}").contains("experiment_id"));
        assert!(text("nonsense").contains("no configuration"));
        assert!(text(&SIMPLE.replace("[3]", "3")).contains("line"));
    }
}
