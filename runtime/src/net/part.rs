//! Payload bytes on their way out: shared, never copied.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use clockwork_wire::Payload;

/// A stretch of a payload. Clones share the bytes, so that one input serves a thousand requests
/// and the output of a batch its requests.
#[derive(Clone)]
pub struct Part {
    bytes: Arc<Payload>,
    range: Range<usize>,
}

impl Part {
    /// No bytes.
    pub fn empty() -> Self {
        Payload::EMPTY.into()
    }

    /// The bytes of `range` of this part; `None` if it does not lie within.
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        if range.start > range.end || range.end > self.range.len() {
            return None;
        }
        let range = self.range.start + range.start..self.range.start + range.end;
        Some(Self { bytes: Arc::clone(&self.bytes), range })
    }
}

impl Deref for Part {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }
}

impl Default for Part {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Arc<Payload>> for Part {
    fn from(bytes: Arc<Payload>) -> Self {
        let range = 0..bytes.len();
        Self { bytes, range }
    }
}

impl From<Payload> for Part {
    fn from(payload: Payload) -> Self {
        Arc::new(payload).into()
    }
}

/// Prints the length only.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({} B)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_of_a_slice_counts_from_its_own_start() {
        let whole = Part::from(Payload::new(vec![0, 1, 2, 3, 4]));
        let middle = whole.slice(1..4).unwrap();
        assert_eq!(&*middle.slice(1..3).unwrap(), [2, 3]);
        assert!(middle.slice(1..4).is_none());
        assert!(Part::empty().is_empty());
    }
}
