//! Reads the tab-separated logs of controller and client.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::Failure;

/// Hands these columns of every row to `take`. They must be whole numbers.
///
/// # Errors
/// If the file cannot be read, or a column is not there.
pub(super) fn read<const N: usize>(
    path: &Path,
    columns: [&str; N],
    mut take: impl FnMut([u64; N]),
) -> Result<(), Failure> {
    let mut lines = BufReader::new(File::open(path)?);
    let mut line = String::new();
    lines.read_line(&mut line)?;
    let unreadable = |what: &str| Unreadable { path: path.into(), what: what.into() };
    let header: Vec<&str> = line.trim_end().split('\t').collect();
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        let at = header.iter().position(|name| *name == column);
        *place = at.ok_or_else(|| unreadable(column))?;
    }
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let row: Vec<&str> = line.trim_end().split('\t').collect();
        let cell = |place: usize| row.get(place).and_then(|cell| cell.parse().ok());
        let values = places.map(cell);
        if values.iter().any(Option::is_none) {
            return Err(unreadable(&line).into());
        }
        take(values.map(Option::unwrap_or_default));
    }
}

/// The value below which a fraction of them lies; `None` of none.
pub(super) fn percentile(values: &mut [u64], per_mille: usize) -> Option<u64> {
    let last = values.len().checked_sub(1)?;
    let at = (values.len() * per_mille / 1_000).min(last);
    Some(*values.select_nth_unstable(at).1)
}

#[derive(Debug, thiserror::Error)]
#[error("{} has no `{what}`", path.display())]
struct Unreadable {
    path: PathBuf,
    what: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a\tb\tc\n1\tx\t3\n4\ty\t6\n").unwrap();
        let mut rows = Vec::new();
        read(file.path(), ["c", "a"], |row| rows.push(row)).unwrap();
        assert_eq!(rows, [[3, 1], [6, 4]]);
        assert!(read(file.path(), ["b"], |_| ()).is_err(), "not a number");
        assert!(read(file.path(), ["d"], |_| ()).is_err(), "not there");
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let mut values: Vec<u64> = (0..100).rev().collect();
        assert_eq!(percentile(&mut values, 500), Some(50));
        assert_eq!(percentile(&mut values, 990), Some(99));
        assert_eq!(percentile(&mut [7], 1_000), Some(7));
        assert_eq!(percentile(&mut [], 500), None);
    }
}
