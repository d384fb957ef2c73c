//! The lines of a file, one at a time.

use std::io::{BufRead, BufReader, Read};

use super::FileError;

/// Reads text line by line, into one buffer.
pub(crate) struct Lines<'a, R> {
    file: &'a str,
    from: BufReader<R>,
    line: Vec<u8>,
    number: usize,
}

impl<'a, R: Read> Lines<'a, R> {
    /// The lines of what errors call `file`.
    pub(crate) fn new(file: &'a str, from: R) -> Self {
        Self { file, from: BufReader::with_capacity(BUFFER, from), line: Vec::new(), number: 0 }
    }

    /// The next line with its number, without its end; `None` after the last one.
    ///
    /// # Errors
    /// If it cannot be read, is longer than [`LINE_MAX`] or not UTF-8.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, &str)>, FileError> {
        self.line.clear();
        self.number += 1;
        let failed = |reason: String| FileError::of(self.file, reason).at(self.number);
        let limit = u64::try_from(LINE_MAX + 1).expect("a length fits");
        let read = self.from.by_ref().take(limit).read_until(b'\n', &mut self.line);
        read.map_err(|error| failed(format!("it cannot be read: {error}")))?;
        if self.line.is_empty() {
            return Ok(None);
        }
        if self.line.len() > LINE_MAX {
            return Err(failed(format!("it has more than {LINE_MAX} bytes")));
        }
        let line = std::str::from_utf8(&self.line);
        let line = line.map_err(|error| {
            failed(format!("it is not UTF-8 text (byte {})", error.valid_up_to() + 1))
        })?;
        Ok(Some((self.number, line.trim_end_matches(['\n', '\r']))))
    }
}

const BUFFER: usize = 1 << 16;

/// Bytes of a line: a day in minutes takes about ten thousand.
const LINE_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_with_their_numbers_and_without_their_ends() {
        let mut lines = Lines::new("f", "a\r\n\nb".as_bytes());
        assert_eq!(lines.next().unwrap(), Some((1, "a")));
        assert_eq!(lines.next().unwrap(), Some((2, "")));
        assert_eq!(lines.next().unwrap(), Some((3, "b")));
        assert_eq!(lines.next().unwrap(), None);
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_place() {
        let mut lines = Lines::new("f", &b"a\nbc\xff\n"[..]);
        lines.next().unwrap();
        let error = lines.next().unwrap_err().to_string();
        assert_eq!(error, "`f`: line 2: it is not UTF-8 text (byte 3)");
        let endless = vec![b'x'; LINE_MAX + 1];
        let error = Lines::new("f", &endless[..]).next().unwrap_err().to_string();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
    }
}
