//! Cuts a stream into frames.

use std::io;

use clockwork_wire::Payload;
use clockwork_wire::codec::{DecodeError, FrameKind, Limits, PREAMBLE_BYTES, Preamble};

use crate::rt::Stream;

/// Why a connection cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The peer's bytes make no frame: its fault or an attack.
    #[error("the peer sent garbage: {0}")]
    Garbage(#[from] DecodeError),
    /// The peer left in the middle of a frame.
    #[error("the peer left in the middle of a frame, after {have} of at least {need} bytes")]
    Truncated {
        /// Bytes of the frame that came.
        have: usize,
        /// Bytes that were needed next.
        need: usize,
    },
    /// The network's fault.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
}

/// One frame, just read.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) preamble: Preamble,
    pub(super) header: &'a [u8],
    pub(super) body: Body<'a>,
}

/// The raw bytes after a header.
#[derive(Debug)]
pub(super) enum Body<'a> {
    /// Still in the reader's buffer.
    Inline(&'a [u8]),
    /// Read straight into their own memory.
    Owned(Payload),
}

impl Body<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Inline(bytes) => bytes,
            Self::Owned(payload) => payload,
        }
    }

    pub(super) fn into_payload(self) -> Payload {
        match self {
            Self::Inline(bytes) => Payload::new(bytes.to_vec()),
            Self::Owned(payload) => payload,
        }
    }
}

/// Reads frames through one buffer; large bodies go past it.
#[derive(Debug)]
pub(super) struct FrameReader {
    stream: Stream,
    limits: Limits,
    buffer: Vec<u8>,
    head: usize,
    tail: usize,
    /// Bytes read since [`FrameReader::take_count`].
    count: usize,
}

impl FrameReader {
    pub(super) fn new(stream: Stream, limits: Limits) -> Self {
        Self { stream, limits, buffer: vec![0; BUFFER], head: 0, tail: 0, count: 0 }
    }

    /// Goes on where another reader of the same stream ended.
    pub(super) fn resume(stream: Stream, limits: Limits, unread: &[u8]) -> Self {
        let mut reader = Self::new(stream, limits);
        reader.buffer[..unread.len()].copy_from_slice(unread);
        reader.tail = unread.len();
        reader
    }

    /// What has been read and not taken out.
    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer[self.head..self.tail]
    }

    /// What the peer may send from now on.
    pub(super) const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The next frame, or `None` if the peer closed between two frames.
    pub(super) async fn next(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        loop {
            match self.look()? {
                Look::Whole(preamble) => return Ok(Some(self.take(preamble))),
                Look::Large(preamble) => {
                    let body = self.read_body(&preamble).await?;
                    return Ok(Some(self.take_large(preamble, body)));
                }
                Look::Needs(need) => {
                    self.reserve(need);
                    if !self.fill(need).await? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The next frame if all of it has been read already.
    pub(super) fn try_next(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        match self.look()? {
            Look::Whole(preamble) => Ok(Some(self.take(preamble))),
            Look::Large(_) | Look::Needs(_) => Ok(None),
        }
    }

    /// Bytes read since the last call.
    pub(super) fn take_count(&mut self) -> usize {
        std::mem::take(&mut self.count)
    }

    /// What the buffered bytes begin with.
    fn look(&self) -> Result<Look, ReadError> {
        let there = &self.buffer[self.head..self.tail];
        let Some(preamble) = there.first_chunk::<PREAMBLE_BYTES>() else {
            return Ok(Look::Needs(PREAMBLE_BYTES));
        };
        let preamble = Preamble::decode(preamble, &self.limits)?;
        let header_end = PREAMBLE_BYTES + length(preamble.header_len);
        let body_len = length(preamble.body_len);
        let large = preamble.kind == FrameKind::Body && body_len > LARGE;
        let need = if large { header_end } else { header_end + body_len };
        Ok(match there.len() {
            n if n < need => Look::Needs(need),
            _ if large => Look::Large(preamble),
            _ => Look::Whole(preamble),
        })
    }

    /// Takes a frame out of the buffer.
    fn take(&mut self, preamble: Preamble) -> Frame<'_> {
        let header = self.head + PREAMBLE_BYTES;
        let body = header + length(preamble.header_len);
        self.head = body + length(preamble.body_len);
        let (header, body) = (&self.buffer[header..body], &self.buffer[body..self.head]);
        Frame { preamble, header, body: Body::Inline(body) }
    }

    /// Takes preamble and header of a large frame out of the buffer. [`FrameReader::read_body`]
    /// left what follows them in place.
    fn take_large(&mut self, preamble: Preamble, body: Payload) -> Frame<'_> {
        let header = self.head + PREAMBLE_BYTES;
        let end = header + length(preamble.header_len);
        self.head = (end + body.len()).min(self.tail);
        Frame { preamble, header: &self.buffer[header..end], body: Body::Owned(body) }
    }

    /// Reads a large body into its own memory: first what is in the buffer, then the rest from the
    /// stream without a detour.
    async fn read_body(&mut self, preamble: &Preamble) -> Result<Payload, ReadError> {
        let begin = self.head + PREAMBLE_BYTES + length(preamble.header_len);
        let mut body = vec![0; length(preamble.body_len)];
        let have = (self.tail - begin).min(body.len());
        body[..have].copy_from_slice(&self.buffer[begin..begin + have]);
        let mut filled = have;
        while filled < body.len() {
            let n = self.stream.read(&mut body[filled..]).await?;
            if n == 0 {
                return Err(ReadError::Truncated { have: filled, need: body.len() });
            }
            filled += n;
            self.count += n;
        }
        Ok(Payload::new(body))
    }

    /// Makes room for a frame of which `need` bytes are wanted next.
    fn reserve(&mut self, need: usize) {
        if self.head == self.tail {
            (self.head, self.tail) = (0, 0);
            // A rare huge frame must not keep its memory for ever.
            if self.buffer.len() > BUFFER_KEPT && need <= BUFFER {
                self.buffer.truncate(BUFFER);
                self.buffer.shrink_to_fit();
            }
        } else if self.head + need > self.buffer.len() {
            self.buffer.copy_within(self.head..self.tail, 0);
            (self.head, self.tail) = (0, self.tail - self.head);
        }
        if self.head + need > self.buffer.len() {
            self.buffer.resize(self.head + need, 0);
        }
    }

    /// Reads once; `false` if the peer closed between two frames.
    async fn fill(&mut self, need: usize) -> Result<bool, ReadError> {
        let n = match self.stream.read(&mut self.buffer[self.tail..]).await {
            // A process that ends with something unread resets its connections: it has left.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            read => read?,
        };
        let have = self.tail - self.head;
        if n == 0 && have > 0 {
            return Err(ReadError::Truncated { have, need });
        }
        self.tail += n;
        self.count += n;
        Ok(n > 0)
    }
}

/// What the buffered bytes begin with.
enum Look {
    /// A whole frame.
    Whole(Preamble),
    /// Preamble and header of a frame whose body is to be read apart.
    Large(Preamble),
    /// A part of a frame, of which so many bytes are needed to go on.
    Needs(usize),
}

fn length(len: u32) -> usize {
    usize::try_from(len).expect("a frame's lengths fit the address space")
}

/// Enough for some hundred messages per read.
const BUFFER: usize = 64 << 10;
const BUFFER_KEPT: usize = 1 << 20;
/// A body above this is read into its own memory; below, one copy is cheaper than another read.
const LARGE: usize = 16 << 10;
