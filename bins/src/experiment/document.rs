//! `results.json`: what an experiment came to, and enough of what it is to show it again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clockwork_config::experiment::{Experiment, Extent, Figure, Measure};
use serde::{Deserialize, Serialize};

use super::outcome::Outcome;
use super::verdict::Verdict;
use crate::Failure;

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
    /// Its name.
    pub(crate) experiment: String,
    /// "quick" or "full".
    pub(crate) extent: String,
    /// Runs of each point.
    pub(crate) trials: u32,
    /// What it shows. Older files lack this and the next four: the experiment of that name has them.
    #[serde(default)]
    pub(crate) title: String,
    /// Where it was published.
    #[serde(default)]
    pub(crate) published: String,
    /// What differs here.
    #[serde(default)]
    pub(crate) differs: String,
    /// What its table shows of each point.
    #[serde(default)]
    pub(crate) columns: Vec<Measure>,
    /// What is drawn.
    #[serde(default)]
    pub(crate) figures: Vec<Figure>,
    /// What became of the expectations; nothing until all has run.
    pub(crate) verdicts: Vec<Verdict>,
    /// What was measured, in the order of points and trials.
    pub(crate) outcomes: Vec<Outcome>,
}

/// Results that make no sense.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error("{} cannot be read: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: these are no results of an experiment: {source}", path.display())]
    Json { path: PathBuf, source: serde_json::Error },
}

impl Document {
    /// Nothing yet of this experiment.
    pub(super) fn new(name: &str, experiment: &Experiment, extent: Extent, trials: u32) -> Self {
        let mut document = Self {
            experiment: name.into(),
            extent: extent.name().into(),
            trials,
            title: String::new(),
            published: String::new(),
            differs: String::new(),
            columns: Vec::new(),
            figures: Vec::new(),
            verdicts: Vec::new(),
            outcomes: Vec::new(),
        };
        document.describe(experiment);
        document
    }

    /// The results in a folder; `None` if it has none.
    ///
    /// # Errors
    /// If the file cannot be read or is none of ours.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, Failure> {
        let path = dir.join(FILE);
        let text = match fs::read_to_string(&path) {
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|source| Unread::Io { path: path.clone(), source })?,
        };
        let document: Result<Self, _> = serde_json::from_str(&text);
        let mut document = document.map_err(|source| Unread::Json { path, source })?;
        if document.title.is_empty()
            && let Ok(experiment) = Experiment::builtin(&document.experiment)
        {
            document.describe(&experiment);
        }
        Ok(Some(document))
    }

    fn describe(&mut self, experiment: &Experiment) {
        self.title.clone_from(&experiment.title);
        self.published.clone_from(&experiment.published);
        self.differs.clone_from(&experiment.differs);
        self.columns.clone_from(&experiment.columns);
        self.figures.clone_from(&experiment.figures);
    }
}

/// The name of the file.
pub(crate) const FILE: &str = "results.json";
