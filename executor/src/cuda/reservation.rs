//! The memory of a device that a worker uses: all of it is taken at start, so that nothing is lacking
//! later. What cannot be taken then is refused in the configuration's words.
//!
//! Graphs are made when models come, and the driver takes their memory itself: it is only seen to it that
//! there is enough of it.

use std::sync::Arc;

use clockwork_wire::PAGE_BYTES;

use super::error::CudaError;
use super::memory::{Buffer, Pinned};
use super::memory_driver::MemoryDriver;
use super::pages::PagePool;
use crate::DeviceSpec;

/// What was taken.
#[derive(Debug)]
pub(super) struct Reservation {
    /// For weights.
    pub(super) pool: PagePool,
    /// For intermediate tensors.
    pub(super) workspace: Buffer,
    /// For libraries.
    pub(super) scratch: Buffer,
    pub(super) io: IoMemory,
}

/// What was taken for inputs and outputs.
#[derive(Debug)]
pub(super) struct IoMemory {
    /// Where graphs find their addresses.
    pub(super) descriptor: Buffer,
    pub(super) device: Buffer,
    pub(super) host: Pinned,
    /// Inputs that clients did not send.
    pub(super) zeros: Buffer,
}

impl Reservation {
    /// Takes what the specification wants, of a device on which `graphs` bytes stay free.
    ///
    /// # Errors
    /// If it is more than there is: which setting is too large, and what it may be.
    ///
    /// # Panics
    /// If a pool exceeds the address space.
    pub(super) fn new<D: MemoryDriver + 'static>(
        driver: &Arc<D>,
        spec: &DeviceSpec,
        graphs: u64,
    ) -> Result<Self, CudaError> {
        check(driver.free_and_total()?, spec, graphs)?;
        let length = |bytes: u64| usize::try_from(bytes).expect("a size fits the address space");
        Ok(Self {
            pool: PagePool::new(driver, spec.pages)?,
            workspace: Buffer::new(driver, length(spec.workspace_pool))?,
            scratch: Buffer::new(driver, SCRATCH)?,
            io: IoMemory::new(driver, length(spec.io_pool))?,
        })
    }
}

impl IoMemory {
    fn new<D: MemoryDriver + 'static>(driver: &Arc<D>, bytes: usize) -> Result<Self, CudaError> {
        let memory = Self {
            descriptor: Buffer::new(driver, DESCRIPTOR)?,
            device: Buffer::new(driver, bytes)?,
            host: Pinned::new(driver, bytes)?,
            zeros: Buffer::new(driver, ZEROS)?,
        };
        memory.zeros.clear()?;
        Ok(memory)
    }
}

/// Whether so much is free.
fn check((free, total): (u64, u64), spec: &DeviceSpec, graphs: u64) -> Result<(), CudaError> {
    let weights = u64::from(spec.pages.get()) * PAGE_BYTES;
    let parts = [spec.io_pool, spec.workspace_pool, LIBRARIES, graphs];
    let beside: u64 = parts.into_iter().map(|bytes| bytes.next_multiple_of(CHUNK)).sum();
    if beside.saturating_add(weights) <= free {
        return Ok(());
    }
    let (io, workspace) = (mib(spec.io_pool), mib(spec.workspace_pool));
    let (free_mib, total) = (mib(free), mib(total));
    let others = format!(
        "inputs and outputs (executor.io_pool_size: {io}), intermediate tensors \
         (executor.workspace_pool_size: {workspace}), graphs (executor.graphs_size: {}) and libraries ({})",
        mib(graphs),
        mib(LIBRARIES)
    );
    let reason = if beside.saturating_add(PAGE_BYTES) > free {
        format!(
            "of its {total} are {free_mib} free, too little for {others}: lower one of these, or \
             end what else uses the GPU"
        )
    } else {
        let most = mib((free - beside) / PAGE_BYTES * PAGE_BYTES);
        format!(
            "executor.weights_cache_size is {}, but of its {total} are {free_mib} free, which are also \
             for {others}: set it to at most \"{most}\"",
            mib(weights)
        )
    };
    Err(CudaError::new("taking memory", &reason))
}

/// As the configuration writes it; never more than it is.
fn mib(bytes: u64) -> String {
    format!("{}MiB", bytes >> 20)
}

/// Memory for libraries while they compute.
pub(super) const SCRATCH: usize = 256 << 20;

/// A hundred pictures of 224 by 224; inputs of larger batches are cleared each time.
const ZEROS: usize = 64 << 20;

/// [`SCRATCH`], [`ZEROS`] and what is small.
const LIBRARIES: u64 = (320 << 20) + CHUNK;

/// Two addresses.
const DESCRIPTOR: usize = 16;

/// A driver takes memory in pieces of this.
const CHUNK: u64 = 2 << 20;

#[cfg(test)]
mod tests {
    use clockwork_wire::Pages;

    use super::*;
    use crate::cuda::memory_driver::fake::FakeGpu;

    const GIB: u64 = 1 << 30;

    fn spec(pages: u32) -> DeviceSpec {
        DeviceSpec {
            class: String::new(),
            pages: Pages::new(pages),
            io_pool: 3 << 20,
            workspace_pool: 64 << 20,
            depth: 2,
        }
    }

    #[test]
    fn every_byte_is_taken_at_start_and_given_back_at_the_end() {
        let gpu = FakeGpu::new(2 * GIB);
        let reserved = Reservation::new(&gpu, &spec(64), 512 << 20).unwrap();
        assert_eq!(gpu.taken(), GIB + (256 << 20) + 2 * (64 << 20) + (3 << 20) + 16);
        assert_eq!(gpu.host_taken(), 3 << 20);
        drop(reserved);
        assert!(gpu.is_untouched());
    }

    #[test]
    fn what_is_refused_half_way_leaves_nothing_behind() {
        let gpu = FakeGpu::new(2 * GIB);
        for calls in 0.. {
            gpu.refuse_after(calls);
            let reserved = Reservation::new(&gpu, &spec(4), GIB);
            if !gpu.has_refused() {
                assert!(
                    reserved.is_ok() && calls == 11,
                    "4 pages, 5 buffers, zeros and host memory"
                );
                return;
            }
            assert!(reserved.is_err() && gpu.is_untouched(), "refused after {calls} calls");
        }
    }

    #[test]
    fn a_weights_cache_that_is_too_large_is_told_what_it_may_be() {
        let gpu = FakeGpu::new(2 * GIB);
        let error = Reservation::new(&gpu, &spec(1_000), 512 << 20).unwrap_err().to_string();
        assert!(error.contains("executor.weights_cache_size is 16000MiB"), "{error}");
        assert!(error.contains("of its 2048MiB are 2048MiB free"), "{error}");
        let (_, most) = error.rsplit_once("at most \"").unwrap();
        let most: u32 = most.strip_suffix("MiB\"").unwrap().parse().unwrap();
        assert!(gpu.is_untouched());
        let pages = most / 16;
        drop(Reservation::new(&gpu, &spec(pages), 512 << 20).expect("as it was told"));
        assert!(Reservation::new(&gpu, &spec(pages + 1), 512 << 20).is_err());
    }

    #[test]
    fn pools_that_leave_no_page_are_all_named() {
        let gpu = FakeGpu::new(400 << 20);
        let error = Reservation::new(&gpu, &spec(1), 128 << 20).unwrap_err().to_string();
        for knob in ["io_pool_size: 3MiB", "workspace_pool_size: 64MiB", "graphs_size: 128MiB"] {
            assert!(error.contains(&format!("executor.{knob}")), "{error}");
        }
    }
}
