//! `bench instructions`: what a request costs the pure scheduler in instructions and allocations.
//!
//! Times differ from run to run, counts do not. Valgrind runs the same fixed work of `bench
//! scheduler` twice, with fewer and with more requests; the difference is the requests' alone.

use std::env;
use std::process::Command;

use super::common::Common;
use super::plot::Plot;
use super::report::{Better, Report, Row};
use crate::Failure;
use crate::process::say;

/// The command line of `bench instructions`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Which schedulers are counted
    #[arg(long, value_delimiter = ',', default_value = "clockwork,infer5")]
    kinds: Vec<String>,
    /// Models and devices of each cell
    #[arg(long, value_delimiter = ',', default_value = "10x10,100x100,1000x100")]
    cells: Vec<String>,
    /// Requests that are counted, after as many that are not
    #[arg(long, default_value_t = 20_000)]
    requests: u64,
}

/// Counts and publishes.
///
/// # Errors
/// If there is no valgrind, or a cell makes no sense.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut report = Report::new("instructions", 1);
    report.parameter("requests", &arguments.requests);
    report.parameter("load", &LOAD);
    for kind in &arguments.kinds {
        for cell in &arguments.cells {
            let row = count(kind, cell, arguments.requests)?;
            say(&format!("{}: done", row.label));
            report.push(row);
        }
    }
    let headline = ["instructions_per_request", "allocations_per_request"];
    arguments.common.publish(&report, &headline, &Plot::default())
}

fn count(kind: &str, cell: &str, requests: u64) -> Result<Row, Failure> {
    let (models, devices) = cell.split_once('x').ok_or_else(|| {
        Failure::usage(format!("--cells has `{cell}`; models and devices are needed, as 100x100"))
    })?;
    let work = |requests: u64| Work { kind, models, devices, requests };
    let per_request = |tool: Tool| -> Result<f64, Failure> {
        let (less, more) = (work(requests).count(tool)?, work(2 * requests).count(tool)?);
        Ok((more - less) / f64::from(u32::try_from(requests)?))
    };
    let mut row = Row::new(format!("{kind}-{cell}"));
    let instructions = per_request(INSTRUCTIONS)?;
    row.add("instructions_per_request", "", Better::Lower, &[instructions]);
    let allocations = per_request(ALLOCATIONS)?;
    row.add("allocations_per_request", "", Better::Lower, &[allocations]);
    Ok(row)
}

/// A tool of valgrind, and the words that precede its count.
#[derive(Clone, Copy)]
struct Tool {
    options: &'static [&'static str],
    words: &'static str,
}

const INSTRUCTIONS: Tool =
    Tool { options: &["--tool=callgrind", "--callgrind-out-file=/dev/null"], words: "Collected :" };
const ALLOCATIONS: Tool =
    Tool { options: &["--tool=memcheck", "--undef-value-errors=no"], words: "total heap usage:" };

/// A load that the devices of every cell can carry.
const LOAD: &str = "0.75";

/// Fixed work for a counter.
struct Work<'a> {
    kind: &'a str,
    models: &'a str,
    devices: &'a str,
    requests: u64,
}

impl Work<'_> {
    fn count(&self, tool: Tool) -> Result<f64, Failure> {
        let mut command = Command::new("valgrind");
        command.args(tool.options).arg(env::current_exe()?).args(["bench", "scheduler"]);
        command.args(["--kind", self.kind, "--models", self.models, "--devices", self.devices]);
        let requests = self.requests.to_string();
        command.args(["--popularity", "uniform", "--load", LOAD, "--requests", &requests]);
        let output = command.output().map_err(|source| NoValgrind { source })?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let number = told.split_once(tool.words).map(|(_, rest)| first_number(rest));
        let number = number.filter(|_| output.status.success());
        number.ok_or_else(|| Uncounted { told }.into())
    }
}

/// The number at the beginning of a text; thousands may be set apart by commas.
fn first_number(text: &str) -> f64 {
    let digits = text.trim_start().chars().take_while(|c| c.is_ascii_digit() || *c == ',');
    digits.filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(f64::NAN)
}

#[derive(Debug, thiserror::Error)]
#[error("valgrind cannot be started; it counts instructions")]
struct NoValgrind {
    source: std::io::Error,
}

#[derive(Debug, thiserror::Error)]
#[error("valgrind did not count: {told}")]
struct Uncounted {
    told: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "whole numbers are exact")]
    fn counts_may_have_commas_and_end_where_words_begin() {
        assert_eq!(first_number("  1,234,567 allocs, 3 frees"), 1_234_567.0);
        assert_eq!(first_number(" 42\n"), 42.0);
        assert!(first_number("none").is_nan());
    }
}
