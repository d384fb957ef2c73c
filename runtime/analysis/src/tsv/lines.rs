//! Lines of a stream, each of bounded length.

use std::io::{self, BufRead, Read as _};

/// Bytes of a line: the widest row has some 400.
pub(super) const LINE_MAX: u64 = 64 << 10;

/// What a stream had next.
pub(super) enum Next<'a> {
    /// A whole line, without its end.
    Line(&'a [u8]),
    /// A last line without an end.
    Cut,
    /// More bytes than a line has.
    TooLong,
    /// Nothing.
    End,
}

/// Reads lines into one buffer.
pub(super) struct Lines<R> {
    stream: R,
    line: Vec<u8>,
    /// Lines that were read.
    pub(super) count: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(stream: R) -> Self {
        Self { stream, line: Vec::new(), count: 0 }
    }

    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        self.line.clear();
        let read = self.stream.by_ref().take(LINE_MAX).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(Next::End);
        }
        let Some(line) = self.line.strip_suffix(b"\n") else {
            let whole = u64::try_from(read).is_ok_and(|read| read == LINE_MAX);
            return Ok(if whole { Next::TooLong } else { Next::Cut });
        };
        self.count += 1;
        Ok(Next::Line(line.strip_suffix(b"\r").unwrap_or(line)))
    }
}
