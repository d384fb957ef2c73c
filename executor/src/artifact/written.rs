//! Which elements of a workspace hold something that its plan has written.

use std::ops::Range;

/// The written elements while a plan is followed step by step.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Disjoint, not touching, in rising order.
    ranges: Vec<Range<usize>>,
}

impl Written {
    /// These elements are written now.
    pub(super) fn add(&mut self, mut range: Range<usize>) {
        let first = self.ranges.partition_point(|other| other.end < range.start);
        let behind = self.ranges.partition_point(|other| other.start <= range.end);
        for other in self.ranges.drain(first..behind) {
            range = range.start.min(other.start)..range.end.max(other.end);
        }
        self.ranges.insert(first, range);
    }

    /// Whether all of these elements have been written.
    pub(super) fn covers(&self, range: &Range<usize>) -> bool {
        let inside = |other: &Range<usize>| other.start <= range.start && range.end <= other.end;
        range.is_empty() || self.ranges.iter().any(inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_grow_together_whatever_their_order() {
        let parts = [0..2, 2..3, 3..7, 6..9];
        for code in 0..parts.len().pow(4) {
            let order: Vec<_> =
                (0..4_u32).map(|digit| code / parts.len().pow(digit) % parts.len()).collect();
            let mut written = Written::default();
            for &part in &order {
                written.add(parts[part].clone());
            }
            for start in 0..10 {
                for end in start..10 {
                    let has = |at| order.iter().any(|&part| parts[part].contains(&at));
                    let expected = (start..end).all(has);
                    assert_eq!(written.covers(&(start..end)), expected, "{order:?} {start}..{end}");
                }
            }
        }
    }
}
