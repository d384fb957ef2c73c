//! A log in binary: a header that names the columns, then rows of one size, lowest byte first.
//!
//! | bytes | what |
//! |---|---|
//! | 6 | `CWLOG` and the format's version, 1 |
//! | 2 | number of columns |
//! | per column: 1, 1, n | its [`Kind`], the length of its name, its name |
//! | per row | the values, each as large as its kind, nothing between them |
//!
//! The header describes the rows completely, so that whatever reads it needs to know neither this
//! version's columns nor their order.

use clockwork_wire::Span;

use super::row::{Column, Kind, Put, Uint};

/// What a binary log begins with.
pub(super) const MAGIC: &[u8; 6] = b"CWLOG\x01";

/// The header of a log with these columns.
pub(super) fn header(columns: &[Column]) -> Vec<u8> {
    let count = u16::try_from(columns.len()).expect("a log has few columns");
    let mut header = MAGIC.to_vec();
    count.append_to(&mut header);
    for Column { name, kind } in columns {
        let length = u8::try_from(name.len()).expect("a column's name is short");
        header.extend_from_slice(&[kind.number(), length]);
        header.extend_from_slice(name.as_bytes());
    }
    header
}

/// Appends the values of one row to a buffer.
pub(super) struct Packed<'a>(pub(super) &'a mut Vec<u8>);

impl Put for Packed<'_> {
    fn uint(self, value: impl Uint) -> Self {
        value.append_to(self.0);
        self
    }

    fn float(self, value: f32) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn limit(self, limit: Span) -> Self {
        self.span(limit)
    }

    fn end(self) {}
}

/// Puts the value that `bytes` are, which must be as many as its kind has.
pub(super) fn unpack<P: Put>(kind: Kind, bytes: &[u8], put: P) -> P {
    match kind {
        Kind::U8 => put.uint(u8::from_le_bytes(array(bytes))),
        Kind::U16 => put.uint(u16::from_le_bytes(array(bytes))),
        Kind::U32 => put.uint(u32::from_le_bytes(array(bytes))),
        Kind::U64 => put.uint(u64::from_le_bytes(array(bytes))),
        Kind::F32 => put.float(f32::from_le_bytes(array(bytes))),
        Kind::Limit => put.limit(Span::new(u64::from_le_bytes(array(bytes)))),
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("a value has the size of its kind")
}
