//! Tensors in transit: raw bytes that no message contains and no scheduler sees.

use std::fmt;
use std::ops::{Deref, Range};

use bytes::Bytes;

/// The bytes of one input or output, or a stretch of it. Moved and shared, never copied, from socket
/// to device and back: a clone or a [slice](Payload::slice) is another view of the same memory, which
/// is free again when its last view is dropped, on whatever thread.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload(Bytes);

impl Payload {
    /// No bytes.
    pub const EMPTY: Self = Self(Bytes::new());

    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// No bytes.
    pub const fn empty() -> Self {
        Self::EMPTY
    }

    /// The bytes of `range`, counted from this payload's start; `None` if they do not lie within.
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        (range.start <= range.end && range.end <= self.len()).then(|| Self(self.0.slice(range)))
    }
}

impl Deref for Payload {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

/// A view of memory that somebody else keeps an eye on, such as a receive buffer.
impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

/// Prints the length only.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} B)", self.0.len())
    }
}

/// How a request's input travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// The tensor's bytes as the model takes them. A length of 0 means "absent": the controller or
    /// the worker makes an input up.
    #[default]
    Raw,
    /// One LZ4 block that decompresses to exactly the model's input size.
    Lz4,
}

/// What travels with a request: how many bytes, and how they are to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputSpec {
    /// Bytes on the wire; 0 means that the input is absent.
    pub len: u32,
    /// How the bytes are to be read.
    pub encoding: Encoding,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_of_a_slice_counts_from_its_own_start() {
        let whole = Payload::new(vec![0, 1, 2, 3, 4]);
        let middle = whole.slice(1..4).expect("within");
        assert_eq!(&*middle.slice(1..3).expect("within"), [2, 3]);
        assert!(middle.slice(1..4).is_none());
        assert!(Payload::empty().is_empty());
    }

    #[test]
    fn a_slice_is_a_view_and_no_copy() {
        let whole = Payload::new(vec![7; 100]);
        let part = whole.slice(10..20).expect("within");
        assert_eq!(part.as_ptr(), whole[10..].as_ptr());
    }
}
