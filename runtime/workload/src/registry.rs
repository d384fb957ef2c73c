//! Every workload by name. Help text, command line and experiments read this list.

use crate::{
    Arguments, Parameter, Plan, UsageError, comparison_experiment, comparison_experiment2,
    open_loop, poisson_open_loop, simple, simple_parametric, single_spam, spam,
};

/// A workload that can be asked for by name.
#[derive(Debug)]
pub struct Workload {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub description: &'static str,
    /// Its positional parameters, in order; those with a default come last.
    pub parameters: &'static [Parameter],
    /// Makes the plan from checked arguments.
    pub(crate) build: fn(&Arguments<'_>) -> Result<Plan, UsageError>,
}

impl Workload {
    /// The plan for these positional arguments.
    ///
    /// # Errors
    /// If an argument is missing, one too many, or not what its parameter takes.
    pub fn plan(&'static self, arguments: &[String]) -> Result<Plan, UsageError> {
        (self.build)(&Arguments::new(self, arguments)?)
    }
}

/// Every workload, in the order of the help text.
pub static WORKLOADS: [Workload; 8] = [
    simple::WORKLOAD,
    spam::WORKLOAD,
    single_spam::WORKLOAD,
    simple_parametric::WORKLOAD,
    poisson_open_loop::WORKLOAD,
    open_loop::WORKLOAD,
    comparison_experiment::WORKLOAD,
    comparison_experiment2::WORKLOAD,
];

/// The workload of this name.
///
/// # Errors
/// If there is none; the error names all there are.
pub fn find(name: &str) -> Result<&'static Workload, UsageError> {
    WORKLOADS.iter().find(|workload| workload.name == name).ok_or_else(|| {
        UsageError::UnknownWorkload {
            name: name.into(),
            valid: WORKLOADS.each_ref().map(|w| w.name).join(", "),
        }
    })
}
