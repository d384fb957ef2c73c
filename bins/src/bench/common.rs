//! What all benches share: how long, how often, where the report goes.

use std::fs::File;
use std::path::PathBuf;

use super::plot::Plot;
use super::report::Report;
use crate::Failure;
use crate::process::say;

/// Options of every bench.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Common {
    /// Seconds per measurement [default: 2 in one process, 4 with several]
    #[arg(long)]
    seconds: Option<f64>,
    /// Measurements per figure; the median and the spread are reported
    #[arg(long, default_value_t = 3)]
    pub(super) repeats: usize,
    /// Write the report to this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Draw the figure to this file
    #[arg(long)]
    svg: Option<PathBuf>,
}

impl Common {
    /// Checks the numbers.
    ///
    /// # Errors
    /// If there is nothing to measure.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if !self.seconds.is_none_or(|seconds| seconds > 0.0 && seconds.is_finite()) {
            return Err(Failure::usage("--seconds must be above 0"));
        }
        if self.repeats == 0 {
            return Err(Failure::usage("--repeats must be at least 1"));
        }
        Ok(())
    }

    /// Seconds per measurement, unless it is said how many.
    pub(super) fn seconds_or(&self, usual: f64) -> f64 {
        self.seconds.unwrap_or(usual)
    }

    /// The same with one measurement per figure.
    pub(super) fn once(&self) -> Self {
        Self { repeats: 1, ..self.clone() }
    }

    /// Prints the table, writes the files and ends with the summary line of `headline` metrics.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(super) fn publish(
        &self,
        report: &Report,
        headline: &[&str],
        plot: &Plot,
    ) -> Result<(), Failure> {
        say(&report.table());
        if let Some(path) = &self.json {
            serde_json::to_writer_pretty(File::create(path)?, report)?;
        }
        if let Some(path) = &self.svg {
            plot.draw(path)?;
        }
        say(&report.summary(headline));
        Ok(())
    }
}
