//! The host copies of weights.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Weak};

use super::{ArtifactError, Weights};

/// The host copies of weights, by what they contain: a thousand instances of one file cost one copy.
///
/// It holds nothing itself: a copy lives as long as a model that has it. What does not fit into its limit
/// stays in its file, and is read from there whenever it is loaded.
#[derive(Clone, Debug)]
pub struct HostCache {
    limit: u64,
    copies: RefCell<BTreeMap<String, Weak<Weights>>>,
}

impl HostCache {
    /// Copies of at most `limit` bytes together.
    pub fn new(limit: u64) -> Self {
        Self { limit, copies: RefCell::default() }
    }

    /// Bytes of all copies that lie in memory.
    ///
    /// # Panics
    /// Never: lengths fit 64 bits.
    pub fn used(&self) -> u64 {
        let copies = self.copies.borrow();
        let alive = copies.values().filter_map(Weak::upgrade);
        let bytes = alive.filter(|weights| weights.is_in_memory()).map(|weights| weights.len());
        bytes.map(|len| u64::try_from(len).expect("a length fits 64 bits")).sum()
    }

    /// The weights in a file of `len` bytes that should have this hash. A copy that is there already is
    /// not read again: whoever asks gets what the manifest promises, and a file that has been damaged meanwhile is
    /// noticed when it is next needed, by a process that has no copy. Its length is checked in any case.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn weights(
        &self,
        path: &Path,
        len: u64,
        hash: &str,
    ) -> Result<Arc<Weights>, ArtifactError> {
        if let Some(known) = self.copies.borrow().get(hash).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let fits = self.used().checked_add(len).is_some_and(|used| used <= self.limit);
        let read = if fits { Weights::read(path) } else { Weights::in_file(path) };
        let weights = read
            .map_err(|source| ArtifactError::Io { path: path.to_owned(), source })
            .map(Arc::new)?;
        let mut copies = self.copies.borrow_mut();
        copies.retain(|_, copy| copy.strong_count() > 0);
        copies.insert(weights.hash().to_owned(), Arc::downgrade(&weights));
        Ok(weights)
    }
}

/// Without a limit.
impl Default for HostCache {
    fn default() -> Self {
        Self::new(u64::MAX)
    }
}
