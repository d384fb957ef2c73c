//! Memory of the device: regions that are allocated at start, and a weights cache in pages.
//!
//! The cache's pages lie in a memory file. Loading a model maps its pages, in the order of its
//! weights, side by side into one range of addresses: whichever pages it got, its weights are
//! contiguous for the kernels, and a tensor may cross pages. It is what the driver of a GPU does
//! with virtual memory, done with the processor's.
#![expect(unsafe_code, reason = "memory is mapped by the operating system")]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::{self, NonNull};
use std::slice;

use clockwork_wire::{PAGE_BYTES, Pages};

/// Zeroed memory of our own, given back when dropped. Physical memory is taken as it is touched.
#[derive(Debug)]
pub(super) struct Region(Mapping);

impl Region {
    /// A region of `bytes` bytes, aligned to the processor's pages.
    pub(super) fn new(bytes: usize) -> io::Result<Self> {
        let bytes = bytes - bytes % size_of::<f32>();
        Mapping::anonymous(bytes, libc::PROT_READ | libc::PROT_WRITE).map(Self)
    }

    pub(super) fn floats(&self) -> &[f32] {
        // SAFETY: a region is mapped readable and writable as a whole and nobody else has it.
        bytemuck::cast_slice(unsafe { self.0.bytes() })
    }

    pub(super) fn floats_mut(&mut self) -> &mut [f32] {
        // SAFETY: a region is mapped readable and writable as a whole and nobody else has it.
        bytemuck::cast_slice_mut(unsafe { self.0.bytes_mut() })
    }
}

/// The physical pages for weights.
#[derive(Debug)]
pub(super) struct WeightsCache {
    file: File,
    /// Which pages are mapped: none is ever mapped twice.
    mapped: Vec<bool>,
}

/// A model's pages, side by side. To be given back by [`WeightsCache::unmap`]; dropped without,
/// its pages stay taken.
#[derive(Debug)]
pub(super) struct MappedPages {
    mapping: Mapping,
    pages: Vec<u32>,
}

impl WeightsCache {
    /// A cache of so many pages; physical memory is taken as pages are first loaded.
    pub(super) fn new(pages: Pages) -> io::Result<Self> {
        // SAFETY: the name is a C string, and the flag is one that the call takes.
        let fd = unsafe { libc::memfd_create(c"clockwork-weights".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and belongs to nobody else.
        let file = unsafe { File::from_raw_fd(fd) };
        file.set_len(pages.bytes())?;
        let mapped = (0..pages.get()).map(|_| false).collect();
        Ok(Self { file, mapped })
    }

    /// Maps pages side by side and fills them with weights; in words why not.
    pub(super) fn load(&mut self, pages: Vec<u32>, weights: &[u8]) -> Result<MappedPages, String> {
        if weights.len() > page_bytes().saturating_mul(pages.len()) {
            return Err(format!("{} B of weights do not fit {} pages", weights.len(), pages.len()));
        }
        let mut mapped = self.map(pages)?;
        mapped.mapping.populate(weights.len());
        mapped.bytes_mut()[..weights.len()].copy_from_slice(weights);
        Ok(mapped)
    }

    fn map(&mut self, pages: Vec<u32>) -> Result<MappedPages, String> {
        for (index, page) in pages.iter().enumerate() {
            if pages[..index].contains(page) || self.slot(*page).is_none_or(|mapped| *mapped) {
                return Err(format!("weights page {page} is taken or does not exist"));
            }
        }
        let bytes = page_bytes().checked_mul(pages.len()).ok_or("too many pages")?;
        let failed = |error: io::Error| format!("mapping {} pages: {error}", pages.len());
        let mut mapping = Mapping::anonymous(bytes, libc::PROT_NONE).map_err(failed)?;
        for (index, &page) in pages.iter().enumerate() {
            mapping.place(&self.file, u64::from(page), index * page_bytes()).map_err(failed)?;
        }
        for &page in &pages {
            *self.slot(page).expect("checked above") = true;
        }
        Ok(MappedPages { mapping, pages })
    }

    /// Takes pages back; they may be mapped again at once.
    pub(super) fn unmap(&mut self, mapped: MappedPages) {
        let MappedPages { mapping, pages } = mapped;
        drop(mapping);
        for page in pages {
            *self.slot(page).expect("a mapped page exists") = false;
        }
    }

    fn slot(&mut self, page: u32) -> Option<&mut bool> {
        self.mapped.get_mut(usize::try_from(page).ok()?)
    }
}

impl MappedPages {
    pub(super) fn floats(&self) -> &[f32] {
        // SAFETY: every page was placed readable and writable, and the cache maps none twice.
        bytemuck::cast_slice(unsafe { self.mapping.bytes() })
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: every page was placed readable and writable, and the cache maps none twice.
        unsafe { self.mapping.bytes_mut() }
    }
}

/// A range of addresses that is ours until it is dropped.
#[derive(Debug)]
struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to the thread that made it, and `base` is owned by
// this value alone.
unsafe impl Send for Mapping {}

impl Mapping {
    fn anonymous(len: usize, protection: libc::c_int) -> io::Result<Self> {
        // The system refuses an empty mapping; one byte stands for it.
        let mapped = len.max(1);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: without a wished address the system picks one that nobody uses.
        let base = unsafe { libc::mmap(ptr::null_mut(), mapped, protection, flags, -1, 0) };
        let base = Self::checked(base)?;
        Ok(Self { base, len })
    }

    /// Puts a page of a file at `offset`.
    fn place(&mut self, file: &File, page: u64, offset: usize) -> io::Result<()> {
        let len = page_bytes();
        assert!(offset + len <= self.len, "a page is placed inside the range");
        let position = libc::off_t::try_from(page * PAGE_BYTES).map_err(io::Error::other)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        let at = self.base.as_ptr().wrapping_add(offset).cast();
        // SAFETY: the addresses lie inside a range that this value owns, borrowed alone, so that
        // nothing of anybody else is replaced.
        let placed = unsafe { libc::mmap(at, len, protection, flags, file.as_raw_fd(), position) };
        Self::checked(placed).map(|_| ())
    }

    /// Takes the physical memory of the first bytes at once, which is cheaper than page by page as
    /// they are first touched. A system that cannot do it does the latter.
    fn populate(&mut self, bytes: usize) {
        assert!(bytes <= self.len, "only what is mapped is populated");
        let base = self.base.as_ptr().cast();
        // SAFETY: the range is ours, and the advice changes none of its contents.
        let _ = unsafe { libc::madvise(base, bytes, libc::MADV_POPULATE_WRITE) };
    }

    fn checked(address: *mut libc::c_void) -> io::Result<NonNull<u8>> {
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(address.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))
    }

    /// # Safety
    /// The whole range is readable, and nobody writes to it through another mapping meanwhile.
    unsafe fn bytes(&self) -> &[u8] {
        // SAFETY: the caller's promise; the range lives as long as this value.
        unsafe { slice::from_raw_parts(self.base.as_ptr(), self.len) }
    }

    /// # Safety
    /// The whole range is readable and writable, and nobody uses it through another mapping.
    unsafe fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the caller's promise; the range lives as long as this value.
        unsafe { slice::from_raw_parts_mut(self.base.as_ptr(), self.len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is ours, and no slice of it outlives this value.
        let unmapped = unsafe { libc::munmap(self.base.as_ptr().cast(), self.len.max(1)) };
        assert_eq!(unmapped, 0, "a range that was mapped can be unmapped");
    }
}

fn page_bytes() -> usize {
    usize::try_from(PAGE_BYTES).expect("a page fits the address space")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scattered_pages_are_contiguous_and_keep_what_was_written() {
        let mut cache = WeightsCache::new(Pages::new(3)).unwrap();
        let mut two = cache.map(vec![2, 0]).unwrap();
        let edge = page_bytes();
        two.bytes_mut()[edge - 1..=edge].copy_from_slice(&[7, 9]);
        cache.unmap(two);
        let mut first = cache.map(vec![0]).unwrap();
        let mut last = cache.map(vec![2]).unwrap();
        assert_eq!((first.bytes_mut()[0], last.bytes_mut()[edge - 1]), (9, 7));
    }

    #[test]
    fn a_page_is_mapped_once_and_must_exist() {
        let mut cache = WeightsCache::new(Pages::new(2)).unwrap();
        let held = cache.map(vec![1]).unwrap();
        for pages in [vec![1], vec![2], vec![0, 0]] {
            assert!(cache.map(pages).is_err());
        }
        cache.unmap(held);
        assert!(cache.map(vec![0, 1]).is_ok());
    }
}
