//! Every workload by name. Help text, command line and experiments read this list.

use crate::{Arguments, Context, Parameter, Plan, UsageError};
use crate::{
    azure, azure_fast, azure_half, azure_scalability_exp, azure_single, azure_small,
    bursty_experiment, comparison_experiment, comparison_experiment2, example, fill_memory,
    open_loop, poisson_open_loop, replay_log, replay_rates, replay_trace, scalability_exp_1,
    simple, simple_parametric, simple_slo_factor, single_spam, slo_exp_1, slo_exp_2, spam,
};

/// A workload that can be asked for by name.
#[derive(Debug)]
pub struct Workload {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub description: &'static str,
    /// In what it deliberately differs from the original's of the same name; empty if in nothing.
    pub differs: &'static str,
    /// Its positional parameters, in order; those with a default come last.
    pub parameters: &'static [Parameter],
    /// Makes the plan from checked arguments.
    pub(crate) build: fn(&Arguments<'_>) -> Result<Plan, UsageError>,
}

impl Workload {
    /// The plan for these positional arguments.
    ///
    /// # Errors
    /// If an argument is missing, one too many, or not what its parameter takes; or if the context
    /// lacks what the workload needs, such as a trace.
    pub fn plan(
        &'static self,
        arguments: &[String],
        context: &Context,
    ) -> Result<Plan, UsageError> {
        (self.build)(&Arguments::new(self, arguments, context)?)
    }
}

/// Every workload, in the order of the help text: the original's, then ours.
pub static WORKLOADS: [Workload; 24] = [
    example::WORKLOAD,
    fill_memory::WORKLOAD,
    spam::WORKLOAD,
    single_spam::WORKLOAD,
    simple::WORKLOAD,
    simple_slo_factor::WORKLOAD,
    simple_parametric::WORKLOAD,
    poisson_open_loop::WORKLOAD,
    scalability_exp_1::WORKLOAD,
    slo_exp_1::WORKLOAD,
    slo_exp_2::WORKLOAD,
    comparison_experiment::WORKLOAD,
    comparison_experiment2::WORKLOAD,
    azure::WORKLOAD,
    azure_scalability_exp::WORKLOAD,
    azure_half::WORKLOAD,
    azure_small::WORKLOAD,
    azure_fast::WORKLOAD,
    azure_single::WORKLOAD,
    bursty_experiment::WORKLOAD,
    open_loop::WORKLOAD,
    replay_rates::WORKLOAD,
    replay_trace::WORKLOAD,
    replay_log::WORKLOAD,
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
