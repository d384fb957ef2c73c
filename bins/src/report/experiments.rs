//! Experiments: their tables, figures and expectations, and several of the same beside each other.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clockwork_config::experiment::{Figure as Drawn, Measure};

use super::page::Page;
use super::source::{self, Named};
use super::table::quoted;
use super::{Figure, create, keep};
use crate::Failure;
use crate::chart::{Axis, Chart, Line};
use crate::experiment::{
    Cell, Document, Outcome, Row, Verdict, bottom, lines, median, points, row, shown,
};

/// The results of an experiment, from a folder.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ran {
    /// The folder's name.
    pub(super) folder: String,
    /// Where it is.
    pub(super) dir: PathBuf,
    pub(super) document: Document,
}

impl Ran {
    /// Its runs that kept their logs.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub(super) fn logs(&self, trial: usize) -> Result<Vec<Named>, Failure> {
        let mut runs = source::within(&self.dir, trial)?;
        for run in &mut runs {
            let same = |outcome: &&Outcome| u32::try_from(outcome.point + 1).ok() == run.number;
            run.about = self.document.outcomes.iter().find(same).map_or_else(String::new, place);
        }
        Ok(runs)
    }
}

/// The results in a folder, or else in the folders within it.
///
/// # Errors
/// If a file of results is broken, or a folder cannot be read.
pub(super) fn find(dir: &Path) -> Result<Vec<Ran>, Failure> {
    let in_folder = |dir: &Path| {
        let ran = |document| Ran { folder: source::name_of(dir), dir: dir.to_owned(), document };
        Ok::<_, Failure>(Document::read(dir)?.map(ran))
    };
    if let Some(ran) = in_folder(dir)? {
        return Ok(vec![ran]);
    }
    let folders = source::entries(dir)?.into_iter().filter(|path| path.is_dir());
    folders.filter_map(|folder| in_folder(&folder).transpose()).collect()
}

/// The experiments of one name each, in order of appearance; folders of one name are told apart.
pub(super) fn by_name(mut all: Vec<Ran>) -> Vec<Vec<Ran>> {
    let folders: Vec<String> = all.iter().map(|ran| ran.folder.clone()).collect();
    for (at, ran) in all.iter_mut().enumerate() {
        let same = |folders: &[String]| folders.iter().filter(|f| **f == ran.folder).count();
        if same(&folders) > 1 {
            ran.folder = format!("{}.{}", ran.folder, same(&folders[..at]) + 1);
        }
    }
    let mut groups: Vec<Vec<Ran>> = Vec::new();
    for ran in all {
        let name = &ran.document.experiment;
        match groups.iter_mut().find(|group| group[0].document.experiment == *name) {
            Some(group) => group.push(ran),
            None => groups.push(vec![ran]),
        }
    }
    groups
}

/// Adds runs of one experiment to the page, and writes its figures.
///
/// # Errors
/// If a figure cannot be written.
pub(super) fn add(page: &mut Page, group: &[Ran], out: &Path) -> Result<(), Failure> {
    let Document { experiment, title, published, differs, .. } = &group[0].document;
    page.open(&format!("{experiment}: {title}"));
    page.paragraph("Published", published);
    page.paragraph("What differs here", differs);
    page.part("Expectations", &expectations(group));
    page.part("Results", &results(group));
    page.part("Differences", &differences(group));
    let folder = out.join(experiment);
    create(&folder)?;
    page.figures(&keep(&folder, figures(group))?);
    page.folded("Cells", &cells(group));
    page.part("Runs", &about(group));
    page.close();
    Ok(())
}

/// One line an experiment, and one for each expectation that was missed.
pub(super) fn console(all: &[Ran]) -> Vec<String> {
    let lines = |Ran { folder, document, .. }: &Ran| {
        let verdicts = &document.verdicts;
        let met = verdicts.iter().filter(|verdict| verdict.holds()).count();
        let points = points(&document.outcomes).count();
        let name = &document.experiment;
        let head = format!(
            "{folder}: {name}, {}, {points} points, {met} of {} expectations met",
            document.extent,
            verdicts.len()
        );
        let missed = verdicts.iter().filter(|verdict| !verdict.holds());
        [head].into_iter().chain(missed.map(|verdict| format!("  {verdict}"))).collect::<Vec<_>>()
    };
    all.iter().flat_map(lines).collect()
}

/// Every trial with the measures of its experiment's table, as numbers.
pub(super) fn csv(groups: &[Vec<Ran>]) -> String {
    let mut text =
        "experiment,folder,point,trial,seed,mode,devices,complete,measure,value\n".to_owned();
    for Ran { folder, document, .. } in groups.iter().flatten() {
        for outcome in &document.outcomes {
            let Outcome { trial, seed, mode, devices, complete, .. } = outcome;
            let (name, place) = (quoted(&document.experiment), quoted(&place(outcome)));
            let run = format!(
                "{name},{},{place},{trial},{seed},{mode},{devices},{complete}",
                quoted(folder)
            );
            for &column in &document.columns {
                let value = outcome.measure(column).map_or_else(String::new, |v| v.to_string());
                writeln!(text, "{run},{},{value}", column.name())
                    .expect("a string takes every character");
            }
        }
    }
    text
}

/// What a point is.
fn place(outcome: &Outcome) -> String {
    let choices = outcome.choices.iter().map(|(axis, value)| format!("{axis} {value}"));
    choices.collect::<Vec<_>>().join(", ")
}

/// What became of each expectation, folder by folder beside each other.
fn expectations(group: &[Ran]) -> Vec<Vec<String>> {
    let head = ["expected", "folder", "", "worst", "at", "missed", "why"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let most = group.iter().map(|ran| ran.document.verdicts.len()).max().unwrap_or_default();
    for at in 0..most {
        for Ran { folder, document, .. } in group {
            let Some(verdict) = document.verdicts.get(at) else { continue };
            let Verdict { expected, source, worst, count, missed, .. } = verdict;
            let (value, place) = worst.as_ref().map_or(("not measured", ""), |(_, place)| {
                (verdict.shown.as_str(), place.as_str())
            });
            let mark = if verdict.holds() { "met" } else { "MISSED" };
            let missed = format!("{missed} of {count}");
            let cells = [expected, folder, mark, value, place, &missed, source];
            rows.push(cells.map(ToOwned::to_owned).to_vec());
        }
    }
    rows
}

/// The medians of each point, those of all folders below each other.
fn results(group: &[Ran]) -> Vec<Vec<String>> {
    let columns = &group[0].document.columns;
    let axes = group.iter().find_map(|ran| ran.document.outcomes.first());
    let axes = axes.into_iter().flat_map(|outcome| &outcome.choices).map(|(axis, _)| axis.clone());
    let names = columns.iter().map(|column| column.name().to_owned());
    let head = axes.chain(["folder".to_owned()]).chain(names).collect();
    let line = |(folder, trials): (&String, &[Outcome])| {
        let Row { choices, values, mark } = row(columns, trials);
        choices.into_iter().chain([format!("{folder}{mark}")]).chain(values).collect()
    };
    let beside = by_point(group);
    [head].into_iter().chain(beside.into_iter().flatten().map(line)).collect()
}

/// What each folder has of each point: those of the first folder in their order, then what others add.
fn by_point(group: &[Ran]) -> Vec<Vec<(&String, &[Outcome])>> {
    let mut all: Vec<Vec<(&String, &[Outcome])>> = Vec::new();
    for Ran { folder, document, .. } in group {
        for trials in points(&document.outcomes) {
            let same = |beside: &&mut Vec<(&String, &[Outcome])>| {
                beside[0].1[0].choices == trials[0].choices
            };
            match all.iter_mut().find(same) {
                Some(beside) => beside.push((folder, trials)),
                None => all.push(vec![(folder, trials)]),
            }
        }
    }
    all
}

/// Where folders differ from the first that has the point; nothing if there is but one.
fn differences(group: &[Ran]) -> Vec<Vec<String>> {
    let head = ["point", "measure", "folder", "value", "folder", "value", "change"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for beside in by_point(group) {
        let (first, base) = beside[0];
        for (folder, trials) in &beside[1..] {
            for &column in &group[0].document.columns {
                let [was, is] = [base, *trials].map(|t| median(t, |o| o.measure(column)));
                if was == is {
                    continue;
                }
                let text =
                    |value: Option<f64>| value.map_or_else(|| "-".into(), |v| shown(column, v));
                let change = was.zip(is).filter(|(was, _)| *was != 0.0);
                let change = change.map(|(was, is)| format!("{:+.3} %", 100.0 * (is / was - 1.0)));
                let change = change.unwrap_or_default();
                let (point, name) = (place(&base[0]), column.name().to_owned());
                rows.push(vec![
                    point,
                    name,
                    first.clone(),
                    text(was),
                    (*folder).clone(),
                    text(is),
                    change,
                ]);
            }
        }
    }
    rows
}

/// The figures, with the lines of every folder.
fn figures(group: &[Ran]) -> Vec<Figure> {
    let chart = |figure: &Drawn| {
        let of = |Ran { folder, document, .. }: &Ran| {
            let named =
                |(name, points): (String, Vec<(f64, f64)>)| match (group.len(), name.as_str()) {
                    (1, _) => Line::new(&name, points),
                    (_, "") => Line::new(folder, points),
                    (_, name) => Line::new(&format!("{folder}: {name}"), points),
                };
            lines(figure, &document.outcomes).into_iter().map(named).collect::<Vec<_>>()
        };
        let lines: Vec<Line> = group.iter().flat_map(of).collect();
        let x = along(bottom(figure), &lines);
        let (title, y) = (figure.title.clone(), Axis::new(figure.y.name()));
        let chart = Chart { title, x, y, lines, ..Chart::default() };
        Figure::new(&figure.file, chart)
    };
    group[0].document.figures.iter().map(chart).collect()
}

/// The axis along the bottom: logarithmic for what grows by factors, as SLOs do.
fn along(label: &str, lines: &[Line]) -> Axis {
    let all = lines.iter().flat_map(|line| &line.points).map(|(x, _)| *x);
    let (least, most) = all.fold((f64::INFINITY, 0.0_f64), |(a, b), x| (a.min(x), b.max(x)));
    if least > 0.0 && most > WIDE * least { Axis::log(label) } else { Axis::new(label) }
}

/// What was measured of the parts of each run: what the table has, and what is drawn of them.
fn cells(group: &[Ran]) -> Vec<Vec<String>> {
    let empty = Cell::default();
    let has = |column: &&Measure| empty.measure(**column).is_some() || **column == Measure::OfBound;
    let Document { columns, figures, .. } = &group[0].document;
    let drawn = figures.iter().filter(|figure| figure.x.is_none()).map(|figure| figure.y);
    let drawn = drawn.filter(|measure| !columns.contains(measure)).collect::<BTreeSet<_>>();
    let columns: Vec<Measure> = columns.iter().filter(has).copied().chain(drawn).collect();
    let head = ["point", "folder", "trial", "class", "from (s) or SLO factor"].map(str::to_owned);
    let names = columns.iter().map(|column| column.name().to_owned());
    let mut rows = vec![head.into_iter().chain(names).collect::<Vec<_>>()];
    for Ran { folder, document, .. } in group {
        for outcome in &document.outcomes {
            let (place, trial) = (place(outcome), outcome.trial.to_string());
            rows.extend(outcome.cells.iter().map(|cell| {
                let what = [cell.class.to_string(), number(cell.key)];
                let value = |&column: &Measure| {
                    cell.measure(column).map_or_else(|| "-".into(), |value| shown(column, value))
                };
                let run = [place.clone(), folder.clone(), trial.clone()];
                run.into_iter().chain(what).chain(columns.iter().map(value)).collect()
            }));
        }
    }
    rows
}

/// How each folder came about.
fn about(group: &[Ran]) -> Vec<Vec<String>> {
    let head = ["folder", "length", "trials", "points", "broken off", "how", "violations", "notes"];
    let row = |Ran { folder, document, .. }: &Ran| {
        let outcomes = &document.outcomes;
        let broken_off = outcomes.iter().filter(|outcome| !outcome.complete).count();
        let violations: usize = outcomes.iter().map(|outcome| outcome.violations.len()).sum();
        let joined = |texts: BTreeSet<&str>| texts.into_iter().collect::<Vec<_>>().join("; ");
        let modes = joined(outcomes.iter().map(|outcome| outcome.mode.as_str()).collect());
        let notes = outcomes.iter().flat_map(|outcome| &outcome.notes).map(String::as_str);
        let (extent, trials) = (document.extent.clone(), document.trials.to_string());
        let counts = [points(outcomes).count(), broken_off].map(|count| count.to_string());
        let [points, broken_off] = counts;
        let violations = violations.to_string();
        vec![
            folder.clone(),
            extent,
            trials,
            points,
            broken_off,
            modes,
            violations,
            joined(notes.collect()),
        ]
    };
    [head.map(str::to_owned).to_vec()].into_iter().chain(group.iter().map(row)).collect()
}

/// A factor or seconds, without needless digits.
fn number(key: f64) -> String {
    let text = format!("{key:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How many times its least value an axis spans before it becomes logarithmic.
const WIDE: f64 = 30.0;
