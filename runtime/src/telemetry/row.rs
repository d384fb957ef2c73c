//! What a row of a log is, whatever bytes it becomes.

use clockwork_wire::Span;

/// A record that is one row of a log.
pub(super) trait Row {
    /// The columns, in order.
    const COLUMNS: &'static [Column];

    /// Puts the values, one for each column and in their order.
    fn put<P: Put>(&self, put: P);
}

/// One column of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// Its name, at most 255 bytes.
    pub(super) name: &'static str,
    /// What its values are.
    pub(super) kind: Kind,
}

impl Column {
    /// A column of this name and kind.
    pub(super) const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind }
    }
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An integer of 8 bits, or a flag.
    U8,
    /// An integer of 16 bits.
    U16,
    /// An integer of 32 bits.
    U32,
    /// An integer of 64 bits, or a duration in nanoseconds.
    U64,
    /// A number in single precision.
    F32,
    /// A duration in nanoseconds that holds as a limit; with all bits set there is none.
    Limit,
}

impl Kind {
    /// Every kind.
    const ALL: [Self; 6] = [Self::U8, Self::U16, Self::U32, Self::U64, Self::F32, Self::Limit];

    /// The number that stands for it in a binary log; it never changes.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 => 3,
            Self::U64 => 4,
            Self::F32 => 5,
            Self::Limit => 6,
        }
    }

    /// The kind with this number.
    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Bytes of a value.
    pub(super) const fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 | Self::F32 => 4,
            Self::U64 | Self::Limit => 8,
        }
    }
}

/// Takes the values of one row, column by column.
pub(super) trait Put: Sized {
    /// An integer.
    fn uint(self, value: impl Uint) -> Self;

    /// A number in single precision.
    fn float(self, value: f32) -> Self;

    /// A limit on a duration; [`Span::MAX`] is none.
    fn limit(self, limit: Span) -> Self;

    /// Ends the row.
    fn end(self);

    /// A duration in nanoseconds.
    fn span(self, span: Span) -> Self {
        self.uint(span.get())
    }

    /// 0 or 1.
    fn flag(self, flag: bool) -> Self {
        self.uint(u8::from(flag))
    }
}

/// An unsigned integer that knows its width.
pub(super) trait Uint: Into<u64> {
    /// Appends its bytes, the lowest first.
    fn append_to(self, bytes: &mut Vec<u8>);
}

macro_rules! uints {
    ($($uint:ty),+) => {
        $(impl Uint for $uint {
            fn append_to(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        })+
    };
}

uints!(u8, u16, u32, u64);
