//! The folder of results: complete after every point, whatever comes next.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clockwork_config::experiment::{Experiment, Extent};

use super::document::{Document, FILE};
use super::outcome::Outcome;
use super::verdict::{self, Verdict};
use super::{figure, table};
use crate::Failure;

/// What has been measured, and where it is written.
#[derive(Debug)]
pub(super) struct Results {
    dir: PathBuf,
    log: File,
    document: Document,
}

/// The results cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
struct Unwritten {
    path: PathBuf,
    source: io::Error,
}

impl Results {
    /// An empty folder of results; what an earlier run left there gives way.
    ///
    /// # Errors
    /// If it cannot be made or written to.
    pub(super) fn create(
        dir: &Path,
        name: &str,
        experiment: &Experiment,
        extent: Extent,
        trials: u32,
    ) -> Result<Self, Failure> {
        let log = dir.join("run.log");
        let unwritten = |source| Unwritten { path: log.clone(), source };
        fs::create_dir_all(dir).map_err(unwritten)?;
        let mut file = File::create(&log).map_err(unwritten)?;
        writeln!(file, "{name}: {}", experiment.title).map_err(unwritten)?;
        writeln!(file, "{}, {trials} trials of each point", extent.name()).map_err(unwritten)?;
        let document = Document::new(name, experiment, extent, trials);
        Ok(Self { dir: dir.into(), log: file, document })
    }

    /// Keeps what a run came to.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub(super) fn keep(&mut self, outcome: Outcome) -> Result<(), Failure> {
        let choices = outcome.choices.iter().map(|(axis, value)| format!("{axis} {value}"));
        let choices: Vec<_> = choices.collect();
        let end = match outcome.complete {
            true if outcome.lacks.is_empty() => "done",
            true => &outcome.lacks,
            false => "broken off",
        };
        self.note(&format!("{}, trial {}: {end}", choices.join(", "), outcome.trial))?;
        let place = |o: &Outcome| (o.point, o.trial);
        let outcomes = &mut self.document.outcomes;
        let at = outcomes.partition_point(|other| place(other) < place(&outcome));
        outcomes.insert(at, outcome);
        self.write_document()
    }

    /// Writes everything that follows from the outcomes, and what became of the expectations.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub(super) fn finish(
        &mut self,
        experiment: &Experiment,
        broken_off: bool,
    ) -> Result<Vec<Verdict>, Failure> {
        self.document.verdicts = verdict::judge(experiment, &self.document.outcomes);
        self.write_document()?;
        let verdicts = self.document.verdicts.clone();
        let lines: Vec<_> = verdicts.iter().map(|verdict| format!("* {verdict}")).collect();
        let text = format!("{}\n{}\n", self.table(), lines.join("\n"));
        self.write("table.md", text.as_bytes())?;
        figure::draw(&self.document, &self.dir)?;
        for verdict in &verdicts {
            self.note(&verdict.to_string())?;
        }
        if broken_off {
            self.note("broken off by a signal: the results are of what was run until then")?;
        }
        self.note("Exiting")?;
        Ok(verdicts)
    }

    /// What has been measured, in the order of points and trials.
    pub(super) fn outcomes(&self) -> &[Outcome] {
        &self.document.outcomes
    }

    /// The table of what there is.
    pub(super) fn table(&self) -> String {
        table::markdown(&self.document)
    }

    fn write_document(&self) -> Result<(), Failure> {
        self.write(FILE, &serde_json::to_vec_pretty(&self.document)?)
    }

    /// Writes a file whole or not at all.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.dir.join(name);
        let unwritten = |source| Unwritten { path: path.clone(), source };
        let mut file = tempfile::NamedTempFile::new_in(&self.dir).map_err(unwritten)?;
        file.write_all(bytes).map_err(unwritten)?;
        file.persist(&path).map_err(|error| unwritten(error.error))?;
        Ok(())
    }

    fn note(&mut self, line: &str) -> Result<(), Failure> {
        let path = self.dir.join("run.log");
        Ok(writeln!(self.log, "{line}").map_err(|source| Unwritten { path, source })?)
    }
}
