//! Files as they are, or compressed.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

/// The plain bytes of what may be compressed with gzip or zstd: its first bytes say which, whatever
/// the file is called.
///
/// # Errors
/// If it cannot be read.
pub fn plain<'a>(from: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut from = BufReader::with_capacity(BUFFER, from);
    Ok(match from.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(from)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(Frames::Between(from)),
        _ => Box::new(from),
    })
}

/// The frames of a zstd file, one after the other.
enum Frames<R: Read> {
    Between(R),
    Within(Box<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>),
    Over,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Self::Within(frame) = self {
                let count = frame.read(to)?;
                if count > 0 || to.is_empty() {
                    return Ok(count);
                }
            }
            match std::mem::replace(self, Self::Over) {
                Self::Over => return Ok(0),
                Self::Within(frame) => *self = Self::Between(frame.into_inner()),
                Self::Between(mut rest) => {
                    if !rest.fill_buf()?.is_empty() {
                        let frame = StreamingDecoder::new(rest).map_err(io::Error::other)?;
                        *self = Self::Within(Box::new(frame));
                    }
                }
            }
        }
    }
}

const BUFFER: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        plain(bytes)?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn all_members_and_frames_are_read_and_plain_text_as_it_is() {
        let parts: [&[u8]; 2] = [b"some text,", b"and more"];
        let zstd: Vec<_> = parts
            .iter()
            .flat_map(|part| compress_to_vec(*part, CompressionLevel::Fastest))
            .collect();
        let gzip: Vec<_> = parts.iter().flat_map(|part| gzip(part)).collect();
        for bytes in [zstd, gzip, parts.concat()] {
            assert_eq!(read(&bytes).unwrap(), b"some text,and more");
        }
        assert_eq!(read(b"").unwrap(), b"");
    }

    #[test]
    fn what_ends_too_early_is_an_error() {
        let text: Vec<u8> = (0..9_999_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
        for bytes in [compress_to_vec(&text[..], CompressionLevel::Fastest), gzip(&text)] {
            assert!(read(&bytes[..bytes.len() / 2]).is_err());
        }
    }
}
