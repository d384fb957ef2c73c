//! Tensors in transit: raw bytes that no message contains and no scheduler sees.

use std::fmt;
use std::ops::Deref;

/// The bytes of one input or output. Moved, never copied, from socket to device and back.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload(Vec<u8>);

impl Payload {
    /// No bytes.
    pub const EMPTY: Self = Self(Vec::new());

    /// Takes the bytes over.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Gives the bytes back.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }

    /// The bytes for filling in.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.0
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
