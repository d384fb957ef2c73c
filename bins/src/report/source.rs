//! Where the logs of runs are.

use std::fs;
use std::path::{Path, PathBuf};

use clockwork_analysis::Logs;

use crate::Failure;

/// A run that has logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What it is called: its folder, and its number if the folder has several.
    pub name: String,
    /// Its folder's place among those that were asked for.
    pub(super) trial: usize,
    /// Its number in a folder of numbered logs.
    pub(crate) number: Option<u32>,
    /// What was run, if results say so.
    pub(super) about: String,
    /// Its files.
    pub logs: Logs,
}

impl Named {
    /// Its name, and what was run.
    pub(super) fn title(&self) -> String {
        if self.about.is_empty() {
            self.name.clone()
        } else {
            format!("{}: {}", self.name, self.about)
        }
    }
}

/// Nothing to report on.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} has no logs: neither clockwork_request_log.tsv nor file=controller_1_request.tsv is there, nor a folder with \
     them, nor an experiment's results.json{}", dir.display(), if *binary { BINARY } else { "" }
)]
struct NoLogs {
    dir: PathBuf,
    binary: bool,
}

const BINARY: &str = "; `clockwork log` turns binary logs into TSV";

/// Every run that has logs in these folders or in folders within them, in order of folder and number.
///
/// # Errors
/// If a folder cannot be read or leads to no log at all.
pub fn find(dirs: &[PathBuf]) -> Result<Vec<Named>, Failure> {
    let mut runs = Vec::new();
    for (trial, dir) in dirs.iter().enumerate() {
        runs.extend(needed(dir, trial)?);
    }
    tell_apart(&mut runs);
    Ok(runs)
}

/// The runs that have logs in a folder, of which there is one at least.
///
/// # Errors
/// If a folder cannot be read or there is no log.
pub(super) fn needed(dir: &Path, trial: usize) -> Result<Vec<Named>, Failure> {
    let here = within(dir, trial)?;
    if here.is_empty() {
        let binary = dir.join("clockwork_request_log.bin").exists();
        return Err(NoLogs { dir: dir.to_owned(), binary }.into());
    }
    Ok(here)
}

/// The runs that have logs in a folder, or else in the folders within it.
///
/// # Errors
/// If a folder cannot be read.
pub(super) fn within(dir: &Path, trial: usize) -> Result<Vec<Named>, Failure> {
    let mut here = in_folder(dir, trial)?;
    if here.is_empty() {
        for folder in entries(dir)?.into_iter().filter(|path| path.is_dir()) {
            here.extend(in_folder(&folder, trial)?);
        }
    }
    Ok(here)
}

/// Whether these are several folders of numbered logs.
pub(super) fn are_trials(runs: &[Named]) -> bool {
    let several = runs.iter().any(|run| run.trial > 0);
    several && runs.iter().all(|run| run.number.is_some())
}

fn in_folder(dir: &Path, trial: usize) -> Result<Vec<Named>, Failure> {
    let paths = entries(dir)?;
    let folder = name_of(dir);
    let mut runs = Vec::new();
    let [requests, actions] = ["request", "action"].map(|kind| parts(&paths, kind));
    if !requests.is_empty() {
        let logs = Logs { requests, actions };
        let (name, about) = (folder.clone(), String::new());
        runs.push(Named { name, trial, number: None, about, logs });
    }
    let mut numbers: Vec<u32> = paths.iter().filter_map(|path| number(path)).collect();
    numbers.sort_unstable();
    for number in numbers {
        let log = |kind: &str| dir.join(format!("file=controller_{number}_{kind}.tsv"));
        let actions = Some(log("action")).filter(|path| path.exists()).into_iter().collect();
        let logs = Logs { requests: vec![log("request")], actions };
        let (name, about) = (format!("{folder}-{number}"), String::new());
        runs.push(Named { name, trial, number: Some(number), about, logs });
    }
    Ok(runs)
}

/// What a folder is called.
pub(super) fn name_of(dir: &Path) -> String {
    let folder = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    folder.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned())
}

/// The parts of a log, the full one that was put aside first.
fn parts(paths: &[PathBuf], kind: &str) -> Vec<PathBuf> {
    let part = |end: &str| {
        let name = format!("clockwork_{kind}_log{end}.tsv");
        paths.iter().find(|path| path.file_name().is_some_and(|file| *file == *name)).cloned()
    };
    part(".1").into_iter().chain(part("")).collect()
}

/// I of `file=controller_I_request.tsv`.
fn number(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("file=controller_")?.strip_suffix("_request.tsv")?.parse().ok()
}

pub(super) fn entries(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |source| Unreadable { dir: dir.to_owned(), source };
    let entries = fs::read_dir(dir).map_err(unreadable)?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort_by_cached_key(|path| natural(&path.to_string_lossy()));
    Ok(paths)
}

/// Sorts as people do: numbers within names by their size.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = vec![(String::new(), 0_u64)];
    let mut in_number = false;
    for letter in name.chars() {
        let digit = letter.to_digit(10);
        if digit.is_none() && in_number {
            parts.push((String::new(), 0));
        }
        in_number = digit.is_some();
        let (text, number) = parts.last_mut().expect("there is a first part");
        match digit {
            Some(digit) => *number = number.saturating_mul(10).saturating_add(digit.into()),
            None => text.push(letter),
        }
    }
    parts
}

/// A folder that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read: {source}", dir.display())]
struct Unreadable {
    dir: PathBuf,
    source: std::io::Error,
}

/// Runs of one name get the number of their place.
pub(super) fn tell_apart(runs: &mut [Named]) {
    let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
    for (at, run) in runs.iter_mut().enumerate() {
        let same = names.iter().filter(|name| **name == run.name).count();
        let before = names[..at].iter().filter(|name| **name == run.name).count();
        if same > 1 {
            run.name = format!("{}.{}", run.name, before + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(dir: &Path, names: &[&str]) -> PathBuf {
        fs::create_dir_all(dir).unwrap();
        for name in names {
            fs::write(dir.join(name), "").unwrap();
        }
        dir.to_owned()
    }

    fn names(runs: &[Named]) -> Vec<&str> {
        runs.iter().map(|run| run.name.as_str()).collect()
    }

    #[test]
    fn a_folder_is_one_run_with_the_part_that_was_put_aside_first() {
        let root = tempfile::tempdir().unwrap();
        let files = ["clockwork_request_log.tsv", "clockwork_request_log.1.tsv", "x.tsv"];
        let runs = find(&[touch(&root.path().join("a"), &files)]).unwrap();
        assert_eq!(names(&runs), ["a"]);
        let file = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let requests: Vec<_> = runs[0].logs.requests.iter().map(file).collect();
        assert_eq!(requests, ["clockwork_request_log.1.tsv", "clockwork_request_log.tsv"]);
        assert!(runs[0].logs.actions.is_empty());
    }

    #[test]
    fn numbered_logs_are_runs_in_order_of_number() {
        let root = tempfile::tempdir().unwrap();
        let files = ["10", "2"].map(|i| format!("file=controller_{i}_request.tsv"));
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let [a, b] = ["a", "b"].map(|trial| touch(&root.path().join(trial), &files));
        let runs = find(&[a.clone(), b]).unwrap();
        assert_eq!(names(&runs), ["a-2", "a-10", "b-2", "b-10"]);
        assert!(are_trials(&runs));
        assert!(!are_trials(&find(&[a]).unwrap()));
    }

    #[test]
    fn folders_within_a_folder_are_found_and_told_apart() {
        let root = tempfile::tempdir().unwrap();
        let log = ["clockwork_request_log.tsv"];
        for name in ["x/100ms", "x/25ms", "y/100ms"] {
            touch(&root.path().join(name), &log);
        }
        let runs = find(&[root.path().join("x"), root.path().join("y")]).unwrap();
        assert_eq!(names(&runs), ["25ms", "100ms.1", "100ms.2"]);
    }

    #[test]
    fn a_folder_without_logs_is_named() {
        let root = tempfile::tempdir().unwrap();
        let Err(Failure::Work(error)) = find(&[root.path().to_owned()]) else { panic!() };
        assert!(error.to_string().contains(root.path().to_str().unwrap()), "{error}");
        touch(root.path(), &["clockwork_request_log.bin"]);
        let Err(Failure::Work(error)) = find(&[root.path().to_owned()]) else { panic!() };
        assert!(error.to_string().contains("clockwork log"), "{error}");
        assert!(find(&["/nowhere".into()]).is_err());
    }
}
