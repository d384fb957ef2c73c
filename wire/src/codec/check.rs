//! The checks of which decoders are made. Each names the field, the value and the bound.

use super::{DecodeError, MESSAGE_MAX, NAME_MAX};

/// A length must not exceed its limit in bytes.
pub(super) fn length(field: &'static str, value: u64, limit: u32) -> Result<(), DecodeError> {
    let limit = u64::from(limit);
    if value > limit {
        return Err(DecodeError::TooLong { field, value, limit });
    }
    Ok(())
}

/// A number must lie in its range.
pub(super) fn range(
    field: &'static str,
    value: impl Into<u64>,
    min: impl Into<u64>,
    max: impl Into<u64>,
) -> Result<(), DecodeError> {
    let (value, min, max) = (value.into(), min.into(), max.into());
    if value < min || value > max {
        return Err(DecodeError::OutOfRange { field, value, min, max });
    }
    Ok(())
}

/// Two numbers must agree.
pub(super) fn equal(
    field: &'static str,
    value: impl Into<u64>,
    expected: impl Into<u64>,
) -> Result<(), DecodeError> {
    let (value, expected) = (value.into(), expected.into());
    if value != expected {
        return Err(DecodeError::Mismatch { field, value, expected });
    }
    Ok(())
}

/// A number must not be less than its bound.
pub(super) fn not_before(
    field: &'static str,
    value: impl Into<u64>,
    bound: impl Into<u64>,
) -> Result<(), DecodeError> {
    let (value, bound) = (value.into(), bound.into());
    if value < bound {
        return Err(DecodeError::Disorder { field, value, bound });
    }
    Ok(())
}

/// The numbers of a list must rise strictly.
pub(super) fn rising(
    field: &'static str,
    values: impl IntoIterator<Item = u32>,
) -> Result<(), DecodeError> {
    let mut bound = 0_u64;
    for value in values {
        not_before(field, value, bound)?;
        bound = u64::from(value) + 1;
    }
    Ok(())
}

/// A name: at most [`NAME_MAX`] bytes.
pub(super) fn name(field: &'static str, text: &str) -> Result<String, DecodeError> {
    bounded(field, text, NAME_MAX)
}

/// A text for people: at most [`MESSAGE_MAX`] bytes.
pub(super) fn message(field: &'static str, text: &str) -> Result<String, DecodeError> {
    bounded(field, text, MESSAGE_MAX)
}

/// A length as a wide number.
pub(super) fn wide(len: usize) -> u64 {
    u64::try_from(len).expect("a length fits 64 bits")
}

/// `text` without what lies beyond `max` bytes; characters stay whole.
pub(super) fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// What a decoder has read once may be read again without a check.
///
/// # Panics
/// If it had not been read with success.
pub(super) fn passed<T>(word: Result<T, DecodeError>) -> T {
    word.expect("decode checked every message")
}

fn bounded(field: &'static str, text: &str, max: usize) -> Result<String, DecodeError> {
    if text.len() > max {
        let (value, limit) = (wide(text.len()), wide(max));
        return Err(DecodeError::TooLong { field, value, limit });
    }
    Ok(text.to_owned())
}
