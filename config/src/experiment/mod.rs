//! Experiments as data: a cluster, a workload, what varies, and what must come of it.
//!
//! An experiment is one TOML file. `[run]` describes one run; each `[[axis]]` names something that
//! varies, and `{name}` anywhere in `[run]` is replaced by its value, so that the product of the axes
//! gives the *points*. `[quick]` and `[full]` change keys of `[run]` for a short and a long form.
//!
//! ```
//! use clockwork_config::experiment::{Experiment, Extent};
//!
//! let experiment = Experiment::builtin("fig5").unwrap();
//! let points = experiment.points(Extent::Quick).unwrap();
//! assert!(points.iter().any(|point| point.at("slo") == Some("25ms")));
//! ```

mod axes;
mod expect;
pub mod parm;
mod run;

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Table;

use crate::ConfigError;

pub use self::axes::{Axis, Point};
pub use self::expect::{Expect, Figure, Measure};
pub use self::run::{Cells, Run};

/// What is to be found out, and how.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// What it shows, in a line.
    pub title: String,
    /// Where it was published, and how it was done there.
    pub published: String,
    /// What differs here, and why; and why the quick form suffices where it does.
    pub differs: String,
    /// Why this build cannot run it; empty if it can.
    #[serde(default)]
    pub lacks: String,
    /// A configuration of ParM's, instead of a run and axes; see [`parm`].
    #[serde(default)]
    parm: Option<Table>,
    /// What varies; the last axis varies fastest.
    #[serde(default, rename = "axis")]
    pub axes: Vec<Axis>,
    /// Points that are left out: each names axes, and of each axis values, separated by `|`.
    #[serde(default)]
    skip: Vec<BTreeMap<String, String>>,
    /// A run, with `{axis}` in the place of what varies.
    #[serde(default)]
    run: Table,
    /// Keys of a run, or of ParM's configuration, that are others in the short form.
    #[serde(default)]
    quick: Table,
    /// The same in the long form.
    #[serde(default)]
    full: Table,
    /// What the table of results shows of each point.
    #[serde(default)]
    pub columns: Vec<Measure>,
    /// What must come of it.
    #[serde(default)]
    pub expect: Vec<Expect>,
    /// What is drawn.
    #[serde(default, rename = "figure")]
    pub figures: Vec<Figure>,
}

/// How long an experiment may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// Short runs and few points, which show the same shape.
    #[default]
    Quick,
    /// What was published, in full.
    Full,
}

impl Extent {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }
}

impl Experiment {
    /// Reads an experiment and checks every point of both forms.
    ///
    /// # Errors
    /// If it is no TOML, a key is unknown or missing, or a value cannot be; with `origin` and the place.
    pub fn read(origin: &str, text: &str) -> Result<Self, ConfigError> {
        let fault = |cause: String| ConfigError::Syntax { origin: origin.into(), cause };
        let mut experiment: Self =
            toml::from_str(text).map_err(|error| fault(error.to_string()))?;
        if experiment.parm.is_some() {
            if !experiment.axes.is_empty() || !experiment.run.is_empty() {
                return Err(fault("[parm] stands instead of [run] and [[axis]]".into()));
            }
            experiment.axes = axes::of_parm();
        }
        for extent in [Extent::Quick, Extent::Full] {
            experiment.points(extent).map_err(|error| fault(error.to_string()))?;
        }
        experiment.check_names().map_err(fault)?;
        Ok(experiment)
    }

    /// The experiment of this name that comes with the program.
    ///
    /// # Errors
    /// If there is none; the error names all there are.
    pub fn builtin(name: &str) -> Result<Self, ConfigError> {
        let text = text(name).ok_or_else(|| {
            let names = names().collect::<Vec<_>>().join(", ");
            ConfigError::range("experiment", name, format!("one of {names}"))
        })?;
        Self::read(&format!("{name}.toml"), text)
    }

    /// The points of a form, in order; none if this build cannot run it.
    ///
    /// # Errors
    /// If a run has an unknown key, a value out of its range, or names no axis in braces.
    pub fn points(&self, extent: Extent) -> Result<Vec<Point>, ConfigError> {
        if !self.lacks.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(config) = self.parm(extent)? {
            return Ok(axes::parm_points(&config));
        }
        let mut run = self.run.clone();
        run.extend(self.changes(extent).clone());
        let mut points = axes::points(&self.axes, extent, &run)?;
        points.retain(|point| !self.skip.iter().any(|skip| point.is_of(skip)));
        Ok(points)
    }

    /// How often each point is run if nobody says otherwise: once, or as ParM's configuration says.
    ///
    /// # Errors
    /// As [`points`](Self::points).
    pub fn trials(&self, extent: Extent) -> Result<u32, ConfigError> {
        Ok(self.parm(extent)?.map_or(1, |config| config.num_trials))
    }

    /// An experiment that consists of one of ParM's configurations, which has one length.
    ///
    /// # Errors
    /// If a value of it is unknown, out of its range or cannot be run here.
    pub fn of_parm(name: &str, config: Table) -> Result<Self, ConfigError> {
        let columns = [Measure::Num, Measure::P50, Measure::Mean];
        let tail = [Measure::P99, Measure::P995, Measure::P999];
        let experiment = Self {
            title: format!("ParM's configuration {name}"),
            published: String::new(),
            differs: String::new(),
            lacks: String::new(),
            parm: Some(config),
            axes: axes::of_parm(),
            skip: Vec::new(),
            run: Table::new(),
            quick: Table::new(),
            full: Table::new(),
            columns: columns.into_iter().chain(tail).collect(),
            expect: Vec::new(),
            figures: Vec::new(),
        };
        experiment.points(Extent::Full).map(|_| experiment)
    }

    fn changes(&self, extent: Extent) -> &Table {
        match extent {
            Extent::Quick => &self.quick,
            Extent::Full => &self.full,
        }
    }

    /// ParM's configuration, checked, if this is one.
    fn parm(&self, extent: Extent) -> Result<Option<parm::Config>, ConfigError> {
        let Some(table) = &self.parm else { return Ok(None) };
        let mut table = table.clone();
        table.extend(self.changes(extent).clone());
        let fault = |error: toml::de::Error| ConfigError::Syntax {
            origin: "ParM's configuration".into(),
            cause: error.to_string(),
        };
        let config: parm::Config = table.try_into().map_err(fault)?;
        config.check()?;
        Ok(Some(config))
    }

    /// Expectations, figures and what is left out name axes that there are.
    fn check_names(&self) -> Result<(), String> {
        let known = |name: &str| self.axes.iter().any(|axis| axis.name == name);
        let expected =
            self.expect.iter().flat_map(|expect| expect.at.keys().chain(expect.beside.keys()));
        let drawn = self.figures.iter().filter_map(|figure| figure.x.as_ref());
        let skipped = self.skip.iter().flat_map(BTreeMap::keys);
        let unknown = expected.chain(drawn).chain(skipped).find(|name| !known(name));
        unknown.map_or(Ok(()), |name| Err(format!("there is no axis `{name}`")))
    }
}

/// The names of the experiments that come with the program, in the order of the help text.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|(name, _)| *name)
}

/// The file of an experiment that comes with the program.
pub fn text(name: &str) -> Option<&'static str> {
    BUILTIN.iter().find(|(builtin, _)| *builtin == name).map(|(_, text)| *text)
}

macro_rules! builtin {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../experiments/", $name, ".toml")))),+]
    };
}

static BUILTIN: [(&str, &str); 14] = builtin![
    "fig5",
    "fig6",
    "fig7",
    "fig8",
    "fig9_10",
    "fig11",
    "parm-simple",
    "parm-fig9a",
    "parm-fig9b",
    "parm-fig10",
    "parm-fig11",
    "parm-fig12",
    "parm-fig13",
    "parm-batch",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_experiment_is_well_formed() {
        for name in names() {
            let experiment = Experiment::builtin(name).unwrap_or_else(|error| panic!("{error}"));
            let runs = experiment.points(Extent::Quick).unwrap().len();
            assert_ne!(runs == 0, experiment.lacks.is_empty(), "{name}");
        }
    }

    #[test]
    fn an_unknown_experiment_names_the_known_ones() {
        let error = Experiment::builtin("fig4").unwrap_err().to_string();
        assert!(error.contains("fig4") && error.contains("fig5"), "{error}");
    }

    #[test]
    fn what_is_left_out_is_no_point_and_must_name_an_axis() {
        let read = |skip: &str| {
            Experiment::read(
                "x.toml",
                &format!(
                    "title = 't'\npublished = 'p'\ndiffers = 'd'\nskip = [{skip}]
                    [run]\nduration = '1s'\nworkload = 'simple {{a}} {{b}}'
                    [[axis]]\nname = 'a'\nvalues = [1, 2]\n[[axis]]\nname = 'b'\nvalues = [3, 4, 5]"
                ),
            )
        };
        let points = read("{ a = '2', b = '3 | 5' }").unwrap().points(Extent::Full).unwrap();
        let left: Vec<_> = points.iter().map(|point| point.run.workload.as_str()).collect();
        assert_eq!(left, ["simple 1 3", "simple 1 4", "simple 1 5", "simple 2 4"]);
        let error = read("{ c = '2' }").unwrap_err().to_string();
        assert!(error.contains("there is no axis `c`"), "{error}");
    }

    #[test]
    fn an_axis_that_is_not_there_and_a_knob_out_of_range_are_refused_with_their_file() {
        let text = |run: &str| {
            format!("title = 't'\npublished = 'p'\ndiffers = 'd'\n[run]\nduration = '1s'\n{run}\n")
        };
        let refused = |run: &str| Experiment::read("x.toml", &text(run)).unwrap_err().to_string();
        let axis = refused("workload = 'simple {n}'");
        assert!(axis.contains("x.toml") && axis.contains("{n}"), "{axis}");
        let knob = refused("workload = 'simple'\nscheduler = { depth = 9 }");
        assert!(knob.contains("scheduler.depth") && knob.contains('9'), "{knob}");
        let key = refused("workload = 'simple'\ngpu = 2");
        assert!(key.contains("gpu"), "{key}");
        assert!(
            Experiment::read("x.toml", "title = [").unwrap_err().to_string().contains("x.toml")
        );
    }
}
