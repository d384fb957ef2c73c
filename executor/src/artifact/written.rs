//! Which elements of a memory hold something that its plan has written.

use std::ops::Range;

use super::Area;

/// The written elements while a plan is followed step by step.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Disjoint, not touching, in rising order.
    ranges: Vec<Range<usize>>,
    /// Columns of wider tensors that are not written as a whole yet.
    columns: Vec<Columns>,
}

/// The elements of an area that begins here.
#[derive(Debug)]
struct Columns {
    begin: usize,
    area: Area,
}

impl Written {
    /// The elements of an area that begins here are written now.
    pub(super) fn add(&mut self, begin: usize, area: Area) {
        let mut added = Columns { begin, area };
        // Grows by what lies beside it, until nothing does.
        while let Some(index) = self.columns.iter().position(|other| added.touches(other)) {
            added = added.joined(&self.columns.swap_remove(index));
        }
        if added.area.is_dense() {
            self.add_range(added.begin..added.begin + added.area.span());
        } else {
            self.columns.push(added);
        }
    }

    /// Whether all elements of an area that begins here have been written.
    pub(super) fn covers(&self, begin: usize, area: &Area) -> bool {
        let range = begin..begin + area.span();
        let inside = |other: &Range<usize>| other.start <= range.start && range.end <= other.end;
        range.is_empty()
            || self.ranges.iter().any(inside)
            || self.columns.iter().any(|other| other.covers(begin, area))
    }

    fn add_range(&mut self, mut range: Range<usize>) {
        let first = self.ranges.partition_point(|other| other.end < range.start);
        let behind = self.ranges.partition_point(|other| other.start <= range.end);
        for other in self.ranges.drain(first..behind) {
            range = range.start.min(other.start)..range.end.max(other.end);
        }
        self.ranges.insert(first, range);
    }
}

impl Columns {
    /// Whether both together are columns of one tensor without a gap between them.
    fn touches(&self, other: &Self) -> bool {
        let (low, high) = if self.begin <= other.begin { (self, other) } else { (other, self) };
        let shift = high.begin - low.begin;
        !low.area.is_dense()
            && (low.area.rows, low.area.pitch) == (high.area.rows, high.area.pitch)
            && shift <= low.area.width
            && shift + high.area.width <= low.area.pitch
    }

    fn joined(&self, other: &Self) -> Self {
        let begin = self.begin.min(other.begin);
        let end = |columns: &Self| columns.begin - begin + columns.area.width;
        let width = end(self).max(end(other));
        Self { begin, area: Area { width, ..self.area } }
    }

    fn covers(&self, begin: usize, area: &Area) -> bool {
        let Some(shift) = begin.checked_sub(self.begin) else { return false };
        let (row, column) = (shift / self.area.pitch, shift % self.area.pitch);
        let aligned = area.pitch == self.area.pitch || area.rows == 1;
        aligned && row + area.rows <= self.area.rows && column + area.width <= self.area.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(rows: usize, width: usize, pitch: usize) -> Area {
        Area::new(rows, width, pitch).unwrap()
    }

    #[test]
    fn ranges_grow_together_whatever_their_order() {
        let parts = [0..2, 2..3, 3..7, 6..9];
        for code in 0..parts.len().pow(4) {
            let order: Vec<_> =
                (0..4_u32).map(|digit| code / parts.len().pow(digit) % parts.len()).collect();
            let mut written = Written::default();
            for &part in &order {
                let part = &parts[part];
                written.add(part.start, area(1, part.len(), part.len()));
            }
            for start in 0..10 {
                for end in start + 1..10 {
                    let has = |at| order.iter().any(|&part| parts[part].contains(&at));
                    let expected = (start..end).all(has);
                    let wanted = area(1, end - start, end - start);
                    assert_eq!(
                        written.covers(start, &wanted),
                        expected,
                        "{order:?} {start}..{end}"
                    );
                }
            }
        }
    }

    #[test]
    fn columns_become_a_whole_whatever_their_order() {
        // Four rows of ten elements in three columns.
        let columns = [(100, 3), (103, 1), (104, 6)];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut written = Written::default();
            for (count, index) in order.into_iter().enumerate() {
                assert!(!written.covers(100, &area(1, 40, 40)), "{count} columns of 3");
                let (begin, width) = columns[index];
                written.add(begin, area(4, width, 10));
                assert!(written.covers(begin, &area(4, width, 10)));
                assert!(written.covers(begin + 20, &area(2, width, 10)));
                assert!(!written.covers(begin + 20, &area(3, width, 10)), "behind the last row");
            }
            assert!(written.covers(100, &area(1, 40, 40)));
            assert!(!written.covers(99, &area(1, 2, 2)) && !written.covers(139, &area(1, 2, 2)));
        }
    }
}
