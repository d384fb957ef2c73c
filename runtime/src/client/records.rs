//! What became of each single request, for whoever wants to know it all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use clockwork_wire::{ModelId, Nanos, RequestId, Status};

use super::session::Answered;

/// One answered request. Times are of this process's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// The id under which it travelled, as in the controller's log.
    pub(super) id: RequestId,
    pub(super) model: ModelId,
    pub(super) status: Status,
    /// When it was meant to be sent.
    pub(super) intended: Nanos,
    /// When it was handed to its connection.
    pub(super) sent: Nanos,
    /// When the controller took it in.
    pub(super) arrival: Nanos,
    /// When the controller answered.
    pub(super) departure: Nanos,
    /// When the answer was read.
    pub(super) received: Nanos,
}

impl Record {
    /// What the answer says.
    pub(super) fn of(answered: &Answered) -> Self {
        let Answered { response, received, sent_as, .. } = answered;
        Self {
            id: *sent_as,
            status: response.status,
            arrival: response.arrival,
            departure: response.departure,
            received: *received,
            ..Self::default()
        }
    }
}

/// The records of a run, if they are wanted: kept in memory, 64 bytes each, and written when it is
/// over, so that it is not disturbed.
#[derive(Debug, Default)]
pub(super) struct Records(Option<Vec<Record>>);

impl Records {
    /// Nothing has happened. If they are not wanted, nothing will be kept.
    pub(super) fn new(wanted: bool) -> Self {
        Self(wanted.then(Vec::new))
    }

    /// Keeps a record.
    pub(super) fn push(&mut self, record: impl FnOnce() -> Record) {
        if let Some(records) = &mut self.0 {
            records.push(record());
        }
    }

    /// Takes in those of another part of the run.
    pub(super) fn merge(&mut self, other: Self) {
        if let (Some(mine), Some(theirs)) = (&mut self.0, other.0) {
            mine.extend(theirs);
        }
    }

    /// Writes them as a table of tab-separated columns, one header line first.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        self.write_to(&mut out)?;
        out.flush()
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", COLUMNS.join("\t"))?;
        for record in self.0.iter().flatten() {
            let Record { id, model, status, .. } = record;
            write!(out, "{}\t{}\t{}", id.get(), model.get(), status.get())?;
            let Record { intended, sent, arrival, departure, received, .. } = record;
            for at in [intended, sent, arrival, departure, received] {
                write!(out, "\t{}", at.get())?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// Times are nanoseconds since the Unix epoch.
const COLUMNS: [&str; 8] =
    ["request_id", "model_id", "status", "intended", "sent", "arrival", "departure", "received"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_row_with_a_cell_per_column() {
        let mut records = Records::new(true);
        records.push(|| Record {
            model: ModelId::new(7),
            status: Status::LATE,
            ..Record::default()
        });
        let mut other = Records::new(true);
        other.push(|| Record { received: Nanos::new(5), ..Record::default() });
        records.merge(other);
        let mut out = Vec::new();
        records.write_to(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows: Vec<Vec<_>> = text.lines().map(|row| row.split('\t').collect()).collect();
        assert_eq!(rows[0], COLUMNS);
        assert_eq!(rows[1][..3], ["0", "7", "9"]);
        assert_eq!((rows[2].len(), rows[2][7], rows.len()), (8, "5", 3));
    }

    #[test]
    fn records_that_nobody_wants_are_not_made() {
        let mut records = Records::new(false);
        records.push(|| unreachable!("nobody wants it"));
        assert!(records.0.is_none());
    }
}
