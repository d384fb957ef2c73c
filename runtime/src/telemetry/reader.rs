//! Reads a binary log back as the TSV log that would have been written in its place.

use std::io::{self, BufReader, BufWriter, Read, Write};

use thiserror::Error;

use super::binary::{MAGIC, unpack};
use super::row::{Kind, Put};
use super::tsv::{Line, line};

/// A binary log cannot be turned into TSV.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It is something else, or of another version of the format.
    #[error("this is no binary log of this version: it does not begin with `CWLOG` and 1")]
    NotALog,
    /// The columns are described in a way that no log has.
    #[error("the description of column {column} is broken: {why}")]
    Column {
        /// Which one, from 0.
        column: u16,
        /// In words, what is wrong.
        why: String,
    },
    /// It ends within a row, as the log of a process that was killed does. All rows before have
    /// been written.
    #[error("the log ends within row {rows}, counted from 0; the rows before are complete")]
    Cut {
        /// Complete rows.
        rows: u64,
    },
    /// It cannot be read.
    #[error("the log cannot be read: {0}")]
    Read(#[source] io::Error),
    /// What was read cannot be written.
    #[error("the rows cannot be written: {0}")]
    Write(#[source] io::Error),
}

/// Writes a binary log as TSV: the same header line and the same rows that [`LogFiles`] would have
/// written. Gives the number of rows.
///
/// [`LogFiles`]: super::LogFiles
///
/// # Errors
/// If `log` is no binary log, ends within a row, or something cannot be read or written.
pub fn binary_to_tsv(log: impl Read, tsv: impl Write) -> Result<u64, ReadError> {
    let mut log = BufReader::with_capacity(BUFFER, log);
    let mut tsv = BufWriter::with_capacity(BUFFER, tsv);
    let columns = read_header(&mut log)?;
    let names = columns.iter().map(|(name, _)| name.as_str());
    tsv.write_all(line(names).as_bytes()).map_err(ReadError::Write)?;
    let kinds: Vec<Kind> = columns.iter().map(|&(_, kind)| kind).collect();
    let copied = copy_rows(&mut log, &kinds, &mut tsv);
    tsv.flush().map_err(ReadError::Write)?;
    copied
}

fn copy_rows(log: &mut impl Read, kinds: &[Kind], tsv: &mut impl Write) -> Result<u64, ReadError> {
    let mut row = vec![0; kinds.iter().map(|kind| kind.size()).sum()];
    let mut text = Vec::new();
    let mut rows = 0;
    while !row.is_empty() {
        match read_full(log, &mut row).map_err(ReadError::Read)? {
            0 => break,
            read if read < row.len() => return Err(ReadError::Cut { rows }),
            _ => {}
        }
        text.clear();
        write_row(kinds, &row, &mut text);
        tsv.write_all(&text).map_err(ReadError::Write)?;
        rows += 1;
    }
    Ok(rows)
}

fn write_row(kinds: &[Kind], row: &[u8], text: &mut Vec<u8>) {
    let mut put = Line::begin(text);
    let mut rest = row;
    for &kind in kinds {
        let (value, after) = rest.split_at(kind.size());
        put = unpack(kind, value, put);
        rest = after;
    }
    put.end();
}

fn read_header(log: &mut impl Read) -> Result<Vec<(String, Kind)>, ReadError> {
    let mut start = [0; MAGIC.len() + 2];
    let read = read_full(log, &mut start).map_err(ReadError::Read)?;
    let (magic, count) = start.split_at(MAGIC.len());
    if read < start.len() || magic != MAGIC {
        return Err(ReadError::NotALog);
    }
    let count = u16::from_le_bytes([count[0], count[1]]);
    (0..count).map(|column| read_column(log, column)).collect()
}

fn read_column(log: &mut impl Read, column: u16) -> Result<(String, Kind), ReadError> {
    let broken = |why: String| ReadError::Column { column, why };
    let mut start = [0; 2];
    let mut name = [0; 255];
    if read_full(log, &mut start).map_err(ReadError::Read)? < start.len() {
        return Err(broken("the log ends".to_owned()));
    }
    let [kind, length] = start;
    let name = &mut name[..usize::from(length)];
    if read_full(log, name).map_err(ReadError::Read)? < name.len() {
        return Err(broken("the log ends".to_owned()));
    }
    let Some(kind) = Kind::from_number(kind) else {
        return Err(broken(format!("its values are of the unknown kind {kind}")));
    };
    let is_plain = |byte: &u8| byte.is_ascii_graphic();
    if name.is_empty() || !name.iter().all(is_plain) {
        return Err(broken("its name is no name".to_owned()));
    }
    Ok((String::from_utf8_lossy(name).into_owned(), kind))
}

/// Reads until `buffer` is full or the end is there; gives the number of bytes.
fn read_full(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match log.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Bytes that are read or written at once.
const BUFFER: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::telemetry::action_log::tests::inferred;
    use crate::telemetry::binary::{Packed, header};
    use crate::telemetry::row::Row;
    use crate::telemetry::{ActionRow, RequestRecord, tsv};

    fn binary<R: Row>(rows: &[R]) -> Vec<u8> {
        let mut log = header(R::COLUMNS);
        for row in rows {
            row.put(Packed(&mut log));
        }
        log
    }

    fn text<R: Row>(rows: &[R]) -> Vec<u8> {
        let mut log = tsv::header(R::COLUMNS).into_bytes();
        for row in rows {
            row.put(Line::begin(&mut log));
        }
        log
    }

    fn read(log: &[u8]) -> (Result<u64, ReadError>, Vec<u8>) {
        let mut tsv = Vec::new();
        (binary_to_tsv(log, &mut tsv), tsv)
    }

    #[test]
    fn action_rows_come_back_as_the_lines_that_they_would_have_been() {
        let rows = [ActionRow::from(inferred()), ActionRow::from(inferred())];
        let (copied, tsv) = read(&binary(&rows));
        assert_eq!((copied.unwrap(), tsv), (2, text(&rows)));
    }

    #[test]
    fn a_log_without_rows_has_its_header() {
        let (copied, tsv) = read(&binary::<ActionRow>(&[]));
        assert_eq!((copied.unwrap(), tsv), (0, text::<ActionRow>(&[])));
    }

    #[test]
    fn a_log_that_ends_within_a_row_gives_the_rows_before() {
        let rows = [ActionRow::from(inferred())];
        let whole = binary(&rows);
        for extra in 1..whole.len() - header(ActionRow::COLUMNS).len() {
            let mut cut = whole.clone();
            cut.extend_from_slice(&whole[whole.len() - extra..]);
            let (copied, tsv) = read(&cut);
            assert!(matches!(copied, Err(ReadError::Cut { rows: 1 })), "{copied:?}");
            assert_eq!(tsv, text(&rows));
        }
    }

    #[test]
    fn what_is_no_log_is_refused() {
        for log in [&b""[..], b"CWLOG", b"t\taction_id\n", b"CWLOG\x02\x01\0\x01\x01t"] {
            assert!(matches!(read(log).0, Err(ReadError::NotALog)), "{log:?}");
        }
        for broken in [&b"\x01"[..], b"\x01\x05t", b"\x09\x01t", b"\x01\0", b"\x01\x01\t"] {
            let log = [MAGIC.as_slice(), b"\x01\0", broken].concat();
            assert!(matches!(read(&log).0, Err(ReadError::Column { column: 0, .. })), "{log:?}");
        }
    }

    fn records() -> impl Strategy<Value = RequestRecord> {
        use clockwork_wire::{ModelId, Nanos, RequestId, Span, Status, UserId};

        use crate::telemetry::Asked;
        let asked = (any::<u64>(), any::<u32>(), any::<f32>());
        let times = (any::<u64>(), any::<u64>(), prop_oneof![any::<u64>(), Just(u64::MAX)]);
        let rest = (any::<u32>(), any::<u16>(), any::<u32>(), any::<u32>());
        (asked, times, rest).prop_map(|((id, user, slo_factor), (arrival, latency, slo), rest)| {
            let (model, status, copies_at_arrival, copies_at_departure) = rest;
            RequestRecord {
                asked: Asked { id: RequestId::new(id), user: UserId::new(user), slo_factor },
                model: ModelId::new(model),
                status: Status::new(status),
                arrival: Nanos::new(arrival),
                departure: Nanos::new(arrival.saturating_add(latency)),
                slo: Span::new(slo),
                copies_at_arrival,
                copies_at_departure,
            }
        })
    }

    proptest! {
        #[test]
        fn every_request_row_comes_back_as_its_line(rows in prop::collection::vec(records(), 0..20)) {
            let (copied, tsv) = read(&binary(&rows));
            prop_assert_eq!(copied.unwrap(), u64::try_from(rows.len()).unwrap());
            prop_assert_eq!(tsv, text(&rows));
        }

        #[test]
        fn hostile_bytes_are_an_error_or_rows(
            mut log in prop::collection::vec(any::<u8>(), 0..400),
            magic in any::<bool>(),
        ) {
            if magic {
                log.splice(0..0, MAGIC.iter().copied());
            }
            let _ = read(&log);
        }
    }
}
