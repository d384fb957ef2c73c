//! A device that answers from a profile: every operation takes exactly the profiled time, unless
//! jitter, copies or a fault are asked for.
//!
//! It keeps device time: an operation begins when it became possible and ends when it was due,
//! however late anybody asks. Its two engines, one for execution and one for weights, know nothing
//! of each other.

mod engine;
mod jitter;
mod models;
mod tenant;

use clockwork_wire::{
    ActionId, BatchSize, ModelId, ModelProfile, Nanos, Pages, Span, part_of_load,
};

pub use self::jitter::Jitter;
pub use self::tenant::Tenancy;

use self::engine::{Engine, Job};
use self::jitter::Noise;
use self::models::Models;
use self::tenant::Tenant;
use crate::{
    Completion, Device, DeviceSpec, Fault, Inputs, ModelSource, Operation, Unprepared, Wanted,
};

/// How an emulated device deviates from its profile; by default not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Deviation {
    /// Noise on every duration.
    pub jitter: Jitter,
    /// Seed of the noise.
    pub seed: u64,
    /// Bytes per second at which inputs and outputs are copied; `None`: they cost no time.
    /// They hide behind execution only on a device of [depth](DeviceSpec::depth) 2.
    pub copy_bandwidth: Option<u64>,
    /// Who else executes on it; `None`: nobody.
    pub tenant: Option<Tenancy>,
}

/// A device that exists only as a profile.
#[derive(Debug)]
pub struct Emulated {
    spec: DeviceSpec,
    models: Models,
    exec: Engine,
    load: Engine,
    noise: Noise,
    copy_bandwidth: Option<u64>,
    slowdown: f64,
    tenant: Option<Tenant>,
    /// Since when it hangs.
    hung_since: Option<Nanos>,
}

impl Emulated {
    /// A device that is exactly what its profiles say.
    pub fn new(spec: DeviceSpec) -> Self {
        Self::deviating(spec, Deviation::default())
    }

    /// A device that deviates from its profiles.
    pub fn deviating(spec: DeviceSpec, deviation: Deviation) -> Self {
        Self {
            spec,
            models: Models::default(),
            exec: Engine::default(),
            load: Engine::default(),
            noise: Noise::new(deviation.jitter, deviation.seed),
            copy_bandwidth: deviation.copy_bandwidth,
            slowdown: 1.0,
            tenant: deviation.tenant.and_then(|tenancy| Tenant::new(tenancy, deviation.seed)),
            hung_since: None,
        }
    }

    /// `count` devices of one worker, which are exactly what their profiles say and know their
    /// models together: a model costs the same memory on a thousand of them as on one.
    pub fn many(spec: &DeviceSpec, count: u32) -> impl Iterator<Item = Self> {
        let models = Models::default();
        (0..count).map(move |_| Self { models: models.clone(), ..Self::new(spec.clone()) })
    }

    fn duration(&mut self, exact: Span) -> Span {
        let noisy = self.noise.apply(exact);
        // An exact device must stay exact: no detour through floating point.
        if (self.slowdown - 1.0).abs() < f64::EPSILON { noisy } else { noisy.scale(self.slowdown) }
    }

    fn copy_time(&self, bytes: usize) -> Span {
        let Some(bandwidth) = self.copy_bandwidth.filter(|&bandwidth| bandwidth > 0) else {
            return Span::ZERO;
        };
        let bytes = u64::try_from(bytes).expect("a length fits u64");
        let ns = u128::from(bytes) * 1_000_000_000 / u128::from(bandwidth);
        Span::new(u64::try_from(ns).unwrap_or(u64::MAX))
    }

    fn start_load(
        &mut self,
        at: Nanos,
        id: ActionId,
        model: ModelId,
        (part, total): (Pages, Pages),
    ) {
        let exact = part_of_load(self.models.profile(model).load, part, total);
        let duration = self.duration(exact);
        self.load.begin(
            at,
            Job { id, input: Span::ZERO, exec: duration, output: Span::ZERO, output_len: 0 },
        );
    }

    fn start_infer(
        &mut self,
        at: Nanos,
        id: ActionId,
        model: ModelId,
        batch: BatchSize,
        inputs: &Inputs,
    ) {
        let profile = self.models.profile(model);
        let exact = profile.exec(batch).expect("a worker checks batch sizes");
        let output_size = usize::try_from(profile.output_size).expect("an output fits memory");
        drop(profile);
        let output_len = if inputs.body.is_empty() { 0 } else { output_size * batch.count() };
        let exec = self.duration(exact);
        let input = self.copy_time(inputs.body.len());
        let output = self.copy_time(output_len);
        let begin = self.exec.start_of(at, input);
        let exec = self.tenant.as_mut().map_or(exec, |tenant| tenant.stretch(begin, exec));
        self.exec.begin(at, Job { id, input, exec, output, output_len });
    }
}

impl Device for Emulated {
    fn spec(&self) -> &DeviceSpec {
        &self.spec
    }

    fn prepare(
        &mut self,
        first: ModelId,
        copies: u32,
        source: &ModelSource,
        _wanted: Wanted,
    ) -> Result<ModelProfile, Unprepared> {
        let Some(profile) = source.profile() else {
            return Err("an emulated device takes only profiles of models".to_owned().into());
        };
        if profile.batches.is_empty() {
            return Err(format!("the profile of `{}` has no batch size", profile.name).into());
        }
        self.models.enter(first, copies, profile);
        Ok(ModelProfile::clone(profile))
    }

    fn remove(&mut self, first: ModelId, copies: u32) {
        self.models.strike(first, copies);
    }

    fn keeps_device_time(&self) -> bool {
        true
    }

    fn inject(&mut self, now: Nanos, fault: Fault) {
        self.slowdown = if let Fault::Slow(factor) = fault { factor.max(0.0) } else { 1.0 };
        if fault == Fault::Hang {
            self.hung_since.get_or_insert(now);
        } else if let Some(since) = self.hung_since.take() {
            self.exec.resume(since, now);
            self.load.resume(since, now);
        }
    }

    fn start(&mut self, now: Nanos, at: Nanos, id: ActionId, model: ModelId, operation: Operation) {
        assert!(at <= now, "action {id} starts in the future");
        match operation {
            Operation::Load { pages, total, .. } => {
                let part = u32::try_from(pages.len()).expect("a page count fits 32 bits");
                self.start_load(at, id, model, (Pages::new(part), total));
            }
            Operation::Infer { batch, inputs, .. } => {
                self.start_infer(at, id, model, batch, &inputs);
            }
        }
    }

    fn exec_free_at(&self) -> Nanos {
        self.exec.free_at()
    }

    fn start_of(&self, at: Nanos, input_bytes: usize) -> Nanos {
        self.exec.start_of(at, self.copy_time(input_bytes))
    }

    fn load_free_at(&self) -> Nanos {
        self.load.free_at()
    }

    fn evict(&mut self, _model: ModelId, _keep: Pages) {}

    fn poll(&mut self, now: Nanos) -> Option<Completion> {
        let due = self.next_wakeup().filter(|&due| due <= now)?;
        // At the same instant a LOAD ends first, so that its weights are there for what starts.
        let engine = if self.load.due() == Some(due) { &mut self.load } else { &mut self.exec };
        engine.pop()
    }

    fn next_wakeup(&self) -> Option<Nanos> {
        if self.hung_since.is_some() {
            return None;
        }
        self.exec.due().into_iter().chain(self.load.due()).min()
    }
}
