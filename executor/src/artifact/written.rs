//! Which elements of a memory hold something that its plan has written.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Area;

/// The written elements while a plan is followed step by step.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Disjoint, not touching, in rising order.
    ranges: Vec<Range<usize>>,
    /// Columns of wider tensors that are not written as a whole yet, none of them a continuation of another.
    columns: Vec<Columns>,
}

/// The elements of an area that begins here.
#[derive(Clone, Copy, Debug)]
struct Columns {
    begin: usize,
    area: Area,
}

impl Written {
    /// The elements of an area that begins here are written now.
    pub(super) fn add(&mut self, begin: usize, area: Area) {
        let mut added = Columns { begin, area };
        if self.has_range(begin, area.span()) {
            return;
        }
        // Grows by what lies beside, above or below it, until nothing does.
        while let Some((index, joined)) =
            self.columns.iter().enumerate().find_map(|(i, other)| Some((i, added.joined(other)?)))
        {
            self.columns.swap_remove(index);
            added = joined;
        }
        if added.area.is_dense() {
            self.add_range(added.begin..added.begin + added.area.span());
        } else {
            self.columns.push(added);
        }
    }

    /// Whether all elements of an area that begins here have been written.
    pub(super) fn covers(&self, begin: usize, area: &Area) -> bool {
        let span = area.span();
        span == 0 || self.has_range(begin, span) || self.pieced(&Columns { begin, area: *area })
    }

    fn has_range(&self, begin: usize, len: usize) -> bool {
        self.ranges.iter().any(|other| other.start <= begin && begin + len <= other.end)
    }

    /// Whether several that lie near cover an area together: columns of the same tensor, some of which have perhaps
    /// been written for more requests than others.
    fn pieced(&self, wanted: &Columns) -> bool {
        let own = wanted.range();
        let near = |other: &Range<usize>| other.start < own.end && own.start < other.end;
        let inside = |other: &Range<usize>| other.start.max(own.start)..other.end.min(own.end);
        let ranges: Vec<_> = self.ranges.iter().filter(|range| near(range)).map(inside).collect();
        let columns: Vec<_> =
            self.columns.iter().filter(|columns| near(&columns.range())).collect();
        // What has no gaps has rows of any pitch.
        let pitches: BTreeSet<usize> = if wanted.area.is_dense() {
            columns.iter().map(|columns| columns.area.pitch).collect()
        } else {
            [wanted.area.pitch].into()
        };
        pitches.into_iter().any(|pitch| {
            let rows = Rows { origin: own.start, pitch };
            let same = columns.iter().filter(|columns| columns.area.pitch == pitch);
            let there = ranges.iter().flat_map(|range| rows.of_range(range));
            let there = there.chain(same.flat_map(|columns| rows.of_columns(columns)));
            there
                .fold(rows.of(wanted), |missing, there| {
                    missing.iter().flat_map(|piece| piece.without(&there)).collect()
                })
                .is_empty()
        })
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
    /// Both as one, if they are columns of one tensor that lie side by side or one below the other.
    fn joined(&self, other: &Self) -> Option<Self> {
        let (low, high) = if self.begin <= other.begin { (self, other) } else { (other, self) };
        let (begin, shift) = (low.begin, high.begin - low.begin);
        let Area { rows, width, pitch } = low.area;
        if low.area.is_dense() || pitch != high.area.pitch {
            return None;
        }
        let beside = rows == high.area.rows && shift <= width && shift + high.area.width <= pitch;
        let below =
            width == high.area.width && shift.is_multiple_of(pitch) && shift / pitch <= rows;
        if beside {
            let width = width.max(shift + high.area.width);
            Some(Self { begin, area: Area { width, ..low.area } })
        } else if below {
            let rows = rows.max(shift / pitch + high.area.rows);
            Some(Self { begin, area: Area { rows, ..low.area } })
        } else {
            None
        }
    }

    const fn range(&self) -> Range<usize> {
        self.begin..self.begin + self.area.span()
    }
}

/// Memory as rows of this many elements, the first of which begins here.
struct Rows {
    origin: usize,
    pitch: usize,
}

impl Rows {
    fn of(&self, columns: &Columns) -> Vec<Rectangle> {
        let all = if columns.area.is_dense() {
            self.of_range(&columns.range()).to_vec()
        } else {
            self.of_columns(columns).to_vec()
        };
        all.into_iter().filter(|piece| !piece.is_empty()).collect()
    }

    /// A range behind the origin: the rest of a row, whole rows, the begin of a row.
    const fn of_range(&self, range: &Range<usize>) -> [Rectangle; 3] {
        let pitch = self.pitch;
        let (begin, end) = (range.start - self.origin, range.end - self.origin);
        let (first, last) = (begin / pitch, end / pitch);
        let (left, right) = (begin % pitch, end % pitch);
        let own = if first == last { right } else { pitch };
        [
            Rectangle { rows: [first, first + 1], columns: [left, own] },
            Rectangle { rows: [first + 1, last], columns: [0, pitch] },
            Rectangle {
                rows: [last, last + if first == last { 0 } else { 1 }],
                columns: [0, right],
            },
        ]
    }

    /// Columns of the same pitch: what lies in the row where it begins, and what goes beyond that row's end.
    const fn of_columns(&self, columns: &Columns) -> [Rectangle; 2] {
        let Area { rows, width, pitch } = columns.area;
        // Rows that begin before the origin do not count, but for what the last of them has behind it.
        let before = self.origin.saturating_sub(columns.begin).div_ceil(pitch);
        let shift = columns.begin + before * pitch - self.origin;
        let (row, left) = (shift / pitch, shift % pitch);
        let end = row + rows - before;
        let beyond = (left + width).saturating_sub(pitch);
        [
            Rectangle { rows: [row, end], columns: [left, left + width - beyond] },
            Rectangle {
                rows: [if before == 0 { row + 1 } else { row }, end + 1],
                columns: [0, beyond],
            },
        ]
    }
}

/// Elements of rows: from a row and a column to others, which are not included.
#[derive(Clone, Copy, Debug)]
struct Rectangle {
    rows: [usize; 2],
    columns: [usize; 2],
}

impl Rectangle {
    const fn is_empty(&self) -> bool {
        self.rows[0] >= self.rows[1] || self.columns[0] >= self.columns[1]
    }

    /// What another leaves of it: above, below, left and right.
    fn without(&self, other: &Self) -> impl Iterator<Item = Self> + use<> {
        let [top, bottom] = self.rows;
        let [left, right] = self.columns;
        let [upper, lower] = other.rows.map(|row| row.clamp(top, bottom));
        let [near, far] = other.columns.map(|column| column.clamp(left, right));
        let apart = other.is_empty() || upper >= lower || near >= far;
        let rest = [
            Self { rows: [top, upper], ..*self },
            Self { rows: [lower, bottom], ..*self },
            Self { rows: [upper, lower], columns: [left, near] },
            Self { rows: [upper, lower], columns: [far, right] },
        ];
        let all = if apart { [Some(*self), None, None, None] } else { rest.map(Some) };
        all.into_iter().flatten().filter(|piece| !piece.is_empty())
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

    /// Which elements a plan has written, one by one.
    #[test]
    fn columns_of_some_rows_cover_what_their_elements_cover() {
        // Six rows of five elements, written in rectangles; the seed decides which.
        let mut seed = 7_usize;
        let mut draw = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let (origin, rows, pitch) = (40, 6, 5);
        let mut covered = 0;
        for _ in 0..400 {
            let mut written = Written::default();
            let mut elements = [false; 200];
            for _ in 0..draw(7) {
                let (row, column) = (draw(rows), draw(pitch));
                let own = area(1 + draw(rows - row), 1 + draw(pitch - column), pitch);
                let begin = origin + row * pitch + column;
                written.add(begin, own);
                for row in 0..own.rows {
                    elements[begin + row * pitch..][..own.width].fill(true);
                }
            }
            for begin in origin - pitch..origin + rows * pitch {
                for wanted in [
                    area(1 + draw(rows), 1 + draw(pitch), pitch),
                    area(1 + draw(3), 2, 2 + draw(4)),
                    area(1, 1 + draw(2 * pitch), 2 * pitch),
                ] {
                    let all = (0..wanted.rows).all(|row| {
                        let row = &elements[begin + row * wanted.pitch..][..wanted.width];
                        row.iter().all(|&element| element)
                    });
                    let found = written.covers(begin, &wanted);
                    let comparable = wanted.is_dense() || wanted.pitch == pitch;
                    assert!(found == all || !comparable && all, "{begin} {wanted:?} {written:?}");
                    covered += usize::from(found);
                }
            }
        }
        assert!(covered > 3_000, "{covered}");
    }
}
