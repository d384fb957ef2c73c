//! Which algorithm computes what: chosen once per class of devices, and kept beside the model in
//! `device/<class>/algorithms.json`, so that a plan launches the same kernels for ever.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::convolution::ConvolutionChoice;
use super::linear::LinearChoice;
use crate::artifact::{Convolution, Linear, Precision};
use crate::durations::replace;

/// What was chosen, by shape and precision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choices {
    /// The libraries and the driver that it holds for.
    pub(super) versions: String,
    convolutions: BTreeMap<String, ConvolutionChoice>,
    linears: BTreeMap<String, LinearChoice>,
}

impl Choices {
    /// None yet.
    pub(super) fn new(versions: String) -> Self {
        Self { versions, convolutions: BTreeMap::new(), linears: BTreeMap::new() }
    }

    /// What is kept in this file, if it holds for these versions.
    pub(super) fn read(path: &Path, versions: &str) -> Option<Self> {
        let kept: Self = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        (kept.versions == versions).then_some(kept)
    }

    /// Keeps all of it, so that whoever reads the file finds all of it or none.
    pub(super) fn keep(&self, path: &Path) -> io::Result<()> {
        replace(path, &serde_json::to_vec_pretty(self).map_err(io::Error::other)?)
    }

    pub(super) fn convolution(
        &self,
        shape: &Convolution,
        precision: Precision,
    ) -> Option<&ConvolutionChoice> {
        self.convolutions.get(&key(shape, precision))
    }

    pub(super) fn linear(&self, shape: &Linear, precision: Precision) -> Option<&LinearChoice> {
        self.linears.get(&key(shape, precision))
    }

    pub(super) fn choose_convolution(
        &mut self,
        shape: &Convolution,
        precision: Precision,
        choice: ConvolutionChoice,
    ) {
        self.convolutions.insert(key(shape, precision), choice);
    }

    pub(super) fn choose_linear(
        &mut self,
        shape: &Linear,
        precision: Precision,
        choice: LinearChoice,
    ) {
        self.linears.insert(key(shape, precision), choice);
    }
}

fn key(shape: &impl Serialize, precision: Precision) -> String {
    serde_json::to_string(&(precision, shape)).expect("shapes are plain data")
}
