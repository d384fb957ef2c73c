//! Puts the shared words into the text of the original's start-up output.
//!
//! Each wrapper borrows a word and prints it; none ends with a newline. Sizes are binary: `GB` and
//! `MB` are 2^30 and 2^20 bytes, times are milliseconds with one decimal.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};

use clockwork_wire::{
    LoadModel, LoadRequest, LoadResponse, ModelId, ModelLoaded, ModelProfile, Nanos, PAGE_BYTES,
    Pages, RequestId, Status, WorkerState,
};

/// What a worker says of itself, below `Sending R0:GetWorkerState:`. The last line is empty when
/// printed with `println!`, as in the original.
#[derive(Clone, Copy, Debug)]
pub struct WorkerText<'a>(pub &'a WorkerState);

/// What the controller knows of its workers, in the order of their ids, below `(Startup-2)` and
/// `(Startup-6)`.
#[derive(Clone, Copy, Debug)]
pub struct ClusterText<'a>(pub &'a [WorkerState]);

/// What one model is: `input=602112 output=4000 weights=112.0 MB (7 pages) xfer=8.4 b1=3.3`.
#[derive(Clone, Copy, Debug)]
pub struct ModelText<'a>(pub &'a ModelProfile);

/// The order to load a model: `A0:LoadModelFromDisk model=0 [0.0, <latest>] <name>`.
#[derive(Clone, Copy, Debug)]
pub struct LoadActionText<'a>(pub &'a LoadModel);

/// The outcome of loading a model: `R0:LoadModelFromDisk input=602112 ...`, or
/// `R0:LoadModelFromDisk error 41: no model of that name`.
#[derive(Clone, Copy, Debug)]
pub struct LoadResultText<'a> {
    /// The outcome.
    pub loaded: &'a ModelLoaded,
    /// Whether ` duration=14.9` follows, as the worker prints it and the controller does not.
    pub with_duration: bool,
}

/// A client's wish for a model: `Req0:LoadModel path=<name>`.
#[derive(Clone, Copy, Debug)]
pub struct LoadRequestText<'a>(pub &'a LoadRequest);

/// The controller's answer to it: `Rsp0:LoadModel model_id=[0->1] input=602112 output=4000`, or
/// `Rsp0:LoadModel error 41: no model of that name`.
#[derive(Clone, Copy, Debug)]
pub struct LoadResponseText<'a>(pub &'a LoadResponse);

/// A client's question for the list of models: `Req1:LS`.
#[derive(Clone, Copy, Debug)]
pub struct ListRequestText(pub RequestId);

/// A refused answer: `Rsp1:LS error 5: Controller initializing`. An empty message prints the
/// status's own words.
#[derive(Clone, Copy, Debug)]
pub struct RefusalText<'a> {
    /// The client's number for the request.
    pub id: RequestId,
    /// What was asked: `LS`, `LoadModel`, `Infer`.
    pub request: &'a str,
    /// Why not.
    pub status: Status,
    /// Why not, in words; may be empty.
    pub message: &'a str,
}

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

impl Display for ModelText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self(profile) = self;
        write!(
            f,
            "input={} output={} weights={:.1} MB ({} pages) xfer={:.1}",
            profile.input_size,
            profile.output_size,
            megabytes(profile.pages.bytes()),
            profile.pages,
            profile.load.as_millis_f64()
        )?;
        profile
            .batches
            .iter()
            .try_for_each(|b| write!(f, " b{}={:.1}", b.batch, b.exec.as_millis_f64()))
    }
}

impl Display for LoadActionText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self(load) = self;
        // Loading a model has no window here. The original sends "from 0 to the end of time", and
        // prints both in milliseconds.
        let latest = Nanos::MAX.since(Nanos::ZERO).as_millis_f64();
        let (id, model, name) = (load.id, load.model, &load.name);
        write!(f, "A{id}:LoadModelFromDisk model={model} [0.0, {latest:.1}] {name}")
    }
}

impl Display for LoadResultText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let loaded = self.loaded;
        write!(f, "R{}:LoadModelFromDisk ", loaded.id)?;
        match &loaded.profile {
            Some(profile) => ModelText(profile).fmt(f)?,
            None => write_error(f, loaded.status, &loaded.message)?,
        }
        if self.with_duration {
            write!(f, " duration={:.1}", loaded.duration.as_millis_f64())?;
        }
        Ok(())
    }
}

impl Display for LoadRequestText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Req{}:LoadModel path={}", self.0.id, self.0.name)
    }
}

impl Display for LoadResponseText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self(response) = self;
        write!(f, "Rsp{}:LoadModel ", response.id)?;
        if !response.status.is_ok() {
            return write_error(f, response.status, &response.message);
        }
        let first = response.model.get();
        let last = first.saturating_add(response.copies.saturating_sub(1));
        let (input, output) = (response.input_size, response.output_size);
        write!(f, "model_id=[{first}->{last}] input={input} output={output}")
    }
}

impl Display for ListRequestText {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Req{}:LS", self.0)
    }
}

impl Display for RefusalText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Rsp{}:{} ", self.id, self.request)?;
        write_error(f, self.status, self.message)
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

fn write_error(f: &mut Formatter<'_>, status: Status, message: &str) -> Result {
    let words = if message.is_empty() { status.text() } else { message };
    write!(f, "error {}: {words}", status.get())
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

/// Bytes in units of 2^30.
fn gigabytes(bytes: u64) -> f64 {
    float(bytes) / f64::from(1_u32 << 30)
}

/// Bytes in units of 2^20.
fn megabytes(bytes: u64) -> f64 {
    float(bytes) / f64::from(1_u32 << 20)
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "printed with one decimal: 2^53 bytes are exact enough"
)]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use clockwork_wire::{
        ActionId, BatchProfile, BatchSize, DeviceState, GpuId, LoadedModel, Span, UserId,
    };

    use super::*;

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
    fn loading_prints_the_documented_lines_on_both_sides() {
        let action = LoadModel {
            id: ActionId::default(),
            model: ModelId::new(0),
            copies: 2,
            name: "resnet50_v2".into(),
            max_batch: BatchSize::ONE,
            max_exec: Span::ZERO,
        };
        assert_eq!(
            LoadActionText(&action).to_string(),
            "A0:LoadModelFromDisk model=0 [0.0, 18446744073709.6] resnet50_v2"
        );
        let loaded = loaded(Some(resnet50()), Status::OK);
        let controller = LoadResultText { loaded: &loaded, with_duration: false }.to_string();
        assert_eq!(controller, format!("R0:LoadModelFromDisk {RESNET50}"));
        let worker = LoadResultText { loaded: &loaded, with_duration: true }.to_string();
        assert_eq!(worker, format!("R0:LoadModelFromDisk {RESNET50} duration=14.9"));
    }

    #[test]
    fn a_model_that_cannot_be_loaded_is_an_error_line() {
        let loaded = loaded(None, Status::BAD_MODEL_PATH);
        assert_eq!(
            LoadResultText { loaded: &loaded, with_duration: false }.to_string(),
            "R0:LoadModelFromDisk error 41: no model of that name"
        );
    }

    #[test]
    fn the_client_link_prints_the_documented_lines() {
        let request = LoadRequest {
            id: RequestId::new(0),
            user: UserId::new(0),
            name: "resnet50_v2".into(),
            copies: 2,
        };
        assert_eq!(LoadRequestText(&request).to_string(), "Req0:LoadModel path=resnet50_v2");
        let response = LoadResponse {
            copies: 2,
            input_size: 602_112,
            output_size: 4_000,
            ..LoadResponse::default()
        };
        assert_eq!(
            LoadResponseText(&response).to_string(),
            "Rsp0:LoadModel model_id=[0->1] input=602112 output=4000"
        );
        assert_eq!(ListRequestText(RequestId::new(1)).to_string(), "Req1:LS");
        let refusal = RefusalText {
            id: RequestId::new(1),
            request: "LS",
            status: Status::INITIALIZING,
            message: "",
        };
        assert_eq!(refusal.to_string(), "Rsp1:LS error 5: Controller initializing");
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

    const RESNET50: &str = "input=602112 output=4000 weights=112.0 MB (7 pages) xfer=8.4 b1=3.3 \
                            b2=5.3 b4=7.5 b8=12.4";

    fn resnet50() -> ModelProfile {
        let exec = [(1, 3_322_000), (2, 5_271_340), (4, 7_495_000), (8, 12_439_000)];
        ModelProfile {
            name: "resnet50_v2".into(),
            input_size: 602_112,
            output_size: 4_000,
            weights_size: 102_160_300,
            pages: Pages::new(7),
            load: Span::new(8_372_000),
            batches: exec
                .map(|(batch, ns)| BatchProfile {
                    batch: BatchSize::new(batch).unwrap(),
                    exec: Span::new(ns),
                })
                .to_vec(),
        }
    }

    fn loaded(profile: Option<ModelProfile>, status: Status) -> ModelLoaded {
        ModelLoaded {
            id: ActionId::default(),
            status,
            message: String::new(),
            model: ModelId::new(0),
            copies: 2,
            profile,
            duration: Span::new(14_900_000),
        }
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
        let model = |id| LoadedModel { model: ModelId::new(id), profile: resnet50() };
        WorkerState {
            page_bytes: PAGE_BYTES,
            host_io_pool: 512 << 20,
            devices: vec![device(0), device(1)],
            models: (0..models).map(model).collect(),
        }
    }
}
