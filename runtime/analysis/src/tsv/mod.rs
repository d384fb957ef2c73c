//! Rows from and to TSV files, column by name.
//!
//! The files are ours or the original's: tab-separated, one header line, one row a line. Columns are
//! found by their names in the header, in any order; others are ignored. Numbers may be written as
//! floats (`3.32e+06`), as some writers do. A file is read as a stream: memory for one line.
//!
//! ```
//! use clockwork_analysis::{RequestRow, tsv};
//!
//! let log = "t\trequest_id\tresult\tuser_id\tmodel_id\tslo_factor\tlatency\tdeadline\tdeadline_met\t\
//!            arrival_count\tdeparture_count\tis_coldstart\n\
//!            1000\t7\t0\t0\t3\t0\t400\t-1\t1\t1\t1\t0\n";
//! let mut rows: Vec<RequestRow> = Vec::new();
//! let read = tsv::read(log.as_bytes(), "a log".as_ref(), |row| rows.push(row)).unwrap();
//! assert_eq!((read, rows[0].request_id), (1, 7));
//! ```

mod action;
mod cells;
mod ends;
mod error;
mod lines;
mod reader;
mod request;
mod writer;

pub use cells::{BadCell, Cells};
pub use ends::ends;
pub use error::ReadError;
pub use reader::{read, read_file};
pub use writer::{Writer, header, line};

/// A row of a log: its columns, and its values in their order.
pub trait Row: Sized {
    /// The columns, in the order in which they are written.
    const COLUMNS: &'static [&'static str];

    /// The row with these values; takes one for each column.
    ///
    /// # Errors
    /// If a value is not what its column has.
    fn parse(cells: &mut Cells<'_>) -> Result<Self, BadCell>;

    /// Gives one value for each column.
    fn put(&self, writer: &mut Writer<'_>);
}
