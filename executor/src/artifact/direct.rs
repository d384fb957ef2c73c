//! Files that are read past the system's cache of file contents.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// A file for reading, past the system's cache where the file system can and the memory is aligned:
/// what is read goes to its final place at once, and displaces nothing that others want to keep.
#[derive(Debug)]
pub(super) struct DirectFile {
    direct: Option<File>,
    cached: File,
}

impl DirectFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // Some file systems, those in memory among them, know no direct reads.
        let direct = OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(path).ok();
        Ok(Self { direct, cached: File::open(path)? })
    }

    /// Reads `count` bytes from `offset` on to the begin of `to`; what lies behind them in `to` may be
    /// overwritten.
    pub(super) fn read_at(&self, offset: usize, to: &mut [u8], count: usize) -> io::Result<()> {
        let aligned = |number: usize| number.is_multiple_of(ALIGNMENT);
        let room = count.next_multiple_of(ALIGNMENT).min(to.len());
        let direct = aligned(to.as_ptr().addr()) && aligned(offset) && aligned(room);
        let file = self.direct.as_ref().filter(|_| direct);
        let (file, room) = file.map_or((&self.cached, count), |file| (file, room));
        let mut done = 0;
        while done < count {
            let position = u64::try_from(offset + done).expect("a length fits 64 bits");
            match file.read_at(&mut to[done..room], position) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Direct reads want address, offset and length to be multiples of the device's blocks: this is
/// one of every size in use.
const ALIGNMENT: usize = 4_096;
