//! What workloads get from a command line and the environment: models, traces, seeds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use clockwork_executor::zoo;
use clockwork_workload::Context;
use clockwork_workload::trace::Folder;

use crate::Failure;

/// How workloads read and scale traces.
#[derive(Clone, Debug, Default, Args)]
pub struct TraceArguments {
    /// Trace of Azure Functions for every day, as .csv, .csv.gz or .csv.zst [default: those in
    /// `AZURE_TRACE_DIR`; else the sample in the shared data]
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Resample the trace to this many functions, copies moved in time by whole hours; 0: do not
    /// [default: 17000 for a sample, 0 for the dataset]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub scale_rows: Option<u32>,
    /// Factor on the trace's rates [default: for a sample the one at which load factor 8 is 9638
    /// requests/s, 1 for the dataset]
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub scale_rate: Option<f64>,
    /// Spread the trace's functions over the models at random, by the seed
    #[arg(long)]
    pub shuffle: bool,
}

impl TraceArguments {
    /// What plans are made with.
    ///
    /// # Errors
    /// If an option is out of range, or the folder of models cannot be read.
    pub fn context(&self, seed: u64) -> Result<Context, Failure> {
        if self.scale_rate.is_some_and(|rate| !(1e-9..=1e9).contains(&rate)) {
            return Err(Failure::usage("--scale-rate must be from 1e-9 to 1e9"));
        }
        if self.scale_rows.is_some_and(|rows| rows > ROWS_MAX) {
            return Err(Failure::usage(format!("--scale-rows must be at most {ROWS_MAX}")));
        }
        Ok(Context {
            models: models()?.names,
            seed,
            files: Arc::new(self.folder()),
            scale_rows: self.scale_rows,
            scale_rate: self.scale_rate,
            shuffle: self.shuffle,
        })
    }

    /// The same options as words of a command line.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut add = |name: &str, value: Option<String>| {
            words.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
        };
        add("--trace", self.trace.as_ref().map(|path| path.display().to_string()));
        add("--scale-rows", self.scale_rows.map(|rows| rows.to_string()));
        add("--scale-rate", self.scale_rate.map(|rate| rate.to_string()));
        words.extend(self.shuffle.then(|| "--shuffle".to_owned()));
        words
    }

    /// The trace that is named, else the dataset that is, else the sample.
    fn folder(&self) -> Folder {
        let days = std::env::var_os("AZURE_TRACE_DIR").filter(|dir| !dir.is_empty());
        let sample = || Some(sample()).filter(|sample| days.is_none() && sample.is_file());
        Folder { file: self.trace.clone().or_else(sample), days: days.as_ref().map(PathBuf::from) }
    }
}

/// The sample's place: in the folder that `CLOCKWORK_SHARED_DATA` names, or in `../shared/data`.
pub(crate) fn sample() -> PathBuf {
    let folder = std::env::var_os("CLOCKWORK_SHARED_DATA");
    let folder = folder.unwrap_or_else(|| "../shared/data".into());
    PathBuf::from(folder).join("traces/invitro_azure2019_1350_inv.csv.zst")
}

/// The models that can be asked for.
pub(crate) struct Models {
    /// By name, in the order of the names.
    pub(crate) names: Vec<String>,
    /// Where they are, for people.
    pub(crate) place: String,
}

/// The built-in zoo, or the folders in `CLOCKWORK_MODEL_DIR`.
///
/// # Errors
/// If that cannot be read.
pub(crate) fn models() -> Result<Models, Failure> {
    let Some(dir) = std::env::var_os("CLOCKWORK_MODEL_DIR").filter(|dir| !dir.is_empty()) else {
        let names = zoo::names().map(str::to_owned).collect();
        return Ok(Models { names, place: "<built-in>".into() });
    };
    let dir = PathBuf::from(dir);
    let entries = std::fs::read_dir(&dir);
    let entries = entries.map_err(|source| UnreadableModels { dir: dir.clone(), source })?;
    let folders = entries.flatten().filter(|entry| is_model(&entry.path()));
    let mut names: Vec<_> =
        folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    Ok(Models { names, place: dir.display().to_string() })
}

fn is_model(folder: &Path) -> bool {
    ["model.clockwork_params", "manifest.json"].iter().any(|file| folder.join(file).exists())
}

/// The folder of models cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("CLOCKWORK_MODEL_DIR is `{}`, which cannot be read: unset it for the built-in models", dir.display())]
struct UnreadableModels {
    dir: PathBuf,
    source: std::io::Error,
}

/// Rows that a trace may be resampled to: 20 times the dataset's.
const ROWS_MAX: u32 = 1_000_000;
