//! Memory of the device and memory of the host that the device copies from: all of it is taken at
//! start.
#![expect(unsafe_code, reason = "drivers and libraries are C")]

use std::fmt;
use std::sync::Arc;

use super::error::CudaError;
use super::memory_driver::MemoryDriver;

/// A range of device memory.
pub(super) struct Buffer {
    address: u64,
    len: usize,
    driver: Arc<dyn MemoryDriver>,
}

impl Buffer {
    /// At least one byte is taken.
    pub(super) fn new<D: MemoryDriver + 'static>(
        driver: &Arc<D>,
        len: usize,
    ) -> Result<Self, CudaError> {
        let driver: Arc<dyn MemoryDriver> = Arc::<D>::clone(driver);
        Ok(Self { address: driver.take(len)?, len, driver })
    }

    pub(super) const fn address(&self) -> u64 {
        self.address
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Fills it with zeros and waits for it.
    pub(super) fn clear(&self) -> Result<(), CudaError> {
        // SAFETY: it is memory of that length.
        unsafe { self.driver.clear(self.address, self.len) }
    }

    /// Copies bytes to its begin and waits for it.
    pub(super) fn fill(&self, bytes: &[u8]) -> Result<(), CudaError> {
        assert!(bytes.len() <= self.len, "what is copied fits");
        // SAFETY: it fits.
        unsafe { self.driver.fill(self.address, bytes) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: nobody else has it.
        unsafe { self.driver.give_back(self.address) };
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes at {:#x})", self.len, self.address)
    }
}

/// A range of host memory that never moves, so that the device copies from it and to it by itself.
pub(super) struct Pinned {
    pointer: *mut u8,
    len: usize,
    driver: Arc<dyn MemoryDriver>,
}

// SAFETY: it is plain memory with one owner.
unsafe impl Send for Pinned {}
// SAFETY: sharing it shares bytes that nobody can write meanwhile.
unsafe impl Sync for Pinned {}

impl Pinned {
    /// Zeros; at least one byte is taken.
    pub(super) fn new<D: MemoryDriver + 'static>(
        driver: &Arc<D>,
        len: usize,
    ) -> Result<Self, CudaError> {
        let driver: Arc<dyn MemoryDriver> = Arc::<D>::clone(driver);
        let pointer = driver.take_host(len)?;
        // SAFETY: it is memory of that length that nobody else has.
        unsafe { pointer.write_bytes(0, len) };
        Ok(Self { pointer, len, driver })
    }

    pub(super) const fn bytes(&self) -> &[u8] {
        // SAFETY: it is memory of that length, initialized, that lives as long as this does.
        unsafe { std::slice::from_raw_parts(self.pointer, self.len) }
    }

    pub(super) const fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and nobody else has it.
        unsafe { std::slice::from_raw_parts_mut(self.pointer, self.len) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: nobody else has it.
        unsafe { self.driver.give_back_host(self.pointer) };
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pinned({} bytes)", self.len)
    }
}
