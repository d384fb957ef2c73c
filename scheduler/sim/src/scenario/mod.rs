//! The scenarios, by name. To add one: one file with its setup, and one line in [`SCENARIOS`].

mod models;
mod setup;

mod cold;
mod faults;
mod growth;
mod judged;
mod mixed;
mod overload;
mod poisson;
mod popular;
mod random;
mod simple;
mod tight;

pub(crate) use self::setup::{
    Catalogue, ClientSetup, DeviceSetup, Faults, Incident, Setup, Skew, WorkerSetup,
};

use crate::Options;
use crate::streams::Streams;

/// A scenario that can be asked for by name.
#[derive(Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub description: &'static str,
    /// Makes the world from the seed's streams.
    pub(crate) build: fn(&Options, Streams) -> Setup,
}

/// Every scenario, in the order of the help text.
pub static SCENARIOS: [Scenario; 8] = [
    simple::SCENARIO,
    poisson::SCENARIO,
    overload::SCENARIO,
    cold::SCENARIO,
    faults::SCENARIO,
    mixed::SCENARIO,
    growth::SCENARIO,
    random::SCENARIO,
];

/// Large clusters near their capacity, in the order of the help text. Those of [`TRACED`] need
/// [`Options::trace`].
pub static CLUSTERS: [Scenario; 6] = [
    popular::UNIFORM,
    popular::UNIFORM_SHIFT,
    popular::ZIPF,
    popular::ZIPF_SHIFT,
    popular::AZURE,
    popular::AZURE_SHIFT,
];

/// The names of the scenarios that need a trace.
pub const TRACED: [&str; 2] = [popular::AZURE.name, popular::AZURE_SHIFT.name];

/// What policies are judged by, in the order of their table.
pub static JUDGED: [Scenario; 4] = [judged::STEADY, judged::MIX, judged::BURST, judged::COLD];

/// What looking ahead is judged by: executions that take a third of a millisecond, three, and one
/// to eight. The first is new here, the others are of [`JUDGED`].
pub static PACED: [Scenario; 3] = [judged::FAST, judged::STEADY, judged::MIX];

/// What loads in pieces and timelines of links and copies are judged by.
pub static TIGHT: [Scenario; 3] = [tight::SIZES, tight::LINKS, tight::COPIES];

/// The scenario of this name.
///
/// # Errors
/// If there is none; the error names all there are.
pub fn find(name: &str) -> Result<&'static Scenario, UnknownScenario> {
    let all = || SCENARIOS.iter().chain(&CLUSTERS).chain(&JUDGED).chain(&PACED[..1]).chain(&TIGHT);
    all().find(|scenario| scenario.name == name).ok_or_else(|| UnknownScenario {
        name: name.to_owned(),
        valid: all().map(|scenario| scenario.name).collect::<Vec<_>>().join(", "),
    })
}

impl Scenario {
    /// Whether a run needs [`Options::trace`]; without it, it panics.
    pub fn needs_trace(&self) -> bool {
        TRACED.contains(&self.name)
    }
}

/// There is no such scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown scenario `{name}`; choose one of: {valid}")]
pub struct UnknownScenario {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub valid: String,
}
