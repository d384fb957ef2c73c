//! The model under test: where it lies, what it takes and gives.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clockwork_executor::ModelSource;
use clockwork_executor::artifact::{
    Artifact, ArtifactError, HostCache, MANIFEST, Manifest, Precision, Scalar, Target, Tensor,
};
use clockwork_executor::cuda;
use clockwork_executor::library::{LibraryModel, OBJECT};
use clockwork_wire::BatchSize;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::machine::Machine;
use super::place::{Place, Wish, choose};
use crate::Failure;

/// A model that is ready to run, and what is known of its tensors.
pub(super) struct Subject {
    pub(super) machine: Machine,
    pub(super) place: Place,
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
    pub(super) folder: PathBuf,
}

/// A tensor that goes in or comes out, as one request has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) name: String,
    /// Its dimensions; none if only its bytes are known.
    pub(super) shape: Option<Vec<usize>>,
    pub(super) scalar: Scalar,
    /// Words of 4 bytes.
    pub(super) words: usize,
}

impl Subject {
    /// The model of a prefix, `DIR/model` as the original names it or `DIR`, where it is wished.
    pub(super) fn open(
        prefix: &Path,
        wish: Wish,
        precision: Option<Precision>,
    ) -> Result<Self, Failure> {
        let folder = folder(prefix);
        if folder.join(OBJECT).exists() {
            return match (wish, precision) {
                (Wish::Auto | Wish::Cpu, None | Some(Precision::Fp32)) => Self::of_library(folder),
                _ => Err(Failure::usage("a shared object runs on the processor, in fp32")),
            };
        }
        let manifest = manifest(&folder)?;
        let forms: Vec<Target> = manifest.variants.keys().copied().collect();
        let gpus = || cuda::available().map_err(|error| error.to_string());
        let place = choose(wish, precision, &forms, gpus)
            .map_err(|error| Failure::usage(format!("{}: {error}", folder.display())))?;
        Self::of_artifact(folder, place)
    }

    fn of_library(folder: PathBuf) -> Result<Self, Failure> {
        let library = LibraryModel::open(&folder)?;
        let inputs = vec![Port::opaque("input", library.input_bytes())];
        let outputs = vec![Port::opaque("output", library.output_bytes())];
        let machine = Machine::processor(&ModelSource::Library(Arc::new(library)))?;
        let place = Place::Processor { why: None };
        Ok(Self { machine, place, inputs, outputs, folder })
    }

    fn of_artifact(folder: PathBuf, place: Place) -> Result<Self, Failure> {
        let target = match place {
            Place::Processor { .. } => Target::Cpu,
            Place::Gpu(_, precision) => Target::Cuda(precision),
        };
        let artifact = Artifact::read_sharing(&folder, &[target], &HostCache::default())?;
        let inputs = artifact.manifest().inputs.iter().map(Port::of).collect();
        let outputs = artifact.manifest().outputs.iter().map(Port::of).collect();
        let machine = match &place {
            Place::Processor { .. } => {
                Machine::processor(&ModelSource::Artifact(Arc::new(artifact)))?
            }
            Place::Gpu(gpu, precision) => Machine::gpu(gpu, &artifact, *precision)?,
        };
        Ok(Self { machine, place, inputs, outputs, folder })
    }

    /// Words of 4 bytes of a request's input and of its output.
    pub(super) fn words(&self) -> (usize, usize) {
        let words = |ports: &[Port]| ports.iter().map(|port| port.words).sum();
        (words(&self.inputs), words(&self.outputs))
    }

    /// Runs these requests as one batch.
    pub(super) fn run(&mut self, requests: &[&[f32]]) -> Result<&[f32], Failure> {
        let batch = u16::try_from(requests.len()).ok().and_then(BatchSize::new);
        let batch = batch.ok_or_else(|| Failure::usage("a batch is too large"))?;
        self.machine.workspace_bytes(batch)?;
        let (per_request, _) = self.words();
        let places = self.machine.input_mut().chunks_exact_mut(per_request);
        places.zip(requests).for_each(|(place, request)| place.copy_from_slice(request));
        Ok(self.machine.run(batch)?.0)
    }

    /// What each of these requests gives alone, one after the other.
    pub(super) fn singly(&mut self, requests: &[Vec<f32>]) -> Result<Vec<f32>, Failure> {
        let mut outputs = Vec::new();
        for request in requests {
            outputs.extend_from_slice(self.run(&[request])?);
        }
        Ok(outputs)
    }

    /// Outputs of requests, tensor by tensor.
    pub(super) fn tensors(&self, outputs: &[f32]) -> Vec<Vec<f32>> {
        let mut tensors = vec![Vec::new(); self.outputs.len()];
        for mut rest in outputs.chunks_exact(self.words().1) {
            for (port, tensor) in self.outputs.iter().zip(&mut tensors) {
                let (own, others) = rest.split_at(port.words);
                tensor.extend_from_slice(own);
                rest = others;
            }
        }
        tensors
    }

    /// As many requests, always the same: floats between -1 and 1; integers 0 or 1, which index any table.
    pub(super) fn requests(&self, count: usize) -> Vec<Vec<f32>> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut word = |(index, scalar): (usize, Scalar)| match scalar {
            Scalar::Float32 => random.random_range(-1.0..1.0),
            Scalar::Int64 if index % 2 == 1 => 0.0,
            Scalar::Int32 | Scalar::Int64 => f32::from_bits(random.random_range(0..2)),
        };
        let words = |port: &Port| (0..port.words).zip(std::iter::repeat(port.scalar));
        let mut request = || self.inputs.iter().flat_map(words).map(&mut word).collect();
        (0..count).map(|_| request()).collect()
    }
}

impl Port {
    fn of(tensor: &Tensor) -> Self {
        Self {
            name: tensor.name.clone(),
            shape: Some(tensor.shape.clone()),
            scalar: tensor.scalar,
            words: tensor.words(),
        }
    }

    /// How many requests an array of this shape has: its dimensions are the tensor's, the first one as
    /// many times, or with one more before them.
    pub(super) fn requests_in(&self, shape: &[usize]) -> Option<usize> {
        let Some(own) = &self.shape else {
            let elements = shape.iter().product::<usize>();
            let each = self.words * size_of::<f32>() / self.scalar.bytes();
            return elements.is_multiple_of(each).then_some(elements / each);
        };
        let count = match (own.split_first(), shape.split_first()) {
            (_, Some((&count, rest))) if rest == own.as_slice() => count,
            (Some((&first, own)), Some((&all, rest)))
                if own == rest && all.is_multiple_of(first) =>
            {
                all / first
            }
            (None, None) => 1,
            _ => return None,
        };
        (count > 0).then_some(count)
    }

    /// A tensor of which only the bytes are known.
    fn opaque(name: &str, bytes: u32) -> Self {
        let bytes = usize::try_from(bytes).expect("a tensor fits the address space");
        let (name, words) = (name.to_owned(), bytes / size_of::<f32>());
        Self { name, shape: None, scalar: Scalar::Float32, words }
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

fn manifest(folder: &Path) -> Result<Manifest, Failure> {
    let path = folder.join(MANIFEST);
    if !path.exists() {
        return Err(ArtifactError::Absent { path: folder.to_owned() }.into());
    }
    let bytes = fs::read(&path).map_err(|source| ArtifactError::Io { path, source })?;
    Ok(Manifest::parse(&bytes)?)
}
