//! Numbers for people.

/// A number with six significant digits and no trailing zeros, as C++ streams print it.
pub(crate) fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let scientific = format!("{value:.5e}");
    let exponent = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok());
    let exponent: i32 = exponent.expect("the format has an exponent");
    if !(-5..6).contains(&exponent) {
        let (digits, exponent) = scientific.split_once('e').expect("the format has an exponent");
        return format!("{}e{exponent}", trimmed(digits));
    }
    let decimals = usize::try_from(5 - exponent).unwrap_or_default();
    trimmed(&format!("{value:.decimals$}")).to_owned()
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_are_kept_and_zeros_are_not() {
        for (value, text) in [
            (4.35, "4.35"),
            (2.9 * 1.5 * 1.5, "6.525"),
            (100_000.0, "100000"),
            (123_456.7, "123457"),
            (1_234_567.0, "1.23457e6"),
            (0.000_123_456_78, "0.000123457"),
            (9.999_999_9, "10"),
            (0.0, "0"),
        ] {
            assert_eq!(significant(value), text);
        }
    }
}
