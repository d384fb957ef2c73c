//! The CUDA driver: GPUs, contexts, streams, events and graphs, each given back when it is dropped.
//!
//! Everything here belongs to one context. A thread must be in it ([`Context::enter`]) to use what
//! belongs to it; the device core and the set-up thread enter once when they start.
#![expect(unsafe_code, reason = "drivers and libraries are C")]

use std::ffi::c_void;
use std::fmt;
use std::sync::Arc;

use cudarc::driver::result::{self, ctx, device, event, graph, primary_ctx, stream};
use cudarc::driver::sys::{
    self, CUcontext, CUdevice, CUdevice_attribute, CUevent, CUgraphExec, CUstream,
};

use super::error::{CudaError, Tried as _};
use super::launch::Launch;
use super::module::Module;

/// What a GPU is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuInfo {
    /// Its index among those that this process may use.
    pub ordinal: i32,
    /// As its maker calls it.
    pub name: String,
    /// Major and minor version of what it can do.
    pub capability: (i32, i32),
    /// Bytes of its memory.
    pub memory: u64,
    /// The driver's version, as in 13000 for CUDA 13.0.
    pub driver: i32,
    /// PCI domain, bus and device, as in `0000:1b:00`.
    pub address: String,
}

impl GpuInfo {
    /// What devices of this kind are called: those of one class take the same time.
    pub fn class(&self) -> String {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        format!("cuda-{}", self.name.chars().map(letter).collect::<String>())
    }
}

/// The GPUs that this process may use.
///
/// # Errors
/// If there is no driver, or none that works.
pub fn gpus() -> Result<Vec<GpuInfo>, CudaError> {
    // SAFETY: it opens libcuda, whose initialization has no conditions.
    if !unsafe { sys::is_culib_present() } {
        return Err(CudaError::new("CUDA driver", "libcuda.so is not there"));
    }
    result::init().tried("initializing the CUDA driver")?;
    let count = device::get_count().tried("counting GPUs")?;
    (0..count).map(info).collect()
}

/// The GPUs that this process may use, if all libraries are there that models need on them.
///
/// # Errors
/// Names the library that is missing.
pub fn available() -> Result<Vec<GpuInfo>, CudaError> {
    let gpus = gpus()?;
    let missing = |library| Err(CudaError::new("GPUs cannot be used", library));
    // SAFETY: it opens a library whose initialization has no conditions, as do those below.
    if !unsafe { cudarc::nvrtc::sys::is_culib_present() } {
        return missing("libnvrtc.so (CUDA's compiler) is not there");
    }
    // SAFETY: as above.
    if !unsafe { cudarc::cublaslt::sys::is_culib_present() } {
        return missing("libcublasLt.so is not there");
    }
    // SAFETY: as above.
    if !unsafe { cudarc::cudnn::sys::is_culib_present() } {
        return missing("libcudnn.so.9 is not there");
    }
    Ok(gpus)
}

fn info(ordinal: i32) -> Result<GpuInfo, CudaError> {
    let device = device::get(ordinal).tried("finding a GPU")?;
    let attribute = |attribute| {
        // SAFETY: `device` was given by the driver.
        unsafe { device::get_attribute(device, attribute) }.tried("asking what a GPU is")
    };
    // SAFETY: likewise.
    let memory = unsafe { device::total_mem(device) }.tried("asking for a GPU's memory")?;
    let mut driver = 0;
    // SAFETY: it writes one integer.
    unsafe { sys::cuDriverGetVersion(&raw mut driver) }.result().tried("asking for the driver")?;
    let [major, minor, domain, bus, slot] = [
        CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
        CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
        CUdevice_attribute::CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID,
        CUdevice_attribute::CU_DEVICE_ATTRIBUTE_PCI_BUS_ID,
        CUdevice_attribute::CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID,
    ]
    .map(attribute);
    Ok(GpuInfo {
        ordinal,
        name: device::get_name(device).tried("asking for a GPU's name")?,
        capability: (major?, minor?),
        memory: u64::try_from(memory).expect("a size fits 64 bits"),
        driver,
        address: format!("{:04x}:{:02x}:{:02x}", domain?, bus?, slot?),
    })
}

/// A GPU's primary context.
pub(super) struct Context {
    raw: CUcontext,
    device: CUdevice,
    ordinal: i32,
}

// SAFETY: a context may be used by several threads; the driver locks.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// The context of a GPU, entered.
    pub(super) fn new(gpu: &GpuInfo) -> Result<Arc<Self>, CudaError> {
        let device = device::get(gpu.ordinal).tried("finding a GPU")?;
        // SAFETY: `device` was given by the driver.
        let raw = unsafe { primary_ctx::retain(device) }.tried("making a context")?;
        let context = Arc::new(Self { raw, device, ordinal: gpu.ordinal });
        context.enter()?;
        Ok(context)
    }

    /// Which GPU's it is.
    pub(super) const fn ordinal(&self) -> i32 {
        self.ordinal
    }

    /// Makes it the one of the calling thread.
    pub(super) fn enter(&self) -> Result<(), CudaError> {
        // SAFETY: it was given by the driver and is not given back before it is dropped.
        unsafe { ctx::set_current(self.raw) }.tried("entering a context")
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: it was retained once; all that belongs to it holds the Arc and is gone.
        let _ = unsafe { primary_ctx::release(self.device) };
    }
}

/// Work that is done in order.
pub(super) struct Stream {
    raw: CUstream,
    context: Arc<Context>,
}

// SAFETY: a stream may be used by any thread that has entered its context; the driver locks.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

impl Stream {
    /// A stream that waits for no other.
    pub(super) fn new(context: &Arc<Context>) -> Result<Self, CudaError> {
        let raw = stream::create(stream::StreamKind::NonBlocking).tried("making a stream")?;
        Ok(Self { raw, context: Arc::clone(context) })
    }

    pub(super) const fn raw(&self) -> CUstream {
        self.raw
    }

    pub(super) const fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Waits until all its work is done.
    pub(super) fn synchronize(&self) -> Result<(), CudaError> {
        // SAFETY: the stream is alive.
        unsafe { stream::synchronize(self.raw) }.tried("waiting for a stream")
    }

    /// Lets what follows wait for an event.
    pub(super) fn wait(&self, event: &Event) -> Result<(), CudaError> {
        let flags = sys::CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT;
        // SAFETY: stream and event are alive.
        unsafe { stream::wait_event(self.raw, event.raw, flags) }.tried("waiting for an event")
    }

    /// Copies bytes to the device when all before it is done.
    ///
    /// # Safety
    /// `to` is device memory of at least as many bytes; both stay until the copy is done.
    pub(super) unsafe fn copy_in(&self, to: u64, from: &[u8]) -> Result<(), CudaError> {
        // SAFETY: the caller's promise.
        unsafe { result::memcpy_htod_async(to, from, self.raw) }.tried("copying to the device")
    }

    /// Fills memory with zeros when all before it is done.
    ///
    /// # Safety
    /// `at` is device memory of at least as many bytes, and stays until that is done.
    pub(super) unsafe fn clear(&self, at: u64, bytes: usize) -> Result<(), CudaError> {
        // SAFETY: the caller's promise.
        unsafe { result::memset_d8_async(at, 0, bytes, self.raw) }.tried("clearing memory")
    }

    /// Copies bytes from the device when all before it is done.
    ///
    /// # Safety
    /// `from` is device memory of at least as many bytes; both stay until the copy is done.
    pub(super) unsafe fn copy_out(&self, to: &mut [u8], from: u64) -> Result<(), CudaError> {
        // SAFETY: the caller's promise.
        unsafe { result::memcpy_dtoh_async(to, from, self.raw) }.tried("copying from the device")
    }

    /// Writes eight bytes when all before it is done.
    ///
    /// # Safety
    /// `to` is device memory of at least eight bytes at a multiple of eight.
    pub(super) unsafe fn write(&self, to: u64, value: u64) -> Result<(), CudaError> {
        // SAFETY: the caller's promise.
        unsafe { sys::cuStreamWriteValue64_v2(self.raw, to, value, 0) }
            .result()
            .tried("writing a value")
    }

    /// Launches a function when all before it is done.
    ///
    /// # Safety
    /// Whatever its parameters say of addresses must be so.
    pub(super) unsafe fn launch(&self, module: &Module, launch: &Launch) -> Result<(), CudaError> {
        let function = module.function(launch.function)?;
        let bytes = launch.parameters.bytes();
        let mut parameters = [bytes.as_ptr().cast::<c_void>().cast_mut()];
        let (grid, block) = (launch.grid.into(), launch.block.into());
        // SAFETY: the function is the module's, which has one parameter that is copied; the caller
        // promises what it says.
        unsafe { result::launch_kernel(function, grid, block, 0, self.raw, &mut parameters) }
            .tried("launching a kernel")
    }

    /// What `work` does on this stream as one graph; nothing of it is done.
    pub(super) fn capture(
        &self,
        work: impl FnOnce() -> Result<(), CudaError>,
    ) -> Result<Graph, CudaError> {
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the stream is alive.
        unsafe { stream::begin_capture(self.raw, mode) }.tried("capturing a graph")?;
        let done = work();
        // SAFETY: the stream is capturing.
        let captured = unsafe { stream::end_capture(self.raw) }.tried("capturing a graph");
        let made = captured.and_then(|captured| {
            let none = sys::CUgraphInstantiate_flags(0);
            // SAFETY: the graph was just captured, and is destroyed here.
            let made = unsafe { graph::instantiate(captured, none) }.tried("making a graph");
            // SAFETY: as above.
            unsafe { graph::destroy(captured) }.tried("forgetting a graph").and(made)
        });
        done?;
        Ok(Graph { raw: made?, context: Arc::clone(&self.context) })
    }

    /// Runs a graph when all before it is done.
    ///
    /// # Safety
    /// All memory that the graph touches is there until it is done, and no other thread runs it now.
    pub(super) unsafe fn run(&self, graph: &Graph) -> Result<(), CudaError> {
        // SAFETY: graph and stream are alive; the caller promises the rest.
        unsafe { graph::launch(graph.raw, self.raw) }.tried("launching a graph")
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: nobody else has it.
        let _ = unsafe { stream::destroy(self.raw) };
    }
}

/// A moment in a stream.
pub(super) struct Event {
    raw: CUevent,
    _context: Arc<Context>,
}

// SAFETY: an event may be used by any thread; the driver locks.
unsafe impl Send for Event {}

impl Event {
    /// One that keeps the time.
    pub(super) fn new(context: &Arc<Context>) -> Result<Self, CudaError> {
        let flags = sys::CUevent_flags::CU_EVENT_DEFAULT;
        let raw = event::create(flags).tried("making an event")?;
        Ok(Self { raw, _context: Arc::clone(context) })
    }

    /// It comes when all before it in the stream is done.
    pub(super) fn record(&self, stream: &Stream) -> Result<(), CudaError> {
        // SAFETY: both are alive.
        unsafe { event::record(self.raw, stream.raw) }.tried("recording an event")
    }

    /// Waits until it has come, if it was ever recorded.
    pub(super) fn synchronize(&self) -> Result<(), CudaError> {
        // SAFETY: it is alive.
        unsafe { event::synchronize(self.raw) }.tried("waiting for an event")
    }

    /// Whether it has come.
    pub(super) fn is_past(&self) -> Result<bool, CudaError> {
        // SAFETY: it is alive.
        match unsafe { event::query(self.raw) } {
            Ok(()) => Ok(true),
            Err(error) if error.0 == sys::CUresult::CUDA_ERROR_NOT_READY => Ok(false),
            Err(error) => Err(error).tried("asking for an event"),
        }
    }

    /// Nanoseconds from another event to this one, both past; the device counts in steps of about half
    /// a microsecond.
    pub(super) fn nanoseconds_since(&self, other: &Self) -> Result<f64, CudaError> {
        // SAFETY: both are alive.
        let milliseconds =
            unsafe { event::elapsed(other.raw, self.raw) }.tried("comparing events")?;
        Ok(f64::from(milliseconds) * 1e6)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: nobody else has it.
        let _ = unsafe { event::destroy(self.raw) };
    }
}

/// Work that was captured, and can be run again and again.
pub(super) struct Graph {
    raw: CUgraphExec,
    context: Arc<Context>,
}

// SAFETY: a graph may go to any thread that has entered its context.
unsafe impl Send for Graph {}
// SAFETY: it is run by one thread at a time, which `Stream::run` asks for.
unsafe impl Sync for Graph {}

impl Graph {
    /// Brings it to the device, so that its first run takes no longer than the next.
    pub(super) fn upload(&self, stream: &Stream) -> Result<(), CudaError> {
        // SAFETY: both are alive.
        unsafe { graph::upload(self.raw, stream.raw) }.tried("uploading a graph")
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        let _ = self.context.enter();
        // SAFETY: nobody else has it; a run that is under way is finished by the driver.
        let _ = unsafe { graph::exec_destroy(self.raw) };
    }
}

macro_rules! opaque {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

opaque!(Context, Stream, Event, Graph);
