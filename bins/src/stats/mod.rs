//! `clockwork experiment stats`: latencies as ParM's harness prints them.
//!
//! A path is a folder, of which every run below is shown, or a configuration file of ParM's, of which
//! every run is shown that has results beside the file. A run is a folder with a log of ParM's frontend,
//! with the numbers that an experiment left there, or with request logs, of which requests with an
//! output count.

pub(crate) mod latencies;
pub(crate) mod log;

use std::fs;
use std::path::{Path, PathBuf};

use clockwork_analysis::{Logs, RequestRow, tsv};
use clockwork_config::experiment::{Experiment, Extent};
use clockwork_wire::Span;

pub use self::latencies::Latencies;

use crate::Failure;
use crate::process::say;
use crate::report::find;

/// The name of the file with a run's numbers.
pub(crate) const NUMBERS: &str = "stats.txt";

/// Prints the latencies of every run at `path`.
///
/// # Errors
/// If there is nothing, or a file cannot be read or is no log or configuration.
pub fn run(path: &Path) -> Result<(), Failure> {
    let runs = if path.extension().is_some_and(|extension| extension == "json") {
        configured(path)?
    } else {
        let mut folders = Vec::new();
        folders_with_results(path, 0, &mut folders)?;
        folders.iter().map(|folder| (name(path, folder), folder.clone())).collect()
    };
    if runs.is_empty() {
        return Err(NoRuns { path: path.to_owned() }.into());
    }
    runs.iter().try_for_each(|(name, folder)| show(name, folder))
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

fn show(name: &str, folder: &Path) -> Result<(), Failure> {
    if folder.join(log::LOG).exists() {
        say(name);
        say(&Latencies::of(log::read(folder)?).text());
        return Ok(());
    }
    let numbers = folder.join(NUMBERS);
    if numbers.exists() {
        let unreadable = |source| Unreadable { path: numbers.clone(), source };
        say(name);
        say(fs::read_to_string(&numbers).map_err(unreadable)?.trim_end());
        return Ok(());
    }
    for found in find(&[folder.to_owned()])? {
        let number = found.number.map_or(String::new(), |number| format!(" {number}"));
        say(&format!("{name}{number}"));
        say(&of_requests(&found.logs)?.text());
    }
    Ok(())
}

/// A configuration of ParM's, as an experiment.
///
/// # Errors
/// If it cannot be read, is no JSON, or has a key or a value that is unknown or cannot be run.
pub(crate) fn configuration(path: &Path) -> Result<Experiment, Failure> {
    let usage = |what: String| Failure::usage(format!("{}: {what}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| usage(error.to_string()))?;
    let keys = serde_json::from_str(&text).map_err(|error| usage(error.to_string()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Experiment::of_parm(&name, keys).map_err(|error| usage(error.to_string()))
}

/// The runs of a configuration that have results beside it, in their order.
fn configured(path: &Path) -> Result<Vec<(String, PathBuf)>, Failure> {
    let experiment = configuration(path)?;
    let root = path.parent().unwrap_or_else(|| Path::new(""));
    let trials = experiment.trials(Extent::Full)?;
    let mut runs = Vec::new();
    for point in experiment.points(Extent::Full)? {
        let Some(parm) = point.run.parm else { continue };
        for folder in (0..trials).map(|trial| root.join(parm.path(trial))) {
            let mut folders = Vec::new();
            if folder.is_dir() {
                folders_with_results(&folder, 0, &mut folders)?;
            }
            runs.extend(folders.into_iter().map(|folder| (name(root, &folder), folder)));
        }
    }
    Ok(runs)
}

/// Every folder from here down that has results.
fn folders_with_results(dir: &Path, depth: u32, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |source| Unreadable { path: dir.to_owned(), source };
    let mut folders = Vec::new();
    let mut has_results = false;
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let file = entry.file_name().to_string_lossy().into_owned();
        has_results |= [log::LOG, NUMBERS, "clockwork_request_log.tsv"].contains(&file.as_str())
            || file.ends_with("_request.tsv");
        // A link could lead back up.
        if entry.file_type().map_err(unreadable)?.is_dir() && depth < DEPTH_MAX {
            folders.push(entry.path());
        }
    }
    if has_results {
        found.push(dir.to_owned());
    }
    folders.sort();
    folders.iter().try_for_each(|folder| folders_with_results(folder, depth + 1, found))
}

fn name(root: &Path, folder: &Path) -> String {
    let below = folder.strip_prefix(root).unwrap_or(folder);
    if below.as_os_str().is_empty() {
        folder.display().to_string()
    } else {
        below.display().to_string()
    }
}

/// The latencies of a run's successes. Of a log that breaks off, what comes before.
fn of_requests(logs: &Logs) -> Result<Latencies, Failure> {
    let mut latencies: Vec<Span> = Vec::new();
    for path in &logs.requests {
        let take = |row: RequestRow| {
            if row.is_success() {
                latencies.push(row.latency);
            }
        };
        match tsv::read_file(path, take) {
            Err(error) if error.is_cut() => say(&format!("note: {error}")),
            read => {
                read?;
            }
        }
    }
    Ok(Latencies::of(latencies))
}

/// Folders within folders that are searched: the results' paths have a dozen.
const DEPTH_MAX: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_searched_to_its_leaves() {
        let root = tempfile::tempdir().unwrap();
        let leaf = root.path().join("a/b/it_0");
        fs::create_dir_all(&leaf).unwrap();
        fs::write(leaf.join("clockwork_request_log.tsv"), tsv::header::<RequestRow>()).unwrap();
        let mut found = Vec::new();
        folders_with_results(root.path(), 0, &mut found).unwrap_or_else(|_| panic!("readable"));
        assert_eq!(found, std::slice::from_ref(&leaf));
        assert_eq!(name(root.path(), &leaf), "a/b/it_0");
        assert!(run(root.path()).is_ok());
        assert!(run(&root.path().join("nowhere")).is_err());
    }

    #[test]
    fn numbers_that_an_experiment_left_are_shown() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(NUMBERS), "E2E_LATENCY (ms)\n").unwrap();
        assert!(run(root.path()).is_ok());
    }
}
