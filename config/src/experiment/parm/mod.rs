//! ParM's configurations: the keys of its harness, and the runs that follow from them.
//!
//! One configuration is one experiment: all combinations of its lists are run. An experiment's file has
//! it as `[parm]`, with the same keys as the harness's JSON.

mod machine;
mod run;

use serde::Deserialize;

use crate::ConfigError;

pub use self::machine::Machine;
pub use self::run::{Background, Parm, ROUNDS, Redundancy};

/// A configuration of ParM's harness.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The first element of every result's path.
    pub experiment_id: String,
    /// The frontend's machine, by the cloud's name; no more than a name here.
    #[serde(default)]
    pub frontend_type: String,
    /// The clients' machines; no more than a name here.
    #[serde(default)]
    pub client_type: String,
    /// The workers' machines: `p2.xlarge` or `c5.xlarge`.
    pub worker_type: String,
    /// The model that is served: `resnet18` or `resnet152`.
    pub model: String,
    /// How requests queue: `single_queue`.
    pub queue_modes: Vec<String>,
    /// What redundancy there is.
    pub redundancy_modes: Vec<String>,
    /// Instances that serve originals, 1 to 1,000.
    pub num_models: u32,
    /// Members of a group that is coded; each divides `num_models`.
    pub ec_k_val: Vec<u32>,
    /// Requests of a batch: 1, 2, 4, 8 or 16.
    pub batch_sizes: Vec<u32>,
    /// Requests per second of all clients, at least one for each; up to 1,000,000.
    pub send_rates: Vec<u32>,
    /// Client machines, 1 to 1,000.
    pub num_clients: u32,
    /// Requests that count, times the largest batch; 1 to 10,000,000.
    pub num_queries: u32,
    /// How often each combination is run, 1 to 100.
    pub num_trials: u32,
    /// What disturbs the workers.
    pub background_traffic: Vec<Background>,
    /// Where results once were uploaded to; of no use any longer.
    #[serde(default)]
    pub s3_path: String,
}

impl Config {
    /// Checks every value.
    ///
    /// # Errors
    /// If one is unknown, out of its range, or nothing that can be run here; the error names its key.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_names()?;
        self.check_lists()?;
        within("num_models", self.num_models, 1_000)?;
        within("num_clients", self.num_clients, 1_000)?;
        within("num_queries", self.num_queries, 10_000_000)?;
        within("num_trials", self.num_trials, 100)?;
        each("ec_k_val", &self.ec_k_val, "a divisor of num_models", |&k| {
            k > 0 && self.num_models.is_multiple_of(k)
        })?;
        each("batch_sizes", &self.batch_sizes, "1, 2, 4, 8 or 16", |&batch| {
            batch <= 16 && batch.is_power_of_two()
        })?;
        each("send_rates", &self.send_rates, "1 for each client, to 1000000", |&rate| {
            rate >= self.num_clients && rate <= 1_000_000
        })?;
        each("background_traffic", &self.background_traffic, "0 to 100, or \"clipper\"", |one| {
            match one {
                Background::Shuffles(count) => *count <= 100,
                Background::Tenant(name) => name == "clipper",
            }
        })
    }

    fn check_names(&self) -> Result<(), ConfigError> {
        let id = &self.experiment_id;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let allowed = "letters, digits, _ and -: it names a folder";
        let is_plain = !id.is_empty() && id.chars().all(plain);
        ConfigError::unless(is_plain, "experiment_id", id, allowed)?;
        let machines = Machine::ALL.map(|machine| machine.name);
        let machine = Machine::named(&self.worker_type).is_some();
        ConfigError::unless(machine, "worker_type", &self.worker_type, machines.join(" or "))?;
        let model = run::zoo_name(&self.model).is_some();
        ConfigError::unless(model, "model", &self.model, "resnet18 or resnet152")
    }

    fn check_lists(&self) -> Result<(), ConfigError> {
        each(
            "queue_modes",
            &self.queue_modes,
            "single_queue: requests wait in one queue",
            |mode| mode == "single_queue",
        )?;
        each("redundancy_modes", &self.redundancy_modes, "none, equal, coded or cheap", |mode| {
            Redundancy::named(mode).is_some()
        })
    }

    /// Every combination but for the trials, in the harness's order: background, batch, k, rate, and
    /// innermost the redundancy, so that modes are compared side by side.
    pub fn runs(&self) -> Vec<Parm> {
        let mut runs = Vec::new();
        for background in &self.background_traffic {
            for &batch in &self.batch_sizes {
                for &k in &self.ec_k_val {
                    for &rate in &self.send_rates {
                        let modes = self.redundancy_modes.iter();
                        let modes = modes.filter_map(|mode| Redundancy::named(mode));
                        runs.extend(modes.map(|mode| self.run(background, batch, k, rate, mode)));
                    }
                }
            }
        }
        runs
    }

    fn run(
        &self,
        background: &Background,
        batch: u32,
        k: u32,
        rate: u32,
        mode: Redundancy,
    ) -> Parm {
        let largest = self.batch_sizes.iter().copied().max().unwrap_or(1);
        Parm {
            experiment_id: self.experiment_id.clone(),
            worker_type: self.worker_type.clone(),
            model: self.model.clone(),
            instances: self.num_models,
            clients: self.num_clients,
            counted: u64::from(self.num_queries) * u64::from(largest),
            background: background.clone(),
            batch,
            k,
            rate,
            mode,
        }
    }
}

fn within(key: &str, value: u32, most: u32) -> Result<(), ConfigError> {
    let allowed = format!("1 to {most}");
    ConfigError::unless((1..=most).contains(&value), key, value, allowed)
}

/// There is at least one, and each is as it should be.
fn each<T: std::fmt::Debug>(
    key: &str,
    values: &[T],
    allowed: &str,
    is_good: impl Fn(&T) -> bool,
) -> Result<(), ConfigError> {
    ConfigError::unless(!values.is_empty(), key, "empty", allowed)?;
    match values.iter().find(|value| !is_good(value)) {
        None => Ok(()),
        Some(value) => Err(ConfigError::range(key, format!("{value:?}"), allowed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIMPLE: &str = r#"
        experiment_id = "ParM"
        worker_type = "c5.xlarge"
        model = "resnet18"
        queue_modes = ["single_queue"]
        redundancy_modes = ["equal", "coded"]
        num_models = 2
        ec_k_val = [2]
        batch_sizes = [1]
        send_rates = [3]
        num_clients = 1
        num_queries = 100
        num_trials = 1
        background_traffic = [0, "clipper"]
    "#;

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn modes_vary_innermost_and_backgrounds_outermost() {
        let config = config(&SIMPLE.replace("[3]", "[3, 4]"));
        config.check().unwrap();
        let runs = config.runs();
        let order: Vec<_> = runs.iter().map(|run| (run.rate, run.mode.name())).collect();
        let once = [(3, "equal"), (3, "coded"), (4, "equal"), (4, "coded")];
        assert_eq!(order, [once, once].concat());
        assert_eq!(runs[7].background, Background::Tenant("clipper".into()));
    }

    #[test]
    fn what_cannot_be_run_is_refused_by_its_key() {
        for (from, to, key) in [
            ("\"ParM\"", "\"../x\"", "experiment_id"),
            ("c5.xlarge", "m5.xlarge", "worker_type"),
            ("resnet18", "vgg", "model"),
            ("single_queue", "rr", "queue_modes"),
            ("\"coded\"", "\"replication\"", "redundancy_modes"),
            ("num_models = 2", "num_models = 0", "num_models"),
            ("ec_k_val = [2]", "ec_k_val = [3]", "ec_k_val"),
            ("ec_k_val = [2]", "ec_k_val = [0]", "ec_k_val"),
            ("batch_sizes = [1]", "batch_sizes = [3]", "batch_sizes"),
            ("batch_sizes = [1]", "batch_sizes = []", "batch_sizes"),
            ("send_rates = [3]", "send_rates = [0]", "send_rates"),
            ("num_clients = 1", "num_clients = 4", "send_rates"),
            ("num_queries = 100", "num_queries = 0", "num_queries"),
            ("clipper", "clippers", "background_traffic"),
        ] {
            let error = config(&SIMPLE.replace(from, to)).check().unwrap_err().to_string();
            assert!(error.contains(&format!("`{key}`")), "{to}: {error}");
        }
        let unknown = toml::from_str::<Config>(&format!("{SIMPLE}\nnum_gpus = 3")).unwrap_err();
        assert!(unknown.to_string().contains("num_gpus"));
    }
}
