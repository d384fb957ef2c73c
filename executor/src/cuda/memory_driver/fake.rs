//! A GPU that only counts: it has so many bytes, refuses what it has not, and panics where a driver would
//! do what nobody can know.
#![expect(clippy::disallowed_types, reason = "a driver may be used by several threads")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use clockwork_wire::PAGE_BYTES;

use super::{MemoryDriver, PageHandle};
use crate::cuda::CudaError;

/// The GPU.
#[derive(Debug)]
pub(in crate::cuda) struct FakeGpu {
    total: u64,
    state: Mutex<State>,
}

/// What is taken.
#[derive(Debug, Default, PartialEq, Eq)]
struct State {
    /// Bytes of each range of device memory, by its address.
    buffers: BTreeMap<u64, u64>,
    host: BTreeMap<usize, Box<[u8]>>,
    pages: BTreeSet<PageHandle>,
    /// Bytes of each range of addresses.
    ranges: BTreeMap<u64, u64>,
    /// The page at each address, and whether it may be used.
    mapped: BTreeMap<u64, (PageHandle, bool)>,
    /// The next address or handle.
    next: u64,
    /// How many calls are granted before one is refused.
    patience: Option<u32>,
}

impl FakeGpu {
    /// One with so much memory.
    pub(in crate::cuda) fn new(total: u64) -> Arc<Self> {
        // Addresses of a driver are multiples of its granularity.
        let state = State { next: 1 << 40, ..State::default() };
        Arc::new(Self { total, state: Mutex::new(state) })
    }

    /// Refuses one call after so many.
    pub(in crate::cuda) fn refuse_after(&self, calls: u32) {
        self.state().patience = Some(calls);
    }

    /// Whether the refusal came about; none comes from now on.
    pub(in crate::cuda) fn has_refused(&self) -> bool {
        self.state().patience.take().is_none()
    }

    /// Bytes of device memory that are taken.
    pub(in crate::cuda) fn taken(&self) -> u64 {
        self.state().taken()
    }

    /// Bytes of host memory that are taken.
    pub(in crate::cuda) fn host_taken(&self) -> usize {
        self.state().host.values().map(|bytes| bytes.len()).sum()
    }

    /// How many pages are mapped, and may be used.
    pub(in crate::cuda) fn mapped(&self) -> usize {
        let state = self.state();
        assert!(state.mapped.values().all(|&(_, usable)| usable), "pages are mapped half-way");
        state.mapped.len()
    }

    /// The page at an address, if there is one that may be used.
    pub(in crate::cuda) fn page_at(&self, address: u64) -> Option<PageHandle> {
        self.state().mapped.get(&address).filter(|&&(_, usable)| usable).map(|&(page, _)| page)
    }

    /// Whether everything was given back.
    pub(in crate::cuda) fn is_untouched(&self) -> bool {
        let state = self.state();
        let (ranges, mapped) = (state.ranges.len(), state.mapped.len());
        (state.taken(), state.host.len(), ranges, mapped) == (0, 0, 0, 0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with it")
    }

    /// A call that may be refused, and takes so many bytes of device memory.
    fn grant(&self, bytes: u64) -> Result<MutexGuard<'_, State>, CudaError> {
        let mut state = self.state();
        let refused = state.patience == Some(0);
        state.patience = state.patience.and_then(|patience| patience.checked_sub(1));
        if refused || state.taken() + bytes > self.total {
            return Err(CudaError::new("a fake GPU", "it refuses"));
        }
        Ok(state)
    }
}

impl State {
    fn taken(&self) -> u64 {
        let pages = u64::try_from(self.pages.len()).expect("64 bits");
        self.buffers.values().sum::<u64>() + pages * PAGE_BYTES
    }

    fn fresh(&mut self, bytes: u64) -> u64 {
        let address = self.next;
        self.next += bytes.max(1).next_multiple_of(PAGE_BYTES);
        address
    }

    /// Where the pages of a range of addresses begin.
    fn places(address: u64, bytes: usize) -> impl Iterator<Item = u64> {
        assert_eq!(wide(bytes) % PAGE_BYTES, 0, "whole pages");
        (0..wide(bytes) / PAGE_BYTES).map(move |page| address + page * PAGE_BYTES)
    }
}

// SAFETY: host memory is a box of that length, which is kept until it is given back.
#[expect(unsafe_code, reason = "it stands for a driver")]
unsafe impl MemoryDriver for FakeGpu {
    fn free_and_total(&self) -> Result<(u64, u64), CudaError> {
        Ok((self.total - self.taken(), self.total))
    }

    fn take(&self, bytes: usize) -> Result<u64, CudaError> {
        let bytes = wide(bytes.max(1));
        let mut state = self.grant(bytes)?;
        let address = state.fresh(bytes);
        state.buffers.insert(address, bytes);
        Ok(address)
    }

    unsafe fn give_back(&self, address: u64) {
        assert!(self.state().buffers.remove(&address).is_some(), "it was taken");
    }

    unsafe fn clear(&self, _address: u64, _bytes: usize) -> Result<(), CudaError> {
        self.grant(0).map(drop)
    }

    unsafe fn fill(&self, _address: u64, _bytes: &[u8]) -> Result<(), CudaError> {
        self.grant(0).map(drop)
    }

    fn take_host(&self, bytes: usize) -> Result<*mut u8, CudaError> {
        let mut state = self.grant(0)?;
        let mut memory = vec![0; bytes.max(1)].into_boxed_slice();
        let pointer = memory.as_mut_ptr();
        state.host.insert(pointer.addr(), memory);
        Ok(pointer)
    }

    unsafe fn give_back_host(&self, pointer: *mut u8) {
        assert!(self.state().host.remove(&pointer.addr()).is_some(), "it was taken");
    }

    fn take_page(&self) -> Result<PageHandle, CudaError> {
        let mut state = self.grant(PAGE_BYTES)?;
        let page = state.fresh(0);
        state.pages.insert(page);
        Ok(page)
    }

    unsafe fn give_back_page(&self, page: PageHandle) {
        assert!(self.state().pages.remove(&page), "it was taken");
    }

    fn reserve(&self, bytes: usize) -> Result<u64, CudaError> {
        let mut state = self.grant(0)?;
        let address = state.fresh(wide(bytes));
        state.ranges.insert(address, wide(bytes));
        Ok(address)
    }

    unsafe fn release(&self, address: u64, bytes: usize) {
        let mut state = self.state();
        assert_eq!(state.ranges.remove(&address), Some(wide(bytes)), "it was reserved");
        let pages = state.mapped.range(address..address + wide(bytes)).count();
        assert_eq!(pages, 0, "addresses are given back under pages");
    }

    unsafe fn map(&self, address: u64, page: PageHandle) -> Result<(), CudaError> {
        let mut state = self.grant(0)?;
        let (begin, bytes) = state.ranges.range(..=address).next_back().expect("a reserved range");
        assert!(address + PAGE_BYTES <= begin + bytes, "inside of it");
        assert!(state.pages.contains(&page), "the page was taken");
        let elsewhere = state.mapped.values().any(|&(other, _)| other == page);
        assert!(!elsewhere, "two models share a page");
        if state.mapped.contains_key(&address) {
            return Err(CudaError::new("a fake GPU", "there is a page already"));
        }
        state.mapped.insert(address, (page, false));
        Ok(())
    }

    unsafe fn allow(&self, address: u64, bytes: usize) -> Result<(), CudaError> {
        let mut state = self.grant(0)?;
        for place in State::places(address, bytes) {
            state.mapped.get_mut(&place).expect("a page is there").1 = true;
        }
        Ok(())
    }

    unsafe fn unmap(&self, address: u64, bytes: usize) -> Result<(), CudaError> {
        let mut state = self.grant(0)?;
        for place in State::places(address, bytes) {
            assert!(state.mapped.remove(&place).is_some(), "a page is there");
        }
        Ok(())
    }
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a size fits 64 bits")
}
