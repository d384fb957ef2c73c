//! As much of protocol buffers as it takes to write a message.

/// A message under construction: its fields so far, encoded.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn integer(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        // Negative numbers take ten bytes: that is the format.
        self.varint(u64::from_ne_bytes(value.to_ne_bytes()));
        self
    }

    pub(super) fn float(mut self, field: u64, value: f32) -> Self {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(super) fn string(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub(super) fn message(self, field: u64, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    pub(super) fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self = self.announce(field, value.len());
        self.0.extend(value);
        self
    }

    /// The key and length of a field whose `len` bytes follow by other means.
    pub(super) fn announce(mut self, field: u64, len: usize) -> Self {
        self.varint(field << 3 | 2);
        self.varint(u64::try_from(len).expect("a length fits 64 bits"));
        self
    }

    /// Adds another message's fields.
    pub(super) fn append(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    pub(super) fn encoded(&self) -> &[u8] {
        &self.0
    }

    fn varint(&mut self, mut value: u64) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                return self.0.push(low);
            }
            self.0.push(low | 0x80);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_encoded_as_the_format_says() {
        let inner = Message::default().integer(1, 150).integer(2, -1);
        assert_eq!(inner.encoded()[..3], [0x08, 0x96, 0x01]);
        assert_eq!(inner.encoded()[3..], [&[0x10][..], &[0xff; 9], &[0x01]].concat());
        let outer = Message::default().string(2, "testing").float(3, 1.0);
        assert_eq!(outer.encoded()[..9], *b"\x12\x07testing");
        assert_eq!(outer.encoded()[9..], [0x1d, 0, 0, 0x80, 0x3f]);
        let nested = Message::default().message(16, &inner).announce(1, 300);
        assert_eq!(nested.encoded()[..3], [0x82, 0x01, 14]);
        assert_eq!(nested.encoded()[17..], [0x0a, 0xac, 0x02]);
    }
}
