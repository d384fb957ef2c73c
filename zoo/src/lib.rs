//! Real architectures as ONNX files with seeded weights: models to measure and to test with, without
//! a download and without Python.
//!
//! An architecture is a short function (`architectures`) that says how values flow; a network under
//! construction (`net`) knows every value's shape and how large its elements will be, so that weights
//! can be scaled to keep activations near 1 through any depth; `onnx` writes the file, weight by
//! weight, from a seed. The same name, seed and version of the operators always give the same bytes.
//!
//! What such a model computes means nothing; how long it takes, and whether two implementations agree
//! on it, is what a trained one would tell.
//!
//! ```
//! use clockwork_zoo::{Model, OPSET};
//!
//! let model = Model::of("squeezenet1_1", OPSET)?;
//! assert_eq!(model.parameters(), 1_235_496);
//! let mut file = Vec::new();
//! model.write(7, &mut file)?;
//! assert_eq!(u64::try_from(file.len()), Ok(model.bytes()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod architectures;
mod net;
mod onnx;

use std::collections::BTreeMap;
use std::io::{self, Write};

use net::Graph;

/// The version of the standard operators that files are written for unless another is asked for.
pub const OPSET: i64 = 17;

/// The versions that can be asked for: the first has the operators that every architecture needs.
pub const OPSETS: std::ops::RangeInclusive<i64> = 17..=20;

/// Why a model cannot be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ZooError {
    /// No architecture has this name.
    #[error("no architecture is called {0}; `clockwork zoo list` shows those that are")]
    Unknown(String),
    /// The operators' version is not one of [`OPSETS`].
    #[error("opset {0} is not supported; {first} to {last} are", first = OPSETS.start(), last = OPSETS.end())]
    Opset(i64),
}

/// The names of all architectures, family by family.
pub fn names() -> impl Iterator<Item = &'static str> {
    architectures::ALL.iter().map(|(name, _)| *name)
}

/// An architecture, ready to be written with weights of any seed.
#[derive(Debug)]
pub struct Model {
    graph: Graph,
    opset: i64,
}

impl Model {
    /// The architecture of this name in operators of this version.
    ///
    /// # Errors
    /// If there is no such architecture or version.
    pub fn of(name: &str, opset: i64) -> Result<Self, ZooError> {
        if !OPSETS.contains(&opset) {
            return Err(ZooError::Opset(opset));
        }
        let found = architectures::ALL.iter().find(|(known, _)| *known == name);
        let (name, build) = found.ok_or_else(|| ZooError::Unknown(name.to_owned()))?;
        Ok(Self { graph: net::graph(name, opset, *build), opset })
    }

    /// The input's shape, without the batch.
    pub fn input(&self) -> &[usize] {
        &self.graph.input
    }

    /// How many numbers were trained, had it been trained: all weights but the statistics of batch
    /// normalization.
    pub fn parameters(&self) -> usize {
        self.graph.parameters()
    }

    /// How often the file has each operator.
    pub fn operators(&self) -> BTreeMap<&'static str, usize> {
        self.graph.operators()
    }

    /// How many weights (and statistics) and how many of each operator remain when every batch normalization that follows a
    /// convolution is folded into it.
    pub fn folded(&self) -> (usize, BTreeMap<&'static str, usize>) {
        self.graph.folded()
    }

    /// The file's length.
    pub fn bytes(&self) -> u64 {
        onnx::File::of(&self.graph, self.opset).bytes()
    }

    /// Writes the file with this seed's weights, which are made as they are written.
    ///
    /// # Errors
    /// If `out` does not take them.
    pub fn write(&self, seed: u64, out: &mut impl Write) -> io::Result<()> {
        onnx::File::of(&self.graph, self.opset).write(seed, out)
    }
}
