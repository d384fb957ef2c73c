//! Steps between integers and floats, each with its limit.

/// An integer as a float: exact up to 2^53.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "counts and nanoseconds beyond 2^53 need no exactness"
)]
pub(crate) const fn float(n: u64) -> f64 {
    n as f64
}

/// A sum as a float: exact up to 2^53.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "sums beyond 2^53 need no exactness"
)]
pub(crate) const fn float_wide(n: u128) -> f64 {
    n as f64
}

/// The integer part of a float that is not negative; NaN is 0.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float to integer casts saturate, which is what is wanted"
)]
pub(crate) const fn index(x: f64) -> u64 {
    x as u64
}

/// `part` of `whole`; 0 of nothing.
pub(crate) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
