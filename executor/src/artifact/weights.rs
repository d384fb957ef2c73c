//! A model's weights in host memory.

use std::fmt::{self, Write as _};

use clockwork_wire::Pages;
use sha2::{Digest, Sha256};

/// A model's weights as one target wants them: one range of elements, named by what it contains, so
/// that equal weights are kept once.
#[derive(Clone)]
pub struct Weights {
    bytes: Vec<u8>,
    hash: String,
}

impl Weights {
    /// Takes the bytes over: little-endian f32 elements.
    pub fn new(bytes: Vec<u8>) -> Self {
        let mut hash = String::with_capacity(64);
        for byte in Sha256::digest(&bytes) {
            write!(hash, "{byte:02x}").expect("writing to a string does not fail");
        }
        Self { bytes, hash }
    }

    /// The bytes as they are stored.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes, in hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Whole f32 elements.
    pub fn elements(&self) -> usize {
        self.bytes.len() / size_of::<f32>()
    }

    /// Pages that they occupy in a weights cache.
    ///
    /// # Panics
    /// Never: a length fits 64 bits.
    pub fn pages(&self) -> Pages {
        Pages::holding(u64::try_from(self.bytes.len()).expect("a length fits 64 bits"))
    }
}

/// Equal if they have the same hash.
impl PartialEq for Weights {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Weights {}

/// Prints length and hash only.
impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Weights({} B, {})", self.bytes.len(), self.hash)
    }
}
