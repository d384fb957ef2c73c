//! Everything that is needed to bring plans onto one GPU: libraries, kernels, and what was measured to
//! be fastest.
#![expect(unsafe_code, reason = "drivers and libraries are C")]

use std::path::Path;
use std::sync::Arc;

use super::choice::Choices;
use super::convolution::{ConvolutionPlaces, Cudnn};
use super::driver::{Context, Event, GpuInfo, Graph, Stream};
use super::error::CudaError;
use super::launch::{self, Addresses, Launch, LaunchError, Tables};
use super::linear::{CublasLt, LinearPlaces};
use super::memory::Buffer;
use super::module::{Module, machine_code};
use crate::artifact::{
    CheckedStep, Convolution, Extent, Kernel, Linear, Plan, Precision, Space, Target,
};

/// What brings plans onto a GPU. Slow: it belongs to a thread that nobody waits for.
pub(super) struct Engine {
    stream: Stream,
    module: Arc<Module>,
    cudnn: Cudnn,
    cublas: CublasLt,
    versions: String,
}

/// A plan on a GPU, ready to run.
#[derive(Debug)]
pub(super) struct Prepared {
    graph: Graph,
    /// What its kernels read besides weights.
    _tables: Option<Buffer>,
    /// Where its kernels are: a graph does not keep the code that it runs.
    _module: Arc<Module>,
}

/// Where a plan's memories are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sites {
    pub(super) descriptor: u64,
    pub(super) workspace: u64,
    pub(super) weights: u64,
    /// Memory for libraries, and its bytes.
    pub(super) scratch: (u64, usize),
}

impl Prepared {
    /// Runs it when all before it is done.
    ///
    /// # Safety
    /// The sites that it was prepared for are there until it is done, with pages for all weights, and no
    /// other thread runs it now.
    pub(super) unsafe fn run(&self, stream: &Stream) -> Result<(), CudaError> {
        // SAFETY: the caller's promise.
        unsafe { stream.run(&self.graph) }
    }
}

impl Engine {
    /// Opens the libraries; kernels are compiled or read from `folder`.
    pub(super) fn new(
        gpu: &GpuInfo,
        context: &Arc<Context>,
        folder: Option<&Path>,
    ) -> Result<Self, CudaError> {
        let code = machine_code(gpu.capability, folder)?;
        Ok(Self {
            stream: Stream::new(context)?,
            module: Arc::new(Module::load(context, &code)?),
            cudnn: Cudnn::new(context)?,
            cublas: CublasLt::new(context)?,
            versions: format!(
                "{}, driver {}, cuDNN {}, cuBLASLt {}, Clockwork {}",
                gpu.name,
                gpu.driver,
                Cudnn::version(),
                CublasLt::version(),
                env!("CARGO_PKG_VERSION"),
            ),
        })
    }

    /// What measured numbers hold for.
    pub(super) fn versions(&self) -> &str {
        &self.versions
    }

    /// Makes a plan ready to run.
    pub(super) fn prepare(
        &self,
        plan: &Plan,
        sites: &Sites,
        choices: &Choices,
    ) -> Result<Prepared, CudaError> {
        let (_, list) = launches(plan, sites, 0)?;
        // Taking memory makes launches wait (see `launches`), and most plans need none.
        let bytes = Some(list.bytes().len()).filter(|&bytes| bytes > 0);
        let tables = bytes.map(|bytes| Buffer::new(self.stream.context(), bytes)).transpose()?;
        let (launches, list) = launches(plan, sites, tables.as_ref().map_or(0, Buffer::address))?;
        if let Some(tables) = &tables {
            tables.fill(list.bytes())?;
        }
        let graph = self.stream.capture(|| {
            for (step, launch) in plan.steps().iter().zip(&launches) {
                self.enqueue(plan.target(), step, launch.as_ref(), sites, choices)?;
            }
            Ok(())
        })?;
        graph.upload(&self.stream)?;
        self.stream.synchronize()?;
        Ok(Prepared { graph, _tables: tables, _module: Arc::clone(&self.module) })
    }

    /// Finds the fastest way for whatever of the plan has none yet. Overwrites workspace, and reads
    /// weights, whatever they are.
    pub(super) fn choose(
        &self,
        plan: &Plan,
        sites: &Sites,
        choices: &mut Choices,
    ) -> Result<(), CudaError> {
        let precision = precision(plan.target())?;
        for step in plan.steps() {
            if let Kernel::Convolution(shape) = &step.kernel
                && choices.convolution(shape, precision).is_none()
            {
                let choice = self.fastest_convolution(step, shape, precision, sites)?;
                choices.choose_convolution(shape, precision, choice);
            }
            if let Kernel::Linear(shape) = &step.kernel
                && choices.linear(shape, precision).is_none()
            {
                let choice = self.fastest_linear(step, shape, precision, sites)?;
                choices.choose_linear(shape, precision, choice);
            }
        }
        Ok(())
    }

    fn fastest_convolution(
        &self,
        step: &CheckedStep,
        shape: &Convolution,
        precision: Precision,
        sites: &Sites,
    ) -> Result<super::convolution::ConvolutionChoice, CudaError> {
        let places = convolution_places(step, precision, sites);
        let ways = self.cudnn.ways(shape, precision, sites.scratch.1)?;
        self.fastest(&ways, |way| {
            let on = (&self.stream, &*self.module);
            // SAFETY: a checked step's tensors lie inside its memories, which the sites are.
            unsafe { self.cudnn.enqueue(on, shape, precision, way, &places) }
        })
    }

    fn fastest_linear(
        &self,
        step: &CheckedStep,
        shape: &Linear,
        precision: Precision,
        sites: &Sites,
    ) -> Result<super::linear::LinearChoice, CudaError> {
        let places = linear_places(step, precision, sites);
        let ways = self.cublas.ways(shape, precision, &places, sites.scratch.1)?;
        self.fastest(&ways, |way| {
            let on = (&self.stream, &*self.module);
            // SAFETY: a checked step's tensors lie inside its memories, which the sites are.
            unsafe { self.cublas.enqueue(on, shape, precision, way, &places) }
        })
    }

    /// The way that takes the least time of those that work.
    fn fastest<W: Copy>(
        &self,
        ways: &[W],
        enqueue: impl Fn(&W) -> Result<(), CudaError>,
    ) -> Result<W, CudaError> {
        let mut best: Option<(f64, W)> = None;
        let mut refusal = CudaError::new("choosing an algorithm", "none has room");
        for way in ways {
            match self.time(|| enqueue(way)) {
                Ok(time) if best.is_none_or(|(least, _)| time < least) => best = Some((time, *way)),
                Ok(_) => {}
                Err(error) => refusal = error,
            }
        }
        best.map(|(_, way)| way).ok_or(refusal)
    }

    /// Nanoseconds of work, back to back in a graph.
    fn time(&self, work: impl Fn() -> Result<(), CudaError>) -> Result<f64, CudaError> {
        // Once outside of a graph: what is not supported says so, and lazy loading happens here.
        work()?;
        self.stream.synchronize()?;
        let graph = self.stream.capture(|| (0..REPEATS).try_for_each(|_| work()))?;
        let context = self.stream.context();
        let (begin, end) = (Event::new(context)?, Event::new(context)?);
        let mut least = f64::INFINITY;
        for _ in 0..RUNS {
            begin.record(&self.stream)?;
            // SAFETY: whoever made the graph promised its memory, which is still there.
            unsafe { self.stream.run(&graph)? };
            end.record(&self.stream)?;
            self.stream.synchronize()?;
            least = least.min(end.nanoseconds_since(&begin)?);
        }
        Ok(least)
    }

    fn enqueue(
        &self,
        target: Target,
        step: &CheckedStep,
        launch: Option<&Launch>,
        sites: &Sites,
        choices: &Choices,
    ) -> Result<(), CudaError> {
        let precision = precision(target)?;
        let on = (&self.stream, &*self.module);
        let missing = || CudaError::new("a plan", "an algorithm was not chosen");
        if let Kernel::Convolution(shape) = &step.kernel {
            let choice = choices.convolution(shape, precision).ok_or_else(missing)?;
            let places = convolution_places(step, precision, sites);
            // SAFETY: a checked step's tensors lie inside its memories, which the sites are.
            return unsafe { self.cudnn.enqueue(on, shape, precision, choice, &places) };
        }
        if let Kernel::Linear(shape) = &step.kernel {
            let choice = choices.linear(shape, precision).ok_or_else(missing)?;
            let places = linear_places(step, precision, sites);
            // SAFETY: as above.
            return unsafe { self.cublas.enqueue(on, shape, precision, choice, &places) };
        }
        let launch = launch.ok_or_else(|| CudaError::new("a plan", "a step has no launch"))?;
        // SAFETY: as above.
        unsafe { self.stream.launch(&self.module, launch) }
    }
}

/// Our launch of every step that no library computes.
fn launches(
    plan: &Plan,
    sites: &Sites,
    tables: u64,
) -> Result<(Vec<Option<Launch>>, Tables), CudaError> {
    let at = Addresses {
        descriptor: sites.descriptor,
        workspace: sites.workspace,
        weights: sites.weights,
        tables,
    };
    let mut list = Tables::default();
    let element = plan.target().element();
    let mut launches = Vec::with_capacity(plan.steps().len());
    for step in plan.steps() {
        launches.push(match launch::launch(step, element, &at, &mut list) {
            Ok(launch) => Some(launch),
            Err(LaunchError::Library(_)) => None,
            Err(error) => return Err(CudaError::new("a step of a plan", &error)),
        });
    }
    Ok((launches, list))
}

fn precision(target: Target) -> Result<Precision, CudaError> {
    match target {
        Target::Cuda(precision) => Ok(precision),
        Target::Cpu => Err(CudaError::new("a plan", "it is for processors")),
    }
}

fn convolution_places(
    step: &CheckedStep,
    precision: Precision,
    sites: &Sites,
) -> ConvolutionPlaces {
    let [input, filters, bias, residual] =
        [0, 1, 2, 3].map(|index| address(&step.reads[index], precision, sites));
    let adds = matches!(&step.kernel, Kernel::Convolution(shape) if shape.residual.is_some());
    ConvolutionPlaces {
        input,
        filters,
        bias,
        residual: adds.then_some(residual),
        output: address(&step.write, precision, sites),
        scratch: sites.scratch.0,
    }
}

fn linear_places(step: &CheckedStep, precision: Precision, sites: &Sites) -> LinearPlaces {
    let [input, weights, bias] =
        [0, 1, 2].map(|index| address(&step.reads[index], precision, sites));
    let output = address(&step.write, precision, sites);
    LinearPlaces { input, weights, bias, output, scratch: sites.scratch.0 }
}

/// Where a tensor is; one in io memory has no address, and is none of a library's.
fn address(extent: &Extent, precision: Precision, sites: &Sites) -> u64 {
    let begin = match extent.space {
        Space::Workspace => sites.workspace,
        Space::Weights => sites.weights,
        Space::Input | Space::Output => return 0,
    };
    let offset = extent.range.start * Target::Cuda(precision).element().bytes();
    begin + u64::try_from(offset).expect("an offset fits 64 bits")
}

/// Runs of one algorithm in a graph.
const REPEATS: usize = 10;

/// Graphs, of which the fastest counts.
const RUNS: usize = 4;
