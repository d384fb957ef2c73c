//! A GPU as a machine that runs plans: what the devices of a worker do.

use std::collections::BTreeMap;
use std::path::Path;

use clockwork_executor::artifact::{
    Artifact, Element, FORMAT, Files, HostCache, MANIFEST, Manifest, Scalar, Target, Tensor,
    VariantEntry, Weights,
};
use clockwork_executor::cuda::{Alone, GpuInfo, available};
use clockwork_wire::{BatchSize, PAGE_BYTES};
use half::f16;
use tempfile::TempDir;

use crate::case::Trial;
use crate::kernels::Machine;

/// The first GPU.
pub(crate) struct Gpu {
    info: GpuInfo,
    /// Where its kernels are kept, compiled.
    folder: TempDir,
}

impl Gpu {
    /// `None` where there is none, or a library is missing; says so.
    #[expect(clippy::print_stdout, reason = "a skipped test says why")]
    pub(crate) fn find() -> Option<Self> {
        let found = available().map_err(|error| error.to_string());
        let first = found
            .and_then(|all| all.into_iter().next().ok_or_else(|| "there is no GPU".to_owned()));
        match first {
            Ok(info) => Some(Self { info, folder: tempfile::tempdir().expect("a folder") }),
            Err(reason) => {
                println!("skipped: {reason}");
                None
            }
        }
    }
}

impl Machine for Gpu {
    fn run(&mut self, trial: &Trial) -> Vec<f32> {
        let target = trial.plan.target();
        let written = Artifact::from_files(files(trial)).expect("a sound artifact");
        let artifact = stored(&written, target, self.folder.path());
        let mut model = Alone::new(&self.info, &artifact, target).expect("a GPU that works");
        model.input_mut()[..trial.input.len()].copy_from_slice(&trial.input);
        let (output, _) = model.run(BatchSize::ONE).expect("a GPU that works");
        output.to_vec()
    }
}

/// The artifact as it is read from a folder, beside which compiled kernels are kept.
fn stored(artifact: &Artifact, target: Target, folder: &Path) -> Artifact {
    artifact.write(folder).expect("a folder that can be written");
    Artifact::read_sharing(folder, &[target], &HostCache::default()).expect("what was written")
}

/// A model of nothing but the trial's plan.
fn files(trial: &Trial) -> Files {
    let target = trial.plan.target();
    let element = target.element();
    let bytes: Vec<u8> =
        trial.weights.iter().flat_map(|&number| stored_as(number, element)).collect();
    let weights = Weights::new(bytes.clone());
    let tensor =
        |name, len| vec![Tensor::new(name, &[len], Scalar::Float32).expect("a small tensor")];
    let entry = VariantEntry {
        weights_bytes: u64::try_from(weights.len()).expect("64 bits"),
        weights_sha256: weights.hash().to_owned(),
        plans_sha256: vec![trial.plan.file().sha256()],
    };
    let sizes = trial.plan.sizes();
    let manifest = Manifest {
        format: FORMAT,
        name: "kernels".to_owned(),
        inputs: tensor("input", sizes.input),
        outputs: tensor("output", sizes.output),
        page_bytes: PAGE_BYTES,
        batches: vec![1],
        variants: BTreeMap::from([(target, entry)]),
    };
    let json = |value: serde_json::Result<Vec<u8>>| value.expect("plain data");
    Files::from([
        (MANIFEST.to_owned(), json(serde_json::to_vec(&manifest))),
        (format!("variants/{target}/weights.bin"), bytes),
        (format!("variants/{target}/plan.1.json"), json(serde_json::to_vec(trial.plan.file()))),
    ])
}

fn stored_as(number: f32, element: Element) -> Vec<u8> {
    match element {
        Element::F32 => number.to_le_bytes().into(),
        Element::F16 => f16::from_f32(number).to_le_bytes().into(),
    }
}
