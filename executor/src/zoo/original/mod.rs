//! A model folder of the original system, read for emulation: `P.1.clockwork` says how large the
//! model is, `P.measurements` how long it takes.

mod measurements;
mod spec;

use std::fs;
use std::path::{Path, PathBuf};

use clockwork_wire::{ModelProfile, Pages};
use thiserror::Error;

pub use self::measurements::{Measurements, MeasurementsError};
pub use self::spec::{Spec, SpecError};

/// Why an original model cannot be used.
#[derive(Debug, Error)]
pub enum OriginalError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The model's description is broken.
    #[error("{}: {error}", path.display())]
    Spec {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        error: SpecError,
    },
    /// The model's times are broken.
    #[error("{}: {error}", path.display())]
    Measurements {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        error: MeasurementsError,
    },
}

/// Reads the model whose files begin with `prefix`, for instance `models/resnet18/model`, and calls
/// it `name`.
///
/// # Errors
/// If a file is absent or broken; the error names it.
pub fn read(prefix: &Path, name: &str) -> Result<ModelProfile, OriginalError> {
    let path = with_suffix(prefix, ".1.clockwork");
    let spec =
        Spec::parse(&contents(&path)?).map_err(|error| OriginalError::Spec { path, error })?;
    let path = with_suffix(prefix, ".measurements");
    let times = Measurements::parse(&contents(&path)?)
        .map_err(|error| OriginalError::Measurements { path, error })?;
    Ok(profile(name, &spec, times))
}

/// Whether both files are there.
pub fn exists(prefix: &Path) -> bool {
    [".1.clockwork", ".measurements"].iter().all(|suffix| with_suffix(prefix, suffix).is_file())
}

fn profile(name: &str, spec: &Spec, times: Measurements) -> ModelProfile {
    ModelProfile {
        name: name.to_owned(),
        input_size: spec.input_size,
        output_size: spec.output_size,
        weights_size: spec.weights_size,
        // Its packing leaves gaps, so that the pages are counted, not computed.
        pages: Pages::new(spec.pages),
        load: times.weights,
        batches: times.batches,
    }
}

fn with_suffix(prefix: &Path, suffix: &str) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn contents(path: &Path) -> Result<Vec<u8>, OriginalError> {
    fs::read(path).map_err(|error| OriginalError::File { path: path.to_owned(), error })
}
