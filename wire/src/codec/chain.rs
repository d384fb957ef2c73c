//! Bytes on their way out, with payloads in between that are not copied.

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::Payload;

/// What takes in finished frames.
pub trait Sink {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);

    /// Appends all of `chain`, which is empty then.
    fn take_in(&mut self, chain: &mut Chain);
}

/// Copies everything: for frames that are kept or compared.
impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn take_in(&mut self, chain: &mut Chain) {
        chain.pieces().for_each(|piece| self.put(piece));
        chain.clear();
    }
}

/// Written bytes with payloads spliced in: what one vectored write sends, from where it lies.
#[derive(Debug, Default)]
pub struct Chain {
    /// Everything but the payloads.
    bytes: Vec<u8>,
    /// How many of `bytes` are gone.
    gone: usize,
    /// Each payload follows so many of `bytes`; they rise.
    spliced: VecDeque<(usize, Payload)>,
    /// Bytes of the first payload that are gone.
    gone_spliced: usize,
    /// All that is left.
    len: usize,
}

impl Chain {
    /// Bytes that are left.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a payload: as a view, or as a copy if it is so short that a copy costs less.
    pub fn splice(&mut self, payload: Payload) {
        if payload.len() < SPLICED_MIN {
            return self.put(&payload);
        }
        self.len += payload.len();
        self.spliced.push_back((self.bytes.len(), payload));
    }

    /// What was written after this many bytes, payloads not counted: for [`stamp`](super::stamp).
    ///
    /// # Panics
    /// If that is more than [`Chain::written`] says.
    pub fn written_from(&mut self, begin: usize) -> &mut [u8] {
        &mut self.bytes[begin..]
    }

    /// How many bytes were written since the chain was last empty, payloads not counted.
    pub const fn written(&self) -> usize {
        self.bytes.len()
    }

    /// Fills `slices` with what is left, from the front; gives how many it filled.
    pub fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slice, piece) in slices.iter_mut().zip(self.pieces()) {
            *slice = IoSlice::new(piece);
            filled += 1;
        }
        filled
    }

    /// Takes `count` bytes off the front; payloads that are gone are dropped at once.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn advance(&mut self, mut count: usize) {
        self.len = self.len.checked_sub(count).expect("no more is written than there is");
        while count > 0 {
            let own = self.own_ahead();
            let from_own = own.min(count);
            self.gone += from_own;
            count -= from_own;
            if from_own == own {
                count -= self.advance_spliced(count);
            }
        }
        if self.len == 0 {
            self.clear();
        }
    }

    /// Drops everything. The memory is kept, unless it is more than usual.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(BYTES_KEPT);
        self.spliced.clear();
        (self.gone, self.gone_spliced, self.len) = (0, 0, 0);
    }

    /// Written bytes up to the next payload.
    fn own_ahead(&self) -> usize {
        self.spliced.front().map_or(self.bytes.len(), |(at, _)| *at) - self.gone
    }

    /// Takes up to `count` bytes off the payload in front; gives how many.
    fn advance_spliced(&mut self, count: usize) -> usize {
        let Some((_, payload)) = self.spliced.front() else { return 0 };
        let left = payload.len() - self.gone_spliced;
        if count < left {
            self.gone_spliced += count;
            return count;
        }
        self.spliced.pop_front();
        self.gone_spliced = 0;
        left
    }

    /// What is left, piece by piece, none of them empty.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let (mut own, mut skip) = (self.gone, self.gone_spliced);
        let spliced = self.spliced.iter().flat_map(move |(at, payload)| {
            let pieces = [&self.bytes[own..*at], &payload[skip..]];
            (own, skip) = (*at, 0);
            pieces
        });
        let tail = self.spliced.back().map_or(self.gone, |(at, _)| *at);
        spliced.chain([&self.bytes[tail..]]).filter(|piece| !piece.is_empty())
    }
}

impl Sink for Chain {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    fn take_in(&mut self, chain: &mut Chain) {
        debug_assert!(chain.gone == 0 && chain.gone_spliced == 0, "a whole chain is appended");
        let base = self.bytes.len();
        self.bytes.extend_from_slice(&chain.bytes);
        let moved = chain.spliced.drain(..).map(|(at, payload)| (base + at, payload));
        self.spliced.extend(moved);
        self.len += chain.len;
        chain.clear();
    }
}

/// A payload from this length on is spliced, not copied.
const SPLICED_MIN: usize = 1024;
/// A rare huge frame must not keep its memory for ever.
const BYTES_KEPT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(byte: u8, len: usize) -> Payload {
        Payload::new(vec![byte; len])
    }

    fn chain() -> (Chain, Vec<u8>) {
        let mut chain = Chain::default();
        let mut flat = Vec::new();
        for (byte, len) in [(1, SPLICED_MIN), (2, 10), (3, 0), (4, 5000), (5, SPLICED_MIN)] {
            chain.put(&[byte; 7]);
            chain.splice(payload(byte, len));
            flat.extend_from_slice(&[byte; 7]);
            flat.extend_from_slice(&payload(byte, len));
        }
        chain.put(&[9; 3]);
        flat.extend_from_slice(&[9; 3]);
        (chain, flat)
    }

    /// What a vectored write of at most `slices` slices and `most` bytes would take.
    fn take(chain: &mut Chain, slices: usize, most: usize) -> Vec<u8> {
        let mut room = vec![IoSlice::new(&[]); slices];
        let filled = chain.fill(&mut room);
        let mut taken: Vec<u8> = room[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        taken.truncate(most);
        chain.advance(taken.len());
        taken
    }

    #[test]
    fn pieces_of_any_size_come_out_in_order_and_without_gaps() {
        for (slices, most) in [(1, 1), (1, 1000), (2, 1025), (3, 4096), (64, usize::MAX)] {
            let (mut chain, flat) = chain();
            assert_eq!(chain.len(), flat.len());
            let mut out = Vec::new();
            while !chain.is_empty() {
                out.extend(take(&mut chain, slices, most));
                assert_eq!(chain.len(), flat.len() - out.len());
            }
            assert!(out == flat, "{slices} slices, {most} bytes");
        }
    }

    #[test]
    fn a_chain_behind_a_chain_keeps_its_payloads_in_place() {
        let ((mut first, mut flat), (mut second, other)) = (chain(), chain());
        first.take_in(&mut second);
        assert!(second.is_empty());
        flat.extend(other);
        let mut out = Vec::new();
        out.take_in(&mut first);
        assert!(out == flat && first.is_empty());
    }

    #[test]
    fn a_long_payload_is_not_copied_and_dropped_once_it_is_gone() {
        let whole = payload(1, 5000);
        let mut chain = Chain::default();
        chain.put(&[0]);
        chain.splice(whole.clone());
        let mut room = [IoSlice::new(&[]); 4];
        assert_eq!(chain.fill(&mut room), 2);
        assert_eq!(room[1].as_ptr(), whole.as_ptr());
        chain.put(&[0]);
        chain.advance(5001);
        assert!(chain.spliced.is_empty() && chain.len() == 1);
    }
}
