//! How long the host takes to launch a graph while another thread keeps the driver busy.
//!
//! It prints a table and needs a GPU:
//! `cargo test --release -p clockwork-executor --lib launches -- --ignored --nocapture`.
#![expect(unsafe_code, reason = "graphs run in memory that they were captured for")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clockwork_wire::Pages;

use super::driver::{Context, Event, GpuInfo, Graph, Stream, gpus};
use super::error::CudaError;
use super::health::Health;
use super::memory::{Buffer, Pinned};
use super::memory_driver::MemoryDriver as _;
use super::module::{Module, machine_code};
use super::pages::{AddressRange, PagePool};

/// What the other thread does, over and over.
type Work = fn(&Bench) -> Result<(), CudaError>;

/// What is measured, and what the other thread works on.
struct Bench {
    context: Arc<Context>,
    buffer: Buffer,
    pinned: Pinned,
    pool: PagePool,
    range: AddressRange,
    code: Vec<u8>,
    gpu: GpuInfo,
}

#[test]
#[ignore = "it measures a GPU for half a minute"]
fn launches_beside_other_calls() {
    let gpu = match gpus().map_err(|error| error.to_string()).map(|all| all.into_iter().next()) {
        Ok(Some(gpu)) => gpu,
        Ok(None) => return println!("skipped: there is no GPU"),
        Err(reason) => return println!("skipped: {reason}"),
    };
    let bench = Bench::new(&gpu).expect("a GPU that works");
    println!("{}: microseconds of a launch of {NODES} nodes beside another thread that", gpu.name);
    let beside: [(&str, Option<Work>); 8] = [
        ("does nothing", None),
        ("maps and unmaps 7 pages", Some(Bench::map)),
        ("copies 16 MiB at a time", Some(Bench::copy)),
        ("captures and makes graphs", Some(Bench::instantiate)),
        ("loads our kernels", Some(Bench::load)),
        ("asks for free memory", Some(Bench::ask)),
        ("asks for clocks and heat", Some(Bench::look)),
        ("takes and gives back memory", Some(Bench::allocate)),
    ];
    for (name, work) in beside {
        let (mut took, done) = bench.measure(work).expect("a GPU that works");
        took.sort_unstable();
        let at = |share: f64| took[index(took.len(), share)].as_nanos() / 100;
        let [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(at).map(tenths);
        println!("{name:28} p50 {p50} p99 {p99} p99.9 {p999} max {max} ({done} times)");
    }
}

impl Bench {
    fn new(gpu: &GpuInfo) -> Result<Self, CudaError> {
        let context = Context::new(gpu)?;
        Ok(Self {
            buffer: Buffer::new(&context, BYTES)?,
            pinned: Pinned::new(&context, BYTES)?,
            pool: PagePool::new(&context, Pages::new(PAGES))?,
            range: AddressRange::new(&context, Pages::new(PAGES))?,
            code: machine_code(gpu.capability, None)?,
            gpu: gpu.clone(),
            context,
        })
    }

    /// What launches took, and how often the other thread did its work meanwhile.
    fn measure(&self, work: Option<Work>) -> Result<(Vec<Duration>, u64), CudaError> {
        let stream = Stream::new(&self.context)?;
        let graph = graph(&stream, &self.buffer)?;
        graph.upload(&stream)?;
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let other = scope.spawn(|| self.repeat(work, &over));
            let took = (0..LAUNCHES).map(|_| launch(&stream, &graph)).collect();
            over.store(true, Ordering::Relaxed);
            let done = other.join().expect("a thread that does not panic")?;
            Ok((took, done))
        })
        .and_then(|(took, done): (Result<_, _>, _)| Ok((took?, done)))
    }

    fn repeat(&self, work: Option<Work>, over: &AtomicBool) -> Result<u64, CudaError> {
        self.context.enter()?;
        let mut done = 0;
        while let (Some(work), false) = (work, over.load(Ordering::Relaxed)) {
            work(self)?;
            done += 1;
        }
        Ok(done)
    }

    fn map(&self) -> Result<(), CudaError> {
        let pages: Vec<u32> = (0..PAGES).collect();
        self.pool.map(&pages, &self.range, 0)?;
        self.range.unmap(0..PAGES)
    }

    fn copy(&self) -> Result<(), CudaError> {
        let stream = Stream::new(&self.context)?;
        // SAFETY: both have these bytes, and it is over before this returns.
        unsafe { stream.copy_in(self.buffer.address(), self.pinned.bytes())? };
        stream.synchronize()
    }

    fn instantiate(&self) -> Result<(), CudaError> {
        let stream = Stream::new(&self.context)?;
        let graph = graph(&stream, &self.buffer)?;
        graph.upload(&stream)?;
        stream.synchronize()
    }

    fn ask(&self) -> Result<(), CudaError> {
        self.context.free_and_total().map(drop)
    }

    fn look(&self) -> Result<(), CudaError> {
        let looked = Health::of(&self.gpu).map_err(|error| CudaError::new("NVML", &error));
        // As often as a worker does.
        thread::park_timeout(Duration::from_millis(100));
        looked.map(drop)
    }

    fn load(&self) -> Result<(), CudaError> {
        Module::load(&self.context, &self.code).map(drop)
    }

    fn allocate(&self) -> Result<(), CudaError> {
        Buffer::new(&self.context, BYTES).map(drop)
    }
}

/// As many nodes as a small network has, each of them short.
fn graph(stream: &Stream, buffer: &Buffer) -> Result<Graph, CudaError> {
    stream.capture(|| {
        // SAFETY: the buffer is longer, and outlives every run of the graph.
        (0..NODES).try_for_each(|_| unsafe { stream.clear(buffer.address(), 4096) })
    })
}

/// The time that the call takes; the device is idle before it, and after this returns.
#[expect(clippy::disallowed_methods, reason = "it measures a call, not the system")]
fn launch(stream: &Stream, graph: &Graph) -> Result<Duration, CudaError> {
    let end = Event::new(stream.context())?;
    let before = Instant::now();
    // SAFETY: its memory is there, and this thread alone runs it.
    unsafe { stream.run(graph)? };
    let took = before.elapsed();
    end.record(stream)?;
    end.synchronize()?;
    Ok(took)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::as_conversions,
    reason = "a rank"
)]
fn index(len: usize, share: f64) -> usize {
    ((len as f64 * share) as usize).min(len - 1)
}

fn tenths(tenths: u128) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

const NODES: usize = 60;
const PAGES: u32 = 7;
const BYTES: usize = 16 << 20;
const LAUNCHES: usize = 10_000;
