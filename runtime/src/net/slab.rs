//! Memory to receive into: slabs that many payloads view, and that come home when the last is gone.
//!
//! A core reads into a slab and hands out views of it, so that no payload is copied. A slab that is
//! used up is retired: its core keeps a handle, and takes it up again once no view of it is left,
//! whichever thread dropped the last. While traffic is steady nothing is allocated, and the memory in
//! use has its pages: a fresh 600 kB would fault 150 times.

#![expect(unsafe_code, reason = "memory that was initialised once is taken up again as it is")]

use std::cell::RefCell;
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Memory that is filled from the front and handed out from the front.
#[derive(Debug)]
pub(super) struct Slab {
    /// What was not handed out: initialised to its end, filled up to a place that the owner knows.
    bytes: BytesMut,
    size: usize,
}

impl Slab {
    /// At least `len` bytes, from among this core's retired slabs if one is free. What is in them has
    /// no meaning.
    pub(super) fn take(len: usize) -> Self {
        let size = len.next_power_of_two().max(LEAST);
        if size > MOST {
            return Self { bytes: BytesMut::zeroed(len), size: len };
        }
        let retired = RETIRED.with_borrow_mut(|retired| retired.take(size));
        retired.unwrap_or_else(|| Self { bytes: BytesMut::zeroed(size), size })
    }

    /// What was not handed out.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, for filling in.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Hands out the first `len` bytes.
    ///
    /// # Panics
    /// If there are not so many.
    pub(super) fn hand_out(&mut self, len: usize) -> Bytes {
        self.bytes.split_to(len).freeze()
    }

    /// Begins anew with all of the memory, if nobody has a view of it any more; what was in it is lost.
    pub(super) fn begin_anew(&mut self) -> bool {
        self.bytes.clear();
        let free = self.bytes.try_reclaim(self.size);
        let len = if free { self.size } else { self.bytes.capacity() };
        // SAFETY: the allocation was initialised to its end when it was made, and neither reading into
        // it nor handing it out changes that; `len` is at most the capacity.
        unsafe { self.bytes.set_len(len) };
        free
    }

    /// Gives the slab back; views of it may be left.
    pub(super) fn retire(self) {
        if self.size <= MOST {
            RETIRED.with_borrow_mut(|retired| retired.put(self));
        }
    }
}

/// The slabs that a core has used up, by size; in each size the oldest first, which is the likeliest to
/// be free.
#[derive(Debug, Default)]
struct Retired {
    sizes: [VecDeque<Slab>; SIZES],
    bytes: usize,
}

impl Retired {
    fn take(&mut self, size: usize) -> Option<Slab> {
        let slabs = &mut self.sizes[index(size)];
        for _ in 0..slabs.len().min(LOOKED_AT) {
            let mut slab = slabs.pop_front()?;
            if slab.begin_anew() {
                self.bytes -= slab.size;
                return Some(slab);
            }
            slabs.push_back(slab);
        }
        None
    }

    /// Keeps a handle, and lets the oldest go if they come to too much: their memory is free with
    /// their last view.
    fn put(&mut self, slab: Slab) {
        let slabs = &mut self.sizes[index(slab.size)];
        self.bytes += slab.size;
        slabs.push_back(slab);
        while self.bytes > KEPT
            && let Some(oldest) = slabs.pop_front()
        {
            self.bytes -= oldest.size;
        }
    }
}

/// Which sizes: powers of two from [`LEAST`] on.
fn index(size: usize) -> usize {
    usize::try_from((size / LEAST).trailing_zeros()).expect("a count of bits fits")
}

thread_local! {
    /// A core is a thread.
    static RETIRED: RefCell<Retired> = RefCell::default();
}

const LEAST: usize = 64 << 10;
const SIZES: usize = 9;
/// A larger slab is not worth keeping.
const MOST: usize = LEAST << (SIZES - 1);
/// Bytes of retired slabs that a core keeps a handle to.
const KEPT: usize = 128 << 20;
/// How many retired slabs are looked at for a free one.
const LOOKED_AT: usize = 4;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_slab_comes_home_when_its_last_view_is_dropped_on_another_thread() {
        let mut slab = Slab::take(100);
        let memory = slab.bytes().as_ptr();
        let view = slab.hand_out(10);
        slab.retire();
        let mut other = Slab::take(100);
        assert_ne!(other.bytes().as_ptr(), memory);
        drop(other.hand_out(1));
        thread::spawn(move || drop(view)).join().unwrap();
        assert_eq!(Slab::take(100).bytes().as_ptr(), memory);
    }

    #[test]
    fn a_slab_without_views_begins_anew_with_all_of_its_memory() {
        let mut slab = Slab::take(1 << 20);
        let size = slab.bytes().len();
        let view = slab.hand_out(1000);
        assert!(!slab.begin_anew());
        assert_eq!(slab.bytes().len(), size - 1000);
        drop(view);
        assert!(slab.begin_anew());
        assert_eq!(slab.bytes().len(), size);
    }

    #[test]
    fn what_is_kept_is_bounded_and_a_huge_slab_is_not_kept() {
        for _ in 0..3 * KEPT / MOST {
            Slab { bytes: BytesMut::new(), size: MOST }.retire();
        }
        Slab::take(MOST + 1).retire();
        RETIRED.with_borrow(|retired| assert_eq!(retired.bytes, KEPT));
    }
}
