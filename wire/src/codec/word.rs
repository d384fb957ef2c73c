//! Small words that several messages contain, to and from their wire form.

use super::generated as fb;
use super::{COPIES_MAX, DecodeError, check};
use crate::{
    ActionId, ActionKind, BatchSize, Credits, Encoding, Interval, ModelId, Nanos, PageRange, Span,
};

pub(super) fn put_action_id(id: ActionId) -> fb::ActionId {
    fb::ActionId::new(id.epoch, id.shard, id.counter)
}

pub(super) fn action_id(raw: &fb::ActionId) -> ActionId {
    ActionId { epoch: raw.epoch(), shard: raw.shard(), counter: raw.counter() }
}

pub(super) fn put_credits(credits: Credits) -> fb::Credits {
    fb::Credits::new(credits.bytes, credits.requests)
}

pub(super) fn credits(raw: &fb::Credits) -> Credits {
    Credits { requests: raw.requests(), bytes: raw.bytes() }
}

pub(super) fn put_interval(interval: Interval) -> fb::Interval {
    let Interval { begin, end, duration } = interval;
    fb::Interval::new(begin.get(), end.get(), duration.get())
}

/// The duration is not compared with begin and end: a device's own clock measures it, and may differ
/// from the host's by a few nanoseconds.
pub(super) fn interval(field: &'static str, raw: &fb::Interval) -> Result<Interval, DecodeError> {
    check::not_before(field, raw.end(), raw.begin())?;
    Ok(Interval {
        begin: Nanos::new(raw.begin()),
        end: Nanos::new(raw.end()),
        duration: Span::new(raw.duration()),
    })
}

pub(super) const fn put_encoding(encoding: Encoding) -> fb::Encoding {
    match encoding {
        Encoding::Raw => fb::Encoding::Raw,
        Encoding::Lz4 => fb::Encoding::Lz4,
    }
}

pub(super) fn encoding(field: &'static str, raw: fb::Encoding) -> Result<Encoding, DecodeError> {
    check::range(field, raw.0, fb::Encoding::ENUM_MIN, fb::Encoding::ENUM_MAX)?;
    Ok(if raw == fb::Encoding::Lz4 { Encoding::Lz4 } else { Encoding::Raw })
}

/// The batch size on the wire: 0 for a kind without one.
pub(super) const fn put_batch(kind: ActionKind) -> u16 {
    match kind {
        ActionKind::Infer { batch } => batch.get(),
        ActionKind::Load | ActionKind::Evict => 0,
    }
}

pub(super) fn kind(
    field: &'static str,
    number: u8,
    batch_field: &'static str,
    batch_raw: u16,
) -> Result<ActionKind, DecodeError> {
    check::range(field, number, ActionKind::Load.number(), ActionKind::Evict.number())?;
    if number == (ActionKind::Infer { batch: BatchSize::ONE }).number() {
        return Ok(ActionKind::Infer { batch: batch(batch_field, batch_raw)? });
    }
    check::equal(batch_field, batch_raw, 0_u16)?;
    Ok(if number == ActionKind::Load.number() { ActionKind::Load } else { ActionKind::Evict })
}

/// The pages of an action: an INFER always needs all of them, and 0 pages begin nowhere else than
/// at the first.
pub(super) fn pages(kind: ActionKind, first: u16, count: u16) -> Result<PageRange, DecodeError> {
    if matches!(kind, ActionKind::Infer { .. }) {
        check::equal("action.page_count of an infer", count, 0_u16)?;
    }
    if count == 0 {
        check::equal("action.first_page of a whole model", first, 0_u16)?;
        return Ok(PageRange::WHOLE);
    }
    PageRange::new(first, count).ok_or_else(|| DecodeError::OutOfRange {
        field: "action.page_count",
        value: count.into(),
        min: 0,
        max: (1 << 16) - u64::from(first),
    })
}

pub(super) fn batch(field: &'static str, size: u16) -> Result<BatchSize, DecodeError> {
    BatchSize::new(size).ok_or_else(|| DecodeError::OutOfRange {
        field,
        value: size.into(),
        min: 1,
        max: BatchSize::LIMIT.into(),
    })
}

/// `copies` (at least `min`) contiguous ids from `first` on must exist.
pub(super) fn copies(
    field: &'static str,
    first: ModelId,
    copies: u32,
    min: u32,
) -> Result<u32, DecodeError> {
    let room = u64::from(u32::MAX - first.get()) + 1;
    check::range(field, copies, min, room.min(COPIES_MAX.into()))?;
    Ok(copies)
}
