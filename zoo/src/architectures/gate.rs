//! Squeeze and excitation (Hu et al., 2017): an image's averages decide how much of each channel passes.

use crate::net::{Activation, Value, k};

/// A gate of 1 x 1 convolutions from the averages through `squeezed` channels.
pub(super) fn gated<'n>(
    x: Value<'n>,
    averages: Value<'n>,
    squeezed: usize,
    [inner, outer]: [Activation; 2],
) -> Value<'n> {
    let y = averages.conv(squeezed, k(1).bias()).act(inner);
    x * y.conv(x.channels(), k(1).bias()).act(outer)
}

/// A width times a fraction, rounded to a multiple of 8, but not down by more than a tenth.
pub(super) fn eighths(width: usize, numerator: usize, denominator: usize) -> usize {
    let exact = width * numerator;
    let near = ((exact + 4 * denominator) / (8 * denominator) * 8).max(8);
    if 10 * near * denominator < 9 * exact { near + 8 } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_rounded_to_multiples_of_8() {
        assert_eq!([72, 120, 480, 16].map(|width| eighths(width, 1, 4)), [24, 32, 120, 8]);
        assert_eq!(eighths(11, 1, 1), 16);
    }
}
