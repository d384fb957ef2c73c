//! Memory of the device: regions that are allocated at start, and a weights cache in pages.
//!
//! The cache's pages lie in a memory file. Loading a model maps its pages, in the order of its
//! weights, side by side into one range of addresses: whichever pages it got, its weights are
//! contiguous for the kernels, and a tensor may cross pages. It is what the driver of a GPU does
//! with virtual memory, done with the processor's.
#![expect(unsafe_code, reason = "memory is mapped by the operating system")]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::{self, NonNull};
use std::slice;

use clockwork_wire::{PAGE_BYTES, Pages};

use crate::artifact::Weights;

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

/// A model's pages, side by side in addresses of which those whose page is not there cannot be used. To
/// be given back by [`WeightsCache::unmap`]; dropped without, its pages stay taken.
#[derive(Debug)]
pub(super) struct MappedPages {
    mapping: Mapping,
    pages: Vec<Option<u32>>,
}

/// Some or all of a model's pages.
#[derive(Debug)]
pub(super) struct Part {
    /// The first of them.
    pub(super) first: u32,
    /// Which pages of the cache they are.
    pub(super) pages: Vec<u32>,
    /// How many pages the model has.
    pub(super) total: Pages,
}

impl Part {
    /// Whether it is all of the model.
    pub(super) fn is_whole(&self) -> bool {
        self.first == 0 && self.pages.len() == length(self.total)
    }

    /// Where they begin, in pages, and where they end; `None` if that is beyond the model.
    fn range(&self) -> Option<Range<usize>> {
        let first = usize::try_from(self.first).ok()?;
        let end = first.checked_add(self.pages.len())?;
        (end <= length(self.total)).then_some(first..end)
    }
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

    /// Maps all pages of a model and fills them with its weights; in words why not.
    pub(super) fn load(
        &mut self,
        pages: Vec<u32>,
        weights: &Weights,
    ) -> Result<MappedPages, String> {
        let total = u32::try_from(pages.len()).map_err(|_| "too many pages")?;
        let part = Part { first: 0, pages, total: Pages::new(total) };
        let mut mapped = MappedPages::reserve(part.total)?;
        self.fill(&mut mapped, &part, weights)?;
        Ok(mapped)
    }

    /// Maps a part of a model's pages to their place and fills them with their part of the weights;
    /// in words why not, and then nothing has changed.
    pub(super) fn fill(
        &mut self,
        mapped: &mut MappedPages,
        part: &Part,
        weights: &Weights,
    ) -> Result<(), String> {
        if weights.len() > mapped.mapping.len {
            let (bytes, pages) = (weights.len(), mapped.pages.len());
            return Err(format!("{bytes} B of weights do not fit {pages} pages"));
        }
        self.map(mapped, part)?;
        let Some(range) = part.range() else { return Ok(()) };
        let from = (range.start * page_bytes()).min(weights.len());
        let to = (range.end * page_bytes()).min(weights.len());
        if from < to {
            // Whole blocks, so that a file can be read to where they belong.
            let to = to.next_multiple_of(BLOCK);
            mapped.mapping.populate(from..to);
            let copied = weights.copy_to(from, mapped.bytes_mut(from..to));
            if let Err(error) = copied {
                self.cut_out(mapped, part);
                return Err(format!("reading weights: {error}"));
            }
        }
        Ok(())
    }

    fn map(&mut self, mapped: &mut MappedPages, part: &Part) -> Result<(), String> {
        let range = part.range().filter(|range| range.end <= mapped.pages.len());
        let range = range.ok_or_else(|| format!("{part:?} ends beyond its model"))?;
        for (index, page) in part.pages.iter().enumerate() {
            let twice = part.pages[..index].contains(page);
            if twice || self.slot(*page).is_none_or(|mapped| *mapped) {
                return Err(format!("weights page {page} is taken or does not exist"));
            }
        }
        if mapped.pages[range.clone()].iter().any(Option::is_some) {
            return Err(format!("{part:?} is there already, or some of it"));
        }
        for (index, &page) in range.zip(&part.pages) {
            if let Err(error) = mapped.mapping.place(&self.file, u64::from(page), index) {
                self.cut_out(mapped, part);
                return Err(format!("mapping {} pages: {error}", part.pages.len()));
            }
            mapped.pages[index] = Some(page);
            *self.slot(page).expect("checked above") = true;
        }
        Ok(())
    }

    /// Takes the pages from `keep` on back; they may be mapped again at once.
    pub(super) fn cut(&mut self, mapped: &mut MappedPages, keep: Pages) {
        self.cut_range(mapped, length(keep)..mapped.pages.len());
    }

    fn cut_out(&mut self, mapped: &mut MappedPages, part: &Part) {
        self.cut_range(mapped, part.range().unwrap_or_default());
    }

    fn cut_range(&mut self, mapped: &mut MappedPages, range: Range<usize>) {
        for index in range {
            let Some(page) = mapped.pages.get_mut(index).and_then(Option::take) else { continue };
            mapped.mapping.clear(index);
            *self.slot(page).expect("a mapped page exists") = false;
        }
    }

    /// Takes all pages back; they may be mapped again at once.
    pub(super) fn unmap(&mut self, mapped: MappedPages) {
        let MappedPages { mapping, pages } = mapped;
        drop(mapping);
        for page in pages.into_iter().flatten() {
            *self.slot(page).expect("a mapped page exists") = false;
        }
    }

    fn slot(&mut self, page: u32) -> Option<&mut bool> {
        self.mapped.get_mut(usize::try_from(page).ok()?)
    }
}

impl MappedPages {
    /// Addresses for a model of `total` pages, of which none is there.
    pub(super) fn reserve(total: Pages) -> Result<Self, String> {
        let pages = length(total);
        let bytes = page_bytes().checked_mul(pages).ok_or("too many pages")?;
        let mapping = Mapping::anonymous(bytes, libc::PROT_NONE);
        let mapping = mapping.map_err(|error| format!("addresses for {pages} pages: {error}"))?;
        Ok(Self { mapping, pages: vec![None; pages] })
    }

    /// Whether none of its pages is there.
    pub(super) fn is_empty(&self) -> bool {
        self.pages.iter().all(Option::is_none)
    }

    /// The weights, if all pages are there.
    pub(super) fn floats(&self) -> Option<&[f32]> {
        if !self.pages.iter().all(Option::is_some) {
            return None;
        }
        // SAFETY: every page was placed readable and writable, and the cache maps none twice.
        Some(bytemuck::cast_slice(unsafe { self.mapping.bytes() }))
    }

    /// Bytes whose pages are there.
    fn bytes_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        let mut pages = range.start / page_bytes()..range.end.div_ceil(page_bytes());
        assert!(pages.all(|page| self.pages[page].is_some()), "only what is there is written");
        // SAFETY: these pages were placed readable and writable, and the cache maps none twice.
        unsafe { self.mapping.range_mut(range) }
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

    /// Puts a page of a file at the place of page `index`.
    fn place(&mut self, file: &File, page: u64, index: usize) -> io::Result<()> {
        let position = libc::off_t::try_from(page * PAGE_BYTES).map_err(io::Error::other)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        let (at, len) = (self.page(index), page_bytes());
        // SAFETY: the addresses lie inside a range that this value owns, borrowed alone, so that
        // nothing of anybody else is replaced.
        let placed = unsafe { libc::mmap(at, len, protection, flags, file.as_raw_fd(), position) };
        Self::checked(placed).map(|_| ())
    }

    /// Takes what was put at the place of page `index` away; its addresses stay ours.
    fn clear(&mut self, index: usize) {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
        let (at, len) = (self.page(index), page_bytes());
        // SAFETY: the addresses lie inside a range that this value owns, borrowed alone.
        let cleared = unsafe { libc::mmap(at, len, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(cleared, libc::MAP_FAILED, "addresses that are ours can be mapped anew");
    }

    /// Where page `index` begins.
    fn page(&self, index: usize) -> *mut libc::c_void {
        let offset = index * page_bytes();
        assert!(offset + page_bytes() <= self.len, "a page lies inside the range");
        self.base.as_ptr().wrapping_add(offset).cast()
    }

    /// Takes the physical memory of some bytes at once, which is cheaper than page by page as they
    /// are first touched. A system that cannot do it does the latter.
    fn populate(&mut self, range: Range<usize>) {
        assert!(range.end <= self.len, "only what is mapped is populated");
        let begin = self.base.as_ptr().wrapping_add(range.start).cast();
        // SAFETY: the range is ours, and the advice changes none of its contents.
        let _ = unsafe { libc::madvise(begin, range.len(), libc::MADV_POPULATE_WRITE) };
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
        unsafe { self.range_mut(0..self.len) }
    }

    /// # Safety
    /// These bytes are readable and writable, and nobody uses them through another mapping.
    unsafe fn range_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        assert!(range.start <= range.end && range.end <= self.len, "bytes lie inside the range");
        let begin = self.base.as_ptr().wrapping_add(range.start);
        // SAFETY: the caller's promise; the range lives as long as this value.
        unsafe { slice::from_raw_parts_mut(begin, range.len()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is ours, and no slice of it outlives this value.
        let unmapped = unsafe { libc::munmap(self.base.as_ptr().cast(), self.len.max(1)) };
        assert_eq!(unmapped, 0, "a range that was mapped can be unmapped");
    }
}

/// What files are read in; divides a page.
const BLOCK: usize = 4_096;

/// A number of pages as a length.
fn length(pages: Pages) -> usize {
    usize::try_from(pages.get()).expect("a page count fits the address space")
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
        let mut two = cache.load(vec![2, 0], &Weights::new(Vec::new())).unwrap();
        let edge = page_bytes();
        two.bytes_mut(edge - 1..edge + 1).copy_from_slice(&[7, 9]);
        cache.unmap(two);
        let mut first = cache.load(vec![0], &Weights::new(Vec::new())).unwrap();
        let mut last = cache.load(vec![2], &Weights::new(Vec::new())).unwrap();
        assert_eq!(
            (first.bytes_mut(0..1), last.bytes_mut(edge - 1..edge)),
            (&mut [9][..], &mut [7][..])
        );
    }

    #[test]
    fn a_page_is_mapped_once_and_must_exist() {
        let mut cache = WeightsCache::new(Pages::new(2)).unwrap();
        let held = cache.load(vec![1], &Weights::new(Vec::new())).unwrap();
        for pages in [vec![1], vec![2], vec![0, 0]] {
            assert!(cache.load(pages, &Weights::new(Vec::new())).is_err());
        }
        cache.unmap(held);
        assert!(cache.load(vec![0, 1], &Weights::new(Vec::new())).is_ok());
    }

    #[test]
    fn parts_join_where_they_belong_and_are_usable_when_all_are_there() {
        let mut cache = WeightsCache::new(Pages::new(3)).unwrap();
        let edge = page_bytes();
        let mut weights = vec![0; edge + 8];
        (weights[edge - 4], weights[edge]) = (1, 2);
        let weights = Weights::new(weights);
        let total = Pages::new(2);
        let part = |first, page| Part { first, pages: vec![page], total };
        let mut model = MappedPages::reserve(total).unwrap();
        cache.fill(&mut model, &part(1, 2), &weights).unwrap();
        assert!(model.floats().is_none());
        assert!(cache.fill(&mut model, &part(1, 0), &weights).is_err(), "it is there");
        assert!(cache.fill(&mut model, &part(2, 0), &weights).is_err(), "there is no page 2");
        cache.fill(&mut model, &part(0, 1), &weights).unwrap();
        let floats: Vec<u32> = model.floats().unwrap().iter().map(|f| f.to_bits()).collect();
        assert_eq!((floats[edge / 4 - 1], floats[edge / 4]), (1, 2));
        cache.cut(&mut model, Pages::new(1));
        assert!(model.floats().is_none() && !model.is_empty());
        let other = cache.load(vec![2, 0], &weights);
        assert!(other.is_ok(), "what was cut off is free again");
    }
}
