//! Long constant lists of kernels.

use bytemuck::NoUninit;

/// Long constant lists that kernels read, too long to be parameters. Whoever captures a graph copies
/// them to the device once, before it first runs.
///
/// Where they will lie must be known to make launches, and how many bytes they are is known only
/// afterwards: make the launches twice, the first time for the length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    bytes: Vec<u8>,
}

impl Tables {
    /// All lists.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds a list; where it begins, in bytes from the begin of all: a multiple of 16.
    pub(super) fn add<T: NoUninit>(&mut self, list: &[T]) -> u64 {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytemuck::cast_slice(list));
        self.bytes.resize(self.bytes.len().next_multiple_of(16), 0);
        u64::try_from(begin).expect("a length fits 64 bits")
    }
}
