//! Cuts a stream into frames.

use std::{io, mem};

use bytes::Bytes;
use clockwork_wire::codec::{DecodeError, FrameKind, Limits, PREAMBLE_BYTES, Preamble};

use super::slab::Slab;
use crate::rt::{self, Stream};

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
pub(super) struct Frame {
    pub(super) preamble: Preamble,
    pub(super) header: Bytes,
    pub(super) body: Bytes,
}

/// Reads frames into slabs, of which the payloads that it hands out are views; large bodies get slabs of
/// their own.
#[derive(Debug)]
pub(super) struct FrameReader {
    stream: Stream,
    limits: Limits,
    slab: Slab,
    /// Bytes of the slab that have been read and belong to no frame yet.
    filled: usize,
    /// How large the next slab is.
    slab_len: usize,
    /// How long the last frame was: about as long as the next.
    last: usize,
    /// Bytes read since [`FrameReader::take_count`].
    count: usize,
    /// Whether the last read took all that was there.
    drained: bool,
    /// Bytes that were moved from one slab to another.
    #[cfg(test)]
    moved: usize,
}

impl FrameReader {
    pub(super) fn new(stream: Stream, limits: Limits) -> Self {
        let slab = Slab::take(SLAB_FIRST);
        Self {
            stream,
            limits,
            slab,
            filled: 0,
            slab_len: SLAB_FIRST,
            last: 0,
            count: 0,
            drained: false,
            #[cfg(test)]
            moved: 0,
        }
    }

    /// Goes on where another reader of the same stream ended.
    pub(super) fn resume(stream: Stream, limits: Limits, unread: &[u8]) -> Self {
        let mut reader = Self::new(stream, limits);
        reader.reserve(unread.len());
        reader.slab.bytes_mut()[..unread.len()].copy_from_slice(unread);
        reader.filled = unread.len();
        reader
    }

    /// What has been read and not taken out.
    pub(super) fn unread(&self) -> &[u8] {
        &self.slab.bytes()[..self.filled]
    }

    /// What the peer may send from now on.
    pub(super) const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The next frame, or `None` if the peer closed between two frames.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>, ReadError> {
        loop {
            match self.look()? {
                Look::Whole(preamble) => return Ok(Some(self.take(preamble))),
                Look::Large(preamble) => return self.take_large(preamble).await.map(Some),
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
    pub(super) fn try_next(&mut self) -> Result<Option<Frame>, ReadError> {
        match self.look()? {
            Look::Whole(preamble) => Ok(Some(self.take(preamble))),
            Look::Large(_) | Look::Needs(_) => Ok(None),
        }
    }

    /// Bytes read since the last call.
    pub(super) fn take_count(&mut self) -> usize {
        mem::take(&mut self.count)
    }

    /// What the buffered bytes begin with.
    fn look(&self) -> Result<Look, ReadError> {
        let there = &self.slab.bytes()[..self.filled];
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

    /// Takes a frame out of the slab.
    fn take(&mut self, preamble: Preamble) -> Frame {
        let header = PREAMBLE_BYTES..PREAMBLE_BYTES + length(preamble.header_len);
        self.last = header.end + length(preamble.body_len);
        let frame = self.hand_out(self.last);
        Frame { preamble, body: frame.slice(header.end..), header: frame.slice(header) }
    }

    /// Takes a frame with a large body: what the slab has of it, then the rest from the stream straight
    /// into a slab of its own.
    async fn take_large(&mut self, preamble: Preamble) -> Result<Frame, ReadError> {
        let header = self.hand_out(PREAMBLE_BYTES + length(preamble.header_len));
        let header = header.slice(PREAMBLE_BYTES..);
        let need = length(preamble.body_len);
        let mut slab = Slab::take(need);
        let mut have = self.filled.min(need);
        slab.bytes_mut()[..have].copy_from_slice(&self.hand_out(have));
        while have < need {
            let n = self.stream.read(&mut slab.bytes_mut()[have..need]).await?;
            if n == 0 {
                return Err(ReadError::Truncated { have, need });
            }
            have += n;
            self.count += n;
        }
        let body = slab.hand_out(need);
        slab.retire();
        Ok(Frame { preamble, header, body })
    }

    fn hand_out(&mut self, len: usize) -> Bytes {
        self.filled -= len;
        self.slab.hand_out(len)
    }

    /// Makes room for a frame of which `need` bytes are wanted next, and for all of one like the last: what
    /// does not fit is moved, and with long frames that would be most of what is read.
    fn reserve(&mut self, need: usize) {
        // Where nobody keeps a view, the same warm memory serves again.
        let anew = self.filled == 0 && self.slab.begin_anew();
        let room = self.slab.bytes().len();
        // A busy peer gets a larger slab, and a rare huge frame must not keep its memory for ever.
        let whole = need.max(self.last);
        let fit = self.slab_len..=SLAB_LAST.max(whole.next_power_of_two());
        let unfit = anew && !fit.contains(&room);
        if unfit || room < whole.max(self.filled + READ_LEAST) {
            let mut slab = Slab::take(whole.max(self.slab_len));
            slab.bytes_mut()[..self.filled].copy_from_slice(&self.slab.bytes()[..self.filled]);
            #[cfg(test)]
            {
                self.moved += self.filled;
            }
            mem::replace(&mut self.slab, slab).retire();
        }
    }

    /// How many bytes to read at most, for a frame of which `need` bytes are wanted next. Of short frames,
    /// all that there are; a long one alone, because what is read beyond it would be moved.
    fn most(&self, need: usize) -> usize {
        let whole = need.max(self.last);
        let room = self.slab.bytes().len() - self.filled;
        if whole < LONG { room } else { (whole - self.filled).min(room) }
    }

    /// Reads once; `false` if the peer closed between two frames.
    async fn fill(&mut self, need: usize) -> Result<bool, ReadError> {
        let most = self.most(need);
        let room = &mut self.slab.bytes_mut()[self.filled..self.filled + most];
        // The rest of a frame that has begun is on its way: its sender may be waiting for room.
        let waits = self.filled == 0;
        let reading = async {
            if waits {
                read(&self.stream, room, self.drained).await
            } else {
                self.stream.read(room).await
            }
        };
        let n = match reading.await {
            // A process that ends with something unread resets its connections: it has left.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            read => read?,
        };
        if n == 0 && self.filled > 0 {
            return Err(ReadError::Truncated { have: self.filled, need });
        }
        if n == most {
            // More is there than fits: a busy peer is read in larger pieces.
            self.slab_len = (self.slab_len * 2).min(SLAB_LAST);
        }
        self.drained = n < most;
        self.filled += n;
        self.count += n;
        Ok(n > 0)
    }
}

/// Reads what is there; if that is nothing, as after a read that `drained` the connection, from the
/// core's next turn on.
async fn read(stream: &Stream, room: &mut [u8], drained: bool) -> io::Result<usize> {
    if !drained {
        match stream.try_read(room) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
    rt::until_turn().await;
    stream.read(room).await
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
const SLAB_FIRST: usize = 64 << 10;
/// Enough for a busy peer's frames, with payloads of some kilobytes in them.
const SLAB_LAST: usize = 1 << 20;
/// With less room than this, what is left of a slab is not worth a read.
const READ_LEAST: usize = 16 << 10;
/// A frame from this length on is read alone.
const LONG: usize = 128 << 10;
/// A body above this is read into its own memory; below, another read costs more than moving what a
/// slab has of it, when it is used up, to the next.
const LARGE: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::thread;

    use super::*;
    use crate::rt::{Options, run};

    /// Bytes that are moved while frames of such lengths are read, whose views are kept.
    fn moved(lengths: &[usize]) -> usize {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let ours = listener.accept().unwrap().0;
        let mut bytes = Vec::new();
        for (number, &len) in (0..).zip(lengths) {
            let body = len - PREAMBLE_BYTES;
            let preamble = Preamble::new(FrameKind::Requests, 0, u32::try_from(body).unwrap());
            bytes.extend_from_slice(&preamble.encode());
            bytes.resize(bytes.len() + body, number);
        }
        let peer = thread::spawn(move || theirs.write_all(&bytes).unwrap());
        let moved = run(&Options::default(), async {
            let stream = Stream::adopt(ours).unwrap();
            let mut reader = FrameReader::new(stream, Limits::default());
            let mut views = Vec::new();
            while let Some(frame) = reader.next().await.unwrap() {
                views.push(frame.body);
            }
            assert_eq!(views.len(), lengths.len());
            for ((number, view), len) in (0_u8..).zip(&views).zip(lengths) {
                assert!(view.len() + PREAMBLE_BYTES == *len && view.iter().all(|&b| b == number));
            }
            reader.moved
        });
        peer.join().unwrap();
        moved.unwrap()
    }

    #[test]
    fn long_frames_are_read_where_they_stay() {
        let lengths = [600_000; 20];
        let moved = moved(&lengths);
        // The first one, whose length nobody knows before, and what came behind it.
        assert!(moved <= 2 * 600_000, "{moved} of {} bytes", lengths.iter().sum::<usize>());
    }

    #[test]
    fn frames_of_all_lengths_are_read_whole() {
        let lengths: Vec<usize> = (0..60).map(|n| PREAMBLE_BYTES + n * n * 211).collect();
        moved(&lengths);
        moved(&[700_000, 100, 3_000, 500_000, 64, 64, 900_000, 1_500_000, 33]);
    }
}
