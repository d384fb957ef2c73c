//! Latencies as ParM's harness prints them: `E2E_LATENCY (ms)` with number, median, mean and tail.
//!
//! Percentiles are exact, interpolated linearly as numpy does, of requests with an output. A path is a
//! folder, of which every run below is shown, or a configuration file of ParM's, of which every run is
//! shown that has results beside the file.

mod config;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clockwork_analysis::{Logs, RequestRow, tsv};
use clockwork_wire::Span;

pub use config::{Background, Config, ConfigError, Run};

use crate::Failure;
use crate::process::say;
use crate::report::find;

/// Prints the latencies of every run at `path`.
///
/// # Errors
/// If there is nothing, or a file cannot be read or is no log or configuration.
pub fn run(path: &Path) -> Result<(), Failure> {
    let runs = if path.extension().is_some_and(|extension| extension == "json") {
        configured(path)?
    } else {
        let mut folders = Vec::new();
        folders_with_logs(path, 0, &mut folders)?;
        folders.iter().map(|folder| (name(path, folder), folder.clone())).collect()
    };
    if runs.is_empty() {
        return Err(NoRuns { path: path.to_owned() }.into());
    }
    for (name, folder) in runs {
        for found in find(&[folder])? {
            let number = found.number.map_or(String::new(), |number| format!(" {number}"));
            say(&format!("{name}{number}"));
            say(&Latencies::of(&found.logs)?.text());
        }
    }
    Ok(())
}

/// Nothing to show.
#[derive(Debug, thiserror::Error)]
#[error("{} leads to no results: a run has a request log in its folder", path.display())]
struct NoRuns {
    path: PathBuf,
}

/// Something that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read: {source}", path.display())]
struct Unreadable {
    path: PathBuf,
    source: std::io::Error,
}

/// The runs of a configuration that have results beside it, in their order.
fn configured(path: &Path) -> Result<Vec<(String, PathBuf)>, Failure> {
    let unreadable = |source| Unreadable { path: path.to_owned(), source };
    let config = Config::read(File::open(path).map_err(unreadable)?)?;
    let root = path.parent().unwrap_or_else(|| Path::new(""));
    let mut runs = Vec::new();
    for run in config.runs() {
        let mut folders = Vec::new();
        let folder = root.join(run.path(&config));
        if folder.is_dir() {
            folders_with_logs(&folder, 0, &mut folders)?;
        }
        runs.extend(folders.into_iter().map(|folder| (name(root, &folder), folder)));
    }
    Ok(runs)
}

/// Every folder from here down that has a request log.
fn folders_with_logs(dir: &Path, depth: u32, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |source| Unreadable { path: dir.to_owned(), source };
    let mut folders = Vec::new();
    let mut has_log = false;
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let file = entry.file_name().to_string_lossy().into_owned();
        has_log |= file == "clockwork_request_log.tsv" || file.ends_with("_request.tsv");
        // A link could lead back up.
        if entry.file_type().map_err(unreadable)?.is_dir() && depth < DEPTH_MAX {
            folders.push(entry.path());
        }
    }
    if has_log {
        found.push(dir.to_owned());
    }
    folders.sort();
    folders.iter().try_for_each(|folder| folders_with_logs(folder, depth + 1, found))
}

fn name(root: &Path, folder: &Path) -> String {
    let below = folder.strip_prefix(root).unwrap_or(folder);
    if below.as_os_str().is_empty() {
        folder.display().to_string()
    } else {
        below.display().to_string()
    }
}

/// The latencies of a run's successes, rising.
struct Latencies(Vec<u64>);

impl Latencies {
    /// Of a log that breaks off, what comes before.
    fn of(logs: &Logs) -> Result<Self, Failure> {
        let mut latencies = Vec::new();
        for path in &logs.requests {
            let take = |row: RequestRow| {
                if row.is_success() {
                    latencies.push(row.latency.get());
                }
            };
            match tsv::read_file(path, take) {
                Err(error) if error.is_cut() => say(&format!("note: {error}")),
                read => {
                    read?;
                }
            }
        }
        latencies.sort_unstable();
        Ok(Self(latencies))
    }

    fn text(&self) -> String {
        let sum: u128 = self.0.iter().map(|ns| u128::from(*ns)).sum();
        let count = u128::try_from(self.0.len()).unwrap_or(u128::MAX);
        let mean = u64::try_from(sum / count.max(1)).unwrap_or(u64::MAX);
        let values = [
            self.percentile(50.0),
            Span::new(mean).as_f64(),
            self.percentile(99.0),
            self.percentile(99.5),
            self.percentile(99.9),
        ];
        let values = values.map(|ns| format!("{:.2}", ns / 1e6)).join("\t");
        format!("E2E_LATENCY (ms)\nNUM\tMED\tMEAN\tP99\tP99.5\tP99.9\n{count}\t{values}")
    }

    /// numpy's linear percentile, in nanoseconds; 0 without values.
    fn percentile(&self, percent: f64) -> f64 {
        let Some(last) = self.0.len().checked_sub(1) else { return 0.0 };
        let place = percent / 100.0 * Span::new(u64::try_from(last).unwrap_or(u64::MAX)).as_f64();
        // Rounds to the nearest, so half is taken off first.
        let below = usize::try_from(Span::from_f64(place - 0.5).get()).unwrap_or(last);
        let below = if float(below) > place { below - 1 } else { below }.min(last);
        let above = (below + 1).min(last);
        let value = |at: usize| Span::new(self.0[at]).as_f64();
        value(below) + (value(above) - value(below)) * (place - float(below))
    }
}

fn float(count: usize) -> f64 {
    Span::new(u64::try_from(count).unwrap_or(u64::MAX)).as_f64()
}

/// Folders within folders that are searched: the results' paths have a dozen.
const DEPTH_MAX: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_parms() {
        // 1 to 100 ms: the median lies between 50 and 51, p99 at place 98.01.
        let latencies = Latencies((1..=100).map(|ms| ms * 1_000_000).collect());
        let wanted = "E2E_LATENCY (ms)\nNUM\tMED\tMEAN\tP99\tP99.5\tP99.9\n\
                      100\t50.50\t50.50\t99.01\t99.50\t99.90";
        assert_eq!(latencies.text(), wanted);
    }

    #[test]
    fn few_latencies_have_percentiles_too() {
        assert!(Latencies(vec![]).text().ends_with("\n0\t0.00\t0.00\t0.00\t0.00\t0.00"));
        assert!(Latencies(vec![7_000_000]).text().ends_with("\n1\t7.00\t7.00\t7.00\t7.00\t7.00"));
        let two = Latencies(vec![1_000_000, 2_000_000]);
        assert!((two.percentile(99.9) - 1_999_000.0).abs() < 1.0);
    }

    #[test]
    fn a_folder_is_searched_to_its_leaves() {
        let root = tempfile::tempdir().unwrap();
        let leaf = root.path().join("a/b/it_0");
        fs::create_dir_all(&leaf).unwrap();
        fs::write(leaf.join("clockwork_request_log.tsv"), tsv::header::<RequestRow>()).unwrap();
        let mut found = Vec::new();
        folders_with_logs(root.path(), 0, &mut found).unwrap_or_else(|_| panic!("it can be read"));
        assert_eq!(found, std::slice::from_ref(&leaf));
        assert_eq!(name(root.path(), &leaf), "a/b/it_0");
        assert!(run(root.path()).is_ok());
        assert!(run(&root.path().join("nowhere")).is_err());
    }
}
