//! What can be wrong with a workload's name or arguments.

use thiserror::Error;

use crate::trace::FileError;

/// Why a command line names no workload that can run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UsageError {
    /// No workload has this name.
    #[error("unknown workload `{name}`: allowed is one of {valid}")]
    UnknownWorkload {
        /// What was asked for.
        name: String,
        /// Every name, separated by commas.
        valid: String,
    },
    /// A parameter without default was left out.
    #[error("workload `{workload}` needs the parameter `{parameter}`: {meaning}")]
    Missing {
        /// The workload.
        workload: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// What it stands for.
        meaning: &'static str,
    },
    /// A value is not what the parameter takes.
    #[error("`{value}` for parameter `{parameter}` of workload `{workload}`: allowed is {allowed}")]
    Invalid {
        /// The workload.
        workload: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// What was given.
        value: String,
        /// What it takes.
        allowed: String,
    },
    /// More values than parameters.
    #[error("`{value}` is one argument too many: workload `{workload}` takes {parameters}")]
    TooMany {
        /// The workload.
        workload: &'static str,
        /// The first value without a parameter.
        value: String,
        /// How many parameters it has.
        parameters: usize,
    },
    /// The workload asks for every model, and there are none.
    #[error("workload `{workload}` asks for every model, and there are none to ask for")]
    NoModels {
        /// The workload.
        workload: &'static str,
    },
    /// A file that the workload needs is missing or wrong.
    #[error("workload `{workload}`: {source}")]
    File {
        /// The workload.
        workload: &'static str,
        /// Which file, and what is wrong.
        source: FileError,
    },
}
