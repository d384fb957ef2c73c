//! A worker's devices and models, and what a cluster of them can hold.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};

use clockwork_wire::{ModelId, PAGE_BYTES, Pages, WorkerState};

use super::{ModelText, gigabytes, megabytes};

/// What a worker says of itself, below `Sending R0:GetWorkerState:`. The last line is empty when
/// printed with `println!`, as in the original.
#[derive(Clone, Copy, Debug)]
pub struct WorkerText<'a>(pub &'a WorkerState);

/// What the controller knows of its workers, in the order of their ids, below `(Startup-2)` and
/// `(Startup-6)`.
#[derive(Clone, Copy, Debug)]
pub struct ClusterText<'a>(pub &'a [WorkerState]);

/// The four lines after start-up that compare memory with models:
/// `Created 2 models` to `Total model pages 14 (0% oversubscription).`
#[derive(Clone, Copy, Debug)]
pub struct CapacityText<'a>(pub &'a [WorkerState]);

impl Display for WorkerText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self(state) = self;
        writeln!(f, " page_size={}", state.page_bytes)?;
        writeln!(f, "gpus=")?;
        for device in &state.devices {
            writeln!(
                f,
                " GPU-{} weights_cache={:.1}GB ({} pages) io_pool={:.1}MB workspace_pool={:.1}MB \
                 {} models currently on GPU",
                device.gpu,
                gigabytes(device.pages.bytes()),
                device.pages,
                megabytes(device.io_pool),
                megabytes(device.workspace_pool),
                device.loaded.len()
            )?;
        }
        writeln!(f, "models=")?;
        for model in &state.models {
            let profile = &model.profile;
            writeln!(f, " M-{} src={} {}", model.model, profile.name, ModelText(profile))?;
        }
        Ok(())
    }
}

impl Display for ClusterText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let page_bytes = self.0.first().map_or(PAGE_BYTES, |state| state.page_bytes);
        writeln!(f, "Clockwork page_size={page_bytes}")?;
        for (worker, state) in self.0.iter().enumerate() {
            let (gpus, models) = (state.devices.len(), state.models.len());
            writeln!(f, "Worker {worker} {gpus} GPUs {models} models")?;
            for device in &state.devices {
                writeln!(
                    f,
                    "GPU {} {:.1} GB ({} pages) {} loaded models",
                    device.gpu,
                    gigabytes(device.pages.bytes()),
                    device.pages,
                    device.loaded.len()
                )?;
            }
            for model in &state.models {
                let profile = &model.profile;
                writeln!(f, "M-{} src={} {}", model.model, profile.name, ModelText(profile))?;
            }
        }
        Ok(())
    }
}

impl Display for CapacityText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self(workers) = self;
        let devices: Vec<Pages> =
            workers.iter().flat_map(|state| &state.devices).map(|device| device.pages).collect();
        let models: BTreeMap<ModelId, Pages> = workers
            .iter()
            .flat_map(|state| &state.models)
            .map(|m| (m.model, m.profile.pages))
            .collect();
        let (capacity, needed) = (total(devices.iter()), total(models.values()));
        writeln!(f, "Created {} models", models.len())?;
        writeln!(f, "Created {} GPUs on {} Workers", devices.len(), workers.len())?;
        writeln!(f, "Total GPU capacity {capacity} pages ({} per GPU).", range(&devices))?;
        let oversubscription = (100 * needed).checked_div(capacity).unwrap_or(0);
        write!(f, "Total model pages {needed} ({oversubscription}% oversubscription).")
    }
}

fn total<'a>(pages: impl Iterator<Item = &'a Pages>) -> u64 {
    pages.map(|pages| u64::from(pages.get())).sum()
}

/// One number, or `smallest-largest` where devices differ.
fn range(devices: &[Pages]) -> String {
    let least = devices.iter().min().copied().unwrap_or_default();
    let most = devices.iter().max().copied().unwrap_or_default();
    if least == most { least.to_string() } else { format!("{least}-{most}") }
}

#[cfg(test)]
mod tests {
    use clockwork_wire::{DeviceState, GpuId, LoadedModel};

    use super::*;
    use crate::telemetry::describe::fixture::{RESNET50, resnet50};

    #[test]
    fn a_worker_without_models_prints_the_documented_block() {
        let documented = " page_size=16777216
gpus=
 GPU-0 weights_cache=21.5GB (1376 pages) io_pool=512.0MB workspace_pool=512.0MB 0 models currently on GPU
 GPU-1 weights_cache=21.5GB (1376 pages) io_pool=512.0MB workspace_pool=512.0MB 0 models currently on GPU
models=
";
        assert_eq!(WorkerText(&worker(0)).to_string(), documented);
    }

    #[test]
    fn a_worker_lists_the_models_that_it_can_serve() {
        let text = WorkerText(&worker(1)).to_string();
        assert!(text.ends_with(&format!("models=\n M-0 src=resnet50_v2 {RESNET50}\n")), "{text}");
    }

    #[test]
    fn the_controller_prints_the_documented_block_before_and_after_loading() {
        let head = "Clockwork page_size=16777216\nWorker 0 2 GPUs ";
        let gpus = "GPU 0 21.5 GB (1376 pages) 0 loaded models\n\
                    GPU 1 21.5 GB (1376 pages) 0 loaded models\n";
        let before = ClusterText(&[worker(0)]).to_string();
        assert_eq!(before, format!("{head}0 models\n{gpus}"));
        let after = ClusterText(&[worker(2)]).to_string();
        let models = format!("M-0 src=resnet50_v2 {RESNET50}\nM-1 src=resnet50_v2 {RESNET50}\n");
        assert_eq!(after, format!("{head}2 models\n{gpus}{models}"));
    }

    #[test]
    fn capacity_prints_the_documented_lines() {
        let documented = "\
Created 2 models
Created 2 GPUs on 1 Workers
Total GPU capacity 2752 pages (1376 per GPU).
Total model pages 14 (0% oversubscription).";
        assert_eq!(CapacityText(&[worker(2)]).to_string(), documented);
    }

    #[test]
    fn capacity_counts_a_model_once_and_shows_that_devices_differ() {
        let mut small = worker(2);
        small.devices.truncate(1);
        small.devices[0].pages = Pages::new(4);
        let text = CapacityText(&[worker(2), small]).to_string();
        assert!(text.contains("Created 2 models\nCreated 3 GPUs on 2 Workers\n"), "{text}");
        assert!(text.contains("capacity 2756 pages (4-1376 per GPU)."), "{text}");
        assert!(
            CapacityText(&[]).to_string().ends_with("Total model pages 0 (0% oversubscription).")
        );
    }

    fn worker(models: u32) -> WorkerState {
        let device = |gpu| DeviceState {
            gpu: GpuId::new(gpu),
            class: "v100".into(),
            pages: Pages::new(1376),
            io_pool: 512 << 20,
            workspace_pool: 512 << 20,
            loaded: Vec::new(),
        };
        let model = |id| LoadedModel {
            model: ModelId::new(id),
            shown: ModelId::new(id),
            profile: resnet50().into(),
        };
        WorkerState {
            page_bytes: PAGE_BYTES,
            host_io_pool: 512 << 20,
            devices: vec![device(0), device(1)],
            models: (0..models).map(model).collect(),
        }
    }
}
