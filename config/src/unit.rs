//! Spans, sizes and batch sizes as people write them: `"100ms"`, `"16MiB"`, `8`.
//!
//! A plain integer is taken as the base unit (nanoseconds, bytes), as the original's command line
//! and configuration files have it. Values are written back in the largest unit that holds them
//! exactly, so that a written file reads back to the same value.

use clockwork_wire::Span;
use thiserror::Error;

/// A value that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot read `{value}` as {what}: allowed is {allowed}")]
pub struct UnitError {
    /// What stands there.
    pub value: String,
    /// What was expected.
    pub what: &'static str,
    /// How it may be written.
    pub allowed: &'static str,
}

/// Reads a span: an integer or decimal number with `ns`, `us`, `ms`, `s`, `min` or `h`, or a plain
/// integer of nanoseconds. A fraction of a nanosecond is rounded down.
///
/// # Errors
/// If it is anything else, negative, or longer than 2^64 ns (584 years).
pub fn parse_span(text: &str) -> Result<Span, UnitError> {
    parse_scaled(text, &SPAN_UNITS).map(Span::new).ok_or_else(|| UnitError {
        value: text.into(),
        what: "a span of time",
        allowed: SPAN_ALLOWED,
    })
}

/// Writes a span so that [`parse_span`] reads the same one.
pub fn format_span(span: Span) -> String {
    format_scaled(span.get(), &SPAN_UNITS)
}

/// Reads a size: an integer or decimal number with `B`, `KiB`, `MiB`, `GiB`, `TiB`, `kB`, `MB`,
/// `GB` or `TB`, or a plain integer of bytes. A fraction of a byte is rounded down.
///
/// # Errors
/// If it is anything else, negative, or 2^64 bytes or more.
pub fn parse_bytes(text: &str) -> Result<u64, UnitError> {
    parse_scaled(text, &BYTE_UNITS).ok_or_else(|| UnitError {
        value: text.into(),
        what: "a size",
        allowed: BYTES_ALLOWED,
    })
}

/// Writes a size so that [`parse_bytes`] reads the same one.
pub fn format_bytes(bytes: u64) -> String {
    format_scaled(bytes, &BYTE_UNITS[..BINARY_UNITS])
}

/// Serde for spans: `#[serde(with = "crate::unit::span")]`.
pub mod span {
    use super::{Span, SpanOrSize, format_span, parse_span};
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes a span as text with its unit.
    ///
    /// # Errors
    /// If the format cannot hold text.
    pub fn serialize<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_span(*span))
    }

    /// Reads text with a unit, or an integer of nanoseconds.
    ///
    /// # Errors
    /// As [`parse_span`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        match SpanOrSize::deserialize(deserializer)? {
            SpanOrSize::Integer(ns) => Ok(Span::new(ns)),
            SpanOrSize::Text(text) => parse_span(&text).map_err(D::Error::custom),
        }
    }
}

/// Serde for sizes in bytes: `#[serde(with = "crate::unit::bytes")]`.
pub mod bytes {
    use super::{SpanOrSize, format_bytes, parse_bytes};
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes a size as text with its unit.
    ///
    /// # Errors
    /// If the format cannot hold text.
    pub fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_bytes(*bytes))
    }

    /// Reads text with a unit, or an integer of bytes.
    ///
    /// # Errors
    /// As [`parse_bytes`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        match SpanOrSize::deserialize(deserializer)? {
            SpanOrSize::Integer(bytes) => Ok(bytes),
            SpanOrSize::Text(text) => parse_bytes(&text).map_err(D::Error::custom),
        }
    }
}

/// Serde for batch sizes: `#[serde(with = "crate::unit::batch_size")]`.
pub mod batch_size {
    use clockwork_wire::BatchSize;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes a batch size as an integer.
    ///
    /// # Errors
    /// If the format cannot hold integers.
    pub fn serialize<S: Serializer>(size: &BatchSize, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(size.get())
    }

    /// Reads an integer from 1 to [`BatchSize::LIMIT`].
    ///
    /// # Errors
    /// If it is out of that range.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BatchSize, D::Error> {
        let size = u16::deserialize(deserializer)?;
        BatchSize::new(size).ok_or_else(|| {
            let limit = BatchSize::LIMIT;
            D::Error::custom(format_args!("a batch size of {size}: allowed is 1 to {limit}"))
        })
    }
}

/// Either way of writing a value.
#[derive(serde::Deserialize)]
#[serde(
    untagged,
    expecting = "an integer that is not negative, or text such as \"100ms\" or \"16MiB\""
)]
enum SpanOrSize {
    Integer(u64),
    Text(String),
}

/// Number and unit, exactly: the fraction is scaled in integers.
fn parse_scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    if unit.is_empty() {
        return number.parse().ok();
    }
    let scale = units.iter().find(|(name, _)| *name == unit.trim())?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    whole.checked_add(scaled_fraction(fraction, scale)?)
}

/// The decimal fraction `0.digits` of `scale`, rounded down.
fn scaled_fraction(digits: &str, scale: u64) -> Option<u64> {
    let places = u32::try_from(digits.len()).ok().filter(|&n| n <= FRACTION_DIGITS_MAX)?;
    let fraction = u128::from(digits.parse::<u64>().ok()?);
    u64::try_from(fraction * u128::from(scale) / 10_u128.pow(places)).ok()
}

/// The largest unit that divides the value; `units` rise.
fn format_scaled(value: u64, units: &[(&str, u64)]) -> String {
    let exact =
        units.iter().rev().find(|(_, scale)| value >= *scale && value.is_multiple_of(*scale));
    match exact {
        Some((unit, scale)) => format!("{}{unit}", value / scale),
        None => format!("{value}{}", units[0].0),
    }
}

/// Digits after the decimal point: as many as a u64 always holds.
const FRACTION_DIGITS_MAX: u32 = 18;

const SPAN_UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
const SPAN_ALLOWED: &str = "a number with ns, us, ms, s, min or h, or an integer of nanoseconds";

/// How many of [`BYTE_UNITS`] are binary; only these are written.
const BINARY_UNITS: usize = 5;
const BYTE_UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];
const BYTES_ALLOWED: &str =
    "a number with B, KiB, MiB, GiB, TiB, kB, MB, GB or TB, or an integer of bytes";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_takes_every_unit_and_plain_nanoseconds() {
        assert_eq!(parse_span("100ms"), Ok(Span::from_millis(100)));
        assert_eq!(parse_span(" 2.5 s "), Ok(Span::from_millis(2_500)));
        assert_eq!(parse_span("5000000"), Ok(Span::from_millis(5)));
        assert_eq!(parse_span("24h"), Ok(Span::from_secs(86_400)));
        assert_eq!(parse_span("0.5us"), Ok(Span::new(500)));
    }

    #[test]
    fn a_size_takes_every_unit_and_plain_bytes() {
        assert_eq!(parse_bytes("16MiB"), Ok(16 << 20));
        assert_eq!(parse_bytes("21.5GiB"), Ok(23_085_449_216));
        assert_eq!(parse_bytes("1kB"), Ok(1_000));
        assert_eq!(parse_bytes("536870912"), Ok(536_870_912));
    }

    #[test]
    fn nonsense_is_refused_with_what_is_allowed() {
        for bad in ["", "ms", "-1ms", "1.5", "1..5s", "1.s", "10 parsecs", "99999999999h", "1e3ms"]
        {
            let error = parse_span(bad).expect_err(bad);
            assert!(error.to_string().contains("nanoseconds"), "{error}");
        }
        assert!(parse_bytes("1.0000000000000000000MiB").is_err());
        assert!(parse_bytes("20000000000GiB").is_err());
    }

    #[test]
    fn what_is_written_reads_back() {
        for ns in [0, 1, 999, 1_000, 1_500_000, 10_000_000, 3_600_000_000_000, u64::MAX] {
            assert_eq!(parse_span(&format_span(Span::new(ns))), Ok(Span::new(ns)));
            assert_eq!(parse_bytes(&format_bytes(ns)), Ok(ns));
        }
        assert_eq!(format_span(Span::from_millis(100)), "100ms");
        assert_eq!(format_bytes(16 << 20), "16MiB");
    }
}
