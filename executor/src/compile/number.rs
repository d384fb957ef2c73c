//! Conversions between numbers that may lose something, each with what it loses.
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the standard library has no other way, and each function says what is lost"
)]

/// The nearest f32; infinite beyond its range.
pub(super) fn narrow(number: f64) -> f32 {
    number as f32
}

/// The nearest f32.
pub(super) fn to_float(number: i64) -> f32 {
    number as f32
}

/// The nearest f32.
pub(super) fn size_to_float(number: usize) -> f32 {
    number as f32
}

/// Towards zero; the nearest bound beyond i64's range, 0 for what is no number.
pub(super) fn to_integer(number: f32) -> i64 {
    number as i64
}

/// Towards zero; 0 below it and for what is no number.
pub(super) fn to_size(number: f32) -> usize {
    number as usize
}

/// IEEE 754 half precision, exactly.
pub(super) fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (u32::from(bits >> 10) & 0x1f, u32::from(bits) & 0x3ff);
    let magnitude = match exponent {
        // Subnormal: multiples of 2^-24, which f32 holds exactly.
        0 => fraction as f32 * f32::from_bits(0x3380_0000),
        0x1f => f32::from_bits(0x7f80_0000 | fraction << 13),
        _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
    };
    if bits >> 15 == 0 { magnitude } else { -magnitude }
}

/// The upper half of an f32, exactly.
pub(super) fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_the_standard_says() {
        let cases = [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 2.0_f32.powi(-24)),
            (0x03ff, 1023.0 * 2.0_f32.powi(-24)),
            (0x0400, 2.0_f32.powi(-14)),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
        ];
        for (bits, expected) in cases {
            assert_eq!(half(bits).to_bits(), f32::to_bits(expected), "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
        assert_eq!(brain(0xbfc0).to_bits(), (-1.5_f32).to_bits());
    }
}
