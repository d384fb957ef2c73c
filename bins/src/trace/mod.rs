//! `clockwork trace DIR`: what devices were to do and what they did, for Perfetto or Chrome.
//!
//! Each device is a process of the trace, with a track for what was planned of INFERs, one for what
//! happened, two of LOADs, and marks for evictions and refusals. Where slices of one kind overlap, which
//! plans may, they take further tracks: a track of a trace must nest.

mod event;
mod excerpt;
mod lanes;
mod slices;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Parser;
use clockwork_analysis::{ActionRow, Logs, tsv};
use clockwork_config::unit::parse_span;
use clockwork_wire::{Nanos, Span};

use crate::Failure;
use crate::process::say;
use crate::report::find;

use excerpt::excerpt;

/// The command line of `clockwork trace`.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// A folder with an action log: `clockwork_action_log.tsv` or `file=controller_1_action.tsv`
    dir: PathBuf,
    /// Where the trace goes; trace.json in the folder by default
    #[arg(short, long)]
    out: Option<PathBuf>,
    /// From when on, counted from the first result
    #[arg(long, value_parser = span, default_value = "0s")]
    from: Span,
    /// How much is shown; a second of a busy controller is some thousand actions
    #[arg(long, value_parser = span, default_value = "10s")]
    length: Span,
    /// Also a picture of the first so much, as 100ms, beside the trace
    #[arg(long, value_parser = span)]
    picture: Option<Span>,
}

/// Nothing to show.
#[derive(Debug, thiserror::Error)]
enum NoTrace {
    #[error("{} has no action log", .0.display())]
    NoLog(PathBuf),
    #[error("no action ended in that part of the log: it has {0} in all")]
    Nothing(Span),
    #[error("more than {ACTIONS_MAX} actions ended in that part: take a shorter --length")]
    TooMany,
    #[error("{}: {}", .0.display(), .1)]
    Unwritten(PathBuf, std::io::Error),
}

/// Writes the trace.
///
/// # Errors
/// If there is no action log or nothing in that part of it, or a file cannot be read or written; and,
/// after what comes before the damage has been written, if the log is damaged (a last line that is cut off is
/// only said).
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { dir, out, from, length, picture } = arguments;
    let run = find(std::slice::from_ref(dir))?.into_iter().next();
    let logs = run.map(|run| run.logs).filter(|logs| !logs.actions.is_empty());
    let logs = logs.ok_or_else(|| NoTrace::NoLog(dir.clone()))?;
    let (first, last) = ends(&logs).unwrap_or_default();
    let (rows, errors) = rows(&logs, first + *from, first + *from + *length);
    let (cut, damage): (Vec<_>, Vec<_>) = errors.into_iter().partition(tsv::ReadError::is_cut);
    for error in cut {
        say(&format!("note: {error}"));
    }
    let damage = damage.into_iter().next().map_or(Ok(()), |error| Err(Failure::from(error)));
    if rows.is_empty() {
        return damage.and(Err(NoTrace::Nothing(last - first).into()));
    }
    if rows.len() > ACTIONS_MAX {
        return Err(NoTrace::TooMany.into());
    }
    let path = out.clone().unwrap_or_else(|| dir.join("trace.json"));
    let unwritten = |path: &Path| {
        let path = path.to_owned();
        move |error| NoTrace::Unwritten(path, error)
    };
    let file = File::create(&path).map_err(unwritten(&path))?;
    write(&rows, BufWriter::new(file)).map_err(unwritten(&path))?;
    say(&format!(
        "Trace of {} actions: {} (open it at ui.perfetto.dev)",
        rows.len(),
        path.display()
    ));
    if let Some(length) = picture {
        let svg = excerpt(&rows, *length);
        let path = path.with_extension("svg");
        std::fs::write(&path, svg).map_err(unwritten(&path))?;
        say(&format!("Picture: {}", path.display()));
    }
    damage
}

/// A picture of a short time in the middle of a run; `None` without actions there.
pub(crate) fn middle(logs: &Logs) -> Option<String> {
    let (first, last) = ends(logs)?;
    let from = first + (last - first).scale(0.5);
    let (rows, _) = rows(logs, from, from + PICTURE);
    (!rows.is_empty()).then(|| excerpt(&rows, PICTURE))
}

/// The actions whose results came in a part of a run, at most one more than a trace takes, and what was wrong
/// with the log.
fn rows(logs: &Logs, from: Nanos, until: Nanos) -> (Vec<ActionRow>, Vec<tsv::ReadError>) {
    let mut rows: Vec<ActionRow> = Vec::new();
    let mut errors = Vec::new();
    for path in &logs.actions {
        let take = |row: ActionRow| {
            if from <= row.t && row.t < until && rows.len() <= ACTIONS_MAX {
                rows.push(row);
            }
        };
        errors.extend(tsv::read_file(path, take).err());
    }
    (rows, errors)
}

/// When the first and the last result of a run came.
fn ends(logs: &Logs) -> Option<(Nanos, Nanos)> {
    Logs { requests: Vec::new(), actions: logs.actions.clone() }.ends()
}

/// The trace as Chrome's JSON: an object with a list of events.
fn write(rows: &[ActionRow], mut out: impl Write) -> std::io::Result<()> {
    out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")?;
    for (number, event) in event::events(rows).iter().enumerate() {
        if number > 0 {
            out.write_all(b",\n")?;
        }
        serde_json::to_writer(&mut out, event)?;
    }
    out.write_all(b"\n]}\n")?;
    out.flush()
}

fn span(text: &str) -> Result<Span, String> {
    parse_span(text).map_err(|error| error.to_string())
}

/// What a picture of a run shows: some tens of actions of each device.
const PICTURE: Span = Span::from_millis(100);

/// Actions of a trace: what a browser still opens.
const ACTIONS_MAX: usize = 500_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_json() {
        let mut json = Vec::new();
        write(&slices::tests::rows(), &mut json).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert!(json["traceEvents"].as_array().is_some_and(|events| events.len() > 5));
    }
}
