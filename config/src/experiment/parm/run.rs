//! One combination of a configuration: what is run, and where its results are.

use std::fmt;
use std::path::PathBuf;

use clockwork_wire::Span;
use serde::Deserialize;

use super::Machine;

/// One run of ParM's harness.
#[derive(Clone, Debug, PartialEq)]
pub struct Parm {
    /// The first element of its path.
    pub experiment_id: String,
    /// The workers' machines, by name.
    pub worker_type: String,
    /// The model, by the harness's name.
    pub model: String,
    /// Instances that serve originals, without what redundancy adds.
    pub instances: u32,
    /// Clients that send.
    pub clients: u32,
    /// Requests that are to count.
    pub counted: u64,
    /// What disturbs the workers.
    pub background: Background,
    /// Requests of a batch.
    pub batch: u32,
    /// Members of a group.
    pub k: u32,
    /// Requests per second of all clients.
    pub rate: u32,
    /// What redundancy there is.
    pub mode: Redundancy,
}

/// What disturbs the workers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Background {
    /// So many transfers between workers at once.
    Shuffles(u32),
    /// Another tenant on some devices: `clipper`.
    Tenant(String),
}

impl fmt::Display for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shuffles(count) => write!(f, "{count}"),
            Self::Tenant(name) => write!(f, "{name}"),
        }
    }
}

/// What is done about stragglers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redundancy {
    /// Nothing, with as many instances as serve originals.
    None,
    /// Nothing, with as many instances as redundancy would have: the baseline.
    Equal,
    /// A parity model answers for one of k.
    Coded,
    /// A small model answers everything once more.
    Cheap,
}

impl Redundancy {
    const ALL: [Self; 4] = [Self::None, Self::Equal, Self::Coded, Self::Cheap];

    /// Its name in configurations and paths.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Equal => "equal",
            Self::Coded => "coded",
            Self::Cheap => "cheap",
        }
    }

    /// The redundancy of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

impl Parm {
    /// The axes of a configuration's points, in their order.
    pub const AXES: [&'static str; 5] = ["background", "batch", "k", "rate", "mode"];

    /// Its value on each of the axes.
    pub fn choices(&self) -> Vec<(String, String)> {
        let values = [
            self.background.to_string(),
            self.batch.to_string(),
            self.k.to_string(),
            self.rate.to_string(),
            self.mode.name().into(),
        ];
        Self::AXES.map(str::to_owned).into_iter().zip(values).collect()
    }

    /// Why this build cannot run it.
    pub const fn lacks(&self) -> Option<&'static str> {
        match self.mode {
            Redundancy::None | Redundancy::Equal => None,
            Redundancy::Coded | Redundancy::Cheap => Some("needs coded redundancy"),
        }
    }

    /// The workers' machine.
    ///
    /// # Panics
    /// If the configuration was not checked.
    pub fn machine(&self) -> Machine {
        Machine::named(&self.worker_type).expect("a checked configuration names a machine")
    }

    /// The model by the zoo's name.
    ///
    /// # Panics
    /// If the configuration was not checked.
    pub fn zoo_model(&self) -> &'static str {
        zoo_name(&self.model).expect("a checked configuration names a model")
    }

    /// Instances in all: one device each.
    pub const fn devices(&self) -> u32 {
        match self.mode {
            Redundancy::None => self.instances,
            Redundancy::Equal | Redundancy::Coded | Redundancy::Cheap => {
                self.instances + self.instances / self.k
            }
        }
    }

    /// Requests that the harness asks for: those that count, and those that it ignores.
    pub fn queries(&self) -> u64 {
        self.counted + IGNORED * u64::from(self.batch)
    }

    /// Groups that each client sends: whole ones only.
    fn groups(&self) -> u64 {
        self.queries() / u64::from(self.k) / u64::from(self.batch) / u64::from(self.clients)
    }

    /// Requests that each client sends after its warm-up.
    pub fn sends(&self) -> u64 {
        self.groups() * u64::from(self.k) * u64::from(self.batch)
    }

    /// Requests of one round of a client's warm-up: a group.
    pub const fn round(&self) -> u32 {
        self.k * self.batch
    }

    /// Requests per second of one client.
    pub const fn rate_each(&self) -> u32 {
        self.rate / self.clients
    }

    /// Batches that do not count: those of the warm-up, and those before devices are as busy as later.
    pub fn ignored(&self) -> u64 {
        u64::from(self.clients) * u64::from(ROUNDS) * u64::from(self.k) + IGNORED
    }

    /// As long as it may take: half as long again as it should, and so long that the deadlines of the last
    /// queries, 100 s later, lie within the minute in which a simulated world must come to rest.
    pub fn duration(&self) -> Span {
        let seconds = self.sends() / u64::from(self.rate_each().max(1));
        Span::from_secs(u64::from(ROUNDS) + seconds + seconds / 2 + 60)
    }

    /// What a script needs to know to read its log.
    pub fn meta(&self) -> String {
        let Self { mode, clients, k, batch, .. } = self;
        let mode = mode.name();
        format!(
            "red_mode={mode} num_clients={clients} ec_k_val={k} batch_size={batch} \
             num_ignore={IGNORED}\n"
        )
    }

    /// Where the results of a trial are, from 0, below the folder of all results.
    pub fn path(&self, trial: u32) -> PathBuf {
        [
            self.experiment_id.clone(),
            format!("wt_{}", self.worker_type),
            format!("bm_{}", self.model),
            format!("bg_{}", self.background),
            format!("bs_{}", self.batch),
            format!("rate_{}", self.rate_each() * self.clients),
            format!("k_{}", self.k),
            format!("nq_{}", self.queries()),
            format!("mode_{}", self.mode.name()),
            format!("it_{trial}"),
            "0".into(),
        ]
        .iter()
        .collect()
    }
}

/// A model of the harness by the zoo's name.
pub(super) fn zoo_name(model: &str) -> Option<&'static str> {
    match model {
        "resnet18" => Some("resnet18_v2"),
        "resnet152" => Some("resnet152_v2"),
        _ => None,
    }
}

/// Batches that are sent before those that count: a multiple of 2, 3 and 4 above 200.
const IGNORED: u64 = 204;

/// Rounds of a client's warm-up.
pub const ROUNDS: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn parm() -> Parm {
        Parm {
            experiment_id: "ParM".into(),
            worker_type: "c5.xlarge".into(),
            model: "resnet18".into(),
            instances: 12,
            clients: 4,
            counted: 100,
            background: Background::Shuffles(0),
            batch: 1,
            k: 3,
            rate: 7,
            mode: Redundancy::Equal,
        }
    }

    #[test]
    fn a_path_names_every_choice() {
        let wanted = "ParM/wt_c5.xlarge/bm_resnet18/bg_0/bs_1/rate_4/k_3/nq_304/mode_equal/it_0/0";
        assert_eq!(parm().path(0).to_str(), Some(wanted), "each of 4 clients sends 1/s");
    }

    #[test]
    fn instances_requests_and_what_is_ignored_are_the_harness_s() {
        let equal = parm();
        assert_eq!((equal.devices(), equal.queries()), (16, 304));
        // 304 are 101 groups of 3, 25 of each client; five rounds of a group go before them.
        assert_eq!((equal.sends(), equal.ignored()), (75, 60 + 204));
        let none = Parm { mode: Redundancy::None, batch: 4, k: 2, ..parm() };
        assert_eq!((none.devices(), none.queries(), none.round()), (12, 100 + 816, 8));
    }

    #[test]
    fn what_needs_a_parity_model_says_so() {
        assert_eq!(parm().lacks(), None);
        let coded = Parm { mode: Redundancy::Coded, ..parm() };
        assert_eq!(coded.lacks(), Some("needs coded redundancy"));
    }

    #[test]
    fn the_highest_published_rates_are_the_same_part_of_what_machines_do() {
        for (machine, rate, instances) in [("p2.xlarge", 390.0, 12.0), ("c5.xlarge", 240.0, 24.0)] {
            let machine = Machine::named(machine).unwrap();
            let part = rate * machine.resnet18.as_secs_f64() / instances;
            assert!((part - 0.8).abs() < 0.001, "{part}");
        }
    }
}
