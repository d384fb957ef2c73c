//! Memory of the device and memory of the host that the device copies from: all of it is taken at
//! start.
#![expect(unsafe_code, reason = "drivers and libraries are C")]

use std::fmt;
use std::sync::Arc;

use cudarc::driver::result;
use cudarc::driver::sys;

use super::driver::Context;
use super::error::{CudaError, Tried as _};

/// A range of device memory.
pub(super) struct Buffer {
    address: u64,
    len: usize,
    context: Arc<Context>,
}

impl Buffer {
    /// At least one byte is taken.
    pub(super) fn new(context: &Arc<Context>, len: usize) -> Result<Self, CudaError> {
        // SAFETY: a thread that has the context has entered it.
        let address = unsafe { result::malloc_sync(len.max(1)) }.tried("taking device memory")?;
        Ok(Self { address, len, context: Arc::clone(context) })
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
        unsafe { result::memset_d8_sync(self.address, 0, self.len) }.tried("clearing memory")
    }

    /// Copies bytes to its begin and waits for it.
    pub(super) fn fill(&self, bytes: &[u8]) -> Result<(), CudaError> {
        assert!(bytes.len() <= self.len, "what is copied fits");
        // SAFETY: it fits, and the copy is done when this returns.
        unsafe { result::memcpy_htod_sync(self.address, bytes) }.tried("copying to the device")
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let _ = self.context.enter();
        // SAFETY: nobody else has it.
        let _ = unsafe { result::free_sync(self.address) };
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
    context: Arc<Context>,
}

// SAFETY: it is plain memory with one owner.
unsafe impl Send for Pinned {}
// SAFETY: sharing it shares bytes that nobody can write meanwhile.
unsafe impl Sync for Pinned {}

impl Pinned {
    /// Zeros; at least one byte is taken.
    pub(super) fn new(context: &Arc<Context>, len: usize) -> Result<Self, CudaError> {
        let flags = sys::CU_MEMHOSTALLOC_PORTABLE;
        // SAFETY: a thread that has the context has entered it.
        let pointer =
            unsafe { result::malloc_host(len.max(1), flags) }.tried("taking pinned memory")?;
        let pointer = pointer.cast::<u8>();
        // SAFETY: it is memory of that length that nobody else has.
        unsafe { pointer.write_bytes(0, len) };
        Ok(Self { pointer, len, context: Arc::clone(context) })
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
        let _ = self.context.enter();
        // SAFETY: nobody else has it.
        let _ = unsafe { result::free_host(self.pointer.cast()) };
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pinned({} bytes)", self.len)
    }
}
