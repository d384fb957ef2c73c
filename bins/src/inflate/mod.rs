//! `inflate IN OUT request|task|action`: telemetry that the original's workers wrote, as TSV.
//!
//! Its workers write `<host>_task_telemetry.raw` and `<host>_action_telemetry.raw`. Ours keep no such
//! files: what they measure is in the controller's action log. The tool is for what lies about.

mod layout;
mod record;

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::Failure;
use crate::process::say;
use layout::{Action, Layout, Request, Task};
use record::{Broken, Records};

/// The command line of `inflate`.
#[derive(Debug, Parser)]
#[command(name = "inflate", about = "Turns a worker's binary telemetry into TSV")]
pub struct Arguments {
    /// A telemetry file, where the TSV goes, and what the file has: request, task or action
    #[arg(value_name = "IN OUT request|task|action")]
    words: Vec<String>,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", path.display())]
struct Unusable {
    path: PathBuf,
    cause: Broken,
}

/// Inflates a file. A last record that is cut off, as that of a killed process is, is said and left out.
///
/// # Errors
/// If a file cannot be read or written, or is no such telemetry; the records before have been written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let [from, to, kind, ..] = &arguments.words[..] else {
        say(USAGE);
        return Ok(());
    };
    let (from, to) = (Path::new(from), Path::new(to));
    let inflate = match kind.as_str() {
        "task" => inflate::<Task>,
        "action" => inflate::<Action>,
        "request" => inflate::<Request>,
        _ => {
            return Err(Failure::usage(format!(
                "`{kind}` is no telemetry: request, task or action"
            )));
        }
    };
    say(&format!("Inflating {}\n       to {}", from.display(), to.display()));
    let (records, broken) = inflate(from, to)?;
    say(&format!("Processed {records} records"));
    match broken {
        None => Ok(()),
        Some(Broken::Cut { .. }) => {
            say(&format!("note: the last record of {} is cut off", from.display()));
            Ok(())
        }
        Some(cause) => Err(Unusable { path: from.to_owned(), cause }.into()),
    }
}

/// Gives the number of records and what ended them before the end of the file.
fn inflate<L: Layout>(from: &Path, to: &Path) -> Result<(u64, Option<Broken>), Failure> {
    let unusable = |path: &Path| {
        let path = path.to_owned();
        move |error| Unusable { path, cause: Broken::Io(error) }
    };
    let file = File::open(from).map_err(unusable(from))?;
    let mut tsv = BufWriter::new(File::create(to).map_err(unusable(to))?);
    writeln!(tsv, "{}", L::columns().join("\t")).map_err(unusable(to))?;
    let mut records = Records::new(BufReader::new(file));
    let broken = loop {
        match L::read(&mut records) {
            Ok(Some(row)) => writeln!(tsv, "{}", row.join("\t")).map_err(unusable(to))?,
            Ok(None) => break None,
            Err(broken) => break Some(broken),
        }
    };
    tsv.flush().map_err(unusable(to))?;
    Ok((records.count, broken))
}

const USAGE: &str = "Inflates a binary format telemetry file into a TSV\n\
                     inflate IN OUT request|task|action";
