//! `clockwork log FILE`: a binary log as the lines that it stands for.

use std::error::Error;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use clap::Parser;
use clockwork_runtime::telemetry::{ReadError, binary_to_tsv};

use crate::Failure;

/// The command line.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// A log that was written with `log.format = "binary"`.
    file: PathBuf,
    /// Where the lines go; standard output if it is not named.
    #[arg(short, long)]
    output: Option<PathBuf>,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
struct Unusable<E: Error + 'static> {
    path: PathBuf,
    source: E,
}

/// Writes the log as TSV, with the same columns.
///
/// # Errors
/// If a file cannot be read or written, or is no binary log, or ends within a row.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { file, output } = arguments;
    let log = File::open(file).map_err(|source| Unusable { path: file.clone(), source })?;
    let copied = match output {
        Some(path) => {
            let tsv = File::create(path);
            let tsv = tsv.map_err(|source| Unusable { path: path.clone(), source })?;
            binary_to_tsv(log, tsv)
        }
        None => binary_to_tsv(log, io::stdout().lock()),
    };
    match copied {
        // Whoever wanted only the first lines has them.
        Err(ReadError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        copied => {
            copied.map_err(|source| Unusable { path: file.clone(), source })?;
            Ok(())
        }
    }
}
