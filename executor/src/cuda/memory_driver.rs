//! What is asked of a driver about memory. It is a seam: behind it is a GPU, or in tests something that
//! only counts and can refuse.
#![expect(unsafe_code, reason = "drivers and libraries are C")]

#[cfg(test)]
pub(super) mod fake;

use std::ffi::c_void;
use std::fmt;
use std::ptr;

use clockwork_wire::PAGE_BYTES;
use cudarc::driver::result;
use cudarc::driver::sys::{
    self, CUmemAccess_flags, CUmemAccessDesc, CUmemAllocationHandleType, CUmemAllocationProp,
    CUmemAllocationProp_st__bindgen_ty_1, CUmemAllocationType, CUmemLocation, CUmemLocationType,
};

use super::driver::Context;
use super::error::{CudaError, Tried as _};

/// A page of device memory that has no address yet.
pub(super) type PageHandle = u64;

/// One device's memory, and memory of the host that it copies from.
///
/// # Safety
/// What [`take_host`](Self::take_host) gives is memory of that many bytes that nobody else has.
pub(super) unsafe trait MemoryDriver: fmt::Debug + Send + Sync {
    /// Bytes of device memory that are free, and that there are.
    fn free_and_total(&self) -> Result<(u64, u64), CudaError>;

    /// Takes device memory, at least one byte.
    fn take(&self, bytes: usize) -> Result<u64, CudaError>;

    /// Gives device memory back.
    ///
    /// # Safety
    /// It was taken here, and nothing uses it.
    unsafe fn give_back(&self, address: u64);

    /// Fills device memory with zeros and waits for it.
    ///
    /// # Safety
    /// It was taken here, and is of at least so many bytes.
    unsafe fn clear(&self, address: u64, bytes: usize) -> Result<(), CudaError>;

    /// Copies bytes to the device and waits for it.
    ///
    /// # Safety
    /// It was taken here, and is of at least as many bytes.
    unsafe fn fill(&self, address: u64, bytes: &[u8]) -> Result<(), CudaError>;

    /// Takes memory of the host that never moves, at least one byte.
    fn take_host(&self, bytes: usize) -> Result<*mut u8, CudaError>;

    /// Gives memory of the host back.
    ///
    /// # Safety
    /// It was taken here, and nothing uses it.
    unsafe fn give_back_host(&self, pointer: *mut u8);

    /// Takes a page.
    fn take_page(&self) -> Result<PageHandle, CudaError>;

    /// Gives a page back; one that is mapped stays until it is unmapped.
    ///
    /// # Safety
    /// It was taken here, and is not given back twice.
    unsafe fn give_back_page(&self, page: PageHandle);

    /// Reserves addresses.
    fn reserve(&self, bytes: usize) -> Result<u64, CudaError>;

    /// Gives addresses back.
    ///
    /// # Safety
    /// They were reserved here, all of them, and no pages are mapped there.
    unsafe fn release(&self, address: u64, bytes: usize);

    /// Puts a page at an address.
    ///
    /// # Safety
    /// The address was reserved here for at least a page, and the page was taken here.
    unsafe fn map(&self, address: u64, page: PageHandle) -> Result<(), CudaError>;

    /// Lets kernels and copies use pages.
    ///
    /// # Safety
    /// Whole pages are mapped there.
    unsafe fn allow(&self, address: u64, bytes: usize) -> Result<(), CudaError>;

    /// Takes pages out.
    ///
    /// # Safety
    /// Whole pages are mapped there, and nothing uses them.
    unsafe fn unmap(&self, address: u64, bytes: usize) -> Result<(), CudaError>;
}

// SAFETY: the driver gives what was asked for.
unsafe impl MemoryDriver for Context {
    fn free_and_total(&self) -> Result<(u64, u64), CudaError> {
        let (free, total) = result::mem_get_info().tried("asking for free memory")?;
        let wide = |bytes: usize| u64::try_from(bytes).expect("a size fits 64 bits");
        Ok((wide(free), wide(total)))
    }

    fn take(&self, bytes: usize) -> Result<u64, CudaError> {
        // SAFETY: a thread that has the context has entered it.
        unsafe { result::malloc_sync(bytes.max(1)) }.tried("taking device memory")
    }

    unsafe fn give_back(&self, address: u64) {
        let _ = self.enter();
        // SAFETY: the caller's promise.
        let _ = unsafe { result::free_sync(address) };
    }

    unsafe fn clear(&self, address: u64, bytes: usize) -> Result<(), CudaError> {
        // SAFETY: the caller's promise.
        unsafe { result::memset_d8_sync(address, 0, bytes) }.tried("clearing memory")
    }

    unsafe fn fill(&self, address: u64, bytes: &[u8]) -> Result<(), CudaError> {
        // SAFETY: the caller's promise, and the copy is done when this returns.
        unsafe { result::memcpy_htod_sync(address, bytes) }.tried("copying to the device")
    }

    fn take_host(&self, bytes: usize) -> Result<*mut u8, CudaError> {
        let flags = sys::CU_MEMHOSTALLOC_PORTABLE;
        // SAFETY: a thread that has the context has entered it.
        let taken = unsafe { result::malloc_host(bytes.max(1), flags) };
        taken.tried("taking pinned memory").map(<*mut c_void>::cast)
    }

    unsafe fn give_back_host(&self, pointer: *mut u8) {
        let _ = self.enter();
        // SAFETY: the caller's promise.
        let _ = unsafe { result::free_host(pointer.cast()) };
    }

    fn take_page(&self) -> Result<PageHandle, CudaError> {
        let what = CUmemAllocationProp {
            type_: CUmemAllocationType::CU_MEM_ALLOCATION_TYPE_PINNED,
            requestedHandleTypes: CUmemAllocationHandleType::CU_MEM_HANDLE_TYPE_NONE,
            location: location(self),
            win32HandleMetaData: ptr::null_mut(),
            allocFlags: CUmemAllocationProp_st__bindgen_ty_1 {
                compressionType: 0,
                gpuDirectRDMACapable: 0,
                usage: 0,
                reserved: [0; 4],
            },
        };
        let mut page = 0;
        // SAFETY: it writes one handle of what is described.
        unsafe { sys::cuMemCreate(&raw mut page, page_bytes(), &raw const what, 0) }
            .result()
            .tried("taking a page of the weights cache")?;
        Ok(page)
    }

    unsafe fn give_back_page(&self, page: PageHandle) {
        let _ = self.enter();
        // SAFETY: the caller's promise.
        let _ = unsafe { sys::cuMemRelease(page) };
    }

    fn reserve(&self, bytes: usize) -> Result<u64, CudaError> {
        let mut address = 0;
        // SAFETY: it writes one address.
        unsafe { sys::cuMemAddressReserve(&raw mut address, bytes, 0, 0, 0) }
            .result()
            .tried("reserving addresses")?;
        Ok(address)
    }

    unsafe fn release(&self, address: u64, bytes: usize) {
        let _ = self.enter();
        // SAFETY: the caller's promise.
        let _ = unsafe { sys::cuMemAddressFree(address, bytes) };
    }

    unsafe fn map(&self, address: u64, page: PageHandle) -> Result<(), CudaError> {
        // SAFETY: the caller's promise.
        unsafe { sys::cuMemMap(address, page_bytes(), 0, page, 0) }.result().tried("mapping a page")
    }

    unsafe fn allow(&self, address: u64, bytes: usize) -> Result<(), CudaError> {
        let access = CUmemAccessDesc {
            location: location(self),
            flags: CUmemAccess_flags::CU_MEM_ACCESS_FLAGS_PROT_READWRITE,
        };
        // SAFETY: the caller's promise.
        unsafe { sys::cuMemSetAccess(address, bytes, &raw const access, 1) }
            .result()
            .tried("allowing access to pages")
    }

    unsafe fn unmap(&self, address: u64, bytes: usize) -> Result<(), CudaError> {
        // SAFETY: the caller's promise.
        unsafe { sys::cuMemUnmap(address, bytes) }.result().tried("unmapping pages")
    }
}

fn location(context: &Context) -> CUmemLocation {
    let kind = CUmemLocationType::CU_MEM_LOCATION_TYPE_DEVICE;
    CUmemLocation { type_: kind, id: context.ordinal() }
}

/// Bytes of a page as a length.
pub(super) fn page_bytes() -> usize {
    usize::try_from(PAGE_BYTES).expect("a page fits the address space")
}
