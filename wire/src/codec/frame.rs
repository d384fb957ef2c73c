//! What all encoders of frames share: a header under construction and the inline payloads behind it.

use std::fmt;
use std::ops::Range;

use flatbuffers::{FlatBufferBuilder, Push, Vector, WIPOffset};

use super::{Chain, FrameKind, Preamble, Sink, check};
use crate::Payload;

/// The largest payload that travels with its message, in bytes.
pub const INLINE_MAX: u32 = 16 << 10;

/// Whether a payload of `len` bytes travels with its message; if not, it goes as a body frame over
/// the bulk connection.
pub const fn is_inline(len: u32) -> bool {
    len <= INLINE_MAX
}

/// A frame under construction. Its memory is kept from frame to frame.
pub(super) struct FrameWriter {
    kind: FrameKind,
    pub(super) builder: FlatBufferBuilder<'static>,
    inline: Chain,
}

impl FrameWriter {
    pub(super) fn new(kind: FrameKind) -> Self {
        Self { kind, builder: FlatBufferBuilder::new(), inline: Chain::default() }
    }

    /// Takes in the inline part of a payload of `len` bytes: a copy of `parts`.
    ///
    /// # Panics
    /// If `parts` do not have together as many bytes as travel inline: `len`, or none if the payload
    /// goes over the bulk connection.
    pub(super) fn attach<'p>(&mut self, len: u64, parts: impl IntoIterator<Item = &'p [u8]>) {
        let before = self.inline.len();
        for part in parts {
            self.inline.put(part);
        }
        self.check_attached(before, len);
    }

    /// As [`FrameWriter::attach`], without a copy of what is long.
    pub(super) fn splice(&mut self, len: u64, parts: impl IntoIterator<Item = Payload>) {
        let before = self.inline.len();
        for part in parts {
            self.inline.splice(part);
        }
        self.check_attached(before, len);
    }

    fn check_attached(&self, before: usize, len: u64) {
        let (attached, due) = (check::wide(self.inline.len() - before), inline_part(len));
        assert_eq!(attached, due, "a payload of {len} bytes has {due} inline");
    }

    /// Moves `items` into the header as a vector; no vector if there are none.
    pub(super) fn vector<T: Push>(
        &mut self,
        items: &mut Vec<T>,
    ) -> Option<WIPOffset<Vector<'static, T::Output>>> {
        if items.is_empty() {
            return None;
        }
        let vector = self.builder.create_vector(items);
        items.clear();
        Some(vector)
    }

    /// Bytes so far, without structs that are not in the header yet.
    pub(super) fn len(&self) -> usize {
        self.builder.unfinished_data().len() + self.inline.len()
    }

    /// Appends the frame to `out` and starts the next one.
    pub(super) fn finish<T>(&mut self, root: WIPOffset<T>, out: &mut impl Sink) {
        self.builder.finish_minimal(root);
        let header = self.builder.finished_data();
        let [header_len, body_len] = [header.len(), self.inline.len()]
            .map(|len| u32::try_from(len).expect("a frame is smaller than 4 GiB"));
        out.put(&Preamble::new(self.kind, header_len, body_len).encode());
        out.put(header);
        out.take_in(&mut self.inline);
        self.builder.reset();
    }
}

/// Prints kind and length only.
impl fmt::Debug for FrameWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} frame of {} bytes so far", self.kind, self.len())
    }
}

/// Walks the inline payloads of a frame's body in the order of the messages.
#[derive(Clone, Debug, Default)]
pub(super) struct InlineCursor {
    at: usize,
}

impl InlineCursor {
    /// Where the inline part of the next payload lies, which has `len` bytes in all.
    pub(super) fn next(&mut self, len: u64) -> Range<usize> {
        let part = usize::try_from(inline_part(len)).expect("an inline payload fits in memory");
        let begin = self.at;
        self.at = begin.saturating_add(part);
        begin..self.at
    }

    /// Bytes walked over.
    pub(super) fn total(&self) -> u64 {
        check::wide(self.at)
    }
}

/// A frame with this many bytes should be finished before more is added.
pub(super) const FRAME_FULL: usize = 1 << 20;

fn inline_part(len: u64) -> u64 {
    if len <= u64::from(INLINE_MAX) { len } else { 0 }
}
