//! The model under test: where it lies, what it takes and gives.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clockwork_executor::ModelSource;
use clockwork_executor::artifact::{Artifact, MANIFEST};
use clockwork_executor::cpu::Alone;
use clockwork_executor::library::{LibraryModel, OBJECT};
use clockwork_wire::BatchSize;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::Failure;

/// A model that is ready to run, and what is known of its tensors.
pub(super) struct Subject {
    pub(super) alone: Alone,
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
    pub(super) folder: PathBuf,
}

/// A tensor that goes in or comes out, as one request has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) elements: usize,
}

impl Subject {
    /// The model of a prefix: `DIR/model` as the original names it, or `DIR`.
    pub(super) fn open(prefix: &Path) -> Result<Self, Failure> {
        let folder = folder(prefix);
        let (source, inputs, outputs) = if folder.join(OBJECT).exists() {
            let library = LibraryModel::open(&folder)?;
            let (input, output) = (library.input_bytes(), library.output_bytes());
            let inputs = vec![Port::opaque("input", input)];
            let outputs = vec![Port::opaque("output", output)];
            (ModelSource::Library(Arc::new(library)), inputs, outputs)
        } else {
            let artifact = Artifact::read(&folder)?;
            let manifest = artifact.manifest();
            let port = |tensor: &clockwork_executor::artifact::Tensor| Port {
                name: tensor.name.clone(),
                elements: tensor.elements(),
            };
            let inputs = manifest.inputs.iter().map(port).collect();
            let outputs = manifest.outputs.iter().map(port).collect();
            (ModelSource::Artifact(Arc::new(artifact)), inputs, outputs)
        };
        Ok(Self { alone: Alone::new(&source)?, inputs, outputs, folder })
    }

    /// Elements of a request's input and of its output.
    pub(super) fn elements(&self) -> (usize, usize) {
        let elements = |ports: &[Port]| ports.iter().map(|port| port.elements).sum();
        (elements(&self.inputs), elements(&self.outputs))
    }

    /// Runs these requests as one batch.
    pub(super) fn run(&mut self, requests: &[&[f32]]) -> Result<&[f32], Failure> {
        let batch = u16::try_from(requests.len()).ok().and_then(BatchSize::new);
        let batch = batch.ok_or_else(|| Failure::usage("a batch is too large"))?;
        self.alone.sizes(batch)?;
        let (per_request, _) = self.elements();
        let places = self.alone.input_mut().chunks_exact_mut(per_request);
        places.zip(requests).for_each(|(place, request)| place.copy_from_slice(request));
        Ok(self.alone.run(batch)?)
    }

    /// As many requests, with elements between -1 and 1; always the same.
    pub(super) fn requests(&self, count: usize) -> Vec<Vec<f32>> {
        let (elements, _) = self.elements();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut request = || (0..elements).map(|_| random.random_range(-1.0..1.0)).collect();
        (0..count).map(|_| request()).collect()
    }
}

impl Port {
    /// A tensor of which only the bytes are known.
    fn opaque(name: &str, bytes: u32) -> Self {
        let bytes = usize::try_from(bytes).expect("a tensor fits the address space");
        Self { name: name.to_owned(), elements: bytes / size_of::<f32>() }
    }
}

/// The folder that a prefix means.
fn folder(prefix: &Path) -> PathBuf {
    let is_model = |folder: &Path| [MANIFEST, OBJECT].iter().any(|f| folder.join(f).exists());
    match prefix.parent() {
        Some(parent) if prefix.ends_with("model") && !is_model(prefix) => parent.to_owned(),
        _ => prefix.to_owned(),
    }
}
