//! A model's weights: in host memory, or left in their file.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use clockwork_wire::Pages;
use sha2::{Digest, Sha256};

use super::direct::DirectFile;

/// A model's weights as one target wants them: one range of elements, named by what it contains, so
/// that equal weights are kept once.
#[derive(Debug)]
pub struct Weights {
    source: Source,
    len: usize,
    hash: String,
}

/// Where the bytes are.
enum Source {
    Host(Vec<u8>),
    /// Read again whenever they are loaded.
    File(DirectFile),
}

impl Weights {
    /// Takes the bytes over: little-endian elements.
    pub fn new(bytes: Vec<u8>) -> Self {
        let (len, hash) = (bytes.len(), hexadecimal(&Sha256::digest(&bytes)));
        Self { source: Source::Host(bytes), len, hash }
    }

    /// Reads the bytes from a file, and computes their hash meanwhile on another thread: a model that
    /// is asked for the first time waits for the slower of both.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        let hash = thread::scope(|scope| {
            let (filled, chunks) = mpsc::channel::<&[u8]>();
            let hash = scope.spawn(move || {
                let mut hash = Sha256::new();
                for chunk in chunks {
                    hash.update(chunk);
                }
                hexadecimal(&hash.finalize())
            });
            for chunk in bytes.chunks_mut(CHUNK) {
                file.read_exact(chunk)?;
                if filled.send(chunk).is_err() {
                    break;
                }
            }
            drop(filled);
            hash.join().map_err(|_| io::Error::other("the hash failed"))
        })?;
        Ok(Self { source: Source::Host(bytes), len, hash })
    }

    /// Leaves the bytes in their file, which is read once, for its hash. It must not be written to any
    /// more: a new version is a new file.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        let (len, hash) = digest(&mut File::open(path)?)?;
        Ok(Self { source: Source::File(DirectFile::open(path)?), len, hash })
    }

    /// The bytes as they are stored, read if they are not here.
    ///
    /// # Errors
    /// If the file can no longer be read.
    pub fn bytes(&self) -> io::Result<Cow<'_, [u8]>> {
        match &self.source {
            Source::Host(bytes) => Ok(Cow::Borrowed(bytes)),
            Source::File(file) => {
                let mut bytes = vec![0; self.len];
                file.read_at(0, &mut bytes, self.len)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// Copies the bytes from `offset` on to `to`, to its end or to theirs. From a file they come without
    /// a detour if offset, address and length of `to` are multiples of 4,096.
    ///
    /// # Errors
    /// If the file can no longer be read, or has become shorter.
    pub fn copy_to(&self, offset: usize, to: &mut [u8]) -> io::Result<()> {
        let count = to.len().min(self.len.saturating_sub(offset));
        match &self.source {
            Source::Host(bytes) => {
                to[..count].copy_from_slice(&bytes[offset..offset + count]);
                Ok(())
            }
            Source::File(file) => file.read_at(offset, to, count),
        }
    }

    /// The bytes of weights that lie in memory; none of those in a file.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self.source {
            Source::Host(bytes) => bytes,
            Source::File(_) => Vec::new(),
        }
    }

    /// The bytes, if they lie in host memory. They stay where they are for as long as this lives.
    pub fn in_memory(&self) -> Option<&[u8]> {
        match &self.source {
            Source::Host(bytes) => Some(bytes),
            Source::File(_) => None,
        }
    }

    /// Whether they lie in host memory, so that a LOAD is a copy.
    pub const fn is_in_memory(&self) -> bool {
        matches!(self.source, Source::Host(_))
    }

    /// How many bytes there are.
    #[expect(clippy::len_without_is_empty, reason = "a model without weights is nothing special")]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// SHA-256 of the bytes, in hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Pages that they occupy in a weights cache.
    ///
    /// # Panics
    /// Never: a length fits 64 bits.
    pub fn pages(&self) -> Pages {
        Pages::holding(u64::try_from(self.len).expect("a length fits 64 bits"))
    }
}

/// Equal if they have the same hash.
impl PartialEq for Weights {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Weights {}

/// Prints where they are.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host(_) => "Host",
            Self::File(_) => "File",
        })
    }
}

/// Length and SHA-256 of what is left to read.
fn digest(file: &mut File) -> io::Result<(usize, String)> {
    let (mut hash, mut len) = (Sha256::new(), 0);
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((len, hexadecimal(&hash.finalize())));
        }
        hash.update(&buffer[..read]);
        len += read;
    }
}

pub(super) fn hexadecimal(digest: &[u8]) -> String {
    let mut text = String::with_capacity(2 * digest.len());
    for byte in digest {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
    }
    text
}

const BUFFER: usize = 1 << 20;
/// Bytes that are read at a time while those before are hashed: few enough to be in the cache still.
const CHUNK: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn weights_in_a_file_are_those_in_memory() {
        let bytes: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.bin");
        fs::write(&path, &bytes).unwrap();
        let (host, file) = (Weights::new(bytes.clone()), Weights::in_file(&path).unwrap());
        let read = Weights::read(&path).unwrap();
        assert_eq!((&host, &host), (&file, &read));
        assert_eq!((read.bytes().unwrap(), read.len()), (host.bytes().unwrap(), host.len()));
        assert_eq!((host.len(), host.pages()), (file.len(), file.pages()));
        assert!(host.is_in_memory() && !file.is_in_memory());
        assert_eq!(file.bytes().unwrap(), bytes);
        for (offset, len) in [(0, 80_000), (4_096, 8_192), (77_824, 4_096), (12, 100), (90_000, 10)]
        {
            let (mut one, mut two) = (vec![1; len], vec![1; len]);
            host.copy_to(offset.min(80_000), &mut one).unwrap();
            file.copy_to(offset.min(80_000), &mut two).unwrap();
            let count = len.min(80_000_usize.saturating_sub(offset));
            assert_eq!(one[..count], two[..count], "{len} bytes at {offset}");
        }
        fs::write(&path, &bytes[..40_000]).unwrap();
        let error = file.copy_to(0, &mut vec![0; 80_000]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
