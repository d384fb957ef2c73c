//! `clockwork report DIR...`: what runs and experiments come to, as one page with figures and tables.

mod comparison;
mod experiments;
mod figures;
mod page;
mod source;
mod table;
mod trials;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use clockwork_analysis::{Analysis, Cut, Group, Summary, View};
use clockwork_config::unit::parse_span;
use clockwork_wire::Span;
use serde::Serialize;

use crate::Failure;
use crate::chart::Chart;
use crate::process::say;
use crate::trace;
use experiments::Ran;
use page::Page;

pub use source::{Named, find};

/// The command line of `clockwork report`.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// Folders of experiments, as `clockwork experiment` leaves them; several of one experiment are compared. Or
    /// folders with logs: `clockwork_request_log.tsv` and `clockwork_action_log.tsv`, or
    /// `file=controller_I_request.tsv` and `file=controller_I_action.tsv` for runs I = 1, 2, ...; or folders of
    /// such folders
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Where the page, its figures, CSV and JSON go
    #[arg(short, long, default_value = "report")]
    out: PathBuf,
    /// Width of a point in figures over time: 10s; 60s for figure 11
    #[arg(long, value_parser = span)]
    bucket: Option<Span>,
    /// What is left out at the beginning of each run, as 10min
    #[arg(long, value_parser = span, default_value = "0s")]
    warm_up: Span,
    /// What is left out at the end
    #[arg(long, value_parser = span, default_value = "0s")]
    cool_down: Span,
    /// Devices there are; by default those that did something
    #[arg(long)]
    gpus: Option<u32>,
    /// Requests to look at by themselves: NAME=users:0-5 or NAME=models:3600-3600; may be repeated
    #[arg(long = "group", value_name = "GROUP", value_parser = group)]
    groups: Vec<Group>,
    /// Each DIR is a trial of figure 11, in which run I has 10 I devices; assumed if several DIRs have numbered
    /// logs
    #[arg(long)]
    trials: bool,
}

/// A run that was measured.
#[derive(Debug)]
struct Measured {
    named: Named,
    analysis: Analysis,
    /// What was wrong with its logs.
    problems: Vec<String>,
}

/// A figure and the name of its file.
struct Figure {
    name: String,
    chart: Chart,
}

impl Figure {
    fn new(name: &str, chart: Chart) -> Self {
        Self { name: name.to_owned(), chart }
    }
}

/// A log that could not be read to its end; the report says what came before.
#[derive(Debug, thiserror::Error)]
#[error("{count} logs are damaged; the report has what could be read: {first}")]
struct Damaged {
    count: usize,
    first: String,
}

/// What a report is about.
#[derive(Debug, Default)]
struct Found {
    /// Experiments, by name.
    experiments: Vec<Vec<Ran>>,
    /// Runs that have logs, those of experiments too.
    runs: Vec<Named>,
    /// Whether the runs are trials of figure 11.
    trials: bool,
}

impl Found {
    fn of(arguments: &Arguments) -> Result<Self, Failure> {
        let (mut experiments, mut runs) = (Vec::new(), Vec::new());
        for (trial, dir) in arguments.dirs.iter().enumerate() {
            let here = experiments::find(dir)?;
            if here.is_empty() {
                runs.extend(source::needed(dir, trial)?);
            }
            for ran in here {
                runs.extend(ran.logs(trial)?);
                experiments.push(ran);
            }
        }
        source::tell_apart(&mut runs);
        let trials = arguments.trials || experiments.is_empty() && source::are_trials(&runs);
        Ok(Self { experiments: experiments::by_name(experiments), runs, trials })
    }
}

/// Measures every run that has logs, and writes the report.
///
/// # Errors
/// If there are neither results nor logs, nothing is left of them, or a file cannot be written; and,
/// after the report has been written, if a log is damaged (a last line that is cut off is only said).
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Found { experiments, runs: found, trials } = Found::of(arguments)?;
    let view = view(arguments, trials);
    let mut damage = Vec::new();
    let mut runs = Vec::new();
    for named in found {
        let (analysis, errors) = named.logs.analyse(&view)?;
        for error in &errors {
            say(&format!("{}: {error}", if error.is_cut() { "note" } else { "warning" }));
        }
        damage.extend(errors.iter().filter(|error| !error.is_cut()).map(ToString::to_string));
        let problems = errors.iter().map(ToString::to_string).collect();
        runs.push(Measured { named, analysis, problems });
    }
    write(&experiments, &runs, trials, &arguments.out)?;
    let lines = experiments.iter().flat_map(|group| experiments::console(group));
    for line in lines.chain(table::console(&runs)) {
        say(&line);
    }
    say(&format!("Report: {}", arguments.out.join("report.html").display()));
    match damage.first() {
        None => Ok(()),
        Some(first) => Err(Damaged { count: damage.len(), first: first.clone() }.into()),
    }
}

fn view(arguments: &Arguments, trials: bool) -> View {
    let Arguments { warm_up, cool_down, gpus, groups, .. } = arguments;
    let usual = Span::from_secs(if trials { 60 } else { 10 });
    View {
        cut: Cut { warm_up: *warm_up, cool_down: *cool_down },
        bucket: arguments.bucket.unwrap_or(usual),
        gpus: *gpus,
        groups: groups.clone(),
    }
}

fn write(
    experiments: &[Vec<Ran>],
    runs: &[Measured],
    trials: bool,
    out: &Path,
) -> Result<(), Failure> {
    create(out)?;
    let mut page = Page::new();
    for group in experiments {
        experiments::add(&mut page, group, out)?;
    }
    if !experiments.is_empty() {
        put(&out.join("experiments.csv"), &experiments::csv(experiments))?;
    }
    if !runs.is_empty() {
        add_runs(&mut page, runs, trials, out)?;
    }
    put(&out.join("report.html"), &page.finish())
}

/// Adds all runs to the page, and writes their figures, CSV and JSON.
fn add_runs(page: &mut Page, runs: &[Measured], trials: bool, out: &Path) -> Result<(), Failure> {
    if trials {
        let (figures, csv) = trials::figures(runs);
        for (name, text) in csv {
            put(&out.join(format!("{name}.csv")), &text)?;
        }
        page.section("Figure 11: scalability", &keep(out, figures)?);
    } else {
        page.section("All runs", &keep(out, comparison::figures(runs))?);
    }
    page.table(runs);
    for run in runs.iter().filter(|_| !trials) {
        let folder = out.join(&run.named.name);
        create(&folder)?;
        put(&folder.join("series.csv"), &table::series(&run.analysis))?;
        page.run(run, &keep(&folder, figures::of(&run.analysis))?);
        if let Some(svg) = trace::middle(&run.named.logs) {
            put(&folder.join("timeline.svg"), &svg)?;
            page.timeline(&svg);
        }
        page.close();
    }
    put(&out.join("report.csv"), &table::csv(runs))?;
    put(&out.join("report.json"), &json(runs)?)
}

/// Writes each figure that shows something into `dir`; gives them as SVG.
fn keep(dir: &Path, figures: Vec<Figure>) -> Result<Vec<String>, Failure> {
    let mut svgs = Vec::new();
    for Figure { name, chart } in figures.into_iter().filter(|figure| !figure.chart.is_empty()) {
        let svg = chart.svg();
        put(&dir.join(format!("{name}.svg")), &svg)?;
        svgs.push(svg);
    }
    Ok(svgs)
}

/// A run as `report.json` has it.
#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    problems: &'a [String],
    summary: &'a Summary,
}

fn json(runs: &[Measured]) -> Result<String, Failure> {
    let written = runs.iter().map(|run| Written {
        name: &run.named.name,
        problems: &run.problems,
        summary: &run.analysis.summary,
    });
    Ok(serde_json::to_string_pretty(&written.collect::<Vec<_>>())? + "\n")
}

/// A file or folder that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written: {source}", path.display())]
struct Unwritten {
    path: PathBuf,
    source: std::io::Error,
}

fn create(dir: &Path) -> Result<(), Failure> {
    let unwritten = |source| Unwritten { path: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(unwritten)?;
    Ok(())
}

fn put(path: &Path, text: &str) -> Result<(), Failure> {
    let unwritten = |source| Unwritten { path: path.to_owned(), source };
    fs::write(path, text).map_err(unwritten)?;
    Ok(())
}

fn span(text: &str) -> Result<Span, String> {
    parse_span(text).map_err(|error| error.to_string())
}

/// A group as the command line names it; both ends of a range belong to it.
fn group(text: &str) -> Result<Group, String> {
    let wrong = || format!("`{text}` is no group: NAME=users:FROM-TO or NAME=models:FROM-TO");
    let (name, rule) = text.split_once('=').ok_or_else(wrong)?;
    let (kind, range) = rule.split_once(':').ok_or_else(wrong)?;
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| text.parse::<u32>().map_err(|_| wrong());
    let range = Some([number(from)?, number(to)?.saturating_add(1)]);
    let name = name.to_owned();
    match kind {
        "users" => Ok(Group { name, users: range, models: None }),
        "models" => Ok(Group { name, users: None, models: range }),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_named_ranges_of_users_or_models() {
        let front = group("foreground=users:0-5").unwrap();
        assert_eq!(
            (front.name.as_str(), front.users, front.models),
            ("foreground", Some([0, 6]), None)
        );
        assert_eq!(group("minor=models:3600").unwrap().models, Some([3_600, 3_601]));
        for wrong in ["", "x", "x=users", "x=users:a-b", "x=gpus:1-2", "x=users:-1"] {
            assert!(group(wrong).unwrap_err().contains("NAME=users"), "{wrong}");
        }
    }
}
