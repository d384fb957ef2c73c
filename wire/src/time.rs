//! Instants, spans, and the step from another machine's clock to ours.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// An instant on *this* machine's clock: nanoseconds since the Unix epoch, read once at process
/// start and advanced by the monotonic clock, so that it never jumps.
///
/// An instant minus an instant is a [`Span`]; adding two instants does not compile. All arithmetic
/// saturates at [`Nanos::ZERO`] and [`Nanos::MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(u64);

impl Nanos {
    /// The beginning of time; as `earliest` it means "at once".
    pub const ZERO: Self = Self(0);
    /// The end of time; as `latest` it means "no limit".
    pub const MAX: Self = Self(u64::MAX);

    /// An instant from nanoseconds since the Unix epoch.
    pub const fn new(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The span from `earlier` to this instant; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Nanos {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Nanos {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Span> for Nanos {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for Nanos {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        self.since(earlier)
    }
}

/// A duration in nanoseconds, never negative. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// Longer than anything; as a limit it means "none".
    pub const MAX: Self = Self(u64::MAX);

    /// A span of `ns` nanoseconds.
    pub const fn new(ns: u64) -> Self {
        Self(ns)
    }

    /// A span of `us` microseconds.
    pub const fn from_micros(us: u64) -> Self {
        Self(us.saturating_mul(1_000))
    }

    /// A span of `ms` milliseconds.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// A span of `s` seconds.
    pub const fn from_secs(s: u64) -> Self {
        Self(s.saturating_mul(1_000_000_000))
    }

    /// The nearest span to `ns` nanoseconds; negative and NaN become zero.
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "float to integer casts saturate, which is what is wanted"
    )]
    pub fn from_f64(ns: f64) -> Self {
        // Not `round`, which is a call of the mathematics library.
        Self((ns + 0.5) as u64)
    }

    /// Nanoseconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Nanoseconds as a float: exact up to 2^53 ns, which is 104 days.
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "spans beyond 104 days need no exactness"
    )]
    pub const fn as_f64(self) -> f64 {
        self.0 as f64
    }

    /// Milliseconds as a float, for people.
    pub const fn as_millis_f64(self) -> f64 {
        self.as_f64() / 1e6
    }

    /// Seconds as a float, for rates.
    pub const fn as_secs_f64(self) -> f64 {
        self.as_f64() / 1e9
    }

    /// Whether this is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// This span `n` times.
    #[must_use]
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }

    /// This span scaled by `factor`; negative and NaN factors give zero.
    #[must_use]
    pub fn scale(self, factor: f64) -> Self {
        Self::from_f64(self.as_f64() * factor)
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Span {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for Span {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Span {
    fn sum<I: Iterator<Item = Self>>(spans: I) -> Self {
        spans.fold(Self::ZERO, Add::add)
    }
}

/// Prints with the unit a person would choose: `3.322ms`, `85us`, `12ns`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..1_000 => write!(f, "{}ns", self.0),
            1_000..1_000_000 => write!(f, "{}us", self.as_f64() / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{}ms", self.as_f64() / 1e6),
            _ => write!(f, "{}s", self.as_f64() / 1e9),
        }
    }
}

/// How far a peer's clock is ahead of ours, and how far that estimate may be wrong.
///
/// Local time = peer's time − `ahead`. Two processes of one boot share a clock: offset and error
/// are zero then ([`ClockOffset::SAME`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockOffset {
    /// Peer's clock minus ours, in nanoseconds.
    pub ahead: i64,
    /// Bound on the estimate's error: half of the smallest round trip seen.
    pub error: Span,
}

impl ClockOffset {
    /// Both ends read the same clock.
    pub const SAME: Self = Self { ahead: 0, error: Span::ZERO };

    /// The peer's instant on our clock. [`Nanos::ZERO`] and [`Nanos::MAX`] mean "always" and
    /// "never" on every clock and stay what they are.
    pub const fn to_local(self, peer: Nanos) -> Nanos {
        if peer.0 == 0 || peer.0 == u64::MAX {
            return peer;
        }
        if self.ahead >= 0 {
            Nanos(peer.0.saturating_sub(self.ahead.unsigned_abs()))
        } else {
            Nanos(peer.0.saturating_add(self.ahead.unsigned_abs()))
        }
    }
}

/// A word whose instants were read on another machine's clock.
///
/// Decoders return this, and nothing inside can be used before [`Foreign::into_local`] moved it to
/// our clock: forgetting the skew does not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign<T>(T);

impl<T> Foreign<T> {
    /// Wraps a word as it was read off the wire.
    pub const fn new(word: T) -> Self {
        Self(word)
    }

    /// The word as it was read, for writing it again.
    #[cfg(feature = "codec")]
    pub(crate) fn into_raw(self) -> T {
        self.0
    }
}

impl<T: Localize> Foreign<T> {
    /// The word with every instant moved to our clock.
    pub fn into_local(self, offset: ClockOffset) -> T {
        self.0.localize(offset)
    }
}

impl Foreign<Nanos> {
    /// Our clock at receipt minus the peer's clock at sending: network time plus skew, the sample
    /// from whose minima a [`ClockOffset`] is estimated. Saturates.
    pub fn delta(self, received: Nanos) -> i64 {
        let delta = i128::from(received.get()) - i128::from(self.0.get());
        i64::try_from(delta).unwrap_or(if delta < 0 { i64::MIN } else { i64::MAX })
    }
}

/// A word that carries instants.
pub trait Localize {
    /// Moves every instant from the peer's clock to ours.
    #[must_use]
    fn localize(self, offset: ClockOffset) -> Self;
}

impl Localize for Nanos {
    fn localize(self, offset: ClockOffset) -> Self {
        offset.to_local(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Nanos::ZERO - Span::new(1), Nanos::ZERO);
        assert_eq!(Nanos::MAX + Span::new(1), Nanos::MAX);
        assert_eq!(Nanos::new(1) - Nanos::new(2), Span::ZERO);
        assert_eq!(Span::from_f64(-1.0), Span::ZERO);
        assert_eq!(Span::from_f64(f64::NAN), Span::ZERO);
    }

    #[test]
    fn an_offset_moves_instants_but_not_always_and_never() {
        let ahead = ClockOffset { ahead: 5, error: Span::ZERO };
        let behind = ClockOffset { ahead: -5, error: Span::ZERO };
        assert_eq!(Foreign::new(Nanos::new(10)).into_local(ahead), Nanos::new(5));
        assert_eq!(Foreign::new(Nanos::new(10)).into_local(behind), Nanos::new(15));
        assert_eq!(Foreign::new(Nanos::ZERO).into_local(behind), Nanos::ZERO);
        assert_eq!(Foreign::new(Nanos::MAX).into_local(ahead), Nanos::MAX);
    }

    #[test]
    fn a_delta_is_signed_and_saturates() {
        assert_eq!(Foreign::new(Nanos::new(10)).delta(Nanos::new(7)), -3);
        assert_eq!(Foreign::new(Nanos::MAX).delta(Nanos::ZERO), i64::MIN);
        assert_eq!(Foreign::new(Nanos::ZERO).delta(Nanos::MAX), i64::MAX);
    }

    #[test]
    fn a_span_prints_in_the_unit_of_its_size() {
        assert_eq!(Span::new(12).to_string(), "12ns");
        assert_eq!(Span::new(3_322_000).to_string(), "3.322ms");
        assert_eq!(Span::from_secs(2).to_string(), "2s");
    }
}
